"""What is measured of a server in a process of its own, by plain sockets in ours."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

from orders import Order
from plain import Client, StreamClient, WebSocketClient
from serving import DONE, allow_many_connections

Connect = Callable[[int, Order], Client]
_STATM = "/proc/{}/statm"
# Those that make a server import, allocate and grow what it needs but once.
_FIRST_CONNECTIONS = 20


@dataclass(frozen=True)
class Server:
    """A server in a process of its own, and how to connect to it."""

    pid: int
    connect: Callable[[], Client]

    @property
    def resident(self) -> int:
        """Bytes of memory that it has, as Linux tells."""
        pages = int(Path(_STATM.format(self.pid)).read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def server(module: str, order: Order, connect: Connect) -> Iterator[Server]:
    """Start a library's server in a process of its own, and end it afterwards."""
    script = str(Path(__file__).with_name("serving.py"))
    command = [sys.executable, script, module, order.dumps()]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        port = process.stdout.readline()
        if not port:
            raise RuntimeError(f"the server died with {process.wait()}")
        # Leaving closes its stdin, which ends it.
        yield Server(process.pid, partial(connect, int(port), order))


def crowd(module: str, order: Order, connect: Connect) -> float:
    """Echoes a second over so many connections, of which each has one message in flight."""
    with server(module, order, connect) as served, ExitStack() as stack:
        clients = _open(served, order.count, stack)
        _echo(clients)
        rounds, start = 0, perf_counter()
        while (took := perf_counter() - start) < order.seconds:
            _echo(clients)
            rounds += 1
    return rounds * order.count / took


def memory(module: str, order: Order, connect: Connect) -> float:
    """KiB that the server has more for each connection that does nothing."""
    with server(module, order, connect) as served, ExitStack() as stack:

        def grow(count: int) -> int:
            clients = _open(served, count, stack)
            # When it has answered the last it is through with all of them.
            _echo(clients[-1:])
            return served.resident

        before = grow(_FIRST_CONNECTIONS)
        return (grow(order.count) - before) / order.count / 2**10


def fragments(module: str, order: Order, connect: Connect) -> float:
    """Messages a second from a client that sends each in so many fragments."""
    with server(module, order, connect) as served, closing(served.connect()) as client:
        _echo([client])
        count, start = 0, perf_counter()
        while (took := perf_counter() - start) < order.seconds:
            _echo([client])
            count += 1
    return count / took


def connect_stream(port: int, order: Order) -> Client:
    """A connection to what is no WebSocket."""
    return StreamClient(port, order.size)


def connect_websocket(port: int, order: Order) -> Client:
    """A WebSocket connection."""
    if order.measure == "fragments":
        return WebSocketClient(port, order.size, fragments=order.count, answer=len(DONE))
    return WebSocketClient(port, order.size)


def can_measure_memory() -> bool:
    """Whether this system tells."""
    return Path(_STATM.format(os.getpid())).exists()


def _open(served: Server, count: int, stack: ExitStack) -> list[Client]:
    return [stack.enter_context(closing(served.connect())) for _ in range(count)]


def _echo(clients: list[Client]) -> None:
    for client in clients:
        client.send()
    for client in clients:
        client.receive()


CROWDS: dict[str, Callable[[str, Order, Connect], float]] = {
    "crowd": crowd,
    "memory": memory,
    "fragments": fragments,
}


def measure(module: str, order: Order, *, handshake: bool) -> float:
    """One of these, of a library.

    Args:
        module: The module that knows the library.
        order: What to do.
        handshake: Whether it is a WebSocket.
    """
    allow_many_connections()
    connect = connect_websocket if handshake else connect_stream
    return CROWDS[order.measure](module, order, connect)
