import pytest

from ws_core import Connection, HandshakeFailed, Outgoing, Role

from .two_ends import open_end, said


def test_nothing_was_said_at_first() -> None:
    outgoing = Outgoing()
    assert len(outgoing) == 0
    assert outgoing.peek(100) == []


def test_bytes_come_out_in_the_order_in_which_they_were_said() -> None:
    outgoing = Outgoing()
    outgoing.append(b"ab", b"cd")
    outgoing.append_control(b"ef", b"")
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
            outgoing.append(b"<>", piece)
        written = b""
        while len(outgoing):
            part = b"".join(outgoing.peek(step))
            outgoing.advance(len(part))
            written += part
        assert written == b"".join(b"<>" + piece for piece in pieces)
        assert outgoing.said == outgoing.written == len(written)
        assert outgoing.peek(step) == []


def test_small_payloads_are_joined_with_their_header_and_large_ones_are_not_copied() -> None:
    outgoing = Outgoing()
    small, large = bytes(65535), bytes(65536)
    outgoing.append(b"h", small)
    outgoing.append(b"h", large)
    buffers = outgoing.peek(10**6)
    assert [len(buffer) for buffer in buffers] == [65536, 1, 65536]
    assert buffers[2].obj is large


def test_one_gathered_write_has_a_bounded_number_of_buffers() -> None:
    outgoing = Outgoing()
    for _ in range(1000):
        outgoing.append(b"x")
    assert 1 <= len(outgoing.peek(10**6)) <= 64


def test_control_frames_are_counted_until_their_last_byte_is_written() -> None:
    outgoing = Outgoing()
    outgoing.append(b"data")
    outgoing.append_control(b"pi", b"ng")
    outgoing.append(b"data")
    outgoing.append_control(b"pong!", b"")
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
