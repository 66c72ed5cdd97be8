"""TLS: who trusts whom, and what either side says when it does not."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
import trustme

from trio_websocket import (
    ConnectionTimeout,
    Endpoint,
    HandshakeError,
    WebSocketRequest,
    WebSocketServer,
    connect_websocket,
    connect_websocket_url,
    open_websocket,
    open_websocket_url,
    wrap_client_stream,
    wrap_server_stream,
)

from .helpers import HOST, echo, serve_raw, start_server, url_of


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority."""
    return trustme.CA()


@pytest.fixture(scope="module")
def client_context(authority: trustme.CA) -> ssl.SSLContext:
    """For clients that trust the authority."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def server_context_for(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context


@pytest.fixture(scope="module")
def server_context(authority: trustme.CA) -> ssl.SSLContext:
    """For servers on this machine."""
    return server_context_for(authority.issue_cert(HOST, "localhost"))


@pytest.fixture
async def server(nursery: trio.Nursery, server_context: ssl.SSLContext) -> WebSocketServer:
    return await start_server(nursery, ssl_context=server_context)


async def assert_alive(server: WebSocketServer, client_context: ssl.SSLContext) -> None:
    """The server still serves, whatever was done to it."""
    async with open_websocket_url(url_of(server), client_context) as ws:
        await ws.send_message("alive")
        assert await ws.get_message() == "alive"


# Good.


async def test_each_way(server: WebSocketServer, client_context: ssl.SSLContext) -> None:
    url = url_of(server)
    assert url == f"wss://{HOST}:{server.port}/"
    async with trio.open_nursery() as nursery:
        for connect in (
            connect_websocket(nursery, HOST, server.port, "/", use_ssl=client_context),
            connect_websocket_url(nursery, url, client_context),
            connect_websocket_url(nursery, url, ssl_context=client_context),
        ):
            async with await connect as ws:
                await ws.send_message("hello")
                assert await ws.get_message() == "hello"
    async with (
        open_websocket(HOST, server.port, "/", use_ssl=client_context) as one,
        open_websocket_url(url, ssl_context=client_context) as two,
    ):
        for ws in (one, two):
            await ws.send_message("hello")
            assert await ws.get_message() == "hello"


async def test_ends(
    nursery: trio.Nursery, server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    ends: list[Any] = []

    async def handler(request: WebSocketRequest) -> None:
        ends.extend([request.local, request.remote])
        await request.accept()

    server = await start_server(nursery, handler, ssl_context=server_context)
    assert server.listeners == [Endpoint(HOST, server.port, is_ssl=True)]
    async with open_websocket_url(url_of(server), client_context) as ws:
        assert ws.remote == server.listeners[0]
        assert isinstance(ws.local, Endpoint)
        assert ws.local.is_ssl
        assert ends == [ws.remote, ws.local]


async def test_close_is_clean(server: WebSocketServer, client_context: ssl.SSLContext) -> None:
    async with open_websocket_url(url_of(server), client_context) as ws:
        await ws.aclose(4000, "bye")
    assert ws.closed is not None
    assert (ws.closed.code, ws.closed.reason) == (4000, "bye")


async def test_large_messages(server: WebSocketServer, client_context: ssl.SSLContext) -> None:
    message = bytes(range(256)) * 4000
    async with open_websocket_url(url_of(server), client_context) as ws:
        for _ in range(2):
            await ws.send_message(message)
            assert await ws.get_message() == message


async def test_name_in_the_url(server: WebSocketServer, client_context: ssl.SSLContext) -> None:
    async with open_websocket_url(f"wss://localhost:{server.port}", client_context) as ws:
        await ws.ping()


async def test_the_name_is_sent(
    nursery: trio.Nursery, authority: trustme.CA, client_context: ssl.SSLContext
) -> None:
    names: list[str | None] = []
    context = server_context_for(authority.issue_cert("localhost"))
    context.sni_callback = lambda _, name, __: names.append(name)
    server = await start_server(nursery, ssl_context=context)
    async with open_websocket("localhost", server.port, "/", use_ssl=client_context):
        pass
    assert names == ["localhost"]


async def test_use_ssl_true_trusts_the_system(
    server: WebSocketServer, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "authorities.pem"
    authority.cert_pem.write_to_path(bundle)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    async with open_websocket(HOST, server.port, "/", use_ssl=True) as ws:
        await ws.ping()
    async with open_websocket_url(url_of(server)) as ws:
        await ws.ping()


async def test_context_without_verification(server: WebSocketServer) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    async with open_websocket_url(url_of(server), context) as ws:
        await ws.ping()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_versions(
    server: WebSocketServer, authority: trustme.CA, version: ssl.TLSVersion
) -> None:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    context.minimum_version = context.maximum_version = version
    async with open_websocket_url(url_of(server), context) as ws:
        await ws.ping()


async def test_tls_over_memory(
    nursery: trio.Nursery, server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    """A stream without a socket, at both ends."""
    ours, theirs = trio.testing.memory_stream_pair()
    stream = trio.SSLStream(theirs, server_context, server_side=True, https_compatible=True)

    async def serve() -> None:
        request = await wrap_server_stream(nursery, stream)
        assert request.remote == request.local == repr(stream)
        ws = await request.accept()
        await ws.send_message("hello")

    nursery.start_soon(serve)
    client_stream = trio.SSLStream(
        ours, client_context, server_hostname="localhost", https_compatible=True
    )
    ws = await wrap_client_stream(nursery, client_stream, "localhost", "/")
    assert await ws.get_message() == "hello"
    assert ws.remote == repr(client_stream)
    await ws.aclose()


# Bad: the client.


async def fails(url: str, context: ssl.SSLContext | None = None, **options: Any) -> HandshakeError:
    """The error with which a client can't connect, in either way."""
    with trio.fail_after(5), pytest.raises(HandshakeError) as opening:
        async with open_websocket_url(url, context, **options):
            pass
    async with trio.open_nursery() as nursery:
        with trio.fail_after(5), pytest.raises(HandshakeError) as connecting:
            await connect_websocket_url(nursery, url, context, **options)
        assert not nursery.child_tasks
    for raised in (opening, connecting):
        assert not isinstance(raised.value, ConnectionTimeout)
    return opening.value


