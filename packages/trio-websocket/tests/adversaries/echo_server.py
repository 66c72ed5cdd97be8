"""A server in a process of its own, which answers questions about itself.

It is run as a program with its settings as JSON. Its first line on standard output says its port;
then it answers each line on standard input with its `Figures`, until there are no more.
"""

from __future__ import annotations

import json
import logging
import resource
import ssl
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import trio

from trio_websocket import (
    Heartbeat,
    WebSocketRequest,
    WebSocketServer,
    log_handler_error,
    serve_websocket,
)

_PROCESS = Path("/proc/self")
_GO = trio.Event()


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How the server is.

    Attributes:
        tasks: Tasks of Trio's that live.
        descriptors: File descriptors that are open.
        memory: Bytes of memory in use.
        peak: The most that this has been since the peak was last reset, where that is possible.
        cpu: Seconds of processor time since the start.
        logged: What was logged at level WARNING or above.
    """

    tasks: int
    descriptors: int
    memory: int
    peak: int
    cpu: float
    logged: list[str]


class Loud(logging.Handler):
    """Keeps what an operator would be woken for."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))


# Handlers, by the path that is asked for.


async def echo(request: WebSocketRequest) -> None:
    """Send back what comes."""
    connection = await request.accept()
    async for message in connection:
        await connection.send_message(message)
        del message  # kept until the next one comes, it would look like memory of the connection's


async def leave(request: WebSocketRequest) -> None:
    """Close at once."""
    await request.accept()


async def hesitate(request: WebSocketRequest) -> None:
    """Accept only when told to go on."""
    await _GO.wait()
    await echo(request)


async def fail(request: WebSocketRequest) -> None:  # noqa: ASYNC124 - handlers are async
    """Fail without an answer."""
    raise RuntimeError("as asked")


async def fail_later(request: WebSocketRequest) -> None:
    """Fail at the first message."""
    connection = await request.accept()
    await connection.get_message()
    raise ExceptionGroup("as asked", [RuntimeError("one"), KeyError("two")])


HANDLERS = {"/leave": leave, "/hesitate": hesitate, "/fail": fail, "/fail-later": fail_later}


async def handle(request: WebSocketRequest) -> None:
    """Do what the path asks for."""
    await HANDLERS.get(request.path, echo)(request)


# Questions.


def figures(loud: Loud) -> Figures:
    """How this process is now."""
    status = dict(line.split(":", 1) for line in (_PROCESS / "status").read_text().splitlines())
    return Figures(
        tasks=trio.lowlevel.current_statistics().tasks_living,
        descriptors=len(list((_PROCESS / "fd").iterdir())),
        memory=int(status["VmRSS"].split()[0]) * 1024,
        peak=int(status["VmHWM"].split()[0]) * 1024,
        cpu=time.process_time(),
        logged=loud.texts,
    )


def obey(order: str) -> None:
    """Do what is asked ahead of an answer."""
    if order == "reset":
        with suppress(OSError):  # not everywhere are we allowed to
            (_PROCESS / "clear_refs").write_text("5")
    elif order == "go":
        _GO.set()


async def orders() -> AsyncIterator[str]:  # noqa: ASYNC900 - nothing is open at its yield
    """The lines on standard input."""
    rest = b""
    stream = trio.lowlevel.FdStream(sys.stdin.fileno())
    while data := await stream.receive_some():
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            yield line.decode()


def say(said: object) -> None:
    """Write a line of JSON."""
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


async def main(settings: dict[str, Any], certificate: str | None, descriptors: int | None) -> None:
    """Serve until standard input ends.

    Args:
        settings: Arguments of `serve_websocket`; a `Heartbeat` as its own arguments.
        certificate: A file with a key and a certificate, to speak TLS.
        descriptors: How many files may be open.
    """
    if descriptors is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    if "heartbeat" in settings:
        settings["heartbeat"] = Heartbeat(**settings["heartbeat"])
    logging.getLogger().addHandler(loud := Loud())

    async def serve(  # noqa: ASYNC128 - serve_websocket does it
        task_status: trio.TaskStatus[WebSocketServer],
    ) -> None:
        await serve_websocket(
            handle,
            "127.0.0.1",
            0,
            context,
            on_handler_error=log_handler_error,
            task_status=task_status,
            **settings,
        )

    async with trio.open_nursery() as nursery:
        server: WebSocketServer = await nursery.start(serve)
        say(server.port)
        async for order in orders():
            obey(order)
            say(asdict(figures(loud)))
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(lambda: main(**json.loads(sys.argv[1])))
