from __future__ import annotations

import pytest
from figures import Figures, Machine
from growth import GROWTHS, Point, neighbours, slope, stretches
from tasks import FULL, Group, suite

SIZES = [4**power for power in range(9)]


def points(*costs: float) -> list[Point]:
    return [Point(10**power, cost) for power, cost in enumerate(costs)]


@pytest.mark.parametrize("power", [0, 0.5, 1, 2])
def test_the_slope_is_the_power(power: float) -> None:
    assert slope([Point(n, 3 * n**power) for n in SIZES]) == pytest.approx(power)


def test_neighbours_have_a_slope_each() -> None:
    assert neighbours(points(1, 1, 10, 1000)) == pytest.approx([0, 1, 2])


def test_a_stretch_is_two_decades_long() -> None:
    assert stretches(points(1, 10, 100, 10_000)) == pytest.approx([1, 1.5])
    assert len(stretches([Point(n, n) for n in SIZES])) == len(SIZES) - 4


def test_what_is_shorter_is_judged_as_a_whole() -> None:
    assert stretches(points(1, 20)) == pytest.approx([1.30103])
    assert stretches(points(1)) == stretches([]) == []


def test_a_step_does_not_make_linear_cost_steep() -> None:
    costs = [n * (1.0 if n < 2_000 else 1.5) for n in SIZES]
    stepped = [Point(*pair) for pair in zip(SIZES, costs, strict=True)]
    assert max(neighbours(stepped)) > 1.25
    assert max(stretches(stepped)) < 1.1


def test_a_quadratic_part_shows() -> None:
    bent = [Point(n, n + n * n / 20_000) for n in SIZES]
    assert max(stretches(bent)) > 1.2


def test_points_come_from_the_tasks() -> None:
    figures = Figures(Machine("", 2, "", ""), 1, 1.0, suite(FULL, most_connections=10**9))
    for task in figures.tasks:
        figures.add(task, "ours", 100.0)
    by_group = {known.group: known.points(figures, "ours") for known in GROWTHS}
    assert by_group[Group.CROWD] == [Point(10**power, 10**power / 100) for power in range(5)]
    # The size of the table is among those of the series.
    sizes = sorted({32, *(16 * 4**power for power in range(12))})
    assert by_group[Group.SIZES] == [Point(size, 0.01) for size in sizes]
    assert by_group[Group.FRAGMENTS] == [Point(n, 0.01) for n in SIZES]
    assert GROWTHS[0].points(figures, "somebody else") == []
