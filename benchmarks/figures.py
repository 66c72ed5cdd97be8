"""All that a run has measured, kept as JSON."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from tasks import Task
from workers import Versions

STORE = "results.json"


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


@dataclass(frozen=True)
class Machine:
    """What it was measured on."""

    processor: str
    cores: int
    system: str
    python: str

    @classmethod
    def here(cls, cores: int) -> Machine:
        """The machine that this runs on.

        Args:
            cores: How many of it were there to be used.
        """
        system = f"{platform.system()} {platform.release()} {platform.machine()}"
        python = f"{platform.python_implementation()} {platform.python_version()}"
        return cls(_processor(), cores, system, python)


@dataclass
class Figures:
    """What was measured.

    Attributes:
        machine: Where.
        rounds: How often each thing.
        seconds: How long each time.
        tasks: What.
        values: By the task's title and the peer's name, one a round.
        versions: What each peer ran on.
        failures: What went wrong.
        date: The day.
    """

    machine: Machine
    rounds: int
    seconds: float
    tasks: list[Task]
    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    versions: dict[str, Versions] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    date: str = field(default_factory=_today)

    def add(self, task: Task, peer: str, value: float) -> None:
        """Keep one more value."""
        self.values.setdefault(task.title, {}).setdefault(peer, []).append(value)

    def of(self, title: str, peer: str) -> Sequence[float]:
        """The values of a peer in a task; none if it was not measured."""
        return self.values.get(title, {}).get(peer, ())

    def median(self, title: str, peer: str) -> float | None:
        """Their median; None if there are none."""
        values = self.of(title, peer)
        return median(values) if values else None

    def ratio(self, title: str, ours: str, theirs: str) -> float | None:
        """The median of one peer as a multiple of another's; None if one was not measured."""
        mine, yours = self.median(title, ours), self.median(title, theirs)
        return None if mine is None or not yours else mine / yours

    def spread(self, title: str, peer: str) -> float:
        """Half of the range of the values, as a share of their median."""
        values = self.of(title, peer)
        return (max(values) - min(values)) / 2 / median(values)

    def peers(self, tasks: Sequence[Task]) -> list[str]:
        """Who was measured in one of these tasks, in the order of the tasks."""
        return list(dict.fromkeys(p for t in tasks for p in t.peers if self.of(t.title, p)))

    def save(self, folder: Path) -> None:
        """Write them to a folder."""
        text = json.dumps(asdict(self), indent=1)
        (folder / STORE).write_text(f"{text}\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Figures:
        """What `save` wrote."""
        stored = json.loads((folder / STORE).read_text(encoding="utf-8"))
        tasks = [Task(**{**task, "peers": tuple(task["peers"])}) for task in stored["tasks"]]
        return cls(**{**stored, "machine": Machine(**stored["machine"]), "tasks": tasks})


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
