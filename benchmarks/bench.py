"""Measures trio-websocket beside its peers: `python benchmarks/bench.py [--quick]`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from certificates import make_certificates
from figures import Figures, Machine
from peers import HERE, OURS, PEERS, Peer
from plots import draw_all
from report import page, report
from running import measure_all
from tasks import FULL, QUICK, Group, suite
from workers import Circumstances, most_connections, pin

RECORDED = HERE / "results"
#: What isn't recorded; nothing in there is kept by git.
REPORTS = HERE / "reports"
PAGE = "RESULTS.md"


def read_command_line(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What is asked for.

    Args:
        words: Those of the command line; by default of this process.
    """
    parser = argparse.ArgumentParser(description="Measure trio-websocket beside its peers.")
    add = parser.add_argument
    add("--quick", action="store_true", help="in about two minutes")
    groups = [str(group) for group in Group]
    add("--only", metavar="MEASURE", nargs="+", choices=groups, help=f"of {', '.join(groups)}")
    names = [peer.name for peer in PEERS]
    add("--against", metavar="NAME", nargs="+", choices=names, help=f"of {'; '.join(names)}")
    add("--rounds", type=int, help="how often each thing is measured")
    add("--seconds", type=float, help="how long each time")
    add("--record", action="store_true", help="keep it as what the documentation shows")
    add("--output", metavar="FOLDER", type=Path, help="where to write it")
    add("--redraw", action="store_true", help="measure nothing: write the page and plots anew")
    return parser.parse_args(words)


def folder_for(options: argparse.Namespace) -> Path:
    """Where it is written: only a whole run replaces the recorded one unasked."""
    if options.output is not None:
        return Path(options.output)
    part = options.quick or options.only or options.against or options.rounds or options.seconds
    return RECORDED if options.record or options.redraw or not part else REPORTS


def measure(options: argparse.Namespace) -> Figures:
    """Measure what is asked for."""
    scale = QUICK if options.quick else FULL
    tasks = suite(scale, most_connections=most_connections())
    if options.only:
        tasks = [task for task in tasks if task.group in options.only]
    peers: list[Peer] = [OURS, *PEERS]
    if options.against:
        peers = [OURS, *(peer for peer in PEERS if peer.name in options.against)]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    figures = Figures(
        Machine.here(cores or 1),
        options.rounds or scale.rounds,
        options.seconds or scale.seconds,
        tasks,
    )
    named = {name for task in tasks for name in task.peers}
    for peer in peers:
        if peer.name in named:
            peer.python()  # environments are made before anything is measured
    with TemporaryDirectory() as folder:
        make_certificates(Path(folder))
        server_core = pin()
        measure_all(figures, peers, Circumstances(figures.seconds, folder, server_core))
    return figures


def main() -> None:
    """Measure, print the tables, and write all of it."""
    options = read_command_line()
    folder = folder_for(options)
    figures = Figures.load(folder) if options.redraw else measure(options)
    print(report(figures))
    folder.mkdir(parents=True, exist_ok=True)
    figures.save(folder)
    plots = draw_all(figures, folder)
    (folder / PAGE).write_text(page(figures, plots), encoding="utf-8")
    print(f"{PAGE}, results.json and {len(plots)} plots are in {folder}.")


if __name__ == "__main__":
    main()
