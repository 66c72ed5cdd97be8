from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from verdict import ALL_CASES, INFORMATIONAL, Result, cases_of, named, read_report, verdict

if TYPE_CHECKING:
    from pathlib import Path

OK = {"behavior": "OK", "behaviorClose": "OK"}


def write_report(folder: Path, *agents: dict[str, dict[str, str]]) -> None:
    report = {f"agent {number}": cases for number, cases in enumerate(agents)}
    (folder / "index.json").write_text(json.dumps(report))


def test_the_suite_has_517_cases() -> None:
    assert len(ALL_CASES) == len(set(ALL_CASES)) == 517
    assert set(ALL_CASES) >= INFORMATIONAL


def test_the_quick_groups_have_247_cases() -> None:
    assert len(cases_of(["1", "2", "3", "4", "5", "6", "7", "10"])) == 247


@pytest.mark.parametrize(
    ("names", "cases"),
    [
        (["6.4"], ["6.4.1", "6.4.2", "6.4.3", "6.4.4"]),
        (["6.4.3"], ["6.4.3"]),
        (["2.1"], ["2.1"]),  # and not 2.10
        (["10", "7.1.6", "7.1"], [*(f"7.1.{n}" for n in range(1, 7)), "10.1.1"]),
    ],
)
def test_cases_and_groups_are_named_alike(names: list[str], cases: list[str]) -> None:
    assert cases_of(names) == cases


def test_all_and_short_are_names_too() -> None:
    assert cases_of(["all"]) == list(ALL_CASES)
    short = cases_of(["short"])
    assert len(short) == 247 + 8 + 5 + 7
    assert {"1.1.1", "9.4.5", "12.5.11", "13.7.11"} <= set(short)
    assert cases_of(["short", "9.4"]) == [
        case for case in ALL_CASES if case in short or case.startswith("9.4.")
    ]


@pytest.mark.parametrize(
    ("cases", "names"),
    [
        ([], ""),
        (["2.10", "1.1.1"], "1.1.1, 2.10"),
        (cases_of(["9.1", "9.2.1", "12"]), "9.1 (all 6), 9.2.1, 12 (all 90)"),
        (["6.15.1", "10.1.1"], "6.15.1, 10.1.1"),  # each is all of its part
    ],
)
def test_whole_groups_and_parts_go_by_their_own_names(cases: list[str], names: str) -> None:
    assert named(cases) == names


@pytest.mark.parametrize("name", ["8", "1.3", "6.4.5", "", "6.4.", "x"])
def test_a_name_that_means_no_case_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="there is no case"):
        cases_of(["1", name])


def test_a_report_is_read(tmp_path: Path) -> None:
    write_report(
        tmp_path, {"1.1.1": OK, "2.1": {"behavior": "FAILED", "behaviorClose": "WRONG CODE"}}
    )
    assert read_report(tmp_path, ["1.1.1", "2.1"]) == [
        Result("1.1.1", "OK", "OK"),
        Result("2.1", "FAILED", "WRONG CODE"),
    ]


def test_a_case_without_a_report_is_missing(tmp_path: Path) -> None:
    write_report(tmp_path, {"1.1.1": OK})
    assert read_report(tmp_path, ["1.1.1", "2.1"])[1] == Result("2.1", "MISSING", "MISSING")


def test_without_any_report_all_is_missing(tmp_path: Path) -> None:
    assert read_report(tmp_path, ["2.1"]) == [Result("2.1", "MISSING", "MISSING")]


def test_a_case_that_was_not_asked_for_is_an_error(tmp_path: Path) -> None:
    write_report(tmp_path, {"1.1.1": OK, "9.1.1": OK})
    with pytest.raises(ValueError, match=r"not asked for: 9\.1\.1"):
        read_report(tmp_path, ["1.1.1"])


def test_two_agents_are_an_error(tmp_path: Path) -> None:
    write_report(tmp_path, {"1.1.1": OK}, {"1.1.1": OK})
    with pytest.raises(ValueError, match="several agents"):
        read_report(tmp_path, ["1.1.1"])


@pytest.mark.parametrize(
    ("result", "good"),
    [
        (Result("1.1.1", "OK", "OK"), True),
        (Result("1.1.1", "OK", "INFORMATIONAL"), True),
        (Result("7.1.6", "INFORMATIONAL", "INFORMATIONAL"), True),
        (Result("7.13.2", "OK", "OK"), True),
        (Result("1.1.1", "INFORMATIONAL", "OK"), False),
        (Result("3.2", "NON-STRICT", "OK"), False),
        (Result("12.1.1", "UNIMPLEMENTED", "OK"), False),
        (Result("1.1.1", "OK", "FAILED BY CLIENT"), False),
        (Result("1.1.1", "OK", "UNCLEAN"), False),
        (Result("7.1.6", "FAILED", "INFORMATIONAL"), False),
        (Result("7.1.6", "MISSING", "MISSING"), False),
    ],
)
def test_only_the_best_is_good(result: Result, good: bool) -> None:
    assert result.is_good is good


def test_the_verdict_shows_all_that_is_not_plain_ok() -> None:
    results = [
        Result("3.2", "NON-STRICT", "OK"),
        Result("5.1", "OK", "OK"),
        Result("5.2", "NON-STRICT", "OK"),
        Result("5.3", "MISSING", "MISSING"),
        Result("7.1.6", "INFORMATIONAL", "INFORMATIONAL"),
    ]
    assert verdict(results).splitlines() == [
        "  INFORMATIONAL, closing INFORMATIONAL: 7.1.6",
        "  MISSING: 5.3",
        "  NON-STRICT, closing OK: 3.2, 5.2",
        "  2 of 5",
    ]
