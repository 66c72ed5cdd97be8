"""What a peer says when compression was agreed on."""

from __future__ import annotations

import gc
import math
import tracemalloc
import zlib
from collections.abc import Iterable

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

from .two_ends import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    REQUEST_HEADERS,
    TEXT,
    close_frame,
    failure,
    frame,
    head,
    hear,
    hear_bytewise,
    open_end,
    said,
)

DEFLATE = Deflate(threshold=0)
TAIL = b"\x00\x00\xff\xff"
# RFC 7692 section 7.2.3: "Hello", in the ways that its examples send it.
HELLO = bytes.fromhex("f2 48 cd c9 c9 07 00")
HELLO_AGAIN = bytes.fromhex("f2 00 11 00 00")
HELLO_STORED = bytes.fromhex("00 05 00 fa ff 48 65 6c 6c 6f 00")
HELLO_FINAL = bytes.fromhex("f3 48 cd c9 c9 07 00 00")
HELLO_IN_TWO_BLOCKS = bytes.fromhex("f2 48 05 00 00 00 ff ff ca c9 c9 07 00")
EMPTY_FINAL = b"\x03\x00"
NOT_DEFLATE = "invalid compressed data"


def end_of(role: Role = Role.SERVER, *, limit: float = 2**20) -> Connection:
    """An end that inflates."""
    return open_end(role, Limits(message=limit), DEFLATE)


def compressed(
    payload: bytes, to: Role = Role.SERVER, *, opcode: int = BINARY, fin: bool = True
) -> bytes:
    """The first frame of a compressed message."""
    return frame(opcode, payload, to=to, fin=fin, rsv1=True)


def in_frames(
    payloads: Iterable[bytes], to: Role = Role.SERVER, opcode: int = BINARY
) -> list[bytes]:
    """A compressed message in several frames."""
    parts = list(payloads)
    last = len(parts) - 1
    return [
        frame(CONTINUATION if i else opcode, part, to=to, fin=i == last, rsv1=not i)
        for i, part in enumerate(parts)
    ]


def deflate(data: bytes, *, final: bool = False) -> bytes:
    """What a message with `data` carries; with a final block at its end if it is `final`."""
    compressor = zlib.compressobj(wbits=-15)
    body = compressor.compress(data)
    if final:
        return body + compressor.flush(zlib.Z_FINISH) + b"\x00"
    return (body + compressor.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)


