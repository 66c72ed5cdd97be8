"""The log: what an operator may want to know."""

from __future__ import annotations

import logging
from contextlib import suppress

_logger = logging.getLogger("trio-websocket")


# Characters of what a peer has said.
_MOST = 200


def cut(said: str) -> str:
    """The beginning of what a peer has said, which may be long."""
    return said if len(said) <= _MOST else f"{said[:_MOST]}..."


def logs(level: int) -> bool:
    """Whether a line of that level would go anywhere, for what is dear to put into words."""
    return _logger.isEnabledFor(level)


def log(level: int, text: str, *args: object, cause: BaseException | None = None) -> None:
    """Log a line, with a traceback if there is a cause.

    Whatever a peer has said must come as an argument whose form has its control characters escaped.
    A failing log handler is no reason for a connection to end, so nothing is raised.
    """
    with suppress(Exception):
        _logger.log(level, text, *args, exc_info=cause, stacklevel=2)
