"""Makes `RESULTS.md` of what was measured: `python autobahn/results.py`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from record import Row, load
from subjects import SUBJECTS
from verdict import ALL_CASES, Result, by_kind

PAGE = Path(__file__).with_name("RESULTS.md")
BEHAVIORS = ("OK", "NON-STRICT", "FAILED", "UNIMPLEMENTED", "INFORMATIONAL", "MISSING")
GROUPS = tuple(dict.fromkeys(case.split(".")[0] for case in ALL_CASES))

INTRODUCTION = f"""\
# Results

Autobahn's test suite, all {len(ALL_CASES)} cases. The [README](README.md) tells what counts as
good. What was measured is in `results.json`; `python autobahn/results.py` makes this page of it,
and

```sh
hatch run autobahn:record        # ours, three times plain and three times over TLS
hatch run autobahn:record-peers  # the others
```

measures again and makes it anew."""

OVERALL = """\
## Overall

Seconds are those of one run, the suite's start and its report included; medians if there are more.
They are no comparison: whatever else the machine did meanwhile is in them.
Runs that went differently have a row each. A closing is bad if it is neither `OK` nor
`INFORMATIONAL`; where a case is missing, so is its closing, which isn't counted again."""

BY_GROUP = """\
## By group

How many are good, of as many as the head of the column says."""


def render(rows: Sequence[Row]) -> str:
    """The page about all that was measured."""
    rows = sorted(rows, key=_place)
    apart = [split for row in rows for split in _equal_runs(row)]
    parts = [INTRODUCTION, OVERALL, _overall(apart), BY_GROUP, _by_group(apart)]
    parts += ["## What is not good", *_odd(apart), "## Versions", *_versions(rows)]
    return "\n\n".join(parts) + "\n"


def _place(row: Row) -> tuple[int, bool, bool]:
    """Where a row belongs: ours first, plain before TLS, servers before clients."""
    titles = [subject.title for subject in SUBJECTS.values()]
    place = titles.index(row.subject) if row.subject in titles else len(titles)
    return place, row.tls, row.role != "server"


def _equal_runs(row: Row) -> list[Row]:
    """A row for each way in which the runs of this one went."""
    ways: dict[tuple[Result, ...], list[int]] = {}
    for number, run in enumerate(row.runs):
        ways.setdefault(tuple(run.results), []).append(number)
    return [replace(row, runs=[row.runs[n] for n in numbers]) for numbers in ways.values()]


def _overall(rows: Sequence[Row]) -> str:
    lines = []
    for row in rows:
        results = row.runs[0].results
        count = Counter(result.behavior for result in results)
        bad = sum(not r.is_closed_well and r.behavior != "MISSING" for r in results)
        counts = [count[behavior] for behavior in BEHAVIORS]
        seconds = median(run.seconds for run in row.runs)
        lines.append([*_who(row), *counts, bad, len(results), len(row.runs), f"{seconds:.0f}"])
    head = ["subject", "role", *BEHAVIORS, "bad closings", "of", "runs", "seconds"]
    return _table(head, lines)


def _by_group(rows: Sequence[Row]) -> str:
    sizes = Counter(_group(case) for case in ALL_CASES)
    lines = []
    for row in rows:
        good = Counter(_group(r.case) for r in row.runs[0].results if r.is_good)
        lines.append([*_who(row), *(good[group] for group in GROUPS)])
    return _table(["subject", "role", *(f"{group} ({sizes[group]})" for group in GROUPS)], lines)


def _odd(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        bad = [result for result in row.runs[0].results if not result.is_good]
        troubles = {trouble for run in row.runs for trouble in run.troubles}
        if not bad and not troubles:
            continue
        yield "### " + ", as a ".join(_who(row))
        yield "\n".join(f"- {line}" for line in [*by_kind(bad), *sorted(troubles)])


def _versions(rows: Sequence[Row]) -> Iterator[str]:
    """A line for each subject, or several if its rows are not of one measurement."""
    lines: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        made_of = ", ".join(f"{name} {version}" for name, version in row.versions.items())
        about = f"{row.date}, AutobahnTestSuite {row.suite}, {row.machine}; {made_of}"
        lines.setdefault((row.subject, about), []).append(_who(row)[1])
    yield "\n".join(
        f"- {subject} ({', '.join(roles)}): {about}" for (subject, about), roles in lines.items()
    )


def _who(row: Row) -> tuple[str, str]:
    return row.subject, f"{row.role} over TLS" if row.tls else row.role


def _group(case: str) -> str:
    return case.split(".", maxsplit=1)[0]


def _table(head: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    rule = ["---", "---", *["--:"] * (len(head) - 2)]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in [head, rule, *lines])


def main() -> None:
    """Write the page."""
    PAGE.write_text(render(load()), encoding="utf-8")


if __name__ == "__main__":
    main()
