"""Prints in JSON which versions the Python that runs this has of what matters to the results."""

from __future__ import annotations

import json
import platform
import ssl
import zlib
from contextlib import suppress
from importlib import import_module

MODULES = ("trio_websocket", "ws_core", "websockets", "trio", "wsproto", "h11")


def versions() -> dict[str, str]:
    """The versions by name, and which form of our codec runs."""
    found = {platform.python_implementation(): platform.python_version()}
    for name in MODULES:
        with suppress(ImportError):
            found[name.replace("_", "-")] = import_module(name).__version__
    with suppress(ImportError, AttributeError):
        accelerated = import_module("ws_core").ACCELERATED
        found["codec"] = "accelerated" if accelerated else "in pure Python"
    found["zlib"] = zlib.ZLIB_RUNTIME_VERSION
    return found | {"TLS": ssl.OPENSSL_VERSION}


if __name__ == "__main__":
    print(json.dumps(versions()))
