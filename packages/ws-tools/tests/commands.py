"""What the tests share: the commands as users start them, and servers for them to talk to."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeAlias

import trio

from trio_websocket import (
    WebSocketConnection,
    WebSocketRequest,
    log_handler_error,
    serve_websocket,
)
from ws_core import Connection, Requested, Role

Talk: TypeAlias = Callable[[WebSocketConnection], Awaitable[object]]

COMMAND = (sys.executable, "-m", "ws_tools")

# Seconds: only a test that fails ever waits so long.
PATIENCE = 20


async def ws_tools(
    *args: object, stdin: bytes = b"", env: dict[str, str] | None = None
) -> tuple[int, str, str]:
    """Run a command to its end: its exit code, what it printed, what it complained about."""
    with trio.fail_after(PATIENCE):
        done = await trio.run_process(
            [*COMMAND, *map(str, args)],
            stdin=stdin,
            capture_stdout=True,
            capture_stderr=True,
            check=False,
            env=env,
        )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class Running:
    """A command that runs."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self._read = {"stdout": b"", "stderr": b""}

    async def wait_for(self, text: str, where: str = "stdout") -> str:
        """What it printed up to now, as soon as `text` is in it."""
        stream = getattr(self.process, where)
        with trio.fail_after(PATIENCE):
            while text not in self._read[where].decode():
                chunk = await stream.receive_some()
                assert chunk, f"{text!r} never came: {self._read[where].decode()}"
                self._read[where] += chunk
        return self._read[where].decode()

    async def type(self, text: str) -> None:
        """Write to its standard input."""
        assert self.process.stdin is not None
        await self.process.stdin.send_all(text.encode())

    async def interrupt(self, number: int = signal.SIGINT) -> None:
        """Press Ctrl-C."""
        self.process.send_signal(number)

    async def end(self) -> tuple[int, str, str]:
        """Wait for its end: its exit code, what it printed, what it complained about."""
        with trio.fail_after(PATIENCE):
            for where in self._read:
                async for chunk in getattr(self.process, where):
                    self._read[where] += chunk
            code = await self.process.wait()
        return code, self._read["stdout"].decode(), self._read["stderr"].decode()


@asynccontextmanager
async def running(*command: object, env: dict[str, str] | None = None) -> AsyncIterator[Running]:
    """Start a command; it is killed at the end if it still runs."""
    process = await trio.lowlevel.open_process(
        [*map(str, command)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
    )
    try:
        yield Running(process)
    finally:
        if process.returncode is None:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            assert pipe is not None
            with trio.CancelScope(shield=True):
                await pipe.aclose()


async def serve(nursery: trio.Nursery, talk: Talk) -> str:
    """Start a server that accepts every request, first subprotocol included: its URL."""

    async def handle(request: WebSocketRequest) -> None:
        await talk(
            await request.accept(subprotocol=next(iter(request.proposed_subprotocols), None))
        )

    return await serve_requests(nursery, handle)


async def serve_requests(
    nursery: trio.Nursery, handle: Callable[[WebSocketRequest], Awaitable[object]]
) -> str:
    """Start a server: its URL."""
    start = partial(serve_websocket, on_handler_error=log_handler_error)
    server = await nursery.start(start, handle, "127.0.0.1", 0, None)
    return f"ws://127.0.0.1:{server.port}"


async def serve_raw(
    nursery: trio.Nursery,
    talk: Callable[[trio.SocketStream, Connection], Awaitable[object]],
) -> str:
    """Start a server that accepts every request by hand, and then does as `talk` says: its URL."""

    async def handle(stream: trio.SocketStream) -> None:
        core = Connection(Role.SERVER)
        while not isinstance(core.next_event(), Requested):
            core.receive_data(bytes(await stream.receive_some()))
        core.accept()
        await stream.send_all(b"".join(core.outgoing.peek(2**16)))
        await talk(stream, core)

    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, handle, [listener])
    return f"ws://127.0.0.1:{listener.socket.getsockname()[1]}"


async def echo(ws: WebSocketConnection) -> None:
    """Send every message back."""
    async for message in ws:
        await ws.send_message(message)


def content(folder: Path) -> list[str]:
    """The names of the files in a folder."""
    return sorted(file.name for file in folder.iterdir())
