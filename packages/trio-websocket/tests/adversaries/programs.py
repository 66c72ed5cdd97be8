"""Programs of ours in processes of their own: the server and its victim."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

import trio
import trustme

from .echo_server import Figures

_HERE = Path(__file__).parent
# Seconds for what should take no time at all.
PATIENCE = 20


class ProgramEnded(Exception):
    """It did not answer; what it wrote to standard error says why."""


class Program:
    """A Python program that answers a line with a line of JSON."""

    def __init__(self, process: trio.Process, errors: IO[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._input, self._output = process.stdin, process.stdout
        self._errors = errors
        self._rest = b""

    async def answer(self) -> Any:
        """The next line."""
        with trio.fail_after(PATIENCE):
            while b"\n" not in self._rest:
                data = await self._output.receive_some()
                if not data:
                    raise ProgramEnded(self.errors())
                self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return json.loads(line)

    async def ask(self, question: str) -> Any:
        """Write a line, and read the answer."""
        try:
            await self._input.send_all(question.encode() + b"\n")
        except trio.BrokenResourceError:
            raise ProgramEnded(self.errors()) from None
        return await self.answer()

    def errors(self) -> str:
        """What it has written to standard error so far."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")

    async def end(self) -> int:
        """End its standard input, and wait for its exit code."""
        await self._input.aclose()
        with trio.fail_after(PATIENCE):
            return await self._process.wait()

    async def kill(self) -> None:
        """Whatever it is doing, have done with it."""
        with trio.CancelScope(shield=True):
            self._process.kill()
            await self._process.wait()
            await self._input.aclose()
            await self._output.aclose()


def _untraced() -> dict[str, str]:
    """Our environment without coverage's: what is measured here must not be slowed by measuring."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


@asynccontextmanager
async def program(name: str, *arguments: str) -> AsyncIterator[Program]:
    """Run a program of this folder; warnings are errors there."""
    with tempfile.TemporaryFile() as errors:
        started = await trio.lowlevel.open_process(
            [sys.executable, "-W", "error", str(_HERE / name), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=_untraced(),
        )
        running = Program(started, errors)
        try:
            yield running
        except BaseException as error:
            error.add_note(f"{name} wrote to standard error: {running.errors() or 'nothing'}")
            raise
        finally:
            await running.kill()  # noqa: ASYNC102 - it has a shield


@cache
def authority() -> trustme.CA:
    """Who vouches for a server that speaks TLS."""
    return trustme.CA()


@dataclass(frozen=True, slots=True)
class Server:
    """A server that is running.

    Attributes:
        port: Its TCP port on 127.0.0.1.
        context: What a client speaks TLS with, or None.
    """

    program: Program
    port: int
    context: ssl.SSLContext | None

    async def figures(self, order: str = "") -> Figures:
        """How the server is, once it has obeyed: "reset" its peak, or "go" on with accepting."""
        return Figures(**await self.program.ask(order))


@asynccontextmanager
async def running_server(
    settings: Mapping[str, Any], *, tls: bool, descriptors: int | None
) -> AsyncIterator[Server]:
    """A fresh server; see `echo_server.main`."""
    context = None
    with tempfile.NamedTemporaryFile() as certificate:
        if tls:
            pem = authority().issue_cert("localhost").private_key_and_cert_chain_pem
            certificate.write(pem.bytes())
            certificate.flush()
            context = ssl.create_default_context()
            authority().configure_trust(context)
        arguments = {
            "settings": dict(settings),
            "certificate": certificate.name if tls else None,
            "descriptors": descriptors,
        }
        async with program("echo_server.py", json.dumps(arguments)) as running:
            yield Server(running, await running.answer(), context)


@asynccontextmanager
async def running_victim(server: Server) -> AsyncIterator[Program]:
    """A client of that server which has had its first echo."""
    with tempfile.NamedTemporaryFile() as certificate:
        arguments = [str(server.port)]
        if server.context is not None:
            certificate.write(authority().cert_pem.bytes())
            certificate.flush()
            arguments.append(certificate.name)
        async with program("victim.py", *arguments) as running:
            await running.answer()
            yield running
