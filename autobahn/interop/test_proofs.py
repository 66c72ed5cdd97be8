from __future__ import annotations

import pytest
from failure import WrongAnswer
from proofs import prove_compressed, prove_cut, prove_fragmented
from wire import Direction, Wire

AGREED = b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
REFUSED = b"Host: x\r\n\r\n"
COMPRESSED = b"\xc1\x0a" + bytes(10)
LONG = ["a" * 2000]


def direction(head: bytes, frames: bytes) -> Direction:
    return Direction(bytearray(b"HTTP\r\n" + head + frames))


def wire(by_client: Direction, by_server: Direction) -> Wire:
    return Wire(by_client, by_server)


def test_what_is_compressed_is_proved_to_be() -> None:
    side = direction(AGREED, COMPRESSED)
    prove_compressed(LONG, wire(side, side), side)


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (direction(REFUSED, COMPRESSED), "did not (offer|accept)"),
        (direction(AGREED, b"\x81\x0a" + bytes(10)), "compressed 0 messages, not 1"),
        (direction(AGREED, b"\xc1\x7e\x02\x58" + bytes(600)), "sent 2,000 bytes as 600"),
    ],
)
def test_what_one_side_does_not_compress_is_no_proof(bad: Direction, text: str) -> None:
    good = direction(AGREED, COMPRESSED)
    for both in (wire(good, bad), wire(bad, good)):
        with pytest.raises(WrongAnswer, match=text):
            prove_compressed(LONG, both, good)


def test_a_ping_between_fragments_is_found() -> None:
    ours, theirs = direction(REFUSED, b"\x8a\x00"), direction(REFUSED, b"\x01\x00\x89\x00\x80\x00")
    prove_fragmented(["x"], wire(ours, theirs), theirs)
    prove_fragmented(["x"], wire(theirs, ours), theirs)


@pytest.mark.parametrize("frames", [b"\x89\x00\x81\x00", b"\x01\x00\x80\x00\x89\x00", b"\x89\x00"])
def test_a_ping_elsewhere_is_no_proof(frames: bytes) -> None:
    ours, theirs = direction(REFUSED, b"\x8a\x00"), direction(REFUSED, frames)
    with pytest.raises(WrongAnswer, match="0 of 1 messages"):
        prove_fragmented(["x"], wire(ours, theirs), theirs)


def test_a_ping_without_our_pong_is_no_proof() -> None:
    ours, theirs = direction(REFUSED, b""), direction(REFUSED, b"\x01\x00\x89\x00\x80\x00")
    with pytest.raises(WrongAnswer, match="answered 0 of 1"):
        prove_fragmented(["x"], wire(ours, theirs), theirs)


def test_whole_messages_are_not_cut() -> None:
    theirs = direction(REFUSED, b"\x01\x00\x80\x00\x82\x00")
    prove_cut(["x"], Wire(), direction(REFUSED, b"\x01\x00\x80\x00"))
    with pytest.raises(WrongAnswer, match="1 of 2"):
        prove_cut(["x", b"y"], Wire(), theirs)
