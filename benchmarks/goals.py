"""What is to be reached: one row per goal, judged by the medians of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from figures import Figures
from growth import GROWTHS, Growth, stretches
from peers import (
    AIOHTTP_ASYNCIO,
    BARE_TRIO,
    OLD,
    OURS,
    PURE,
    WEBSOCKETS_ASYNCIO,
    WEBSOCKETS_TRIO,
    WEBSOCKETS_TRIO_WITHOUT_C,
    ZLIB,
    Peer,
)


@dataclass(frozen=True)
class Wanted:
    """A bound on a number.

    Attributes:
        words: What it asks for, as the table says it.
        bound: The number.
        holds: Whether a number keeps to it, given both.
    """

    words: str
    bound: float
    holds: Callable[[float, float], bool]


def at_least(times: float) -> Wanted:
    """So many times as much."""
    return Wanted(f"at least {times:g} times", times, lambda measured, bound: measured >= bound)


def at_most(times: float, words: str) -> Wanted:
    """Not more than so many times."""
    return Wanted(words, times, lambda measured, bound: measured <= bound)


MORE = Wanted("more", 1, lambda measured, bound: measured > bound)
LESS = Wanted("less", 1, lambda measured, bound: measured < bound)
NEVER_SLOWER = Wanted("never slower", 1, lambda measured, bound: measured >= bound)


@dataclass(frozen=True)
class Verdict:
    """What came of a goal.

    Attributes:
        measured: The number that is judged; None if something was not measured.
        where: At which of several tasks that was.
        reached: Whether it is as wanted; None if it was not measured.
    """

    measured: float | None
    where: str = ""
    reached: bool | None = None


class Goal(Protocol):
    """A row of the table."""

    @property
    def id(self) -> str:
        """Its number."""

    @property
    def what(self) -> str:
        """What is measured."""

    @property
    def against(self) -> str:
        """Whom it is compared with."""

    @property
    def wanted(self) -> Wanted:
        """What is asked for."""

    def judge(self, figures: Figures) -> Verdict:
        """Hold it against what was measured."""


@dataclass(frozen=True)
class Ratio:
    """Ours, as a multiple of a peer's in the same task.

    Attributes:
        task: The title of the task.
        peer: Whose figure ours is divided by.
        inverse: Whether the time is compared and not the rate.
    """

    id: str
    task: str
    peer: Peer
    wanted: Wanted
    inverse: bool = False

    @property
    def what(self) -> str:
        """See `Goal`."""
        return self.task

    @property
    def against(self) -> str:
        """See `Goal`."""
        return self.peer.name

    def judge(self, figures: Figures) -> Verdict:
        """See `Goal`."""
        ratio = figures.ratio(self.task, OURS.name, self.peer.name)
        if ratio is None:
            return Verdict(None)
        measured = 1 / ratio if self.inverse else ratio
        return Verdict(measured, reached=self.wanted.holds(measured, self.wanted.bound))


@dataclass(frozen=True)
class EverySize:
    """Ours in pure Python, as a multiple of a peer's rate, at the size where that is least."""

    id: str
    peer: Peer
    wanted: Wanted
    what: str = "pure Python: echo, every size"

    @property
    def against(self) -> str:
        """See `Goal`."""
        return self.peer.name

    def judge(self, figures: Figures) -> Verdict:
        """See `Goal`."""
        ratios = [
            (ratio, task.title)
            for task in figures.tasks
            if task.plain_echo
            and (ratio := figures.ratio(task.title, PURE.name, self.peer.name)) is not None
        ]
        if not ratios:
            return Verdict(None)
        worst, where = min(ratios)
        return Verdict(worst, where, self.wanted.holds(worst, self.wanted.bound))


@dataclass(frozen=True)
class Slope:
    """How the cost of ours grows, where that is steepest."""

    id: str
    growth: Growth
    wanted: Wanted

    @property
    def what(self) -> str:
        """See `Goal`."""
        return f"slope over {self.growth.what}"

    @property
    def against(self) -> str:
        """See `Goal`."""
        return "a straight line"

    def judge(self, figures: Figures) -> Verdict:
        """See `Goal`."""
        slopes = stretches(self.growth.points(figures, OURS.name))
        if not slopes:
            return Verdict(None)
        steepest = max(slopes)
        return Verdict(steepest, reached=self.wanted.holds(steepest, self.wanted.bound))


def rows() -> list[Goal]:
    """All goals, in order."""
    small, large, huge = "echo 32 B", "echo 64 KiB", "echo 1 MiB"
    over_tls = ("TLS echo 32 B", "TLS echo 64 KiB")
    connecting = (OLD, WEBSOCKETS_TRIO, WEBSOCKETS_ASYNCIO, AIOHTTP_ASYNCIO)
    return [
        Ratio("P1", small, OLD, at_least(2.4)),
        Ratio("P1", small, WEBSOCKETS_TRIO, at_least(2.4)),
        Ratio("P1", small, WEBSOCKETS_ASYNCIO, at_least(1.8)),
        Ratio("P1", small, AIOHTTP_ASYNCIO, at_least(1.2)),
        Ratio("P1", small, BARE_TRIO, at_least(0.9)),
        Ratio("P2", large, OLD, at_least(9)),
        Ratio("P2", large, WEBSOCKETS_TRIO, at_least(2)),
        Ratio("P2", large, WEBSOCKETS_ASYNCIO, at_least(1.5)),
        Ratio("P2", huge, OLD, at_least(15)),
        Ratio("P2", huge, WEBSOCKETS_TRIO, at_least(2)),
        Ratio("P2", huge, WEBSOCKETS_ASYNCIO, at_least(1.3)),
        Ratio("P3", "one-way 32 B", WEBSOCKETS_TRIO, at_least(3.5)),
        *(Ratio("P5", task, WEBSOCKETS_TRIO, at_least(1.5)) for task in over_tls),
        *(Ratio("P6", "connects", peer, MORE) for peer in connecting),
        *(Ratio("P7", "idle connection", peer, LESS) for peer in (WEBSOCKETS_TRIO, OLD)),
        Ratio("P8", "JSON echo 1 KiB", WEBSOCKETS_TRIO, at_least(1.2)),
        Ratio(
            "P8", "JSON echo 64 KiB", ZLIB, at_most(1.1, "at most 1.1 times its time"), inverse=True
        ),
        *(EverySize("P9", peer, NEVER_SLOWER) for peer in (WEBSOCKETS_TRIO_WITHOUT_C, OLD)),
        *(Slope("P10", growth, at_most(1.1, "at most 1.1")) for growth in GROWTHS),
    ]
