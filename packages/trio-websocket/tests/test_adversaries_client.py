"""Hostile servers: clients raise what is documented, at once or in time, and close the socket."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
import trio
import trio.testing

from trio_websocket import (
    ConnectionRejected,
    ConnectionTimeout,
    DisconnectionTimeout,
    HandshakeError,
    WebSocketConnection,
    open_websocket,
    wrap_client_stream,
)
from ws_core import Requested, Role

from .peers import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    MakePair,
    Peer,
    close_frame,
    closed_error,
    connected,
    descriptors,
    frame,
    lockstep_pair,
    memory_pair,
    read_to_end,
    reset,
    takes,
    tasks,
    tcp_pair,
    tls_contexts,
    until,
)

CLIENT = Role.CLIENT

Answer = Callable[[trio.abc.Stream, bytes], Awaitable[None]]


async def read_request(stream: trio.abc.Stream) -> bytes:
    """A client's request, and the 101 that would accept it."""
    peer = Peer(stream, Role.SERVER)
    assert isinstance(await peer.hear(), Requested)
    peer.core.accept()
    return b"".join(peer.core.outgoing.peek(2**20))


async def meet(
    answer: Answer, make_pair: MakePair = memory_pair, **settings: Any
) -> WebSocketConnection:
    """What `wrap_client_stream` gives or raises when a server answers like that.

    Either the connection was closed again or the server sees the stream's end.
    """
    ours, theirs = await make_pair()
    before = tasks()

    async def serve() -> None:
        with trio.CancelScope() as scope:
            scopes.append(scope)
            good = await read_request(theirs)
            with suppress(trio.BrokenResourceError):  # the client may leave early
                await answer(theirs, good)

    scopes: list[trio.CancelScope] = []
    error: Exception | None = None
    connection: WebSocketConnection | None = None
    async with trio.open_nursery() as serving, trio.open_nursery() as nursery:
        serving.start_soon(serve)
        try:
            connection = await wrap_client_stream(nursery, ours, "localhost", "/", **settings)
        except HandshakeError as raised:
            error = raised
            with pytest.raises(trio.ClosedResourceError):
                await ours.send_all(b"x")
            assert not nursery.child_tasks
        for scope in scopes:
            scope.cancel()
        nursery.cancel_scope.cancel()
    await trio.aclose_forcefully(theirs)
    assert tasks() == before
    if error is not None:
        raise error
    assert connection is not None
    return connection


def fixed(answer: bytes, *, end: bool = False) -> Answer:
    """Answer with these bytes, whatever the request."""

    async def send(stream: trio.abc.Stream, good: bytes) -> None:
        await stream.send_all(answer)
        if end:
            await stream.aclose()

    return send


def changed(old: bytes, new: bytes) -> Answer:
    """Answer with a 101 in which something is wrong."""

    async def send(stream: trio.abc.Stream, good: bytes) -> None:
        assert old in good
        await stream.send_all(good.replace(old, new))

    return send


