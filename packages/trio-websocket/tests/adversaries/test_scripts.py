"""Every script against a server: it stays alive, and the adversary gets what it deserves."""

from __future__ import annotations

import pytest

from .catalogue import SCRIPTS
from .script import Script
from .trial import MEASURABLE, run
from .verdict import faults

pytestmark = pytest.mark.skipif(not MEASURABLE, reason="the server measures itself in /proc")


@pytest.mark.parametrize(
    "script", [pytest.param(script, id=name.replace(" ", "-")) for name, script in SCRIPTS.items()]
)
async def test_server_survives(script: Script) -> None:
    report = await run(script)
    assert not faults(script, report), report
