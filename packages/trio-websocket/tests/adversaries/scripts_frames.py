"""Frames: what no client may send, and too many of what it may."""

from __future__ import annotations

import random

from .attacker import Attacker, endless
from .script import script
from .wire import (
    BINARY,
    CONTINUATION,
    KIB,
    MASK,
    MIB,
    PING,
    PONG,
    TEXT,
    Heard,
    close,
    deflated,
    header,
    to_server,
)

ENOUGH = to_server(PING, b"enough")


@script("close 1002")
async def frame_without_a_mask(attacker: Attacker) -> str:
    """Unmasked frames; the handler must not see what is in them."""
    return await attacker.endings([b"\x81\x01x", b"\x82\x7e\x01\x00" + bytes(256), b"\x89\x00"])


@script("close 1002")
async def reserved_opcodes(attacker: Attacker) -> str:
    """3 to 7 and 11 to 15."""
    opcodes = (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
    return await attacker.endings(to_server(opcode, b"x") for opcode in opcodes)


@script("close 1002", memory=2 * MIB)
async def reserved_bits(attacker: Attacker) -> str:
    """RSV1, RSV2 and RSV3 on each kind of frame, where nothing was negotiated."""
    return await attacker.endings(
        bytes((0x80 | bits << 4 | opcode, 0x81)) + MASK + b"x"
        for bits in range(1, 8)
        for opcode in (TEXT, BINARY, PING, PONG, 8)
    )


@script("close 1002")
async def compressed_though_nobody_agreed(attacker: Attacker) -> str:
    """A compressed message on a connection without compression."""
    wire = await attacker.open()
    return await wire.last_words(to_server(TEXT, deflated(b"secret"), rsv1=True))


@script("close 1002")
async def control_frame_in_fragments(attacker: Attacker) -> str:
    """Pings, pongs and closes without FIN."""
    return await attacker.endings(to_server(code, b"\x03\xe8", fin=False) for code in (8, 9, 10))


@script("close 1002")
async def control_frame_too_long(attacker: Attacker) -> str:
    """Pings, pongs and closes of 126 bytes, or of 2**62."""
    return await attacker.endings(
        [
            *(to_server(code, b"\x03\xe8" + b"x" * 124) for code in (8, 9, 10)),
            *(header(2**62, first=0x80 | code) for code in (8, 9, 10)),
        ]
    )


@script("close 1002")
async def continuation_of_nothing(attacker: Attacker) -> str:
    """A continuation frame ahead of any message, and behind a whole one."""
    wire = await attacker.open()
    assert await wire.echoed(b"whole")
    wire.heard.clear()
    first = await wire.last_words(to_server(CONTINUATION, b"x"))
    return first if first == await attacker.endings([to_server(0, b"x", fin=False)]) else "two"


@script("close 1002")
async def message_within_a_message(attacker: Attacker) -> str:
    """A new message before the last one was finished."""
    start = to_server(TEXT, b"x", fin=False)
    return await attacker.endings([start + to_server(BINARY, b"y"), start + start])


@script("close 1002")
async def lengths_longer_than_need_be(attacker: Attacker) -> str:
    """Small lengths in 16 and in 64 bits."""
    return await attacker.endings(
        [
            b"\x82\xfe\x00\x05" + MASK + b"hello",
            b"\x82\xfe\x00\x7d" + MASK + bytes(125),
            header(5) + b"hello",
            header(65535),
            header(0),
        ]
    )


@script("close 1007")
async def bad_text_cut_over_fragments(attacker: Attacker) -> str:
    """Bad UTF-8 cut at each of its bytes; the first bad byte ends it, before FIN."""
    bad = (b"ok\xff", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"\xe2\x28\xa1")
    return await attacker.endings(
        to_server(TEXT, text[:cut], fin=False) + to_server(0, text[cut:] + b"more", fin=False)
        for text in bad
        for cut in range(len(text))
    )


@script("close 1007")
async def text_that_stops_short(attacker: Attacker) -> str:
    """Text that ends in the middle of a character."""
    return await attacker.endings(
        [to_server(TEXT, b"\xf0\x9f"), to_server(TEXT, b"\xe2", fin=False) + to_server(0, b"\x82")]
    )


@script("1 x text")
async def good_text_cut_over_fragments(attacker: Attacker) -> str:
    """Characters of four bytes in fragments of one, with pings between: no fault at all."""
    text = "\U0001f600ä€".encode() * 30
    frames = [to_server(TEXT, fin=False)]
    for byte in text:
        frames += [to_server(0, bytes((byte,)), fin=False), to_server(PONG, b"between")]
    wire = await attacker.open()
    await wire.send(b"".join([*frames, to_server(0)]))
    assert await wire.hear() == Heard("text", None, text)
    words = "1 x text"
    return words if await wire.part() == f"{words}, close 1000" else "no end"


@script("3855 x text, close 1000")
async def coalesced_frames(attacker: Attacker) -> str:
    """A whole read full of good messages: each of them comes back."""
    wire = await attacker.open()
    message = to_server(TEXT, b"1234567890A")
    words = await wire.answered(3855, message * 3855)
    assert wire.messages == {b"1234567890A"}
    return words


@script("10 x text, close 1000")
async def good_frames_byte_by_byte(attacker: Attacker) -> str:
    """Good messages in writes of one byte."""
    wire = await attacker.open()
    data = to_server(TEXT, b"x" * 300) * 10
    words = await wire.answered(10, *(bytes((byte,)) for byte in data))
    assert wire.messages == {b"x" * 300}
    return words


@script("50 bad ends", memory=4 * MIB)
async def noise(attacker: Attacker) -> str:
    """64 KiB of random bytes, 50 times."""
    source = random.Random(1)
    ends = 0
    for _ in range(50):
        wire = await attacker.open()
        words = await wire.last_words(source.randbytes(64 * KIB))
        assert wire.heard, "not even a close frame"
        ends += words.endswith(("close 1002", "close 1009", "close 1007"))
    return f"{ends} bad ends"


@script("enough", cpu_per_mib=2)
async def ping_flood(attacker: Attacker) -> str:
    """Half a MiB of empty pings, whose pongs are read; the last one is answered for sure."""
    wire = await attacker.open()
    parts = [*endless(to_server(PING) * 1000, at_least=MIB / 2), ENOUGH, close()]
    words = await wire.last_words(*parts)
    assert words.endswith("x pong, close 1000"), words
    return wire.heard[-2].payload.decode()


@script("hung up", settings={"write_timeout": 0.5}, cpu=2)
async def ping_flood_that_is_not_read(attacker: Attacker) -> str:
    """Large pings for ever, and no pong is read: the server gives up, with little in memory."""
    wire = await attacker.open(receive_buffer=4 * KIB)
    await wire.flood(endless(to_server(PING, b"x" * 125) * 500))
    return "hung up"


@script("1 x pong, close 1000", cpu_per_mib=2)
async def pong_flood(attacker: Attacker) -> str:
    """A MiB of pongs that nobody waits for: they cost nothing and are kept nowhere."""
    wire = await attacker.open()
    parts = endless(b"".join(to_server(PONG, b"%d" % n) for n in range(1000)), at_least=MIB)
    return await wire.last_words(*parts, ENOUGH, close())


@script("20000 x text, close 1000", cpu=3)
async def flood_of_empty_messages(attacker: Attacker) -> str:
    """20,000 empty texts, each of which the handler sends back."""
    wire = await attacker.open()
    words = await wire.answered(20_000, *[to_server(TEXT) * 1000] * 20)
    assert wire.messages == {b""}
    return words


@script("enough", cpu_per_mib=2)
async def pings_within_a_message(attacker: Attacker) -> str:
    """A message in 5,000 fragments with a ping behind each."""
    wire = await attacker.open()
    pieces = (to_server(0, b"x" * 10, fin=False) + to_server(PING, b"p")) * 5_000
    parts = (to_server(TEXT, fin=False), pieces, ENOUGH, to_server(0))
    await wire.exchange(lambda: wire.heard[-1:] == [Heard("text", None, b"x" * 50_000)], *parts)
    # How many of the others were answered depends on how fast we read.
    return wire.heard[-2].payload.decode()
