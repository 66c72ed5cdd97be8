"""Counts the instructions that ws-core's codec takes: `hatch run instructions`.

Times drift with whatever else a machine does; counts do not, so a few per cent more show. Each kind
of work is done some times and twice as often under `valgrind --tool=callgrind`: the difference is
what it takes. The counts depend on Python's build, so they are held against a baseline only
where that was made with the same version on the same kind of machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from codec_work import WORK

HERE = Path(__file__).resolve().parent
BASELINE = HERE / "instructions.json"
# How many times the baseline is too much: other builds of the same Python, and of libc, differ.
MARGIN = 1.15
FORMS = ("accelerated", "pure")

Counts = Mapping[str, int]


def kind_of_machine() -> dict[str, str]:
    """What a count depends on, beside the code."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "machine": f"{platform.system()} {platform.machine()}",
    }


def count_all(names: Sequence[str], form: str) -> dict[str, int]:
    """Instructions of each kind of work, in one form of the codec.

    Raises:
        subprocess.CalledProcessError: if it fails; what it said is on the terminal.
    """
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "0",
        "WS_CORE_PURE": "1" if form == "pure" else "0",
    }
    with TemporaryDirectory() as scratch:
        log = Path(scratch) / "log"
        command = ["valgrind", "--tool=callgrind", f"--log-file={log}"]
        command += [f"--callgrind-out-file={os.devnull}", sys.executable]
        command += [str(HERE / "codec_work.py"), *names]
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
        collected = dict(re.findall(r"==(\d+)== Collected : (\d+)", log.read_text()))
    counts: dict[str, int] = {}
    forks = [json.loads(line) for line in done.stdout.splitlines()]
    for before, twice, after in zip(forks[::3], forks[1::3], forks[2::3], strict=True):
        once = (int(collected[str(before[2])]) + int(collected[str(after[2])])) / 2
        counts[before[0]] = round((int(collected[str(twice[2])]) - once) / before[1])
    return counts


def too_many(counts: Counts, baseline: Counts) -> list[str]:
    """The kinds of work that take more than the baseline and the margin allow."""
    return [name for name in counts if counts[name] > MARGIN * baseline.get(name, counts[name])]


def report(form: str, counts: Counts, baseline: Counts) -> str:
    """A line for each kind of work."""
    lines = []
    for name, count in counts.items():
        compared = f"{count / baseline[name] - 1:+7.1%}" if name in baseline else ""
        lines.append(f"{form:12} {name:26} {count:>14,} {compared}".rstrip())
    return "\n".join(lines)


def main() -> None:
    """Count, and compare with the baseline or replace it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="make this the baseline")
    parser.add_argument("--only", metavar="NAME", nargs="+", choices=WORK, default=list(WORK))
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        sys.exit("valgrind, which counts, is not there")
    recorded = json.loads(BASELINE.read_text())
    here = kind_of_machine()
    same = recorded["made with"] == here
    with ThreadPoolExecutor(len(FORMS)) as pool:
        counted = pool.map(partial(count_all, options.only), FORMS)
        found = dict(zip(FORMS, counted, strict=True))
    exceeded = []
    for form in FORMS:
        baseline = recorded[form] if same else {}
        print(report(form, found[form], baseline))
        exceeded += [f"{form}: {name}" for name in too_many(found[form], baseline)]
    if options.record:
        BASELINE.write_text(json.dumps({"made with": here, **found}, indent=2) + "\n")
    elif not same:
        print(f"There is no baseline for {here}, only for {recorded['made with']}.")
    elif exceeded:
        sys.exit(f"More than {MARGIN:.0%} of the baseline: {', '.join(exceeded)}")


if __name__ == "__main__":
    main()
