"""What a peer says when compression was agreed on."""

from __future__ import annotations

import zlib

import pytest

from ws_core import (
    CloseReason,
    Deflate,
    Failed,
    Pinged,
    Role,
)

from .deflated import (
    EMPTY_FINAL,
    HELLO,
    HELLO_AGAIN,
    HELLO_FINAL,
    HELLO_IN_TWO_BLOCKS,
    HELLO_STORED,
    NOT_DEFLATE,
    TAIL,
    compressed,
    deflate,
    end_of,
    in_frames,
)
from .two_ends import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    failure,
    frame,
    hear,
    hear_bytewise,
    open_end,
)

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
    """A step is 16 KiB: the stream ends with the last byte of one."""
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
