"""Measures one library, in an environment where that one is installed.

Started as `python worker.py MODULE`. It first writes what it runs on, as an object in JSON. Each
line that it then reads is an `orders.Order`; it answers with a line, the rate.
"""

from __future__ import annotations

import faulthandler
import json
import platform
import ssl
import sys
import zlib
from dataclasses import replace
from functools import partial
from importlib import import_module
from importlib.metadata import distributions

from crowds import CROWDS
from crowds import measure as measure_crowd
from measures import MEASURES
from orders import Order

# Seconds for one order. The longest, 10,000 connections, takes a tenth of it.
_DEADLINE = 200
_OF_THE_ENVIRONMENT = {"pip", "setuptools"}


def about(module: str) -> dict[str, str | bool | None]:
    """The versions of all that is installed here, and whether the library's C runs.

    Args:
        module: The module that knows the library.
    """
    found: dict[str, str | bool | None] = {
        "accelerated": getattr(import_module(module), "accelerated", lambda: None)(),
        platform.python_implementation(): platform.python_version(),
        "OpenSSL": ssl.OPENSSL_VERSION.removeprefix("OpenSSL "),
        "zlib": zlib.ZLIB_RUNTIME_VERSION,
    }
    installed = {d.name: d.version for d in distributions()}
    found |= {name: installed[name] for name in sorted(installed.keys() - _OF_THE_ENVIRONMENT)}
    for name in ("trio_websocket", "ws_core"):
        if name in sys.modules:  # what an editable install says of itself may be old
            found[name.replace("_", "-")] = sys.modules[name].__version__
    return found


def rate(module: str, order: Order) -> float:
    """Measure a library.

    Args:
        module: The module that knows the library.
        order: What to measure.
    """
    contender = import_module(module)
    if order.measure in CROWDS:
        return measure_crowd(module, order, handshake=getattr(contender, "HANDSHAKE", True))
    measure = MEASURES[order.measure]
    if not order.large:  # to get warm
        contender.run(partial(measure, contender, replace(order, seconds=order.seconds / 5)))
    measured: float = contender.run(partial(measure, contender, order))
    return measured


def main() -> None:
    """Do what is ordered, until there is nothing more."""
    module = sys.argv[1]
    print(json.dumps(about(module)), flush=True)
    for line in sys.stdin:
        # A library that hangs has to be found out.
        faulthandler.dump_traceback_later(_DEADLINE, exit=True)
        print(rate(module, Order.loads(line)), flush=True)
        faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    main()
