"""How cost grows: slopes on a log-log plot, where a straight line of slope 1 is linear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log
from statistics import linear_regression
from typing import NamedTuple

from figures import Figures
from tasks import Group, Task

# Two decades: so much must lie between the ends of what a slope is judged by.
SPAN = 100


class Point(NamedTuple):
    """What so many cost, in seconds."""

    n: int
    cost: float


@dataclass(frozen=True)
class Growth:
    """Something that can become more, and what it costs then.

    Attributes:
        what: Its name.
        cost: What is told of it, in words.
        group: The tasks that measure it; of the messages those in the table belong to it as well.
    """

    what: str
    cost: str
    group: Group

    def points(self, figures: Figures, peer: str) -> list[Point]:
        """What a peer was measured at, the least first."""
        measured = ((task, figures.median(task.title, peer)) for task in figures.tasks)
        found = (
            Point(self._n(task), self._together(task) / rate)
            for task, rate in measured
            if rate and self._covers(task)
        )
        return sorted(found)

    def _covers(self, task: Task) -> bool:
        return task.plain_echo if self.group == Group.SIZES else task.group == self.group

    def _n(self, task: Task) -> int:
        return task.size if self.group == Group.SIZES else task.count

    def _together(self, task: Task) -> int:
        return task.count if self.group == Group.CROWD else 1


GROWTHS = (
    Growth("connections", "one message over each", Group.CROWD),
    Growth("bytes of a message", "one echo", Group.SIZES),
    Growth("fragments of 1 MiB", "one message", Group.FRAGMENTS),
)


def slope(points: Sequence[Point]) -> float:
    """That of the line of least squares through points on a log-log plot."""
    return linear_regression([log(p.n) for p in points], [log(p.cost) for p in points]).slope


def neighbours(points: Sequence[Point]) -> list[float]:
    """The slope from each point to the next."""
    return [slope(pair) for pair in pairwise(points)]


def stretches(points: Sequence[Point]) -> list[float]:
    """The slope of each stretch that is as short as `SPAN` allows; of all points if none is.

    Between two neighbours a few per cent of noise tilt the line by a tenth, and so does a cache
    that is full. Neither adds up over two decades, but whatever is not linear does.
    """
    if len(points) < 2:
        return []
    found = []
    for first, start in enumerate(points):
        ends = (i for i, end in enumerate(points) if end.n >= start.n * SPAN)
        if (last := next(ends, None)) is not None:
            found.append(slope(points[first : last + 1]))
    return found or [slope(points)]
