"""`python -O` leaves assert statements out: none of them may be what stops a peer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).with_name("bad_inputs.py")


def test_bad_inputs_end_the_same_way_without_asserts() -> None:
    programs = [
        subprocess.Popen(
            [sys.executable, *options, PROGRAM, "1500"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for options in ([], ["-O"])
    ]
    (usual, errors), (optimized, more_errors) = [program.communicate() for program in programs]
    assert (errors, more_errors) == (b"", b"")
    assert optimized == usual
    assert usual.count(b"\n") == 6000
    for ending in (b"HTTP/1.1 101", b"HTTP/1.1 400", b"HandshakeFailed", b"Accepted"):
        assert usual.count(ending) > 100
    for code in (1002, 1007):
        assert usual.count(b"code=%d" % code) > 100
