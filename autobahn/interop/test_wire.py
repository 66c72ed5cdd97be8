from __future__ import annotations

import pytest
from wire import Direction, Frame

HEAD = b"GET / HTTP/1.1\r\nSec-WebSocket-Extensions: x\r\n\r\n"


def sent(frames: bytes) -> Direction:
    return Direction(bytearray(HEAD + frames))


def test_the_head_is_read() -> None:
    assert sent(b"").head == "get / http/1.1\r\nsec-websocket-extensions: x"
    assert sent(b"").frames == []


@pytest.mark.parametrize(
    ("header", "length"),
    [
        (b"\x82\x00", 0),
        (b"\x82\x7d", 125),
        (b"\x82\x7e\x00\x7e", 126),
        (b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 65536),
        (b"\x82\x85mask", 5),
        (b"\x82\xfe\x01\x00mask", 256),
    ],
)
def test_all_lengths_are_read(header: bytes, length: int) -> None:
    twice = sent((header + bytes(length)) * 2)
    assert twice.frames == [Frame(fin=True, rsv1=False, opcode=2, length=length)] * 2


def test_bits_and_opcodes_are_read() -> None:
    assert sent(b"\x41\x01a\x89\x00\x80\x01b\x8a\x00").frames == [
        Frame(fin=False, rsv1=True, opcode=1, length=1),
        Frame(fin=True, rsv1=False, opcode=9, length=0),
        Frame(fin=True, rsv1=False, opcode=0, length=1),
        Frame(fin=True, rsv1=False, opcode=10, length=0),
    ]


def test_control_frames_are_no_data() -> None:
    assert [frame.opcode for frame in sent(b"\x01\x00\x89\x00\x80\x00\x88\x00").data_frames] == [
        1,
        0,
    ]


@pytest.mark.parametrize("end", range(1, 10))
def test_a_frame_that_is_not_whole_is_left_out(end: int) -> None:
    assert sent(b"\x81\x00" + b"\x81\xfe\x00\x02mask??"[:end]).frames == [
        Frame(fin=True, rsv1=False, opcode=1, length=0)
    ]
