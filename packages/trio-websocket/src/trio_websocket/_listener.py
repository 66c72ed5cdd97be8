"""How streams come to a server."""

from __future__ import annotations

import errno
from typing import Generic, TypeVar

import trio

from ._admission import Admission
from ._sessions import Sessions

S = TypeVar("S", bound=trio.abc.AsyncResource)

# Trio waits a moment after these, and tries again.
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class CountingListener(trio.abc.Listener[S], Generic[S]):
    """A listener whose streams are counted before anybody can begin to serve them.

    Where the system has no descriptor left, clients in their opening handshake make room.
    """

    def __init__(
        self, listener: trio.abc.Listener[S], sessions: Sessions, admission: Admission
    ) -> None:
        self._listener = listener
        self._sessions = sessions
        self._admission = admission

    async def accept(self) -> S:
        try:
            stream = await self._listener.accept()
        except OSError as error:
            if error.errno in _EXHAUSTED:
                self._admission.make_room()
            raise
        self._sessions.expect()
        return stream

    async def aclose(self) -> None:
        await self._listener.aclose()