OK = b"HTTP/1.1 101 Switching Protocols\r\n"
LINE = b"Upgrade: websocket\r\n"
ANSWERS = [
    pytest.param(fixed(b"\x00garbage"), id="garbage"),
    pytest.param(fixed(b"SSH-2.0-OpenSSH_9.2\r\n"), id="SSH"),
    pytest.param(fixed(b"\x15\x03\x01\x00\x02\x02\x46"), id="TLS alert"),
    pytest.param(fixed(b"HTTP/9.9 101 What\r\n\r\n"), id="odd version"),
    pytest.param(fixed(b"HTTP/1.1 1x1 What\r\n\r\n"), id="odd status"),
    pytest.param(fixed(b"HTTP/1.1 " + b"1" * 5_000 + b"\r\n\r\n"), id="long status"),
    pytest.param(fixed(OK + b"\r\n"), id="no headers"),
    pytest.param(fixed(OK + b"x: " + b"y" * 20_000), id="large head"),
    pytest.param(fixed(OK + b"x: y\r\n" * 2_000), id="many lines"),
    pytest.param(fixed(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 17), id="many interim answers"),
    pytest.param(changed(b"Accept: ", b"Accept: x"), id="wrong token"),
    pytest.param(changed(b"Accept: ", b"Accept: \xff"), id="odd token"),
    pytest.param(changed(LINE, b""), id="no upgrade"),
    pytest.param(changed(LINE, b"Upgrade: h2c\r\n"), id="other upgrade"),
    pytest.param(changed(LINE, b"Upgrade: \x80\r\n"), id="odd upgrade"),
    pytest.param(changed(b"Connection: Upgrade", b"Connection: close"), id="other connection"),
    pytest.param(changed(b"Connection: Upgrade", b"Connection: \xfe"), id="odd connection"),
    pytest.param(changed(LINE, LINE + b"Sec-WebSocket-Protocol: x\r\n"), id="subprotocol"),
    pytest.param(changed(LINE, LINE + b"Sec-WebSocket-Protocol: \xff\r\n"), id="odd subprotocol"),
    pytest.param(changed(LINE, LINE + b"Sec-WebSocket-Extensions: x\r\n"), id="extension"),
    pytest.param(changed(LINE, LINE + b"Sec-WebSocket-Extensions: \xff\r\n"), id="odd extension"),
    pytest.param(
        changed(LINE, LINE + b"Sec-WebSocket-Extensions: permessage-deflate\r\n"), id="deflate"
    ),
    pytest.param(changed(LINE, LINE + b"Content-Length: 5\r\n"), id="body"),
    pytest.param(changed(LINE, LINE + b"Transfer-Encoding: chunked\r\n"), id="chunked body"),
    pytest.param(changed(LINE, LINE + b" folded\r\n"), id="folded line"),
    pytest.param(changed(LINE, LINE + b"x: y\nz: w\r\n"), id="bare line feed"),
    pytest.param(changed(LINE, LINE + b"x y\r\n"), id="no colon"),
    pytest.param(changed(b"HTTP/1.1", b"HTTP/1.0"), id="HTTP/1.0"),
    pytest.param(fixed(b"", end=True), id="no answer"),
    pytest.param(fixed(b"HTTP/1.1 403 No\r\nContent-L", end=True), id="half a rejection"),
]


# The opening handshake.


@pytest.mark.parametrize("answer", ANSWERS)
async def test_bad_answer_is_an_error_at_once(
    answer: Answer, autojump_clock: trio.testing.MockClock
) -> None:
    with takes(0), pytest.raises(HandshakeError) as caught:
        await meet(answer)
    assert type(caught.value) is HandshakeError
    assert str(caught.value)


@pytest.mark.parametrize("answer", ANSWERS)
async def test_bad_answer_byte_by_byte(
    answer: Answer, autojump_clock: trio.testing.MockClock
) -> None:
    async def drip(stream: trio.abc.Stream, good: bytes) -> None:
        near, far = trio.testing.memory_stream_pair()
        await answer(near, good)
        await near.aclose()
        data = await read_to_end(far)
        for number in range(min(len(data), 2_000)):
            await stream.send_all(data[number : number + 1])
        await stream.send_all(data[2_000:])
        await stream.aclose()

    with takes(0), pytest.raises(HandshakeError):
        await meet(drip)


async def test_answer_that_ends_at_every_byte(autojump_clock: trio.testing.MockClock) -> None:
    length = 1_000
    cut = 0

    async def part(stream: trio.abc.Stream, good: bytes) -> None:
        nonlocal length
        length = len(good)
        await stream.send_all(good[:cut])
        await stream.aclose()

    while cut < length:
        with takes(0), pytest.raises(HandshakeError, match=r"^.+$"):
            await meet(part)
        cut += 1
    assert cut > 100
    connection = await meet(part)
    assert connection.is_client


async def test_answer_that_is_reset_anywhere() -> None:
    for cut in range(0, 100, 9):

        async def part(stream: trio.abc.Stream, good: bytes) -> None:
            await stream.send_all(good[:cut])  # noqa: B023 - called within this round
            reset(stream)

        with trio.fail_after(1), pytest.raises(HandshakeError) as caught:
            await meet(part, tcp_pair)
        assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize("made", [memory_pair, lockstep_pair])
