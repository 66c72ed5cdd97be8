"""Our own TLS by itself, against a peer whose records go over the wire as we like."""

from __future__ import annotations

import functools
import os
import shutil
import ssl
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
import trio
import trio.testing
import trustme

from trio_websocket import wrap_server_stream
from trio_websocket._tls import TlsStream
from trio_websocket._transport import transport_for
from ws_core import Role

from .peers import (
    REQUEST,
    closed_error,
    connected,
    direct_tls_pair,
    read_to_end,
    reset,
    small_direct_tls_pair,
    takes,
    tcp_pair,
    until,
)

V1_2, V1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
VERSIONS = pytest.mark.parametrize("version", [V1_2, V1_3])
BOTH = pytest.mark.parametrize("role", list(Role))
BAD_RECORD = b"\x17\x03\x03\x00\x40" + bytes(64)
MESSAGE = os.urandom(2**20)
STUCK = bytes(8 * 2**20)


@functools.cache
def authority() -> trustme.CA:
    """Who certifies."""
    return trustme.CA()


def client_context(version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority().configure_trust(context)
    context.minimum_version = context.maximum_version = version
    return context


def server_context(version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority().issue_cert("localhost").configure_cert(context)
    context.minimum_version = context.maximum_version = version
    return context


def stream_over(bottom: trio.SocketStream, role: Role, version: ssl.TLSVersion) -> TlsStream:
    """Our end."""
    if role is Role.CLIENT:
        return TlsStream(bottom, client_context(version), server_hostname="localhost")
    return TlsStream(bottom, server_context(version), server_side=True)


class Hand:
    """The other end: its TLS gives out bytes, and they go over the wire when we say so."""

    def __init__(
        self, bottom: trio.SocketStream, role: Role, version: ssl.TLSVersion, *, tickets: int = 2
    ) -> None:
        self.bottom = bottom
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        is_client = role is Role.CLIENT
        context = client_context(version) if is_client else server_context(version)
        if not is_client:
            context.num_tickets = tickets
        self.tls = context.wrap_bio(
            self.incoming,
            self.outgoing,
            server_side=not is_client,
            server_hostname="localhost" if is_client else None,
        )

    async def shake_hands(self, *, last: bool = True) -> None:
        """Do the handshake; without `last`, what we send at its end is left in `outgoing`."""
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await self.send(self.outgoing.read())
                self.incoming.write(await self.bottom.receive_some())
            else:
                break
        if last:
            await self.send(self.outgoing.read())

    def sealed(self, data: bytes) -> bytes:
        """One record, or more if there is much in it."""
        self.tls.write(data)
        return self.outgoing.read()

    def goodbye(self) -> bytes:
        """A close_notify."""
        with suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        return self.outgoing.read()

    async def send(self, data: bytes) -> None:
        if data:
            await self.bottom.send_all(data)

    async def hear(self) -> bytes:
        """What the next record holds."""
        while True:
            try:
                return self.tls.read(65536)
            except ssl.SSLWantReadError:
                self.incoming.write(await self.bottom.receive_some())


async def shaken(
    version: ssl.TLSVersion, role: Role = Role.SERVER, *, buffer: int | None = None
) -> tuple[TlsStream, Hand]:
    """Our end and the other one, after the handshake."""
    client, server = await tcp_pair(buffer=buffer)
    ours, theirs = (client, server) if role is Role.CLIENT else (server, client)
    stream = stream_over(ours, role, version)
    hand = Hand(theirs, Role.SERVER if role is Role.CLIENT else Role.CLIENT, version)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.do_handshake)
        nursery.start_soon(hand.shake_hands)
    if (role, version) == (Role.CLIENT, V1_3):
        # The tickets that such a server sends would be heard with the first record otherwise.
        assert stream.try_receive(1) is None
    return stream, hand


async def close(stream: TlsStream, hand: Hand) -> None:
    await stream.aclose()
    await hand.bottom.aclose()


# The handshake.


async def test_request_in_one_segment_with_the_end_of_the_handshake_is_answered() -> None:
    """In TLS 1.3 the client speaks last, and need not wait before it goes on."""
    client, server = await tcp_pair()
    hand = Hand(client, Role.CLIENT, V1_3)
    async with trio.open_nursery() as nursery:

        async def serve() -> None:
            stream = stream_over(server, Role.SERVER, V1_3)
            connection = await (await wrap_server_stream(nursery, stream)).accept()
            await connection.wait_closed()

        nursery.start_soon(serve)
        await hand.shake_hands(last=False)
        await hand.send(hand.outgoing.read() + hand.sealed(REQUEST))
        assert (await hand.hear()).startswith(b"HTTP/1.1 101 ")
        reset(client)


@VERSIONS
async def test_second_handshake_does_nothing(version: ssl.TLSVersion) -> None:
    stream, hand = await shaken(version)
    await stream.do_handshake()
    await hand.send(hand.sealed(b"x"))
    assert await stream.receive_some() == b"x"
    await close(stream, hand)


@VERSIONS
async def test_client_that_does_not_trust_says_so(version: ssl.TLSVersion) -> None:
    client, server = await tcp_pair()
    distrustful = TlsStream(client, ssl.create_default_context(), server_hostname="localhost")
    async with trio.open_nursery() as nursery:

        async def shake() -> None:
            with pytest.raises(trio.BrokenResourceError) as caught:
                await distrustful.do_handshake()
            assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
            await distrustful.aclose()

        nursery.start_soon(shake)
        with pytest.raises(trio.BrokenResourceError) as caught:
            await stream_over(server, Role.SERVER, version).do_handshake()
    assert "ALERT_UNKNOWN_CA" in str(caught.value.__cause__)
    await server.aclose()


async def test_server_that_can_not_agree_says_so() -> None:
    client, server = await tcp_pair()
    causes: list[str] = []

    async def shake(stream: TlsStream) -> None:
        with pytest.raises(trio.BrokenResourceError) as caught:
            await stream.do_handshake()
        causes.append(str(caught.value.__cause__))
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(shake, stream_over(server, Role.SERVER, V1_3))
        nursery.start_soon(shake, stream_over(client, Role.CLIENT, V1_2))
    assert "UNSUPPORTED_PROTOCOL" in causes[0]
    assert "ALERT_PROTOCOL_VERSION" in causes[1]


@VERSIONS
async def test_client_without_the_certificate_that_is_asked_for(version: ssl.TLSVersion) -> None:
    """In TLS 1.3 the client thinks that all is well, and is told when it reads."""
    client_end, server_end = await tcp_pair()
    context = server_context(version)
    context.verify_mode = ssl.CERT_REQUIRED
    causes: list[str] = []

    async def shake_and_read(stream: TlsStream) -> None:
        try:
            await stream.do_handshake()
            await stream.receive_some()
        except trio.BrokenResourceError as error:
            causes.append(str(error.__cause__))
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(shake_and_read, TlsStream(server_end, context, server_side=True))
        nursery.start_soon(shake_and_read, stream_over(client_end, Role.CLIENT, version))
    assert "PEER_DID_NOT_RETURN_A_CERTIFICATE" in causes[0]
    assert "ALERT" in causes[1]


@BOTH
async def test_certificates_of_both_ends_and_a_protocol(role: Role) -> None:
    """What `trio.SSLStream` agrees on with us is what it would have agreed on with its like."""
    client_end, server_end = await tcp_pair()
    contexts = client_context(V1_3), server_context(V1_3)
    authority().issue_cert("client").configure_cert(contexts[0])
    authority().configure_trust(contexts[1])
    contexts[1].verify_mode = ssl.CERT_REQUIRED
    for context in contexts:
        context.set_alpn_protocols(["http/1.1"])
    name = "localhost"
    client: TlsStream | trio.SSLStream[trio.SocketStream]
    server: TlsStream | trio.SSLStream[trio.SocketStream]
    if role is Role.CLIENT:
        client = ours = TlsStream(client_end, contexts[0], server_hostname=name)
        server = trio.SSLStream(server_end, contexts[1], server_side=True)
    else:
        client = trio.SSLStream(client_end, contexts[0], server_hostname=name)
        server = ours = TlsStream(server_end, contexts[1], server_side=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.do_handshake)
        nursery.start_soon(server.do_handshake)
    assert ours._tls.selected_alpn_protocol() == "http/1.1"  # noqa: SLF001 - nobody else tells
    assert ours._tls.getpeercert()  # noqa: SLF001
    for end in (client_end, server_end):
        await end.aclose()


@VERSIONS
@BOTH
async def test_end_within_the_handshake(version: ssl.TLSVersion, role: Role) -> None:
    ours, theirs = await tcp_pair()
    await theirs.send_all(b"\x16\x03")
    await theirs.send_eof()
    with pytest.raises(trio.BrokenResourceError) as caught:
        await stream_over(ours, role, version).do_handshake()
    assert isinstance(caught.value.__cause__, ssl.SSLError)
    await ours.aclose()
    await theirs.aclose()


async def test_handshake_with_garbage_and_nobody_to_tell() -> None:
    """The alert can't be sent; what is told is why it should have been."""
    ours, theirs = await tcp_pair()
    await theirs.send_all(b"garbage, and more of it")
    await ours.send_eof()
    with pytest.raises(trio.BrokenResourceError) as caught:
        await stream_over(ours, Role.SERVER, V1_3).do_handshake()
    assert "WRONG_VERSION_NUMBER" in str(caught.value.__cause__)
    await ours.aclose()
    await theirs.aclose()


@BOTH
async def test_cancelled_handshake(role: Role, autojump_clock: trio.testing.MockClock) -> None:
    ours, theirs = await tcp_pair()
    stream = stream_over(ours, role, V1_3)
    with takes(5), trio.move_on_after(5) as scope:
        await stream.do_handshake()
    assert scope.cancelled_caught
    await stream.aclose()
    await theirs.aclose()


# The end.


@VERSIONS
@BOTH
async def test_end_with_and_without_a_word(version: ssl.TLSVersion, role: Role) -> None:
    for polite in (True, False):
        stream, hand = await shaken(version, role)
        await hand.send(hand.sealed(b"last") + (hand.goodbye() if polite else b""))
        assert await stream.receive_some() == b"last"
        if not polite:
            await hand.bottom.send_eof()
        assert [await stream.receive_some() for _ in range(3)] == [b""] * 3
        await close(stream, hand)


@VERSIONS
async def test_end_that_came_with_the_last_bytes_is_not_waited_for(
    version: ssl.TLSVersion,
) -> None:
    """Many wait for our end before they close the socket below."""
    for into in (False, True):
        stream, hand = await shaken(version)
        transport = transport_for(stream, 65536)
        await hand.send(hand.sealed(b"last") + hand.goodbye())
        with trio.fail_after(5):
            if into:
                room = memoryview(bytearray(100))
                assert await transport.receive_into(room) == 4
                assert await transport.receive_into(room) == 0
            else:
                assert await transport.receive() == b"last"
                assert await transport.receive() == b""
        await close(stream, hand)


@VERSIONS
@pytest.mark.parametrize("polite", [True, False])
async def test_we_may_still_speak_behind_the_peers_end(
    version: ssl.TLSVersion, polite: bool
) -> None:
    """It may listen, as on a plain socket."""
    stream, hand = await shaken(version)
    if polite:
        await hand.send(hand.goodbye())
    await hand.bottom.send_eof()
    assert await stream.receive_some() == b""
    await stream.send_all(b"answer")
    if polite and version is V1_2:  # it has closed both ways: that was all there was then
        hand.incoming.write(await hand.bottom.receive_some())
        assert hand.incoming.pending
    else:
        assert await hand.hear() == b"answer"
    await close(stream, hand)


@VERSIONS
async def test_what_comes_behind_the_end_is_ignored(version: ssl.TLSVersion) -> None:
    stream, hand = await shaken(version)
    await hand.send(hand.sealed(b"last") + hand.goodbye() + BAD_RECORD)
    assert await stream.receive_some() == b"last"
    assert [await stream.receive_some() for _ in range(3)] == [b""] * 3
    await close(stream, hand)


@VERSIONS
@BOTH
async def test_bad_record(version: ssl.TLSVersion, role: Role) -> None:
    """What came before it is not lost, and the peer is told."""
    stream, hand = await shaken(version, role)
    transport = transport_for(stream, 65536)
    await hand.send(hand.sealed(b"good") + BAD_RECORD)
    assert await transport.receive() == b"good"
    for _ in range(2):
        with trio.fail_after(5), pytest.raises(trio.BrokenResourceError) as caught:
            await transport.receive()
        assert "DECRYPTION_FAILED_OR_BAD_RECORD_MAC" in str(caught.value.__cause__)
    with pytest.raises(ssl.SSLError, match="ALERT_BAD_RECORD_MAC"):
        await hand.hear()
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(b"too late")
    await close(stream, hand)


async def test_bad_record_and_nobody_to_tell() -> None:
    """That the alert could not be sent does not hide why it should have been."""
    stream, hand = await shaken(V1_3)
    await hand.send(BAD_RECORD)
    await stream.transport_stream.send_eof()
    with pytest.raises(trio.BrokenResourceError) as caught:
        await stream.receive_some()
    assert "DECRYPTION_FAILED_OR_BAD_RECORD_MAC" in str(caught.value.__cause__)
    await close(stream, hand)


async def test_closed_before_and_meanwhile() -> None:
    stream, hand = await shaken(V1_3)
    async with trio.open_nursery() as nursery:

        async def receive() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await stream.receive_some()

        nursery.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked(0.001)
        await stream.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await stream.receive_some()
    with pytest.raises(trio.ClosedResourceError):
        await stream.send_all(b"x")
    await hand.bottom.aclose()


async def test_closed_with_something_unread() -> None:
    """What waits within TLS is not given out any more."""
    stream, hand = await shaken(V1_3)
    await hand.send(hand.sealed(b"abcdef"))
    assert await stream.receive_some(3) == b"abc"
    await stream.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await stream.receive_some(3)
    with pytest.raises(trio.ClosedResourceError):
        await stream.send_all(b"")
    await hand.bottom.aclose()


# Records.


@VERSIONS
async def test_record_that_trickles_in(version: ssl.TLSVersion) -> None:
    stream, hand = await shaken(version)
    async with trio.open_nursery() as nursery:

        async def send() -> None:
            for octet in hand.sealed(b"drop by drop"):
                await hand.send(bytes([octet]))
                await trio.testing.wait_all_tasks_blocked(0.0005)

        nursery.start_soon(send)
        assert await stream.receive_some() == b"drop by drop"
    await close(stream, hand)


@VERSIONS
@pytest.mark.parametrize("size", [1, 1_500, 40_000])
async def test_more_records_at_once_than_are_asked_for(version: ssl.TLSVersion, size: int) -> None:
    """What waits within TLS is not forgotten when nothing more comes from the socket."""
    stream, hand = await shaken(version)
    transport = transport_for(stream, size)
    data = os.urandom(3_000) if size == 1 else os.urandom(90_000)
    await hand.send(b"".join(hand.sealed(data[n : n + 999]) for n in range(0, len(data), 999)))
    found = b""
    with trio.fail_after(10):
        while len(found) < len(data):
            part = await transport.receive()
            assert 0 < len(part) <= size
            found += part
    assert found == data
    await close(stream, hand)


async def test_records_that_hold_nothing_do_not_keep_others_waiting() -> None:
    """One read, and then it is somebody else's turn, however much there is to read."""
    client, server = await tcp_pair()
    stream = stream_over(client, Role.CLIENT, V1_3)
    hand = Hand(server, Role.SERVER, V1_3, tickets=5_000)  # it sends them behind the handshake
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.do_handshake)
        await hand.shake_hands(last=False)
        tickets = hand.outgoing.read()
        nursery.start_soon(hand.send, tickets + hand.sealed(b"x"))
        await trio.testing.wait_all_tasks_blocked(0.001)
        turns = 0
        while (data := stream.try_receive(100)) is None:
            turns += 1
            await trio.lowlevel.wait_readable(stream.fileno())
    assert data == b"x"
    assert turns >= len(tickets) // 128_000 > 3
    await close(stream, hand)


