from __future__ import annotations

import math

import pytest

from ws_core import (
    NEED_DATA,
    CloseCode,
    CloseReason,
    Failed,
    Limits,
    Role,
)
from ws_core._close import ProtocolViolation
from ws_core._frame_reader import FrameReader
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

# Whether a first frame began a message that the next one must go on with.
IDLE, IN_MESSAGE = False, True


def header_is_legal(first: int, second: int, *, server: bool, in_message: bool) -> bool:
    """The reference: RFC 6455 section 5, without extensions, word for word."""
    fin, rsv, opcode = first >> 7, first >> 4 & 7, first & 15
    mask, length = second >> 7, second & 127
    if rsv != 0:  # 5.2: "MUST be 0 unless an extension is negotiated"
        return False
    if opcode not in {0, 1, 2, 8, 9, 10}:  # 5.2: "If an unknown opcode is received ... _Fail_"
        return False
    if opcode >= 8:
        # 5.5: "a payload length of 125 bytes or less and MUST NOT be fragmented"
        if length > 125 or not fin:
            return False
    elif in_message:
        # 5.4: "The fragments of one message MUST NOT be interleaved between ... another message"
        if opcode != 0:
            return False
    elif opcode == 0:  # 5.4: a continuation frame follows a frame with FIN clear
        return False
    # 5.1: a client MUST mask all frames, a server MUST NOT mask any
    return bool(mask) == server


@pytest.mark.parametrize("server", [True, False], ids=["server", "client"])
@pytest.mark.parametrize("in_message", [IDLE, IN_MESSAGE], ids=["idle", "in_message"])
def test_all_65536_first_two_bytes(server: bool, in_message: bool) -> None:
    start = frame(TEXT, b"", to=Role.SERVER if server else Role.CLIENT, fin=False)
    extended = {126: (b"\x00\x7e", 126), 127: (bytes(5) + b"\x01\x00\x00", 65536)}
    for pair in range(65536):
        first, second = divmod(pair, 256)
        incoming = bytearray()
        reader = FrameReader(incoming, masked=server, max_message=math.inf)
        if in_message:
            incoming += start
            assert reader.next_piece() == Piece(TEXT, False, b"")
        incoming += bytes((first, second))
        if not header_is_legal(first, second, server=server, in_message=in_message):
            with pytest.raises(ProtocolViolation) as caught:
                reader.next_piece()
            assert caught.value.reason.code == CloseCode.PROTOCOL_ERROR
            continue
        found = reader.next_piece()
        length, size = extended.get(second & 127, (b"", second & 127))
        rest = length + bytes(4 * server) + bytes(size)
        if rest:
            assert found is NEED_DATA
            incoming += rest
            found = reader.next_piece()
        assert found == Piece(first & 15, first >= 128, bytes(size))
        assert reader.next_piece() is NEED_DATA


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"\xc1", "reserved bits are set"),
        (b"\xa1", "reserved bits are set"),
        (b"\x91", "reserved bits are set"),
        (b"\x83", "unknown opcode"),
        (b"\x8b", "unknown opcode"),
        (b"\x09", "fragmented control frame"),
        (b"\x80", "nothing to continue"),
    ],
)
def test_failure_says_what_is_wrong(role: Role, data: bytes, complaint: str) -> None:
    second = b"\x80" if role is Role.SERVER else b"\x00"
    assert hear(open_end(role), data + second) == [Failed(CloseReason(1002, complaint))]


def test_failure_says_which_side_must_mask() -> None:
    unmasked, masked = b"\x81\x01x", b"\x81\x81\0\0\0\0x"
    assert hear(open_end(Role.SERVER), unmasked) == [
        Failed(CloseReason(1002, "frame is not masked"))
    ]
    assert hear(open_end(Role.CLIENT), masked) == [Failed(CloseReason(1002, "frame is masked"))]


def test_messages_are_not_interleaved() -> None:
    server = open_end(Role.SERVER)
    hear(server, frame(TEXT, b"a", to=Role.SERVER, fin=False))
    assert hear(server, frame(TEXT, b"b", to=Role.SERVER)) == [
        Failed(CloseReason(1002, "message is not finished"))
    ]


@pytest.mark.parametrize("size", [126, 127])
def test_control_frame_is_too_long_as_soon_as_its_header_says_so(size: int) -> None:
    found = hear(open_end(Role.CLIENT), bytes((0x80 | PING, size)))
    assert found == [Failed(CloseReason(1002, "control frame is too long"))]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(
    ("length", "legal"),
    [
        (b"\x7e\x00\x00", False),
        (b"\x7e\x00\x7d", False),
        (b"\x7e\x00\x7e", True),
        (b"\x7f" + (0).to_bytes(8, "big"), False),
        (b"\x7f" + (125).to_bytes(8, "big"), False),
        (b"\x7f" + (126).to_bytes(8, "big"), False),
        (b"\x7f" + (65535).to_bytes(8, "big"), False),
        (b"\x7f" + (65536).to_bytes(8, "big"), True),
    ],
)
def test_length_is_in_its_shortest_form(role: Role, length: bytes, legal: bool) -> None:
    if role is Role.SERVER:
        length = bytes((0x80 | length[0],)) + length[1:]
    found = hear(open_end(role), b"\x82" + length)
    assert found == ([] if legal else [Failed(CloseReason(1002, "invalid frame length"))])


