from __future__ import annotations

from itertools import takewhile

from figures import Figures
from made_up import empty
from peers import OLD, OURS, WEBSOCKETS_TRIO
from plots import PLOTS
from report import page, report, table
from tasks import FULL, QUICK, Group, Scale


def measured(scale: Scale = FULL, **values: list[float]) -> Figures:
    """The same in each task, for those who do it."""
    figures = empty(scale)
    names = {"ours": OURS.name, "old": OLD.name, "websockets": WEBSOCKETS_TRIO.name}
    for task in figures.tasks:
        for word, rates in values.items():
            if names[word] in task.peers:
                figures.values.setdefault(task.title, {})[names[word]] = rates
    return figures


def rows(text: str, corner: str) -> list[list[str]]:
    """The cells of the first table with such a corner, its head first."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {corner} "))
    found = takewhile(bool, lines[start:])
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in found if "---" not in row]


def test_there_are_medians_with_their_spread_and_ratios() -> None:
    text = report(measured(ours=[2000.0, 1000.0, 1010.0], old=[500.0, 500.0, 500.0]))
    assert rows(text, "round trips a second")[1:] == [
        ["ours", *["1,010 ±50%"] * 4],
        [OLD.name, *["500 ±0%"] * 4],
    ]
    assert rows(text, "ours /")[1:] == [[OLD.name, *["2.02"] * 4]]


def test_a_long_table_has_a_row_for_each_task() -> None:
    text = report(measured(QUICK, ours=[50.0], websockets=[2.5]))
    fragments = text[text.index("## 1 MiB in fragments") :]
    assert rows(fragments, "messages a second") == [
        ["messages a second", "ours", WEBSOCKETS_TRIO.name],
        ["1 fragment", "50.0 ±0%", "2.50 ±0%"],
        ["256 fragments", "50.0 ±0%", "2.50 ±0%"],
        ["65,536 fragments", "50.0 ±0%", ""],
    ]


def test_goals_are_reached_or_not() -> None:
    text = report(measured(ours=[300.0], old=[100.0]))
    table = {(row[0], row[1], row[2]): row[3:] for row in rows(text, "   ")[1:]}
    assert table["P1", "echo 32 B", OLD.name] == ["at least 2.4 times", "3.00", "yes"]
    assert table["P2", "echo 1 MiB", OLD.name] == ["at least 15 times", "3.00", "**no**"]
    assert ("P1", "echo 32 B", WEBSOCKETS_TRIO.name) not in table


def test_slopes_are_told() -> None:
    text = report(measured(ours=[300.0]))
    (connections, *_) = rows(text[text.index("log-log slopes") :], "over")[1:]
    assert connections[:4] == ["1 to 10,000 connections", "ours", "1.00", "1.00"]


def test_one_task_makes_one_table() -> None:
    figures = measured(ours=[300.0], old=[100.0])
    figures.tasks = [task for task in figures.tasks if task.group == Group.CONNECTS]
    titles = [line for line in report(figures).splitlines() if line.startswith("#")]
    assert titles == ["## Goals", "## Connections opened and closed"]


def test_a_run_without_figures_has_no_tables() -> None:
    assert "|" not in report(empty())


def test_circumstances_are_told() -> None:
    figures = empty()
    figures.failures.append("somebody: no result of something")
    figures.versions = {
        "one": {"accelerated": True, "trio": "1"},
        "two": {"accelerated": False},
        "three": {"accelerated": None, "trio": "2"},
    }
    lines = report(figures).splitlines()
    assert lines[0] == "Measured on 2026-11-21: a processor, 2 cores, a system, a Python."
    assert "**somebody: no result of something.**" in lines
    assert lines[-3:] == ["- one: its C runs, trio 1", "- two: in pure Python", "- three: trio 2"]


def test_the_page_shows_the_plots() -> None:
    assert f"![{PLOTS['echo.svg'].title}](echo.svg)" in page(empty(), ["echo.svg"])


def test_the_columns_of_a_table_are_aligned() -> None:
    assert table("x", ["a", "long"], [("name", "1.00", "2"), ("n", "3", "4")]) == [
        "| x    |    a | long |",
        "| ---- | ---: | ---: |",
        "| name | 1.00 |    2 |",
        "| n    |    3 |    4 |",
    ]
