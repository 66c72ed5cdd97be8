"""Measures: all take turns, A B A B, so that what else the machine does hits all of them alike."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack

from figures import Figures
from peers import Peer
from tasks import Task
from workers import Circumstances, Worker, worker


def measure_all(figures: Figures, peers: Sequence[Peer], circumstances: Circumstances) -> None:
    """Measure all tasks with all peers, round by round.

    Args:
        figures: Says what to do, and gets what comes out.
        peers: Who takes part, of those that a task names.
        circumstances: What holds for all.
    """
    for number in range(1, figures.rounds + 1):
        # New processes each round: some are fast and others slow for all of their life.
        with ExitStack() as stack:
            measuring = _Round(stack, figures, peers)
            for task in figures.tasks:
                if number <= (task.most_rounds or number):
                    show(f"round {number} of {figures.rounds}: {task.title}")
                    measuring.measure(task, circumstances)
    show("")


class _Round:
    """The workers of a round."""

    def __init__(self, stack: ExitStack, figures: Figures, peers: Sequence[Peer]) -> None:
        self._stack = stack
        self._figures = figures
        self._workers: dict[str, Worker] = {}
        self._peers = {peer.name: peer for peer in peers}
        named = {name for task in figures.tasks for name in task.peers}
        for name in self._peers:
            if name in named:
                self._start(name)

    def measure(self, task: Task, circumstances: Circumstances) -> None:
        """Measure a task with each of them."""
        for name in task.peers:
            if name not in self._workers:
                continue
            try:
                value = self._workers[name].measure(circumstances.order(task))
            except RuntimeError as error:
                # One that fails must not cost us what all others have done.
                self._fail(f"{name}: no result of {task.title}")
                print(error, file=sys.stderr)
                self._start(name)
            else:
                self._figures.add(task, name, value)

    def _start(self, name: str) -> None:
        peer = self._peers[name]
        started = self._stack.enter_context(worker(peer))
        self._workers[name] = started
        self._figures.versions[name] = started.versions
        accelerated = started.versions["accelerated"]
        if peer.accelerated is not None and accelerated is not peer.accelerated:
            self._fail(f"{name}: its C {'runs' if accelerated else 'does not run'}")

    def _fail(self, what: str) -> None:
        if what not in self._figures.failures:
            self._figures.failures.append(what)


def show(progress: str) -> None:
    """Say how far we are, on a terminal, in the place of what was said before."""
    if sys.stderr.isatty():
        print(f"\r{progress}\x1b[K", end="", file=sys.stderr, flush=True)