def zeros(size: int) -> bytes:
    """A message of so many zero bytes, a thousandth as long."""
    compressor = zlib.compressobj(9, wbits=-15)
    block = bytes(2**20)
    data = b"".join(compressor.compress(block) for _ in range(size // 2**20))
    data += compressor.compress(bytes(size % 2**20))
    return (data + compressor.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)


# RFC 7692 section 7.2.3.


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("payload", [HELLO, HELLO_STORED, HELLO_FINAL, HELLO_IN_TWO_BLOCKS])
def test_the_examples_of_the_rfc(role: Role, payload: bytes) -> None:
    data = compressed(payload, role, opcode=TEXT)
    assert hear(end_of(role), data) == ["Hello"]
    assert hear_bytewise(end_of(role), data) == ["Hello"]
    assert hear(end_of(role), compressed(payload, role)) == [b"Hello"]


def test_a_message_may_refer_to_those_before() -> None:
    server = end_of()
    assert hear(server, compressed(HELLO)) == [b"Hello"]
    assert hear(server, compressed(HELLO_AGAIN)) == [b"Hello"]


def test_without_context_takeover_a_message_may_not_refer_to_those_before() -> None:
    server = open_end(Role.SERVER, deflate=Deflate(client_no_context_takeover=True))
    assert hear(server, compressed(HELLO)) == [b"Hello"]
    assert hear(server, compressed(HELLO)) == [b"Hello"]
    assert failure(hear(server, compressed(HELLO_AGAIN))) == 1007


def test_fragments_are_one_stream() -> None:
    for cut in range(len(HELLO) + 1):
        frames = in_frames([HELLO[:cut], HELLO[cut:]], opcode=TEXT)
        assert hear(end_of(), b"".join(frames)) == ["Hello"]
    frames = in_frames([bytes([octet]) for octet in HELLO], opcode=TEXT)
    assert hear(end_of(), b"".join(frames)) == ["Hello"]


def test_control_frames_between_fragments_do_no_harm() -> None:
    first, second = in_frames([HELLO[:3], HELLO[3:]])
    pings = frame(PING, b"1", to=Role.SERVER) + frame(PONG, b"2", to=Role.SERVER)
    server = end_of()
    found = hear(server, first + pings + second + compressed(HELLO_AGAIN))
    assert [event for event in found if isinstance(event, bytes)] == [b"Hello", b"Hello"]
    assert found[0] == Pinged(b"1")


def test_compressed_and_plain_messages_alternate() -> None:
    server = end_of()
    plain = frame(TEXT, b"plain", to=Role.SERVER)
    fragments = frame(TEXT, b"pl", to=Role.SERVER, fin=False) + frame(
        CONTINUATION, b"ain", to=Role.SERVER
    )
    data = compressed(HELLO) + plain + compressed(HELLO_AGAIN) + fragments + compressed(HELLO)
    assert hear(server, data) == [b"Hello", "plain", b"Hello", "plain", b"Hello"]


def test_an_empty_message_is_one_zero_byte() -> None:
    server = end_of()
    assert hear(server, compressed(b"\x00") + compressed(HELLO)) == [b"", b"Hello"]


def test_an_empty_payload_is_an_empty_message_too() -> None:
    server = end_of()
    assert hear(server, compressed(b"")) == [b""]
    assert hear(server, compressed(HELLO) + compressed(b"") + compressed(HELLO_AGAIN)) == [
        b"Hello",
        b"",
        b"Hello",
    ]
    assert hear(server, b"".join(in_frames([b"", b"", HELLO, b""]))) == [b"Hello"]


# Where the bit may stand.


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("opcode", [TEXT, BINARY, CONTINUATION, PING, PONG, CLOSE])
def test_without_an_agreement_rsv1_is_an_error(role: Role, opcode: int) -> None:
    assert failure(hear(open_end(role), frame(opcode, HELLO, to=role, rsv1=True))) == 1002


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("opcode", [CONTINUATION, PING, PONG, CLOSE])
def test_rsv1_says_something_of_whole_messages_alone(role: Role, opcode: int) -> None:
    bad = frame(opcode, HELLO[3:], to=role, rsv1=True)
    assert failure(hear(end_of(role), bad)) == 1002
    start = compressed(HELLO[:3], role, fin=False)
    assert hear(end_of(role), start + bad) == [
        Failed(CloseReason(1002, "reserved bits are set")),
    ]


@pytest.mark.parametrize("bits", [0x20, 0x10, 0x30, 0x60, 0x50, 0x70])
def test_the_other_reserved_bits_stay_reserved(bits: int) -> None:
    data = bytearray(compressed(HELLO))
    data[0] |= bits
    data[0] &= 0x8F | bits
    assert failure(hear(end_of(), bytes(data))) == 1002


# Errors.


@pytest.mark.parametrize("bad", [b"\xff" * 10, b"\x07", HELLO_AGAIN, b"\x00\x01\x02\x03\x04"])
def test_what_is_not_deflate_fails(bad: bytes) -> None:
    assert hear(end_of(), compressed(bad)) == [Failed(CloseReason(1007, NOT_DEFLATE))]


@pytest.mark.parametrize("final", [False, True])
def test_what_stops_short_fails(final: bool) -> None:
    message = b"".join(b"%d bottles of beer on the wall\n" % number for number in range(99))
    payload = deflate(message, final=final)
    ends = {len(payload), len(payload) - final}  # nothing needs to stand behind a final block
    for size in range(1, len(payload) + 1):
        expected = [message] if size in ends else [Failed(CloseReason(1007, NOT_DEFLATE))]
        assert hear(end_of(), compressed(payload[:size])) == expected


def test_a_message_that_still_has_its_tail_fails() -> None:
    """RFC 7692 section 7.2.1: the sender takes it off."""
    assert failure(hear(end_of(), compressed(HELLO + b"\x00" + TAIL))) == 1007


def test_messages_ahead_of_what_is_bad_are_delivered() -> None:
    found = hear(end_of(), compressed(HELLO) + compressed(b"\xff"))
    assert found == [b"Hello", Failed(CloseReason(1007, NOT_DEFLATE))]


def test_text_is_checked_as_it_arrives() -> None:
    payload = deflate(b"good \xff bad" + b"x" * 100)
    first, _ = in_frames([payload[:-1], payload[-1:]], opcode=TEXT)
    assert failure(hear(end_of(), first)) == 1007
    assert failure(hear(end_of(), compressed(deflate(b"\xc3"), opcode=TEXT))) == 1007
    text = "€" * 50_000
    assert hear(end_of(), compressed(deflate(text.encode()), opcode=TEXT)) == [text]


# Final blocks: RFC 7692 section 7.2.3.4.


@pytest.mark.parametrize("role", Role)
def test_final_blocks_do_not_end_the_connection(role: Role) -> None:
    end = end_of(role)
    messages = [b"one one one one", b"two two two two", b"", b"three"]
    for message in messages:
        assert hear(end, compressed(deflate(message, final=True), role)) == [message]
    assert hear(end, compressed(deflate(b"four"), role)) == [b"four"]


def test_behind_a_final_block_the_window_is_still_there() -> None:
    server = end_of()
    assert hear(server, compressed(HELLO_FINAL)) == [b"Hello"]
    assert hear(server, compressed(HELLO_AGAIN)) == [b"Hello"]
    # And with more in it than one message.
    noise = bytes(range(256)) * 10
    assert hear(server, compressed(deflate(noise))) == [noise]
    reference = zlib.compressobj(wbits=-12, zdict=(b"Hello" * 2 + noise)[-4096:])
    message = b"HelloHello" + noise[:1000]
    referring = reference.compress(message) + reference.flush(zlib.Z_SYNC_FLUSH)
    assert hear(server, compressed(EMPTY_FINAL + referring.removesuffix(TAIL))) == [message]


def test_what_stands_behind_a_final_block_is_inflated_too() -> None:
    data = HELLO_FINAL[:-1] + HELLO_AGAIN
    assert hear(end_of(), compressed(data)) == [b"HelloHello"]
    for cut in range(len(data) + 1):
        frames = in_frames([data[:cut], data[cut:]])
        assert hear(end_of(), b"".join(frames)) == [b"HelloHello"]


def test_nothing_needs_to_stand_behind_a_final_block() -> None:
    server = end_of()
    for _ in range(2):
        assert hear(server, compressed(HELLO_FINAL[:-1])) == [b"Hello"]
        assert hear(server, b"".join(in_frames([HELLO_FINAL[:-1], b""]))) == [b"Hello"]
    assert hear(server, compressed(HELLO_AGAIN)) == [b"Hello"]


def test_final_blocks_without_context_takeover() -> None:
    server = open_end(Role.SERVER, deflate=Deflate(client_no_context_takeover=True))
    for _ in range(3):
        assert hear(server, compressed(HELLO_FINAL)) == [b"Hello"]
        assert hear(server, compressed(HELLO_FINAL[:-1] + HELLO_AGAIN)) == [b"HelloHello"]


def test_final_blocks_that_fall_on_the_end_of_a_step() -> None:
    """A step is 8 KiB: the stream ends with the last byte of one."""
    message = bytes(range(256)) * 64
    server = end_of()
    for _ in range(2):
        assert hear(server, compressed(deflate(message, final=True)[:-1])) == [message]
        assert hear(server, compressed(deflate(message))) == [message]


def test_streams_can_not_end_more_often_than_makes_sense() -> None:
    too_many = Failed(CloseReason(1008, "too many final blocks in a compressed message"))
    assert hear(end_of(), compressed(EMPTY_FINAL * 1000)) == [too_many]
    # One for every 64 bytes, and one.
    most = deflate(bytes(range(200)) * 2, final=True)[:-1]
    assert len(most) > 64
    assert hear(end_of(), compressed(most * 50)) == [bytes(range(200)) * 100]
    filler = b"\x00\x0b\x00\xf4\xff" + b"x" * 11  # 16 bytes
    per_64 = filler * 3 + b"\x00\x09\x00\xf6\xff" + b"x" * 9 + EMPTY_FINAL
    assert len(per_64) == 64
    assert hear(end_of(), compressed(per_64 * 100 + EMPTY_FINAL)) == [b"x" * 4200]
    assert hear(end_of(), compressed(per_64 * 100 + EMPTY_FINAL * 2)) == [too_many]


def test_the_count_of_final_blocks_does_not_depend_on_cuts() -> None:
    stored = b"\x00\xc8\x00\x37\xff" + bytes(200)
    for payload, ok in (
        (EMPTY_FINAL * 2 + stored + b"\x00", False),
        (stored + EMPTY_FINAL * 4 + stored + b"\x00", True),
        (stored + EMPTY_FINAL * 5 + stored + b"\x00", False),
    ):
        for cut in range(len(payload)):
            frames = in_frames([payload[:cut], payload[cut:]])
            (found,) = hear(end_of(), b"".join(frames))
            assert isinstance(found, bytes) is ok
        (found,) = hear_bytewise(end_of(), compressed(payload))
        assert isinstance(found, bytes) is ok


def test_what_one_message_has_not_used_is_not_left_to_the_next() -> None:
    server = end_of()
    assert hear(server, compressed(deflate(bytes(i % 251 for i in range(100_000))))) != []
    assert failure(hear(server, compressed(EMPTY_FINAL * 20))) == 1008


def test_the_count_of_final_blocks_starts_again_with_each_message() -> None:
    server = end_of()
    for _ in range(100):
        assert hear(server, compressed(EMPTY_FINAL)) == [b""]


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
    found = [server.next_event() for _ in range(13)]
    assert found[:12] == [PIECE] * 12
    assert found[12] == bytes(100_000)
    assert server.next_event() == Pinged(b"")
    assert server.next_event() is NEED_DATA


def test_a_message_half_inflated_is_held_back() -> None:
    server = end_of()
    server.receive_data(compressed(zeros(100_000)) + frame(PING, to=Role.SERVER))
    assert server.next_event(pings_only=True) is HELD_BACK
    assert server.next_event() is PIECE
    assert server.next_event(pings_only=True) is HELD_BACK
    assert [server.next_event() for _ in range(12)][-1] == bytes(100_000)
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
