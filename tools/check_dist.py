"""Builds the three packages and tries them as they would be published.

- An sdist holds the sources, the tests, the changelog and the licence, and a wheel built from it is
  the same as the one built from the checkout.
- A wheel that was compiled says for which Pythons and machines it is.
- The three wheels install together where nothing else is, and work there.

Run from anywhere: `python tools/check_dist.py`. It wants `hatch` and git on the PATH.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

# What would make the commands here believe that they are in another environment.
FOREIGN = {"HATCH_ENV", "HATCH_ENV_ACTIVE", "PYTHONPATH", "VIRTUAL_ENV"}
ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {
    "ws-core": "ws_core",
    "trio-websocket": "trio_websocket",
    "ws-tools": "ws_tools",
}
# How the names of compiled modules end.
COMPILED = (".pyd", ".so")
# What a package's checkout has is in its sdist, and these two beside it.
MADE = {".gitignore", "PKG-INFO"}


def run(*command: str | Path, folder: Path) -> str:
    """What a command prints; its errors end up on the terminal.

    Raises:
        subprocess.CalledProcessError: if it fails.
    """
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return done.stdout


def check_sdist(package: str, sdist: Path) -> None:
    """Compare what an sdist holds with what git knows of the package."""
    folder = ROOT / "packages" / package
    tracked = set(run("git", "ls-files", folder=folder).split())
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()} - MADE
    if held != tracked:
        sys.exit(f"{sdist.name}: missing {tracked - held}, unexpected {held - tracked}")
    tests = sum(name.startswith("tests/test_") for name in held)
    print(f"{sdist.name}: {len(held)} files, {tests} of them tests")


def check_wheel(package: str, wheel: Path, rebuilt: Path) -> None:
    """Compare a wheel with the one that was built from its sdist."""
    with ZipFile(wheel) as ours, ZipFile(rebuilt) as theirs:
        names = set(ours.namelist())
        if names != set(theirs.namelist()) or any(ours.read(n) != theirs.read(n) for n in names):
            sys.exit(f"{wheel.name}: not what its sdist makes")
    strange = {name for name in names if name.split("/")[0].split("-")[0] != PACKAGES[package]}
    if strange or f"{PACKAGES[package]}/py.typed" not in names:
        sys.exit(f"{wheel.name}: strange files {strange}, or no py.typed")
    compiled = {name for name in names if name.endswith(COMPILED)}
    if bool(compiled) is wheel.name.endswith("-none-any.whl"):
        sys.exit(f"{wheel.name}: holds {compiled or 'nothing compiled'}")
    print(f"{wheel.name}: {len(names)} files, the same from its sdist")


def try_wheels(wheels: list[Path], folder: Path) -> None:
    """Install the wheels into an empty environment, and use them there."""
    venv.create(folder / "venv", with_pip=True)
    scripts = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    python = scripts / "python"
    pip: list[str | Path] = [python, "-m", "pip", "--disable-pip-version-check"]
    run(*pip, "install", "--quiet", *wheels, folder=folder)
    run(*pip, "check", folder=folder)
    for import_name in PACKAGES.values():
        show = f"import {import_name} as it; print(it.__name__, it.__version__, it.__file__)"
        name, version, path = run(python, "-c", show, folder=folder).split(maxsplit=2)
        if "site-packages" not in path:
            sys.exit(f"{name} was imported from {path}")
        print(f"{name} {version} is installed")
    accelerated = any("-abi3-" in wheel.name for wheel in wheels)
    show = "import ws_core; print(ws_core.ACCELERATED)"
    if run(python, "-c", show, folder=folder).strip() != str(accelerated):
        sys.exit(f"the accelerator is {'not ' * accelerated}used")
    print(run(scripts / "ws-tools", "--version", folder=folder).strip())
    print(run(python, "-m", "ws_tools.demo", folder=folder), end="")


def main() -> None:
    """Build, check, install, try."""
    with TemporaryDirectory(prefix="dist-") as scratch:
        folder = Path(scratch)
        run("hatch", "build", "--all", folder / "dist", folder=ROOT)
        wheels = []
        for package, name in PACKAGES.items():
            (sdist,) = (folder / "dist").glob(f"{name}-*.tar.gz")
            (wheel,) = (folder / "dist").glob(f"{name}-*.whl")
            check_sdist(package, sdist)
            again = folder / "again"
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
            run(*pip, "wheel", "--no-deps", "--wheel-dir", again, sdist, folder=folder)
            check_wheel(package, wheel, again / wheel.name)
            wheels.append(wheel)
        try_wheels(wheels, folder)


if __name__ == "__main__":
    main()
