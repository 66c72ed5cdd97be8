"""Runs one Python library as a server or a client: `python peer.py MODULE [OPTION ...] TASK`.

The module has a function `server`, or `client`, or both, which do the task.
"""

from __future__ import annotations

import sys
from importlib import import_module

from task import Task


def main() -> None:
    """Do the task."""
    _, name, *options, words = sys.argv
    task = Task.from_json(words)
    getattr(import_module(name), task.role)(task, *options)


if __name__ == "__main__":
    main()
