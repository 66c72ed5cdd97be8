"""What websockets takes on Trio and asyncio alike."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from orders import LEVEL, MEMORY_LEVEL, WINDOW_BITS, Order
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)

_DEFLATE = {
    "server_max_window_bits": WINDOW_BITS,
    "client_max_window_bits": WINDOW_BITS,
    "compress_settings": {"level": LEVEL, "memLevel": MEMORY_LEVEL},
}


def server_arguments(order: Order) -> dict[str, Any]:
    """What `serve` takes."""
    arguments = _arguments(order, ServerPerMessageDeflateFactory)
    if order.measure == "crowd":
        # Alone of all it pings, and hangs up on a client that is busy connecting 10,000 others.
        arguments["ping_interval"] = None
    return arguments


def client_arguments(order: Order) -> dict[str, Any]:
    """What `connect` takes."""
    return _arguments(order, ClientPerMessageDeflateFactory)


def accelerated() -> bool:
    """Whether it has its C."""
    return find_spec("websockets.speedups") is not None


def _arguments(order: Order, deflate: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {"compression": None}
    if order.large:
        arguments["max_size"] = None
    if order.deflate:
        arguments["extensions"] = [deflate(**_DEFLATE)]
    return arguments
