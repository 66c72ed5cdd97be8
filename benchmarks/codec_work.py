"""Work for ws-core alone, to be counted: `python codec_work.py NAME ...`.

Everything that varies from run to run is kept out: there is no clock, no I/O, no noise, and the
garbage collector sleeps. To start Python takes long under valgrind, so that is done once: each work
is done in forks, one after the other, and a line for each of them tells its name, how often it did
it, and its process id.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable

from ws_core import NEED_DATA, PIECE, Connection, Deflate, Event, Pause, Role

Work = Callable[[], None]

KIB, MIB = 2**10, 2**20
_JSON = json.dumps([{"id": number, "name": f"name {number}"} for number in range(40)])
# RFC 6455 section 5.7: the masking key of its examples.
_MASK = b"\x37\xfa\x21\x3d"


def pair(deflate: Deflate | None = None) -> tuple[Connection, Connection]:
    """A client and a server that are connected to each other."""
    client = Connection(Role.CLIENT, deflate=deflate)
    server = Connection(Role.SERVER, deflate=deflate)
    client.request("example.com", "/chat")
    move(client, server)
    server.next_event()
    server.accept()
    move(server, client)
    client.next_event()
    return client, server


def move(sender: Connection, receiver: Connection) -> None:
    """Carry what one end has said to the other."""
    while buffers := sender.outgoing.peek(MIB):
        for buffer in buffers:
            receive(receiver, buffer)
        sender.written(sum(map(len, buffers)))


def receive(end: Connection, data: bytes | memoryview) -> None:
    """Give bytes to an end, as a transport does: straight to where it wants them, if it does."""
    left = memoryview(data)
    while left:
        room = end.get_buffer()
        if room is None:
            end.receive_data(left)
            return
        with room:
            count = min(len(room), len(left))
            room[:count] = left[:count]
        end.buffer_updated(count)
        left = left[count:]
        assert end.next_event() is NEED_DATA or not left


def take(end: Connection) -> Event | Pause:
    """The next event, whatever pieces come before it."""
    while (event := end.next_event()) is PIECE:
        pass
    return event


def echo(message: str | bytes, deflate: Deflate | None = None) -> Work:
    """A message to the server and back."""
    client, server = pair(deflate)

    def work() -> None:
        client.send_message(message)
        move(client, server)
        heard = take(server)
        assert isinstance(heard, str | bytes)
        server.send_message(heard)
        move(server, client)
        assert take(client) == message

    return work


def incoming(frames: bytes, events: int) -> Work:
    """Frames that a server reads at once."""
    _, server = pair()

    def work() -> None:
        server.receive_data(frames)
        for _ in range(events):
            assert server.next_event() is not NEED_DATA
        assert server.next_event() is NEED_DATA
        if buffers := server.outgoing.peek(MIB):
            server.written(sum(map(len, buffers)))

    return work


def frame(first: int, payload: bytes = b"") -> bytes:
    """A short masked frame."""
    masked = bytes(byte ^ _MASK[at % 4] for at, byte in enumerate(payload))
    return bytes((first, 0x80 | len(payload))) + _MASK + masked


def opening() -> None:
    """An opening handshake, a close and its answer."""
    client, server = pair()
    client.close()
    move(client, server)
    server.next_event()
    move(server, client)
    client.next_event()


# What is counted, and how often it is done for that.
WORK: dict[str, tuple[Callable[[], Work], int]] = {
    "echo of 32 B": (lambda: echo(b"x" * 32), 200),
    "echo of 32 characters": (lambda: echo("x" * 32), 200),
    "echo of 4 KiB": (lambda: echo(b"x" * 4 * KIB), 100),
    "echo of 64 KiB": (lambda: echo(b"x" * 64 * KIB), 20),
    "echo of 1 MiB": (lambda: echo(b"x" * MIB), 3),
    "100 messages in one read": (lambda: incoming(frame(0x82, b"x" * 32) * 100, 100), 20),
    "message in 100 fragments": (
        lambda: incoming(frame(0x02, b"x") + frame(0x00, b"x") * 98 + frame(0x80, b"x"), 100),
        20,
    ),
    "100 pings in one read": (lambda: incoming(frame(0x89, b"ping") * 100, 100), 20),
    "echo of JSON, compressed": (lambda: echo(_JSON, Deflate()), 20),
    "opening and closing": (lambda: opening, 20),
}


def main() -> None:
    """Do some of it."""
    for name in sys.argv[1:]:
        make, times = WORK[name]
        work = make()
        work()
        gc.disable()
        # Each fork begins with all that came before it: what that grows by cancels out.
        for factor in (1, 2, 1):
            if not (child := os.fork()):
                for _ in range(times * factor):
                    work()
                os._exit(0)
            _, status = os.waitpid(child, 0)
            if status:
                sys.exit(f"{name} failed")
            print(json.dumps([name, times * factor, child]), flush=True)


if __name__ == "__main__":
    main()
