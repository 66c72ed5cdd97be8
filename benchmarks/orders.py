"""What a worker is asked to measure, as it goes through a pipe in JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

#: Bytes. Every library takes messages of this size; larger ones want its limit lifted.
USUAL_LIMIT = 2**20
#: How all compress that can be told: zlib's window in bits, its level, and its memory level.
WINDOW_BITS, LEVEL, MEMORY_LEVEL = 12, 6, 5


@dataclass(frozen=True)
class Order:
    """One measurement.

    Attributes:
        measure: Its name in `measures.MEASURES` or `crowds.CROWDS`.
        seconds: How long it is to take, at least.
        size: Bytes of a message.
        count: How many connections, or how many fragments.
        tls: The folder with the certificates if it goes over TLS.
        deflate: Whether messages are compressed, and are JSON so that this is worth it.
        core: Where the server runs if it has a process of its own; None for anywhere.
    """

    measure: str
    seconds: float
    size: int = 32
    count: int = 1
    tls: str | None = None
    deflate: bool = False
    core: int | None = None

    @property
    def large(self) -> bool:
        """Whether limits on messages have to be lifted."""
        return self.size > USUAL_LIMIT

    def dumps(self) -> str:
        """A line for a pipe, or a word for a command."""
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> Order:
        """What `dumps` made."""
        return cls(**json.loads(text))
