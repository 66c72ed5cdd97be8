from __future__ import annotations

from outcomes import FAILED, IMPOSSIBLE, NOT_RUN, OK, Footnotes, Outcome, count, table


def test_a_table_shows_what_came_out() -> None:
    footnotes = Footnotes()
    rows = {
        "this": [Outcome(OK), Outcome(IMPOSSIBLE, "no way"), Outcome(FAILED, "wrong")],
        "that": [Outcome(OK, "after all"), Outcome(IMPOSSIBLE, "no way"), Outcome(NOT_RUN, "gone")],
    }
    assert table("who", ["one", "two", "three"], rows, footnotes) == [
        "| who  | one    | two     | three      |",
        "| ---- | ------ | ------- | ---------- |",
        "| this | ok     | n/a (1) | FAILED (2) |",
        "| that | ok (3) | n/a (1) | not run    |",
    ]
    assert footnotes.lines == ["(1) no way", "(2) wrong", "(3) after all"]


def test_what_was_not_run_is_not_counted_as_well() -> None:
    outcomes = [Outcome(OK), Outcome(NOT_RUN, "gone"), Outcome(NOT_RUN, "gone")]
    assert count(outcomes) == "1 ok, 0 FAILED, 0 n/a, 2 not run"
