"""Workers: a process for each library, in its environment."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, TypeAlias

from orders import Order
from peers import HERE, Peer
from tasks import Task

Versions: TypeAlias = dict[str, str | bool | None]


@dataclass(frozen=True)
class Circumstances:
    """What holds for all measurements of a run.

    Attributes:
        seconds: For one of them.
        certificates: The folder with those for TLS.
        server_core: Where servers run that have a process of their own.
    """

    seconds: float
    certificates: str
    server_core: int | None = None

    def order(self, task: Task) -> Order:
        """What a worker is told."""
        return Order(
            task.measure,
            self.seconds,
            task.size,
            task.count,
            self.certificates if task.tls else None,
            task.deflate,
            self.server_core,
        )


class Worker:
    """A process that measures one library.

    Attributes:
        versions: What it runs on.

    Raises:
        RuntimeError: if the process died; what it had to say is on the terminal.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._orders: IO[str] = process.stdin
        self._answers: IO[str] = process.stdout
        self.versions: Versions = json.loads(self._answer())

    def measure(self, order: Order) -> float:
        """The rate, per second; or whatever the measure counts.

        Raises:
            RuntimeError: if the process died.
        """
        with suppress(BrokenPipeError):  # then there is no answer
            self._orders.write(order.dumps() + "\n")
            self._orders.flush()
        return float(self._answer())

    def _answer(self) -> str:
        answer = self._answers.readline()
        if not answer:
            raise RuntimeError(f"{self._process.args!r} died with {self._process.wait()}")
        return answer


@contextmanager
def worker(peer: Peer) -> Iterator[Worker]:
    """Start the worker of a peer, and end it afterwards."""
    command = [peer.python(), str(HERE / "worker.py"), peer.module]
    environment = {**os.environ, **peer.variables}
    with (
        suppress(BrokenPipeError),  # an order that nobody lives to read
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        ) as process,
    ):
        yield Worker(process)


def pin() -> int | None:
    """Keep this process and all that it starts on one core, where the system lets it.

    Returns:
        Another core, for servers with a process of their own; None if there is none.
    """
    if not hasattr(os, "sched_setaffinity"):
        return None
    *others, ours = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {ours})
    return others[0] if others else None


def most_connections() -> int:
    """How many connections a process may have, by the bound on its open files."""
    try:
        import resource  # noqa: PLC0415 - there is none on Windows
    except ImportError:
        return 500
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    # Some are needed for other things.
    return 10**9 if most == resource.RLIM_INFINITY else max(1, most - 100)
