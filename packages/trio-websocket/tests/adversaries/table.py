"""Reports as a table."""

from __future__ import annotations

from collections.abc import Mapping

from .script import SCRIPTS
from .trial import Report
from .wire import MIB

Row = tuple[str, ...]

HEADING: Row = (
    "Script",
    "Outcome",
    "Wire, MiB",
    "CPU, s",
    "Memory, MiB",
    "Victim's echoes",
    "p99, ms",
    "slowest, ms",
)


def rows(reports: Mapping[str, Report]) -> list[Row]:
    """A heading, and a row for each report."""
    return [HEADING, *(_row(name, report) for name, report in reports.items())]


def _row(name: str, report: Report) -> Row:
    return (
        name,
        report.outcome,
        f"{report.wire / MIB:.2f}",
        f"{report.cpu:.2f}",
        f"{report.memory / MIB:.1f}",
        str(report.echoes),
        f"{report.p99:.1f}",
        f"{report.slowest:.1f}",
    )


def aligned(table: list[Row]) -> str:
    """For a terminal."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    # Names stand on the left, figures on the right.
    lines = (
        "  ".join(
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in table
    )
    return "\n".join(lines) + "\n"


def list_table(table: list[Row]) -> str:
    """In reStructuredText; what each script does stands below its name."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in table:
        script = SCRIPTS.get(row[0])
        first = f"**{row[0]}**: {script.what}" if script else row[0]
        lines.append(f"   * - {first}")
        lines += [f"     - {cell}" for cell in row[1:]]
    return "\n".join(lines) + "\n"
