"""asyncio, or uvloop in environments that have it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

try:
    from uvloop import run as _run
except ImportError:
    _run = asyncio.run


def run(measure: Callable[[], Awaitable[float]]) -> float:
    """See `measures.Contender`."""

    async def main() -> float:
        return await measure()

    rate: float = _run(main())
    return rate


async def forever() -> None:
    """See `measures.Contender`."""
    await asyncio.Event().wait()
