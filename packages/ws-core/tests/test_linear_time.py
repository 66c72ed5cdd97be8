"""The processor time that hostile bytes cost grows with their number, and no faster."""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Callable, Iterable
from typing import TypeAlias

import pytest

from ws_core import Connection, Deflate, Limits, Role

from .deflated import EMPTY_FINAL, HELLO_FINAL, compressed
from .two_ends import (
    BINARY,
    CONTINUATION,
    PING,
    REQUEST_HEADERS,
    TEXT,
    frame,
    head,
    hear,
    open_end,
    said,
)

UNLIMITED = Limits(message=math.inf, head=math.inf, header_lines=math.inf, rejection_body=math.inf)
SERVER = Role.SERVER
KIB = 2**10

# An end, and what it is to hear.
Attack: TypeAlias = tuple[Connection, Iterable[bytes]]


def reads(data: bytes, size: int) -> list[bytes]:
    """`data` as it comes in reads of so many bytes."""
    return [data[start : start + size] for start in range(0, len(data), size)]


def on_a_server(data: bytes, size: int, deflate: Deflate | None = None) -> Attack:
    """An open connection that hears `data`."""
    return open_end(SERVER, UNLIMITED, deflate), reads(data, size)


def in_a_request(line: bytes, size: int) -> Attack:
    """A server that is sent a request with one more line."""
    server = Connection(SERVER, limits=UNLIMITED, deflate=Deflate())
    return server, reads(head(b"GET / HTTP/1.1", REQUEST_HEADERS, line), size)


def large_message(count: int) -> Attack:
    data = b"\x82\xff" + (count * 100).to_bytes(8, "big") + bytes(4 + count * 100)
    return on_a_server(data, 100)


def text_byte_by_byte(count: int) -> Attack:
    text = "\U0001f600".encode() * (count // 4)
    data = b"\x01\xff" + len(text).to_bytes(8, "big") + bytes(4) + text
    return on_a_server(data, 1)


def fragments(count: int) -> Attack:
    start = frame(TEXT, b"x", to=SERVER, fin=False)
    return on_a_server(start + frame(CONTINUATION, b"x", to=SERVER, fin=False) * count, 2**30)


def empty_fragments(count: int) -> Attack:
    start = frame(TEXT, b"x", to=SERVER, fin=False)
    return on_a_server(start + frame(CONTINUATION, to=SERVER, fin=False) * count, 131_000)


def pings(count: int) -> Attack:
    return on_a_server(frame(PING, b"x", to=SERVER) * count, 2**30)


def header_in_small_reads(count: int) -> Attack:
    return in_a_request(b"X: " + b"x" * 16 * count, 16)


def header_lines(count: int) -> Attack:
    return in_a_request(b"\r\n".join([b"X: y"] * count), 2**30)


def spaces_among_subprotocols(count: int) -> Attack:
    return in_a_request(b"Sec-WebSocket-Protocol: b" + b" " * count + b"x", 2**30)


def commas_among_subprotocols(count: int) -> Attack:
    return in_a_request(b"Sec-WebSocket-Protocol: b" + b"," * count, 2**30)


def rejection(count: int) -> Attack:
    client = Connection(Role.CLIENT, limits=UNLIMITED)
    client.request("localhost")
    said(client)
    return client, [b"HTTP/1.1 403 No\r\n\r\n", *reads(bytes(100 * count), 100)]


def blocks_of_nothing(count: int) -> Attack:
    data = b"\x00\x00\x00\xff\xff" * count
    return on_a_server(compressed(data, opcode=BINARY, fin=False), 100, Deflate())


def data_behind_a_final_block(count: int) -> Attack:
    stored = b"\x00\x00\x01\xff\xfe" + bytes(256)
    data = HELLO_FINAL[:-1] + stored * (count // 8)
    return on_a_server(compressed(data, fin=False), 100, Deflate())


def final_blocks(count: int) -> Attack:
    stored = b"\x00\x3d\x00\xc2\xff" + bytes(61)
    return on_a_server(compressed((stored + EMPTY_FINAL) * (count // 8), fin=False), 500, Deflate())


def bomb(count: int) -> Attack:
    stream = zlib.compressobj(wbits=-12)
    data = stream.compress(bytes(count * 200)) + stream.flush(zlib.Z_SYNC_FLUSH)
    return on_a_server(compressed(data, fin=False), 100, Deflate())


def cost(attack: Attack) -> float:
    """Seconds of processor time."""
    end, parts = attack
    start = time.process_time()
    for part in parts:
        hear(end, part)
        said(end)
    return time.process_time() - start


@pytest.mark.parametrize(
    ("attack", "count"),
    [
        (large_message, 20_000),
        (text_byte_by_byte, 10_000),
        (fragments, 20_000),
        (empty_fragments, 5_000),
        (pings, 3_000),
        (header_in_small_reads, 10_000),
        (header_lines, 5_000),
        (spaces_among_subprotocols, 100_000),
        (commas_among_subprotocols, 20_000),
        (rejection, 3_000),
        (blocks_of_nothing, 50_000),
        (data_behind_a_final_block, 40_000),
        (final_blocks, 20_000),
        (bomb, 10_000),
    ],
)
def test_four_times_as_much_takes_no_more_than_six_times_as_long(
    attack: Callable[[int], Attack], count: int
) -> None:
    """Of what grows with the square it would take sixteen times; a busy machine has some tries."""
    ratios: list[float] = []
    while not ratios or (ratios[-1] > 6 and len(ratios) < 5):
        little, much = (min(cost(attack(size)) for _ in range(2)) for size in (count, 4 * count))
        ratios.append(much / little)
    assert min(ratios) <= 6, ratios
