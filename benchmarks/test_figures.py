from __future__ import annotations

from pathlib import Path

import pytest
from figures import Figures, Machine
from made_up import empty, figures


def test_they_are_what_was_saved(tmp_path: Path) -> None:
    saved = figures(ours=[1.5, 2.0])
    saved.versions["ours"] = {"trio": "0.35.0", "accelerated": None}
    saved.failures.append("somebody: no result of something")
    saved.save(tmp_path)
    assert Figures.load(tmp_path) == saved


def test_median_ratio_and_spread() -> None:
    found = figures(ours=[2000.0, 1000.0, 1010.0], theirs=[500.0])
    assert found.median("echo 32 B", "ours") == 1010
    assert found.ratio("echo 32 B", "ours", "theirs") == 2.02
    assert found.spread("echo 32 B", "ours") == pytest.approx(0.495, abs=0.001)
    assert found.median("echo 32 B", "nobody") is None
    assert found.ratio("echo 32 B", "ours", "nobody") is None
    assert found.ratio("echo 32 B", "nobody", "ours") is None


def test_values_come_one_by_one() -> None:
    found = empty()
    task = found.tasks[0]
    assert found.peers([task]) == []
    found.add(task, "ours", 1.0)
    found.add(task, "ours", 2.0)
    assert found.of(task.title, "ours") == [1.0, 2.0]
    assert found.peers(found.tasks) == ["ours"]


def test_the_machine_is_described() -> None:
    machine = Machine.here(3)
    assert machine.cores == 3
    assert all([machine.processor, machine.system, machine.python])
