"""Figures for the tests of what is made of them."""

from __future__ import annotations

from dataclasses import replace

from figures import Figures, Machine
from tasks import FULL, Scale, suite


def figures(**values: list[float]) -> Figures:
    """The same values in each task, by the peer's name, for whoever it is."""
    found = empty()
    found.tasks = [replace(task, peers=tuple(values)) for task in found.tasks]
    for task in found.tasks:
        found.values[task.title] = dict(values)
    return found


def empty(scale: Scale = FULL) -> Figures:
    """Of a run that has not begun."""
    machine = Machine("a processor", 2, "a system", "a Python")
    tasks = suite(scale, most_connections=10**9)
    return Figures(machine, 3, 0.5, tasks, date="2026-11-21")
