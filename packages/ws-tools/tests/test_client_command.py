from __future__ import annotations

import os
import pty
import signal
import struct
import sys

import pytest
import trio
from click.testing import CliRunner

from trio_websocket import WebSocketConnection, WebSocketRequest
from ws_core import Connection
from ws_tools import main

from .commands import COMMAND, PATIENCE, echo, running, serve, serve_raw, serve_requests, ws_tools

HOSTILE = "\x1b[2J\r\n[red]\u202e"
HARMLESS = r"\x1b[2J\r\n[red]\u202e"

LOST = (
    "\nError: the connection was lost: 1006 ABNORMAL_CLOSURE "
    "(the server hung up without a close frame)\n"
)


async def test_a_pipe_gets_its_answers(nursery: trio.Nursery) -> None:
    url = await serve(nursery, echo)
    code, said, told = await ws_tools("client", url + "/x", stdin=b"one\ntwo\r\n\nlast")
    assert (code, said) == (0, "one\ntwo\n\nlast\n")
    assert told == f"Connected to {url}/x.\nClosing.\n"


async def test_the_end_of_the_input_waits_for_quiet(nursery: trio.Nursery) -> None:
    async def answer_slowly(ws: WebSocketConnection) -> None:
        for number in range(3):
            await trio.sleep(0.3)
            await ws.send_message(str(number))
        await ws.get_message()

    url = await serve(nursery, answer_slowly)
    code, said, _ = await ws_tools("client", url, "--wait", 0.7)
    assert (code, said) == (0, "0\n1\n2\n")


async def test_the_server_sees_a_clean_close(nursery: trio.Nursery) -> None:
    closed = trio.Event()

    async def talk(ws: WebSocketConnection) -> None:
        assert [message async for message in ws] == ["hello"]
        assert ws.closed is not None
        assert ws.closed.code == 1000
        closed.set()

    code, _, _ = await ws_tools(
        "client", await serve(nursery, talk), "--wait", "0", stdin=b"hello\n"
    )
    assert code == 0
    with trio.fail_after(PATIENCE):
        await closed.wait()


async def test_everything_that_a_peer_says_is_escaped(nursery: trio.Nursery) -> None:
    async def attack(ws: WebSocketConnection) -> None:
        await ws.send_message(HOSTILE)
        await ws.send_message(HOSTILE.encode())
        await ws.aclose(4000, HOSTILE)

    code, said, told = await ws_tools("client", await serve(nursery, attack), "--wait", "inf")
    assert code == 1
    hexadecimal = HOSTILE.encode().hex(" ")
    assert said == f"{HARMLESS}\n<{len(HOSTILE.encode())} bytes: {hexadecimal}>\n"
    *_, complaint = told.splitlines()
    end = f"the connection was closed: 4000 PRIVATE_RESERVED: '{HARMLESS}'"
    assert complaint == f"Error: {end}"


@pytest.mark.parametrize(("code", "name"), [(1000, "NORMAL_CLOSURE"), (1001, "GOING_AWAY")])
async def test_a_server_that_closes_in_good_order(
    nursery: trio.Nursery, code: int, name: str
) -> None:
    async def leave(ws: WebSocketConnection) -> None:
        await ws.send_message("last")
        await ws.aclose(code, "enough")

    found, said, told = await ws_tools("client", await serve(nursery, leave), "--wait", "inf")
    assert (found, said) == (0, "last\n")
    assert told.endswith(f"\nThe server closed the connection: {code} {name}: 'enough'.\n")


async def test_a_server_that_closes_while_lines_go_out(nursery: trio.Nursery) -> None:
    async def take_one(ws: WebSocketConnection) -> None:
        await ws.get_message()
        await ws.aclose(1001)

    lines = b"x" * 1000 + b"\n"
    url = await serve(nursery, take_one)
    code, _, told = await ws_tools("client", url, "--wait", "inf", stdin=lines * 50_000)
    assert code == 0
    assert "1001 GOING_AWAY" in told


async def test_a_connection_that_is_lost(nursery: trio.Nursery) -> None:
    async def hang_up(stream: trio.SocketStream, _: Connection) -> None:
        await stream.aclose()

    code, _, told = await ws_tools("client", await serve_raw(nursery, hang_up), "--wait", "inf")
    assert code == 1
    assert told.endswith(LOST)


