"""What is tried between two sides: the columns of the table.

The peer always does something simple, see `task.Task`; whether all is as it must be is judged on
our side.
"""

from __future__ import annotations

from dataclasses import dataclass

from failure import WrongAnswer, expect
from proofs import Proof, prove_compressed, prove_cut, prove_fragmented

from trio_websocket import CloseCode, ConnectionClosed, WebSocketConnection

OFFERED = ("interop.v1", "interop.v2")
CHOSEN = "interop.v2"
OUR_CLOSE = (4001, "wir gehen, 再见")
THEIR_CLOSE = (4002, "sie gehen, 再见")
NORMAL_CLOSE = (1000, "")

# Empty ones, each kind of length (RFC 6455 section 5.2), all bytes, and UTF-8 of one to four.
SMALL: tuple[str | bytes, ...] = (
    "",
    b"",
    "plain",
    "Grüße, 世界 🌍\0",
    bytes(range(256)),
    "ä" * 63,
    "🌍" * 20_000,
)
LONG: tuple[str | bytes, ...] = ("Grüße, 世界 🌍 " * 5_000, bytes(range(200)) * 500)
LARGE: tuple[str | bytes, ...] = (b"\0\xff[]" * 2**21, "4 B." * 2**21)


async def exchange(connection: WebSocketConnection, *messages: str | bytes) -> None:
    """Send messages, and expect each to come back as it was."""
    for message in messages:
        await connection.send_message(message)
        answer = await connection.get_message()
        expect(answer == message, f"{_brief(message)} came back as {_brief(answer)}")


async def close(connection: WebSocketConnection, code: int, reason: str) -> None:
    """Close, and expect the peer to answer."""
    await connection.aclose(code, reason)
    closed = connection.closed
    assert closed is not None
    expect(closed.code != CloseCode.ABNORMAL_CLOSURE, "the peer did not answer our close")


async def be_closed(connection: WebSocketConnection) -> None:
    """Wait for the peer's close, and expect its code and reason."""
    try:
        message = await connection.get_message()
    except ConnectionClosed:
        closed = connection.closed
        assert closed is not None
        got = closed.code, closed.reason
        expect(got == THEIR_CLOSE, f"the peer closed with {THEIR_CLOSE}, and {got} came")
    else:
        raise WrongAnswer(f"the peer sent {_brief(message)} instead of closing")


def _brief(message: str | bytes) -> str:
    return f"{len(message):,} {type(message).__name__} {message[:20]!r}"


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One column.

    Attributes:
        title: What stands above it.
        behavior: What the peer is told to do, see `task.Task`.
        messages: What we send and want back.
        close: What we close with then; None if the peer is to close first.
        prove: Looks at the wire for what no message shows.
    """

    title: str
    behavior: str = "echo"
    messages: tuple[str | bytes, ...] = ("hello",)
    close: tuple[int, str] | None = NORMAL_CLOSE
    tls: bool = False
    compress: bool = False
    subprotocols: tuple[str, ...] = ()
    prove: Proof | None = None

    async def talk(self, connection: WebSocketConnection) -> None:
        """What we do on the connection."""
        chosen = CHOSEN if self.subprotocols else None
        expect(connection.subprotocol == chosen, f"we agreed on {connection.subprotocol!r}")
        if self.close is None:
            await be_closed(connection)
        else:
            await exchange(connection, *self.messages)
            await close(connection, *self.close)


PLAIN = Scenario(title="plain", messages=SMALL)
TLS = Scenario(title="TLS", messages=SMALL, tls=True)
COMPRESSED = Scenario(
    title="compressed", messages=(*SMALL, *LONG), compress=True, prove=prove_compressed
)
FRAGMENTED = Scenario(
    title="fragmented", behavior="fragment", messages=SMALL, prove=prove_fragmented
)
# For those who can't be told to.
LARGE_FRAGMENTED = Scenario(title="fragmented", messages=LARGE, prove=prove_cut)
EIGHT_MIB = Scenario(title="8 MiB", messages=LARGE)
WE_CLOSE = Scenario(title="we close", close=OUR_CLOSE)
THEY_CLOSE = Scenario(title="they close", behavior="close", close=None)
SUBPROTOCOLS = Scenario(title="subprotocols", subprotocols=OFFERED)
REJECTED = Scenario(title="403", behavior="reject")

SCENARIOS = (
    PLAIN,
    TLS,
    COMPRESSED,
    FRAGMENTED,
    EIGHT_MIB,
    WE_CLOSE,
    THEY_CLOSE,
    SUBPROTOCOLS,
    REJECTED,
)
