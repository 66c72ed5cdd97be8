"""Cancelling something at each of its checkpoints."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias, TypeVar

import trio
import trio.testing
from trio._core import _run as trio_run

from ws_core import Role

from .peers import (
    MakePair,
    Pair,
    descriptors,
    lockstep_pair,
    memory_pair,
    small_direct_tls_pair,
    small_tcp_pair,
    tasks,
    tls_pair,
    tls_socket_pair,
    until,
)

T = TypeVar("T")
Compression: TypeAlias = Literal["deflate"] | None


class Sipping(trio.abc.Stream):
    """Takes little at a time, so that what is sent to it is often cut in the middle."""

    def __init__(self, bottom: trio.abc.Stream) -> None:
        self._bottom = bottom

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._bottom.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._bottom.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._bottom.receive_some(5000)

    async def aclose(self) -> None:
        await self._bottom.aclose()


STREAMS: dict[str, MakePair] = {
    "memory": memory_pair,
    "lockstep": lockstep_pair,
    "tcp": small_tcp_pair,
    "tls": tls_pair,
    "tls-tcp": tls_socket_pair,
    "direct-tls-tcp": small_direct_tls_pair,
}
# Seconds for all of a case, which takes milliseconds: less than any timeout of a connection, whose
# end would hide that something hangs.
BOUND = 8


class Attempt(trio.abc.Instrument):
    """One call, which is cancelled at one of its checkpoints.

    Trio calls instruments between the steps of tasks, so nothing else runs while we cancel. When a
    step is over the task waits already, and is woken with `trio.Cancelled` if it lets itself be;
    when a step is about to begin the task was woken already, and only its next wait is cancelled.

    Args:
        step: At which checkpoint, from 1 on; 0 for before the call.
        late: Cancel when what is waited for has come, in place of when the wait begins.

    Attributes:
        fired: Whether there was such a checkpoint.
        caught: Whether the call was cancelled, and did not come to its own end.
    """

    def __init__(self, step: int, *, late: bool) -> None:
        self.step, self.late = step, late
        self.scope = trio.CancelScope()
        self.fired = self.caught = False
        self._left = step
        self._whole = False
        self._task: trio.lowlevel.Task

    async def call(self, function: Callable[[], Awaitable[T]], *, whole: bool = False) -> T | None:
        """What the function returns, or None if it was cancelled.

        With `whole` the checkpoints of all tasks below this one count as well.
        """
        self._task, self._whole = trio.lowlevel.current_task(), whole
        if not self.step:
            self._fire()
        result: T | None = None
        with self.scope:
            trio.lowlevel.add_instrument(self)
            try:
                result = await function()
            finally:
                trio.lowlevel.remove_instrument(self)
        self.caught = self.scope.cancelled_caught
        return result

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if self.late:
            self._count(task)

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if not self.late:
            self._count(task)

    def _count(self, task: trio.lowlevel.Task) -> None:
        if self._left and self._is_ours(task):
            self._left -= 1
            if not self._left:
                self._fire()

    def _is_ours(self, task: trio.lowlevel.Task) -> bool:
        found: trio.lowlevel.Task | None = task
        while self._whole and found is not None and found is not self._task:
            found = found.parent_nursery and found.parent_nursery.parent_task
        return found is self._task

    def _fire(self) -> None:
        self.fired = True
        self.scope.cancel()


@contextmanager
def scheduled(seed: int) -> Iterator[None]:
    """Within the block Trio shuffles tasks in an order that can be had again."""
    shuffler = trio_run._r  # noqa: SLF001 - Trio gives no other name to it
    before = shuffler.getstate()
    shuffler.seed(seed)
    yield
    shuffler.setstate(before)


@dataclass(frozen=True)
class Setting:
    """Where something is tried: a stream, our end of it, and whether messages are compressed."""

    stream: str
    role: Role = Role.CLIENT
    compression: Compression = None

    def __str__(self) -> str:
        return "-".join(filter(None, (self.stream, self.role.value, self.compression)))

    @property
    def real(self) -> bool:
        """Whether the system's clock goes."""
        return "tcp" in self.stream

    async def streams(self) -> Pair:
        """Our end and the other one."""
        client, server = await STREAMS[self.stream]()
        ours, theirs = (client, server) if self.role is Role.CLIENT else (server, client)
        return ours, Sipping(theirs)


Case: TypeAlias = Callable[[Attempt], Awaitable[None]]


def every_case(case: Case, setting: Setting, *, seeds: int) -> int:
    """Cancel something at every checkpoint in both ways, in several schedules; how many that was.

    No case may leave a task or a descriptor behind.
    """
    clock = None if setting.real else trio.testing.MockClock(autojump_threshold=0)
    return trio.run(_every_case, case, seeds, clock=clock)


async def _every_case(case: Case, seeds: int) -> int:
    count = 0
    for seed, late in itertools.product(range(seeds), (False, True)):
        for step in itertools.count(int(late)):
            attempt = Attempt(step, late=late)
            before = tasks(), descriptors()
            try:
                with scheduled(seed), trio.fail_after(BOUND):
                    await case(attempt)
                    await until(partial(_is_as_before, before))
            except BaseException as error:
                error.add_note(f"{step=}, {late=}, {seed=}, {attempt.fired=}, {attempt.caught=}")
                raise
            if not attempt.fired:
                break
            count += 1
    return count


def _is_as_before(before: tuple[int, int]) -> bool:
    return tasks() <= before[0] and descriptors() <= before[1]