async def test_a_connection_that_is_reset(nursery: trio.Nursery) -> None:
    async def reset(stream: trio.SocketStream, _: Connection) -> None:
        stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))
        await stream.aclose()

    code, _, told = await ws_tools("client", await serve_raw(nursery, reset), "--wait", "inf")
    assert code == 1
    assert "\nError: the connection was lost: 1006 ABNORMAL_CLOSURE (" in told
    assert "Connection reset by peer" in told


@pytest.mark.parametrize(
    ("status", "body", "complaint"),
    [
        (403, HOSTILE.encode(), f"the server answered 403 Forbidden: {HARMLESS}"),
        (404, b"", "the server answered 404 Not Found"),
        (599, b"?" * 300, f"the server answered 599: {'?' * 200}..."),
    ],
)
async def test_a_rejection(nursery: trio.Nursery, status: int, body: bytes, complaint: str) -> None:
    async def reject(request: WebSocketRequest) -> None:
        await request.reject(status, body=body)

    code, said, told = await ws_tools("client", await serve_requests(nursery, reject))
    assert (code, said, told) == (1, "", f"Error: {complaint}\n")


async def test_an_answer_that_is_no_websockets(nursery: trio.Nursery) -> None:
    async def talk_nonsense(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"\x1b]0;title\x07\r\n\r\n")

    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, talk_nonsense, [listener])
    port = listener.socket.getsockname()[1]
    code, said, told = await ws_tools("client", f"ws://127.0.0.1:{port}")
    assert (code, said) == (1, "")
    assert told.startswith("Error: ")
    assert told.count("\n") == 1
    assert told.rstrip("\n").isprintable()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_dead_port(host: str) -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    await listener.aclose()
    code, said, told = await ws_tools("client", f"ws://{host}:{port}")
    assert (code, said) == (1, "")
    assert told.startswith(f"Error: could not connect to {host}:{port}: ")
    assert told.endswith(": Connection refused\n")
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["http://localhost"], "'http://localhost': WebSocket URL scheme must be"),
        (["ws://local\x1bhost"], r"must not contain control characters"),
        (["ws://localhost", "--header", "no colon"], "'no colon' is not like 'Name: value'"),
        (["ws://localhost", "--header", ": x"], "': x' is not like 'Name: value'"),
        (["ws://localhost", "--header", "X: a\nb"], "X"),
        (["ws://localhost", "--subprotocol", "a,b"], "invalid subprotocol 'a,b'"),
        (["ws://localhost", "--insecure"], "--ca and --insecure are for wss: URLs"),
        (["wss://localhost", "--insecure", "--ca", __file__], "exclude each other"),
        (["wss://localhost", "--ca", __file__], "no certificate"),
        (["wss://localhost", "--ca", "/nowhere"], "does not exist"),
        (["ws://localhost", "--heartbeat", "nan"], "nan is no time"),
        (["ws://localhost", "--heartbeat", "0"], "not in the range"),
        ([], "Missing argument 'URL'"),
    ],
)
def test_a_command_line_that_is_wrong(arguments: list[str], complaint: str) -> None:
    result = CliRunner().invoke(main, ["client", *arguments], prog_name="ws-tools")
    assert result.exit_code == 2
    assert result.output.startswith("Usage: ws-tools client")
    assert complaint in result.output
    assert "\x1b" not in result.output


async def test_headers_and_subprotocols_are_sent(nursery: trio.Nursery) -> None:
    async def handle(request: WebSocketRequest) -> None:
        ws = await request.accept(subprotocol=request.proposed_subprotocols[-1])
        await ws.send_message(dict(request.headers)[b"x-name"])
        await ws.aclose()

    code, said, told = await ws_tools(
        "client",
        await serve_requests(nursery, handle),
        *("--header", "X-Name:  value: with colon "),
        *("--subprotocol", "a", "--subprotocol", "b"),
    )
    assert (code, said) == (0, f"<17 bytes: {b'value: with colon'.hex(' ')}>\n")
    assert ", subprotocol b.\n" in told


async def test_input_that_is_not_utf_8(nursery: trio.Nursery) -> None:
    url = await serve(nursery, echo)
    code, _, told = await ws_tools("client", url, stdin=b"good\n\xff\n")
    assert code == 1
    assert "Error: line 2 of the input: 'utf-8' codec can't decode byte 0xff" in told


async def test_the_heartbeat_does_not_disturb(nursery: trio.Nursery) -> None:
    async def wait_for_pings(ws: WebSocketConnection) -> None:
        await trio.sleep(0.3)
        await ws.aclose()

    url = await serve(nursery, wait_for_pings)
    code, said, _ = await ws_tools("client", url, "--heartbeat", 0.05, "--wait", "inf")
    assert (code, said) == (0, "")


