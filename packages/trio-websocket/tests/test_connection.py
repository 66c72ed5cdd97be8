"""Connections as applications use them: messages, pings, and the end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing

from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
    WebSocketRequest,
    open_websocket_url,
    wrap_client_stream,
)
from ws_core import Closed, Pinged, Ponged

from .helpers import (
    HOST,
    Peer,
    connect_pair,
    connect_to_peer,
    start_memory_server,
    start_server,
    url_of,
)


def code_of(connection: WebSocketConnection) -> int:
    assert connection.closed is not None
    return connection.closed.code


async def refusal(say: Awaitable[object]) -> tuple[int, str | None]:
    """The reason in the `ConnectionClosed` that something raises."""
    with pytest.raises(ConnectionClosed) as raised:
        await say
    reason = raised.value.reason
    assert reason is not None
    return reason.code, reason.reason


# Facts.


async def test_facts(nursery: trio.Nursery) -> None:
    client, server = await connect_pair(nursery)
    assert client.is_client
    assert not client.is_server
    assert server.is_server
    assert not server.is_client
    for ws in (client, server):
        assert isinstance(ws, trio.abc.AsyncResource)
        assert ws.path == "/"
        assert ws.subprotocol is None
        assert ws.closed is None
        assert ws.latency is None
    assert client.request is None
    assert isinstance(server.request, WebSocketRequest)
    assert server.request.host == HOST


async def test_names(nursery: trio.Nursery) -> None:
    client, server = await connect_pair(nursery)
    assert str(client).startswith("client-")
    assert str(server).startswith("server-")
    numbers = {int(str(ws).partition("-")[2]) for ws in (client, server)}
    assert len(numbers) == 2
    # The number is that of the class attribute, a counter.
    assert next(WebSocketConnection.CONNECTION_ID) == max(numbers) + 1
    assert repr(client) == object.__repr__(client)


# Messages.


@pytest.mark.parametrize(
    "message",
    ["", b"", "text", b"\x00\xff", "\N{SNOWMAN}\U0001f600\x00", "x" * 125, b"x" * 126, "x" * 65536],
    ids=["empty text", "empty binary", "text", "binary", "Unicode", "125", "126", "65536"],
)
async def test_messages_both_ways(nursery: trio.Nursery, message: str | bytes) -> None:
    client, server = await connect_pair(nursery)
    for sender, receiver in ((client, server), (server, client)):
        await sender.send_message(message)
        received = await receiver.get_message()
        assert type(received) is type(message)
        assert received == message


async def test_large_message_over_a_socket(nursery: trio.Nursery) -> None:
    received: list[Any] = []

    async def handler(request: WebSocketRequest) -> None:
        ws = await request.accept()
        received.append(await ws.get_message())
        await ws.send_message(received[0])

    server = await start_server(nursery, handler, max_message_size=20_000_000)
    message = bytes(range(256)) * 40_000
    async with open_websocket_url(url_of(server), max_message_size=20_000_000) as ws:
        await ws.send_message(message)
        assert await ws.get_message() == message
    assert received == [message]


@pytest.mark.parametrize(
    "message",
    [
        bytearray(b"abcd"),
        memoryview(b"abcd"),
        memoryview(bytearray(b"abcd")),
        memoryview(b"a.b.c.d.")[::2],
    ],
    ids=["bytearray", "memoryview", "writable memoryview", "strided memoryview"],
)
async def test_bytes_like_messages_arrive_as_bytes(nursery: trio.Nursery, message: Any) -> None:
    client, server = await connect_pair(nursery)
    await client.send_message(message)
    assert await server.get_message() == b"abcd"


async def test_items_of_several_bytes(nursery: trio.Nursery) -> None:
    client, server = await connect_pair(nursery)
    await client.send_message(memoryview(b"abcdefgh").cast("I"))
    assert await server.get_message() == b"abcdefgh"


async def test_a_buffer_may_be_changed_after_sending(nursery: trio.Nursery) -> None:
    client, server = await connect_pair(nursery)
    buffer = bytearray(b"before")
    await client.send_message(buffer)
    buffer[:] = b"after!"
    assert await server.get_message() == b"before"
    buffer.append(0)  # nobody holds on to it


@pytest.mark.parametrize("message", [None, 1, ["a"], object(), {"a": 1}])
async def test_what_is_no_message(nursery: trio.Nursery, message: Any) -> None:
    client, server = await connect_pair(nursery)
    with pytest.raises(ValueError, match=r"^message must be str or bytes$"):
        await client.send_message(message)
    await client.send_message("still works")
    assert await server.get_message() == "still works"


async def test_text_that_has_no_utf8(nursery: trio.Nursery) -> None:
    client, server = await connect_pair(nursery)
    with pytest.raises(ValueError, match="surrogates"):
        await client.send_message("\ud800")
    await client.send_message("still works")
    assert await server.get_message() == "still works"


async def test_order(nursery: trio.Nursery) -> None:
    client, server = await connect_pair(nursery, server={"message_queue_size": 3})

    async def send() -> None:
        for number in range(500):
            await client.send_message(str(number))

    nursery.start_soon(send)
    assert [await server.get_message() for _ in range(500)] == [str(n) for n in range(500)]


async def test_order_of_sizes_over_a_socket(nursery: trio.Nursery) -> None:
    sizes = [0, 300_000, 1, 70_000, 2, 999_999, 3]

    async def handler(request: WebSocketRequest) -> None:
        ws = await request.accept()
        for size in sizes:
            await ws.send_message(b"x" * size)

    server = await start_server(nursery, handler)
    async with open_websocket_url(url_of(server)) as ws:
        assert [len(await ws.get_message()) for _ in sizes] == sizes


async def test_senders_take_turns_in_order(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    client, server = await connect_pair(nursery)

    async def send(letter: str) -> None:
        await client.send_message(letter * 300_000)

    async with trio.open_nursery() as senders:
        for letter in "abcdefgh":
            senders.start_soon(send, letter)
            await trio.testing.wait_all_tasks_blocked()
        received = [await server.get_message() for _ in "abcdefgh"]
    assert received == [letter * 300_000 for letter in "abcdefgh"]


async def test_receivers_share_the_messages(nursery: trio.Nursery) -> None:
    client, server = await connect_pair(nursery)
    received: list[Any] = []

    async def receive() -> None:
        received.append(await server.get_message())

    async with trio.open_nursery() as receivers:
        for _ in range(5):
            receivers.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked()
        for number in range(5):
            await client.send_message(str(number))
    assert sorted(received) == ["0", "1", "2", "3", "4"]


async def test_receivers_are_served_in_order(nursery: trio.Nursery) -> None:
    client, server = await connect_pair(nursery)
    served: list[tuple[int, Any]] = []

    async def receive(number: int) -> None:
        served.append((number, await server.get_message()))

    async with trio.open_nursery() as receivers:
        for number in range(3):
            receivers.start_soon(receive, number)
            await trio.testing.wait_all_tasks_blocked()
        for number in range(3):
            await client.send_message(str(number))
            await trio.testing.wait_all_tasks_blocked()
    assert served == [(0, "0"), (1, "1"), (2, "2")]


async def test_cancelled_receivers_take_nothing(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    client, server = await connect_pair(nursery)
    for _ in range(3):
        with trio.move_on_after(1) as scope:
            await server.get_message()
        assert scope.cancelled_caught
    await client.send_message("x")
    with trio.CancelScope() as late:
        late.cancel()
        await server.get_message()
    assert late.cancelled_caught
    assert await server.get_message() == "x"


async def test_speaking_and_listening_at_the_same_time(nursery: trio.Nursery) -> None:
    """Both sides send more than the streams hold before either listens."""
    streams = trio.testing.lockstep_stream_pair()
    client, server = await connect_pair(nursery, streams=streams)

    async def talk(ws: WebSocketConnection) -> None:
        await ws.send_message(b"x" * 500_000)
        assert await ws.get_message() == b"x" * 500_000

    with trio.fail_after(5):
        async with trio.open_nursery() as talking:
            talking.start_soon(talk, client)
            talking.start_soon(talk, server)


async def test_a_full_queue_holds_the_sender_back(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    streams = trio.testing.lockstep_stream_pair()
    client, server = await connect_pair(
        nursery, streams=streams, server={"receive_buffer_size": 100, "message_queue_size": 1}
    )
    sent = 0
    with trio.move_on_after(5):
        while True:
            await client.send_message(b"x" * 100)
            sent += 1
    assert sent < 10
    # The message that was cancelled half-way is still sent whole.
    for _ in range(sent + 1):
        assert await server.get_message() == b"x" * 100


# Iteration.


@pytest.mark.parametrize("code", [1000, 1001, None])
async def test_iteration_ends_at_a_good_end(nursery: trio.Nursery, code: int | None) -> None:
    client, peer = await connect_to_peer(nursery)
    for text in ("a", "b"):
        peer.core.send_message(text)
    await peer.flush()
    if code is None:
        await peer.stream.send_all(b"\x88\x00")  # a close frame without a code: 1005
    else:
        peer.core.close(code)
        await peer.flush()
    assert [message async for message in client] == ["a", "b"]
    assert code_of(client) == (code or 1005)


@pytest.mark.parametrize("code", [1002, 1008, 1011, 3000, 4000])
async def test_iteration_raises_at_any_other_end(nursery: trio.Nursery, code: int) -> None:
    client, peer = await connect_to_peer(nursery)
    peer.core.send_message("a")
    peer.core.close(code, "why")
    await peer.flush()
    received = []

    async def iterate() -> None:
        async for message in client:
            received.append(message)  # noqa: PERF401 - what came before counts

    with pytest.raises(ConnectionClosed) as raised:
        await iterate()
    assert received == ["a"]
    assert raised.value.reason is not None
    assert (raised.value.reason.code, raised.value.reason.reason) == (code, "why")


async def test_iteration_raises_when_the_stream_ends(nursery: trio.Nursery) -> None:
    client, peer = await connect_to_peer(nursery)
    await peer.stream.aclose()
    with pytest.raises(ConnectionClosed) as raised:
        async for _ in client:
            pass
    assert raised.value.reason is not None
    assert raised.value.reason.code == 1006


async def test_iteration_ends_when_we_close(nursery: trio.Nursery) -> None:
    client, _ = await connect_pair(nursery)
    ended = trio.Event()

    async def iterate() -> None:
        async for _ in client:
            pass
        ended.set()

    nursery.start_soon(iterate)
    await trio.testing.wait_all_tasks_blocked()
    await client.aclose()
    with trio.fail_after(1):
        await ended.wait()


async def test_iteration_can_go_on_where_it_stopped(nursery: trio.Nursery) -> None:
    client, server = await connect_pair(nursery, server={"message_queue_size": 10})
    for number in range(4):
        await client.send_message(str(number))
    async for message in server:
        if message == "1":
            break
    assert await anext(server) == "2"
    assert await server.get_message() == "3"


# Pings and pongs.


@pytest.mark.parametrize("payload", [None, b"", b"payload", b"x" * 125, bytearray(b"payload")])
async def test_ping(nursery: trio.Nursery, payload: Any) -> None:
    client, server = await connect_pair(nursery)
    for ws in (client, server):
        latency = await ws.ping(payload)
        assert isinstance(latency, float)
        assert latency >= 0
        assert ws.latency == latency


async def test_ping_measures_the_round_trip(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    client, peer = await connect_to_peer(nursery)

    async def answer() -> None:
        for seconds in (2, 3):
            assert isinstance(await peer.event(), Pinged)
            await trio.sleep(seconds)
            await peer.flush()

    nursery.start_soon(answer)
    assert await client.ping() == pytest.approx(2)
    assert client.latency == pytest.approx(2)
    assert await client.ping() == pytest.approx(3)
    assert client.latency == pytest.approx(3)


async def test_random_payloads_differ(nursery: trio.Nursery) -> None:
    client, peer = await connect_to_peer(nursery)
    for _ in range(20):
        nursery.start_soon(client.ping)
    payloads = set()
    for _ in range(20):
        event = await peer.event()
        assert isinstance(event, Pinged)
        assert len(event.payload) == 4
        payloads.add(event.payload)
    assert len(payloads) == 20
    await peer.flush()


@pytest.mark.parametrize(
    ("payload", "error"), [(b"x" * 126, ValueError), ("text", TypeError), (1, TypeError)]
)
async def test_bad_payloads(nursery: trio.Nursery, payload: Any, error: type[Exception]) -> None:
    client, _ = await connect_pair(nursery)
    for _ in range(2):
        with pytest.raises(error, match="payload"):
            await client.ping(payload)
        with pytest.raises(error, match="payload"):
            await client.pong(payload)
    await client.ping(b"still works")


async def test_the_same_payload_twice(nursery: trio.Nursery) -> None:
    client, peer = await connect_to_peer(nursery)
    nursery.start_soon(client.ping, b"a")
    await peer.event()
    with pytest.raises(ValueError, match="ping"):
        await client.ping(b"a")
    await peer.flush()
    await trio.testing.wait_all_tasks_blocked()
    nursery.start_soon(client.ping, b"a")
    await peer.event()
    await peer.flush()


async def test_a_pong_settles_the_earlier_pings_too(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    client, peer = await connect_to_peer(nursery)
    settled = []

    async def ping(payload: bytes) -> None:
        await client.ping(payload)
        settled.append(payload)

    for payload in (b"a", b"b", b"c"):
        nursery.start_soon(ping, payload)
        await trio.testing.wait_all_tasks_blocked()
    peer.core.receive_data(b"")
    for _ in range(3):
        await peer.event()
    peer.core = _forgetting_answers(peer)
    peer.core.pong(b"b")
    await peer.flush()
    await trio.testing.wait_all_tasks_blocked()
    assert sorted(settled) == [b"a", b"b"]
    peer.core.pong(b"c")
    await peer.flush()
    await trio.testing.wait_all_tasks_blocked()
    assert sorted(settled) == [b"a", b"b", b"c"]


def _forgetting_answers(peer: Peer) -> Any:
    """The peer's core, with the pongs that it made by itself unsaid."""
    peer.core.written(len(peer.core.outgoing))
    return peer.core


