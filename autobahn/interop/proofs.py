"""What is proved from the wire, because no library's word is as good.

A proof is given the messages that we sent and the peer sent back, what went over the wire, and the
peer's direction of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from failure import expect
from wire import CONTINUATION, PING, PONG, Direction, Frame, Wire

Messages: TypeAlias = Sequence[str | bytes]
Proof: TypeAlias = Callable[[Messages, Wire, Direction], None]

# Bytes; some leave shorter messages as they are.
_WORTH_COMPRESSING = 1024


def prove_compressed(messages: Messages, wire: Wire, _: Direction) -> None:
    """Both sides agreed on compression, and both compressed.

    Raises:
        WrongAnswer: if not.
    """
    agreed = "sec-websocket-extensions: permessage-deflate"
    expect(agreed in wire.by_client.head, "the client did not offer compression")
    expect(agreed in wire.by_server.head, "the server did not accept compression")
    sizes = [_size(message) for message in messages]
    wanted = sum(size >= _WORTH_COMPRESSING for size in sizes)
    for side, direction in (("client", wire.by_client), ("server", wire.by_server)):
        frames = direction.data_frames
        count = sum(frame.rsv1 for frame in frames)  # RFC 7692 section 6: on the first frame only
        expect(count >= wanted, f"the {side} compressed {count} messages, not {wanted}")
        sent = sum(frame.length for frame in frames)
        expect(sent < sum(sizes) / 4, f"the {side} sent {sum(sizes):,} bytes as {sent:,}")


def prove_fragmented(messages: Messages, wire: Wire, by_peer: Direction) -> None:
    """The peer sent each message in several frames with a ping between, and we answered that.

    Raises:
        WrongAnswer: if not.
    """
    by_us = wire.by_server if by_peer is wire.by_client else wire.by_client
    interrupted = _pings_between(by_peer.frames)
    expect(
        interrupted == len(messages),
        f"{interrupted} of {len(messages)} messages had a ping between their frames",
    )
    pongs = sum(frame.opcode == PONG for frame in by_us.frames)
    expect(pongs == interrupted, f"we answered {pongs} of {interrupted} pings")


def prove_cut(messages: Messages, _: Wire, by_peer: Direction) -> None:
    """The peer sent each message in several frames, without being told to.

    Raises:
        WrongAnswer: if not.
    """
    firsts = [frame for frame in by_peer.data_frames if frame.opcode != CONTINUATION]
    cut = sum(not frame.fin for frame in firsts)
    expect(cut == len(messages), f"{cut} of {len(messages)} messages came in several frames")


def _pings_between(frames: list[Frame]) -> int:
    """How many pings stand between the frames of one message."""
    inside, count = False, 0
    for frame in frames:
        if frame.is_data:
            inside = not frame.fin
        elif frame.opcode == PING and inside:
            count += 1
    return count


def _size(message: str | bytes) -> int:
    return len(message.encode() if isinstance(message, str) else message)
