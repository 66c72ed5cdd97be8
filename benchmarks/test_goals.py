from __future__ import annotations

import pytest
from goals import EverySize, Goal, Ratio, Slope, Verdict, rows
from made_up import empty
from peers import OLD, OURS, PURE, WEBSOCKETS_TRIO, WEBSOCKETS_TRIO_WITHOUT_C, ZLIB
from tasks import FULL, suite


def only(number: str, against: str, what: str) -> Goal:
    (found,) = (g for g in rows() if (g.id, g.against, g.what) == (number, against, what))
    return found


def test_all_of_them_are_there() -> None:
    assert list(dict.fromkeys(goal.id for goal in rows())) == [
        *("P1", "P2", "P3", "P5", "P6", "P7", "P8", "P9", "P10")
    ]


def test_each_is_measured_by_a_full_run() -> None:
    tasks = {task.title: task.peers for task in suite(FULL, most_connections=10**9)}
    for goal in rows():
        if isinstance(goal, Ratio):
            assert {OURS.name, goal.against} <= {*tasks[goal.task]}


def test_nothing_is_reached_that_was_not_measured() -> None:
    assert {goal.judge(empty()) for goal in rows()} == {Verdict(None)}


@pytest.mark.parametrize(("rate", "reached"), [(239, False), (240, True), (500, True)])
def test_a_multiple_is_a_lower_bound(rate: float, reached: bool) -> None:
    figures = empty()
    figures.values["echo 32 B"] = {OURS.name: [rate], OLD.name: [100.0]}
    goal = only("P1", OLD.name, "echo 32 B")
    assert goal.judge(figures) == Verdict(rate / 100, reached=reached)


def test_medians_are_compared() -> None:
    figures = empty()
    figures.values["echo 32 B"] = {OURS.name: [1.0, 300.0, 320.0], OLD.name: [99.0, 100.0, 900.0]}
    assert only("P1", OLD.name, "echo 32 B").judge(figures).measured == 3


@pytest.mark.parametrize(("title", "number"), [("connects", "P6"), ("idle connection", "P7")])
def test_as_much_is_neither_more_nor_less(title: str, number: str) -> None:
    figures = empty()
    goal = only(number, WEBSOCKETS_TRIO.name, title)
    verdicts = []
    for ours in (9.0, 10.0, 11.0):
        figures.values[title] = {OURS.name: [ours], WEBSOCKETS_TRIO.name: [10.0]}
        verdicts.append(goal.judge(figures).reached)
    assert verdicts == ([False, False, True] if number == "P6" else [True, False, False])


def test_time_is_compared_with_zlib() -> None:
    figures = empty()
    goal = only("P8", ZLIB.name, "JSON echo 64 KiB")
    figures.values["JSON echo 64 KiB"] = {OURS.name: [100.0], ZLIB.name: [110.0]}
    verdict = goal.judge(figures)
    assert verdict.measured == pytest.approx(1.1)
    assert verdict.reached
    figures.values["JSON echo 64 KiB"] = {OURS.name: [100.0], ZLIB.name: [120.0]}
    verdict = goal.judge(figures)
    assert verdict.measured == pytest.approx(1.2)
    assert not verdict.reached


def test_the_worst_size_counts() -> None:
    figures = empty()
    (goal, _) = (goal for goal in rows() if isinstance(goal, EverySize))
    assert goal.against == WEBSOCKETS_TRIO_WITHOUT_C.name
    for task in figures.tasks:
        ours = 90.0 if task.title == "echo 16 KiB" or task.deflate else 120.0
        figures.values[task.title] = {PURE.name: [ours], goal.against: [100.0]}
    assert goal.judge(figures) == Verdict(0.9, "echo 16 KiB", False)


@pytest.mark.parametrize(("power", "reached"), [(1.0, True), (1.05, True), (1.15, False)])
def test_the_steepest_slope_counts(power: float, reached: bool) -> None:
    goals = [goal for goal in rows() if isinstance(goal, Slope)]
    assert len(goals) == 3
    figures = empty()
    for task in figures.tasks:
        n = task.size if task.plain_echo else task.count
        together = task.count if task.measure == "crowd" else 1
        figures.values[task.title] = {OURS.name: [together * 1000 / n**power]}
    for goal in goals:
        verdict = goal.judge(figures)
        assert verdict.measured == pytest.approx(power)
        assert verdict.reached is reached
