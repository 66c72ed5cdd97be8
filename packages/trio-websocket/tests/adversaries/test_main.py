"""The program that prints a table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .__main__ import main
from .trial import MEASURABLE

pytestmark = pytest.mark.skipif(not MEASURABLE, reason="the server measures itself in /proc")


def test_table(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    assert main(["closes twice", "--json", str(file)]) == 0
    written, errors = capfd.readouterr()
    heading, row = written.splitlines()
    assert heading.split()[:2] == ["Script", "Outcome"]
    assert row.startswith("closes twice  close 1001 ")
    assert errors == ""
    [(name, figures)] = json.loads(file.read_text()).items()
    assert (name, figures["outcome"]) == ("closes twice", "close 1001")


def test_list_table(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["closes twice", "--rst"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[:4] == [".. list-table::", "   :header-rows: 1", "", "   * - Script"]
    row = lines.index("   * - **closes twice**: Two close frames with different codes.")
    assert lines[row + 1] == "     - close 1001"
