"""The verdict: nothing that was measured is overlooked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from .script import Script
from .trial import Report
from .verdict import faults
from .wire import MIB, Heard, Hearing, in_words


async def nothing(_: object) -> str:  # noqa: ASYNC124 - attacks are async
    return "close 1002"


SCRIPT = Script(
    name="one",
    what="It does.",
    attack=nothing,
    expects="close 1002",
    memory=2 * MIB,
    cpu=1,
    cpu_per_mib=0.5,
    logged=1,
)
GOOD = Report(
    outcome="close 1002",
    wire=4 * MIB,
    cpu=2.9,
    memory=2 * MIB,
    tasks=0,
    descriptors=0,
    logged=["once"],
    errors="",
    exits=(0, 0),
    echoes=1,
    p99=1e6,
    slowest=1e6,
)


def test_good_report() -> None:
    assert faults(SCRIPT, GOOD) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"outcome": "close 1009"},
        {"outcome": "1 x text, close 1002"},
        {"wire": 3 * MIB},
        {"cpu": 3.1},
        {"memory": 2 * MIB + 1},
        {"tasks": 1},
        {"tasks": -1},
        {"descriptors": 1},
        {"logged": ["once", "twice"]},
        {"errors": "Traceback"},
        {"exits": (1, 0)},
        {"exits": (0, 1)},
    ],
    ids=str,
)
def test_bad_report(changed: dict[str, Any]) -> None:
    assert len(faults(SCRIPT, replace(GOOD, **changed))) == 1


def hearing(data: bytes) -> list[Heard]:
    """What is heard, byte by byte."""
    found, hearing = [], Hearing()
    for byte in data:
        hearing.data.append(byte)
        while heard := hearing.next():
            found.append(heard)
    return found


def test_what_is_heard() -> None:
    answer = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
    frames = b"\x81\x00\x81\x01a\x8a\x00\xc2\x7e\x00\x80" + bytes(128) + b"\x88\x03\x03\xe9x"
    heard = hearing(answer + frames)
    assert in_words(heard) == "HTTP 101, 2 x text, 1 x pong, 1 x binary, close 1001"
    assert heard[-2:] == [Heard("binary", None, bytes(128), True), Heard("close", 1001, b"x")]


def test_words_for_little() -> None:
    assert in_words([]) == "nothing"
    assert in_words(hearing(b"HTTP/1.1 400 Bad Request\r\n\r\n\x81\x00")) == "HTTP 400"
    assert in_words([Heard("close")]) == "close without a code"
