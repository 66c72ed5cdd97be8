"""Whom we meet: the rows of the table."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from scenarios import LARGE_FRAGMENTED, Scenario

HERE = Path(__file__).resolve().parent
WS = "8.23.0"
# It comes and goes with the virtual environment that we run in.
NODE_FOLDER = Path(sys.prefix) / "interop"
# Seconds until npm must have installed it, and until a browser must have told its version.
INSTALL_TIMEOUT = 60
VERSION_TIMEOUT = 20


class NotInstalledError(Exception):
    """A peer is not there; the text says what is missing."""


@dataclass(frozen=True)
class Program:
    """A peer that is there.

    Attributes:
        command: What runs it; its task is to be added.
        version: Its name and version, for the report.
        environment: Variables that it needs.
    """

    command: tuple[str, ...]
    version: str
    environment: Mapping[str, str] = field(default_factory=dict)


def python(*words: str, distributions: tuple[str, ...]) -> Program:
    """A Python library, by the module beside this file that knows it."""
    try:
        versions = ", ".join(f"{name} {version(name)}" for name in distributions)
    except PackageNotFoundError as error:
        raise NotInstalledError(f"{error.name} is not installed") from error
    return Program((sys.executable, str(HERE / "peer.py"), *words), versions)


def node() -> Program:
    """ws, which npm installs the first time."""
    for name in ("node", "npm"):
        if shutil.which(name) is None:
            raise NotInstalledError(f"there is no {name} on the PATH")
    modules = NODE_FOLDER / f"ws-{WS}" / "node_modules"
    if not modules.exists():
        _npm_install(f"ws@{WS}", modules.parent)
    runtime = _output("node", "--version")
    command = (str(shutil.which("node")), str(HERE / "peer_ws.js"))
    return Program(command, f"ws {WS}, Node.js {runtime}", {"NODE_PATH": str(modules)})


def _npm_install(package: str, folder: Path) -> None:
    print(f"Installing {package} ...", file=sys.stderr)
    folder.mkdir(parents=True, exist_ok=True)
    npm = [str(shutil.which("npm")), "install", "--no-save", "--ignore-scripts", "--silent"]
    try:
        subprocess.run(
            [*npm, "--prefix", str(folder), package],
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=INSTALL_TIMEOUT,
        )
    except (subprocess.SubprocessError, OSError) as error:
        shutil.rmtree(folder, ignore_errors=True)  # half of it is as bad as nothing
        raise NotInstalledError(f"npm could not install {package}") from error


def chromium() -> Program:
    """The browser."""
    if shutil.which("chromium") is None:
        raise NotInstalledError("there is no chromium on the PATH")
    name = _output("chromium", "--version").partition(" built")[0]
    return Program((sys.executable, str(HERE / "peer.py"), "peer_chromium"), name)


def _output(program: str, argument: str) -> str:
    """What a program says about itself."""
    path = str(shutil.which(program))
    try:
        return subprocess.run(
            [path, argument],
            check=True,
            capture_output=True,
            text=True,
            timeout=VERSION_TIMEOUT,
        ).stdout.strip()
    except (subprocess.SubprocessError, OSError) as error:
        raise NotInstalledError(f"{program} {argument} fails") from error


@dataclass(frozen=True)
class Counterpart:
    """A row, or two.

    Attributes:
        find: Says what runs it, or raises `NotInstalledError`.
        roles: What it can be, with our other end.
        cannot: Why a scenario, by its title, can't be done with it.
        instead: What is done in place of a scenario, by its title.
        notes: What is to be said of a scenario, by its title, that went well.
        tells_its_end: Whether a server's application is told what the client closed with. If not,
            the server's answer, which repeats it, has to do.
    """

    name: str
    find: Callable[[], Program]
    roles: tuple[str, ...] = ("server", "client")
    cannot: Mapping[str, str] = field(default_factory=dict)
    instead: Mapping[str, Scenario] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    tells_its_end: bool = True


ASGI = {"fragmented": "ASGI has no fragments"}

COUNTERPARTS = (
    Counterpart(
        "websockets, asyncio",
        partial(python, "peer_websockets_asyncio", distributions=("websockets",)),
    ),
    Counterpart(
        "websockets, Trio",
        partial(python, "peer_websockets_trio", distributions=("websockets", "trio")),
    ),
    Counterpart(
        "aiohttp",
        partial(python, "peer_aiohttp", distributions=("aiohttp",)),
        cannot={"fragmented": "aiohttp sends each message in one frame"},
    ),
    Counterpart(
        "wsproto, raw",
        partial(python, "peer_wsproto", distributions=("wsproto",)),
    ),
    Counterpart(
        "websocket-client",
        partial(python, "peer_websocket_client", distributions=("websocket-client",)),
        roles=("client",),
        cannot={"compressed": "websocket-client knows no extensions"},
    ),
    Counterpart(
        "uvicorn, websockets",
        partial(
            python, "peer_uvicorn", "websockets-sansio", distributions=("uvicorn", "websockets")
        ),
        roles=("server",),
        cannot=ASGI,
    ),
    Counterpart(
        "uvicorn, wsproto",
        partial(python, "peer_uvicorn", "wsproto", distributions=("uvicorn", "wsproto")),
        roles=("server",),
        cannot=ASGI,
    ),
    Counterpart(
        "hypercorn",
        partial(python, "peer_hypercorn", distributions=("hypercorn", "wsproto")),
        roles=("server",),
        cannot=ASGI,
        notes={
            "we close": "hypercorn tells its application 1006 whatever it was closed with, by any "
            "client (hypercorn #127); that it got code and reason is seen in its answer",
        },
        tells_its_end=False,
    ),
    Counterpart("ws", node),
    Counterpart(
        "Chromium",
        chromium,
        roles=("client",),
        instead={"fragmented": LARGE_FRAGMENTED},
        notes={"fragmented": "pages can't cut messages nor send pings; Chromium cuts large ones"},
    ),
)
