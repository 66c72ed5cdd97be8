import gc
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_trio.enable_trio_mode import *  # noqa: F403 - that is how pytest-trio is switched on

# A shell makes what it starts in the background ignore Ctrl-C, which tests press.
signal.signal(signal.SIGINT, signal.default_int_handler)

_DESCRIPTORS = Path("/proc/self/fd")


@pytest.fixture(autouse=True)
def nothing_leaks() -> Iterator[None]:
    """No descriptor stays open; what the collector warns of is an error as all warnings are."""
    before = _descriptors()
    yield
    gc.collect()
    gc.freeze()  # what is left now need not be looked at again after each later test
    after = _descriptors()
    assert after <= before, f"{after - before} file descriptors were left open"


def _descriptors() -> int:
    return len(list(_DESCRIPTORS.iterdir())) if _DESCRIPTORS.exists() else 0
