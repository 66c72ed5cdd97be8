"""websocket-client, which blocks."""

from __future__ import annotations

import struct

import websocket
from fragments import cut
from task import Task, report
from websocket import ABNF


def client(task: Task) -> None:
    """Connect once."""
    try:
        connection = websocket.create_connection(
            task.url,
            subprotocols=list(task.subprotocols) or None,
            sslopt={"ca_certs": task.ca} if task.ca else None,
        )
    except websocket.WebSocketBadStatusException as error:
        report(status=error.status_code)
        return
    if task.behavior == "close":
        connection.close(task.close_code, task.close_reason.encode())
        report(code=None, reason=None, subprotocol=connection.subprotocol)
    else:
        _talk(connection, task)


def _talk(connection: websocket.WebSocket, task: Task) -> None:
    """Do as we are told until the connection is closed, and tell how it ended."""
    while True:
        opcode, payload = connection.recv_data(control_frame=True)
        if opcode == ABNF.OPCODE_CLOSE:
            (code,) = struct.unpack("!H", payload[:2])
            reason = payload[2:].decode()
            report(code=code, reason=reason, subprotocol=connection.subprotocol)
            return
        if opcode in (ABNF.OPCODE_TEXT, ABNF.OPCODE_BINARY):
            _send_back(connection, opcode, payload, is_cut=task.behavior == "fragment")


def _send_back(
    connection: websocket.WebSocket, opcode: int, payload: bytes, *, is_cut: bool
) -> None:
    if not is_cut:
        connection.send(payload, opcode)
        return
    first, second, third = cut(payload)
    connection.send_frame(ABNF.create_frame(first, opcode, 0))
    connection.ping()
    connection.send_frame(ABNF.create_frame(second, ABNF.OPCODE_CONT, 0))
    connection.send_frame(ABNF.create_frame(third, ABNF.OPCODE_CONT, 1))