async def test_a_pong_that_nobody_asked_for_settles_nothing(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    client, peer = await connect_to_peer(nursery)
    peer.core.pong(b"unsolicited")
    await peer.flush()
    with trio.move_on_after(1) as scope:
        nursery.start_soon(peer.event)
        await client.ping(b"mine")
    assert scope.cancelled_caught
    assert client.latency is None


async def test_a_cancelled_ping_is_forgotten(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    client, peer = await connect_to_peer(nursery)
    for _ in range(3):
        with trio.move_on_after(1) as scope:
            await client.ping(b"same")
        assert scope.cancelled_caught
    for _ in range(3):
        await peer.event()
    await peer.flush()
    nursery.start_soon(peer.event)
    await trio.testing.wait_all_tasks_blocked()
    assert client.latency is None


async def test_ping_while_nobody_reads_messages(nursery: trio.Nursery) -> None:
    """A stopped reader still takes pongs, and answers pings, up to the next message."""
    client, server = await connect_pair(nursery)
    for number in range(2):
        await client.send_message(str(number))
    await trio.testing.wait_all_tasks_blocked()
    with trio.fail_after(1):
        await server.ping()
        await client.ping()
    assert [await server.get_message() for _ in range(2)] == ["0", "1"]


async def test_pong(nursery: trio.Nursery) -> None:
    client, peer = await connect_to_peer(nursery)
    for payload, seen in ((b"p", b"p"), (None, b""), (b"x" * 125, b"x" * 125)):
        await client.pong(payload)
        event = await peer.event()
        assert isinstance(event, Ponged)
        assert event.payload == seen


async def test_pings_are_answered(nursery: trio.Nursery) -> None:
    client, peer = await connect_to_peer(nursery)
    peer.core.ping(b"question")
    await peer.flush()
    event = await peer.event()
    assert isinstance(event, Ponged)
    assert event.settled == (b"question",)
    assert client.closed is None


async def test_wait_pong(nursery: trio.Nursery) -> None:
    client, peer = await connect_to_peer(nursery)
    got: list[bytes] = []

    async def wait() -> None:
        got.append(await client.wait_pong())

    nursery.start_soon(wait)
    nursery.start_soon(wait)
    await trio.testing.wait_all_tasks_blocked()
    assert got == []
    peer.core.pong(b"first")
    await peer.flush()
    await trio.testing.wait_all_tasks_blocked()
    # All who wait get it, and then it has been returned.
    assert got == [b"first", b"first"]
    with trio.move_on_after(0.01) as scope:
        await client.wait_pong()
    assert scope.cancelled_caught
    for payload in (b"second", b"third"):
        peer.core.pong(payload)
    await peer.flush()
    await trio.testing.wait_all_tasks_blocked()
    with trio.fail_after(1):
        assert await client.wait_pong() == b"third"
    with trio.move_on_after(0.01) as scope:
        await client.wait_pong()
    assert scope.cancelled_caught


async def test_ping_then_wait_pong(nursery: trio.Nursery) -> None:
    client, _ = await connect_pair(nursery)
    await client.ping(b"my payload")
    with trio.fail_after(1):
        assert await client.wait_pong() == b"my payload"


Say = Callable[[WebSocketConnection], Awaitable[object]]
SAYINGS: dict[str, Say] = {
    "send_message": lambda ws: ws.send_message("x"),
    "send_message of bytes": lambda ws: ws.send_message(b"x"),
    "ping": lambda ws: ws.ping(),
    "ping with a payload": lambda ws: ws.ping(b"x"),
    "pong": lambda ws: ws.pong(b"x"),
    "get_message": lambda ws: ws.get_message(),
    "wait_pong": lambda ws: ws.wait_pong(),
}
each_saying = pytest.mark.parametrize("say", list(SAYINGS.values()), ids=list(SAYINGS))


@each_saying
async def test_after_our_close(nursery: trio.Nursery, say: Say) -> None:
    client, _ = await connect_pair(nursery)
    await client.aclose(4000, "enough")
    assert await refusal(say(client)) == (4000, "enough")


@each_saying
async def test_while_we_close(nursery: trio.Nursery, say: Say) -> None:
    client, peer = await connect_to_peer(nursery)
    nursery.start_soon(client.aclose, 4000, "enough")
    await trio.testing.wait_all_tasks_blocked()
    if say is SAYINGS["wait_pong"]:
        # A pong may still come.
        peer.core.pong(b"late")
        await peer.flush()
        assert await say(client) == b"late"
    else:
        assert await refusal(say(client)) == (4000, "enough")


@each_saying
async def test_after_the_peers_close(nursery: trio.Nursery, say: Say) -> None:
    client, server = await connect_pair(nursery)
    nursery.start_soon(server.aclose, 4000, "enough")
    await client.wait_closed()
    assert await refusal(say(client)) == (4000, "enough")


@each_saying
async def test_after_the_stream_ended(nursery: trio.Nursery, say: Say) -> None:
    client, peer = await connect_to_peer(nursery)
    await peer.stream.aclose()
    await client.wait_closed()
    assert await refusal(say(client)) == (1006, None)


@pytest.mark.parametrize("end", ["our close", "their close", "cut"])
@pytest.mark.parametrize("name", ["ping", "get_message", "wait_pong"])
async def test_whoever_waits_is_let_go(nursery: trio.Nursery, end: str, name: str) -> None:
    client, peer = await connect_to_peer(nursery)
    reasons = []

    async def wait() -> None:
        reasons.append(await refusal(SAYINGS[name](client)))

    async with trio.open_nursery() as waiting:
        waiting.start_soon(wait)
        waiting.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        if end == "our close":
            waiting.start_soon(client.aclose)
            while not isinstance(await peer.event(), Closed):
                pass
            await peer.stream.send_all(b"\x88\x02\x03\xe8")  # but no pongs
        elif end == "their close":
            peer.core.close(1000)
            await peer.flush()
        await peer.stream.aclose()
    assert reasons == [(1006 if end == "cut" else 1000, None)] * 2


# The end.


async def test_aclose(nursery: trio.Nursery) -> None:
    client, server = await connect_pair(nursery)
    await client.aclose(4001, "bye")
    for ws in (client, server):
        reason = await ws.wait_closed()
        assert reason is ws.closed
        assert (reason.code, reason.name, reason.reason) == (4001, "PRIVATE_RESERVED", "bye")


@pytest.mark.parametrize("reason", [None, ""])
async def test_no_reason_is_none(nursery: trio.Nursery, reason: str | None) -> None:
    client, server = await connect_pair(nursery)
    await client.aclose(1000, reason)
    for ws in (client, server):
        assert (await ws.wait_closed()).reason is None


async def test_aclose_by_keyword(nursery: trio.Nursery) -> None:
    client, server = await connect_pair(nursery)
    await client.aclose(code=1001, reason="away")
    assert repr(server.closed) == "CloseReason<code=1001, name=GOING_AWAY, reason='away'>"


async def test_async_with_closes(nursery: trio.Nursery) -> None:
    client, server = await connect_pair(nursery)
    async with client:
        pass
    assert code_of(client) == code_of(server) == 1000


async def test_aclose_closes_the_stream(nursery: trio.Nursery) -> None:
    streams = trio.testing.memory_stream_pair()
    client, server = await connect_pair(nursery, streams=streams)
    await client.aclose()
    await server.wait_closed()
    for stream in streams:
        with pytest.raises(trio.ClosedResourceError):
            await stream.receive_some()


async def test_closed_is_provisional_until_the_answer(nursery: trio.Nursery) -> None:
    client, peer = await connect_to_peer(nursery)
    nursery.start_soon(client.aclose, 4001, "ours")
    await trio.testing.wait_all_tasks_blocked()
    assert repr(client.closed) == "CloseReason<code=4001, name=PRIVATE_RESERVED, reason='ours'>"
    # The peer happened to close at the same time, for a reason of its own.
    peer.core.close(4002, "theirs")
    await peer.flush()
    await peer.stream.aclose()
    reason = await client.wait_closed()
    assert (reason.code, reason.reason) == (4002, "theirs")


async def test_peer_that_never_answers(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    client, peer = await connect_to_peer(nursery)
    start = trio.current_time()
    await client.aclose(4001, "ours")
    assert trio.current_time() - start == pytest.approx(10)
    assert code_of(client) == 1006
    assert await refusal(client.get_message()) == (1006, None)
    await peer.until_eof()


async def test_second_aclose_waits_for_the_first(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    client, peer = await connect_to_peer(nursery)
    ends: list[float] = []

    async def close(code: int) -> None:
        await client.aclose(code)
        ends.append(trio.current_time())

    async with trio.open_nursery() as closing:
        closing.start_soon(close, 4001)
        await trio.testing.wait_all_tasks_blocked()
        closing.start_soon(close, 4002)
        await trio.sleep(4)
        assert ends == []
        assert isinstance(await peer.event(), Closed)
        await peer.flush()
        await peer.stream.aclose()
    assert len(ends) == 2
    # The first one's code holds.
    assert code_of(client) == 4001


async def test_aclose_again_after_the_end(nursery: trio.Nursery) -> None:
    client, _ = await connect_pair(nursery)
    await client.aclose(4001)
    await client.aclose(4002)
    await client.aclose()
    assert code_of(client) == 4001


async def test_aclose_after_the_peers_close_waits_for_the_stream(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    client, peer = await connect_to_peer(nursery, disconnect_timeout=5)
    start = trio.current_time()
    peer.core.close(1001)
    await peer.flush()
    await refusal(client.get_message())
    await client.aclose(4000)
    assert code_of(client) == 1001
    assert trio.current_time() - start == pytest.approx(5)
    await peer.until_eof()


@pytest.mark.parametrize("code", [-1, 0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 70000])
async def test_codes_that_may_not_be_sent(nursery: trio.Nursery, code: int) -> None:
    client, server = await connect_pair(nursery)
    with pytest.raises(ValueError, match=str(code)):
        await client.aclose(code)
    assert client.closed is None
    await client.send_message("still works")
    assert await server.get_message() == "still works"


@pytest.mark.parametrize("code", [1001, 1002, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 4999])
async def test_codes_that_may_be_sent(nursery: trio.Nursery, code: int) -> None:
    client, server = await connect_pair(nursery)
    await client.aclose(code)
    assert code_of(client) == code_of(server) == code


@pytest.mark.parametrize(("code", "reason"), [("1000", None), (None, None), (1000, b"bye")])
async def test_close_reasons_of_another_type(nursery: trio.Nursery, code: Any, reason: Any) -> None:
    client, _ = await connect_pair(nursery)
    with pytest.raises(TypeError):
        await client.aclose(code, reason)
    assert client.closed is None


async def test_long_reasons_are_cut_at_a_character(nursery: trio.Nursery) -> None:
    client, server = await connect_pair(nursery)
    await client.aclose(1000, "\N{SNOWMAN}" * 50)
    for ws in (client, server):
        assert (await ws.wait_closed()).reason == "\N{SNOWMAN}" * 41


async def test_a_cut_reason_is_cut_while_closing_too(nursery: trio.Nursery) -> None:
    client, _ = await connect_to_peer(nursery)
    nursery.start_soon(client.aclose, 1000, "x" * 200)
    await trio.testing.wait_all_tasks_blocked()
    assert client.closed is not None
    assert client.closed.reason == "x" * 123


async def test_our_close_discards_unread_messages(nursery: trio.Nursery) -> None:
    client, server = await connect_pair(nursery, server={"message_queue_size": 5})
    for _ in range(3):
        await client.send_message("unread")
    await trio.testing.wait_all_tasks_blocked()
    await server.aclose(1001)
    assert await refusal(server.get_message()) == (1001, None)


async def test_their_close_leaves_unread_messages(nursery: trio.Nursery) -> None:
    client, server = await connect_pair(nursery, server={"message_queue_size": 5})
    for number in range(3):
        await client.send_message(str(number))
    await client.aclose(4000, "done")
    await server.wait_closed()
    assert [await server.get_message() for _ in range(3)] == ["0", "1", "2"]
    for _ in range(2):
        assert await refusal(server.get_message()) == (4000, "done")


async def test_unread_messages_survive_a_cut(nursery: trio.Nursery) -> None:
    client, peer = await connect_to_peer(nursery, message_queue_size=5)
    for number in range(3):
        peer.core.send_message(str(number))
    await peer.flush()
    await peer.stream.aclose()
    await client.wait_closed()
    assert [await client.get_message() for _ in range(3)] == ["0", "1", "2"]
    assert await refusal(client.get_message()) == (1006, None)


async def test_both_close_at_once(nursery: trio.Nursery) -> None:
    client, server = await connect_pair(nursery)
    with trio.fail_after(1):
        async with trio.open_nursery() as closing:
            closing.start_soon(client.aclose, 4001)
            closing.start_soon(server.aclose, 4002)
    assert {code_of(client), code_of(server)} <= {4001, 4002}


async def test_wait_closed_does_not_close(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    client, server = await connect_pair(nursery)
    with trio.move_on_after(100) as scope:
        await client.wait_closed()
    assert scope.cancelled_caught
    assert client.closed is None
    await client.ping()
    reasons = []

    async def wait() -> None:
        reasons.append(await client.wait_closed())

    async with trio.open_nursery() as waiting:
        waiting.start_soon(wait)
        waiting.start_soon(wait)
        await server.aclose(4000)
    assert [reason.code for reason in reasons] == [4000, 4000]


async def test_cancelled_aclose_closes_the_stream_at_once(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    client, peer = await connect_to_peer(nursery)
    start = trio.current_time()
    with trio.move_on_after(2) as scope:
        await client.aclose()
    assert scope.cancelled_caught
    assert trio.current_time() - start == pytest.approx(2)
    assert code_of(client) == 1006
    await peer.until_eof()


async def test_trios_aclose_forcefully(nursery: trio.Nursery) -> None:
    client, peer = await connect_to_peer(nursery)
    await trio.aclose_forcefully(client)
    assert client.closed is not None
    await peer.until_eof()


async def test_the_cause_is_told(nursery: trio.Nursery) -> None:
    class Failing(trio.abc.HalfCloseableStream):
        def __init__(self, stream: trio.abc.HalfCloseableStream) -> None:
            self._stream = stream
            self.fail = trio.Event()

        async def send_all(self, data: bytes | bytearray | memoryview) -> None:
            await self._stream.send_all(data)

        async def wait_send_all_might_not_block(self) -> None:
            raise AssertionError("nobody should call this")

        async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
            async with trio.open_nursery() as race:
                race.start_soon(self._failing, race.cancel_scope)
                data = await self._stream.receive_some(max_bytes)
                race.cancel_scope.cancel()
            if self.fail.is_set():
                raise trio.BrokenResourceError("pulled the plug")
            return data

        async def _failing(self, scope: trio.CancelScope) -> None:
            await self.fail.wait()
            scope.cancel()

        async def send_eof(self) -> None:
            await self._stream.send_eof()

        async def aclose(self) -> None:
            await self._stream.aclose()

    listener = await start_memory_server(nursery)
    stream = Failing(listener.connect())
    ws = await wrap_client_stream(nursery, stream, HOST, "/")
    stream.fail.set()
    assert (await ws.wait_closed()).code == 1006
    for say in SAYINGS.values():
        with pytest.raises(ConnectionClosed) as raised:
            await say(ws)
        assert isinstance(raised.value.__cause__, trio.BrokenResourceError)
        assert "pulled the plug" in str(raised.value.__cause__)


async def test_attributes_of_ones_own(nursery: trio.Nursery) -> None:
    client, _ = await connect_pair(nursery)
    client.bot = partial(print)  # type: ignore[attr-defined]  # as users do
    assert vars(client)["bot"] is not None
