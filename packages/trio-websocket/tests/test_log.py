"""The log tells an operator what happened, in words that no peer can forge."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import trio
import trio.testing

from trio_websocket import (
    ConnectionClosed,
    Heartbeat,
    WebSocketRequest,
    log_handler_error,
    open_websocket_url,
)
from ws_core import Role

from .helpers import HOST, echo, start_server, url_of
from .peers import (
    REQUEST,
    TEXT,
    close_frame,
    connected,
    frame,
    read_to_end,
    request,
    until,
)

EVIL = "\x1b[2J\r\nforged line\x07"


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """All that is logged."""
    caplog.set_level(logging.DEBUG, "trio-websocket")
    return caplog


def of_level(log: pytest.LogCaptureFixture, level: int) -> list[str]:
    """The lines of a level."""
    return [record.getMessage() for record in log.records if record.levelno == level]


async def test_good_end_is_no_news(nursery: trio.Nursery, log: pytest.LogCaptureFixture) -> None:
    server = await start_server(nursery)
    async with open_websocket_url(url_of(server)) as ws:
        await ws.send_message("x")
        await ws.get_message()
    await server.shutdown(grace=1)
    assert not of_level(log, logging.INFO)
    lines = [line.partition(": ")[2] for line in of_level(log, logging.DEBUG)]
    assert "1000 NORMAL_CLOSURE (closed by us)" in lines
    assert "1000 NORMAL_CLOSURE (closed by the peer)" in lines


async def test_fault_of_a_peer_is_told_with_its_connection(log: pytest.LogCaptureFixture) -> None:
    async with connected(Role.SERVER, max_message_size=5) as (connection, peer):
        await peer.send_frame(TEXT, b"too long")
        await peer.hear_all()
        await peer.stream.aclose()
        await connection.wait_closed()
    (line,) = of_level(log, logging.INFO)
    assert line == (
        f"{connection}: 1009 MESSAGE_TOO_BIG: 'Exceeded maximum message size: 5 bytes' (closed by "
        "us: the client went beyond our limit (max_message_size, or Limits(message=...)))"
    )


async def test_lost_peer_is_told(
    log: pytest.LogCaptureFixture, autojump_clock: trio.testing.MockClock
) -> None:
    heartbeat = Heartbeat(interval=20, timeout=5)
    async with connected(Role.SERVER, heartbeat=heartbeat) as (connection, _):
        await connection.wait_closed()
    (line,) = of_level(log, logging.INFO)
    assert line == (
        f"{connection}: 1006 ABNORMAL_CLOSURE (closed by us: no sign of life came from the client "
        "within 5 seconds after a ping (heartbeat))"
    )


async def test_probes_and_port_scans_are_no_news(
    nursery: trio.Nursery, log: pytest.LogCaptureFixture
) -> None:
    server = await start_server(nursery)
    probes = [b"", b"\x16\x03\x01" + bytes(100), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\x00" * 50]
    for probe in probes:
        stream = await trio.open_tcp_stream(HOST, server.port)
        await stream.send_all(probe)
        await stream.send_eof()
        await read_to_end(stream)
        await stream.aclose()
    assert max(record.levelno for record in log.records) == logging.DEBUG


async def test_nothing_that_a_peer_says_appears_raw(
    nursery: trio.Nursery, log: pytest.LogCaptureFixture
) -> None:
    async def handler(asked: WebSocketRequest) -> None:
        await (await asked.accept()).get_message()
        raise ValueError(asked.path)

    server = await start_server(
        nursery, handler, origins=["null"], on_handler_error=log_handler_error
    )
    evil = EVIL.encode()
    origin = b"Origin: null"
    attacks = [
        (evil, b""),
        (request(start=b"GET /%s HTTP/1.1" % evil), b""),
        (request(start=b"GET /\xff\x1b HTTP/1.1"), b""),
        (request(b"X: " + evil), b""),
        (request(b"Origin: \x1b[2J"), b""),
        (request(b"Origin: \xff\x9b[2J"), b""),
        (request(origin), close_frame(4000, EVIL, to=Role.SERVER)),
        (request(origin), frame(TEXT, evil, to=Role.SERVER)),
        (request(origin), frame(TEXT, b"\xff\x1b", to=Role.SERVER)),
    ]
    for head, more in attacks:
        stream = await trio.open_tcp_stream(HOST, server.port)
        await stream.send_all(head + more)
        await stream.send_eof()
        await read_to_end(stream)
        await stream.aclose()
    await server.shutdown(grace=1)
    assert len(log.records) > len(attacks)
    for record in log.records:
        assert record.getMessage().isprintable()


async def test_long_words_of_a_peer_are_cut(
    nursery: trio.Nursery, log: pytest.LogCaptureFixture
) -> None:
    async def fail(asked: WebSocketRequest) -> None:  # noqa: ASYNC124 - handlers are async
        raise ValueError

    refusing = await start_server(nursery, echo, origins=["null"])
    failing = await start_server(nursery, fail, on_handler_error=log_handler_error)
    for server in (refusing, failing):
        stream = await trio.open_tcp_stream(HOST, server.port)
        await stream.send_all(request(start=b"GET /%s HTTP/1.1" % (b"x" * 10_000)))
        await stream.send_eof()
        await read_to_end(stream)
        await stream.aclose()
    lines = of_level(log, logging.INFO) + of_level(log, logging.ERROR)
    assert len(lines) == 2
    for line in lines:
        assert "/" + "x" * 199 + "..." in line
        assert len(line) < 400


class Broken(logging.Handler):
    """A log handler that fails at each record."""

    def emit(self, record: logging.LogRecord) -> None:
        raise RuntimeError("the disk is full")


@pytest.fixture
def broken_log() -> Iterator[None]:
    """A log that can't be written."""
    logger = logging.getLogger("trio-websocket")
    handler, level = Broken(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.mark.usefixtures("broken_log")
async def test_failing_log_does_no_harm(nursery: trio.Nursery) -> None:
    async def fail(asked: WebSocketRequest) -> None:
        connection = await asked.accept()
        if await connection.get_message() == "fail":
            raise ValueError
        await connection.send_message("fine")

    server = await start_server(
        nursery, fail, on_handler_error=log_handler_error, max_connections=1
    )
    async with open_websocket_url(url_of(server)) as ws:
        await ws.send_message("fail")
        with pytest.raises(ConnectionClosed, match="1011"):
            await ws.get_message()
    for probe in (b"\x00", REQUEST + b"\xf0\x80"):
        stream = await trio.open_tcp_stream(HOST, server.port)
        await stream.send_all(probe)
        await stream.send_eof()
        await read_to_end(stream)
        await stream.aclose()
        await until(lambda: not server.connections)  # or there is no place for the next one
    async with open_websocket_url(url_of(server)) as ws:
        await ws.send_message("x")
        assert await ws.get_message() == "fine"


async def test_refusal_is_told_with_what_was_asked_for(
    nursery: trio.Nursery, log: pytest.LogCaptureFixture
) -> None:
    server = await start_server(nursery, echo, origins=["https://a.example"])
    stream = await trio.open_tcp_stream(HOST, server.port)
    await stream.send_all(request(start=b"GET /chat?room=1 HTTP/1.1"))
    await stream.send_eof()
    await read_to_end(stream)
    await stream.aclose()
    (line,) = of_level(log, logging.INFO)
    assert "for '/chat?room=1': this origin is not allowed (origins)" in line


async def test_client_that_hangs_up_is_no_news(log: pytest.LogCaptureFixture) -> None:
    async with connected(Role.SERVER) as (connection, peer):
        await peer.stream.aclose()
        await connection.wait_closed()
    assert of_level(log, logging.DEBUG)[-1] == (
        f"{connection}: 1006 ABNORMAL_CLOSURE (closed by the peer: the client hung up without a "
        "close frame)"
    )
    assert not of_level(log, logging.INFO)
