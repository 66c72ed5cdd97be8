"""A peer in a process of its own."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from subprocess import PIPE
from typing import Any

import trio
from failure import WrongAnswer

# Seconds until a killed process must have gone.
KILL_TIMEOUT = 5


class PeerProcess:
    """What a peer tells, line by line."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._lines = bytearray()

    async def report(self) -> dict[str, Any]:
        """The next thing that it tells.

        Raises:
            WrongAnswer: if it ended without a word.
        """
        while b"\n" not in self._lines:
            if not await self._more():
                raise WrongAnswer(f"the peer ended with {await self._process.wait()}, and no word")
        line, _, self._lines[:] = self._lines.partition(b"\n")
        facts: dict[str, Any] = json.loads(line)
        return facts

    async def ended(self) -> None:
        """Wait for its end.

        Raises:
            WrongAnswer: if it is no good one.
        """
        while await self._more():
            pass
        code = await self._process.wait()
        if code != 0:
            raise WrongAnswer(f"the peer ended with {code}")

    async def _more(self) -> bytes:
        assert self._process.stdout is not None
        data = bytes(await self._process.stdout.receive_some())
        self._lines += data
        return data

    async def kill(self) -> None:
        """End it, and whatever it started."""
        with suppress(ProcessLookupError, PermissionError):  # if they have ended
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        await self._process.wait()
        assert self._process.stdout is not None
        await self._process.stdout.aclose()


@asynccontextmanager
async def started(
    command: Sequence[str], environment: Mapping[str, str], log: Path
) -> AsyncIterator[PeerProcess]:
    """Start a peer, and kill it afterwards.

    Args:
        command: The program and its arguments.
        environment: Variables, besides those that there are.
        log: What it writes to its standard error goes there.
    """
    # All is on this machine: no proxy has a part in it.
    inherited = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    with log.open("wb") as errors:
        process = await trio.lowlevel.open_process(
            list(command),
            stdout=PIPE,
            stderr=errors,
            env={**inherited, **environment},
            start_new_session=True,  # a group of its own, to be killed together
        )
    peer = PeerProcess(process)
    try:
        yield peer
    finally:
        with trio.move_on_after(KILL_TIMEOUT, shield=True):
            await peer.kill()
