"""Plots of what was measured, as SVG: the same bytes each time for the same figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from figures import Figures
from growth import GROWTHS, stretches
from peers import BARE_TRIO, OURS, PURE
from tasks import Group, in_bytes

# Dark enough for a white page and light enough for a black one.
_INK = "#7d7d7d"
_COLOURS = (
    "#d9480f",
    "#e8890c",
    "#3b82c4",
    "#0f9d76",
    "#6bb23c",
    "#a15cc9",
    "#c76fa8",
    "#b08a4e",
    "#8f7a66",
    "#4aa3b5",
    "#5a7fd6",
    "#808080",
)
_MARKERS = "osv^D<>phX*d"
_STYLE: Any = {  # matplotlib lists all names in its types
    "svg.fonttype": "none",  # text that can be searched, in the reader's font
    "svg.hashsalt": "benchmarks",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "axes.titlecolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "grid.color": _INK,
    "grid.alpha": 0.3,
    "axes.grid": True,
    "axes.grid.axis": "both",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.markersize": 4,
}


@dataclass(frozen=True)
class Plot:
    """One picture.

    Attributes:
        title: What it shows.
        draw: Draws it onto matplotlib's axes; whether there was anything to draw.
        panels: How many axes it takes, side by side.
        width: Inches.
        height: Inches.
    """

    title: str
    draw: Callable[[Figures, Sequence[Any]], bool]
    panels: int = 1
    width: float = 8
    height: float = 4.5


def draw_all(figures: Figures, folder: Path) -> list[str]:
    """Draw what there are figures for.

    Returns:
        The names of the files.
    """
    import matplotlib as mpl  # noqa: PLC0415 - only those who draw need it
    from matplotlib.figure import Figure  # noqa: PLC0415 - as above

    drawn = []
    with mpl.rc_context(_STYLE):
        for name, plot in PLOTS.items():
            size = (plot.width, plot.height)
            figure = Figure(figsize=size, layout="constrained")
            axes = figure.subplots(1, plot.panels, squeeze=False)[0]
            if plot.draw(figures, list(axes)):
                figure.suptitle(plot.title, color=_INK)
                nothing = {"Date": None, "Creator": None}
                figure.savefig(folder / name, metadata=nothing, transparent=True)
                drawn.append(name)
    return drawn


def _look(figures: Figures, name: str) -> dict[str, Any]:
    """The colour and the marker of a peer, the same in all plots of a run."""
    names = figures.peers(figures.tasks)
    number = names.index(name)
    return {
        "color": _COLOURS[number % len(_COLOURS)],
        "marker": _MARKERS[number % len(_MARKERS)],
        "linewidth": 2.5 if name == OURS.name else 1.2,
        "linestyle": "--" if name == BARE_TRIO.name else "-",
        "label": name,
        "zorder": 3 if name == OURS.name else 2,
    }


def _echo(figures: Figures, axes: Sequence[Any]) -> bool:
    (chart,) = axes
    tasks = sorted((t for t in figures.tasks if t.plain_echo), key=lambda task: task.size)
    names = figures.peers(tasks)
    if len(tasks) < 2 or not names:
        return False
    for name in names:
        rates = [(t.size, rate) for t in tasks if (rate := figures.median(t.title, name))]
        chart.plot(*zip(*rates, strict=True), **_look(figures, name))
    chart.set_xscale("log", base=2)
    chart.set_yscale("log")
    chart.set_xticks(ticks := [task.size for task in tasks if task.size != 32])
    chart.set_xticklabels([in_bytes(size) for size in ticks], rotation=45, ha="right")
    chart.set_ylabel("round trips a second")
    chart.legend(loc="lower left", ncols=2)
    return True


def _ratios(figures: Figures, axes: Sequence[Any]) -> bool:
    (chart,) = axes
    tasks = [task for task in figures.tasks if task.group == Group.ECHO]
    names = [name for name in figures.peers(tasks) if name != OURS.name]
    if OURS.name not in figures.peers(tasks) or not names:
        return False
    thickness = 0.8 / len(tasks)
    for number, task in enumerate(tasks):
        ratios = [figures.ratio(task.title, OURS.name, name) or 1 for name in names]
        places = [row + number * thickness for row in range(len(names))]
        colour = _COLOURS[2 + number]
        # Bars begin at 1, on a logarithmic scale: to the right ours is faster.
        widths = [ratio - 1 for ratio in ratios]
        chart.barh(places, widths, thickness * 0.9, left=1, color=colour, label=task.title)
    chart.set_yticks([row + 0.4 - thickness / 2 for row in range(len(names))], names)
    chart.invert_yaxis()
    chart.set_xscale("log", base=2)
    chart.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    chart.axvline(1, color=_INK, linewidth=1)
    chart.set_xlabel("ours, as a multiple of theirs")
    chart.legend()
    return True


def _crowd(figures: Figures, axes: Sequence[Any]) -> bool:
    (chart,) = axes
    tasks = [task for task in figures.tasks if task.group == Group.CROWD]
    names = figures.peers(tasks)
    if not names:
        return False
    for name in names:
        rates = [(t.count, rate) for t in tasks if (rate := figures.median(t.title, name))]
        chart.plot(*zip(*rates, strict=True), **_look(figures, name))
    chart.set_xscale("log")
    chart.set_ylim(bottom=0)
    chart.set_xlabel("connections")
    chart.set_ylabel("echoes a second, all together")
    chart.legend()
    return True


def _bars(*titles: str) -> Callable[[Figures, Sequence[Any]], bool]:
    """A panel of bars for each of some tasks."""

    def draw(figures: Figures, axes: Sequence[Any]) -> bool:
        found = [title for title in titles if figures.values.get(title)]
        for chart, title in zip(axes, titles, strict=True):
            names = list(figures.values.get(title, {}))
            values = [figures.median(title, name) for name in names]
            colours = [_look(figures, name)["color"] for name in names]
            bars = chart.barh(names, values, color=colours)
            chart.bar_label(bars, fmt=_number, padding=3, fontsize=8)
            chart.margins(x=0.15)
            chart.xaxis.set_major_formatter(lambda value, _: _number(value))
            chart.xaxis.set_major_locator(_few_ticks())
            chart.invert_yaxis()
            chart.set_title(title, fontsize=10)
        return len(found) == len(titles)

    return draw


def _number(value: float) -> str:
    return f"{value:,.1f}" if 0 < value < 100 else f"{value:,.0f}"


def _few_ticks() -> Any:
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - as above

    return MaxNLocator(4)


def _growth(figures: Figures, axes: Sequence[Any]) -> bool:
    drawn = 0
    for chart, growth in zip(axes, GROWTHS, strict=True):
        for name in (OURS.name, PURE.name):
            points = growth.points(figures, name)
            if len(points) < 3:
                continue
            look = _look(figures, name)
            look["label"] = f"{name}: {max(stretches(points)):.2f}"
            chart.plot(*zip(*points, strict=True), **look)
            drawn += 1
        if chart.lines:
            _straight(chart)
            chart.legend(title="steepest two decades", title_fontsize=8)
        chart.set_xscale("log")
        chart.set_yscale("log")
        chart.set_xlabel(growth.what)
        chart.set_ylabel(f"seconds for {growth.cost}")
    return drawn > 0


def _straight(chart: Any) -> None:
    """Add a line of slope 1 that ends where the first of the others does."""
    xs, ys = chart.lines[0].get_data()
    start = max(xs[0], xs[-1] * min(ys) / ys[-1])  # no lower than the lowest point
    line = ([start, xs[-1]], [ys[-1] * start / xs[-1], ys[-1]])
    chart.plot(*line, color=_INK, linewidth=1, linestyle=":", label="slope 1")


PLOTS = {
    "echo.svg": Plot("Echo: round trips a second by size", _echo, height=5.5),
    "ratios.svg": Plot("Echo: ours against the others", _ratios, height=6),
    "rates.svg": Plot("Rates", _bars("one-way 32 B", "connects"), panels=2, width=11),
    "crowd.svg": Plot("Many connections", _crowd),
    "memory.svg": Plot(
        "KiB of the server for an idle connection", _bars("idle connection"), height=3
    ),
    "growth.svg": Plot("How cost grows", _growth, panels=len(GROWTHS), width=12),
}