def declare(size: int, role: Role) -> bytes:
    """The header of a binary frame without its masking key."""
    mask = 0x80 if role is Role.SERVER else 0
    if size < 126:
        return bytes((0x82, mask | size))
    if size < 65536:
        return bytes((0x82, mask | 126)) + size.to_bytes(2, "big")
    return bytes((0x82, mask | 127)) + size.to_bytes(8, "big")


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(
    ("size", "code"),
    [
        (2**64 - 1, 1002),
        (2**63, 1002),
        (2**63 - 1, 1009),
        (2**62, 1009),
        (2**32, 1009),
        (2**31, 1009),
        (2**20 + 1, 1009),
    ],
)
def test_declared_length_is_refused_at_the_header(role: Role, size: int, code: int) -> None:
    header = declare(size, role)
    end = open_end(role)
    assert hear(end, header[:-1]) == []
    assert failure(hear(end, header[-1:])) == code


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("limit", [0, 1, 125, 126, 1000, 65535, 65536])
def test_message_of_exactly_the_limit_is_taken_and_one_byte_more_is_not(
    role: Role, limit: int
) -> None:
    end = open_end(role, Limits(message=limit))
    message = b"x" * limit
    assert hear(end, frame(BINARY, message, to=role)) == [message]
    assert hear(end, frame(TEXT, message, to=role)) == [message.decode()]
    assert hear(end, declare(limit + 1, role)) == [
        Failed(CloseReason(1009, f"Exceeded maximum message size: {limit} bytes"))
    ]


def test_limit_that_is_a_float_is_told_as_a_number_of_bytes() -> None:
    end = open_end(Role.CLIENT, Limits(message=1e6))
    assert hear(end, declare(1_000_001, Role.CLIENT)) == [
        Failed(CloseReason(1009, "Exceeded maximum message size: 1000000 bytes"))
    ]


def test_limit_counts_the_bytes_of_text() -> None:
    server = open_end(Role.SERVER, Limits(message=4))
    assert hear(server, frame(TEXT, "äö".encode(), to=Role.SERVER)) == ["äö"]
    assert failure(hear(server, frame(TEXT, "äöü".encode(), to=Role.SERVER))) == 1009


@pytest.mark.parametrize("role", Role)
def test_limit_holds_over_fragments(role: Role) -> None:
    end = open_end(role, Limits(message=10))
    exactly = [
        frame(TEXT, b"1234", to=role, fin=False),
        frame(CONTINUATION, b"567", to=role, fin=False),
        frame(CONTINUATION, b"890", to=role),
    ]
    assert hear(end, b"".join(exactly)) == ["1234567890"]
    # The next message starts from nothing.
    assert hear(end, exactly[0] + exactly[1]) == []
    too_much = frame(CONTINUATION, b"8901", to=role)
    assert failure(hear(end, too_much[:2])) == 1009


def test_there_may_be_no_limit() -> None:
    server = open_end(Role.SERVER, Limits(message=math.inf))
    message = b"x" * (2**20 + 1)
    assert hear(server, frame(BINARY, message, to=Role.SERVER, mask=bytes(4))) == [message]
    assert hear(server, declare(2**62, Role.SERVER)) == []


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 125, 126, 65536])
@pytest.mark.parametrize("step", [1, 2, 3, 5, 7, 1000])
def test_payload_in_pieces_is_unmasked_as_in_one(role: Role, size: int, step: int) -> None:
    payload = bytes(i * 7 % 251 for i in range(size))
    data = frame(BINARY, payload, to=role)
    end = open_end(role)
    found = [
        event for start in range(0, len(data), step) for event in hear(end, data[start:][:step])
    ]
    assert found == [payload]


def test_frames_after_a_failure_are_not_looked_at() -> None:
    server = open_end(Role.SERVER)
    good = frame(TEXT, b"good", to=Role.SERVER)
    assert hear(server, good + b"\xff\xff" + good) == [
        "good",
        Failed(CloseReason(1002, "reserved bits are set")),
    ]
    assert hear(server, good) == []


def test_ping_between_pieces_of_one_frame_is_payload() -> None:
    server = open_end(Role.SERVER)
    ping = frame(PING, b"x", to=Role.SERVER)
    data = frame(BINARY, b"abc" + ping + b"def", to=Role.SERVER)
    assert hear_bytewise(server, data) == [b"abc" + ping + b"def"]
