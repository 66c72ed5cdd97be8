"""Whom a server lets in, before any handler is asked."""

from __future__ import annotations

import errno
import logging
import math
from typing import Any

import pytest
import trio
import trio.testing

from trio_websocket import (
    SAME_ORIGIN,
    ConnectionRejected,
    WebSocketConnection,
    WebSocketRequest,
    WebSocketServer,
    open_websocket_url,
    wrap_client_stream,
)
from trio_websocket._admission import Admission, Rules
from ws_core import Role

from .helpers import HOST, MemoryListener, echo, start_memory_server, start_server
from .peers import REQUEST, Peer, read_to_end, request, tls_contexts

Clock = trio.testing.MockClock


async def dial(
    nursery: trio.Nursery, listener: MemoryListener, *headers: tuple[str, str]
) -> WebSocketConnection:
    """Connect as a client that sends these headers."""
    return await wrap_client_stream(
        nursery, listener.connect(), "example.com", "/", extra_headers=headers
    )


async def refusal(
    nursery: trio.Nursery, listener: MemoryListener, *headers: tuple[str, str]
) -> tuple[int, bytes | None]:
    """How a server refuses such a client."""
    with pytest.raises(ConnectionRejected) as caught:
        await dial(nursery, listener, *headers)
    assert (b"connection", b"close") in caught.value.headers
    return caught.value.status_code, caught.value.body


# Origins.


