from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
import trio

from trio_websocket import WebSocketConnection
from ws_tools._visit import visit

from .commands import COMMAND, PATIENCE, content, running, serve

DEMO = (sys.executable, "-m", "ws_tools.demo")


async def test_it_shows_all_and_leaves_nothing(tmp_path: Path) -> None:
    async with running(*DEMO, env={**os.environ, "TMPDIR": str(tmp_path)}) as demo:
        code, said, complained = await demo.end()
    assert (code, complained) == (0, "")
    for shown in ("ws://127.0.0.1:", "wss://127.0.0.1:", "1 MiB", "pong", "1000 NORMAL_CLOSURE"):
        assert shown in said
    assert "All 410 messages came back as they went" in said
    assert content(tmp_path) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("moment", ["Making", "Talking to wss"])
async def test_a_signal_ends_it(
    tmp_path: Path, number: signal.Signals, code: int, moment: str
) -> None:
    async with running(*DEMO, env={**os.environ, "TMPDIR": str(tmp_path)}) as demo:
        await demo.wait_for(moment)
        await demo.interrupt(number)
        found, said, complained = await demo.end()
    assert (found, complained) == (code, "")
    assert "All 410 messages" not in said
    assert content(tmp_path) == []


async def test_an_echo_that_differs_is_noticed(nursery: trio.Nursery) -> None:
    async def garble(ws: WebSocketConnection) -> None:
        async for _ in ws:
            await ws.send_message("something else")

    url = await serve(nursery, garble)
    with pytest.RaisesGroup(pytest.RaisesExc(AssertionError, match="not what was sent")):
        await visit(url, None)


async def test_a_reader_that_has_gone(tmp_path: Path) -> None:
    async with running(*DEMO, env={**os.environ, "TMPDIR": str(tmp_path)}) as demo:
        await demo.wait_for("Talking")
        assert demo.process.stdout is not None
        await demo.process.stdout.aclose()
        with trio.fail_after(PATIENCE):
            assert await demo.process.wait() == 1
    assert content(tmp_path) == []


@pytest.fixture
def full_disk() -> Iterator[BinaryIO]:
    """A file that takes nothing."""
    with Path("/dev/full").open("wb") as full:
        yield full


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is full")
@pytest.mark.parametrize("command", [DEMO, (*COMMAND, "server", "--port", "0")])
async def test_an_output_that_is_full(
    tmp_path: Path, full_disk: BinaryIO, command: tuple[str, ...]
) -> None:
    with trio.fail_after(PATIENCE):
        done = await trio.run_process(
            [*command],
            stdout=full_disk,
            capture_stderr=True,
            check=False,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )
    assert (done.returncode, done.stderr) == (1, b"Error: No space left on device\n")
    assert content(tmp_path) == []
