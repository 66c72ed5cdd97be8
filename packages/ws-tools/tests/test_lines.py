from __future__ import annotations

import io

import pytest

from ws_tools._lines import Lines


class Pieces(io.BytesIO):
    """A file of which each read gives the next piece."""

    def __init__(self, *pieces: bytes) -> None:
        super().__init__()
        self._pieces = list(pieces)

    def read(self, size: int | None = -1) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([], []),
        ([b"\n"], [""]),
        ([b"a\nb\r\n\nc"], ["a", "b", "", "c"]),
        ([b"a", b"b", b"c\nd", b"\n"], ["abc", "d"]),
        ([b"\xc3", b"\xbc\r", b"\n"], ["ü"]),
        ([b"a\rb\n"], ["a\rb"]),
    ],
)
async def test_lines(pieces: list[bytes], lines: list[str]) -> None:
    assert [line async for line in Lines(Pieces(*pieces))] == lines


async def test_a_line_that_is_not_utf_8_is_told_by_its_number() -> None:
    lines = Lines(Pieces(b"good\n\xff\n"))
    assert await anext(lines) == "good"
    with pytest.raises(UnicodeDecodeError):
        await anext(lines)
    assert lines.number == 2