async def test_untrusted(server: WebSocketServer, client_context: ssl.SSLContext) -> None:
    stranger = ssl.create_default_context()
    trustme.CA().configure_trust(stranger)
    error = await fails(url_of(server), stranger)
    assert isinstance(error.__cause__, ssl.SSLCertVerificationError)
    assert "certificate verify failed" in str(error)
    assert str(server.port) in str(error)
    await assert_alive(server, client_context)


async def test_untrusted_by_the_system(server: WebSocketServer) -> None:
    error = await fails(url_of(server))
    assert isinstance(error.__cause__, ssl.SSLCertVerificationError)


async def test_wrong_host(
    nursery: trio.Nursery, authority: trustme.CA, client_context: ssl.SSLContext
) -> None:
    context = server_context_for(authority.issue_cert("example.org"))
    server = await start_server(nursery, ssl_context=context)
    error = await fails(url_of(server), client_context)
    assert isinstance(error.__cause__, ssl.SSLCertVerificationError)
    assert HOST in str(error.__cause__)


async def test_expired(
    nursery: trio.Nursery, authority: trustme.CA, client_context: ssl.SSLContext
) -> None:
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    certificate = authority.issue_cert(HOST, not_before=past, not_after=past + dt.timedelta(days=1))
    server = await start_server(nursery, ssl_context=server_context_for(certificate))
    error = await fails(url_of(server), client_context)
    assert isinstance(error.__cause__, ssl.SSLCertVerificationError)
    assert "expired" in str(error.__cause__)


async def test_no_common_version(nursery: trio.Nursery, authority: trustme.CA) -> None:
    old, new = server_context_for(authority.issue_cert(HOST)), ssl.create_default_context()
    authority.configure_trust(new)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    new.minimum_version = ssl.TLSVersion.TLSv1_3
    server = await start_server(nursery, ssl_context=old)
    error = await fails(url_of(server), new)
    assert isinstance(error.__cause__, ssl.SSLError)


async def test_tls_client_on_a_plain_port(
    nursery: trio.Nursery, client_context: ssl.SSLContext
) -> None:
    server = await start_server(nursery)
    error = await fails(f"wss://{HOST}:{server.port}", client_context)
    assert isinstance(error.__cause__, ssl.SSLError)
    async with open_websocket_url(url_of(server)) as ws:
        await ws.ping()


async def test_server_that_hangs_up_within_tls(
    nursery: trio.Nursery, client_context: ssl.SSLContext
) -> None:
    async def hang_up(stream: trio.SocketStream) -> None:
        await stream.receive_some()

    port = await serve_raw(nursery, hang_up)
    error = await fails(f"wss://{HOST}:{port}", client_context)
    assert error.__cause__ is not None


