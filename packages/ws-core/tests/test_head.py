from __future__ import annotations

import math

import pytest

from ws_core import Connection, Limits, Requested, Role
from ws_core._head import HandshakeViolation, HeadReader

from .two_ends import REQUEST, hear, said

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n"


class Stream:
    """A head reader, and the buffer in front of it."""

    def __init__(self, limits: Limits) -> None:
        self.buffer = bytearray()
        self._reader = HeadReader(self.buffer, limits)

    def feed(self, data: bytes) -> bytes | None:
        self.buffer += data
        return self._reader.next_head()


def refusal(limits: Limits, data: bytes, step: int) -> int | None:
    """With which status a reader refuses `data`, fed in pieces of `step` bytes."""
    stream = Stream(limits)
    for start in range(0, len(data), step):
        try:
            stream.feed(data[start : start + step])
        except HandshakeViolation as error:
            return error.status_code
    return None


@pytest.mark.parametrize("step", [1, 2, 3, 5, len(HEAD) - 1, len(HEAD)])
def test_head_ends_with_its_blank_line_however_it_arrives(step: int) -> None:
    stream = Stream(Limits())
    pieces = [HEAD[start : start + step] for start in range(0, len(HEAD), step)]
    for piece in pieces[:-1]:
        assert stream.feed(piece) is None
    assert stream.buffer == b"".join(pieces[:-1])
    assert stream.feed(pieces[-1]) == HEAD
    assert not stream.buffer


@pytest.mark.parametrize("rest", [b"x", b"\n", b"\r\n\r\n", b"\x81\x80\r\n \x00"])
def test_what_comes_behind_the_head_is_kept_as_it_is(rest: bytes) -> None:
    stream = Stream(Limits())
    assert stream.feed(HEAD + rest) == HEAD
    assert stream.buffer == rest


def test_one_head_comes_after_another() -> None:
    stream = Stream(Limits(head=len(HEAD), header_lines=3))
    assert stream.feed(HEAD) == HEAD
    assert stream.feed(HEAD[:20]) is None
    assert stream.feed(HEAD[20:]) == HEAD


@pytest.mark.parametrize("step", [1, 7, 10**6])
def test_head_is_bounded_in_bytes(step: int) -> None:
    size = len(HEAD)
    assert refusal(Limits(head=size + 1), HEAD, step) is None
    assert refusal(Limits(head=size), HEAD + b"rest", step) is None
    assert refusal(Limits(head=size - 1), HEAD, step) == 431
    assert refusal(Limits(head=size), b"x" * size, step) is None
    assert refusal(Limits(head=size), b"x" * (size + 1), step) == 431


@pytest.mark.parametrize("step", [1, 7, 10**6])
def test_head_is_bounded_in_lines(step: int) -> None:
    assert refusal(Limits(header_lines=4), HEAD, step) is None
    assert refusal(Limits(header_lines=3), HEAD, step) is None
    assert refusal(Limits(header_lines=2), HEAD, step) == 431
    assert refusal(Limits(header_lines=2), b"a\r\n" * 3, step) is None
    assert refusal(Limits(header_lines=2), b"a\r\n" * 4, step) == 431


def test_head_may_be_unbounded() -> None:
    stream = Stream(Limits(head=math.inf, header_lines=math.inf))
    head = b"a: b\r\n" * 100_000 + b"\r\n"
    assert stream.feed(head[:-1]) is None
    assert stream.feed(head[-1:]) == head


@pytest.mark.parametrize("step", [1, 2, 3, 10**6])
@pytest.mark.parametrize(
    "head",
    [
        HEAD.replace(b"\r\n", b"\n"),
        HEAD.replace(b"\r\n", b"\r"),
        HEAD.replace(b"\r\nX", b"\nX"),
        HEAD.replace(b"\r\nX", b"\r\r\nX"),
        HEAD.replace(b"\r\nX", b"\n\r\nX"),
        HEAD.replace(b"X: y", b"X: \ry"),
        HEAD.replace(b"X: y", b"X: \ny"),
        HEAD.replace(b"X: y", b" X: y"),
        HEAD.replace(b"X: y", b"\tX: y"),
        b" " + HEAD,
        b"\r" + HEAD,
        b"\n" + HEAD,
    ],
)
def test_bare_line_ends_and_folded_lines_are_refused(head: bytes, step: int) -> None:
    assert refusal(Limits(), head, step) == 400


def padded(size: int) -> bytes:
    """A request of `size` bytes."""
    room = size - len(REQUEST) - len(b"X: \r\n")
    return REQUEST[:-2] + b"X: " + b"x" * room + b"\r\n\r\n"


def lined(lines: int) -> bytes:
    """A request of `lines` lines."""
    return REQUEST[:-2] + b"X: y\r\n" * (lines - REQUEST.count(b"\r\n") + 1) + b"\r\n"


@pytest.mark.parametrize(
    ("head", "fits"),
    [
        (padded(16383), True),
        (padded(16384), True),
        (padded(16385), False),
        (padded(20_000_000), False),
        (lined(127), True),
        (lined(128), True),
        (lined(129), False),
        (lined(2000), False),
    ],
    ids=[
        *("bytes under", "bytes at", "bytes over", "bytes far over"),
        *("lines under", "lines at", "lines over", "lines far over"),
    ],
)
def test_server_answers_431_to_what_is_over_the_limits(head: bytes, fits: bool) -> None:
    server = Connection(Role.SERVER)
    (event,) = hear(server, head)
    assert isinstance(event, Requested) == fits
    assert said(server)[:13] == (b"" if fits else b"HTTP/1.1 431 ")


def test_server_answers_431_before_the_head_is_complete() -> None:
    server = Connection(Role.SERVER)
    assert hear(server, b"GET /" + b"x" * 16379) == []
    assert len(hear(server, b"x")) == 1
    assert said(server).startswith(b"HTTP/1.1 431 ")
