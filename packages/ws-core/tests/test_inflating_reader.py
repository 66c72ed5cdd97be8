"""How much of what is compressed is taken in, how fast, and what it leaves behind."""

from __future__ import annotations

import gc
import math
import tracemalloc
import zlib

import pytest

from ws_core import (
    HELD_BACK,
    NEED_DATA,
    PIECE,
    CloseReason,
    Connection,
    Deflate,
    Event,
    Failed,
    Limits,
    Pause,
    Pinged,
    Role,
)
from ws_core._frame_reader import FrameReader
from ws_core._frames import Piece

from .deflated import (
    TAIL,
    compressed,
    deflate,
    end_of,
    in_frames,
    zeros,
)
from .two_ends import (
    BINARY,
    CONTINUATION,
    PING,
    REQUEST_HEADERS,
    TEXT,
    close_frame,
    failure,
    frame,
    head,
    hear,
    open_end,
    said,
)

# Limits.


@pytest.mark.parametrize("limit", [0, 1, 100, 16383, 16384, 16385, 2**20])
def test_the_limit_is_exact(limit: int) -> None:
    for message in (bytes(limit), bytes(i * 7919 % 251 for i in range(limit))):
        assert hear(end_of(limit=limit), compressed(deflate(message))) == [message]
        assert hear(end_of(limit=limit), compressed(deflate(message, final=True))) == [message]
        over = compressed(deflate(message + b"x"))
        too_big = f"Exceeded maximum message size: {limit} bytes"
        assert hear(end_of(limit=limit), over) == [Failed(CloseReason(1009, too_big))]


def test_the_limit_is_over_all_fragments() -> None:
    payload = deflate(bytes(1001))
    frames = in_frames([payload[:2], payload[2:]])
    assert hear(end_of(limit=1001), b"".join(frames)) == [bytes(1001)]
    assert failure(hear(end_of(limit=1000), b"".join(frames))) == 1009
    assert hear(end_of(limit=1001), b"".join(frames) * 3) == [bytes(1001)] * 3


@pytest.mark.parametrize("limit", [math.inf, 10**400])
def test_messages_may_be_unlimited(limit: float) -> None:
    assert hear(end_of(limit=limit), compressed(zeros(3 * 2**20))) == [bytes(3 * 2**20)]


def test_plain_messages_keep_their_limit() -> None:
    server = end_of(limit=100)
    assert hear(server, frame(BINARY, bytes(100), to=Role.SERVER)) == [bytes(100)]
    assert failure(hear(server, frame(BINARY, bytes(101), to=Role.SERVER))) == 1009


def test_what_inflates_to_nothing_is_limited_too() -> None:
    """An eighth more than the message, and 64 KiB."""
    nothing = b"\x00\x00\x00\xff\xff"
    most = 8000 * 9 // 8 + 65536
    start = frame(BINARY, b"\x00" + TAIL, to=Role.SERVER, fin=False, rsv1=True)
    filler = frame(CONTINUATION, nothing * 1000, to=Role.SERVER, fin=False)
    server = end_of(limit=8000)
    assert hear(server, start + filler * 14) == []
    left = most - 5 - 14 * 5000
    rest = frame(CONTINUATION, (nothing * 1000)[: left - left % 5], to=Role.SERVER, fin=False)
    assert hear(server, rest) == []
    assert hear(server, frame(CONTINUATION, nothing, to=Role.SERVER)) == [
        Failed(CloseReason(1009, f"Exceeded maximum message size: {most} bytes, compressed"))
    ]


def test_what_grows_by_compression_is_let_in() -> None:
    """zlib's fixed code, and one stored block for every few bytes."""
    message = bytes(range(144, 256)) * 3000
    for compressor in (
        zlib.compressobj(6, zlib.DEFLATED, -15, 9, zlib.Z_FIXED),
        zlib.compressobj(0, zlib.DEFLATED, -15, 1),
    ):
        data = compressor.compress(message) + compressor.flush(zlib.Z_SYNC_FLUSH)
        server = end_of(limit=len(message))
        assert hear(server, compressed(data.removesuffix(TAIL))) == [message]


def failure_and_peak(end: Connection, data: bytes) -> tuple[Event, int]:
    """What happens when `data` arrives, up to the first event, and the memory that took at most."""
    tracemalloc.start()
    try:
        for start in range(0, len(data), 4096):
            end.receive_data(data[start : start + 4096])
            while (event := end.next_event()) is PIECE:
                pass
            if not isinstance(event, Pause):
                return event, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    raise AssertionError("nothing happened")