@VERSIONS
async def test_so_many_bytes_at_most(version: ssl.TLSVersion) -> None:
    stream, hand = await shaken(version)
    await hand.send(hand.sealed(b"abcdefgh"))
    assert [await stream.receive_some(3) for _ in range(3)] == [b"abc", b"def", b"gh"]
    await close(stream, hand)


async def test_much_both_ways_at_once() -> None:
    for buffer in (None, 4096):
        one, two = await direct_tls_pair(buffer=buffer)
        found: list[bytes] = []

        async def send(stream: TlsStream) -> None:
            await stream.wait_send_all_might_not_block()
            await stream.send_all(MESSAGE)
            await stream.transport_stream.send_eof()

        async def receive(stream: TlsStream) -> None:
            found.append(await read_to_end(stream))  # noqa: B023 - it is over in time

        async with trio.open_nursery() as nursery:
            for end in (one, two):
                nursery.start_soon(send, end)
                nursery.start_soon(receive, end)
        assert found == [MESSAGE, MESSAGE]
        await one.aclose()
        await two.aclose()


@VERSIONS
async def test_what_is_sealed_is_sealed_once(version: ssl.TLSVersion) -> None:
    """What the socket takes only in part comes first in the next calls, whatever is added to it."""
    stream, hand = await shaken(version, buffer=4096)
    first, more = MESSAGE[:60_000], MESSAGE[60_000:200_000]
    assert not stream.try_send([first])
    found = b""
    async with trio.open_nursery() as nursery:

        async def send() -> None:
            left = [first, more]
            while not (sent := stream.try_send(left)):
                await trio.lowlevel.wait_writable(stream.fileno())
            assert sent == len(first)
            await stream.send_all(more)

        nursery.start_soon(send)
        while len(found) < 200_000:
            found += await hand.hear()
    assert found == MESSAGE[:200_000]
    await close(stream, hand)


