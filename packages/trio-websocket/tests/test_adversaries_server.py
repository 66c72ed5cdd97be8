"""Hostile clients: no bytes stop the server, harm another client, or hold a task past its time."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress

import pytest
import trio
import trio.testing

from trio_websocket import ConnectionClosed, Endpoint, WebSocketRequest
from ws_core import Role

from .peers import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    REQUEST,
    TEXT,
    Peer,
    arena,
    close_frame,
    echo,
    frame,
    keep_sending,
    lockstep_pair,
    plain,
    read_to_end,
    request,
    reset,
    takes,
    tcp_arena,
)

SERVER = Role.SERVER

REQUESTS = [
    *(
        pytest.param(request(**{name: value}), b"400", id=f"{value!r} in {name}")
        for name in ("host", "connection")
        for value in (b"\x80", b"\xff\xfe", "ü".encode())
    ),
    *(
        pytest.param(request(b"Sec-WebSocket-Protocol: " + value), b"400", id=f"{value!r} protocol")
        for value in (b"\x80", b"\xff", b"a b", b"a, a")
    ),
    pytest.param(request(host=b"a b"), b"400", id="space in host"),
    pytest.param(request(host=b""), b"400", id="empty host"),
    pytest.param(request(b"Host: again"), b"400", id="two hosts"),
    pytest.param(request(host=None), b"400", id="no host"),
    pytest.param(request(upgrade=None), b"426", id="no upgrade"),
    pytest.param(request(upgrade=b"\xff"), b"4", id="odd upgrade"),
    pytest.param(request(connection=None), b"400", id="no connection"),
    pytest.param(request(sec_websocket_version=b"8"), b"426", id="version 8"),
    pytest.param(request(sec_websocket_version=None), b"400", id="no version"),
    pytest.param(request(sec_websocket_key=b"short"), b"400", id="short key"),
    pytest.param(request(sec_websocket_key=b"!" * 24), b"400", id="odd key"),
    pytest.param(request(sec_websocket_key=None), b"400", id="no key"),
    pytest.param(request(b"Sec-WebSocket-Key: " + b"A" * 22 + b"=="), b"400", id="two keys"),
    pytest.param(request(b"Content-Length: 5") + b"hello", b"400", id="body"),
    pytest.param(request(b"Content-Length: " + b"9" * 4300), b"400", id="endless length"),
    pytest.param(request(b"Transfer-Encoding: chunked"), b"400", id="chunked body"),
    pytest.param(request(b"x: " + b"y" * 20_000), b"431", id="large head"),
    pytest.param(request(*[b"x: y"] * 2_000), b"431", id="many lines"),
    pytest.param(request(b"x: y\r\n folded"), b"400", id="folded line"),
    pytest.param(request(b"x: y\nz: bare"), b"400", id="bare line feed"),
    pytest.param(request(b"x: a\x00b"), b"400", id="NUL"),
    pytest.param(request(b"no colon"), b"400", id="no colon"),
    pytest.param(request(start=b"POST / HTTP/1.1"), b"405", id="POST"),
    pytest.param(request(start=b"GET / HTTP/1.0"), b"", id="HTTP/1.0"),
    pytest.param(request(start=b"GET * HTTP/1.1"), b"400", id="asterisk"),
    pytest.param(request(start=b"GET /#f HTTP/1.1"), b"400", id="fragment"),
    pytest.param(request(start=b"GET /\xff HTTP/1.1"), b"400", id="odd path"),
    pytest.param(request(start=b"GET HTTP/1.1"), b"400", id="no path"),
    pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 30, b"400", id="TLS"),
    pytest.param(b"\x00" * 5_000, b"400", id="zeros"),
    pytest.param(b"\r\n\r\n", b"400", id="nothing"),
    pytest.param(b"A" * 200_000, b"431", id="one endless word"),
]

OVER = 2**20 + 1
LONGEST = b"\x82\xff" + b"\x7f" + b"\xff" * 7
FRAMES = [
    pytest.param(b"\x81\x01x", 1002, id="no mask"),
    pytest.param(b"\xc1\x80" + b"mask", 1002, id="RSV1"),
    pytest.param(b"\x83\x80" + b"mask", 1002, id="unknown opcode"),
    pytest.param(b"\x8b\x80" + b"mask", 1002, id="unknown control opcode"),
    pytest.param(b"\x09\x80" + b"mask", 1002, id="fragmented ping"),
    pytest.param(b"\x89\xfe\x00\x7e" + b"mask", 1002, id="long ping"),
    pytest.param(frame(CONTINUATION, b"x", to=SERVER), 1002, id="nothing to continue"),
    pytest.param(
        frame(TEXT, b"x", to=SERVER, fin=False) + frame(TEXT, b"y", to=SERVER),
        1002,
        id="message in a message",
    ),
    pytest.param(b"\x82\xfe\x00\x05" + b"mask", 1002, id="16-bit length too small"),
    pytest.param(b"\x82\xff" + (5).to_bytes(8, "big") + b"mask", 1002, id="64-bit length small"),
    pytest.param(b"\x82\xff" + b"\xff" * 8 + b"mask", 1002, id="negative length"),
    pytest.param(LONGEST + b"mask", 1009, id="longest length"),
    pytest.param(b"\x82\xff" + OVER.to_bytes(8, "big") + b"mask", 1009, id="one byte over"),
    pytest.param(b"\x82\xff" + (2**32).to_bytes(8, "big") + b"mask", 1009, id="2**32"),
    pytest.param(
        frame(BINARY, bytes(2**20), to=SERVER, fin=False) + frame(CONTINUATION, b"x", to=SERVER),
        1009,
        id="over in two frames",
    ),
    pytest.param(
        (b"\x81\xff" + OVER.to_bytes(8, "big") + b"mask") + frame(PING, b"!", to=SERVER),
        1009,
        id="over, then a ping",  # 2A 3
    ),
    pytest.param((LONGEST + b"mask") * 2, 1009, id="over twice"),  # 2A 3
    pytest.param(frame(TEXT, b"\xff", to=SERVER), 1007, id="no text"),
    pytest.param(frame(TEXT, b"\xed\xa0\x80", to=SERVER), 1007, id="surrogate"),
    pytest.param(frame(TEXT, b"\xf0\x9f", to=SERVER), 1007, id="text that is cut"),
    pytest.param(frame(CLOSE, b"\x03", to=SERVER), 1002, id="half a close code"),
    pytest.param(close_frame(1005, to=SERVER), 1002, id="close 1005"),
    pytest.param(close_frame(999, to=SERVER), 1002, id="close 999"),
    pytest.param(close_frame(65535, to=SERVER), 1002, id="close 65535"),
    pytest.param(frame(CLOSE, b"\x03\xe8\xff", to=SERVER), 1007, id="close reason that is no text"),
]


# The opening handshake.


@pytest.mark.parametrize(("attack", "status"), REQUESTS)
async def test_bad_request_is_answered_at_once(
    attack: bytes, status: bytes, autojump_clock: trio.testing.MockClock
) -> None:
    async with arena() as server:
        stream = await server.dial()
        with takes(0):
            await stream.send_all(attack)
            answer = await read_to_end(stream)
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert not answer.startswith(b"HTTP/1.1 1")
        # The attacker has not hung up: the server does.
        await server.alone(10.1)
        await server.alive()


async def test_bad_requests_over_tcp_end_nothing() -> None:
    async with tcp_arena() as server:
        for attack in [parameters.values[0] for parameters in REQUESTS]:
            assert isinstance(attack, bytes)
            stream = await server.dial()
            await stream.send_all(attack)
            assert (await read_to_end(stream)).startswith(b"HTTP/1.1 ")
            await stream.aclose()
        await server.alive()


async def test_encoded_host_that_is_none_does_no_harm(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with arena() as server:
        stream = await server.dial()
        await stream.send_all(request(host=b"xn--99999999"))
        assert (await stream.receive_some())[:9] == b"HTTP/1.1 "
        await stream.aclose()
        await server.alive()


@pytest.mark.parametrize("cut", [0, 1, 4, 15, 16, 100, len(REQUEST) - 1])
async def test_request_that_is_never_finished_is_dropped_in_time(
    cut: int, autojump_clock: trio.testing.MockClock
) -> None:
    async with arena() as server:
        stream = await server.dial()
        with takes(10):
            await stream.send_all(REQUEST[:cut])
            assert await read_to_end(stream) == b""
        await server.alone(0.1)
        await server.alive()


async def test_request_that_drips_is_dropped_in_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with arena() as server:
        stream = await server.dial()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep_sending, lambda: stream.send_all(b"x"))
            with takes(10):
                assert await read_to_end(stream) == b""
        await server.alive()


async def test_request_that_ends_at_every_byte(autojump_clock: trio.testing.MockClock) -> None:
    async with arena() as server:
        for cut in range(len(REQUEST)):
            stream = await server.dial()
            with takes(0):
                await stream.send_all(REQUEST[:cut])
                assert isinstance(stream, trio.StapledStream)
                await stream.send_eof()
                await read_to_end(stream)
        await server.alone()
        await server.alive()


async def test_request_that_is_reset_anywhere() -> None:
    async with tcp_arena() as server:
        for cut in (*range(0, len(REQUEST), 10), len(REQUEST)):
            stream = await server.dial()
            await stream.send_all(REQUEST[:cut])
            reset(stream)
        await server.alone()
        await server.alive()


@pytest.mark.parametrize("attack", [b"\x00", request(host=None), request(upgrade=None)])
async def test_client_that_does_not_take_its_answer(
    attack: bytes, autojump_clock: trio.testing.MockClock
) -> None:
    async with arena() as server:
        stream = await server.dial(lockstep_pair)
        await stream.send_all(attack)
        await server.alone(20.1)
        await server.alive()


async def test_many_bad_requests_leave_nothing(autojump_clock: trio.testing.MockClock) -> None:
    async with arena() as server:
        streams = [await server.dial() for _ in range(200)]
        for stream in streams:
            await stream.send_all(request(upgrade=None))
        await server.alone(10.1)
        await server.alive()


async def test_refused_client_that_keeps_sending_does_not_starve_the_deadline(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with arena() as server:
        stream = await server.dial()
        with takes(10, at_most=10.2):
            await keep_sending(lambda: stream.send_all(b"x" * 100))
        await server.alone()
        await server.alive()


async def test_refused_client_that_sends_much_is_cut_off(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with arena() as server:
        stream = await server.dial(lockstep_pair)
        sent = 0
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read_to_end, stream)

            async def send() -> None:
                nonlocal sent
                assert sent < 2**21
                await stream.send_all(b"x" * 2**16)
                sent += 2**16

            with takes(0):
                await keep_sending(send, every=0)
        assert sent >= 2**20
        await server.alive()


async def test_bytes_behind_the_request_are_not_read_before_it_is_accepted(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def slow(asked: WebSocketRequest) -> None:
        if "slow" in asked.path:
            await trio.sleep(4)
        await echo(asked)

    async with arena(slow) as server:
        stream = await server.dial(lockstep_pair)
        attack = request(start=b"GET /slow HTTP/1.1")
        await stream.send_all(attack)
        with takes(4), trio.fail_after(5):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(stream.send_all, frame(PING, b"!", to=SERVER))
                answer = bytearray()
                while not answer.endswith(b"\x8a\x01!"):
                    answer += await stream.receive_some()
        assert answer.startswith(b"HTTP/1.1 101 ")
        await stream.aclose()
        await server.alive()


async def test_frames_together_with_the_request_are_taken(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with arena() as server:
        stream = await server.dial()
        message = frame(TEXT, b"early", to=SERVER)
        await stream.send_all(REQUEST + message)
        await trio.testing.wait_all_tasks_blocked()
        await stream.send_all(close_frame(1000, to=SERVER))
        answer = await read_to_end(stream)
        assert answer.endswith(b"\r\n\r\n\x81\x05early\x88\x02\x03\xe8")
        await server.alive()


# Frames.


@pytest.mark.parametrize(("attack", "code"), FRAMES)
async def test_bad_frame_is_answered_with_its_code(
    attack: bytes, code: int, autojump_clock: trio.testing.MockClock
) -> None:
    async with arena() as server:
        peer = await server.peer()
        with takes(0):
            await peer.send(frame(TEXT, b"good", to=SERVER) + attack + b"\x89\x80mask")
            heard = await peer.hear_all()
            assert await peer.at_end()
        assert heard == ["good", ("closed", code, "clean")]
        # The attacker has not hung up: the server does.
        await server.alone(10.1)
        await server.alive()


@pytest.mark.parametrize(("attack", "code"), FRAMES)
async def test_bad_frame_byte_by_byte(
    attack: bytes, code: int, autojump_clock: trio.testing.MockClock
) -> None:
    async with arena() as server:
        peer = await server.peer()
        start = attack[:300]
        with takes(0):
            for octet in start:
                await peer.send(bytes([octet]))
            await peer.send(attack[300:])
            assert await peer.hear_all() == [("closed", code, "clean")]
        await peer.stream.aclose()
        await server.alive()


@pytest.mark.parametrize(("attack", "code"), FRAMES)
async def test_bad_frame_from_a_peer_that_does_not_read(
    attack: bytes, code: int, autojump_clock: trio.testing.MockClock
) -> None:
    async with arena() as server:
        peer = Peer(await server.dial(lockstep_pair), Role.CLIENT)
        await peer.open()
        with suppress(trio.BrokenResourceError):
            await peer.send(attack)
        await server.alone(10.5)
        await server.alive()


async def test_bad_frames_over_tcp_end_nothing() -> None:
    async with tcp_arena() as server:
        for parameters in FRAMES:
            attack, code = parameters.values
            assert isinstance(attack, bytes)
            peer = await server.peer()
            await peer.send(attack)
            assert await peer.hear_all() == [("closed", code, "clean")]
            assert await peer.at_end()
            await peer.stream.aclose()
        await server.alive()


async def test_connection_that_ends_at_every_byte_of_a_frame() -> None:
    script = (
        frame(TEXT, b"half", to=SERVER, fin=False)
        + frame(PING, b"ping", to=SERVER)
        + frame(CONTINUATION, bytes(200), to=SERVER)
    )
    async with tcp_arena() as server:
        for cut in range(0, len(script), 2):
            for end in (reset, None):
                peer = await server.peer()
                await peer.send(script[:cut])
                if end:
                    end(peer.stream)
                else:
                    await peer.stream.aclose()
        await server.alone()
        await server.alive()


async def test_declared_length_is_believed_before_the_payload_comes(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with arena(max_message_size=100) as server:
        peer = await server.peer()
        with takes(0):
            await peer.send(b"\x82\xfe\x00\x80")
            assert await peer.hear_all() == [("closed", 1009, "clean")]
        await peer.stream.aclose()
        # Bytes count, not characters.
        peer = await server.peer()
        await peer.send_frame(TEXT, "ä".encode() * 50)
        assert await peer.hear() == "ä" * 50
        await peer.send_frame(TEXT, "ä".encode() * 51)
        assert await peer.hear_all() == [("closed", 1009, "clean")]
        await peer.stream.aclose()
        await server.alive()


@pytest.mark.parametrize("size", [0, 1])
async def test_tiny_fragments_cost_no_memory(size: int) -> None:
    count = 30_000 // (size + 1)
    fragments = frame(CONTINUATION, b"x" * size, to=SERVER, fin=False) * count
    async with arena() as server:
        peer = await server.peer()
        await peer.send_frame(TEXT, fin=False)
        tracemalloc.start()
        try:
            await peer.send(fragments)
            # It is answered behind all of them.
            await peer.send_frame(PING, b"!")
            assert plain(await peer.hear()) == ("pong", b"!")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        await peer.send_frame(CONTINUATION, b"end")
        message = await peer.hear()
        assert message == "x" * size * count + "end"
        assert peak < 4 * len(fragments)
        await peer.stream.aclose()
        await server.alive()


async def test_flood_of_fragments_does_not_keep_the_victim_waiting() -> None:
    fragments = frame(CONTINUATION, to=SERVER, fin=False) * 50_000
    async with arena() as server:
        peer = await server.peer()
        await peer.send_frame(TEXT, fin=False)
        await peer.send(fragments)
        # All of it is in memory already, yet everybody gets a turn long before it is worked off.
        steps = 0
        turns = 0
        while steps < 200:
            before = trio.current_time()
            await trio.lowlevel.checkpoint()
            turns += trio.current_time() - before < 0.05
            steps += 1
        assert turns > 190
        await peer.stream.aclose()
        await server.alone(at_most=20)  # when all that was in memory is worked off
        await server.alive()


async def test_ping_flood_of_a_peer_that_never_reads(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with arena(write_timeout=5) as server:
        peer = Peer(await server.dial(lockstep_pair), Role.CLIENT)
        await peer.open()
        pings = frame(PING, b"x" * 100, to=SERVER) * 1_000
        # Everything is taken, and after `write_timeout` the server gives up.
        tracemalloc.start()
        try:
            with takes(0):
                for _ in range(10):
                    await peer.send(pings)
            current, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert current < 2**20
        with takes(5):
            await keep_sending(lambda: peer.send(pings), every=0.5)
        await server.alone()
        await server.alive()


async def test_pong_flood_costs_nothing(autojump_clock: trio.testing.MockClock) -> None:
    async with arena() as server:
        peer = await server.peer()
        for number in range(100):
            await peer.send(frame(PONG, b"%d" % number, to=SERVER) * 100)
        await peer.send_frame(PING, b"last")
        assert plain(await peer.hear()) == ("pong", b"last")
        await peer.stream.aclose()
        await server.alive()


# Handlers and the end.


async def test_pings_after_our_close_frame_are_not_answered(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """This was one ping to end any server."""

    async def short(asked: WebSocketRequest) -> None:
        connection = await asked.accept()
        if asked.path != "/":
            return
        async for message in connection:
            await connection.send_message(message)

    async with arena(short) as server:
        stream = await server.dial()
        await stream.send_all(request(start=b"GET /short HTTP/1.1"))
        answer = await stream.receive_some()
        while not answer.endswith(b"\x88\x02\x03\xe8"):
            answer += await stream.receive_some()
        with takes(0):
            await stream.send_all(frame(PING, b"!", to=SERVER) * 3)
            await stream.send_all(frame(TEXT, b"late", to=SERVER))
            await stream.send_all(close_frame(1000, to=SERVER))
            assert await read_to_end(stream) == b""
        await server.alone()
        await server.alive()


async def test_bad_frame_after_our_close_frame(autojump_clock: trio.testing.MockClock) -> None:
    async def short(asked: WebSocketRequest) -> None:
        connection = await asked.accept()
        if asked.path == "/":
            async for message in connection:
                await connection.send_message(message)

    async with arena(short) as server:
        for attack in (b"\xff\xff", LONGEST + b"mask", frame(TEXT, b"\xff", to=SERVER)):
            stream = await server.dial()
            await stream.send_all(request(start=b"GET /short HTTP/1.1"))
            await trio.testing.wait_all_tasks_blocked()
            await stream.send_all(attack)
            # No second close frame follows the first.
            assert (await read_to_end(stream)).endswith(b"\r\n\r\n\x88\x02\x03\xe8")
        await server.alone(10.1)
        await server.alive()


async def test_client_that_leaves_ends_its_handler_and_nothing_else() -> None:
    """What get_message() raises then escapes its handler, as it may."""
    ended = []

    async def handler(asked: WebSocketRequest) -> None:
        connection = await asked.accept()
        try:
            while True:
                await connection.send_message(await connection.get_message())
        except ConnectionClosed as error:
            ended.append(error.reason)
            raise

    async with tcp_arena(handler) as server:
        for end in (reset, None, b"\x88\x80mask", close_frame(1001, to=SERVER)):
            peer = await server.peer()
            if end is reset:
                reset(peer.stream)
                continue
            if isinstance(end, bytes):
                await peer.send(end)
                await read_to_end(peer.stream)
            await peer.stream.aclose()
        await server.alone()
        codes = [reason.code for reason in ended if reason is not None]
        assert sorted(codes) == [1001, 1005, 1006, 1006]
        await server.alive()


async def test_failing_handlers_end_their_own_connection_only(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Whatever they raise, and whenever."""
    failures: list[Exception] = []

    async def handler(asked: WebSocketRequest) -> None:
        if asked.path == "/":
            await echo(asked)
        if "accept" in asked.path:
            await asked.accept()
        if "group" in asked.path:
            raise ExceptionGroup("several", [KeyError("one"), ValueError("two")])
        if "fail" in asked.path:
            raise KeyError(asked.path)

    def note(error: Exception, asked: WebSocketRequest) -> None:
        failures.append(error)

    async with arena(handler, on_handler_error=note) as server:
        answers = {}
        for path in (b"/nothing", b"/fail", b"/accept", b"/accept-fail", b"/accept-group"):
            stream = await server.dial()
            await stream.send_all(request(start=b"GET %s HTTP/1.1" % path))
            if b"accept" in path:
                await stream.send_all(close_frame(1000, to=SERVER))
            answers[path] = await read_to_end(stream)
            await stream.aclose()
        assert answers[b"/nothing"].startswith(b"HTTP/1.1 500 ")
        assert answers[b"/fail"].startswith(b"HTTP/1.1 500 ")
        assert answers[b"/accept"].endswith(b"\x88\x02\x03\xe8")
        assert answers[b"/accept-fail"].startswith(b"HTTP/1.1 101 ")
        assert [type(failure) for failure in failures] == [KeyError, KeyError, ExceptionGroup]
        await server.alive()


