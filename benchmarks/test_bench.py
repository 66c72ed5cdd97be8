from __future__ import annotations

import sys
from pathlib import Path

import bench
import pytest
from bench import RECORDED, REPORTS, folder_for, read_command_line
from made_up import figures
from peers import Peer
from plots import PLOTS, draw_all
from workers import Circumstances


@pytest.mark.parametrize(
    ("words", "folder"),
    [
        ("", RECORDED),
        ("--quick", REPORTS),
        ("--only echo tls", REPORTS),
        ("--rounds 1", REPORTS),
        ("--quick --record", RECORDED),
        ("--redraw", RECORDED),
        ("--quick --output there", Path("there")),
    ],
)
def test_only_a_whole_run_replaces_what_is_recorded(words: str, folder: Path) -> None:
    assert folder_for(read_command_line(words.split())) == folder


@pytest.mark.parametrize("words", ["--only nothing", "--against nobody"])
def test_what_is_not_known_is_an_error(words: str) -> None:
    with pytest.raises(SystemExit):
        read_command_line(words.split())


def test_a_part_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    ordered = []

    def measure_all(*arguments: object) -> None:
        ordered.append(arguments)

    monkeypatch.setattr(bench, "measure_all", measure_all)
    monkeypatch.setattr(bench, "pin", lambda: 1)
    monkeypatch.setattr(Peer, "python", lambda _: sys.executable)
    words = ["--only", "one-way", "--against", "aiohttp 3.14.5", "--rounds", "2"]
    measured = bench.measure(read_command_line(words))
    assert [task.title for task in measured.tasks] == ["one-way 32 B"]
    assert measured.rounds == 2
    ((_, peers, circumstances),) = ordered
    assert isinstance(peers, list)
    assert [peer.name for peer in peers] == ["ours", "aiohttp 3.14.5"]
    assert isinstance(circumstances, Circumstances)
    assert circumstances.server_core == 1


def test_plots_are_the_same_for_the_same_figures(tmp_path: Path) -> None:
    drawn = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        measured = figures(ours=[100.0, 120.0], aiohttp=[50.0])
        assert draw_all(measured, folder) == list(PLOTS)
        drawn.append([(folder / plot).read_bytes() for plot in PLOTS])
    assert drawn[0] == drawn[1]
