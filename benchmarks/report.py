"""Tables in Markdown: what was measured, ours against the others, and what was reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import goals
from figures import Figures
from growth import GROWTHS, neighbours, stretches
from peers import BARE_TRIO, OLD, OURS, PURE, WEBSOCKETS_TRIO
from plots import PLOTS
from tasks import Group, Task

# What each table is about, and the corner that says in what it counts.
_TITLES = {
    Group.ECHO: ("Echo", "round trips a second"),
    Group.SIZES: ("Echo, other sizes", "round trips a second"),
    Group.ONE_WAY: ("One-way, a call each", "messages a second"),
    Group.CONNECTS: ("Connections opened and closed", "connections a second"),
    Group.TLS: ("Echo over TLS", "round trips a second"),
    Group.DEFLATE: ("Echo of JSON, compressed", "round trips a second"),
    Group.MEMORY: ("Memory that the server has for an idle connection", "KiB"),
    Group.CROWD: ("Many connections, a message in flight on each", "messages a second"),
    Group.FRAGMENTS: ("1 MiB in fragments", "messages a second"),
}
# Whose growth is told.
_GROWING = tuple(peer.name for peer in (OURS, PURE, OLD, WEBSOCKETS_TRIO, BARE_TRIO))
_ACCELERATED: dict[object, list[str]] = {
    True: ["its C runs"],
    False: ["in pure Python"],
    None: [],  # it has no such choice
}
# Where a column per task would be too many, a peer has a column and a task a row.
_LONG = (Group.SIZES, Group.CROWD, Group.FRAGMENTS)


def report(figures: Figures) -> str:
    """All of it, as it is printed."""
    parts = [circumstances(figures), _goals(figures)]
    parts += [_group(figures, group) for group in Group]
    parts += [_growth(figures), _versions(figures)]
    return "\n\n".join(part for part in parts if part) + "\n"


def page(figures: Figures, plots: Sequence[str]) -> str:
    """All of it, with its plots, as a page.

    Args:
        figures: What was measured.
        plots: The files beside the page.
    """
    shown = [f"![{PLOTS[name].title}]({name})" for name in plots]
    return "\n\n".join(["# Results", *shown, report(figures)])


def circumstances(figures: Figures) -> str:
    """Where and how it was measured, and what went wrong."""
    machine = figures.machine
    facts = (machine.processor, f"{machine.cores} cores", machine.system, machine.python)
    lines = [
        f"Measured on {figures.date}: {', '.join(facts)}.",
        f"Medians of {figures.rounds} rounds of {figures.seconds:g} s, and half of their range.",
    ]
    lines += [f"**{failure}.**" for failure in figures.failures]
    return "\n".join(lines)


def table(
    corner: str, titles: Sequence[str], rows: Sequence[Sequence[str]], *, words: int = 1
) -> list[str]:
    """The lines of a table in Markdown, its columns aligned.

    Args:
        corner: The title of the first column.
        titles: Those of the others.
        rows: All cells of each row.
        words: How many columns are to the left; the others, which are numbers, are to the right.
    """
    lines = [[corner, *titles], *(list(row) for row in rows)]
    widths = [max(3, *map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * (width - 1) + ("-" if i < words else ":") for i, width in enumerate(widths)]
    lines.insert(1, rule)
    padded = (
        [cell.ljust(width) for cell, width in zip(line[:words], widths[:words], strict=True)]
        + [cell.rjust(width) for cell, width in zip(line[words:], widths[words:], strict=True)]
        for line in lines
    )
    return [f"| {' | '.join(cells)} |" for cells in padded]


def _goals(figures: Figures) -> str:
    cells = []
    for goal in goals.rows():
        verdict = goal.judge(figures)
        if verdict.measured is None:
            continue
        measured = f"{verdict.measured:.2f}" + (f" ({verdict.where})" if verdict.where else "")
        reached = "yes" if verdict.reached else "**no**"
        cells.append((goal.id, goal.what, goal.against, goal.wanted.words, measured, reached))
    if not cells:
        return ""
    titles = ["goal", "against", "wanted", "measured", "reached"]
    return "\n".join(["## Goals", "", *table("", titles, cells, words=4)])


def _group(figures: Figures, group: Group) -> str:
    tasks = [task for task in figures.tasks if task.group == group and task.title in figures.values]
    names = figures.peers(tasks)
    if not names:
        return ""
    title, unit = _TITLES[group]
    titles = [task.title for task in tasks]
    values = {name: [_value(figures, task, name) for task in tasks] for name in names}
    ratios = {name: [_ratio(figures, task, name) for task in tasks] for name in names[1:]}
    lines = [f"## {title}", "", *_oriented(unit, titles, values, group in _LONG)]
    if ratios and names[0] == OURS.name:
        lines += ["", *_oriented(f"{OURS.name} /", titles, ratios, group in _LONG)]
    return "\n".join(lines)


def _oriented(
    corner: str, titles: Sequence[str], columns: Mapping[str, Sequence[str]], upright: bool
) -> list[str]:
    if upright:
        cells = zip(titles, *columns.values(), strict=True)
        return table(corner, list(columns), list(cells))
    return table(corner, titles, [(name, *cells) for name, cells in columns.items()])


def _value(figures: Figures, task: Task, name: str) -> str:
    value = figures.median(task.title, name)
    if value is None:
        return ""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} ±{figures.spread(task.title, name):.0%}"


def _ratio(figures: Figures, task: Task, name: str) -> str:
    ratio = figures.ratio(task.title, OURS.name, name)
    return "" if ratio is None else f"{ratio:.2f}"


def _growth(figures: Figures) -> str:
    cells = []
    for growth in GROWTHS:
        for name in _GROWING:
            points = growth.points(figures, name)
            if len(points) < 3:  # no stretch worth the name
                continue
            slopes, between = stretches(points), neighbours(points)
            span = f"{points[0].n:,} to {points[-1].n:,} {growth.what}"
            each = " ".join(f"{slope:.2f}" for slope in between)
            cells.append((span, name, f"{max(slopes):.2f}", f"{slopes[-1]:.2f}", each))
    if not cells:
        return ""
    titles = ["of", "steepest two decades", "last two decades", "between neighbours"]
    return "\n".join(
        ["## How cost grows: log-log slopes", "", *table("over", titles, cells, words=2)]
    )


def _versions(figures: Figures) -> str:
    if not figures.versions:
        return ""
    lines = []
    for name, versions in figures.versions.items():
        found = [f"{key} {value}" for key, value in versions.items() if key != "accelerated"]
        found[:0] = _ACCELERATED[versions.get("accelerated")]
        lines.append(f"- {name}: {', '.join(found)}")
    return "\n".join(["## Versions", "", *lines])
