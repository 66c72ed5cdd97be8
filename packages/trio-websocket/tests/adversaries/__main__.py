"""Run the scripts, and print a table of what they cost the server.

``hatch run adversaries``; in the folder of trio-websocket, ``python -m tests.adversaries``.
"""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import trio

from .catalogue import SCRIPTS
from .script import Script
from .table import aligned, list_table, rows
from .trial import Report, run
from .verdict import faults


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.adversaries", description=__doc__)
    parser.add_argument("words", nargs="*", help="only scripts with one of these in their names")
    parser.add_argument("--rst", action="store_true", help="print a reStructuredText list-table")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    return parser.parse_args(arguments)


def chosen(words: Sequence[str]) -> list[Script]:
    """The scripts with one of these words in their names; all without words."""
    return [
        script
        for name, script in SCRIPTS.items()
        if not words or any(word in name for word in words)
    ]


def reports(scripts: Sequence[Script]) -> dict[str, Report]:
    """Run scripts, and write to standard error what is wrong; those that broke off are left out."""
    found = {}
    for script in scripts:
        try:
            found[script.name] = report = trio.run(run, script)
        except Exception as error:  # noqa: BLE001 - the others are still to be run
            sys.stderr.write(f"{script.name}: broke off\n")
            traceback.print_exception(error)
        else:
            sys.stderr.writelines(f"{script.name}: {fault}\n" for fault in faults(script, report))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; 1 if something was wrong."""
    asked = parsed(arguments)
    scripts = chosen(asked.words)
    found = reports(scripts)
    table = rows(found)
    sys.stdout.write(list_table(table) if asked.rst else aligned(table))
    if asked.json:
        data = {name: asdict(report) for name, report in found.items()}
        asked.json.write_text(json.dumps(data, indent=1) + "\n")
    broke_off = len(found) < len(scripts)
    return int(broke_off or any(faults(SCRIPTS[name], report) for name, report in found.items()))


if __name__ == "__main__":
    sys.exit(main())
