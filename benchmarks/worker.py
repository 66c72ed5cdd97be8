"""Measures one library, in an environment where that one is installed.

Started by `bench.py` as `python worker.py MODULE`. Each line that it reads is a task in JSON, like
`{"measure": "echo", "seconds": 0.5, "size": 32}`; it answers with a line, the rate.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from importlib import import_module

from measures import MEASURES


def main() -> None:
    """Do the tasks as they come, until there are no more."""
    contender = import_module(sys.argv[1])
    for line in sys.stdin:
        task = json.loads(line)
        measure = MEASURES[task["measure"]]
        print(contender.run(partial(measure, contender, task["seconds"], task["size"])), flush=True)


if __name__ == "__main__":
    main()
