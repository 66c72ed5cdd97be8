from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest
from check_hazards import COLUMNS, ROOT, check

if TYPE_CHECKING:
    from pathlib import Path

ONE, TWO = "`tests/test_a.py::test_one`", "`tests/test_a.py::test_two`"
SCRIPT = "`tests/wild/test_scripts.py::test_all[never-reads]`"
THREATS = "# Security\n\n| attack | defence | test |\n|---|---|---|\n| a flood | a dam | {} |\n"
FILES = {
    "tests/test_a.py": (
        "def test_one(): ...\n"
        "async def test_two():\n    def test_inner(): ...\n"
        "def helper(): ...\n"
        "test_value = 1\n"
    ),
    "tests/wild/test_scripts.py": "async def test_all(script): ...\n",
    "tests/wild/scripts_time.py": (
        '@script("hung up", cpu=2)\nasync def never_reads(attacker): ...\n'
        "async def no_script(attacker): ...\n"
    ),
}


def write(root: Path, *proofs: str, threats: str = THREATS.format(ONE)) -> None:
    """Lay out a project whose hazards have these proofs."""
    for name, text in (FILES | {"SECURITY.md": threats}).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    rows = [["memory", "a flood, and more", "a dam", proof] for proof in proofs]
    write_table(root, COLUMNS, *rows)


def write_table(root: Path, *rows: list[str]) -> None:
    """Write the table of hazards."""
    path = root / "docs" / "hazards.csv"
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def test_ours() -> None:
    assert check(ROOT) == []


@pytest.mark.parametrize(
    "proof",
    [
        ONE,
        f"{ONE} {TWO}",
        f"{ONE} {TWO} {SCRIPT}",
        SCRIPT,
        "Not tested: it is the system's affair.",
        "Does not apply: there is no such thing.",
    ],
)
def test_what_is_a_proof(tmp_path: Path, proof: str) -> None:
    write(tmp_path, proof)

    assert check(tmp_path) == []


@pytest.mark.parametrize(
    ("proof", "fault"),
    [
        ("", "a row has 4 cells, and none is empty"),
        (" ", "a row has 4 cells, and none is empty"),
        ("Not tested:", "say one to three tests"),
        ("Not tested: ", "say one to three tests"),
        ("Untested: why not", "say one to three tests"),
        ("because I say so", "say one to three tests"),
        ("tests/test_a.py::test_one", "say one to three tests"),
        (f"{ONE} {ONE} {ONE} {TWO}", "say one to three tests"),
        (f"{ONE} and more", "say one to three tests"),
        ("`test_one`", "`test_one` is not the name of a test"),
        ("`tests/test_b.py::test_one`", "there is no file tests/test_b.py"),
        ("`tests/test_a.py::test_three`", "there is no test test_three in tests/test_a.py"),
        ("`tests/test_a.py::test_inner`", "there is no test test_inner in tests/test_a.py"),
        ("`tests/test_a.py::test_value`", "there is no test test_value in tests/test_a.py"),
        ("`tests/test_a.py::helper`", "there is no test helper in tests/test_a.py"),
        (
            SCRIPT.replace("never", "always"),
            "there is no script always-reads for tests/wild/test_scripts.py",
        ),
        (SCRIPT.replace("never-reads", "no-script"), "there is no script no-script for"),
    ],
)
def test_what_is_none(tmp_path: Path, proof: str, fault: str) -> None:
    write(tmp_path, ONE, proof)

    [found] = check(tmp_path)

    assert found.startswith(f"docs/hazards.csv:3: {fault}")


def test_other_columns(tmp_path: Path) -> None:
    write(tmp_path)
    write_table(tmp_path, ["hazard", "proof"], ["a flood", ONE])

    assert check(tmp_path) == [
        "docs/hazards.csv: the columns must be group, hazard, what ours does, proof"
    ]


def test_a_row_that_is_too_short(tmp_path: Path) -> None:
    write(tmp_path)
    write_table(tmp_path, COLUMNS, ["memory", "a flood", ONE])

    assert check(tmp_path) == ["docs/hazards.csv:2: a row has 4 cells, and none is empty"]


@pytest.mark.parametrize(
    ("proof", "fault"),
    [
        ("", "say one to three tests"),
        ("`tests/test_b.py::test_one`", "there is no file tests/test_b.py"),
        ("`tests/test_a.py::test_three`", "there is no test test_three in tests/test_a.py"),
    ],
)
def test_what_is_no_proof_in_the_threats(tmp_path: Path, proof: str, fault: str) -> None:
    write(tmp_path, ONE, threats=THREATS.format(proof))

    [found] = check(tmp_path)

    assert found.startswith(f"SECURITY.md:5: {fault}")


def test_threats_have_proofs_and_no_excuses(tmp_path: Path) -> None:
    write(tmp_path, ONE, threats=THREATS.format("Not tested: we are in a hurry."))

    [found] = check(tmp_path)

    assert found.startswith("SECURITY.md:5: say one to three tests")


def test_tests_that_the_prose_names(tmp_path: Path) -> None:
    prose = f"\nSee {ONE} and `tests/test_a.py::test_three`, and `docs/servers.rst`.\n"
    write(tmp_path, ONE, threats=THREATS.format(ONE) + prose)

    assert check(tmp_path) == ["SECURITY.md:7: there is no test test_three in tests/test_a.py"]


def test_no_threats(tmp_path: Path) -> None:
    write(tmp_path, ONE, threats="# Security\n")

    assert check(tmp_path) == ["SECURITY.md: there is no table of threats"]
