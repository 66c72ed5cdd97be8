from __future__ import annotations

import itertools
import tracemalloc

import pytest

from ws_core import (
    NEED_DATA,
    PIECE,
    CloseReason,
    Failed,
    Limits,
    Pinged,
    Role,
)
from ws_core._assembler import Assembler
from ws_core._close import ProtocolViolation
from ws_core._frames import Piece

from .two_ends import (
    BINARY,
    CONTINUATION,
    PING,
    TEXT,
    failure,
    frame,
    hear,
    hear_bytewise,
    open_end,
)

# Every length, and the first and last of every range of RFC 3629 section 4.
CHARACTERS = [
    chr(code)
    for code in [
        *(0x00, 0x41, 0x7F, 0x80, 0xE9, 0x7FF, 0x800, 0xFFF, 0x1000, 0x20AC, 0xCFFF, 0xD000),
        *(0xD7FF, 0xE000, 0xFFFD, 0xFFFF, 0x10000, 0x1F600, 0x3FFFF, 0x40000, 0xFFFFF, 0x10FFFF),
    ]
]


def fragments(parts: list[bytes], to: Role, opcode: int = TEXT) -> bytes:
    """One message in several frames."""
    last = len(parts) - 1
    return b"".join(
        frame(CONTINUATION if i else opcode, part, to=to, fin=i == last)
        for i, part in enumerate(parts)
    )


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("parts", [[b"Hel", b"lo"], [b"", b"Hello"], [b"Hello", b""], [b""] * 3])
def test_fragments_become_one_message(role: Role, parts: list[bytes]) -> None:
    whole = b"".join(parts)
    assert hear(open_end(role), fragments(parts, role)) == [whole.decode()]
    assert hear(open_end(role), fragments(parts, role, BINARY)) == [whole]


def test_every_part_but_the_last_lets_the_caller_take_a_breath() -> None:
    server = open_end(Role.SERVER)
    server.receive_data(fragments([b"a", b"b", b"c"], Role.SERVER))
    found = [server.next_event() for _ in range(4)]
    assert found == [PIECE, PIECE, "abc", NEED_DATA]


def test_control_frames_stand_between_fragments() -> None:
    server = open_end(Role.SERVER)
    ping = frame(PING, b"!", to=Role.SERVER)
    start = frame(TEXT, "ä".encode()[:1], to=Role.SERVER, fin=False)
    end = frame(CONTINUATION, "ä".encode()[1:], to=Role.SERVER)
    assert hear(server, start + ping + end) == [Pinged(b"!"), "ä"]


@pytest.mark.parametrize("character", CHARACTERS, ids=ascii)
def test_text_may_be_cut_anywhere(character: str) -> None:
    encoded = f"a{character}b".encode()
    for cut in range(len(encoded) + 1):
        for over_frames in (
            fragments([encoded[:cut], encoded[cut:]], Role.SERVER),
            fragments([encoded[:cut], b"", encoded[cut:]], Role.SERVER),
            fragments([encoded[i : i + 1] for i in range(len(encoded))], Role.SERVER),
        ):
            server = open_end(Role.SERVER)
            assert hear_bytewise(server, over_frames) == [encoded.decode()]
        over_reads = frame(TEXT, encoded, to=Role.SERVER)
        server = open_end(Role.SERVER)
        cut_at = len(over_reads) - len(encoded) + cut
        assert hear(server, over_reads[:cut_at]) + hear(server, over_reads[cut_at:]) == [
            encoded.decode()
        ]


def may_begin_a_character(start: bytes) -> bool:
    """RFC 3629 section 4: whether `start` is a character or the beginning of one."""
    lead, rest = start[0], start[1:]
    if lead < 0x80:
        return not rest
    ranges = {0xE0: (0xA0, 0xBF), 0xED: (0x80, 0x9F), 0xF0: (0x90, 0xBF), 0xF4: (0x80, 0x8F)}
    if 0xC2 <= lead <= 0xDF:
        size = 2
    elif 0xE0 <= lead <= 0xEF:
        size = 3
    elif 0xF0 <= lead <= 0xF4:
        size = 4
    else:
        return False
    low, high = ranges.get(lead, (0x80, 0xBF))
    return (
        len(start) <= size
        and (not rest or low <= rest[0] <= high)
        and all(0x80 <= octet <= 0xBF for octet in rest[1:])
    )


def first_bad_part(parts: list[bytes]) -> int | None:
    """In which part an assembler finds that the text is no UTF-8; no part is the last."""
    assembler = Assembler()
    for i, part in enumerate(parts):
        try:
            assembler.add(Piece(CONTINUATION if i else TEXT, False, part))
        except ProtocolViolation:
            return i
    return None


