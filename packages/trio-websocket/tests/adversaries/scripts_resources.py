"""Resources: many connections, each of them harmless."""

from __future__ import annotations

from .attacker import Attacker
from .script import script
from .wire import MIB, REQUEST, TEXT, close, request, to_server

HALF = REQUEST[: len(REQUEST) // 2]


@script("200 half open", settings={"connect_timeout": 0.5}, memory=4 * MIB)
async def half_open_by_the_hundred(attacker: Attacker) -> str:
    """200 connections with half a request each: all are let go of in time."""
    wires = [await attacker.tcp() for _ in range(200)]
    for wire in wires:
        await wire.flood([HALF])
    await attacker.alone()
    return f"{len(wires)} half open"


@script("200 resets")
async def resets_at_once(attacker: Attacker) -> str:
    """200 connections that are reset before the server can look at them."""
    for _ in range(200):
        (await attacker.tcp()).reset()
    return "200 resets"


@script("100 resets", memory=2 * MIB)
async def resets_behind_the_request(attacker: Attacker) -> str:
    """100 connections that are reset while they are being accepted."""
    for _ in range(100):
        wire = await attacker.tcp()
        await wire.send(REQUEST)
        wire.reset()
    return "100 resets"


@script("50 gone", memory=2 * MIB)
async def leaves_before_it_is_accepted(attacker: Attacker) -> str:
    """50 requests that wait for their handler, which then accepts who has left."""
    for number in range(50):
        wire = await attacker.tcp()
        await wire.send(request(start=b"GET /hesitate HTTP/1.1"))
        if number % 2:
            wire.reset()
        else:
            await wire.stream.aclose()
    await attacker.go()
    return "50 gone"


@script("close 1000")
async def comes_and_goes(attacker: Attacker) -> str:
    """300 connections, one after the other, closed as they should be."""
    return await attacker.endings([close()] * 300)


@script("close 1011", logged=50)
async def handlers_that_fail_by_the_dozen(attacker: Attacker) -> str:
    """50 handlers that raise: each client is told, and the server goes on."""
    ends = []
    for _ in range(50):
        wire = await attacker.open(request(start=b"GET /fail-later HTTP/1.1"))
        ends.append(await wire.answered(1, to_server(TEXT, b"fail")))
    return "; ".join(dict.fromkeys(ends))


@script("200 connections", memory=6 * MIB)
async def many_at_once(attacker: Attacker) -> str:
    """200 connections that each have a message echoed, and then are dropped together."""
    wires = [await attacker.open() for _ in range(200)]
    for wire in wires:
        assert await wire.echoed(b"one of many")
    return f"{len(wires)} connections"


@script("served", descriptors=48, logged=100)
async def more_than_the_server_has_files(attacker: Attacker) -> str:
    """60 connections to a server that may open 48 files: who is in is served, the rest waits."""
    first = await attacker.open()
    for _ in range(60):
        await attacker.tcp()
    assert await first.echoed(b"still here")
    attacker.leave()
    last = await attacker.open()
    return "served" if await last.echoed(b"in at last") else "not served"
