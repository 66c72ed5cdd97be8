"""All scripts: each theme adds its own when it is imported."""

from __future__ import annotations

from . import (
    scripts_admission,
    scripts_closing,
    scripts_compression,
    scripts_frames,
    scripts_handshake,
    scripts_resources,
    scripts_size,
    scripts_time,
    scripts_tls,
)
from .script import SCRIPTS

__all__ = ["SCRIPTS", "THEMES"]

THEMES = (
    scripts_admission,
    scripts_closing,
    scripts_compression,
    scripts_frames,
    scripts_handshake,
    scripts_resources,
    scripts_size,
    scripts_time,
    scripts_tls,
)
