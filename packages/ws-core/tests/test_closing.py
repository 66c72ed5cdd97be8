"""The closing handshake, and ends without one."""

from __future__ import annotations

import tracemalloc

import pytest

from ws_core import (
    Closed,
    CloseReason,
    Connection,
    Failed,
    HandshakeFailed,
    Limits,
    Pinged,
    Ponged,
    Role,
    State,
)

from .two_ends import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    close_frame,
    deliver,
    events,
    frame,
    hear,
    open_end,
    open_pair,
    said,
)


def test_either_end_closes() -> None:
    for closer, other in (open_pair(), open_pair()[::-1]):
        closer.close(1001, "bye")
        assert (closer.state, other.state) == (State.CLOSING, State.OPEN)
        assert deliver(closer, other) == [Closed(CloseReason(1001, "bye"), clean=True)]
        assert deliver(other, closer) == [Closed(CloseReason(1001, "bye"), clean=True)]
        assert (closer.state, other.state) == (State.CLOSED, State.CLOSED)
        assert deliver(closer, other) == deliver(other, closer) == []


def test_both_ends_close_at_once() -> None:
    client, server = open_pair()
    client.close(4001, "client")
    server.close(4002, "server")
    from_client, from_server = said(client), said(server)
    assert hear(server, from_client) == [Closed(CloseReason(4001, "client"), clean=True)]
    assert hear(client, from_server) == [Closed(CloseReason(4002, "server"), clean=True)]
    assert not len(client.outgoing)
    assert not len(server.outgoing)


@pytest.mark.parametrize(
    "payload", [b"", b"\x03\xe8", b"\x0f\xa0bye", b"\x03\xf6", b"\x03\xe8\xc3\xa4"]
)
def test_answer_echoes_the_close_frame(payload: bytes) -> None:
    server = open_end(Role.SERVER)
    hear(server, frame(CLOSE, payload, to=Role.SERVER))
    assert said(server) == frame(CLOSE, payload, to=Role.CLIENT)


def test_close_is_said_once() -> None:
    server = open_end(Role.SERVER)
    server.close(1001)
    once = said(server)
    assert once == close_frame(1001, to=Role.CLIENT)
    server.close(1000, "again")
    assert not said(server)


@pytest.mark.parametrize("role", Role)
def test_messages_that_cross_our_close_are_heard(role: Role) -> None:
    end = open_end(role)
    end.close()
    said(end)
    assert hear(
        end,
        frame(TEXT, b"crossed", to=role) + frame(PONG, b"x", to=role) + close_frame(1000, to=role),
    ) == ["crossed", Ponged(b"x", ()), Closed(CloseReason(1000), clean=True)]


def test_ping_behind_our_close_is_not_answered() -> None:
    server = open_end(Role.SERVER)
    server.close()
    said(server)
    assert hear(server, frame(PING, b"x", to=Role.SERVER)) == [Pinged(b"x")]
    assert not said(server)


def test_pong_that_had_to_wait_is_not_said_behind_our_close() -> None:
    server = open_end(Role.SERVER)
    for _ in range(50):
        hear(server, frame(PING, bytes(125), to=Role.SERVER))
    server.close()
    assert said(server).endswith(close_frame(1000, to=Role.CLIENT))


def test_pong_that_had_to_wait_is_not_said_behind_the_close_that_answers() -> None:
    server = open_end(Role.SERVER)
    for _ in range(50):
        hear(server, frame(PING, bytes(125), to=Role.SERVER))
    hear(server, close_frame(1000, to=Role.SERVER))
    assert said(server).endswith(close_frame(1000, to=Role.CLIENT))


def test_close_comes_in_the_middle_of_a_message() -> None:
    server = open_end(Role.SERVER)
    start = frame(TEXT, b"never fin", to=Role.SERVER, fin=False)
    assert hear(server, start + close_frame(1001, to=Role.SERVER)) == [
        Closed(CloseReason(1001), clean=True)
    ]
    assert said(server) == close_frame(1001, to=Role.CLIENT)


@pytest.mark.parametrize("role", Role)
def test_nothing_is_heard_behind_the_peers_close(role: Role) -> None:
    text = frame(TEXT, b"late", to=role)
    end = open_end(role)
    assert hear(end, close_frame(1000, to=role) + text + b"\xff\xff") == [
        Closed(CloseReason(1000), clean=True)
    ]
    said(end)
    assert hear(end, text + frame(PING, b"", to=role) + close_frame(1002, to=role)) == []
    end.receive_eof()
    assert events(end) == []
    assert not len(end.outgoing)


@pytest.mark.parametrize("role", Role)
def test_data_behind_the_end_costs_no_memory(role: Role) -> None:
    end = open_end(role)
    hear(end, close_frame(1000, to=role))
    tracemalloc.start()
    try:
        for _ in range(10):
            assert hear(end, bytes(100_000)) == []
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 10_000


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"\x81",
        frame(BINARY, b"x", to=Role.SERVER)[:2],
        frame(PING, b"x", to=Role.SERVER)[:-1],
        frame(BINARY, bytes(200), to=Role.SERVER)[:50],
        frame(TEXT, b"x", to=Role.SERVER, fin=False),
        frame(CLOSE, b"\x03\xe8", to=Role.SERVER)[:-1],
    ],
)
def test_end_of_stream_without_a_close_frame_is_abnormal(role: Role, begun: bytes) -> None:
    # A client is not cut off within a masked frame, but within its first byte.
    begun = begun if role is Role.SERVER else begun[:1]
    end = open_end(role)
    end.receive_data(frame(TEXT, b"last words", to=role) + begun)
    end.receive_eof()
    assert events(end) == ["last words", Closed(CloseReason(1006), clean=False)]
    assert not len(end.outgoing)
    assert end.state is State.CLOSED