async def test_client_of_a_failing_handler_is_told_1011(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def handler(asked: WebSocketRequest) -> None:
        connection = await asked.accept()
        async for message in connection:
            if message == "fail":
                raise RuntimeError("on demand")
            await connection.send_message(message)

    async with arena(handler, on_handler_error=lambda error, asked: None) as server:
        peer = await server.peer()
        await peer.send_frame(TEXT, b"fail")
        assert await peer.hear_all() == [("closed", 1011, "clean")]
        await peer.stream.aclose()
        await server.alive()


async def test_address_of_a_client_that_has_left() -> None:
    """It was noted when the client came."""
    seen: list[object] = []
    left = trio.Event()

    async def handler(asked: WebSocketRequest) -> None:
        if asked.path == "/left":
            await left.wait()
            await trio.sleep(0.02)
            seen.extend((asked.local, asked.remote))
        await echo(asked)

    async with tcp_arena(handler) as server:
        stream = await server.dial()
        await stream.send_all(request(start=b"GET /left HTTP/1.1"))
        await trio.sleep(0.02)
        reset(stream)
        left.set()
        await server.alone()
        assert len(seen) == 2
        assert all(isinstance(address, Endpoint | str) for address in seen)
        await server.alive()


async def test_client_that_left_before_it_was_accepted() -> None:
    """The client ends with FIN or RST; then the handler does what handlers do."""
    left = trio.Event()

    async def handler(asked: WebSocketRequest) -> None:
        if asked.path == "/left":
            await left.wait()
        await echo(asked)

    async with tcp_arena(handler) as server:
        for abruptly in (True, False):
            stream = await server.dial()
            await stream.send_all(request(start=b"GET /left HTTP/1.1"))
            await trio.sleep(0.02)
            if abruptly:
                reset(stream)
            else:
                await stream.aclose()
            left.set()
        await server.alone()
        await server.alive()


@pytest.mark.parametrize("pings", [False, True])
async def test_peer_that_does_not_answer_our_close(
    pings: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Silence, or endless data in place of an answer."""

    async def handler(asked: WebSocketRequest) -> None:
        if asked.path == "/":
            await echo(asked)
        else:
            await asked.accept()

    async with arena(handler) as server:
        stream = await server.dial()
        await stream.send_all(request(start=b"GET /short HTTP/1.1"))
        data = frame(PING if pings else TEXT, b"x", to=SERVER)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep_sending, lambda: stream.send_all(data))
            with takes(10):
                await read_to_end(stream)
        await server.alone()
        await server.alive()


async def test_peer_that_answers_our_close_and_keeps_tcp(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with arena() as server:
        peer = await server.peer()
        with takes(0):
            await peer.send(close_frame(1000, to=SERVER))
            assert await peer.hear_all() == [("closed", 1000, "clean")]
            # RFC 6455 section 7.1.1: the server hangs up first.
            assert await peer.at_end()
        await server.alone(0.1)
        await server.alive()


async def test_everything_that_is_accepted_over_many_connections_is_let_go() -> None:
    async with tcp_arena() as server:
        peers = [await server.peer() for _ in range(50)]
        for number, peer in enumerate(peers):
            await peer.send_frame(BINARY, b"%d" % number)
            assert await peer.hear() == b"%d" % number
            if number % 2:
                reset(peer.stream)
            else:
                await peer.send(LONGEST)
        for peer in peers[::2]:
            await read_to_end(peer.stream)
            await peer.stream.aclose()
        await server.alone()
        await server.alive()


# TLS.


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(REQUEST, id="plain HTTP"),
        pytest.param(b"\x16\x03\x01\x02\x00" + b"\xff" * 512, id="bad ClientHello"),
        pytest.param(b"\x17\x03\x03\x40\x00" + bytes(0x4000), id="large record"),
        pytest.param(bytes(5000), id="zeros"),
    ],
)
async def test_garbage_for_tls_is_dropped_at_once(
    attack: bytes, autojump_clock: trio.testing.MockClock
) -> None:
    async with arena(tls=True) as server:
        stream = await server.dial()
        with takes(0):
            await stream.send_all(attack)
            await read_to_end(stream)
        await server.alone()
        await server.alive()


async def test_half_a_client_hello_is_dropped_in_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with arena(tls=True) as server:
        stream = await server.dial()
        with takes(10):
            await stream.send_all(b"\x16\x03\x01\x02\x00\x01")
            await read_to_end(stream)
        await server.alone()
        await server.alive()
