from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest
import trio
from counterparts import Counterpart, NotInstalledError, Program, python
from matrix import Cell, Matrix, Outcomes, find, is_bad, tell
from outcomes import FAILED, IMPOSSIBLE, NOT_RUN, OK, Outcome
from scenarios import COMPRESSED, FRAGMENTED, PLAIN, SCENARIOS, TLS, WE_CLOSE, Scenario

# It is always there: ws-core needs it.
WSPROTO = Counterpart("wsproto", partial(python, "peer_wsproto", distributions=("wsproto",)))


def absent() -> NoReturn:
    raise NotInstalledError("it is not there")


def script(text: str) -> Counterpart:
    """A client, or server, of its own kind."""
    return Counterpart("it", lambda: Program((sys.executable, "-c", text), "0"))


def run(folder: Path, peer: Counterpart, *scenarios: Scenario, deadline: float = 20) -> Outcomes:
    return trio.run(Matrix(find([peer]), folder, deadline).run, [peer], scenarios)


def only(outcomes: Outcomes, role: str) -> Outcome:
    (found,) = (outcome for cell, outcome in outcomes.items() if cell.role == role)
    return found


def test_who_can_do_it_all_is_ok_in_both_roles(tmp_path: Path) -> None:
    outcomes = run(tmp_path, WSPROTO, *SCENARIOS)
    assert len(outcomes) == 2 * len(SCENARIOS)
    assert [cell for cell, outcome in outcomes.items() if outcome != Outcome(OK)] == []


def test_who_is_not_installed_is_not_run(tmp_path: Path) -> None:
    outcomes = run(tmp_path, Counterpart("it", absent, cannot={"TLS": "never"}), PLAIN, TLS)
    assert set(outcomes.values()) == {Outcome(NOT_RUN, "not run: it is not there")}
    assert len(outcomes) == 4


def test_what_cannot_be_done_is_not_tried(tmp_path: Path) -> None:
    outcomes = run(tmp_path, Counterpart("it", script("").find, cannot={"TLS": "never"}), TLS)
    assert set(outcomes.values()) == {Outcome(IMPOSSIBLE, "never")}


def test_who_says_nothing_has_failed(tmp_path: Path) -> None:
    silent = script("import sys; sys.exit('a word of its own')")
    for outcome in run(tmp_path, silent, PLAIN).values():
        assert outcome.verdict == FAILED
        assert outcome.why == "the peer ended with 1, and no word\n    a word of its own"


def test_who_hangs_has_failed(tmp_path: Path) -> None:
    hanging = script("import time; time.sleep(1000)")
    for outcome in run(tmp_path, hanging, PLAIN, deadline=1).values():
        assert outcome == Outcome(FAILED, "not done in time")


@pytest.mark.parametrize(
    ("scenario", "facts", "why"),
    [
        (PLAIN, {"status": 403}, "got no connection"),
        (WE_CLOSE, {"code": 1000, "reason": "", "subprotocol": None}, "was closed with"),
        (PLAIN, {"code": 1000, "reason": "", "subprotocol": "x"}, "agreed on"),
    ],
)
def test_who_tells_something_else_has_failed(
    tmp_path: Path, scenario: Scenario, facts: dict[str, object], why: str
) -> None:
    liar = script(f"import json; print(json.dumps({facts}))")
    outcome = only(run(tmp_path, liar, scenario), "client")
    assert outcome.verdict == FAILED
    assert why in outcome.why


def test_who_ends_badly_has_failed(tmp_path: Path) -> None:
    good = f"import json; print(json.dumps({ {'code': 1000, 'reason': '', 'subprotocol': ''} }));"
    outcome = only(run(tmp_path, script(good + "raise SystemExit(3)"), PLAIN), "client")
    assert outcome == Outcome(FAILED, "the peer ended with 3")


@pytest.mark.parametrize("scenario", [COMPRESSED, FRAGMENTED])
def test_what_the_wire_does_not_show_has_failed(tmp_path: Path, scenario: Scenario) -> None:
    idle = Scenario(title="idle", messages=scenario.messages, prove=scenario.prove)
    for outcome in run(tmp_path, WSPROTO, idle).values():
        assert outcome.verdict == FAILED


def test_a_wrong_answer_has_failed(tmp_path: Path) -> None:
    twice = script(
        """
import json, sys, trio
from trio_websocket import open_websocket_url

async def main():
    async with open_websocket_url(json.loads(sys.argv[1])["url"]) as connection:
        async for message in connection:
            await connection.send_message(message * 2)

trio.run(main)
"""
    )
    outcome = only(run(tmp_path, twice, WE_CLOSE), "client")
    assert outcome.verdict == FAILED
    assert "5 str 'hello' came back as 10 str 'hellohello'" in outcome.why


@pytest.mark.parametrize(
    ("verdict", "complete", "bad"),
    [
        (OK, True, False),
        (IMPOSSIBLE, True, False),
        (NOT_RUN, False, False),
        (NOT_RUN, True, True),
        (FAILED, False, True),
    ],
)
def test_what_makes_it_all_fail(verdict: str, *, complete: bool, bad: bool) -> None:
    outcomes = {Cell("client", "a", "b"): Outcome(OK), Cell("client", "a", "c"): Outcome(verdict)}
    assert is_bad(outcomes, complete=complete) is bad


def test_the_table_is_printed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = {**find([WSPROTO]), "gone": "not run: it is not there"}
    outcomes = {
        Cell("server", "wsproto", "plain"): Outcome(OK),
        Cell("server", "gone", "plain"): Outcome(NOT_RUN, "not run: it is not there"),
        Cell("client", "gone", "plain"): Outcome(NOT_RUN, "not run: it is not there"),
    }
    tell(found, outcomes, ["plain"])
    lines = capsys.readouterr().out.splitlines()
    assert "| wsproto                  | ok      |" in lines
    assert lines.count("| gone                     | not run |") == 2
    assert "- gone: not run: it is not there" in lines
    assert lines[-1] == "1 ok, 0 FAILED, 0 n/a, 2 not run"
