"""Lets our client and our server meet those of others, and prints who understood whom.

`python matrix.py` exits with 1 if anything FAILED. What is not installed is not run, and counts for
nothing; with `--complete` it is a failure too.
"""

from __future__ import annotations

import argparse
import platform
import ssl
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count as numbers
from pathlib import Path
from tempfile import TemporaryDirectory

import trio
from counterparts import COUNTERPARTS, Counterpart, NotInstalledError, Program
from failure import WrongAnswer
from meeting import Meeting
from outcomes import FAILED, IMPOSSIBLE, NOT_RUN, OK, Footnotes, Outcome, count, table
from scenarios import SCENARIOS, Scenario

import trio_websocket
from ws_tools import Certificates, make_certificates

# Seconds; a browser on a busy machine takes some to start.
DEADLINE = 30
# How many cells at the same time.
AT_ONCE = 2
CORNERS = {"server": "their server, our client", "client": "their client, our server"}


@dataclass(frozen=True)
class Cell:
    """Where an outcome stands."""

    role: str
    name: str
    title: str


Found = Mapping[str, Program | str]
Outcomes = Mapping[Cell, Outcome]


def find(counterparts: Sequence[Counterpart]) -> Found:
    """What runs each counterpart, or why it is not run."""
    found: dict[str, Program | str] = {}
    for counterpart in counterparts:
        try:
            found[counterpart.name] = counterpart.find()
        except NotInstalledError as error:
            found[counterpart.name] = f"not run: {error}"
    return found


class Matrix:
    """All meetings.

    Args:
        found: See `find`.
        folder: For what they write.
        deadline: Seconds that a cell may take, the start of the peer included.
    """

    def __init__(self, found: Found, folder: Path, deadline: float = DEADLINE) -> None:
        self._found = found
        self._folder = folder
        self._deadline = deadline
        self._certificates: Certificates = make_certificates(folder / "certificates")
        self._numbers = numbers()
        self._limit = trio.CapacityLimiter(AT_ONCE)
        self._outcomes: dict[Cell, Outcome] = {}

    async def run(
        self, counterparts: Sequence[Counterpart], scenarios: Sequence[Scenario]
    ) -> Outcomes:
        """Let them all meet."""
        async with trio.open_nursery() as nursery:
            for counterpart in counterparts:
                for role in counterpart.roles:
                    for scenario in scenarios:
                        nursery.start_soon(self._fill, counterpart, role, scenario)
        return self._outcomes

    async def _fill(self, counterpart: Counterpart, role: str, scenario: Scenario) -> None:
        cell = Cell(role, counterpart.name, scenario.title)
        program = self._found[counterpart.name]
        if isinstance(program, str):
            outcome = Outcome(NOT_RUN, program)
        elif scenario.title in counterpart.cannot:
            outcome = Outcome(IMPOSSIBLE, counterpart.cannot[scenario.title])
        else:
            async with self._limit:
                outcome = await self._meet(counterpart, program, role, scenario)
            show(f"{cell.name} as a {role}, {cell.title}: {outcome.verdict}")
        self._outcomes[cell] = outcome

    async def _meet(
        self, counterpart: Counterpart, program: Program, role: str, scenario: Scenario
    ) -> Outcome:
        folder = self._folder / str(next(self._numbers))
        folder.mkdir()
        scenario = counterpart.instead.get(scenario.title, scenario)
        meeting = Meeting(counterpart, program, scenario, self._certificates, folder)
        try:
            with trio.fail_after(self._deadline):
                await (meeting.with_server if role == "server" else meeting.with_client)()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a failure
            return Outcome(FAILED, explain(error, meeting.log))
        return Outcome(OK, counterpart.notes.get(scenario.title, ""))


def explain(error: Exception, log: Path) -> str:
    """What went wrong, in a line; and what the peer wrote to its standard error."""
    reasons = "; ".join(map(_reason, leaves(error)))
    words = log.read_text(errors="replace").strip().splitlines()[-5:] if log.exists() else []
    return "\n    ".join([reasons, *words])


def _reason(error: Exception) -> str:
    match error:
        case WrongAnswer():
            return str(error)
        case trio.TooSlowError():
            return "not done in time"
    return repr(error)


def leaves(error: Exception) -> Iterator[Exception]:
    """What is in a group."""
    if isinstance(error, ExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error


def show(progress: str) -> None:
    """Say what was done last, on a terminal, in the place of what was said before."""
    if sys.stderr.isatty():
        print(f"\r{progress}\x1b[K", end="", file=sys.stderr, flush=True)


def tell(found: Found, outcomes: Outcomes, titles: Sequence[str]) -> None:
    """Print the tables, and all that belongs to them."""
    footnotes = Footnotes()
    for role, corner in CORNERS.items():
        names = [name for name in found if Cell(role, name, titles[0]) in outcomes]
        rows = {name: [outcomes[Cell(role, name, title)] for title in titles] for name in names}
        if rows:
            print("\n".join(table(corner, titles, rows, footnotes)), end="\n\n")
    if footnotes.lines:
        print("\n".join(footnotes.lines), end="\n\n")
    for name, program in found.items():
        print(f"- {name}: {program if isinstance(program, str) else program.version}")
    ours = f"trio-websocket {trio_websocket.__version__}, trio {trio.__version__}"
    print(f"- ours: {ours}, Python {platform.python_version()}, {ssl.OPENSSL_VERSION}")
    print(f"\n{count(list(outcomes.values()))}")


def is_bad(outcomes: Outcomes, *, complete: bool) -> bool:
    """Whether it all has failed; if it is to be complete, also by what was not run."""
    bad = {FAILED, NOT_RUN} if complete else {FAILED}
    return any(outcome.verdict in bad for outcome in outcomes.values())


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Let trio-websocket meet other WebSockets.")
    names = [counterpart.name for counterpart in COUNTERPARTS]
    titles = [scenario.title for scenario in SCENARIOS]
    parser.add_argument("--peer", nargs="+", choices=names, default=names, help="only these")
    parser.add_argument("--scenario", nargs="+", choices=titles, default=titles, help="only these")
    parser.add_argument(
        "--complete", action="store_true", help="fail also if something is not installed"
    )
    return parser.parse_args()


def main() -> None:
    """Run what the command line asks for."""
    options = arguments()
    counterparts = [peer for peer in COUNTERPARTS if peer.name in options.peer]
    scenarios = [scenario for scenario in SCENARIOS if scenario.title in options.scenario]
    found = find(counterparts)
    # Browsers may write yet while they die.
    with TemporaryDirectory(prefix="interop-", ignore_cleanup_errors=True) as folder:
        try:
            outcomes = trio.run(Matrix(found, Path(folder)).run, counterparts, scenarios)
        except* KeyboardInterrupt:
            sys.exit("interrupted")
    show("")
    tell(found, outcomes, [scenario.title for scenario in scenarios])
    sys.exit(is_bad(outcomes, complete=options.complete))


if __name__ == "__main__":
    main()
