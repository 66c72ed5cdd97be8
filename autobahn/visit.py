"""Lets a client go through all cases, and starts it again behind one that it does not survive."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from subprocess import PIPE
from typing import IO

import trio

# Seconds after which the suite itself gives up on a case, or a group; on all others far sooner.
_SUITE_GIVES_UP = {"9": 100, "9.5.1": 1000, "9.6.1": 1000, "12": 480, "13": 480}
_OTHERS = 60
# For the suite to say so, and for a client that is slow to see it.
_MARGIN = 60


def patience(case: str) -> float:
    """Seconds that a client may spend in a case.

    When they are over, the suite has given up already: it is no client's failure to be cut short.
    """
    group = case.split(".", maxsplit=1)[0]
    return _SUITE_GIVES_UP.get(case, _SUITE_GIVES_UP.get(group, _OTHERS)) + _MARGIN


async def visit(
    command: Callable[[int], list[str]],
    cases: Sequence[str],
    limit: Callable[[str], float],
    log: IO[bytes],
    troubles: list[str],
) -> None:
    """Run a client until it has been through all cases.

    Args:
        command: The client that begins with the case of this number, counted from 1. It prints
            ``case N`` when it comes to each.
        cases: Their ids.
        limit: Seconds after which it counts as hanging in a case.
        log: For what it says on standard error.
        troubles: What goes wrong is appended here.
    """
    first = 1
    while first <= len(cases):
        last, ended = await _run(command(first), lambda n: limit(cases[n - 1]), first, log)
        if ended is None:
            troubles.append(f"hung in {cases[last - 1]}" if last else "hung before the first case")
        elif ended:
            where = cases[last - 1] if 0 < last < len(cases) else "the end" if last else "the start"
            troubles.append(f"ended with {ended} at {where}")
        if last < first:
            return  # it would do so again
        first = last + 1


async def _run(
    command: list[str], limit: Callable[[int], float], first: int, log: IO[bytes]
) -> tuple[int, int | None]:
    """Run a client once, from the first case on.

    Returns:
        The number of the last case it came to, 0 for none, and its exit status, None if it hung.
    """
    start = partial(trio.run_process, command, stdout=PIPE, stderr=log, check=False)
    said, last = b"", 0
    async with trio.open_nursery() as nursery:
        client: trio.Process = await nursery.start(start)
        assert client.stdout is not None
        while True:
            with trio.move_on_after(limit(last or first)) as silence:
                data = await client.stdout.receive_some()
                if not data:
                    await client.wait()
                    break
                said += data
                numbers = re.findall(rb"^case (\d+)$", said, re.MULTILINE)
                last = int(numbers[-1]) if numbers else 0
            if silence.cancelled_caught:
                nursery.cancel_scope.cancel()
                break
    return last, None if silence.cancelled_caught else client.returncode
