from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import results
from record import Row, Run, load, save
from results import render
from verdict import ALL_CASES, Result

if TYPE_CHECKING:
    from pathlib import Path


def run(seconds: float = 60.0, *troubles: str, **odd: str) -> Run:
    """A run with all plain OK but these: `_1_1_1="FAILED, UNCLEAN"`."""
    found = {name[1:].replace("_", "."): how.split(", ") for name, how in odd.items()}
    return Run(seconds, [Result(c, *found.get(c, ("OK", "OK"))) for c in ALL_CASES], list(troubles))


def row(*runs: Run, role: str = "server", tls: bool = False) -> Row:
    return Row("it", role, tls, "0.8.2", {"CPython": "3.11.7", "trio": "0.35.0"}, runs)


def cells(page: str, start: str) -> list[list[str]]:
    """The cells of the lines of tables that start like this."""
    lines = [line for line in page.splitlines() if line.startswith(start)]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    store = tmp_path / "results.json"
    saved = row(run(12.25, _7_1_6="INFORMATIONAL, OK"), run(1.5, "died", _3_2="FAILED, UNCLEAN"))
    save(saved, store)
    (loaded,) = load(store)
    assert (loaded.key, loaded.versions, loaded.suite) == (saved.key, saved.versions, saved.suite)
    assert (loaded.date, loaded.machine) == (saved.date, saved.machine)
    assert [list(run.results) for run in loaded.runs] == [run.results for run in saved.runs]
    assert [(run.seconds, run.troubles) for run in loaded.runs] == [(12.2, []), (1.5, ["died"])]


def test_before_anything_is_saved_there_is_nothing(tmp_path: Path) -> None:
    assert load(tmp_path / "results.json") == []


def test_a_later_measurement_takes_the_place_of_the_earlier_one(tmp_path: Path) -> None:
    store = tmp_path / "results.json"
    for new in (row(run(1)), row(run(2), tls=True), row(run(3), role="client"), row(run(4))):
        save(new, store)
    assert [(r.role, r.tls, r.runs[0].seconds) for r in load(store)] == [
        ("server", False, 4),
        ("server", True, 2),
        ("client", False, 3),
    ]


def test_the_page_counts_what_was_seen() -> None:
    odd = {
        "_3_2": "NON-STRICT, OK",
        "_3_3": "FAILED, UNCLEAN",
        "_7_1_6": "INFORMATIONAL, INFORMATIONAL",
        "_9_1_1": "MISSING, MISSING",
        "_12_1_1": "UNIMPLEMENTED, OK",
    }
    page = render([row(run(61.7, **odd))])
    assert cells(page, "| it | server") == [
        ["it", "server", "512", "1", "1", "1", "1", "1", "1", "517", "1", "62"],
        ["it", "server", *map(str, [16, 11, 5, 10, 20, 145, 37, 53, 1, 89, 126])],
    ]
    assert page.count("- FAILED, closing UNCLEAN: 3.3\n- MISSING: 9.1.1\n- NON-STRICT") == 1
    assert "7.1.6" not in page  # there it is good
    assert "AutobahnTestSuite 0.8.2" in page
    assert "CPython 3.11.7, trio 0.35.0" in page


def test_equal_runs_are_one_row_and_others_have_their_own() -> None:
    page = render([row(run(10), run(40, _3_2="FAILED, OK"), run(30), run(20), tls=True)])
    overall = cells(page, "| it | server over TLS")[:2]
    assert [(line[2], line[-2:]) for line in overall] == [
        ("517", ["3", "20"]),
        ("516", ["1", "40"]),
    ]


def test_ours_come_first_and_servers_before_clients() -> None:
    late, early = row(run()), replace(row(run()), subject="ours")
    rows = [late, replace(early, tls=True), replace(early, role="client"), early]
    overall = [line[:2] for line in cells(render(rows), "| ") if line[-3] == "517"]
    assert overall == [
        ["ours", "server"],
        ["ours", "client"],
        ["ours", "server over TLS"],
        ["it", "server"],
    ]


def test_trouble_around_the_cases_is_told() -> None:
    assert "### it, as a server\n\n- not done after 3 s" in render(
        [row(run(3, "not done after 3 s"))]
    )
    assert "###" not in render([row(run(3))])


@pytest.mark.skipif(not results.PAGE.exists(), reason="nothing was measured yet")
def test_the_page_is_what_was_measured() -> None:
    assert results.PAGE.read_text(encoding="utf-8") == render(load())
