"""Runs Autobahn's test suite against our server and our client, and fails on all that is not OK.

`python autobahn/run.py CASE ...` runs the cases and groups of cases that are named: 6.4.1, 6.4, 6,
`all`. `--of NAME` does the same with a peer, which may fail.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from subprocess import CalledProcessError
from time import monotonic

import record
import results
import trio
from record import Row, Run
from roles import ROLES, Job
from subjects import OTHERS, OURS, SUBJECTS, Subject, Tls
from verdict import ALL_CASES, cases_of, read_report, verdict
from wstest import WstestNotFoundError, find_wstest, suite_version

from ws_tools import make_certificates

HERE = Path(__file__).resolve().parent
REPORTS = HERE / "reports"
# All of them, one after the other.
PEERS = "peers"
# Seconds for one role; a slow one takes a third of this for all cases.
DEADLINE = 3600


def check(subject: Subject, role: str, options: argparse.Namespace) -> tuple[Run, str]:
    """Test a subject in a role, and read the report.

    Returns:
        How it went, and the version of the suite.
    """
    folder = REPORTS / subject.name / (f"{role}-tls" if options.tls else role)
    shutil.rmtree(folder, ignore_errors=True)  # an old report might hide that there is no new one
    folder.mkdir(parents=True)
    tls = make_tls(folder) if options.tls else None
    wstest = find_wstest(options.wstest, folder)
    job = Job(subject, wstest, folder, options.cases, tls, options.deadline)
    begin = monotonic()
    try:
        troubles = trio.run(ROLES[role], job)
    except ExceptionGroup as errors:
        failed, others = errors.split(CalledProcessError)
        if failed is None or others is not None:
            raise
        sys.stdout.write(job.log.read_text(errors="replace"))
        sys.exit(f"The {role} could not be tested: {failed.exceptions[0]}")
    run = Run(monotonic() - begin, read_report(folder, options.cases), troubles)
    return run, suite_version(job.log.read_text(errors="replace"))


def make_tls(folder: Path) -> Tls:
    """Make an authority, and a certificate for this machine."""
    made = make_certificates(folder)
    return Tls(Path(made.ca), Path(made.server), Path(made.server_key))


def check_often(subject: Subject, role: str, options: argparse.Namespace) -> int:
    """Test a subject in a role as often as the options say, and tell how it went.

    Returns:
        How much is not as it should be.
    """
    bad = 0
    runs = []
    for turn in range(1, options.times + 1):
        run, suite = check(subject, role, options)
        runs.append(run)
        over = " over TLS" if options.tls else ""
        turns = f", {turn} of {options.times}" if options.times > 1 else ""
        print(f"{subject.title}, as a {role}{over}{turns}, in {run.seconds:.0f} s:")
        print(verdict(run.results))
        for trouble in run.troubles:
            print(f"  {trouble}: see {REPORTS / subject.name}")
        sys.stdout.flush()
        bad += sum(not result.is_good for result in run.results) + len(run.troubles)
    if options.record:
        record.save(Row(subject.title, role, options.tls, suite, subject.versions(), runs))
        results.main()
    return bad


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Run Autobahn's test suite on trio-websocket.")
    parser.add_argument(
        "cases", metavar="CASE", nargs="+", help="cases or groups, like 6.4.1, 6.4, 6, short or all"
    )
    parser.add_argument("--of", choices=[*SUBJECTS, PEERS], default=OURS.name, help="whom to test")
    parser.add_argument("--role", choices=ROLES, help="only this one (default: both)")
    parser.add_argument("--tls", action="store_true", help="over TLS")
    parser.add_argument(
        "--times", type=int, choices=range(1, 100), default=1, metavar="N", help="how often"
    )
    parser.add_argument(
        "--deadline", type=float, default=DEADLINE, metavar="SECONDS", help="for one role"
    )
    parser.add_argument(
        "--record", action="store_true", help="write it to RESULTS.md; only with all cases"
    )
    parser.add_argument("--wstest", metavar="PATH", help="the suite's command, if not on the PATH")
    options = parser.parse_args(words)
    try:
        options.cases = cases_of(options.cases)
    except ValueError as error:
        parser.error(str(error))
    if options.record and len(options.cases) < len(ALL_CASES):
        parser.error("--record wants all cases")
    return options


def main() -> None:
    """Run what the command line asks for."""
    options = arguments()
    subjects = OTHERS if options.of == PEERS else [SUBJECTS[options.of]]
    bad = 0
    for subject in subjects:
        for role in [options.role] if options.role else ROLES:
            try:
                found = check_often(subject, role, options)
            except WstestNotFoundError as error:
                sys.exit(str(error))
            bad += found if subject is OURS else 0  # peers are only measured
    if bad:
        sys.exit(f"{bad} are not OK; the reports are in {REPORTS / OURS.name}")


if __name__ == "__main__":
    main()
