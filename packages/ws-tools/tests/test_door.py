from __future__ import annotations

import subprocess
import sys

import ws_tools


def test_all_that_is_promised_is_there() -> None:
    assert {"heartbeat", "main", "make_certificates"} <= set(ws_tools.__all__)
    for name in ws_tools.__all__:
        assert hasattr(ws_tools, name)


def test_what_is_slow_to_import_is_not_imported_before_it_is_needed() -> None:
    program = (
        "import sys, ws_tools; print(sorted({'rich', 'trustme', 'cryptography'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"