def emojis(size: int) -> bytes:
    """Text in which one character of many takes four times the room in memory."""
    text = ("😀" + "a" * 16_380).encode()
    compressor = zlib.compressobj(wbits=-12)
    data = compressor.compress(text * (size // len(text)))
    return (data + compressor.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)


BOMBS = pytest.mark.parametrize(
    ("opcode", "bomb"),
    [(BINARY, zeros(600 * 2**20)), (TEXT, zeros(600 * 2**20)), (TEXT, emojis(2**24))],
    ids=["binary", "text", "emojis"],
)


@BOMBS
@pytest.mark.parametrize("bits", [12, 15])
@pytest.mark.parametrize("limit", [2**10, 2**16, 2**20])
def test_a_bomb_takes_no_more_than_the_limit_and_64_kib(
    opcode: int, bomb: bytes, bits: int, limit: int
) -> None:
    server = open_end(Role.SERVER, Limits(message=limit), Deflate(client_max_window_bits=bits))
    event, peak = failure_and_peak(server, compressed(bomb, opcode=opcode))
    assert isinstance(event, Failed)
    assert event.reason.code == 1009
    assert peak <= limit + 64 * 2**10


@pytest.mark.parametrize("size", [1, 8191, 8192, 8193, 131_000])
def test_what_is_compressed_is_taken_in_small_pieces(size: int) -> None:
    """Each byte may become a thousand."""
    incoming = bytearray(compressed(bytes(size)))
    reader = FrameReader(incoming, masked=True, max_message=math.inf)
    reader.allow_compressed()
    sizes: list[int] = []
    while isinstance(piece := reader.next_piece(), Piece):
        assert piece.compressed
        sizes.append(len(piece.payload))
    assert sum(sizes) == size
    assert max(sizes) <= 8192


def test_a_bomb_in_the_second_fragment() -> None:
    bomb = zeros(100 * 2**20)
    server = end_of(limit=2**20)
    first, second = in_frames([bomb[:100], bomb[100:]])
    assert hear(server, first) == []
    event, peak = failure_and_peak(server, second)
    assert isinstance(event, Failed)
    assert event.reason.code == 1009
    assert peak <= 2**20 + 64 * 2**10


def test_a_small_piece_that_grows_lets_the_caller_take_a_breath() -> None:
    server = end_of()
    server.receive_data(compressed(zeros(100_000)) + frame(PING, to=Role.SERVER))
    found = [server.next_event() for _ in range(7)]
    assert found[:6] == [PIECE] * 6
    assert found[6] == bytes(100_000)
    assert server.next_event() == Pinged(b"")
    assert server.next_event() is NEED_DATA


def test_a_message_half_inflated_is_held_back() -> None:
    server = end_of()
    server.receive_data(compressed(zeros(100_000)) + frame(PING, to=Role.SERVER))
    assert server.next_event(pings_only=True) is HELD_BACK
    assert server.next_event() is PIECE
    assert server.next_event(pings_only=True) is HELD_BACK
    assert [server.next_event() for _ in range(6)][-1] == bytes(100_000)
    assert server.next_event(pings_only=True) == Pinged(b"")


# Memory.


def kept_by(deflate_: Deflate | None, message: bytes | None) -> int:
    """The memory of a server's end after a message each way, or after none."""
    compressor = zlib.compressobj(wbits=-12)
    payload = compressor.compress(message or b"") + compressor.flush(zlib.Z_SYNC_FLUSH)
    tracemalloc.start()
    try:
        end = open_end(Role.SERVER, deflate=deflate_)
        if message is not None:
            if end.deflate is None:
                hear(end, frame(BINARY, message, to=Role.SERVER))
            else:
                hear(end, compressed(payload.removesuffix(TAIL)))
            end.send_message(message)
            said(end)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def test_memory_is_taken_with_the_first_compressed_message() -> None:
    for end in (None, Deflate()):
        kept_by(end, b"so that what is kept once for all connections is there")
    assert kept_by(Deflate(), None) - kept_by(None, None) < 3000
    message = bytes(i * i * 31 % 251 for i in range(10 * 2**10))
    more = kept_by(Deflate(), message) - kept_by(None, message)
    assert 30_000 < more <= 40 * 2**10


@pytest.mark.parametrize(("size", "most"), [(10, 44), (300, 66)])
def test_a_client_that_can_not_be_asked_for_a_small_window_costs_more(size: int, most: int) -> None:
    """Its own is 32 KiB, and as much of it is kept as there is."""
    message = bytes(i * i * 31 % 251 for i in range(size * 2**10))
    payload = deflate(message)
    tracemalloc.start()
    try:
        server = Connection(Role.SERVER, deflate=Deflate())
        offer = b"Sec-WebSocket-Extensions: permessage-deflate"
        hear(server, head(b"GET / HTTP/1.1", REQUEST_HEADERS, offer))
        server.accept()
        said(server)
        assert server.deflate == Deflate(server_max_window_bits=12, client_max_window_bits=15)
        before = tracemalloc.get_traced_memory()[0]
        hear(server, compressed(payload))
        server.send_message(message)
        said(server)
        assert most - 6 < (tracemalloc.get_traced_memory()[0] - before) / 2**10 < most
    finally:
        tracemalloc.stop()


def test_nothing_is_left_when_the_connection_is_over() -> None:
    kept = []
    for deflate_ in (None, Deflate(client_max_window_bits=15)):
        server = open_end(Role.SERVER, deflate=deflate_)
        tracemalloc.start()
        try:
            if deflate_:
                hear(server, compressed(deflate(bytes(100_000))))
                server.send_message("x" * 10_000)
            hear(server, close_frame(1000, to=Role.SERVER))
            said(server)
            kept.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
    assert kept[1] - kept[0] < 2000


def test_no_message_is_kept() -> None:
    server = end_of(limit=2**24)
    tracemalloc.start()
    try:
        assert len(hear(server, compressed(zeros(2**24)))) == 1
        assert tracemalloc.get_traced_memory()[0] < 40_000
    finally:
        tracemalloc.stop()
