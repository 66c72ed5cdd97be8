"""Compression: a little that becomes much, much that becomes nothing, and what is no DEFLATE."""

from __future__ import annotations

import random
import zlib

from .attacker import Attacker, Wire, endless
from .script import script
from .wire import BINARY, DEFLATE, KIB, MIB, PING, TEXT, deflated, to_server

ON = {"compression": "deflate"}


async def compressing(attacker: Attacker) -> Wire:
    """A connection with permessage-deflate."""
    return await attacker.open(DEFLATE)


def message(payload: bytes, *, opcode: int = BINARY, fin: bool = True) -> bytes:
    """A compressed message, or its first fragment, from what was compressed."""
    return to_server(opcode, payload, rsv1=True, fin=fin)


def bomb() -> bytes:
    """600 MiB of zeros, compressed."""
    stream = zlib.compressobj(wbits=-15)
    # Behind a full flush nothing refers to what came before.
    mebibyte = stream.compress(bytes(MIB)) + stream.flush(zlib.Z_FULL_FLUSH)
    return (mebibyte * 600)[:-4]


def inflated(wire: Wire) -> list[bytes]:
    """The messages that were heard."""
    stream = zlib.decompressobj(-15)
    return [
        stream.decompress(heard.payload + b"\x00\x00\xff\xff")
        if heard.compressed
        else heard.payload
        for heard in wire.heard
        if heard.kind in {"text", "binary"}
    ]


@script("close 1009", settings=ON, memory=2 * MIB)
async def bomb_of_zeros(attacker: Attacker) -> str:
    """600 MiB of zeros in 0.6 MB."""
    wire = await compressing(attacker)
    return await wire.last_words(message(bomb()))


@script("close 1009", settings=ON, memory=2 * MIB)
async def bomb_in_the_second_fragment(attacker: Attacker) -> str:
    """A harmless first fragment, and then the bomb."""
    wire = await compressing(attacker)
    first, rest = bomb()[:10], bomb()[10:]
    return await wire.last_words(message(first, fin=False) + to_server(0, rest))


@script("1 x binary, close 1009", settings=ON, memory=4 * MIB)
async def limit_of_what_is_inflated(attacker: Attacker) -> str:
    """The limit exactly, which comes back, then one byte more, which does not."""
    wire = await compressing(attacker)
    parts = [message(deflated(bytes(size))) for size in (MIB, MIB + 1)]
    await wire.exchange(lambda: len(wire.heard) == 1, parts[0])
    assert inflated(wire) == [bytes(MIB)]
    return await wire.last_words(parts[1])


@script("close 1008", settings=ON, memory=2 * MIB)
async def final_blocks_without_end(attacker: Attacker) -> str:
    """A MiB of empty final blocks: each wants a new inflater, and nothing comes out."""
    wire = await compressing(attacker)
    return await wire.last_words(message(b"\x03\x00" * (MIB // 2 - 1)))


@script("close 1009", settings=ON, memory=2 * MIB)
async def garbage_behind_a_final_block(attacker: Attacker) -> str:
    """A final block, and then 16 MiB of 0xAA in fragments, which some copy again and again."""
    wire = await compressing(attacker)
    fragment = to_server(0, b"\xaa" * 64 * KIB, fin=False)
    start = message(b"\x03\x00", fin=False)
    return await wire.last_words(start, *endless(fragment, at_least=16 * MIB))


@script("close 1009", settings=ON)
async def empty_stored_blocks_for_ever(attacker: Attacker) -> str:
    """Blocks that inflate to nothing, 4 MiB of them: what is compressed has its limit too."""
    wire = await compressing(attacker)
    fragment = to_server(0, b"\x00\x00\x00\xff\xff" * 12 * KIB, fin=False)
    start = message(b"", fin=False)
    return await wire.last_words(start, *endless(fragment, at_least=4 * MIB))


@script("3 x text, close 1000", settings=ON)
async def final_block_between_messages(attacker: Attacker) -> str:
    """Messages that end their DEFLATE stream, which is allowed: what follows arrives as well."""
    wire = await compressing(attacker)
    texts = [b"one of many alike", b"two of many alike", b"three of many alike"]
    parts = []
    for number, text in enumerate(texts):
        payload = deflated(text, flush=zlib.Z_FINISH, before=b"".join(texts[:number]))
        parts.append(message(payload + b"\x00", opcode=TEXT))
    words = await wire.answered(3, *parts)
    assert inflated(wire) == texts
    return words


@script("close 1002", settings=ON)
async def compressed_continuation(attacker: Attacker) -> str:
    """RSV1 on the second fragment."""
    wire = await compressing(attacker)
    data = deflated(b"x" * 100)
    return await wire.last_words(message(data[:3], fin=False) + message(data[3:], opcode=0))


@script("close 1002", settings=ON)
async def compressed_ping(attacker: Attacker) -> str:
    """RSV1 on a ping, between compressed fragments."""
    wire = await compressing(attacker)
    start = message(deflated(b"x" * 100)[:3], fin=False)
    return await wire.last_words(start + message(deflated(b"ping"), opcode=PING))


@script("1 x pong, 1 x text, close 1000", settings=ON)
async def ping_between_compressed_fragments(attacker: Attacker) -> str:
    """A good ping between compressed fragments: the message stays whole."""
    wire = await compressing(attacker)
    text = b"between the fragments " * 20
    data = deflated(text)
    words = await wire.answered(
        2,
        message(data[:5], opcode=TEXT, fin=False),
        to_server(PING, b"between"),
        to_server(0, data[5:]),
    )
    assert inflated(wire) == [text]
    return words


@script("close 1007", settings=ON)
async def what_is_no_deflate(attacker: Attacker) -> str:
    """Reserved block types, bad lengths, references to what never was, data that stops short."""
    bad = (b"\x07", b"\xff" * 100, b"\x00\x05\x00\x00\x00hello", b"\x02\x03\x00", b"\x4b")
    ends = []
    for payload in (*bad, deflated(b"cut " * 100)[:-6]):
        wire = await compressing(attacker)
        ends.append(await wire.last_words(message(payload)))
    return "; ".join(dict.fromkeys(ends))


@script("30 bad ends", settings=ON, memory=2 * MIB)
async def compressed_noise(attacker: Attacker) -> str:
    """16 KiB of random bytes as a compressed message, 30 times."""
    source = random.Random(1)
    ends = 0
    for _ in range(30):
        wire = await compressing(attacker)
        words = await wire.last_words(message(source.randbytes(16 * KIB)))
        ends += words in {"close 1007", "close 1008", "close 1009"}
    return f"{ends} bad ends"


@script("close 1007", settings=ON)
async def compressed_bad_text(attacker: Attacker) -> str:
    """Bad UTF-8 that is compressed."""
    wire = await compressing(attacker)
    return await wire.last_words(message(deflated(b"ok \xff" * 10), opcode=TEXT))


@script("100 connections", settings=ON, memory=12 * MIB)
async def compressed_message_on_many_connections(attacker: Attacker) -> str:
    """100 connections that each have 64 KiB compressed and sent back, and then stay."""
    data = message(deflated(random.Random(1).randbytes(64 * KIB)))
    wires = [await compressing(attacker) for _ in range(100)]
    for wire in wires:
        await wire.send(data)
        assert await wire.hear() is not None
    return f"{len(wires)} connections"
