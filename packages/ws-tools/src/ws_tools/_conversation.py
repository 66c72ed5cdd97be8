"""The client's conversation: lines go out, messages come in, until one of many ends."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click
import trio

from trio_websocket import ConnectionClosed, WebSocketConnection

from ._failures import explain
from ._heartbeat import heartbeat
from ._lines import Lines
from ._terminal import complain, is_terminal, tell
from ._text import show

# Seconds that a server is given to answer our close when the conversation ended badly.
_PATIENCE = 1.0


class Conversation:
    """Sends lines and prints messages.

    Whatever ends it first says how: nothing is raised but what printing raises.

    Args:
        ws: An open connection.
        lines: What to send.
        heartbeat: Seconds between pings, and that a pong may take; None for no pings.
        wait: Seconds without a message, after the last line, until the end.
    """

    def __init__(
        self, ws: WebSocketConnection, lines: Lines, *, heartbeat: float | None, wait: float
    ) -> None:
        self._ws = ws
        self._lines = lines
        self._heartbeat = heartbeat
        self._wait = wait
        # Between the lines that are typed, those that come are marked.
        self._mark = click.style("< ", fg="cyan") if is_terminal(sys.stdout) else ""
        self._quiet = trio.CancelScope()
        self._scope = trio.CancelScope()
        self._exit_code: int | None = None

    async def run(self) -> int:
        """Talk, and close the connection.

        Returns:
            The exit code.
        """
        with self._scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._print_messages)
                nursery.start_soon(self._send_lines)
                if self._heartbeat is not None:
                    nursery.start_soon(self._beat, self._heartbeat)
        assert self._exit_code is not None
        if self._exit_code:
            with trio.move_on_after(_PATIENCE):
                await self._ws.aclose()
        return self._exit_code

    def interrupt(self, exit_code: int) -> None:
        """End the conversation, as the person wishes."""
        self._end(exit_code, tell, "Interrupted; closing.")

    def _end(self, exit_code: int, say: Callable[[str], None], text: str) -> None:
        """End the conversation and say so, unless something else was faster."""
        if self._exit_code is None:
            self._exit_code = exit_code
            self._scope.cancel()
            say(text)

    async def _print_messages(self) -> None:
        try:
            async for message in self._ws:
                click.echo(self._mark + show(message))
                self._put_off()
        except ConnectionClosed as error:
            self._end(1, complain, explain(error))
        else:
            assert self._ws.closed is not None
            self._end(0, tell, f"The server closed the connection: {self._ws.closed.summary}.")

    async def _send_lines(self) -> None:
        try:
            async for line in self._lines:
                await self._ws.send_message(line)
        except ConnectionClosed:
            return  # The reader says so, after the last messages.
        except (OSError, UnicodeDecodeError) as error:
            text = f"line {self._lines.number} of the input: {explain(error)}"
            self._end(1, complain, text)
            return
        self._put_off()
        with self._quiet:
            await trio.sleep_forever()
        self._end(0, tell, "Closing.")

    def _put_off(self) -> None:
        """Let the end after the last line wait for one more message."""
        self._quiet.deadline = trio.current_time() + self._wait

    async def _beat(self, seconds: float) -> None:
        try:
            await heartbeat(self._ws, timeout=seconds, interval=seconds)
        except ConnectionClosed:
            return  # The reader says so, after the last messages.
        except trio.TooSlowError as error:
            self._end(1, complain, f"the connection is lost: {error}")
