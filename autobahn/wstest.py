"""Where Autobahn's test suite is on this machine: it runs on Python 2.7 alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("wstest-requirements.txt")
# Makes the suite twice as fast, and wants a C compiler.
ACCELERATOR = "wsaccel==0.6.6"
IMAGE = "crossbario/autobahn-testsuite"
# It comes and goes with the virtual environment that we run in; Python 2.7 itself stays as it is.
INSTALLED = Path(sys.prefix) / "wstest"
LAUNCH = (
    "import site, sys; site.addsitedir(sys.argv.pop(1)); "
    "from autobahntestsuite import wstest; wstest.run()"
)

NOTHING_FOUND = f"""\
Autobahn's test suite was not found. One of these will do:
- its command `wstest`, on the PATH or given with --wstest;
- a Python 2.7 with pip, on the PATH or in pyenv (`pyenv install 2.7.18`): the suite is then
  installed for it, into {INSTALLED};
- Docker on Linux, with a running engine: the image {IMAGE} is used."""


class WstestNotFoundError(Exception):
    """There is no way to run the suite here; the text says what to install."""


def find_wstest(path: str | None, folder: Path) -> list[str]:
    """The command that runs `wstest`, to which its arguments are appended.

    Args:
        path: What the user named, if anything.
        folder: Where specifications and reports will be.

    Raises:
        WstestNotFoundError: if there is none.
    """
    if path is not None:
        if shutil.which(path) is None:
            raise WstestNotFoundError(f"--wstest: {path} is not a program")
        return [path]
    ways: tuple[Callable[[Path], list[str] | None], ...] = (_on_path, _python27, _docker)
    for way in ways:
        if command := way(folder):
            return command
    raise WstestNotFoundError(NOTHING_FOUND)


def _on_path(_: Path) -> list[str] | None:
    found = shutil.which("wstest")
    return [found] if found else None


def _python27(_: Path) -> list[str] | None:
    for python in _pythons():
        if _works([python, "-m", "pip", "--version"]):
            if not INSTALLED.exists():
                _install(python)
            return [python, "-W", "ignore", "-c", LAUNCH, str(INSTALLED)]
    return None


def _pythons() -> Iterator[str]:
    if found := shutil.which("python2.7"):
        yield found
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from map(str, pyenv.glob("versions/2.7.*/bin/python2.7"))


def _install(python: str) -> None:
    print(f"Installing Autobahn's test suite for {python} into {INSTALLED} ...", file=sys.stderr)
    unfinished = INSTALLED.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    options = ["--disable-pip-version-check", "-qq", "--no-deps", "--target", str(unfinished)]
    pip = [python, "-W", "ignore", "-m", "pip", "install", *options]
    subprocess.run([*pip, "--requirement", str(REQUIREMENTS)], check=True)
    if not _works([*pip, ACCELERATOR]):
        print(f"{ACCELERATOR} could not be built: the suite runs without it.", file=sys.stderr)
    unfinished.rename(INSTALLED)


def _docker(folder: Path) -> list[str] | None:
    docker = shutil.which("docker") if sys.platform == "linux" else None  # for the host's network
    if docker is None or not _works([docker, "info"]):
        return None
    # The folder has the same name inside, what is written there is ours, the ports are the host's.
    place = ["--volume", f"{folder}:{folder}", "--workdir", str(folder), "--network", "host"]
    user = f"{os.getuid()}:{os.getgid()}"
    return [docker, "run", "--rm", "--init", "--user", user, *place, IMAGE, "wstest"]


def suite_version(log: str) -> str:
    """The version of the suite, by what it said when it started; empty if it did not say."""
    found = re.search(r"Testsuite Version ([\d.]+)|WebSocket ([\d.]+)/", log)
    return (found[1] or found[2]) if found else ""


def _works(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
