"""How streams come to a server."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from typing import NoReturn, TypeVar

import trio

from ._log import log

S = TypeVar("S", bound=trio.abc.AsyncResource)

# The system has no descriptor or no memory left, which passes.
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
# Seconds until the next try then, as in `trio.serve_listeners`.
_PAUSE = 0.1


async def accept_streams(
    listener: trio.abc.Listener[S], serve: Callable[[S], None], make_room: Callable[[], None]
) -> NoReturn:
    """Accept streams until cancelled; the listener is closed in the end.

    What `trio.serve_listeners` does, but that it closes each stream once more when it was served,
    which takes it longer than all the rest.

    Args:
        listener: Where they come from.
        serve: Called with each stream.
        make_room: Called when the system has no descriptor left: clients in their opening handshake
            have to make room.

    Raises:
        OSError: if streams can't be accepted for another reason.
    """
    async with listener:
        while True:
            try:
                stream = await listener.accept()
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                make_room()
                text = "accepting failed, the next try is in %s seconds: %s"
                log(logging.ERROR, text, _PAUSE, error, cause=error)
                await trio.sleep(_PAUSE)
            else:
                serve(stream)
