from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from check_imports import check

if TYPE_CHECKING:
    from pathlib import Path

FOLDERS = {"ws_core": "ws-core", "trio_websocket": "trio-websocket", "ws_tools": "ws-tools"}


def write(sources: Path, modules: dict[str, str]) -> None:
    """Lay out `modules` ("package/room" to text) and the doors that are missing."""
    doors = dict.fromkeys([f"{package}/__init__" for package in FOLDERS], "")
    for name, text in (doors | modules).items():
        folder = FOLDERS[name.partition("/")[0]]
        path = sources / folder / "src" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("ws_core/_a", "import struct, wsproto.events\nfrom h11 import Request"),
        ("ws_core/_a", "import timeit"),
        ("ws_core/_a", "from . import __version__\nfrom ._b import x"),
        ("trio_websocket/_a", "import ssl, trio\nfrom ws_core import Connection, __version__"),
        ("ws_tools/_a", "import trio_websocket, ws_core"),
    ],
)
def test_what_is_allowed(tmp_path: Path, module: str, text: str) -> None:
    write(tmp_path, {module: text, "ws_core/_b": "x = 1"})

    assert check(tmp_path) == []


@pytest.mark.parametrize(
    ("module", "text", "fault"),
    [
        ("ws_core/_a", "import time", "ws_core must not import time"),
        ("ws_core/_a", "from ssl import SSLContext", "ws_core must not import ssl"),
        ("ws_core/_a", "def f():\n    import trio", "ws_core must not import trio"),
        ("ws_core/_a", "import trio_websocket", "ws_core must not import trio_websocket"),
        ("trio_websocket/_a", "import wsproto.events", "trio_websocket must not import wsproto"),
        ("ws_tools/_a", "from h11 import Request", "ws_tools must not import h11"),
        ("trio_websocket/_a", "from ws_core._b import x", "import from ws_core itself"),
        ("trio_websocket/_a", "from ws_core import _b", "import from ws_core itself"),
        ("trio_websocket/_a", "import ws_core._b", "import from ws_core itself"),
        ("ws_tools/_a", "import trio_websocket._impl", "import from trio_websocket itself"),
        ("ws_core/_a", "from ws_core._b import x", "inside ws_core imports are relative"),
        ("ws_core/_a", "import ws_core", "inside ws_core imports are relative"),
    ],
)
def test_what_is_not(tmp_path: Path, module: str, text: str, fault: str) -> None:
    write(tmp_path, {module: text, "ws_core/_b": "x = 1"})

    [found] = check(tmp_path)

    line = 1 + text.partition("import")[0].count("\n")
    assert f"{module}.py:{line}: {fault}" in found


def test_a_cycle(tmp_path: Path) -> None:
    write(tmp_path, {"ws_core/_a": "from ._b import x", "ws_core/_b": "from . import _a"})

    [found] = check(tmp_path)

    assert found.startswith("import cycle: ")
    assert "ws_core._a imports ws_core._b" in found
    assert "ws_core._b imports ws_core._a" in found


def test_a_cycle_through_the_door(tmp_path: Path) -> None:
    write(tmp_path, {"ws_core/__init__": "from ._a import x", "ws_core/_a": "from . import y"})

    [found] = check(tmp_path)

    assert "ws_core imports ws_core._a" in found


def test_types_alone_make_no_cycle(tmp_path: Path) -> None:
    guarded = "if TYPE_CHECKING:\n    from ._a import y"
    write(tmp_path, {"ws_core/_a": "from ._b import x", "ws_core/_b": guarded})

    assert check(tmp_path) == []


def test_types_are_held_to_the_other_rules(tmp_path: Path) -> None:
    write(tmp_path, {"ws_core/_a": "if TYPE_CHECKING:\n    import trio"})

    [found] = check(tmp_path)

    assert "ws_core must not import trio" in found