async def test_silent_server_is_left_in_time(
    made: MakePair, autojump_clock: trio.testing.MockClock
) -> None:
    async def nothing(stream: trio.abc.Stream, good: bytes) -> None:
        await trio.sleep_forever()

    with takes(60), pytest.raises(ConnectionTimeout):
        await meet(nothing, made)
    with takes(7), pytest.raises(ConnectionTimeout):
        await meet(nothing, made, connect_timeout=7)


@pytest.mark.parametrize("start", [b"", OK + b"x: ", b"HTTP/1.1 403 No\r\n\r\n"])
async def test_answer_that_drips_does_not_starve_the_deadline(
    start: bytes, autojump_clock: trio.testing.MockClock
) -> None:
    async def drip(stream: trio.abc.Stream, good: bytes) -> None:
        data = start + (good if not start else b"y" * 10_000)
        for number in range(len(data)):
            await trio.sleep(1)
            await stream.send_all(data[number : number + 1])

    with takes(60), pytest.raises(ConnectionTimeout):
        await meet(drip)


async def test_interim_answers_are_skipped(autojump_clock: trio.testing.MockClock) -> None:
    async def send(stream: trio.abc.Stream, good: bytes) -> None:
        await stream.send_all(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 8)
        await stream.send_all(b"HTTP/1.1 100 Continue\r\n\r\n" * 8 + good)

    with takes(0):
        await meet(send)


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (fixed(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"), b"no"),
        (fixed(b"HTTP/1.1 403 No\r\n\r\nno", end=True), b"no"),
        (fixed(b"HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\nno", end=True), b"no"),
        (fixed(b"HTTP/1.1 204 No\r\n\r\n"), b""),
        (
            fixed(b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"),
            b"no",
        ),
        (
            fixed(b"HTTP/1.1 403 No\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 70_000),
            b"x" * 2**16,
        ),
        (fixed(b"HTTP/1.1 403 No\r\n\r\n" + b"x" * 70_000), b"x" * 2**16),
    ],
)
async def test_rejection_is_told_at_once(
    answer: Answer, body: bytes, autojump_clock: trio.testing.MockClock
) -> None:
    with takes(0), pytest.raises(ConnectionRejected) as caught:
        await meet(answer)
    assert 200 <= caught.value.status_code < 500
    assert caught.value.body == body


async def test_endless_rejection_is_cut(autojump_clock: trio.testing.MockClock) -> None:
    sent = 0

    async def send(stream: trio.abc.Stream, good: bytes) -> None:
        nonlocal sent
        await stream.send_all(b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await stream.send_all(b"400\r\n" + b"x" * 1024 + b"\r\n")
            sent += 1024

    with takes(0), pytest.raises(ConnectionRejected) as caught:
        await meet(send, lockstep_pair)
    assert caught.value.body == b"x" * 2**16
    assert sent < 2**17


async def test_frames_behind_the_answer_are_taken(autojump_clock: trio.testing.MockClock) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:

        async def serve() -> None:
            good = await read_request(theirs)
            await theirs.send_all(good + frame(TEXT, b"first", to=CLIENT) + b"\x88\x00")
            await theirs.aclose()

        nursery.start_soon(serve)
        connection = await wrap_client_stream(nursery, ours, "localhost", "/")
        assert await connection.get_message() == "first"
        error = await closed_error(connection.get_message())
        assert error.reason is not None
        assert error.reason.code == 1005


async def test_server_that_is_not_trusted(autojump_clock: trio.testing.MockClock) -> None:
    """The reason is told at once."""
    ours, theirs = trio.testing.memory_stream_pair()
    stranger = ssl.create_default_context()
    client = trio.SSLStream(ours, stranger, server_hostname="localhost", https_compatible=True)
    server = trio.SSLStream(theirs, tls_contexts()[1], server_side=True, https_compatible=True)
    async with trio.open_nursery() as nursery:

        async def serve() -> None:
            with pytest.raises(trio.BrokenResourceError):
                await server.do_handshake()

        nursery.start_soon(serve)
        with takes(0), pytest.raises(HandshakeError) as caught:
            await wrap_client_stream(nursery, client, "localhost", "/")
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
        with pytest.raises(trio.BrokenResourceError):
            await theirs.send_all(b"x")
    await theirs.aclose()


# Frames.

OVER = 2**20 + 1
FRAMES = [
    pytest.param(b"\x81\x81maskx", 1002, id="mask"),
    pytest.param(b"\xc1\x00", 1002, id="RSV1"),
    pytest.param(b"\x83\x00", 1002, id="unknown opcode"),
    pytest.param(b"\x09\x00", 1002, id="fragmented ping"),
    pytest.param(b"\x89\x7e\x00\x7e", 1002, id="long ping"),
    pytest.param(frame(CONTINUATION, b"x", to=CLIENT), 1002, id="nothing to continue"),
    pytest.param(b"\x82\x7f" + b"\xff" * 8, 1002, id="negative length"),
    pytest.param(b"\x82\x7f\x7f" + b"\xff" * 7, 1009, id="longest length"),
    pytest.param(b"\x82\x7f" + OVER.to_bytes(8, "big"), 1009, id="one byte over"),
    pytest.param(frame(TEXT, b"\xff", to=CLIENT), 1007, id="no text"),
    pytest.param(frame(CLOSE, b"\x03", to=CLIENT), 1002, id="half a close code"),
    pytest.param(close_frame(1006, to=CLIENT), 1002, id="close 1006"),
    pytest.param(frame(CLOSE, b"\x03\xe8\xff", to=CLIENT), 1007, id="odd close reason"),
]


@pytest.mark.parametrize(("attack", "code"), FRAMES)
async def test_bad_frame_closes_with_its_code(
    attack: bytes, code: int, autojump_clock: trio.testing.MockClock
) -> None:
    async with connected(CLIENT) as (connection, peer):
        await peer.send_frame(TEXT, b"good")
        await peer.send(attack)
        assert await connection.get_message() == "good"
        with takes(0):
            error = await closed_error(connection.get_message())
            assert error.reason is not None
            assert error.reason.code == code
            assert await peer.hear_all() == [("closed", code, "clean")]
            assert await peer.at_end()
        # We wait for the server to hang up, but not for ever.
        with takes(10):
            await connection.wait_closed()
        with pytest.raises(trio.BrokenResourceError):
            await peer.send(b"x")


@pytest.mark.parametrize(("attack", "code"), FRAMES)
async def test_bad_frame_then_a_reset(attack: bytes, code: int) -> None:
    async with connected(CLIENT, tcp_pair) as (connection, peer):
        await peer.send(attack)
        error = await closed_error(connection.get_message())
        assert error.reason is not None
        assert error.reason.code == code
        reset(peer.stream)
        with trio.fail_after(1):
            await connection.wait_closed()


@pytest.mark.parametrize("made", [memory_pair, lockstep_pair])
@pytest.mark.parametrize("flood", [None, PING, PONG, TEXT, BINARY])
async def test_server_that_does_not_answer_our_close(
    made: MakePair, flood: int | None, autojump_clock: trio.testing.MockClock
) -> None:
    """Silence, or endless data in place of an answer."""
    async with connected(CLIENT, made) as (connection, peer), trio.open_nursery() as nursery:

        async def send() -> None:
            while flood is not None:
                await trio.sleep(0.1)
                try:
                    await peer.send_frame(flood, b"x" * 100)
                except trio.BrokenResourceError:
                    return

        nursery.start_soon(send)
        await trio.sleep(0.05)
        with takes(10):
            await connection.aclose(1001)
        assert connection.closed is not None
        assert connection.closed.code == 1006


async def test_server_whose_close_frame_drips(autojump_clock: trio.testing.MockClock) -> None:
    async with connected(CLIENT) as (connection, peer), trio.open_nursery() as nursery:

        async def drip() -> None:
            for octet in close_frame(1000, "never mind", to=CLIENT):
                await trio.sleep(1)
                try:
                    await peer.send(bytes([octet]))
                except trio.BrokenResourceError:
                    return

        nursery.start_soon(drip)
        with takes(10):
            await connection.aclose()
        assert connection.closed is not None
        assert connection.closed.code == 1006


async def test_server_that_closes_and_keeps_tcp(autojump_clock: trio.testing.MockClock) -> None:
    """The socket is closed all the same, in time."""
    async with connected(CLIENT) as (connection, peer):
        await peer.send(close_frame(1001, to=CLIENT))
        with takes(0):
            error = await closed_error(connection.get_message())
        assert error.reason is not None
        assert error.reason.code == 1001
        assert await peer.hear_all() == [("closed", 1001, "clean")]
        with takes(10):
            await connection.aclose()
        with pytest.raises(trio.BrokenResourceError):
            await peer.send(b"x")


@pytest.mark.parametrize("made", [memory_pair, lockstep_pair])
async def test_server_that_answers_our_close_and_keeps_tcp(
    made: MakePair, autojump_clock: trio.testing.MockClock
) -> None:
    async with connected(CLIENT, made) as (connection, peer), trio.open_nursery() as nursery:

        async def answer() -> None:
            assert await peer.hear_all() == [("closed", 1000, "clean")]
            await peer.flush()

        nursery.start_soon(answer)
        with takes(10):
            await connection.aclose()


async def test_server_that_resets_lets_everybody_go() -> None:
    """Pings, receivers and senders; and the cause is kept."""
    async with connected(CLIENT, tcp_pair) as (connection, peer):
        errors = []
        async with trio.open_nursery() as nursery:

            async def note(call: Callable[[], Awaitable[object]]) -> None:
                errors.append(await closed_error(call()))

            for call in (connection.get_message, connection.ping, connection.wait_pong):
                nursery.start_soon(note, call)
            await trio.sleep(0.01)
            reset(peer.stream)
        errors.append(await closed_error(connection.send_message("late")))
        errors.append(await closed_error(connection.ping()))
        for error in errors:
            assert error.reason is not None
            assert error.reason.code == 1006
            assert isinstance(error.__cause__, trio.BrokenResourceError)
            assert isinstance(error.__cause__.__cause__, ConnectionResetError)


async def test_end_without_a_close_frame(autojump_clock: trio.testing.MockClock) -> None:
    async with connected(CLIENT) as (connection, peer):
        await peer.send_frame(TEXT, b"one")
        await peer.send_frame(TEXT, b"two")
        await peer.send(frame(TEXT, b"half", to=CLIENT)[:3])
        await peer.stream.aclose()
        with takes(0):
            assert await connection.get_message() == "one"
            assert await connection.get_message() == "two"
            error = await closed_error(connection.get_message())
            await connection.wait_closed()
        assert error.reason is not None
        assert error.reason.code == 1006


async def test_context_manager_closes_the_socket_whatever_the_server_does() -> None:
    """Over real sockets."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    endings: dict[str, bytes | None] = {
        "closes, keeps TCP": b"\x88\x00",
        "closes": b"\x88\x00",
        "bad frame": b"\xff\xff",
        "too long": b"\x82\x7f\x7f" + b"\xff" * 7,
        "hangs up": b"",
        "resets": None,
    }
    name = ""

    async def serve(stream: trio.SocketStream) -> None:
        peer = Peer(stream, Role.SERVER)
        await peer.open()
        ending = endings[name]
        if ending is None:
            reset(stream)
            return
        await peer.send(ending)
        if "TCP" in name:
            await read_to_end(stream)

    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, serve, listeners)
        before, open_before = tasks(), descriptors()
        for name in endings:  # noqa: B007 - serve uses it
            with trio.fail_after(2):
                async with open_websocket(
                    "127.0.0.1", port, "/", use_ssl=False, disconnect_timeout=0.2
                ) as connection:
                    error = await closed_error(connection.get_message())
                assert error.reason is not None
                await until(lambda: tasks() <= before and descriptors() <= open_before)
        nursery.cancel_scope.cancel()


async def test_context_manager_tells_that_closing_took_too_long() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]

    async def serve(stream: trio.SocketStream) -> None:
        await Peer(stream, Role.SERVER).open()
        await read_to_end(stream)

    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, serve, listeners)
        with trio.fail_after(1), pytest.raises(DisconnectionTimeout):
            async with open_websocket(
                "127.0.0.1", port, "/", use_ssl=False, disconnect_timeout=0.05
            ) as connection:
                pass
        assert connection.closed is not None
        assert connection.closed.code == 1006
        nursery.cancel_scope.cancel()


async def test_nobody_listens() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    with trio.fail_after(1), pytest.raises(HandshakeError) as caught:
        async with open_websocket("127.0.0.1", port, "/", use_ssl=False):
            raise AssertionError("unreachable")
    assert isinstance(caught.value.__cause__, OSError)
