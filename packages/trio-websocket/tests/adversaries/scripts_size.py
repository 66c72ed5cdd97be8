"""Sizes: lengths that lie, and messages that grow."""

from __future__ import annotations

from .attacker import Attacker, endless
from .script import script
from .wire import BINARY, KIB, MIB, PING, TEXT, header, to_server

SMALL = {"max_message_size": 64 * KIB}


@script("close 1002", memory=0.5 * MIB)
async def length_with_the_top_bit_set(attacker: Attacker) -> str:
    """Lengths that are negative, for who reads them with a sign."""
    return await attacker.endings(header(size) for size in (2**64 - 1, 2**63, 2**63 + 1))


@script("close 1009", memory=0.5 * MIB)
async def length_of_4_exbibytes(attacker: Attacker) -> str:
    """2**62, 2**63 - 1, 2**32 and 2**31 bytes are promised: no room is made for them."""
    return await attacker.endings(header(size) for size in (2**62, 2**63 - 1, 2**32, 2**31))


@script("close 1009", memory=0.5 * MIB)
async def one_byte_over_the_limit(attacker: Attacker) -> str:
    """The limit and one byte are promised: refused before any of it comes."""
    wire = await attacker.open()
    return await wire.last_words(header(MIB + 1))


@script("close 1009", memory=0.5 * MIB)
async def more_than_the_limit_and_all_of_it(attacker: Attacker) -> str:
    """11 MiB are promised, and begun: neither kept nor read to the end."""
    wire = await attacker.open()
    words = await wire.last_words(header(11 * MIB), *endless(bytes(64 * KIB), at_least=11 * MIB))
    assert wire.sent < 11 * MIB, "the server has not hung up"
    return words


@script("close 1009")
async def too_long_twice_and_a_ping(attacker: Attacker) -> str:
    """Two messages over the limit and a ping in one segment: one close, no pong."""
    wire = await attacker.open()
    return await wire.last_words(header(MIB + 1) * 2 + to_server(PING, b"late"))


@script("1 x binary, close 1000", memory=4 * MIB)
async def exactly_the_limit(attacker: Attacker) -> str:
    """A message as long as allowed, in one frame, comes back."""
    wire = await attacker.open()
    assert await wire.echoed(bytes(MIB))
    return await wire.part()


@script("1 x text, close 1000", memory=4 * MIB)
async def exactly_the_limit_in_fragments(attacker: Attacker) -> str:
    """A text as long as allowed, in 16 frames and an empty one, comes back."""
    wire = await attacker.open()
    parts = [to_server(0, b"x" * 64 * KIB, fin=False)] * 16
    words = await wire.answered(1, to_server(TEXT, fin=False), *parts, to_server(0))
    assert wire.messages == {b"x" * MIB}
    return words


@script("close 1009", memory=2 * MIB)
async def limit_crossed_by_fragments(attacker: Attacker) -> str:
    """Fragments that stay below the limit each, and go on for ever."""
    wire = await attacker.open()
    start = to_server(BINARY, b"x", fin=False)
    return await wire.last_words_to(
        wire.flood, (start, *endless(to_server(0, bytes(16 * KIB), fin=False), at_least=10 * MIB))
    )


@script("close 1009", memory=2 * MIB)
async def limit_crossed_by_the_last_byte(attacker: Attacker) -> str:
    """The limit in one fragment, and one byte in the next."""
    wire = await attacker.open()
    return await wire.last_words(
        to_server(BINARY, bytes(MIB), fin=False), to_server(0, b"x", fin=False)
    )


@script("1 x text, close 1000", cpu_per_mib=2)
async def fragments_of_one_byte(attacker: Attacker) -> str:
    """A message of 256 KiB in fragments of one byte: memory follows the bytes, not their number."""
    wire = await attacker.open()
    fragments = to_server(0, b"x", fin=False) * 4 * KIB
    words = await wire.answered(1, to_server(TEXT, fin=False), *[fragments] * 64, to_server(0))
    assert wire.messages == {b"x" * 256 * KIB}
    return words


@script("1 x pong, 1 x text, close 1000", memory=0.5 * MIB, cpu_per_mib=2)
async def empty_fragments_for_ever(attacker: Attacker) -> str:
    """A MiB of continuation frames that carry nothing: no limit is crossed, no memory taken."""
    wire = await attacker.open()
    empty = to_server(0, fin=False) * 1000
    return await wire.answered(
        2,
        to_server(TEXT, b"x", fin=False),
        *endless(empty, at_least=MIB),
        to_server(PING, b"between"),
        to_server(0, b"y"),
    )


@script("100 promises", memory=4 * MIB)
async def promises_that_are_not_kept(attacker: Attacker) -> str:
    """100 connections that promise 1 MiB each and send a byte of it: no room is made ahead."""
    wires = [await attacker.open() for _ in range(100)]
    for wire in wires:
        await wire.send(header(MIB) + b"x")
    return f"{len(wires)} promises"


@script("10 x binary, close 1000")
async def large_messages_of_100_bytes_a_write(attacker: Attacker) -> str:
    """Messages of 64 KiB in writes of 100 bytes: what has come is not looked at again."""
    wire = await attacker.open()
    data = to_server(BINARY, bytes(64 * KIB)) * 10
    parts = (data[start : start + 100] for start in range(0, len(data), 100))
    words = await wire.answered(10, *parts)
    assert wire.messages == {bytes(64 * KIB)}
    return words


@script("close 1009", settings=SMALL, memory=0.5 * MIB)
async def small_limit(attacker: Attacker) -> str:
    """A server that takes 64 KiB, and is sent one byte more in text of two bytes a character."""
    text = "ä".encode() * 32 * KIB
    wire = await attacker.open()
    assert await wire.echoed(text)
    wire.heard.clear()
    return await wire.last_words(to_server(TEXT, text, fin=False) + to_server(0, b"x"))
