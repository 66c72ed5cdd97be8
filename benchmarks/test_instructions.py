from __future__ import annotations

import json
import subprocess
import sys

from codec_work import WORK
from instructions import BASELINE, FORMS, HERE, report, too_many


def test_what_takes_more_than_the_margin_is_found() -> None:
    baseline = {"as it was": 1000, "a little more": 1000, "much more": 1000}
    counts = {"as it was": 1000, "a little more": 1149, "much more": 1151, "new": 10**9}
    assert too_many(counts, baseline) == ["much more"]


def test_the_report_tells_how_much_it_changed() -> None:
    lines = report("pure", {"one": 1100, "new": 5}, {"one": 1000}).splitlines()
    assert [line.split() for line in lines] == [
        ["pure", "one", "1,100", "+10.0%"],
        ["pure", "new", "5"],
    ]


def test_all_that_is_counted_has_a_baseline() -> None:
    recorded = json.loads(BASELINE.read_text())
    for form in FORMS:
        assert recorded[form].keys() == WORK.keys()


def test_the_work_can_be_done() -> None:
    command = [sys.executable, str(HERE / "codec_work.py"), *WORK]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    assert len(done.stdout.splitlines()) == 3 * len(WORK)