async def test_server_that_is_silent_within_tls(
    nursery: trio.Nursery, client_context: ssl.SSLContext
) -> None:
    async def silent(stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    port = await serve_raw(nursery, silent)
    with pytest.raises(ConnectionTimeout):
        async with open_websocket_url(f"wss://{HOST}:{port}", client_context, connect_timeout=0.05):
            pass


# Bad: the server must not mind.


async def test_plain_client_on_a_tls_port(
    server: WebSocketServer, client_context: ssl.SSLContext
) -> None:
    error = await fails(f"ws://{HOST}:{server.port}")
    assert "HTTP" in str(error) or "closed" in str(error)
    await assert_alive(server, client_context)


@pytest.mark.parametrize("data", [b"", b"\x16\x03\x01", b"\x16\x03\x01\xff\xff" + b"\xff" * 300])
async def test_garbage_on_a_tls_port(
    server: WebSocketServer, client_context: ssl.SSLContext, data: bytes
) -> None:
    for _ in range(2):
        async with await trio.open_tcp_stream(HOST, server.port) as stream:
            if data:
                await stream.send_all(data)
    await trio.testing.wait_all_tasks_blocked(0.01)
    await assert_alive(server, client_context)


async def test_silence_on_a_tls_port(
    nursery: trio.Nursery, server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    server = await start_server(nursery, ssl_context=server_context, connect_timeout=0.05)
    async with await trio.open_tcp_stream(HOST, server.port) as stream:
        with trio.fail_after(5):
            assert await stream.receive_some() == b""


async def test_client_that_cuts_the_tcp_connection(
    server: WebSocketServer, client_context: ssl.SSLContext
) -> None:
    tcp = await trio.open_tcp_stream(HOST, server.port)
    stream = trio.SSLStream(tcp, client_context, server_hostname=HOST, https_compatible=True)
    async with trio.open_nursery() as nursery:
        ws = await wrap_client_stream(nursery, stream, HOST, "/")
        await ws.send_message("x")
        await ws.get_message()
        await tcp.aclose()
        assert (await ws.wait_closed()).code == 1006
    await assert_alive(server, client_context)


# Client certificates.


@pytest.fixture
async def strict_server(nursery: trio.Nursery, authority: trustme.CA) -> WebSocketServer:
    """A server that wants to see certificates of clients."""
    context = server_context_for(authority.issue_cert(HOST))
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    return await start_server(nursery, echo, ssl_context=context)


def own_context(authority: trustme.CA, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    context.minimum_version = context.maximum_version = version
    return context


each_version = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


@each_version
async def test_client_certificate(
    strict_server: WebSocketServer, authority: trustme.CA, version: ssl.TLSVersion
) -> None:
    context = own_context(authority, version)
    authority.issue_cert("client@example.org").configure_cert(context)
    await assert_alive(strict_server, context)


@each_version
async def test_missing_client_certificate(
    strict_server: WebSocketServer, authority: trustme.CA, version: ssl.TLSVersion
) -> None:
    """Under TLS 1.3 the client learns of it only when it waits for the answer."""
    await fails(url_of(strict_server), own_context(authority, version))
    good = own_context(authority, version)
    authority.issue_cert("client@example.org").configure_cert(good)
    await assert_alive(strict_server, good)


@each_version
async def test_untrusted_client_certificate(
    strict_server: WebSocketServer, authority: trustme.CA, version: ssl.TLSVersion
) -> None:
    context = own_context(authority, version)
    trustme.CA().issue_cert("client@example.org").configure_cert(context)
    await fails(url_of(strict_server), context)


@each_version
async def test_the_servers_alert_is_told(authority: trustme.CA, version: ssl.TLSVersion) -> None:
    """Trio's servers only hang up; those of OpenSSL say why."""
    context = server_context_for(authority.issue_cert(HOST))
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server((HOST, 0)) as listening:
        listening.settimeout(5)

        def serve() -> None:
            for _ in range(2):
                tcp, _ = listening.accept()
                with tcp, contextlib.suppress(OSError):
                    context.wrap_socket(tcp, server_side=True)
                    raise AssertionError("there was no certificate")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, serve)
            error = await fails(
                f"wss://{HOST}:{listening.getsockname()[1]}", own_context(authority, version)
            )
    # A reset may overtake the alert.
    assert isinstance(error.__cause__, ssl.SSLError | ConnectionError)


# Arguments.


async def test_context_for_a_plain_url(
    nursery: trio.Nursery, client_context: ssl.SSLContext
) -> None:
    text = "^SSL context must be None for ws: URL scheme$"
    with pytest.raises(ValueError, match=text):
        open_websocket_url("ws://example.org", client_context)
    with pytest.raises(ValueError, match=text):
        await connect_websocket_url(nursery, "ws://example.org", client_context)