@pytest.mark.parametrize("role", Role)
def test_end_of_stream_instead_of_an_answer_to_our_close_is_abnormal(role: Role) -> None:
    end = open_end(role)
    end.close(1001)
    said(end)
    end.receive_eof()
    assert events(end) == [Closed(CloseReason(1006), clean=False)]
    assert not len(end.outgoing)


@pytest.mark.parametrize("role", Role)
def test_end_of_stream_behind_the_close_frames_is_no_news(role: Role) -> None:
    end = open_end(role)
    end.receive_data(close_frame(1000, to=role))
    end.receive_eof()
    assert events(end) == [Closed(CloseReason(1000), clean=True)]


@pytest.mark.parametrize("role", Role)
def test_end_of_stream_before_the_handshake_fails_it(role: Role) -> None:
    end = Connection(role)
    end.receive_eof()
    (event,) = events(end)
    assert isinstance(event, HandshakeFailed)
    end.receive_eof()
    assert events(end) == []
    assert end.state is State.CLOSED


def test_close_in_two_parts_of_a_message_of_ours() -> None:
    client, server = open_pair()
    client.send_message("one")
    client.close(1000)
    data = said(client)
    for cut in range(len(data)):
        _, server = open_pair()
        found = hear(server, data[:cut]) + hear(server, data[cut:])
        assert found == ["one", Closed(CloseReason(1000), clean=True)]


def test_unfinished_text_is_not_judged_when_the_peer_closes() -> None:
    client = open_end(Role.CLIENT)
    half = frame(TEXT, "€".encode()[:2], to=Role.CLIENT, fin=False)
    more = frame(CONTINUATION, b"", to=Role.CLIENT, fin=False)
    assert hear(client, half + more + close_frame(1000, to=Role.CLIENT)) == [
        Closed(CloseReason(1000), clean=True)
    ]


# Who closed, and how.


def end_of(end: Connection) -> CloseReason:
    """Why the connection ended; the event and its reason say the same."""
    closed = events(end)[-1]
    assert isinstance(closed, Closed)
    assert closed.clean is closed.reason.clean
    return closed.reason


@pytest.mark.parametrize("role", Role)
def test_each_side_knows_who_started_to_close(role: Role) -> None:
    server, client = open_pair()
    closer, other = (server, client) if role is Role.SERVER else (client, server)
    provisional = closer.close(1001, "bye")
    assert (provisional.initiator, provisional.clean) == ("local", False)
    (closed,) = deliver(closer, other)
    assert isinstance(closed, Closed)
    assert (closed.reason.initiator, closed.reason.clean) == ("remote", True)
    (closed,) = deliver(other, closer)
    assert isinstance(closed, Closed)
    assert (closed.reason.initiator, closed.reason.clean) == ("local", True)
    assert closed.reason.detail is None


@pytest.mark.parametrize("role", Role)
def test_when_both_close_at_once_each_started(role: Role) -> None:
    end = open_end(role)
    end.close(1000)
    end.receive_data(close_frame(1001, to=role))
    reason = end_of(end)
    assert (reason.code, reason.initiator, reason.clean) == (1001, "local", True)


@pytest.mark.parametrize("role", Role)
def test_peer_that_hangs_up_has_closed(role: Role) -> None:
    end = open_end(role)
    end.receive_eof()
    reason = end_of(end)
    assert (reason.code, reason.initiator, reason.clean) == (1006, "remote", False)
    assert reason.detail == f"the {role.peer.value} hung up without a close frame"


@pytest.mark.parametrize("role", Role)
def test_peer_that_hangs_up_instead_of_answering_has_not_started(role: Role) -> None:
    end = open_end(role)
    end.close()
    end.receive_eof()
    reason = end_of(end)
    assert (reason.code, reason.initiator, reason.clean) == (1006, "local", False)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("early", [True, False], ids=["open", "closing"])
def test_whoever_finds_a_fault_has_closed(role: Role, early: bool) -> None:
    end = open_end(role)
    if not early:
        end.close()
    end.receive_data(b"\xf0")
    end.receive_data(b"\x80" if role is Role.SERVER else b"\x00")
    if early:
        failed = end.next_event()
        assert isinstance(failed, Failed)
        assert (failed.reason.initiator, failed.reason.clean) == ("local", False)
        end.close()
    reason = end_of(end)
    assert (reason.code, reason.initiator, reason.clean) == (1002, "local", False)
    assert reason.detail == f"the {role.peer.value} broke the protocol"


@pytest.mark.parametrize("role", Role)
def test_limit_that_was_exceeded_is_told_with_its_argument(role: Role) -> None:
    end = open_end(role, limits=Limits(message=3))
    end.receive_data(frame(BINARY, b"four", to=role))
    end.next_event()
    end.close()
    reason = end_of(end)
    assert reason.reason == "Exceeded maximum message size: 3 bytes"
    assert reason.detail == (
        f"the {role.peer.value} went beyond our limit (max_message_size, or Limits(message=...))"
    )
