"""One cell of the table: a peer in a process of its own, and ours here."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import trio
from counterparts import Counterpart, Program
from failure import WrongAnswer, expect
from peer_process import PeerProcess, started
from scenarios import CHOSEN, THEIR_CLOSE, Scenario
from tap import tapped
from task import MAX_SIZE, Task
from wire import Direction, Wire

from trio_websocket import (
    CloseCode,
    CloseReason,
    ConnectionRejected,
    WebSocketRequest,
    WebSocketServer,
    open_websocket_url,
    serve_websocket,
)
from ws_tools import Certificates


@dataclass(frozen=True)
class Meeting:
    """Who meets, and for what.

    Attributes:
        counterpart: The peer.
        program: What runs it.
        folder: For what it writes.
    """

    counterpart: Counterpart
    program: Program
    scenario: Scenario
    certificates: Certificates
    folder: Path

    @property
    def log(self) -> Path:
        """What the peer wrote to its standard error."""
        return self.folder / "stderr.txt"

    async def with_server(self) -> None:
        """Our client goes to the peer."""
        offers = self.scenario.subprotocols
        task = self._task("server", subprotocols=(CHOSEN,) if offers else ())
        async with self._peer(task) as peer:
            async with self._path((await peer.report())["port"]) as (port, wire):
                answer = await self._visit(port)
            if answer is not None:
                facts = await peer.report()
                if not self.counterpart.tells_its_end:
                    facts |= {"code": answer.code, "reason": answer.reason}
                self._judge(facts)
            self._prove(wire, wire.by_server)

    async def with_client(self) -> None:
        """The peer comes to our server."""
        answer = partial(serve_websocket, max_message_size=MAX_SIZE, compression=self._compression)
        async with trio.open_nursery() as nursery:
            server: WebSocketServer = await nursery.start(
                answer, self._receive, "127.0.0.1", 0, self._server_context
            )
            async with self._path(server.port) as (port, wire):
                task = self._task("client", subprotocols=self.scenario.subprotocols, port=port)
                async with self._peer(task) as peer:
                    self._judge(await peer.report())
                    await peer.ended()
            self._prove(wire, wire.by_client)
            nursery.cancel_scope.cancel()

    # Our side.

    async def _visit(self, port: int) -> CloseReason | None:
        """Be the client; how the connection was closed, None if there was none."""
        try:
            async with open_websocket_url(
                self._url(port),
                self._client_context,
                subprotocols=self.scenario.subprotocols,
                max_message_size=MAX_SIZE,
                compression=self._compression,
            ) as connection:
                expect(self.scenario.behavior != "reject", "the server accepted")
                await self.scenario.talk(connection)
        except ConnectionRejected as error:
            if self.scenario.behavior != "reject":
                raise
            expect(error.status_code == 403, f"the server answered {error.status_code}")
            return None
        return connection.closed

    async def _receive(self, request: WebSocketRequest) -> None:
        """Be the server, for one connection."""
        if self.scenario.behavior == "reject":
            await request.reject(403)
            return
        offered = request.proposed_subprotocols
        expect(offered == self.scenario.subprotocols, f"the client offered {offered}")
        connection = await request.accept(subprotocol=CHOSEN if offered else None)
        await self.scenario.talk(connection)

    @property
    def _compression(self) -> Literal["deflate"] | None:
        return "deflate" if self.scenario.compress else None

    @property
    def _client_context(self) -> ssl.SSLContext | None:
        return (
            ssl.create_default_context(cafile=self.certificates.ca) if self.scenario.tls else None
        )

    @property
    def _server_context(self) -> ssl.SSLContext | None:
        if not self.scenario.tls:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificates.server, self.certificates.server_key)
        return context

    # The peer's side.

    @asynccontextmanager
    async def _peer(self, task: Task) -> AsyncIterator[PeerProcess]:
        command = (*self.program.command, task.to_json())
        async with started(command, self.program.environment, self.log) as peer:
            yield peer

    @asynccontextmanager
    async def _path(self, port: int) -> AsyncIterator[tuple[int, Wire]]:
        """Where to connect to, so that it leads to `port`; through a tap if there is a need."""
        if self.scenario.prove is None:
            yield port, Wire()
        else:
            async with tapped(port) as way:
                yield way

    def _task(self, role: str, *, subprotocols: tuple[str, ...], port: int = 0) -> Task:
        code, reason = THEIR_CLOSE
        files = self.certificates
        return Task(
            role=role,
            behavior=self.scenario.behavior,
            close_code=code,
            close_reason=reason,
            folder=str(self.folder),
            url=self._url(port),
            compress=self.scenario.compress,
            subprotocols=subprotocols,
            ca=str(files.ca) if self.scenario.tls else "",
            certificate=str(files.server) if self.scenario.tls else "",
            key=str(files.server_key) if self.scenario.tls else "",
        )

    def _url(self, port: int) -> str:
        return f"{'wss' if self.scenario.tls else 'ws'}://127.0.0.1:{port}/"

    def _judge(self, facts: dict[str, Any]) -> None:
        """Hold what the peer tells against what must be.

        Raises:
            WrongAnswer: if it is something else.
        """
        if self.scenario.behavior == "reject":
            expect(facts.get("status") == 403, f"the peer was told {facts}")
            return
        if "code" not in facts:
            raise WrongAnswer(f"the peer got no connection: {facts}")
        chosen = CHOSEN if self.scenario.subprotocols else None
        expect((facts["subprotocol"] or None) == chosen, f"the peer agreed on {facts}")
        got = facts["code"], facts["reason"] or ""
        if self.scenario.close is None:
            # Some tell what they said, some what we answered, some nothing; all know an answer.
            expect(got[0] != CloseCode.ABNORMAL_CLOSURE, "the peer got no answer to its close")
        else:
            expect(got == self.scenario.close, f"the peer was closed with {got}")

    def _prove(self, wire: Wire, by_peer: Direction) -> None:
        if self.scenario.prove is not None:
            self.scenario.prove(self.scenario.messages, wire, by_peer)
