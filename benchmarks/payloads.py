"""What messages are made of."""

from __future__ import annotations

import json
import os
from random import Random

# So many that a window of 4 KiB has forgotten the first when it comes again.
_KINDS = 16
_CITIES = ("Amsterdam", "Berlin", "Lisbon", "Nairobi", "Osaka", "Quito", "Reykjavik", "Seoul")


def payloads(size: int, *, compressible: bool) -> list[bytes]:
    """Messages of so many bytes each, to be sent in turn: noise, or JSON."""
    return [_document(size, seed) for seed in range(_KINDS)] if compressible else [os.urandom(size)]


def _document(size: int, seed: int) -> bytes:
    """A list of records as programs send them; the same with each run."""
    random = Random(seed)  # noqa: S311 - nothing here is secret
    records, length = list[str](), len("[]")
    while True:
        record = json.dumps(
            {
                "id": random.randrange(10**9),
                "city": random.choice(_CITIES),
                "price": round(random.uniform(1, 1000), 2),
                "open": random.random() < 0.5,
                "seen": f"2026-11-{random.randint(1, 30):02}T{random.randrange(24):02}:00:00Z",
            }
        )
        length += len(record) + len(",")
        if length > size:
            return f"[{','.join(records)}]".ljust(size).encode()
        records.append(record)
