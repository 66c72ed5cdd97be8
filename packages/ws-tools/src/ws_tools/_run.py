"""Trio under a command: signals, and exit codes."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import NoReturn

import click
import trio

from ._failures import explain

# As shells count: 128 and the signal's number.
_SIGNALLED = 128


class Signals:
    """Ctrl-C and SIGTERM: the first asks for the end, the next one ends everything at once.

    They arrive as cancellation or in a plain function, and never as a `KeyboardInterrupt` in the
    middle of something.

    Attributes:
        ask: What the first signal calls, with the exit code that tells of it, instead of ending
            everything at once.
        exit_code: That exit code; None as long as there was no signal.
    """

    def __init__(self) -> None:
        self.ask: Callable[[int], object] | None = None
        self.exit_code: int | None = None

    async def watch(  # noqa: ASYNC114 - a task among others, not one that lasts
        self,
        everything: trio.CancelScope,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Wait for signals.

        Args:
            everything: What the end of everything cancels.
            task_status: For `trio.Nursery.start`, which returns once it listens.
        """
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            task_status.started()
            async for number in signals:
                is_first, self.exit_code = self.exit_code is None, _SIGNALLED + number
                if is_first and self.ask is not None:
                    self.ask(self.exit_code)
                else:
                    everything.cancel()


def run(work: Callable[[Signals], Awaitable[int]]) -> NoReturn:
    """Run `work` under Trio, and exit with the code that it returns.

    If a signal has cancelled it, the exit code is that of the signal; if our output can't be
    written any more, it is 1.

    Raises:
        click.ClickException: if the work does.
    """
    # A terminal that can't show a character shows an escape.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    code = _SIGNALLED + signal.SIGINT
    try:
        code = trio.run(_supervise, work)
    except* KeyboardInterrupt:  # a signal before there was anybody to wait for it
        pass
    except* (BrokenPipeError, SystemExit):  # rich turns the one into the other
        code = _give_up_output()
    except* OSError as group:  # a full disk behind the output, say
        code = _give_up_output()
        click.echo(f"Error: {explain(_first_leaf(group))}", err=True)
    sys.exit(code)


def _first_leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _give_up_output() -> int:
    """Let Python flush into nothing at the end, as it would complain otherwise; the exit code."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


async def _supervise(work: Callable[[Signals], Awaitable[int]]) -> int:
    signals, code, failure = Signals(), None, None
    async with trio.open_nursery() as nursery:
        await nursery.start(signals.watch, nursery.cancel_scope)
        try:
            code = await work(signals)
        except click.ClickException as error:  # a nursery would wrap it
            failure = error
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
    if code is None:
        code = signals.exit_code
    assert code is not None
    return code