@pytest.mark.parametrize(
    ("origins", "good", "bad"),
    [
        (["https://a.example"], "https://a.example", "https://b.example"),
        (SAME_ORIGIN, "https://example.com", "https://a.example"),
        ([SAME_ORIGIN, "null"], "null", "https://a.example"),
    ],
)
async def test_pages_of_other_origins_are_refused(
    origins: Any, good: str, bad: str, nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[str | None] = []

    async def handler(request: WebSocketRequest) -> None:
        asked.append(request.origin)
        await echo(request)

    caplog.set_level(logging.INFO, "trio-websocket")
    listener = await start_memory_server(nursery, handler, origins=origins)
    await dial(nursery, listener, ("Origin", good))
    answer = (403, b"this origin is not allowed\n")
    assert await refusal(nursery, listener, ("Origin", bad)) == answer
    assert await refusal(nursery, listener) == answer
    assert asked == [good]
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    for line in lines:
        assert line.startswith("answered 403 to ")
        assert line.endswith(" for '/': this origin is not allowed (origins)")
    nursery.cancel_scope.cancel()


async def test_every_origin_comes_in_by_default(nursery: trio.Nursery) -> None:
    listener = await start_memory_server(nursery)
    await dial(nursery, listener, ("Origin", "https://anywhere.example"))
    await dial(nursery, listener)
    nursery.cancel_scope.cancel()


async def test_same_origin_over_tls_is_a_page_that_came_over_tls(nursery: trio.Nursery) -> None:
    client_context, server_context = tls_contexts()
    server = await start_server(nursery, ssl_context=server_context, origins=SAME_ORIGIN)
    url = f"wss://localhost:{server.port}"
    page = f"//localhost:{server.port}"
    good, bad = [("Origin", f"https:{page}")], [("Origin", f"http:{page}")]
    async with open_websocket_url(url, client_context, extra_headers=good) as client:
        assert client.closed is None
    with pytest.raises(ConnectionRejected, match="403"):
        await open_websocket_url(url, client_context, extra_headers=bad).__aenter__()
    nursery.cancel_scope.cancel()


# How many.


async def test_so_many_connections_and_no_more(
    nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "trio-websocket")
    listener = await start_memory_server(nursery, max_connections=3)
    clients = [await dial(nursery, listener) for _ in range(3)]
    for _ in range(2):
        answer = await refusal(nursery, listener)
        assert answer == (503, b"there are too many connections\n")
    assert "there are too many connections: 3 (max_connections)" in caplog.text
    for client in clients:
        await client.send_message("still served")
        assert await client.get_message() == "still served"
    await clients[0].aclose()
    await trio.testing.wait_all_tasks_blocked()
    await dial(nursery, listener)
    assert (await refusal(nursery, listener))[0] == 503
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("way", ["reject", "fail", "return"])
async def test_place_is_free_again_however_a_request_ends(way: str, nursery: trio.Nursery) -> None:
    async def handler(asked: WebSocketRequest) -> None:
        if way == "reject":
            await asked.reject(404)
        if way == "fail":
            await asked.accept()
            raise ValueError

    listener = await start_memory_server(
        nursery, handler, max_connections=1, on_handler_error=lambda error, request: None
    )
    for _ in range(5):
        if way == "fail":
            await dial(nursery, listener)
        else:
            assert (await refusal(nursery, listener))[0] in (404, 500)
        await trio.testing.wait_all_tasks_blocked()
    nursery.cancel_scope.cancel()


async def test_request_that_waits_for_its_answer_has_a_place(nursery: trio.Nursery) -> None:
    async def handler(asked: WebSocketRequest) -> None:
        await trio.sleep_forever()

    listener = await start_memory_server(nursery, handler, max_connections=1)
    peer = Peer(listener.connect(), Role.CLIENT)
    await peer.send(REQUEST)
    await trio.testing.wait_all_tasks_blocked()
    assert (await refusal(nursery, listener))[0] == 503
    nursery.cancel_scope.cancel()


async def test_no_limit_on_connections_by_default(nursery: trio.Nursery) -> None:
    listener = await start_memory_server(nursery)
    for _ in range(200):
        await dial(nursery, listener)
    nursery.cancel_scope.cancel()


async def test_oldest_handshake_makes_room(
    nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    """Clients that only hold their place do not keep others out."""
    caplog.set_level(logging.INFO, "trio-websocket")
    listener = await start_memory_server(nursery, max_handshakes=3)
    idle = [listener.connect() for _ in range(5)]
    await trio.testing.wait_all_tasks_blocked()
    for stream in idle[:2]:
        with trio.fail_after(1):
            assert await read_to_end(stream) == b""
    for stream in idle[2:]:
        with trio.move_on_after(0.01) as waiting:
            await read_to_end(stream)
        assert waiting.cancelled_caught
    line = (
        "dropping the oldest of the clients that are in their opening handshake: "
        "3 are the most (max_handshakes)"
    )
    assert caplog.text.count(line) == 1
    await dial(nursery, listener)
    await idle[-1].send_all(REQUEST)
    answer = await idle[-1].receive_some(12)
    assert answer == b"HTTP/1.1 101"
    nursery.cancel_scope.cancel()


async def test_handshakes_make_room_where_no_descriptor_is_left(
    nursery: trio.Nursery, caplog: pytest.LogCaptureFixture, autojump_clock: Clock
) -> None:
    class Exhausted(MemoryListener):
        """A listener that has no descriptor for a stream when it is told so."""

        exhausted = False
        waiting: trio.abc.Stream | None = None

        async def accept(self) -> trio.abc.Stream:
            stream, self.waiting = self.waiting or await super().accept(), None
            if self.exhausted:
                self.exhausted, self.waiting = False, stream
                raise OSError(errno.EMFILE, "Too many open files")
            return stream

    caplog.set_level(logging.INFO, "trio-websocket")
    listener = Exhausted()
    await nursery.start(WebSocketServer(echo, [listener]).run)
    idle = [listener.connect() for _ in range(4)]
    await trio.testing.wait_all_tasks_blocked()
    listener.exhausted = True
    honest = listener.connect()
    with trio.fail_after(0.05):
        for stream in idle[:2]:
            assert await read_to_end(stream) == b""
    for stream in (idle[2], honest):
        await stream.send_all(REQUEST)
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 101 ")
    assert "there are no descriptors left" in caplog.text
    nursery.cancel_scope.cancel()


async def test_listener_that_fails_for_good_ends_the_server() -> None:
    class Failing(MemoryListener):
        """A listener that some other software has closed."""

        async def accept(self) -> trio.abc.Stream:
            await super().accept()
            raise OSError(errno.EBADF, "Bad file descriptor")

    listener = Failing()
    listener.connect()
    failures: list[object] = []
    try:
        await WebSocketServer(echo, [listener]).run()
    except* OSError as group:
        failures.append(group)
    assert "Bad file descriptor" in repr(failures)
    with pytest.raises(trio.BrokenResourceError):
        listener.connect()


async def test_who_has_made_room_when_its_request_is_there() -> None:
    """It is not served, nor counted."""

    async def drop() -> None:
        await trio.lowlevel.checkpoint()
        scope.cancel()

    settings = WebSocketServer(echo, [MemoryListener()])._settings  # noqa: SLF001 - they are many
    admission = Admission(Rules(None, 1, 1), settings)
    ours, theirs = trio.testing.memory_stream_pair()
    await ours.send_all(REQUEST)
    theirs.receive_stream.receive_some_hook = drop
    with trio.CancelScope() as scope:
        await admission.receive(theirs, scope)
    assert scope.cancelled_caught
    ours, theirs = trio.testing.memory_stream_pair()
    await ours.send_all(REQUEST)
    assert await admission.receive(theirs, trio.CancelScope()) is not None


async def test_open_connections_are_no_handshakes(nursery: trio.Nursery) -> None:
    listener = await start_memory_server(nursery, max_handshakes=1)
    clients = [await dial(nursery, listener) for _ in range(5)]
    for client in clients:
        await client.send_message("open")
        assert await client.get_message() == "open"
    nursery.cancel_scope.cancel()


async def test_refused_client_that_holds_on_counts_as_a_handshake(
    nursery: trio.Nursery, autojump_clock: Clock
) -> None:
    """So it makes room too, and is not waited for."""
    listener = await start_memory_server(nursery, max_handshakes=2)
    holding = [listener.connect() for _ in range(2)]
    for stream in holding:
        await stream.send_all(request(start=b"GET * HTTP/1.1"))
    await trio.testing.wait_all_tasks_blocked()
    await holding[0].send_all(b"more")
    holding.append(listener.connect())
    await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(trio.BrokenResourceError):
        await holding[0].send_all(b"more")
    assert (await read_to_end(holding[0])).startswith(b"HTTP/1.1 400 ")
    await holding[1].send_all(b"more")
    nursery.cancel_scope.cancel()


async def test_who_comes_while_the_door_is_being_shut_is_not_waited_for(
    autojump_clock: Clock,
) -> None:
    """The listener has given out its stream, and the server is shut before anybody looks at it."""
    settings = WebSocketServer(echo, [MemoryListener()])._settings  # noqa: SLF001 - they are many
    admission = Admission(Rules(None, 1, 1), settings)
    admission.close()
    ours, theirs = trio.testing.memory_stream_pair()
    with trio.CancelScope() as scope:
        await admission.receive(theirs, scope)
    assert scope.cancelled_caught
    assert trio.current_time() == 1
    assert await read_to_end(ours) == b""


@pytest.mark.parametrize("name", ["max_connections", "max_handshakes"])
@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0, ValueError, "must be at least 1, not 0"),
        (-1, ValueError, "must be at least 1, not -1"),
        ("5", TypeError, "must be an int or None, not str"),
        (1.5, TypeError, "must be an int or None, not float"),
        (math.inf, TypeError, "must be an int or None, not float"),
    ],
)
def test_no_such_number(name: str, value: Any, error: type[Exception], text: str) -> None:
    arguments: dict[str, Any] = {name: value}
    with pytest.raises(error, match=f"{name} {text}"):
        WebSocketServer(echo, [MemoryListener()], **arguments)


def test_no_such_origins() -> None:
    with pytest.raises(TypeError, match="origins must be a collection of str, not one"):
        WebSocketServer(echo, [MemoryListener()], origins="https://example.com")
    with pytest.raises(ValueError, match=r"'example\.com' is no origin"):
        WebSocketServer(echo, [MemoryListener()], origins=["example.com"])


@pytest.mark.parametrize("arguments", [{"max_connections": 0}, {"origins": ["x"]}])
async def test_bad_rules_leave_no_listener_open(arguments: Any, nursery: trio.Nursery) -> None:
    with pytest.raises(ValueError, match=r"max_connections|origin"):
        await start_server(nursery, host=HOST, **arguments)
