"""Lets the suite test a subject, in one role."""

from __future__ import annotations

import json
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from subprocess import PIPE, STDOUT
from typing import Any

import library
import trio
from client import FuzzingServer
from library import HOST
from subjects import Subject, Tls
from visit import patience, visit

from trio_websocket import HandshakeError

HERE = Path(__file__).resolve().parent
# Seconds until wstest listens; Docker may have to fetch its image first.
START_TIMEOUT = 300
# Seconds for wstest to write its report, when the client did not stay to ask for it.
REPORT_TIMEOUT = 120


@dataclass(frozen=True)
class Job:
    """What one role is to be tested with.

    Attributes:
        subject: Who.
        wstest: The command, without its arguments.
        folder: Where the specification, the logs and the report go.
        cases: The ids.
        tls: None for plain connections.
        deadline: Seconds for the whole of it; what has no result by then is missing.
        limit: Seconds for a case, as a client; then the next one has its turn.
    """

    subject: Subject
    wstest: list[str]
    folder: Path
    cases: list[str]
    tls: Tls | None
    deadline: float
    limit: Callable[[str], float] = patience

    def suite(self, mode: str, *arguments: str, **changes: Any) -> list[str]:
        """The command that runs wstest in a mode, to the specification beside this file."""
        specification = json.loads((HERE / f"{mode}.json").read_text(encoding="utf-8"))
        specification |= {"outdir": str(self.folder), "cases": self.cases, **changes}
        path = self.folder / f"{mode}.json"
        path.write_text(json.dumps(specification, indent=2))
        return [*self.wstest, "--mode", mode, *arguments, "--spec", str(path)]

    @property
    def log(self) -> Path:
        """What wstest says while it runs."""
        return self.folder / "wstest.log"

    @property
    def own_log(self) -> Path:
        """What the subject says while it runs."""
        return self.folder / "subject.log"


async def check_server(job: Job) -> list[str]:
    """Let the suite's client visit the subject's server.

    Returns:
        What went wrong around the cases.
    """
    command = job.subject.server(job.tls)
    with job.log.open("wb") as log, job.own_log.open("wb") as own_log:
        # If it dies, the cases tell.
        serve = partial(trio.run_process, command, stdout=PIPE, stderr=own_log, check=False)
        async with trio.open_nursery() as nursery:
            with trio.move_on_after(job.deadline) as limit:
                server: trio.Process = await nursery.start(serve)
                assert server.stdout is not None
                url = (await server.stdout.receive_some()).decode().strip()
                if url:
                    servers = [{"agent": job.subject.title, "url": url}]
                    suite = job.suite("fuzzingclient", servers=servers)
                    await trio.run_process(suite, stdout=log, stderr=STDOUT)
            nursery.cancel_scope.cancel()
    if limit.cancelled_caught:
        return [f"not done after {job.deadline:g} s"]
    return [] if url else ["the server did not start"]


async def check_client(job: Job) -> list[str]:
    """Let the subject's client visit the suite's server.

    Returns:
        What went wrong around the cases.
    """
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    url = f"{'wss' if job.tls else 'ws'}://{HOST}:{port}"
    # The suite ignores the arguments that it has for these two.
    files = {"cert": str(job.tls.certificate), "key": str(job.tls.key)} if job.tls else {}
    suite = job.suite("fuzzingserver", "--webport", "0", url=url, **files)
    command = partial(job.subject.client, url, job.tls)
    troubles: list[str] = []
    with job.log.open("wb") as log, job.own_log.open("wb") as own_log:
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(trio.run_process, suite, stdout=log, stderr=STDOUT))
            await until_listening(port)
            with trio.move_on_after(job.deadline) as limit:
                await visit(command, job.cases, job.limit, own_log, troubles)
            await until_reported(job, url)
            nursery.cancel_scope.cancel()
    if limit.cancelled_caught:
        troubles.append(f"not done after {job.deadline:g} s")
    return troubles


async def until_listening(port: int) -> None:
    """Wait until something listens on a port of this machine."""
    with trio.fail_after(START_TIMEOUT):
        while True:
            try:
                stream = await trio.open_tcp_stream(HOST, port)
            except OSError:
                await trio.sleep(0.1)
            else:
                await stream.aclose()
                return


async def until_reported(job: Job, url: str) -> None:
    """Have the suite's server write its report, if nobody asked it to."""
    if (job.folder / "index.json").exists():
        return
    context = job.tls.trust() if job.tls else None
    # Without a report all is missing, and that is said.
    with trio.move_on_after(REPORT_TIMEOUT), suppress(HandshakeError):
        await FuzzingServer(url, library.load(library.OURS), context).write_report()


ROLES: dict[str, Callable[[Job], Awaitable[list[str]]]] = {
    "server": check_server,
    "client": check_client,
}
