"""Groups 12 and 13 are about compression only if the smallest message is compressed, too."""

from __future__ import annotations

import re
import zlib
from base64 import b64encode
from hashlib import sha1

import echo_ours
import trio
from library import HOST

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
UPGRADE = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Extensions: %s\r\n"
TEXT_WITH_RSV1 = 0xC1


async def read(stream: trio.SocketStream, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += (chunk := await stream.receive_some(size - len(data)))
        assert chunk
    return data


async def read_head(stream: trio.SocketStream) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += await read(stream, 1)
    return head


async def read_compressed(stream: trio.SocketStream, *, masked: bool) -> bytes:
    first, size = await read(stream, 2)
    assert first == TEXT_WITH_RSV1
    mask = await read(stream, 4) if masked else bytes(4)
    payload = await read(stream, size & 0x7F)
    data = bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data + b"\0\0\xff\xff")


def test_our_server_compresses_the_smallest_message() -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            send, receive = trio.open_memory_channel[int](1)
            nursery.start_soon(echo_ours.serve, 0, None, send.send_nowait)
            async with await trio.open_tcp_stream(HOST, await receive.receive()) as stream:
                head = b"GET / HTTP/1.1\r\nHost: here\r\nSec-WebSocket-Version: 13\r\n"
                upgrade = UPGRADE % b"permessage-deflate"
                await stream.send_all(head + upgrade + b"Sec-WebSocket-Key: %s\r\n\r\n" % KEY)
                assert b"permessage-deflate" in await read_head(stream)
                await stream.send_all(bytes([0x81, 0x81]) + bytes(4) + b"A")
                assert await read_compressed(stream, masked=False) == b"A"
            nursery.cancel_scope.cancel()

    trio.run(main)


def test_our_client_compresses_the_smallest_message() -> None:
    async def serve(stream: trio.SocketStream) -> None:
        head = await read_head(stream)
        assert b"permessage-deflate; client_max_window_bits" in head
        key = re.findall(rb"(?i)sec-websocket-key: (\S+)", head)[0]
        token = b64encode(sha1(key + GUID).digest())
        upgrade = b"HTTP/1.1 101 Fine\r\n" + UPGRADE % b"permessage-deflate"
        await stream.send_all(upgrade + b"Sec-WebSocket-Accept: %s\r\n\r\n" % token)
        await stream.send_all(b"\x81\x01A")
        assert await read_compressed(stream, masked=True) == b"A"
        await stream.aclose()

    async def main() -> None:
        (listener,) = await trio.open_tcp_listeners(0, host=HOST)
        port = listener.socket.getsockname()[1]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, serve, [listener])
            await echo_ours.echo(f"ws://{HOST}:{port}", None)
            nursery.cancel_scope.cancel()

    trio.run(main)
