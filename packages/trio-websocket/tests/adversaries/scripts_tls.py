"""TLS: garbage in its place, and ends within it."""

from __future__ import annotations

import random

from .attacker import Attacker
from .script import script
from .wire import KIB, REQUEST, TEXT, to_server

SOON = {"connect_timeout": 0.5, "disconnect_timeout": 0.5}
# The start of a ClientHello whose handshake message is promised to have 508 bytes.
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


@script("nothing", tls=True)
async def garbage_for_tls(attacker: Attacker) -> str:
    """Zeros, noise, bad and large records in place of a ClientHello."""
    attacks = (
        bytes(5000),
        random.Random(1).randbytes(64 * KIB),
        b"\x16\x03\x01\x02\x00" + b"\xff" * 512,
        b"\x17\x03\x03\x40\x00" + bytes(16 * KIB),
        b"\x16\x03\x01\xff\xff" + bytes(64 * KIB),
    )
    return await attacker.raw_answers(attacks)


@script("nothing", tls=True, settings=SOON)
async def half_a_client_hello(attacker: Attacker) -> str:
    """A ClientHello that stops."""
    wire = await attacker.tcp()
    words = await wire.raw_words(HELLO)
    await attacker.alone()
    return words


@script("nothing", tls=True, settings=SOON)
async def client_hello_that_trickles(attacker: Attacker) -> str:
    """A ClientHello in single bytes, 20 ms apart."""
    wire = await attacker.tcp()
    return await wire.last_words_to(wire.drip, HELLO + bytes(500), 0.02)


@script("nothing", tls=True)
async def plain_http_for_tls(attacker: Attacker) -> str:
    """A request that should have been encrypted."""
    return await attacker.raw_answers([REQUEST])


@script("HTTP 400")
async def tls_for_plain_http(attacker: Attacker) -> str:
    """A ClientHello for a server that speaks no TLS."""
    wire = await attacker.tcp()
    return await wire.last_words(HELLO + bytes(505))


@script("close 1002", tls=True)
async def bad_frame_within_tls(attacker: Attacker) -> str:
    """An encrypted connection, and a bad frame on it."""
    wire = await attacker.open()
    return await wire.last_words(b"\xff\xff")


@script("1 x text, close 1000", tls=True)
async def message_in_small_records(attacker: Attacker) -> str:
    """Each byte in a record of its own."""
    wire = await attacker.open()
    data = to_server(TEXT, b"x" * 300)
    words = await wire.answered(1, *(bytes((byte,)) for byte in data))
    assert wire.messages == {b"x" * 300}
    return words


@script("10 ends", tls=True)
async def end_without_a_goodbye(attacker: Attacker) -> str:
    """TCP ends with FIN or RST in the middle of an encrypted message, without close_notify."""
    for number in range(10):
        wire = await attacker.open()
        await wire.send(to_server(TEXT, b"half a message")[:9])
        if number % 2:
            wire.reset()
        else:
            wire.tcp.socket.close()
    return "10 ends"


@script("nothing", tls=True)
async def bad_record_within_tls(attacker: Attacker) -> str:
    """Plain bytes on a connection that is encrypted."""
    wire = await attacker.open()
    return await wire.raw_words(b"\x17\x03\x03\x00\x40" + bytes(64))
