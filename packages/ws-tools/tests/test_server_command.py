from __future__ import annotations

import os
import re
import signal
import ssl
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner

from trio_websocket import open_websocket_url
from ws_tools import main, make_certificates

from .commands import COMMAND, PATIENCE, Running, content, running, ws_tools


async def url_of(server: Running) -> str:
    said = await server.wait_for("(Ctrl-C ends it)\n")
    found = re.search(r"Listening on (\S+)", said)
    assert found is not None
    return found[1]


async def test_it_echoes_and_tells(tmp_path: Path) -> None:
    async with running(*COMMAND, "server", "--port", 0) as server:
        url = await url_of(server)
        assert url.startswith("ws://127.0.0.1:")
        async with open_websocket_url(url + "/\u202e", subprotocols=["a", "b"]) as ws:
            assert ws.subprotocol == "a"
            for message in ("text", b"binary"):
                await ws.send_message(message)
                assert await ws.get_message() == message
            await ws.aclose(4000, "\x1b[2J")
        await server.wait_for("2 messages")
        await server.interrupt()
        code, said, complained = await server.end()
    assert (code, complained) == (0, "")
    assert re.search(r"\d\d:\d\d:\d\d  127.0.0.1:\d+  connected, /%E2%80%AE\n", said)
    assert r"4000 PRIVATE_RESERVED: '\x1b[2J', after 2 messages" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_at_its_end_it_says_goodbye(number: signal.Signals) -> None:
    async with running(*COMMAND, "server", "--port", 0) as server:
        async with open_websocket_url(await url_of(server)) as ws:
            await server.wait_for("connected, /")
            await server.interrupt(number)
            with trio.fail_after(PATIENCE):
                reason = await ws.wait_closed()
            assert (reason.code, reason.reason) == (1001, "the server ends")
        code, said, complained = await server.end()
    assert (code, complained) == (0, "")
    assert "after 0 messages" in said


async def test_tls_with_a_certificate_for_this_run(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    env = {**os.environ, "TMPDIR": str(temporary)}
    async with running(*COMMAND, "server", "--port", 0, "--tls", env=env) as server:
        url = await url_of(server)
        found = re.search(r"until the server ends: (.*)\n", await server.wait_for("ends: "))
        assert found is not None
        context = ssl.create_default_context(cafile=found[1])
        async with open_websocket_url(url, context) as ws:
            await ws.send_message("secret")
            assert await ws.get_message() == "secret"
        code, said, told = await ws_tools("client", "--ca", found[1], url, stdin=b"hello")
        assert (code, said) == (0, "hello\n")
        code, said, told = await ws_tools("client", "--insecure", url, stdin=b"hello")
        assert (code, said) == (0, "hello\n")
        code, said, told = await ws_tools("client", url, stdin=b"hello")
        assert (code, said) == (1, "")
        assert told.endswith("(--ca FILE names an authority to trust)\n")
        await server.interrupt()
        assert (await server.end())[0] == 0
    assert content(temporary) == []


async def test_tls_with_a_certificate_that_is_there(tmp_path: Path) -> None:
    files = make_certificates(tmp_path)
    both = tmp_path / "both.pem"
    both.write_bytes(files.server_key.read_bytes() + files.server.read_bytes())
    for options in (("--cert", files.server, "--key", files.server_key), ("--cert", both)):
        async with running(*COMMAND, "server", "--port", 0, *options) as server:
            url = await url_of(server)
            assert url.startswith("wss://")
            context = ssl.create_default_context(cafile=files.ca)
            async with open_websocket_url(url, context) as ws:
                await ws.send_message("secret")
                assert await ws.get_message() == "secret"
            await server.interrupt()
            assert (await server.end())[0] == 0


async def test_a_port_that_is_taken() -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        port = listener.socket.getsockname()[1]
        code, said, complained = await ws_tools("server", "--port", port)
    assert (code, said) == (1, "")
    assert complained == (
        f"Error: could not listen on 127.0.0.1, port {port}: Address already in use\n"
    )


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--key", __file__), "--key needs --cert"),
        (("--cert", __file__), "--cert: "),
        (("--tls", "--host", "a b"), "not allowed"),
        (("--port", "65536"), "not in the range"),
    ],
)
def test_a_command_line_that_is_wrong(options: tuple[str, ...], complaint: str) -> None:
    result = CliRunner().invoke(main, ["server", *options])
    assert result.exit_code == 2
    assert complaint in result.output


async def test_version() -> None:
    code, said, _ = await ws_tools("--version")
    assert code == 0
    assert said.startswith("ws-tools, version ")
