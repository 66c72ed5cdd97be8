"""Says whether a tag may be released, and which package it means.

`python tools/check_tag.py ws-core-v0.2.0` prints `ws-core` if that package has this version, and a
chapter about it in its changelog; otherwise it says what is wrong, and fails.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSION_FILES = {
    "ws-core": "src/ws_core/_version.py",
    "trio-websocket": "src/trio_websocket/_version.py",
    "ws-tools": "src/ws_tools/_version.py",
}


class BadTagError(Exception):
    """The tag may not be released; the text says why."""


def package_of(tag: str, packages: Path = ROOT / "packages") -> str:
    """The package that a tag releases.

    Raises:
        BadTagError: if the tag, the package's version and its changelog do not agree.
    """
    package, _, wanted = tag.rpartition("-v")
    if package not in VERSION_FILES:
        raise BadTagError(f"{tag} is no PACKAGE-vVERSION of {', '.join(VERSION_FILES)}")
    folder = packages / package
    found = re.search(
        r'"(.+)"', (folder / VERSION_FILES[package]).read_text(encoding="utf-8").splitlines()[-1]
    )
    version = found[1] if found else None
    if version != wanted:
        raise BadTagError(f"{tag}: the version of {package} is {version}")
    chapters = re.findall(
        r"^## (.+)$", (folder / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    if not any(re.fullmatch(rf"{re.escape(wanted)} \(\d{{4}}-\d\d-\d\d\)", c) for c in chapters):
        raise BadTagError(
            f"{tag}: the changelog has no chapter '{wanted} (YYYY-MM-DD)': {chapters}"
        )
    return package


def main(arguments: list[str]) -> int:
    """Check the tag that the command line names."""
    if len(arguments) != 1:
        print("usage: python tools/check_tag.py TAG", file=sys.stderr)
        return 2
    try:
        print(package_of(arguments[0]))
    except BadTagError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
