"""Time: peers that say nothing, say it slowly, or do not listen."""

from __future__ import annotations

from functools import partial

from .attacker import Attacker, endless, together
from .script import script
from .wire import (
    BINARY,
    KIB,
    MIB,
    NO_REQUEST,
    REQUEST,
    TEXT,
    header,
    request,
    to_server,
)

SOON = {"connect_timeout": 0.5, "disconnect_timeout": 0.5}


@script("nothing", settings=SOON)
async def connects_and_says_nothing(attacker: Attacker) -> str:
    """A TCP connection, and no byte on it."""
    wire = await attacker.tcp()
    words = await wire.hear_all()
    await attacker.alone()
    return words


@script("nothing", settings=SOON)
async def request_that_stops(attacker: Attacker) -> str:
    """The first half of a request."""
    wire = await attacker.tcp()
    return await wire.last_words(REQUEST[: len(REQUEST) // 2])


@script("nothing", settings=SOON)
async def request_that_trickles(attacker: Attacker) -> str:
    """A request in single bytes, 20 ms apart: each byte must not give it more time."""
    wire = await attacker.tcp()
    return await wire.last_words_to(wire.drip, REQUEST, 0.02)


@script("HTTP 400", settings=SOON)
async def refused_and_stays(attacker: Attacker) -> str:
    """A bad request, after whose answer it neither speaks nor hangs up."""
    wire = await attacker.tcp()
    words = await wire.last_words(NO_REQUEST)
    await attacker.alone()
    return words


@script("HTTP 400", settings=SOON)
async def refused_and_trickles(attacker: Attacker) -> str:
    """A bad request, behind which bytes come one by one for ever."""
    wire = await attacker.tcp()
    await wire.send(NO_REQUEST)
    words = await wire.last_words_to(wire.drip, bytes(1000), 0.02)
    await attacker.alone()
    return words


@script("HTTP 500", settings=SOON, logged=1)
async def handler_fails_and_the_client_stays(attacker: Attacker) -> str:
    """A handler that raises before it answers, and a client that does not hang up."""
    wire = await attacker.tcp()
    words = await wire.last_words(request(start=b"GET /fail HTTP/1.1"))
    await attacker.alone()
    return words


@script("close 1011", settings=SOON, logged=1)
async def handler_fails_later(attacker: Attacker) -> str:
    """A handler that raises a group of exceptions at the first message."""
    wire = await attacker.open(request(start=b"GET /fail-later HTTP/1.1"))
    words = await wire.last_words(to_server(TEXT, b"fail"))
    await attacker.alone()
    return words


@script("hung up", settings={"write_timeout": 0.5}, memory=3 * MIB)
async def never_reads_its_echoes(attacker: Attacker) -> str:
    """Messages of 256 KiB whose echoes are not read: the server stops reading, then gives up."""
    wire = await attacker.open(receive_buffer=4 * KIB)
    await wire.flood(endless(to_server(BINARY, bytes(256 * KIB))))
    await attacker.alone()
    return "hung up"


@script("hung up", settings={"write_timeout": 0.5}, memory=4 * MIB)
async def ten_that_never_read(attacker: Attacker) -> str:
    """Ten that send small messages and read no echo."""
    wires = [await attacker.open(receive_buffer=4 * KIB) for _ in range(10)]
    messages = to_server(BINARY, bytes(KIB)) * 64
    await together(*(partial(wire.flood, endless(messages)) for wire in wires))
    await attacker.alone()
    return "hung up"


@script("1 x binary, close 1000")
async def stalls_within_a_header(attacker: Attacker) -> str:
    """A frame's header in two parts; what comes meanwhile on other connections is served."""
    wire, other = await attacker.open(), await attacker.open()
    data = header(70_000) + bytes(70_000)
    for start, end in ((0, 5), (5, 100), (100, len(data))):
        await wire.send(data[start:end])
        assert await other.echoed(b"meanwhile")
    return await wire.answered(1)


@script("20 waited")
async def stalls_within_a_message_and_leaves(attacker: Attacker) -> str:
    """20 connections with half a message on each; they may stay, and go without a trace."""
    wires = [await attacker.open() for _ in range(20)]
    for wire in wires:
        await wire.send(to_server(TEXT, b"half", fin=False))
    for wire in wires[::2]:
        wire.reset()
    return f"{len(wires)} waited"


@script("1 x text, close 1000")
async def reads_byte_by_byte(attacker: Attacker) -> str:
    """A message of 4 KiB, whose echo is taken in sips from a small window."""
    wire = await attacker.open(receive_buffer=2 * KIB)
    wire.mouthful = 1
    words = await wire.answered(1, to_server(TEXT, b"x" * 4 * KIB))
    assert wire.messages == {b"x" * 4 * KIB}
    return words
