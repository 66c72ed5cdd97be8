from __future__ import annotations

import sys
from pathlib import Path

import pytest
import run
from verdict import ALL_CASES

HERE = Path(__file__).parent


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where reports go in the test, instead of onto those of a real run."""
    monkeypatch.setattr(run, "REPORTS", tmp_path / "reports")
    return tmp_path / "reports"


@pytest.fixture
def suite(tmp_path: Path) -> str:
    """A program like `wstest`."""
    program = tmp_path / "wstest"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {HERE / "stand_in.py"} "$@"\n')
    program.chmod(0o755)
    return str(program)


@pytest.mark.skipif(sys.platform == "win32", reason="the program is a shell script")
def test_what_is_not_good_is_printed_and_fails(
    reports: Path,
    suite: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["--wstest", suite, "--times", "2", "--role", "client", "1.1.1", "1.1.2", "1.1.3"]
    monkeypatch.setattr(sys, "argv", ["run.py", *words])
    with pytest.raises(SystemExit, match="4 are not OK"):
        run.main()
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("ours")]
    assert lines == ["  FAILED, closing OK: 1.1.2", "  MISSING: 1.1.3", "  1 of 3"] * 2
    assert (reports / "ours" / "client" / "index.json").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="the program is a shell script")
def test_all_good_is_no_failure(
    reports: Path, suite: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["run.py", "--wstest", suite, "--role", "client", "1.1.1"])
    run.main()
    assert capsys.readouterr().out.splitlines()[1:] == ["  1 of 1"]


def test_only_all_cases_are_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run.arguments(["--record", "short"])
    assert "--record wants all cases" in capsys.readouterr().err
    assert run.arguments(["--record", "all"]).cases == list(ALL_CASES)


@pytest.mark.parametrize("words", [["8"], [], ["--of", "nobody", "1"], ["--times", "0", "1"]])
def test_nonsense_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run.arguments(words)
    assert capsys.readouterr().err
