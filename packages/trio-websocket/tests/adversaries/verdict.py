"""What is wrong with what was measured."""

from __future__ import annotations

from .script import Script
from .trial import Report
from .wire import MIB


def faults(script: Script, report: Report) -> list[str]:
    """Everything that is not as it should be; times on the clock don't count."""
    cpu = script.cpu + script.cpu_per_mib * report.wire / MIB
    found = {
        f"the outcome is {report.outcome!r}, not {script.expects!r}": (
            report.outcome != script.expects
        ),
        f"{report.tasks} tasks are left": report.tasks != 0,
        f"{report.descriptors} file descriptors are left": report.descriptors != 0,
        f"memory grew by {report.memory / MIB:.1f} MiB, more than {script.memory / MIB:.1f}": (
            report.memory > script.memory
        ),
        f"{report.cpu:.2f} s of processor time, more than {cpu:.2f}": report.cpu > cpu,
        f"it logged {report.logged}": len(report.logged) > script.logged,
        f"standard error says {report.errors}": report.errors != "",
        f"server and victim ended with {report.exits}": report.exits != (0, 0),
    }
    return [text for text, wrong in found.items() if wrong]
