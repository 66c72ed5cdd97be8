"""Which form of the codec runs: the accelerator, or the same in Python."""

from __future__ import annotations

import os
from contextlib import suppress

from ._pure import Payload, apply_mask, encode_frame, encode_header, new_key, take_messages

__all__ = [
    "ACCELERATED",
    "Payload",
    "apply_mask",
    "encode_frame",
    "encode_header",
    "new_key",
    "take_messages",
]

#: Whether the C accelerator is in use. It is built where a C compiler is found, and left unused
#: where the environment variable ``WS_CORE_PURE`` is set to anything but ``0``.
ACCELERATED = False

if os.environ.get("WS_CORE_PURE", "0") in ("", "0"):
    with suppress(ImportError):
        from ._accelerator import (  # type: ignore[assignment]  # the same, written in C
            Payload,
            apply_mask,
            encode_frame,
            forget_keys,
            take_messages,
        )

        ACCELERATED = True
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=forget_keys)
