"""What we say when compression was agreed on."""

from __future__ import annotations

import random
import zlib

import pytest

from ws_core import (
    Accepted,
    Closed,
    CloseReason,
    Connection,
    Deflate,
    LocalProtocolError,
    Pinged,
    Role,
)

from .two_ends import BINARY, PING, TEXT, answer, deliver, hear, open_end, open_pair, said, xor

TAIL = b"\x00\x00\xff\xff"
LONG = "some words that come again, some words that come again, some words that come again"


def frame_of(data: bytes) -> tuple[int, bytes]:
    """The first byte and the unmasked payload of the only frame in `data`."""
    length, start = data[1] & 127, 2
    if length == 126:
        length, start = int.from_bytes(data[2:4], "big"), 4
    if data[1] & 128:
        mask, payload = data[start : start + 4], data[start + 4 :]
        assert len(payload) == length
        return data[0], xor(payload, mask)
    assert len(data) == start + length
    return data[0], data[start:]


def sent(end: Connection, message: str | bytes, compress: bool | None = None) -> tuple[int, bytes]:
    """The frame in which `end` sends a message."""
    end.send_message(message, compress=compress)
    return frame_of(said(end))


@pytest.mark.parametrize("role", Role)
def test_messages_are_compressed(role: Role) -> None:
    end, inflater = open_end(role, deflate=Deflate()), zlib.decompressobj(-12)
    for message, opcode in ((LONG, TEXT), (LONG.encode(), BINARY)):
        first, payload = sent(end, message)
        assert first == 0x80 | 0x40 | opcode
        assert len(payload) < len(LONG) / 2
        assert inflater.decompress(payload + TAIL) == LONG.encode()


def test_each_message_makes_use_of_those_before() -> None:
    end = open_end(Role.CLIENT, deflate=Deflate())
    sizes = [len(sent(end, LONG)[1]) for _ in range(3)]
    assert sizes[1] < sizes[0] / 3
    assert sizes[2] <= sizes[1]


@pytest.mark.parametrize("role", Role)
def test_without_context_takeover_each_message_stands_alone(role: Role) -> None:
    mine = Deflate(
        client_no_context_takeover=role is Role.CLIENT,
        server_no_context_takeover=role is Role.SERVER,
    )
    end = open_end(role, deflate=mine)
    payloads = [sent(end, LONG)[1] for _ in range(2)]
    assert payloads[0] == payloads[1]
    assert zlib.decompress(payloads[1] + TAIL + b"\x03\x00", -12) == LONG.encode()


@pytest.mark.parametrize(("role", "bits"), [(Role.CLIENT, 9), (Role.SERVER, 10)])
def test_the_window_is_the_one_agreed_on(role: Role, bits: int) -> None:
    deflate = Deflate(client_max_window_bits=9, server_max_window_bits=10)
    end, inflater = open_end(role, deflate=deflate), zlib.decompressobj(-bits)
    message = bytes(range(256)) * 40
    for _ in range(3):
        _, payload = sent(end, message)
        assert inflater.decompress(payload + TAIL) == message


@pytest.mark.parametrize(("size", "compressed"), [(9, False), (10, True)])
def test_the_threshold_is_in_bytes(size: int, compressed: bool) -> None:
    end = open_end(Role.SERVER, deflate=Deflate(threshold=10))
    assert (sent(end, b"x" * size)[0] & 0x40 != 0) is compressed
    assert (sent(end, "x" * (size - 2) + "ä")[0] & 0x40 != 0) is compressed


def test_a_message_may_go_out_as_it_is() -> None:
    end = open_end(Role.SERVER, deflate=Deflate(threshold=0))
    assert sent(end, LONG, False) == (0x80 | TEXT, LONG.encode())
    assert sent(end, LONG, True)[0] == 0xC0 | TEXT


def test_a_message_below_the_threshold_may_be_compressed() -> None:
    end = open_end(Role.SERVER, deflate=Deflate(threshold=float("inf")))
    assert sent(end, LONG) == (0x80 | TEXT, LONG.encode())
    assert sent(end, LONG, True)[0] == 0xC0 | TEXT


def test_there_is_nothing_to_compress_in_an_empty_message() -> None:
    end = open_end(Role.SERVER, deflate=Deflate(threshold=0))
    assert sent(end, LONG)[0] == 0xC0 | TEXT
    assert sent(end, "", True) == (0x80 | TEXT, b"")


def test_where_nothing_was_agreed_on_nothing_is_compressed() -> None:
    client = open_end(Role.CLIENT)
    assert sent(client, LONG, True) == (0x80 | TEXT, LONG.encode())


def test_control_frames_are_never_compressed() -> None:
    end = open_end(Role.SERVER, deflate=Deflate(threshold=0))
    end.ping(b"p" * 100)
    assert frame_of(said(end)) == (0x80 | PING, b"p" * 100)


def test_the_level_is_ours_to_choose() -> None:
    small, fast, stored = (
        len(sent(open_end(Role.SERVER, deflate=Deflate(level=level)), LONG * 20)[1])
        for level in (9, 1, 0)
    )
    assert small <= fast < stored
    assert stored > len(LONG) * 20


NOISE = random.Random(5).randbytes(50_000)


def test_a_message_is_said_with_the_last_step() -> None:
    client, server = open_pair(deflate=Deflate())
    steps = client.send_message_in_steps(NOISE)
    for _ in range(3):  # of 16 KiB each, and the rest
        next(steps)
        assert not client.outgoing
    assert next(steps, "the end") == "the end"
    assert deliver(client, server) == [NOISE]


def test_what_is_not_compressed_takes_one_step() -> None:
    client, server = open_pair(deflate=Deflate())
    assert list(client.send_message_in_steps(NOISE, compress=False)) == []
    assert deliver(client, server) == [NOISE]


def test_meanwhile_all_but_messages_may_be_said() -> None:
    client, server = open_pair(deflate=Deflate())
    steps = client.send_message_in_steps(NOISE)
    next(steps)
    client.ping(b"p")
    with pytest.raises(LocalProtocolError, match="another one is being compressed"):
        client.send_message(LONG)
    with pytest.raises(LocalProtocolError, match="another one is being compressed"):
        next(client.send_message_in_steps(LONG))
    client.send_message(b"plain", compress=False)
    assert list(steps) == [None, None]
    assert deliver(client, server) == [Pinged(b"p"), b"plain", NOISE]


def test_a_message_that_is_given_up_was_not_said_and_is_not_referred_to() -> None:
    client, server = open_pair(deflate=Deflate())
    client.send_message(LONG)
    assert deliver(client, server) == [LONG]
    steps = client.send_message_in_steps(NOISE)
    next(steps)
    steps.close()
    for message in (LONG, NOISE, LONG):
        client.send_message(message)
        assert deliver(client, server) == [message]


def test_a_message_that_comes_too_late_was_not_said() -> None:
    client, server = open_pair(deflate=Deflate())
    steps = client.send_message_in_steps(NOISE)
    next(steps)
    client.close(1000)
    with pytest.raises(LocalProtocolError, match="a message can't be sent: this client is closing"):
        list(steps)
    assert deliver(client, server) == [Closed(CloseReason(1000), clean=True)]


def test_a_client_whose_window_would_be_too_small_sends_messages_as_they_are() -> None:
    client = Connection(Role.CLIENT, deflate=Deflate())
    client.request("server.example.com")
    agreement = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=8"
    assert hear(client, answer(said(client), agreement)) == [Accepted(None, ())]
    assert sent(client, LONG, True) == (0x80 | TEXT, LONG.encode())
