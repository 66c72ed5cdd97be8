"""An open connection, and when it may say what; closing and failing have files of their own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ws_core import (
    HELD_BACK,
    NEED_DATA,
    OVER,
    Accepted,
    Closed,
    CloseReason,
    Connection,
    Limits,
    LocalProtocolError,
    Pinged,
    Ponged,
    Requested,
    Role,
    State,
)

from .two_ends import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    close_frame,
    deliver,
    events,
    frame,
    hear,
    hear_bytewise,
    open_end,
    open_pair,
    said,
)


def test_two_ends_talk() -> None:
    client, server = open_pair()
    client.send_message("hello")
    client.send_message(b"\x00\xff")
    assert deliver(client, server) == ["hello", b"\x00\xff"]
    server.send_message("")
    server.send_message(b"")
    server.send_message("ä" * 100_000)
    assert deliver(server, client) == ["", b"", "ä" * 100_000]
    assert (client.state, server.state) == (State.OPEN, State.OPEN)


def test_ends_know_their_role_and_limits() -> None:
    limits = Limits(message=5)
    end = Connection(Role.SERVER, limits=limits)
    assert end.role is Role.SERVER
    assert end.limits is limits
    assert end.state is State.CONNECTING
    assert end.subprotocol is None
    assert events(end) == []


@pytest.mark.parametrize("role", Role)
def test_a_role_may_be_named(role: Role) -> None:
    assert Connection(role.value).role is role  # type: ignore[arg-type]  # the point


def test_a_role_and_limits_are_nothing_else() -> None:
    with pytest.raises(ValueError, match="peer"):
        Connection("peer")  # type: ignore[arg-type]  # the point
    with pytest.raises(TypeError, match="limits must be Limits, not dict"):
        Connection(Role.CLIENT, limits={"message": 3})  # type: ignore[arg-type]  # the point


def test_after_the_end_there_is_nothing_to_wait_for() -> None:
    client, server = open_pair()
    client.close()
    for sender, receiver in ((client, server), (server, client)):
        assert len(deliver(sender, receiver)) == 1
        assert receiver.next_event() is OVER
        receiver.receive_eof()
        assert receiver.next_event(pings_only=True) is OVER


def test_after_a_failed_handshake_there_is_nothing_to_wait_for() -> None:
    for role in Role:
        end = Connection(role)
        assert end.next_event() is NEED_DATA
        assert len(hear(end, b"\0")) == 1
        assert end.next_event() is OVER


def test_a_failed_connection_waits_for_its_close_alone() -> None:
    server = open_end(Role.SERVER)
    assert len(hear(server, b"\xff\xff")) == 1
    assert server.next_event() is OVER
    server.close()
    assert len(events(server)) == 1
    assert server.next_event() is OVER


def test_both_ends_know_the_subprotocol() -> None:
    client, server = Connection(Role.CLIENT), Connection(Role.SERVER)
    client.request("example.com", subprotocols=["a", "b"])
    (requested,) = deliver(client, server)
    assert isinstance(requested, Requested)
    assert requested.subprotocols == ("a", "b")
    server.accept(subprotocol="b")
    assert deliver(server, client) == [Accepted("b", ())]
    assert client.subprotocol == server.subprotocol == "b"


def test_a_first_message_may_go_out_with_the_acceptance() -> None:
    client, server = Connection(Role.CLIENT), Connection(Role.SERVER)
    client.request("example.com")
    deliver(client, server)
    server.accept()
    server.send_message("welcome")
    server.close()
    assert deliver(server, client) == [
        Accepted(None, ()),
        "welcome",
        Closed(CloseReason(1000), clean=True),
    ]


@pytest.mark.parametrize(
    "message", [bytearray(b"ab"), memoryview(b"ab"), memoryview(b"xaxb")[1::2]]
)
def test_message_may_be_anything_bytes_like(message: bytearray | memoryview) -> None:
    client, server = open_pair()
    client.send_message(message)
    assert deliver(client, server) == [b"ab"]


def test_message_is_taken_over_as_it_was_when_it_was_sent() -> None:
    message = bytearray(100_000)
    client, server = open_pair()
    for end in (client, server):
        end.send_message(message)
    message[:] = b"x" * 100_000
    assert deliver(client, server) == deliver(server, client) == [bytes(100_000)]


def test_length_of_a_memoryview_is_that_of_its_bytes() -> None:
    client, server = open_pair()
    server.send_message(memoryview(bytes(8)).cast("H"))
    assert deliver(server, client) == [bytes(8)]


@pytest.mark.parametrize("message", [None, 5, ["a"], object()])
def test_message_of_another_type_is_refused(message: object) -> None:
    server = open_end(Role.SERVER)
    with pytest.raises(ValueError, match="message must be str or bytes"):
        server.send_message(message)  # type: ignore[arg-type]  # the point
    assert not len(server.outgoing)


def test_text_without_utf8_is_refused() -> None:
    server = open_end(Role.SERVER)
    with pytest.raises(ValueError, match="surrogates not allowed"):
        server.send_message("\ud800")
    assert not len(server.outgoing)


def test_data_may_come_as_a_bytearray() -> None:
    server = open_end(Role.SERVER)
    server.receive_data(bytearray(frame(TEXT, b"x", to=Role.SERVER)))
    assert events(server) == ["x"]


# Pings and pongs.


@pytest.mark.parametrize("size", [0, 1, 125])
def test_ping_is_answered_with_its_payload(size: int) -> None:
    server = open_end(Role.SERVER)
    assert hear(server, frame(PING, bytes(size), to=Role.SERVER)) == [Pinged(bytes(size))]
    assert said(server) == frame(PONG, bytes(size), to=Role.CLIENT)


def test_events_come_one_at_a_time_and_nothing_is_answered_ahead() -> None:
    server = open_end(Role.SERVER)
    server.receive_data(
        frame(TEXT, b"1", to=Role.SERVER)
        + frame(PING, b"2", to=Role.SERVER)
        + close_frame(1000, to=Role.SERVER)
    )
    assert server.next_event() == "1"
    assert not len(server.outgoing)
    assert server.next_event() == Pinged(b"2")
    assert said(server) == frame(PONG, b"2", to=Role.CLIENT)
    server.send_message("still open")
    assert len(events(server)) == 1
    assert said(server).endswith(frame(CLOSE, b"\x03\xe8", to=Role.CLIENT))


def test_every_ping_is_answered_while_the_pongs_are_written() -> None:
    server = open_end(Role.SERVER)
    for i in range(1000):
        payload = b"%0125d" % i
        hear(server, frame(PING, payload, to=Role.SERVER))
        assert said(server) == frame(PONG, payload, to=Role.CLIENT)


def unwritten_pongs(server: Connection, count: int) -> bytes:
    """Ping `server` until its pongs wait; the pongs, 127 bytes each."""
    payloads = [b"%0125d" % i for i in range(count)]
    for payload in payloads:
        assert hear(server, frame(PING, payload, to=Role.SERVER)) == [Pinged(payload)]
    return b"".join(frame(PONG, payload, to=Role.CLIENT) for payload in payloads)


def test_unwritten_pongs_beyond_4_kib_are_merged_and_the_newest_wins() -> None:
    server = open_end(Role.SERVER)
    pongs = unwritten_pongs(server, 1000)
    # 33 pongs of 127 bytes are the first to pass 4096.
    assert len(server.outgoing) == 33 * 127
    server.written(126)
    assert len(server.outgoing) == 33 * 127 - 126
    server.written(1)
    rest = b"".join(server.outgoing.peek(2**20))
    assert rest == pongs[127 : 33 * 127] + pongs[-127:]
    assert said(server) == rest


def test_only_control_frames_count_as_unwritten_pongs() -> None:
    server = open_end(Role.SERVER)
    server.send_message(bytes(10_000))
    pongs = unwritten_pongs(server, 20)
    assert said(server) == frame(BINARY, bytes(10_000), to=Role.CLIENT) + pongs


def test_merged_pong_keeps_its_place_behind_what_is_said_later() -> None:
    server = open_end(Role.SERVER)
    pongs = unwritten_pongs(server, 40)
    server.send_message("later")
    assert said(server) == (
        pongs[: 33 * 127] + frame(TEXT, b"later", to=Role.CLIENT) + pongs[-127:]
    )


def test_memory_of_a_ping_flood_is_bounded() -> None:
    server = open_end(Role.SERVER)
    for _ in range(10_000):
        hear(server, frame(PING, bytes(125), to=Role.SERVER))
    assert len(server.outgoing) < 4096 + 127
    assert server.outgoing.control_size == len(server.outgoing)


# Only control frames.


def test_pings_and_pongs_can_be_taken_alone() -> None:
    server = open_end(Role.SERVER)
    server.receive_data(
        frame(PING, b"1", to=Role.SERVER)
        + frame(PONG, b"2", to=Role.SERVER)
        + frame(TEXT, b"3", to=Role.SERVER)
        + frame(PING, b"4", to=Role.SERVER)
    )
    assert server.next_event(pings_only=True) == Pinged(b"1")
    assert server.next_event(pings_only=True) == Ponged(b"2", ())
    for _ in range(2):
        assert server.next_event(pings_only=True) is HELD_BACK
    assert server.next_event() == "3"
    assert server.next_event(pings_only=True) == Pinged(b"4")
    assert server.next_event(pings_only=True) is NEED_DATA


@pytest.mark.parametrize(
    "data",
    [
        close_frame(1000, to=Role.SERVER),
        frame(TEXT, b"", to=Role.SERVER, fin=False),
        frame(BINARY, b"x", to=Role.SERVER)[:2],
        b"\xff\xff",
    ],
)
def test_all_else_stays_where_it_is(data: bytes) -> None:
    server = open_end(Role.SERVER)
    server.receive_data(data)
    for _ in range(2):
        assert server.next_event(pings_only=True) is HELD_BACK
    assert server.state is State.OPEN
    assert not len(server.outgoing)


def test_message_that_has_begun_stays_where_it_is() -> None:
    server = open_end(Role.SERVER)
    data = frame(BINARY, b"abc", to=Role.SERVER)
    hear(server, data[:-2])
    assert server.next_event(pings_only=True) is HELD_BACK
    server.receive_data(data[-2:])
    assert server.next_event(pings_only=True) is HELD_BACK
    assert events(server) == [b"abc"]


def test_half_a_ping_needs_data() -> None:
    server = open_end(Role.SERVER)
    data = frame(PING, b"abc", to=Role.SERVER)
    for octet in data[:-1]:
        server.receive_data(bytes((octet,)))
        assert server.next_event(pings_only=True) is NEED_DATA
    server.receive_data(data[-1:])
    assert server.next_event(pings_only=True) == Pinged(b"abc")


# What may be said when.

VERBS: dict[str, Callable[[Connection], object]] = {
    "message": lambda end: end.send_message("x"),
    "ping": lambda end: end.ping(b"x"),
    "pong": lambda end: end.pong(b"x"),
    "close": lambda end: end.close(),
}


def connecting(role: Role) -> Connection:
    return Connection(role)


def half_connected(role: Role) -> Connection:
    client, server = Connection(Role.CLIENT), Connection(Role.SERVER)
    client.request("example.com")
    deliver(client, server)
    return client if role is Role.CLIENT else server


def closing(role: Role) -> Connection:
    end = open_end(role)
    end.close()
    said(end)
    return end


def closed(role: Role) -> Connection:
    end = open_end(role)
    hear(end, close_frame(1000, to=role))
    said(end)
    return end


def cut_off(role: Role) -> Connection:
    end = open_end(role)
    end.receive_eof()
    events(end)
    return end


def refused(role: Role) -> Connection:
    end = Connection(role)
    hear(end, b"\x00")
    said(end)
    return end


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("state", [connecting, half_connected, closing, closed, cut_off, refused])
def test_nothing_can_be_said_but_on_an_open_connection(
    role: Role, verb: str, state: Callable[[Role], Connection]
) -> None:
    end = state(role)
    before = end.state
    if verb == "close" and before is not State.CONNECTING:
        VERBS[verb](end)  # once more makes no difference
    else:
        with pytest.raises(LocalProtocolError, match=f"this {role.value} is {before.value}"):
            VERBS[verb](end)
    assert not len(end.outgoing)
    assert end.state is before
    assert events(end) == []


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("state", [open_end, closing, closed, cut_off, refused])
def test_handshake_happens_once(role: Role, state: Callable[[Role], Connection]) -> None:
    end = state(role)
    verbs: list[Callable[[], None]] = [
        lambda: end.request("example.com"),
        end.accept,
        lambda: end.reject(403),
    ]
    for verb in verbs:
        with pytest.raises(LocalProtocolError, match=f"this {role.value} is {end.state.value}"):
            verb()
    assert not len(end.outgoing)


@pytest.mark.parametrize("role", Role)
def test_one_byte_at_a_time_is_as_good_as_all_at_once(role: Role) -> None:
    data = (
        frame(TEXT, b"a", to=role)
        + frame(BINARY, bytes(300), to=role)
        + frame(PING, b"p", to=role)
        + frame(TEXT, "ä".encode()[:1], to=role, fin=False)
        + frame(PONG, b"q", to=role)
        + frame(0, "ä".encode()[1:], to=role)
        + close_frame(4000, "bye", to=role)
    )
    expected = [
        "a",
        bytes(300),
        Pinged(b"p"),
        Ponged(b"q", ()),
        "ä",
        Closed(CloseReason(4000, "bye"), clean=True),
    ]
    assert hear(open_end(role), data) == hear_bytewise(open_end(role), data) == expected
