"""What a report of Autobahn's says, held against the cases that were to be run.

A case that is missing is no failure to Autobahn, so the ids are counted here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# The cases of AutobahnTestSuite 0.8.2, 517 in all. Of each group the sizes of its parts, where 0 is
# a part that the suite does not have; one without a dot has no parts.
_SIZES = {
    "1.": (8, 8),
    "2": (11,),
    "3": (7,),
    "4.": (5, 5),
    "5": (20,),
    "6.": (3, 4, 2, 4, 5, 11, 4, 2, 4, 3, 5, 8, 5, 10, 1, 3, 5, 5, 5, 7, 8, 34, 7),
    "7.": (6, 0, 6, 0, 1, 0, 13, 0, 9, 0, 0, 0, 2),
    "9.": (6, 6, 9, 9, 6, 6, 6, 6),
    "10.": (1,),
    "12.": (18, 18, 18, 18, 18),
    "13.": (18, 18, 18, 18, 18, 18, 18),
}
ALL_CASES = tuple(
    f"{group}{part}.{number}" if group.endswith(".") else f"{group}.{number}"
    for group, sizes in _SIZES.items()
    for part, size in enumerate(sizes, 1)
    for number in range(1, size + 1)
)

# Of each part of the groups that take long, the case that "short" has; in 12 and 13 it is the first
# one whose messages come in fragments.
_SHORT = {"9": "5", "12": "11", "13": "11"}
SELECTIONS = {
    "all": ALL_CASES,
    "short": tuple(
        case
        for case in ALL_CASES
        for group, *_, number in [case.split(".")]
        if _SHORT.get(group, number) == number
    ),
}

# The suite only watches what happens in these: nothing is right or wrong.
INFORMATIONAL = frozenset({"7.1.6", "7.13.1", "7.13.2"})


def cases_of(names: Iterable[str]) -> list[str]:
    """The ids of all cases that are named, or whose group is: "6.4" means 6.4.1 to 6.4.4.

    The names of `SELECTIONS` are understood as well.

    Raises:
        ValueError: if a name means no case.
    """
    wanted: set[str] = set()
    for name in names:
        part = (case for case in ALL_CASES if f"{case}.".startswith(f"{name}."))
        meant = SELECTIONS.get(name) or tuple(part)
        if not meant:
            raise ValueError(f"there is no case and no group {name!r}")
        wanted.update(meant)
    return [case for case in ALL_CASES if case in wanted]


def named(cases: Sequence[str]) -> str:
    """The shortest way to name these cases: whole groups and parts by their own names."""
    left = set(cases)
    names = []
    for case in ALL_CASES:
        if case not in left:
            continue
        parts = case.split(".")
        prefixes = (".".join(parts[:length]) for length in range(1, len(parts) + 1))
        whole, covered = next((p, c) for p in prefixes if left.issuperset(c := cases_of([p])))
        left.difference_update(covered)
        names.append(f"{whole} (all {len(covered)})" if len(covered) > 1 else case)
    return ", ".join(names)


@dataclass(frozen=True)
class Result:
    """How one case went.

    Attributes:
        behavior: OK, NON-STRICT, FAILED, INFORMATIONAL or UNIMPLEMENTED; MISSING if the report
            has nothing about it.
        closing: The same of how the connection was closed.
    """

    case: str
    behavior: str
    closing: str

    @property
    def kind(self) -> str:
        """In words."""
        missing = self.behavior == "MISSING"
        return self.behavior if missing else f"{self.behavior}, closing {self.closing}"

    @property
    def is_closed_well(self) -> bool:
        """Whether the connection was closed as it should be."""
        return self.closing in {"OK", "INFORMATIONAL"}

    @property
    def is_good(self) -> bool:
        """Whether it went as well as it can."""
        best = {"OK", "INFORMATIONAL"} if self.case in INFORMATIONAL else {"OK"}
        return self.behavior in best and self.is_closed_well


def read_report(folder: Path, cases: Sequence[str]) -> list[Result]:
    """What the report in a folder says about one agent in these cases.

    Raises:
        ValueError: if there is a case that was not asked for, or more than one agent.
    """
    index = folder / "index.json"
    agents: dict[str, dict[str, dict[str, str]]]
    agents = json.loads(index.read_text(encoding="utf-8")) if index.exists() else {}
    if len(agents) > 1:
        raise ValueError(f"{index} is about several agents: {', '.join(agents)}")
    seen: dict[str, dict[str, str]] = next(iter(agents.values()), {})
    if unasked := seen.keys() - set(cases):
        raise ValueError(f"{index} has cases that were not asked for: {', '.join(unasked)}")
    missing = {"behavior": "MISSING", "behaviorClose": "MISSING"}
    entries = ((case, seen.get(case, missing)) for case in cases)
    return [Result(case, entry["behavior"], entry["behaviorClose"]) for case, entry in entries]


def by_kind(results: Sequence[Result]) -> Iterator[str]:
    """A line for each way in which some of these went: the way, and the cases."""
    kinds: dict[str, list[str]] = {}
    for result in results:
        kinds.setdefault(result.kind, []).append(result.case)
    return (f"{kind}: {named(kinds[kind])}" for kind in sorted(kinds))


def verdict(results: Sequence[Result]) -> str:
    """All that is not plain OK, a line for each kind, and the count at the end."""
    odd = [result for result in results if (result.behavior, result.closing) != ("OK", "OK")]
    good = sum(result.is_good for result in results)
    lines = [*by_kind(odd), f"{good} of {len(results)}"]
    return "\n".join(f"  {line}" for line in lines)
