"""Who is measured: each library at a pinned version, in an environment of its own."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGES = HERE.parent / "packages"
# They come and go with the virtual environment that we run in.
ENVIRONMENTS = Path(sys.prefix) / "bench"
TRIO = "trio==0.35.0"
WEBSOCKETS = "websockets==17.4"
AIOHTTP = "aiohttp==3.14.5"
PICOWS = "picows==2.3.1"
UVLOOP = "uvloop==0.23.0"

# What an editable install builds once, and a change must build anew.
_BUILT_FROM = ("pyproject.toml", "hatch_build.py", "**/*.c", "**/*.h")


@dataclass(frozen=True)
class Environment:
    """A virtual environment.

    Attributes:
        name: The name of its folder.
        requirements: What pip installs.
        options: What else pip is told.
        variables: The environment variables that it is installed with.
        built_from: The folders whose C sources it is built from.
    """

    name: str
    requirements: tuple[str, ...]
    options: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    built_from: tuple[Path, ...] = ()

    def python(self) -> str:
        """Its Python; the environment is made if it is not there as it should be."""
        folder = ENVIRONMENTS / self.name
        stamp = folder / "stamp.txt"
        scripts = folder / ("Scripts" if sys.platform == "win32" else "bin")
        wanted = self.stamp()
        if not stamp.exists() or stamp.read_text() != wanted:
            print(f"Making an environment: {self.name} ...", file=sys.stderr)
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder, with_pip=True)
            pip = [str(scripts / "python"), "-m", "pip", "--disable-pip-version-check"]
            install = [*pip, "install", "-qq", *self.options, *self.requirements]
            subprocess.run(install, check=True, env={**os.environ, **self.variables})
            stamp.write_text(wanted)
        return str(scripts / "python")

    def stamp(self) -> str:
        """All that decides what is installed, and how."""
        variables = (f"{name}={value}" for name, value in self.variables.items())
        return "\n".join([*variables, *self.options, *self.requirements, *self._sources()])

    def _sources(self) -> list[str]:
        paths = (
            path
            for folder in self.built_from
            for pattern in _BUILT_FROM
            for path in sorted(folder.glob(pattern))
        )
        return [f"{path} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in paths]


@dataclass(frozen=True)
class Peer:
    """A library, and how to measure it.

    Attributes:
        name: What the tables call it.
        module: The module beside this file that knows the library.
        environment: Where it is installed.
        variables: The environment variables that it is run with.
        quick: Whether it takes part in a quick run.
        accelerated: Whether its C has to run; None if that is nobody's choice.
    """

    name: str
    module: str
    environment: Environment
    variables: Mapping[str, str] = field(default_factory=dict)
    quick: bool = True
    accelerated: bool | None = None

    @property
    def requirements(self) -> tuple[str, ...]:
        """What pip installs for it."""
        return self.environment.requirements

    def python(self) -> str:
        """The Python of its environment, which is made if it is not there as it should be."""
        return self.environment.python()


_OURS = Environment(
    "ours",
    (TRIO, f"--editable={PACKAGES / 'ws-core'}", f"--editable={PACKAGES / 'trio-websocket'}"),
    built_from=(PACKAGES / "ws-core", PACKAGES / "trio-websocket"),
)
_TRIO = Environment("trio", (TRIO,))
_WEBSOCKETS = Environment("websockets", (TRIO, WEBSOCKETS))
_WEBSOCKETS_WITHOUT_C = Environment(
    "websockets-without-c",
    (TRIO, WEBSOCKETS),
    # The wheels have it; its setup.py asks this variable whether to compile it.
    options=("--no-binary=websockets", "--no-cache-dir"),
    variables={"BUILD_EXTENSION": "no"},
)
_WEBSOCKETS_UVLOOP = Environment("websockets-uvloop", (WEBSOCKETS, UVLOOP))

OURS = Peer("ours", "with_trio_websocket", _OURS, accelerated=True)
PURE = Peer(
    "ours, pure Python", "with_trio_websocket", _OURS, {"WS_CORE_PURE": "1"}, accelerated=False
)
OLD = Peer(
    "trio-websocket 0.12.2",
    "with_trio_websocket",
    Environment("trio-websocket", (TRIO, "trio-websocket==0.12.2")),
)
WEBSOCKETS_TRIO = Peer(
    "websockets 17.4, trio", "with_websockets_trio", _WEBSOCKETS, accelerated=True
)
WEBSOCKETS_TRIO_WITHOUT_C = Peer(
    "websockets 17.4, trio, no C", "with_websockets_trio", _WEBSOCKETS_WITHOUT_C, accelerated=False
)
WEBSOCKETS_ASYNCIO = Peer(
    "websockets 17.4, asyncio", "with_websockets_asyncio", _WEBSOCKETS, accelerated=True
)
WEBSOCKETS_UVLOOP = Peer(
    "websockets 17.4, uvloop",
    "with_websockets_asyncio",
    _WEBSOCKETS_UVLOOP,
    quick=False,
    accelerated=True,
)
AIOHTTP_ASYNCIO = Peer("aiohttp 3.14.5", "with_aiohttp", Environment("aiohttp", (AIOHTTP,)))
AIOHTTP_UVLOOP = Peer(
    "aiohttp 3.14.5, uvloop",
    "with_aiohttp",
    Environment("aiohttp-uvloop", (AIOHTTP, UVLOOP)),
    quick=False,
)
PICOWS_ASYNCIO = Peer("picows 2.3.1", "with_picows", Environment("picows", (PICOWS,)), quick=False)
PICOWS_UVLOOP = Peer(
    "picows 2.3.1, uvloop",
    "with_picows",
    Environment("picows-uvloop", (PICOWS, UVLOOP)),
    quick=False,
)
BARE_TRIO = Peer("bare Trio streams", "with_bare_trio", _TRIO)
ZLIB = Peer("zlib alone", "with_zlib", _TRIO)

PEERS = (
    PURE,
    OLD,
    WEBSOCKETS_TRIO,
    WEBSOCKETS_TRIO_WITHOUT_C,
    WEBSOCKETS_ASYNCIO,
    WEBSOCKETS_UVLOOP,
    AIOHTTP_ASYNCIO,
    AIOHTTP_UVLOOP,
    PICOWS_ASYNCIO,
    PICOWS_UVLOOP,
    BARE_TRIO,
    ZLIB,
)
