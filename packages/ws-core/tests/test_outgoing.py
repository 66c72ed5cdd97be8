import random

import pytest

from ws_core import Connection, HandshakeFailed, Outgoing, Pinged, Role

from .two_ends import MASK, deliver, open_end, open_pair, said, xor


def test_nothing_was_said_at_first() -> None:
    outgoing = Outgoing()
    assert len(outgoing) == 0
    assert outgoing.peek(100) == []


def test_bytes_come_out_in_the_order_in_which_they_were_said() -> None:
    outgoing = Outgoing()
    outgoing.append(b"abcd")
    outgoing.append_control(b"ef")
    outgoing.append(b"gh")
    assert len(outgoing) == 8
    assert b"".join(outgoing.peek(100)) == b"abcdefgh"
    assert b"".join(outgoing.peek(100)) == b"abcdefgh"


@pytest.mark.parametrize("limit", range(10))
def test_peek_keeps_to_the_limit(limit: int) -> None:
    outgoing = Outgoing()
    for piece in (b"abc", b"de", b"f"):
        outgoing.append(piece)
    outgoing.advance(1)
    assert b"".join(outgoing.peek(limit)) == b"bcdef"[:limit]
    assert all(outgoing.peek(limit))


@pytest.mark.parametrize("count", [-1, 4, 100])
def test_no_more_can_be_written_than_waits(count: int) -> None:
    end = open_end(Role.SERVER)
    end.send_message("x")
    with pytest.raises(ValueError, match=f"^{count} bytes were not written: 3 wait$"):
        end.written(count)
    assert said(end) == b"\x81\x01x"


def test_any_partial_writes_write_everything_once() -> None:
    pieces = [b"a", b"bcd", bytes(70_000), b"e" * 200_000, b"fg"]
    for step in (1000, 1001, 65536, 10**6):
        outgoing = Outgoing()
        for piece in pieces:
            outgoing.append(b"<>")
            outgoing.append(piece)
        written = b""
        while len(outgoing):
            part = b"".join(outgoing.peek(step))
            outgoing.advance(len(part))
            written += part
        assert written == b"".join(b"<>" + piece for piece in pieces)
        assert outgoing.said == outgoing.written == len(written)
        assert outgoing.peek(step) == []


def test_small_payloads_are_joined_with_their_header_and_large_ones_are_not_copied() -> None:
    server = open_end(Role.SERVER)
    small, large = bytes(65535), bytes(65536)
    server.send_message(small)
    server.send_message(large)
    header, payload = server.outgoing.peek(10**6)[1:]
    assert [len(buffer) for buffer in server.outgoing.peek(10**6)] == [65539, 10, 65536]
    assert payload is large
    server.written(65539 + len(header) + 5)
    (rest,) = server.outgoing.peek(10**6)
    assert isinstance(rest, memoryview)
    assert rest.obj is large
    assert len(rest) == 65531


def data_and_keys() -> list[tuple[bytes, bytes]]:
    """What is to be said, some of it masked."""
    noise = random.Random(1).randbytes
    return [
        (b"head", b""),
        (noise(300_001), MASK),
        (b"", MASK),
        (noise(3), b"abcd"),
        (noise(122_880), b"\0\1\2\3"),
        (noise(70_000), b""),
        (noise(122_881), MASK),
    ]


@pytest.mark.parametrize("limit", [1009, 4096, 65_536, 122_880, 122_881, 2**30])
@pytest.mark.parametrize("most", [1, 2, 3, 5, 1000])
def test_what_is_masked_as_it_is_written_is_masked_once(limit: int, most: int) -> None:
    """`most` is how many of the bytes that are given out are left for the next time."""
    outgoing = Outgoing()
    expected = b""
    for data, key in data_and_keys():
        outgoing.append(data, key)
        expected += xor(data, key) if key else data
    assert len(outgoing) == len(expected)
    written = b""
    while len(outgoing):
        part = b"".join(outgoing.peek(limit))
        assert 0 < len(part) <= limit
        part = part[: max(1, len(part) - most)]
        outgoing.advance(len(part))
        written += part
    assert written == expected
    assert outgoing.peek(limit) == []


def test_masking_keeps_little_ahead_of_what_is_written() -> None:
    outgoing = Outgoing()
    outgoing.append(bytes(2**20), MASK)
    outgoing.append(b"next")
    buffers = outgoing.peek(2**30)
    assert [len(buffer) for buffer in buffers] == [60 * 2**10]
    assert outgoing.peek(2**30) == buffers
    outgoing.advance(2**20 - 1)
    assert outgoing.peek(2**30) == [MASK[-1:]]  # and the next time the rest


@pytest.mark.parametrize("size", [65_535, 65_536, 200_000, 2**20])
def test_what_a_client_masks_in_steps_the_server_understands(size: int) -> None:
    client, server = open_pair()
    message = random.Random(size).randbytes(size)
    client.send_message(message)
    client.ping(b"between")
    client.send_message(message.hex()[:size])
    assert deliver(client, server) == [message, Pinged(b"between"), message.hex()[:size]]


def test_one_gathered_write_has_a_bounded_number_of_buffers() -> None:
    outgoing = Outgoing()
    for _ in range(1000):
        outgoing.append(b"x")
    assert 1 <= len(outgoing.peek(10**6)) <= 64


def test_control_frames_are_counted_until_their_last_byte_is_written() -> None:
    outgoing = Outgoing()
    outgoing.append(b"data")
    outgoing.append_control(b"ping")
    outgoing.append(b"data")
    outgoing.append_control(b"pong!")
    sizes = []
    while len(outgoing):
        sizes.append(outgoing.control_size)
        outgoing.advance(1)
    assert sizes == [9] * 8 + [5] * 9
    assert outgoing.control_size == 0


def test_written_bytes_are_let_go() -> None:
    server = open_end(Role.SERVER)
    server.send_message(bytes(100_000))
    said(server)
    assert server.outgoing.peek(10**6) == []
    assert server.outgoing.said == server.outgoing.written > 100_000


def test_no_answer_means_no_buffer_to_write() -> None:
    server = Connection(Role.SERVER)
    server.receive_eof()
    assert isinstance(server.next_event(), HandshakeFailed)
    assert len(server.outgoing) == 0
    assert server.outgoing.peek(100) == []
