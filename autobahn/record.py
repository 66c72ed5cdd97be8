"""What was measured, kept in `results.json`: of each case that isn't plain OK how it went."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from verdict import ALL_CASES, Result

STORE = Path(__file__).with_name("results.json")
_PLAIN = ("OK", "OK")


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"


@dataclass(frozen=True)
class Run:
    """All cases, once.

    Attributes:
        seconds: How long it took, the suite's start and its report included.
        troubles: What went wrong around the cases.
    """

    seconds: float
    results: Sequence[Result]
    troubles: Sequence[str] = ()


@dataclass(frozen=True)
class Row:
    """Several runs of one subject in one role.

    Attributes:
        suite: Its version.
        versions: Of what the subject is made of, by name.
    """

    subject: str
    role: str
    tls: bool
    suite: str
    versions: dict[str, str]
    runs: Sequence[Run]
    date: str = field(default_factory=_today)
    machine: str = field(default_factory=_machine)

    @property
    def key(self) -> tuple[str, str, bool]:
        """What a later measurement replaces it by."""
        return self.subject, self.role, self.tls


def load(store: Path = STORE) -> list[Row]:
    """All that was measured so far."""
    if not store.exists():
        return []
    return [
        Row(**row | {"runs": [_run(**run) for run in row["runs"]]})
        for row in json.loads(store.read_text(encoding="utf-8"))
    ]


def save(row: Row, store: Path = STORE) -> None:
    """Keep this one, in place of what was measured of the same before."""
    rows = {old.key: old for old in load(store)} | {row.key: row}
    kept = [vars(row) | {"runs": [_kept(run) for run in row.runs]} for row in rows.values()]
    store.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def _kept(run: Run) -> dict[str, Any]:
    odd: dict[str, list[str]] = {}
    for result in run.results:
        if (result.behavior, result.closing) != _PLAIN:
            odd.setdefault(f"{result.behavior}, {result.closing}", []).append(result.case)
    # One line per kind: hundreds of ids in a row are nothing to scroll through.
    cases = {kind: " ".join(ids) for kind, ids in odd.items()}
    return {"seconds": round(run.seconds, 1), "troubles": run.troubles, "odd": cases}


def _run(seconds: float, troubles: list[str], odd: dict[str, str]) -> Run:
    how = {case: kind.split(", ") for kind, ids in odd.items() for case in ids.split()}
    results = [Result(case, *how.get(case, _PLAIN)) for case in ALL_CASES]
    return Run(seconds, results, troubles)
