"""One script against a fresh server, with a victim beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from trio_websocket import open_websocket

from .attacker import Attacker
from .echo_server import Figures
from .programs import PATIENCE, Program, Server, running_server, running_victim
from .script import Script

#: Whether a server can measure itself here.
MEASURABLE = Path("/proc/self/status").exists()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was measured.

    Attributes:
        outcome: What became of the attack, in words.
        wire: Bytes that the attacker sent.
        cpu: Seconds of processor time that the server spent.
        memory: Bytes by which the server's memory grew at most.
        tasks: Tasks of the server's that are left.
        descriptors: File descriptors of the server's that are left.
        logged: What the server logged at level WARNING or above.
        errors: What the server and the victim wrote to standard error.
        exits: The exit codes of both.
        echoes: Messages that came back to the victim, each of them right.
        p99: Milliseconds that the slowest but one in a hundred of these took.
        slowest: Milliseconds that the slowest took.
    """

    outcome: str
    wire: int
    cpu: float
    memory: int
    tasks: int
    descriptors: int
    logged: list[str]
    errors: str
    exits: tuple[int, int]
    echoes: int
    p99: float
    slowest: float


async def run(script: Script) -> Report:
    """Run a script."""
    async with (
        running_server(script.settings, tls=script.tls, descriptors=script.descriptors) as server,
        warm_with_victim(server) as victim,
    ):
        before = await server.figures("reset")
        attacker = Attacker(server, before)
        try:
            with trio.fail_after(PATIENCE):
                outcome = await script.attack(attacker)
        finally:
            attacker.leave()
        await newcomer(server)
        after = await settled(server, before)
        times = sorted(await victim.ask("stop"))
        exits = await victim.end(), await server.program.end()
        return Report(
            outcome=outcome,
            wire=attacker.sent,
            cpu=after.cpu - before.cpu,
            memory=max(0, after.peak - _level(before)),
            tasks=after.tasks - before.tasks,
            descriptors=after.descriptors - before.descriptors,
            logged=after.logged,
            errors=server.program.errors() + victim.errors(),
            exits=exits,
            echoes=len(times),
            p99=times[len(times) * 99 // 100] * 1000,
            slowest=times[-1] * 1000,
        )


def _level(before: Figures) -> int:
    """Where the memory stood: at its peak, where the peak could not be reset."""
    return max(before.memory, before.peak)


@asynccontextmanager
async def warm_with_victim(server: Server) -> AsyncIterator[Program]:
    """A client that is served by a server which has done everything once."""
    idle = await server.figures()
    await newcomer(server)
    await settled(server, idle)
    async with running_victim(server) as victim:
        yield victim


async def newcomer(server: Server) -> None:
    """A new client is served."""
    with trio.fail_after(PATIENCE):
        async with open_websocket(
            "localhost" if server.context else "127.0.0.1",
            server.port,
            "/",
            use_ssl=server.context or False,
        ) as connection:
            await connection.send_message("new")
            assert await connection.get_message() == "new"


async def settled(server: Server, before: Figures) -> Figures:
    """How the server is once it has no more tasks and descriptors than before, or won't have."""
    after = await server.figures()
    with trio.move_on_after(PATIENCE):
        while (after.tasks, after.descriptors) != (before.tasks, before.descriptors):
            await trio.sleep(0.02)
            after = await server.figures()
    return after
