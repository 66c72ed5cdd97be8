"""The forms of the codec: the one in Python, and the accelerator if it was built."""

from __future__ import annotations

from types import ModuleType

import pytest

from ws_core import _pure

FORMS: dict[str, ModuleType] = {"pure": _pure}
try:
    from ws_core import _accelerator
except ImportError:
    pass
else:
    FORMS["accelerated"] = _accelerator

on_both_forms = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