def test_every_bad_byte_is_found_when_it_arrives() -> None:
    borders = [0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xE1, 0xFF]
    for first in range(256):
        start = bytes((first,))
        assert (first_bad_part([start]) is None) == may_begin_a_character(start)
        if first < 0x80 or not may_begin_a_character(start):
            continue
        for second in range(256):
            start = bytes((first, second))
            legal = may_begin_a_character(start)
            assert first_bad_part([start[:1], start[1:]]) == (None if legal else 1)
            assert first_bad_part([start]) == (None if legal else 0)
            if not legal or first < 0xE0 or second not in borders:
                continue
            for rest in itertools.product(borders, repeat=1 if first < 0xF0 else 2):
                sequence = start + bytes(rest)
                good = next((i for i in (3, 4) if not may_begin_a_character(sequence[:i])), None)
                expected = None if good is None or good > len(sequence) else good - 1
                assert first_bad_part([bytes((octet,)) for octet in sequence]) == expected


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(
    "bad",
    [
        b"\x80",
        b"\xc0",
        b"\xc1",
        b"\xc3A",
        b"\xe0\x80",
        b"\xed\xa0",
        b"\xed\xbf",
        b"\xe2\x82A",
        b"\xf0\x80",
        b"\xf0\x8f",
        b"\xf4\x90",
        b"\xf5",
        b"\xff",
        b"\xf0\x9f\x98A",
    ],
    ids=bytes.hex,
)
def test_bad_text_fails_within_an_unfinished_frame(role: Role, bad: bytes) -> None:
    text = "good € ".encode() + bad
    data = frame(TEXT, text + b" and more to come", to=role)
    until_bad = data[: len(data) - len(b" and more to come")]
    end = open_end(role)
    assert hear(end, until_bad[:-1]) == []
    assert hear(end, until_bad[-1:]) == [
        Failed(CloseReason(1007, "invalid UTF-8 in a text message"))
    ]


@pytest.mark.parametrize("bad", [b"\xff", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xed\xa0\x80"])
def test_text_that_ends_badly_is_no_text(bad: bytes) -> None:
    for data in (
        frame(TEXT, b"x" + bad, to=Role.CLIENT),
        fragments([b"x", bad], Role.CLIENT),
        fragments([b"x", bad, b""], Role.CLIENT),
    ):
        assert failure(hear(open_end(Role.CLIENT), data)) == 1007


def test_binary_messages_may_hold_anything() -> None:
    anything = bytes(range(256))
    for data in (
        frame(BINARY, anything, to=Role.CLIENT),
        fragments([anything[:128], anything[128:]], Role.CLIENT, BINARY),
    ):
        assert hear(open_end(Role.CLIENT), data) == [anything]


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_many_fragments_are_one_message(opcode: int) -> None:
    client = open_end(Role.CLIENT, Limits(message=65536))
    message = b"x" * 65536
    found = hear(client, fragments([b"x"] * 65536, Role.CLIENT, opcode))
    assert found == [message if opcode == BINARY else message.decode()]


def test_fragments_cost_memory_by_the_byte() -> None:
    client = open_end(Role.CLIENT)
    start = frame(TEXT, b"x", to=Role.CLIENT, fin=False)
    tiny = frame(CONTINUATION, b"x", to=Role.CLIENT, fin=False) * 1000
    hear(client, start)
    tracemalloc.start()
    try:
        for _ in range(20):
            assert hear(client, tiny) == []
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # 20,000 payload bytes, and the buffer's room to grow.
    assert kept < 40_000


def test_empty_fragments_cost_no_memory() -> None:
    client = open_end(Role.CLIENT)
    hear(client, frame(TEXT, b"", to=Role.CLIENT, fin=False))
    empty = frame(CONTINUATION, b"", to=Role.CLIENT, fin=False) * 1000
    hear(client, empty)
    tracemalloc.start()
    try:
        for _ in range(20):
            assert hear(client, empty) == []
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 4000
    assert hear(client, frame(CONTINUATION, b"end", to=Role.CLIENT)) == ["end"]


def test_a_large_message_leaves_no_large_buffer_behind() -> None:
    client = open_end(Role.CLIENT)
    parts = [frame(BINARY, bytes(500_000), to=Role.CLIENT, fin=False)]
    parts.append(frame(CONTINUATION, bytes(500_000), to=Role.CLIENT))
    tracemalloc.start()
    try:
        for part in parts:
            hear(client, part)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 100_000
