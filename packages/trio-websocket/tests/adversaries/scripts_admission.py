"""Admission: too many of them, from pages that nobody invited, and those that are gone."""

from __future__ import annotations

from functools import partial

from .attacker import Attacker, together
from .script import script
from .wire import BINARY, MIB, PONG, REQUEST, request, to_server

BEAT = {"heartbeat": {"interval": 0.3, "timeout": 0.3}}


@script("HTTP 503", settings={"max_connections": 6})
async def more_than_so_many_connections(attacker: Attacker) -> str:
    """5 connections beside the victim, and 50 requests more: each of these is told at once."""
    wires = [await attacker.open() for _ in range(5)]
    words = await attacker.answers([REQUEST] * 50)
    for wire in wires:
        assert await wire.echoed(b"inside")
    attacker.leave()
    await attacker.alone()
    return words


@script("HTTP 503", settings={"max_connections": 6})
async def all_at_the_door_at_once(attacker: Attacker) -> str:
    """40 requests at the same time for 5 places."""
    wires = [await attacker.tcp() for _ in range(40)]
    await together(*(partial(wire.send, REQUEST) for wire in wires))
    answers = [await wire.hear() for wire in wires]
    accepted = [heard for heard in answers if heard is not None and heard.code == 101]
    assert len(accepted) == 5
    attacker.leave()
    await attacker.alone()
    return "HTTP 503" if {heard and heard.code for heard in answers} == {101, 503} else "others"


@script("served", settings={"max_handshakes": 20}, memory=MIB)
async def half_open_beyond_their_number(attacker: Attacker) -> str:
    """100 that begin a request and stop: the oldest make room, and whoever means it gets in."""
    idle = [await attacker.tcp() for _ in range(100)]
    for wire in idle:
        await wire.flood([REQUEST[:20]])
    for wire in idle[:70]:
        assert await wire.hear() is None
    honest = await attacker.open()
    return "served" if await honest.echoed(b"in") else "not served"


@script("HTTP 403", settings={"origins": ["https://good.example", None]})
async def pages_of_other_origins(attacker: Attacker) -> str:
    """Origins that are others, look like the right one, or are several."""
    evil = (
        b"https://evil.example",
        b"https://good.example.evil.example",
        b"https://evil-good.example",
        b"https://good.example:8443",
        b"http://good.example",
        b"HTTPS://good.example",
        b"https://good.example/",
        b"https://good.example https://evil.example",
        b"https://good.example\r\nOrigin: https://evil.example",
        b"null",
        b"",
        b"\xff" * 4000,
    )
    wire = await attacker.open(request(b"Origin: https://good.example"))
    assert await wire.echoed(b"invited")
    return await attacker.answers(request(b"Origin: " + origin) for origin in evil)


@script("hung up", settings=BEAT)
async def never_answers_a_ping(attacker: Attacker) -> str:
    """Reads, and says nothing: it is taken for lost, while the victim, who talks, is not."""
    wire = await attacker.open()
    await wire.hear_all()
    assert {heard.kind for heard in wire.heard} == {"ping"}
    await attacker.alone()
    return "hung up"


@script("hung up", settings=BEAT | {"write_timeout": 0.5}, memory=3 * MIB)
async def does_not_even_read_the_ping(attacker: Attacker) -> str:
    """Its window is full, and its system is alive: it is `write_timeout` that ends it."""
    wire = await attacker.open(receive_buffer=4096)
    await wire.flood([to_server(BINARY, bytes(256 * 1024))] * 20)
    await attacker.alone()
    return "hung up"


@script("hung up", settings=BEAT)
async def answers_what_was_never_asked(attacker: Attacker) -> str:
    """Pongs that fit no ping, before each ping and behind it: a sign of life, and no more."""
    wire = await attacker.open()
    await wire.drip(to_server(PONG, b"guess") * 20, 0.01)
    await wire.hear_all()
    await attacker.alone()
    return "hung up"