async def test_nothing_that_was_written_is_kept() -> None:
    stream, hand = await shaken(V1_3)
    await stream.send_all(b"x" * 60_000)
    assert stream._sealed.obj == b""  # noqa: SLF001 - memory shows in no other way
    await close(stream, hand)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="it takes another implementation")
async def test_new_keys(tmp_path: Path) -> None:
    """A peer may change its keys and ask us to change ours (TLS 1.3)."""
    trusted = tmp_path / "authority.pem"
    authority().cert_pem.write_to_path(trusted)
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", str(trusted)]
    pipe, both = subprocess.PIPE, subprocess.STDOUT
    client = await trio.lowlevel.open_process(command, stdin=pipe, stdout=pipe, stderr=both)
    assert client.stdin is not None
    assert client.stdout is not None
    stream = TlsStream(await listener.accept(), server_context(V1_3), server_side=True)
    try:
        with trio.fail_after(10):
            await stream.do_handshake()
            await client.stdin.send_all(b"before\n")
            assert await stream.receive_some() == b"before\n"
            await client.stdin.send_all(b"K\n")
            shown = b""
            while b"KEYUPDATE" not in shown:
                shown += await client.stdout.receive_some()
            await client.stdin.send_all(b"after\n")
            assert await stream.receive_some() == b"after\n"
            await stream.send_all(b"answer\n")
            while b"answer" not in shown:
                shown += await client.stdout.receive_some()
    finally:
        client.kill()
    await client.wait()
    for resource in (stream, listener, client.stdin, client.stdout):
        await resource.aclose()


