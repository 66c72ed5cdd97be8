"""permessage-deflate, as programs switch it on."""

from __future__ import annotations

import random
import zlib
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing

from trio_websocket import (
    ConnectionClosed,
    Deflate,
    HandshakeError,
    WebSocketRequest,
    connect_websocket,
    connect_websocket_url,
    open_websocket,
    open_websocket_url,
    wrap_client_stream,
)
from ws_core import Ponged, Role

from .helpers import HOST, connect_pair, echo, start_memory_server, start_server, url_of
from .peers import (
    BINARY,
    Peer,
    connected,
    frame,
    request,
)

OFFER = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
TEXT_TO_COMPRESS = "words that come again and again, " * 50
MESSAGES: list[str | bytes] = [
    "",
    "short",
    TEXT_TO_COMPRESS,
    TEXT_TO_COMPRESS.encode(),
    bytes(300_000),
]


class Tap(trio.abc.Stream):
    """Passes everything on, and counts it."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self.sent = bytearray()
        self.received = bytearray()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data = await self._stream.receive_some(max_bytes)
        self.received += data
        return data

    async def aclose(self) -> None:
        await self._stream.aclose()


async def tapped_pair(nursery: trio.Nursery, client: Any, server: Any) -> tuple[Any, Any, Tap]:
    """A client and a server with these compressions, and what goes over the wire between them."""
    ours, theirs = trio.testing.memory_stream_pair()
    tap = Tap(ours)
    pair = await connect_pair(
        nursery,
        client={"compression": client, "max_message_size": 2**22},
        server={"compression": server, "max_message_size": 2**22},
        streams=(tap, theirs),
    )
    return (*pair, tap)


@pytest.mark.parametrize("client", ["deflate", Deflate(client_no_context_takeover=True)])
@pytest.mark.parametrize("server", ["deflate", Deflate(server_max_window_bits=9, threshold=0)])
async def test_messages_are_compressed_both_ways(client: Any, server: Any) -> None:
    async with trio.open_nursery() as nursery:
        one, other, tap = await tapped_pair(nursery, client, server)
        del tap.sent[:], tap.received[:]
        for message in MESSAGES:
            for sender, receiver in ((one, other), (other, one)):
                await sender.send_message(message)
                assert await receiver.get_message() == message
        assert len(tap.sent) < 2000
        assert len(tap.received) < 2000
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(("client", "server"), [(None, "deflate"), ("deflate", None), (None, None)])
async def test_it_takes_two(client: Any, server: Any) -> None:
    async with trio.open_nursery() as nursery:
        one, other, tap = await tapped_pair(nursery, client, server)
        assert (b"permessage-deflate" in tap.sent) is (client is not None)
        assert b"permessage-deflate" not in tap.received
        for message in MESSAGES:
            await one.send_message(message, compress=True)
            assert await other.get_message() == message
        assert len(tap.sent) > 300_000
        nursery.cancel_scope.cancel()


async def test_one_message_may_go_out_as_it_is() -> None:
    async with trio.open_nursery() as nursery:
        one, other, tap = await tapped_pair(nursery, "deflate", "deflate")
        for compress, rsv1 in ((None, 0x40), (False, 0), (True, 0x40)):
            del tap.sent[:]
            await one.send_message(TEXT_TO_COMPRESS, compress=compress)
            assert await other.get_message() == TEXT_TO_COMPRESS
            assert tap.sent[0] == 0x81 | rsv1
        del tap.sent[:]
        await one.send_message("below the threshold", compress=True)
        assert tap.sent[0] == 0xC1
        nursery.cancel_scope.cancel()


async def offers(*, on: dict[str, Any]) -> list[bytes]:
    """What each of the functions that connect offers."""
    heads: list[bytes] = []

    async def hang_up(stream: trio.SocketStream) -> None:
        heads.append(bytes(await stream.receive_some()))
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, hang_up, 0, host=HOST))
        port = listener.socket.getsockname()[1]
        url = f"ws://{HOST}:{port}/"
        stream = await trio.open_tcp_stream(HOST, port)
        for connect in (
            partial(connect_websocket, nursery, HOST, port, "/", use_ssl=False, **on),
            partial(connect_websocket_url, nursery, url, **on),
            partial(wrap_client_stream, nursery, stream, HOST, "/", **on),
        ):
            with pytest.raises(HandshakeError):
                await connect()
        for opening in (
            open_websocket(HOST, port, "/", use_ssl=False, **on),
            open_websocket_url(url, **on),
        ):
            with pytest.raises(HandshakeError):
                async with opening:
                    pass
        nursery.cancel_scope.cancel()
    lines = [line for head in heads for line in head.split(b"\r\n")]
    assert len(heads) == 5
    return [line for line in lines if line.lower().startswith(b"sec-websocket-extensions")]


async def test_all_that_connect_take_it() -> None:
    assert await offers(on={"compression": "deflate"}) == [OFFER] * 5
    bounded = Deflate(server_max_window_bits=10, client_max_window_bits=11)
    assert (
        await offers(on={"compression": bounded})
        == [OFFER.replace(b"client", b"server_max_window_bits=10; client") + b"=11"] * 5
    )


async def test_it_is_off_by_default() -> None:
    assert await offers(on={}) == []
    async with trio.open_nursery() as nursery:
        listener = await start_memory_server(nursery)
        async with listener.connect() as stream:
            await stream.send_all(request(OFFER))
            assert b"Extensions" not in await stream.receive_some()
        nursery.cancel_scope.cancel()


async def test_all_that_serve_take_it() -> None:
    async with trio.open_nursery() as nursery:
        server = await start_server(nursery, compression="deflate")
        listener = await start_memory_server(nursery, compression="deflate")
        over_tcp = await trio.open_tcp_stream(HOST, server.port)
        for stream in (over_tcp, listener.connect()):
            async with stream:
                await stream.send_all(request(OFFER))
                assert (
                    b"Sec-WebSocket-Extensions: permessage-deflate; "
                    b"server_max_window_bits=12; client_max_window_bits=12\r\n"
                ) in await stream.receive_some()
        nursery.cancel_scope.cancel()


async def test_over_real_sockets() -> None:
    async with trio.open_nursery() as nursery:
        server = await start_server(nursery, compression="deflate")
        async with open_websocket_url(url_of(server), compression="deflate") as connection:
            for message in MESSAGES:
                await connection.send_message(message)
                assert await connection.get_message() == message
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("wrong", ["gzip", True])
async def test_what_is_no_compression_is_refused_before_anything_happens(wrong: Any) -> None:
    async with trio.open_nursery() as nursery:
        with pytest.raises((TypeError, ValueError), match='compression must be "deflate"'):
            async with open_websocket(HOST, 9, "/", use_ssl=False, compression=wrong):
                pass
        with pytest.raises((TypeError, ValueError), match='compression must be "deflate"'):
            await start_server(nursery, compression=wrong)


async def test_what_zlib_can_not_do_is_refused_before_anything_happens() -> None:
    async with trio.open_nursery() as nursery:
        with pytest.raises(ValueError, match="a client's Deflate"):
            async with open_websocket(
                HOST, 9, "/", use_ssl=False, compression=Deflate(client_max_window_bits=8)
            ):
                pass
        with pytest.raises(ValueError, match="a server's Deflate"):
            await start_server(nursery, compression=Deflate(server_max_window_bits=8))


async def test_a_server_that_does_not_keep_to_the_offer() -> None:
    ours, theirs = trio.testing.memory_stream_pair()

    async def answer() -> None:
        peer = Peer(theirs, Role.SERVER)
        await peer.hear()
        peer.core.accept()
        good = b"".join(peer.core.outgoing.peek(2**20)).removesuffix(b"\r\n")
        extension = b"Sec-WebSocket-Extensions: permessage-deflate; unknown\r\n"
        await theirs.send_all(good + extension + b"\r\n")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer)
        with pytest.raises(HandshakeError, match="invalid parameter of permessage-deflate"):
            await wrap_client_stream(nursery, ours, HOST, "/", compression="deflate")


@pytest.mark.parametrize("role", Role)
async def test_a_bomb_ends_its_own_connection(role: Role) -> None:
    compressor = zlib.compressobj(wbits=-12)
    bomb = b"".join(compressor.compress(bytes(2**20)) for _ in range(100)) + compressor.flush()
    async with connected(role, compression="deflate") as (connection, peer):
        await peer.send(frame(BINARY, bomb, to=role, rsv1=True))
        with pytest.raises(ConnectionClosed) as caught:
            await connection.get_message()
        assert caught.value.reason is not None
        assert caught.value.reason.code == 1009


async def test_a_slow_reader_holds_a_message_back_that_is_half_inflated() -> None:
    """Pings behind it wait, as the order on the wire demands, and nothing is lost."""
    async with connected(Role.SERVER, compression="deflate") as (connection, peer):
        await peer.say("send_message", "first")
        await peer.say("send_message", "second")
        await peer.say("send_message", bytes(500_000))
        await peer.say("ping", b"behind")
        await peer.say("send_message", "last")
        await trio.testing.wait_all_tasks_blocked()
        heard: list[object] = []

        async def listen() -> None:
            while True:
                heard.append(await peer.hear())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            await trio.testing.wait_all_tasks_blocked()
            assert heard == []
            assert await connection.get_message() == "first"
            assert await connection.get_message() == "second"
            assert await connection.get_message() == bytes(500_000)
            assert await connection.get_message() == "last"
            await trio.testing.wait_all_tasks_blocked()
            assert heard == [Ponged(b"behind", (b"behind",))]
            nursery.cancel_scope.cancel()


async def test_many_senders_share_one_window() -> None:
    chance = random.Random(1)

    async def send(connection: Any, number: int) -> None:
        for count in range(50):
            words = "".join(chance.choices(["tick ", "tock ", "price ", "12.5 "], k=30))
            await connection.send_message(f"{number} {count} {words}")
            if chance.random() < 0.1:
                with trio.move_on_after(0):
                    await connection.send_message("never " * 20)

    async with trio.open_nursery() as nursery:
        one, other, _ = await tapped_pair(nursery, "deflate", "deflate")
        for number in range(5):
            nursery.start_soon(send, one, number)
        counts = [0] * 5
        for _ in range(250):
            message = await other.get_message()
            number, count, *_words = message.split()
            assert int(count) == counts[int(number)]
            counts[int(number)] += 1
        nursery.cancel_scope.cancel()


async def test_the_handler_sees_nothing_of_it() -> None:
    seen: list[object] = []

    async def handler(asked: WebSocketRequest) -> None:
        seen.append([name for name, _ in asked.headers if b"extension" in name])
        await echo(asked)

    async with trio.open_nursery() as nursery:
        listener = await start_memory_server(nursery, handler, compression="deflate")
        client = await wrap_client_stream(
            nursery, listener.connect(), HOST, "/", compression="deflate"
        )
        assert not [name for name, _ in client.handshake_headers if b"extension" in name]
        await client.aclose()
        nursery.cancel_scope.cancel()
    assert seen == [[]]


async def test_a_peer_that_ends_its_stream_each_time() -> None:
    async with connected(Role.SERVER, compression="deflate") as (connection, peer):
        await one_final_block_each(peer)
        for number in range(3):
            assert await connection.get_message() == b"message %d" % number


async def one_final_block_each(peer: Peer) -> None:
    """Three messages, each with a final block at its end."""
    for number in range(3):
        compressor = zlib.compressobj(wbits=-12)
        payload = compressor.compress(b"message %d" % number) + compressor.flush() + b"\x00"
        await peer.send(frame(BINARY, payload, to=Role.SERVER, rsv1=True))


async def test_other_tasks_run_while_a_long_message_is_compressed() -> None:
    """Each step is 16 KiB; who speaks meanwhile waits for a turn."""
    noise = random.Random(2).randbytes(400_000)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery:
        one, other, _ = await tapped_pair(nursery, "deflate", "deflate")
        nursery.start_soon(count)
        await one.send_message(noise)
        assert turns >= 400_000 // (16 * 2**10)
        assert await other.get_message() == noise
        for _ in range(3):
            nursery.start_soon(one.send_message, noise)
            nursery.start_soon(one.send_message, "short " * 20)
        heard = [await other.get_message() for _ in range(6)]
        assert heard.count(noise) == heard.count("short " * 20) == 3
        nursery.cancel_scope.cancel()


async def test_closing_while_a_long_message_is_compressed() -> None:
    async def send() -> None:
        with pytest.raises(ConnectionClosed):
            await one.send_message(random.Random(2).randbytes(1_000_000))

    async with trio.open_nursery() as nursery:
        one, other, _ = await tapped_pair(nursery, "deflate", "deflate")
        async with trio.open_nursery() as sending:
            sending.start_soon(send)
            for _ in range(5):
                await trio.lowlevel.checkpoint()
            await one.aclose(1001)
        assert (await other.wait_closed()).code == 1001
        nursery.cancel_scope.cancel()


async def test_a_long_message_when_the_connection_is_closed() -> None:
    async with trio.open_nursery() as nursery:
        one, other, _ = await tapped_pair(nursery, "deflate", "deflate")
        await one.aclose(1001)
        for end in (one, other):
            await end.wait_closed()
            with pytest.raises(ConnectionClosed) as caught:
                await end.send_message(bytes(100_000))
            assert caught.value.reason is not None
            assert caught.value.reason.code == 1001
        nursery.cancel_scope.cancel()
