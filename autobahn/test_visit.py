from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pytest
import trio
from visit import patience as patience_with
from visit import visit

CASES = ["1.1", "1.2", "1.3", "1.4"]
# Comes to the cases from the first one on, and notes them; in the second it does as it is told.
CLIENT = """
import sys, time
note, first, act = open(sys.argv[1], "a"), int(sys.argv[2]), sys.argv[3]
for number in range(first, 5):
    print("case", number, flush=True)
    print(number, end=" ", file=note, flush=True)
    if number == 2:
        exec(act)
print("done", file=note)
"""


def run(tmp_path: Path, act: str, script: str = CLIENT, patience: float = 30) -> list[str]:
    troubles: list[str] = []

    def command(first: int) -> list[str]:
        return [sys.executable, "-c", script, str(tmp_path / "note"), str(first), act]

    with (tmp_path / "log").open("wb") as log:
        trio.run(partial(visit, command, CASES, lambda _: patience, log, troubles))
    return troubles


@pytest.mark.parametrize(
    ("act", "patience", "troubles", "came_to"),
    [
        ("pass", 30, [], "1 2 3 4 done"),
        ("sys.exit(7)", 30, ["ended with 7 at 1.2"], "1 2 3 4 done"),
        ("time.sleep(100)", 2, ["hung in 1.2"], "1 2 3 4 done"),
    ],
)
def test_each_case_has_its_turn(
    tmp_path: Path, act: str, patience: float, troubles: list[str], came_to: str
) -> None:
    assert run(tmp_path, act, patience=patience) == troubles
    assert (tmp_path / "note").read_text().split() == came_to.split()


def test_who_comes_to_no_case_is_not_started_again(tmp_path: Path) -> None:
    note = "import sys; print('here', file=open(sys.argv[1], 'a')); "
    assert run(tmp_path, "", f"{note} sys.exit(3)") == ["ended with 3 at the start"]
    assert (tmp_path / "note").read_text() == "here\n"
    hang = "import time; time.sleep(100)"
    assert run(tmp_path, "", hang, patience=0.5) == ["hung before the first case"]


def test_a_bad_end_behind_the_last_case_is_told(tmp_path: Path) -> None:
    ends_badly = f"{CLIENT}\nsys.exit(4)"
    assert run(tmp_path, "pass", ends_badly) == ["ended with 4 at the end"]
    assert (tmp_path / "note").read_text() == "1 2 3 4 done\n"


@pytest.mark.parametrize(
    ("case", "suite_gives_up"),
    [("1.1.1", 10), ("9.3.1", 100), ("9.6.1", 1000), ("12.3.15", 480), ("13.7.1", 480)],
)
def test_the_suite_gives_up_before_we_do(case: str, suite_gives_up: float) -> None:
    assert patience_with(case) > suite_gives_up
