from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ws_core._window import Window


@given(st.integers(1, 40), st.lists(st.tuples(st.binary(max_size=50), st.booleans())))
def test_it_holds_the_last_bytes(size: int, parts: list[tuple[bytes, bool]]) -> None:
    window, whole = Window(size), b""
    for data, compact in parts:
        window.add(data)
        whole += data
        if compact:
            window.compact()
        assert bytes(window) == whole[-size:]


@pytest.mark.parametrize("part", [b"", b"x", b"x" * 100, b"x" * 5000])
def test_it_holds_no_more_than_it_must(part: bytes) -> None:
    parts = [bytes(bytearray(part)) for _ in range(10_000)]
    window = Window(4096)
    tracemalloc.start()
    try:
        for data in parts:
            window.add(data)
        assert tracemalloc.get_traced_memory()[0] < 4096 + 2048
    finally:
        tracemalloc.stop()
