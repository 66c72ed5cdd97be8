"""A peer that breaks the protocol: what came before it counts, and then we say why we leave."""

from __future__ import annotations

import tracemalloc

import pytest

from ws_core import (
    PIECE,
    Closed,
    CloseReason,
    Failed,
    Limits,
    Pinged,
    Role,
    State,
)

from .two_ends import (
    CLOSE,
    CONTINUATION,
    PING,
    TEXT,
    close_frame,
    events,
    failure,
    frame,
    hear,
    open_end,
    said,
)

FAULTS = [
    pytest.param(b"\xf1\x80", 1002, id="reserved bits"),
    pytest.param(b"\x83\x80", 1002, id="unknown opcode"),
    pytest.param(b"\x81\x01", 1002, id="no mask"),
    pytest.param(frame(CONTINUATION, b"", to=Role.SERVER), 1002, id="nothing to continue"),
    pytest.param(frame(CLOSE, b"\x03", to=Role.SERVER), 1002, id="half a close code"),
    pytest.param(close_frame(1005, to=Role.SERVER), 1002, id="odd close code"),
    pytest.param(frame(CLOSE, b"\x03\xe8\xff", to=Role.SERVER), 1007, id="odd close reason"),
    pytest.param(frame(TEXT, b"\xff", to=Role.SERVER), 1007, id="no text"),
    pytest.param(b"\x82\xff" + b"\x7f" * 8, 1009, id="too long"),
]


@pytest.mark.parametrize(("fault", "code"), FAULTS)
def test_good_messages_in_the_same_read_come_first_and_can_be_answered(
    fault: bytes, code: int
) -> None:
    server = open_end(Role.SERVER)
    good = frame(TEXT, b"good", to=Role.SERVER)
    ping = frame(PING, b"!", to=Role.SERVER)
    server.receive_data(good + ping + good + fault + good)
    assert [server.next_event() for _ in range(3)] == ["good", Pinged(b"!"), "good"]
    assert server.state is State.OPEN
    said(server)
    failed = server.next_event()
    assert isinstance(failed, Failed)
    assert failed.reason.code == code
    assert failed.reason.reason
    assert not len(server.outgoing)
    server.send_message("answer")
    server.pong(b"pong")
    server.ping(b"ping")
    server.close(1000, "never mind")
    # The close frame says what was wrong.
    assert said(server) == (
        frame(TEXT, b"answer", to=Role.CLIENT)
        + frame(0xA, b"pong", to=Role.CLIENT)
        + frame(0x9, b"ping", to=Role.CLIENT)
        + close_frame(code, failed.reason.reason, to=Role.CLIENT)
    )
    assert events(server) == [Closed(CloseReason(code, failed.reason.reason), clean=False)]


@pytest.mark.parametrize(("fault", "code"), FAULTS)
def test_failing_end_listens_no_more(fault: bytes, code: int) -> None:
    server = open_end(Role.SERVER)
    assert failure(hear(server, fault)) == code
    assert server.state is State.FAILING
    for data in (fault, frame(PING, b"", to=Role.SERVER), close_frame(1000, to=Role.SERVER)):
        assert hear(server, data) == []
    server.receive_eof()
    assert events(server) == []
    assert not len(server.outgoing)


@pytest.mark.parametrize(("fault", "code"), FAULTS)
def test_fault_behind_our_close_ends_the_connection_without_a_second_close(
    fault: bytes, code: int
) -> None:
    server = open_end(Role.SERVER)
    server.close()
    said(server)
    server.receive_data(fault)
    closed = server.next_event()
    assert isinstance(closed, Closed)
    assert closed.reason.code == code
    assert not closed.clean
    assert not len(server.outgoing)
    server.close()
    assert not len(server.outgoing)
    assert events(server) == []


def test_failed_end_closes_once() -> None:
    server = open_end(Role.SERVER)
    hear(server, b"\xff\xff")
    server.close()
    assert said(server) == close_frame(1002, "reserved bits are set", to=Role.CLIENT)
    server.close()
    assert not said(server)
    assert events(server) == [Closed(CloseReason(1002, "reserved bits are set"), clean=False)]
    assert events(server) == []


def test_arguments_of_close_are_checked_even_when_they_are_not_said() -> None:
    server = open_end(Role.SERVER)
    hear(server, b"\xff\xff")
    with pytest.raises(ValueError, match="close code 5 may not be sent"):
        server.close(5)
    assert not len(server.outgoing)
    assert events(server) == []


def test_no_pong_waits_behind_a_failure() -> None:
    server = open_end(Role.SERVER)
    for _ in range(50):
        hear(server, frame(PING, bytes(125), to=Role.SERVER))
    size = len(server.outgoing)
    hear(server, b"\xff\xff")
    assert len(said(server)) == size


def test_failing_client_masks_its_close_frame() -> None:
    client, server = open_end(Role.CLIENT), open_end(Role.SERVER)
    hear(client, b"\xff\xff")
    client.close()
    assert hear(server, said(client)) == [
        Closed(CloseReason(1002, "reserved bits are set"), clean=True)
    ]


def test_message_over_the_limit_is_given_up_at_once() -> None:
    client = open_end(Role.CLIENT, Limits(message=1000))
    hear(client, frame(TEXT, bytes(1000), to=Role.CLIENT, fin=False))
    client.receive_data(frame(CONTINUATION, b"x", to=Role.CLIENT))
    assert client.next_event() is not PIECE
    client.close()
    events(client)
    tracemalloc.start()
    try:
        for _ in range(10):
            assert hear(client, bytes(100_000)) == []
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 10_000
