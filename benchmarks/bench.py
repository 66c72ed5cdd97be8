"""Measures trio-websocket beside its peers: `python benchmarks/bench.py [--quick]`.

Each library runs in a process and an environment of its own, client and server in one event loop.
All take turns, A B A B, so that whatever else the machine does hits all of them alike; what counts
are the ratios of the medians.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median
from typing import IO

from peers import HERE, OURS, PEERS, Peer


@dataclass(frozen=True)
class Task:
    """One column of the table: what to measure, with messages of how many bytes."""

    title: str
    measure: str
    size: int


TASKS = (
    Task("echo 32 B", "echo", 32),
    Task("echo 4 KiB", "echo", 4 * 2**10),
    Task("echo 64 KiB", "echo", 64 * 2**10),
    Task("echo 1 MiB", "echo", 2**20),
    Task("one-way 32 B", "one_way", 32),
    Task("connections", "connections", 32),
)


class Worker:
    """A process that measures one library."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._tasks: IO[str] = process.stdin
        self._rates: IO[str] = process.stdout

    def measure(self, task: Task, seconds: float) -> float:
        """The rate, per second.

        Raises:
            RuntimeError: if the process died; what it had to say is on the terminal.
        """
        order = {"measure": task.measure, "seconds": seconds, "size": task.size}
        self._tasks.write(json.dumps(order) + "\n")
        self._tasks.flush()
        rate = self._rates.readline()
        if not rate:
            raise RuntimeError(f"{self._process.args!r} died with {self._process.wait()}")
        return float(rate)


@contextmanager
def worker(peer: Peer) -> Iterator[Worker]:
    """Start the worker of a peer, and end it afterwards."""
    command = [peer.python(), str(HERE / "worker.py"), peer.module]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Worker(process)


def pin() -> None:
    """Keep this process and all that it starts on one core, where the system lets it."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


Rates = Mapping[tuple[str, str], Sequence[float]]


def measure_all(peers: Sequence[Peer], *, rounds: int, seconds: float) -> Rates:
    """The rates of all peers in all tasks, one a round."""
    rates: dict[tuple[str, str], list[float]] = {
        (peer.name, task.title): [] for peer in peers for task in TASKS
    }
    for number in range(1, rounds + 1):
        # New processes each round: some are fast and others slow for all of their life.
        with ExitStack() as stack:
            workers = {peer.name: stack.enter_context(worker(peer)) for peer in peers}
            for task in TASKS:
                show(f"round {number} of {rounds}: {task.title}")
                for name, measuring in workers.items():
                    measuring.measure(task, seconds / 5)  # to get warm
                    rates[name, task.title].append(measuring.measure(task, seconds))
    show("")
    return rates


def show(progress: str) -> None:
    """Say how far we are, on a terminal, in the place of what was said before."""
    if sys.stderr.isatty():
        print(f"\r{progress}\x1b[K", end="", file=sys.stderr, flush=True)


def report(rates: Rates, peers: Sequence[Peer]) -> str:
    """Two tables in Markdown: medians a second with their spread, and ours against each peer."""
    titles = [task.title for task in TASKS]
    medians = {key: median(values) for key, values in rates.items()}
    first, *others = [peer.name for peer in peers]

    def cell(name: str, title: str) -> str:
        values = rates[name, title]
        spread = (max(values) - min(values)) / 2 / medians[name, title]
        return f"{medians[name, title]:,.0f} ±{spread:.0%}"

    def ratio(name: str, title: str) -> str:
        return f"{medians[first, title] / medians[name, title]:.2f}"

    return "\n".join(
        [
            *table("a second", titles, {n: [cell(n, t) for t in titles] for n in [first, *others]}),
            "",
            *table(f"{first} /", titles, {n: [ratio(n, t) for t in titles] for n in others}),
        ]
    )


def table(corner: str, titles: Sequence[str], rows: Mapping[str, Sequence[str]]) -> list[str]:
    """The lines of a table in Markdown, its columns aligned."""
    lines = [[corner, *titles], *([name, *cells] for name, cells in rows.items())]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    return [
        f"| {line[0]:{widths[0]}} | "
        + " | ".join(f"{c:>{w}}" for c, w in zip(line[1:], widths[1:], strict=True))
        + " |"
        for line in lines
    ]


def main() -> None:
    """Read the command line, measure, and print the tables."""
    parser = argparse.ArgumentParser(description="Measure trio-websocket beside its peers.")
    parser.add_argument("--quick", action="store_true", help="in about two minutes")
    names = [peer.name for peer in PEERS]
    parser.add_argument("--against", metavar="NAME", nargs="+", choices=names, help="only these")
    options = parser.parse_args()
    peers = [OURS, *(peer for peer in PEERS if peer.name in (options.against or names))]
    pin()
    rounds, seconds = (5, 0.5) if options.quick else (15, 1.0)
    rates = measure_all(peers, rounds=rounds, seconds=seconds)
    python = f"{platform.python_implementation()} {platform.python_version()}"
    print(f"{python}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores.")
    print(f"Medians of {rounds} rounds of {seconds} s, and half of their range.\n")
    print(report(rates, peers))


if __name__ == "__main__":
    main()
