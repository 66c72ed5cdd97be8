"""Chromium, without a window: a page of it is the client.

We tell it so over its DevTools protocol, which is spoken with our own client.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import os
import re
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

import trio
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from task import Task, report

from trio_websocket import WebSocketConnection, open_websocket_url

HERE = Path(__file__).resolve().parent
FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)


def client(task: Task) -> None:
    """Connect once."""
    trio.run(_connect, task)


async def _connect(task: Task) -> None:
    profile = Path(task.folder) / "profile"
    command = [str(shutil.which("chromium")), *FLAGS, *_more_flags(task, profile)]
    # It writes here and there in its home.
    environment = {**os.environ, "HOME": task.folder, "TMPDIR": task.folder}
    run = partial(trio.run_process, command, stdout=DEVNULL, env=environment)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        async with open_websocket_url(await _address(profile)) as connection:
            report(**await _visit(DevTools(connection), task))
        nursery.cancel_scope.cancel()


def _more_flags(task: Task, profile: Path) -> Iterator[str]:
    yield f"--user-data-dir={profile}"
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        yield "--no-sandbox"  # which it can't have as root
    if task.ca:
        # It trusts this one key; everything else about certificates is checked as ever.
        yield f"--ignore-certificate-errors-spki-list={_key_hash(Path(task.certificate))}"


def _key_hash(certificate: Path) -> str:
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    info = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(info).digest()).decode()


async def _address(profile: Path) -> str:
    """Where the browser listens, once it does."""
    file = profile / "DevToolsActivePort"
    while True:
        if file.exists() and len(lines := file.read_text().split()) == 2:
            port, path = lines
            return f"ws://127.0.0.1:{port}{path}"
        await trio.sleep(0.02)


class DevTools:
    """The DevTools protocol: calls and their results, and the events that come meanwhile."""

    def __init__(self, connection: WebSocketConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count()
        self._session: dict[str, str] = {}
        self.events: list[dict[str, Any]] = []

    async def open_page(self) -> None:
        """Open an empty page; all calls from now on are about it."""
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call("Target.attachToTarget", flatten=True, **target)
        self._session = {"sessionId": attached["sessionId"]}

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method.

        Raises:
            RuntimeError: if the browser says that it went wrong.
        """
        number = next(self._numbers)
        order = {"id": number, "method": method, "params": parameters, **self._session}
        await self._connection.send_message(json.dumps(order))
        while (answer := json.loads(await self._connection.get_message())).get("id") != number:
            self.events.append(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result


async def _visit(browser: DevTools, task: Task) -> dict[str, Any]:
    """Let a page do the task; what it reports."""
    await browser.open_page()
    if task.behavior == "reject":
        await browser.call("Network.enable")
    function = (HERE / "browser.js").read_text(encoding="utf-8")
    outcome = await browser.call(
        "Runtime.evaluate",
        expression=f"({function})({task.to_json()})",
        awaitPromise=True,
        returnByValue=True,
    )
    facts: dict[str, Any] = outcome["result"]["value"]
    if task.behavior == "reject":
        # A page is not told why; the browser's developer tools are.
        facts["status"] = _status(browser.events)
    return facts


def _status(events: list[dict[str, Any]]) -> int | None:
    """The status of the server's answer, which the developer tools have in a text."""
    for event in events:
        if event["method"] == "Network.webSocketFrameError":
            found = re.search(r"response code: (\d+)", event["params"]["errorMessage"])
            return int(found[1]) if found else None
    return None