# Time.


@BOTH
async def test_peer_that_takes_nothing(role: Role, autojump_clock: trio.testing.MockClock) -> None:
    autojump_clock.autojump_threshold = 0.02
    async with connected(role, small_direct_tls_pair, write_timeout=5) as (connection, _peer):
        with takes(5):
            error = await closed_error(connection.send_message(STUCK))
        assert isinstance(error.__cause__, trio.TooSlowError)
        await connection.wait_closed()


@BOTH
async def test_peer_that_takes_a_little_in_time(
    role: Role, autojump_clock: trio.testing.MockClock
) -> None:
    """One encrypted chunk takes it longer than the timeout, but some of it goes in time."""
    autojump_clock.autojump_threshold = 0.02
    message = MESSAGE[:250_000]
    async with connected(role, small_direct_tls_pair, write_timeout=5) as (connection, peer):
        sent = trio.Event()

        async def send() -> None:
            await connection.send_message(message)
            sent.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            start = trio.current_time()
            while not sent.is_set():
                await trio.sleep(4)
                peer.core.receive_data(bytes(await peer.stream.receive_some(65536)))
            assert trio.current_time() - start > 20
        assert await peer.hear() == message
        assert connection.closed is None


async def test_reset_while_we_wait_to_write() -> None:
    stream, hand = await shaken(V1_3, buffer=4096)
    async with trio.open_nursery() as nursery:

        async def send() -> None:
            with pytest.raises(trio.BrokenResourceError):
                await stream.send_all(MESSAGE)

        nursery.start_soon(send)
        await trio.testing.wait_all_tasks_blocked(0.001)
        reset(hand.bottom)
    with suppress(trio.BrokenResourceError):
        await until(lambda: stream.try_receive(100) == b"")
    await stream.aclose()
