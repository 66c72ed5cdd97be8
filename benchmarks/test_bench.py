from __future__ import annotations

import subprocess
import sys

import pytest
from bench import TASKS, Rates, Task, Worker, report, table, worker
from peers import HERE, OURS, PEERS, Peer


class Here(Peer):
    """A peer that is measured where the tests run."""

    def python(self) -> str:
        return sys.executable


def made_up(**rates: list[float]) -> tuple[Rates, list[Peer]]:
    """The same rates in each task, and their peers."""
    peers = [Peer(name, "", ()) for name in rates]
    return {(name, task.title): rates[name] for name in rates for task in TASKS}, peers


def test_the_report_has_medians_with_their_spread() -> None:
    text = report(*made_up(ours=[2000.0, 1000.0, 1010.0], theirs=[500.0, 500.0, 500.0]))
    lines = [line.split("|")[1:3] for line in text.splitlines() if line]
    assert [[cell.strip() for cell in line] for line in lines if "---" not in line[0]] == [
        ["a second", "echo 32 B"],
        ["ours", "1,010 ±50%"],
        ["theirs", "500 ±0%"],
        ["ours /", "echo 32 B"],
        ["theirs", "2.02"],
    ]


def test_the_columns_of_a_table_are_aligned() -> None:
    assert table("x", ["a", "long"], {"name": ["1.00", "2"], "n": ["3", "4"]}) == [
        "| x    |    a | long |",
        "| ---- | ---: | ---: |",
        "| name | 1.00 |    2 |",
        "| n    |    3 |    4 |",
    ]


@pytest.mark.parametrize("module", ["with_trio_websocket", "with_bare_trio"])
@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.title)
def test_a_worker_measures(module: str, task: Task) -> None:
    with worker(Here("here", module, ())) as measuring:
        assert [measuring.measure(task, 0.01) > 0 for _ in range(2)] == [True, True]


def test_a_worker_that_dies_is_an_error() -> None:
    command = [sys.executable, "-c", "import sys; sys.stdin.readline(); sys.exit(3)"]
    with (
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process,
        pytest.raises(RuntimeError, match="died with 3"),
    ):
        Worker(process).measure(TASKS[0], 0.01)


def test_each_peer_has_a_module_and_a_pinned_version() -> None:
    for peer in PEERS:
        assert (HERE / f"{peer.module}.py").exists()
        assert all("==" in requirement for requirement in peer.requirements)
    assert OURS.name not in {peer.name for peer in PEERS}
