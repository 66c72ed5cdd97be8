"""What a peer is told to do, and how it tells what came of it: lines of JSON.

`peer_ws.js` and `browser.js` read the same.
"""

from __future__ import annotations

import json
import ssl
from dataclasses import asdict, dataclass
from typing import Any

# Bytes: the largest message that is sent is half as large.
MAX_SIZE = 16 * 2**20


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a peer is to do in one scenario.

    Attributes:
        role: "server" or "client".
        behavior: "echo" sends every message back until the connection is closed; "fragment" does
            the same in several frames with a ping between; "close" closes at once; "reject" is to
            refuse the request with 403, or to be refused.
        url: Where a client is to go.
        compress: Whether to agree on permessage-deflate; without it nothing is offered or accepted.
        subprotocols: What a client is to offer, and what a server is to accept one of.
        close_code: For "close".
        close_reason: For "close".
        ca: A file; whom a client is to trust.
        certificate: A file, for a server that is to speak TLS; empty if it is not.
        key: The certificate's key, a file.
        folder: For whatever has to be written; it is removed afterwards.
    """

    role: str
    behavior: str
    close_code: int
    close_reason: str
    folder: str
    url: str = ""
    compress: bool = False
    subprotocols: tuple[str, ...] = ()
    ca: str = ""
    certificate: str = ""
    key: str = ""

    @classmethod
    def from_json(cls, text: str) -> Task:
        """The task that `to_json` was called on."""
        fields = json.loads(text)
        return cls(**{**fields, "subprotocols": tuple(fields["subprotocols"])})

    def to_json(self) -> str:
        """One line, for the command line of a peer."""
        return json.dumps(asdict(self))

    @property
    def server_context(self) -> ssl.SSLContext | None:
        """How a server is to speak TLS, if it is to."""
        if not self.certificate:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        return context

    @property
    def client_context(self) -> ssl.SSLContext | None:
        """How a client is to speak TLS, if it is to; it trusts nobody but our authority."""
        return ssl.create_default_context(cafile=self.ca) if self.ca else None

    def choose(self, offered: list[str]) -> str | None:
        """The subprotocol that a server is to accept."""
        return next((name for name in self.subprotocols if name in offered), None)


def report(**facts: Any) -> None:
    """Tell what came out.

    A server tells its `port` as soon as it can be connected to. When a connection has ended both
    tell its `code`, `reason` and `subprotocol`; a client that was refused tells the `status`.
    """
    print(json.dumps(facts), flush=True)
