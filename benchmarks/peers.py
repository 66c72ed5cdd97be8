"""Who is measured: each library at a pinned version, in an environment of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGES = HERE.parent / "packages"
# They come and go with the virtual environment that we run in.
ENVIRONMENTS = Path(sys.prefix) / "bench"
TRIO = "trio==0.35.0"


@dataclass(frozen=True)
class Peer:
    """A library, and how to measure it.

    Attributes:
        module: The module beside this file that knows the library.
        requirements: What pip installs for it.
    """

    name: str
    module: str
    requirements: tuple[str, ...]

    def python(self) -> str:
        """The Python of its environment, which is made if it is not there as it should be."""
        folder = ENVIRONMENTS / self.name.replace(" ", "-")
        stamp = folder / "requirements.txt"
        wanted = "\n".join(self.requirements)
        scripts = folder / ("Scripts" if sys.platform == "win32" else "bin")
        if not stamp.exists() or stamp.read_text() != wanted:
            print(f"Making an environment with {self.name} ...", file=sys.stderr)
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder, with_pip=True)
            pip = [str(scripts / "python"), "-m", "pip", "--disable-pip-version-check"]
            subprocess.run([*pip, "install", "-qq", *self.requirements], check=True)
            stamp.write_text(wanted)
        return str(scripts / "python")


OURS = Peer(
    "ours",
    "with_trio_websocket",
    (TRIO, f"--editable={PACKAGES / 'ws-core'}", f"--editable={PACKAGES / 'trio-websocket'}"),
)
PEERS = (
    Peer("trio-websocket 0.12.2", "with_trio_websocket", (TRIO, "trio-websocket==0.12.2")),
    Peer("websockets 17.4, trio", "with_websockets_trio", (TRIO, "websockets==17.4")),
    Peer("websockets 17.4, asyncio", "with_websockets_asyncio", ("websockets==17.4",)),
    Peer("aiohttp 3.14.5", "with_aiohttp", ("aiohttp==3.14.5",)),
    Peer("bare Trio streams", "with_bare_trio", (TRIO,)),
)
