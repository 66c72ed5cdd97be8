from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio
from roles import ROLES, Job
from subjects import OURS, Subject, Tls
from verdict import Result, read_report

from ws_tools import make_certificates

SUITE = [sys.executable, str(Path(__file__).with_name("stand_in.py"))]
CASES = ["1.1.1", "1.1.2", "1.1.3"]  # the stand-in has no third one

FOUND = [
    Result("1.1.1", "OK", "OK"),
    Result("1.1.2", "FAILED", "OK"),
    Result("1.1.3", "MISSING", "MISSING"),
]
NOTHING = [Result(case, "MISSING", "MISSING") for case in CASES]


@dataclass(frozen=True)
class Script(Subject):
    """A subject whose server and client are a line of Python."""

    line: str = ""

    def server(self, tls: Tls | None) -> list[str]:
        return [sys.executable, "-c", self.line]

    def client(self, url: str, tls: Tls | None, first: int) -> list[str]:
        return [sys.executable, "-c", self.line]


def check(
    role: str,
    folder: Path,
    subject: Subject = OURS,
    *,
    tls: bool = False,
    deadline: float = 50,
) -> tuple[list[str], list[Result]]:
    files = None
    if tls:
        made = make_certificates(folder)
        files = Tls(Path(made.ca), Path(made.server), Path(made.server_key))
    job = Job(subject, SUITE, folder, CASES, files, deadline)
    return trio.run(ROLES[role], job), read_report(folder, CASES)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_ours_is_tested_and_what_the_suite_says_is_read(
    role: str, tls: bool, tmp_path: Path
) -> None:
    assert check(role, tmp_path, tls=tls) == ([], FOUND)


@pytest.mark.parametrize("role", ROLES)
def test_who_hangs_is_missing_after_the_deadline(role: str, tmp_path: Path) -> None:
    hanging = Script("hanging", "hanging", "", line="import time; time.sleep(100)")
    assert check(role, tmp_path, hanging, deadline=0.5) == (["not done after 0.5 s"], NOTHING)


def test_a_client_that_hangs_late_has_its_results_so_far(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class HangsLate(Subject):
        def client(self, url: str, tls: Tls | None, first: int) -> list[str]:
            here, case = str(Path(__file__).parent), f"{url}/runCase?case=1&agent=late"
            lines = [
                f"import sys; sys.path.append({here!r})",
                "import trio, echo_ours",
                "print('case 1', flush=True)",
                f"trio.run(echo_ours.echo, {case!r}, None)",
                "trio.run(trio.sleep_forever)",
            ]
            return [sys.executable, "-c", "\n".join(lines)]

    late = HangsLate("late", "late", "")
    troubles, results = check("client", tmp_path, late, deadline=8)
    assert troubles == ["not done after 8 s"]
    assert results == [FOUND[0], *NOTHING[1:]]


def test_a_server_that_does_not_start_is_missing(tmp_path: Path) -> None:
    broken = Script("broken", "broken", "", line="import sys; sys.exit('no port')")
    assert check("server", tmp_path, broken) == (["the server did not start"], NOTHING)
    assert "no port" in (tmp_path / "subject.log").read_text()


def test_a_client_that_does_not_start_is_missing(tmp_path: Path) -> None:
    broken = Script("broken", "broken", "", line="import sys; sys.exit(3)")
    assert check("client", tmp_path, broken) == (["ended with 3 at the start"], NOTHING)
