"""What came out, and how it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

OK, FAILED, IMPOSSIBLE, NOT_RUN = "ok", "FAILED", "n/a", "not run"


@dataclass(frozen=True)
class Outcome:
    """A cell.

    Attributes:
        verdict: One of the four above; only `OK` means that something was tried and went well.
        why: The reason, or a note.
    """

    verdict: str
    why: str = ""


Rows = Mapping[str, Sequence[Outcome]]


class Footnotes:
    """Reasons and notes, numbered as they come; the same one has one number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def cell(self, outcome: Outcome) -> str:
        """What stands in the table."""
        if outcome.verdict == NOT_RUN or not outcome.why:
            return outcome.verdict  # why it was not run stands with the versions
        number = self._numbers.setdefault(outcome.why, len(self._numbers) + 1)
        return f"{outcome.verdict} ({number})"

    @property
    def lines(self) -> list[str]:
        """What stands below the table."""
        return [f"({number}) {why}" for why, number in self._numbers.items()]


def table(corner: str, titles: Sequence[str], rows: Rows, footnotes: Footnotes) -> list[str]:
    """The lines of a table in Markdown, its columns aligned."""
    lines = [[corner, *titles]]
    lines += [[name, *map(footnotes.cell, cells)] for name, cells in rows.items()]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return [
        f"| {' | '.join(f'{c:{w}}' for c, w in zip(line, widths, strict=True))} |" for line in lines
    ]


def count(outcomes: Sequence[Outcome]) -> str:
    """How many of each."""
    verdicts = [outcome.verdict for outcome in outcomes]
    return ", ".join(f"{verdicts.count(v)} {v}" for v in (OK, FAILED, IMPOSSIBLE, NOT_RUN))
