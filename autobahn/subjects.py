"""Who is tested: our packages as they stand here, and peers in environments of their own."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import library

HERE = Path(__file__).resolve().parent
# What the benchmarks know of the peers is known once: their versions, and how they are installed.
sys.path.append(str(HERE.parent / "benchmarks"))

from peers import PEERS, Peer  # noqa: E402 - found only after the line above


@dataclass(frozen=True)
class Tls:
    """The files that TLS takes."""

    ca: Path
    certificate: Path
    key: Path

    def trust(self) -> ssl.SSLContext:
        """How to speak to a server with this certificate."""
        return ssl.create_default_context(cafile=self.ca)


@dataclass(frozen=True)
class Subject:
    """A library under test.

    Attributes:
        name: On the command line, and of its folder of reports.
        title: What results call it.
        library: Its name in `library.LIBRARIES`.
        peer: How to install it; None for what is installed where we run.
    """

    name: str
    title: str
    library: str
    peer: Peer | None = None

    def server(self, tls: Tls | None) -> list[str]:
        """The command of its echo server, which prints its URL."""
        words = ["--tls", str(tls.certificate), str(tls.key)] if tls else []
        return self._command("server.py", "--port", "0", *words)

    def client(self, url: str, tls: Tls | None, first: int) -> list[str]:
        """The command of its echo client, which goes through the cases of the suite's server.

        Args:
            url: Of that server.
            first: The number of the case to begin with, counted from 1.
        """
        words = ["--ca", str(tls.ca)] if tls else []
        return self._command("client.py", url, "--first", str(first), *words)

    def versions(self) -> dict[str, str]:
        """The versions of what it is made of, by name."""
        command = [self._python(), str(HERE / "versions.py")]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        versions: dict[str, str] = json.loads(said)
        return versions

    def _command(self, program: str, *words: str) -> list[str]:
        return [self._python(), str(HERE / program), "--library", self.library, *words]

    def _python(self) -> str:
        return self.peer.python() if self.peer else sys.executable


OURS = Subject("ours", "ours", library.OURS)
# As the benchmarks call them, and who speaks to them here.
_LIBRARIES = {
    "trio-websocket 0.12.2": "trio_websocket_0_12",
    "websockets 17.4, trio": "websockets_trio",
    "websockets 17.4, asyncio": "websockets_asyncio",
}
OTHERS = tuple(
    Subject(module.replace("_", "-"), peer.name, module, peer)
    for peer in PEERS
    if (module := _LIBRARIES.get(peer.name))
)
SUBJECTS = {subject.name: subject for subject in (OURS, *OTHERS)}