async def test_a_connection_that_is_lost_under_a_heartbeat(nursery: trio.Nursery) -> None:
    async def hang_up_on_ping(stream: trio.SocketStream, _: Connection) -> None:
        await stream.receive_some()
        await stream.aclose()

    url = await serve_raw(nursery, hang_up_on_ping)
    code, _, told = await ws_tools("client", url, "--heartbeat", 10, "--wait", "inf")
    assert code == 1
    assert told.endswith(LOST)


async def go_deaf(stream: trio.SocketStream, _: Connection) -> None:
    await trio.sleep_forever()


async def test_the_heartbeat_gives_up(nursery: trio.Nursery) -> None:
    url = await serve_raw(nursery, go_deaf)
    code, _, told = await ws_tools("client", url, "--heartbeat", 0.3, "--wait", "inf")
    assert code == 1
    assert told.endswith("\nError: the connection is lost: no pong came within 0.3 seconds\n")


async def test_a_server_that_does_not_answer_our_close(nursery: trio.Nursery) -> None:
    url = await serve_raw(nursery, go_deaf)
    async with running(*COMMAND, "client", url) as client:
        await client.wait_for("Connected", "stderr")
        await client.interrupt()
        await client.wait_for("Interrupted", "stderr")
        await client.interrupt()
        code, _, told = await client.end()
    assert code == 130
    assert told.endswith("\nInterrupted; closing.\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal_closes_the_connection(
    nursery: trio.Nursery, number: signal.Signals, code: int
) -> None:
    closed: list[int] = []

    async def talk(ws: WebSocketConnection) -> None:
        await ws.send_message("hello")
        closed.append((await ws.wait_closed()).code)

    url = await serve(nursery, talk)
    async with running(*COMMAND, "client", url) as client:
        await client.wait_for("Connected", "stderr")
        await client.wait_for("hello")
        await client.interrupt(number)
        found, said, told = await client.end()
    assert (found, said) == (code, "hello\n")
    assert told.endswith("Interrupted; closing.\n")
    assert closed == [1000]


async def test_a_signal_while_connecting(nursery: trio.Nursery) -> None:
    connected = trio.Event()

    async def say_nothing(_: trio.SocketStream) -> None:
        connected.set()
        await trio.sleep_forever()

    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, say_nothing, [listener])
    port = listener.socket.getsockname()[1]
    async with running(*COMMAND, "client", f"ws://127.0.0.1:{port}") as client:
        with trio.fail_after(PATIENCE):
            await connected.wait()
        await client.interrupt()
        assert await client.end() == (130, "", "")


async def test_a_reader_that_has_gone(nursery: trio.Nursery) -> None:
    async def chat(ws: WebSocketConnection) -> None:
        while True:
            await ws.send_message("hello")

    url = await serve(nursery, chat)
    async with running(*COMMAND, "client", url) as client:
        await client.wait_for("hello")
        assert client.process.stdout is not None
        await client.process.stdout.aclose()
        code = await client.process.wait()
        assert client.process.stderr is not None
        told = await client.wait_for("Connected", "stderr")
    assert code == 1
    assert "Traceback" not in told


async def test_neither_input_nor_output(nursery: trio.Nursery) -> None:
    url = await serve(nursery, echo)
    shell = 'exec "$0" -m ws_tools client "$1" --wait 0 <&- >&-'
    async with running("sh", "-c", shell, sys.executable, url) as client:
        code, _, told = await client.end()
    assert (code, told) == (0, f"Connected to {url}.\nClosing.\n")


async def test_a_terminal(nursery: trio.Nursery) -> None:
    url = await serve(nursery, echo)
    ours, theirs = pty.openpty()
    terminal = trio.lowlevel.FdStream(ours)
    shown = b""

    async def wait_for(text: str) -> None:
        nonlocal shown
        with trio.fail_after(PATIENCE):
            while text.encode() not in shown:
                shown += await terminal.receive_some()

    process = await trio.lowlevel.open_process(
        [*COMMAND, "client", url],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "NO_COLOR": "1"},
    )
    os.close(theirs)
    async with terminal:
        await wait_for("Connected")
        await terminal.send_all(b"hello\n")
        await wait_for("< hello")
        await terminal.send_all(b"\x04")
        await wait_for("Closing.")
        with trio.fail_after(PATIENCE):
            assert await process.wait() == 0
    assert b"\x1b" not in shown
