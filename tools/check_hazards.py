"""Holds the table of hazards and SECURITY.md to tests that there are.

- Every hazard in `docs/hazards.csv` has one to three proofs, or a reason for having none.
- Every defence in the tables of `SECURITY.md` has a proof.
- Every proof names a test that exists: a file and a function in it, and for the adversaries' test
  one of their scripts.

Run from anywhere: `python tools/check_hazards.py`.
"""

from __future__ import annotations

import ast
import csv
import re
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent

COLUMNS = ["group", "hazard", "what ours does", "proof"]
REASON = re.compile(r"(Not tested|Does not apply): \S.*")
OR_WHY = ", or 'Not tested: ' or 'Does not apply: ' and why"
PROOFS = re.compile(r"`[^`]+`( `[^`]+`){0,2}")
# A test as pytest names it, with the parameters that it has in brackets.
TEST = re.compile(r"`([^`:]+\.py)::(\w+)(?:\[([^`]*)\])?`")
# Each of these is a parameter of the test in the same folder, under its name with dashes.
SCRIPTS = "scripts_*.py"


def check(root: Path) -> list[str]:
    """All that is wrong below `root`, one line each."""
    return [*faults_of_table(root), *faults_of_threats(root)]


def faults_of_table(root: Path) -> Iterator[str]:
    """What is wrong with the table of hazards."""
    with (root / "docs" / "hazards.csv").open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        if next(rows, None) != COLUMNS:
            yield f"docs/hazards.csv: the columns must be {', '.join(COLUMNS)}"
            return
        for row in rows:
            place = f"docs/hazards.csv:{rows.line_num}"
            if len(row) != len(COLUMNS) or not all(cell.strip() for cell in row):
                yield f"{place}: a row has {len(COLUMNS)} cells, and none is empty"
            elif not REASON.fullmatch(row[-1]):
                yield from faults_of_proofs(root, place, row[-1], OR_WHY)


def faults_of_proofs(root: Path, place: str, cell: str, or_why: str = "") -> Iterator[str]:
    """What is wrong with a cell that should hold proofs, `or_why` there are none."""
    if PROOFS.fullmatch(cell):
        yield from faults_of_names(root, place, cell)
    else:
        yield f"{place}: say one to three tests in backticks{or_why}; not {cell!r}"


def faults_of_threats(root: Path) -> Iterator[str]:
    """What is wrong with the tables of SECURITY.md."""
    lines = (root / "SECURITY.md").read_text(encoding="utf-8").splitlines()
    found = 0
    for number, line in enumerate(lines, 1):
        place = f"SECURITY.md:{number}"
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        in_table = line.startswith("|") and not set(line) <= set("|-: ") and cells[-1] != "test"
        if in_table:
            found += 1
            yield from faults_of_proofs(root, place, cells[-1])
        else:
            named = [span for span in re.findall(r"`[^`]+`", line) if "::" in span]
            yield from faults_of_names(root, place, " ".join(named))
    if not found:
        yield "SECURITY.md: there is no table of threats"


def faults_of_names(root: Path, place: str, text: str) -> Iterator[str]:
    """The proofs in `text` that are no tests."""
    for name in re.findall(r"`[^`]+`", text):
        if fault := fault_of_name(root, name):
            yield f"{place}: {fault}"


def fault_of_name(root: Path, name: str) -> str | None:
    """Why a proof is no test; None if it is one."""
    match = TEST.fullmatch(name)
    if match is None:
        return f"{name} is not the name of a test: path/to/test_file.py::test_name"
    path, test, parameters = root / match[1], match[2], match[3]
    if not path.is_file():
        return f"there is no file {match[1]}"
    if not test.startswith("test") or test not in functions(path):
        return f"there is no test {test} in {match[1]}"
    if parameters is not None and parameters not in scripts(path.parent):
        return f"there is no script {parameters} for {match[1]}"
    return None


@cache
def functions(path: Path) -> frozenset[str]:
    """The names of a module's functions."""
    return frozenset(function.name for function in _functions(path))


@cache
def scripts(folder: Path) -> frozenset[str]:
    """The names of the adversaries' scripts in a folder, as pytest names them."""
    return frozenset(
        function.name.replace("_", "-")
        for path in folder.glob(SCRIPTS)
        for function in _functions(path)
        if any(
            ast.unparse(decorator).startswith("script(") for decorator in function.decorator_list
        )
    )


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.parse(path.read_text(encoding="utf-8"), path).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def main() -> None:
    """Print what is wrong and exit with 1, or exit with 0."""
    faults = check(ROOT)
    for fault in faults:
        print(fault)
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
