"""Closing: by whom, how often, how slowly, or not at all."""

from __future__ import annotations

import trio

from .attacker import Attacker, endless
from .script import script
from .wire import CLOSE, MIB, PING, TEXT, close, request, to_server

LEAVE = request(start=b"GET /leave HTTP/1.1")
SOON = {"disconnect_timeout": 0.5}


@script("close 1002")
async def close_frame_with_one_byte(attacker: Attacker) -> str:
    """Half a close code."""
    wire = await attacker.open()
    return await wire.last_words(to_server(CLOSE, b"\x03"))


@script("close 1002")
async def close_codes_that_no_one_may_send(attacker: Attacker) -> str:
    """0, 999, 1004 to 1006, 1015, 1016, 2999, 5000 and 65535."""
    codes = (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)
    return await attacker.endings(close(code) for code in codes)


@script("close 1007")
async def close_reason_that_is_no_text(attacker: Attacker) -> str:
    """Bad and truncated UTF-8 in the reason."""
    return await attacker.endings(close(1000, reason) for reason in (b"\xff", b"good \xe2\x82"))


@script("close 1000")
async def messages_behind_a_close(attacker: Attacker) -> str:
    """A close frame, then 1 MiB of messages."""
    wire = await attacker.open()
    return await wire.last_words(close(), *endless(to_server(TEXT, b"late"), at_least=MIB))


@script("close 1001")
async def closes_twice(attacker: Attacker) -> str:
    """Two close frames with different codes."""
    wire = await attacker.open()
    return await wire.last_words(close(1001) + close(1002))


@script("close 1000")
async def ping_behind_a_close(attacker: Attacker) -> str:
    """A close frame and a ping in one segment: no pong may follow the answer."""
    wire = await attacker.open()
    return await wire.last_words(close() + to_server(PING, b"late"))


@script("close 1000")
async def pings_behind_our_close(attacker: Attacker) -> str:
    """The server closes, and is pinged before its close is answered."""
    wire = await attacker.open(LEAVE)
    await wire.hear()
    return await wire.last_words(to_server(PING, b"late") * 100, close())


@script("close 1000", settings=SOON)
async def bad_frames_behind_our_close(attacker: Attacker) -> str:
    """The server closes, and is answered with what is no frame: it says no second close."""
    wire = await attacker.open(LEAVE)
    await wire.hear()
    return await wire.last_words(b"\xff" * 100)


@script("close 1000", settings=SOON)
async def never_answers_our_close(attacker: Attacker) -> str:
    """The server closes, and nothing comes back."""
    wire = await attacker.open(LEAVE)
    words = await wire.hear_all()
    await attacker.alone()
    return words


@script("close 1000", settings=SOON)
async def endless_messages_instead_of_an_answer(attacker: Attacker) -> str:
    """The server closes, and messages come for ever."""
    wire = await attacker.open(LEAVE)
    return await wire.last_words_to(wire.flood, endless(to_server(TEXT, b"x" * 1000)))


@script("close 1000")
async def answers_our_close_and_keeps_tcp(attacker: Attacker) -> str:
    """The server closes and is answered: then it hangs up by itself."""
    wire = await attacker.open(LEAVE)
    words = await wire.part()
    await attacker.alone()
    return words


@script("close 1000")
async def answers_our_close_byte_by_byte(attacker: Attacker) -> str:
    """The answer to the server's close in single bytes, 20 ms apart."""
    wire = await attacker.open(LEAVE)
    return await wire.last_words_to(wire.drip, close(), 0.02)


@script("close 1002", settings=SOON)
async def keeps_tcp_behind_a_fault(attacker: Attacker) -> str:
    """A bad frame, and then it neither answers nor hangs up."""
    wire = await attacker.open()
    words = await wire.last_words(b"\xff\xff")
    await attacker.alone()
    return words


@script("close 1002", settings=SOON)
async def endless_data_behind_a_fault(attacker: Attacker) -> str:
    """A bad frame, and then data for ever."""
    wire = await attacker.open()
    return await wire.last_words_to(wire.flood, endless(b"\xff" * 65536))


@script("60 connections")
async def ends_at_every_byte_of_a_frame(attacker: Attacker) -> str:
    """FIN and RST at every byte of a fragmented message with a ping in it."""
    message = to_server(TEXT, b"half", fin=False) + to_server(PING, b"ping") + to_server(0, b"end")
    cuts = range(len(message) + 1)
    for cut in cuts:
        wire = await attacker.open()
        await wire.send(message[:cut])
        wire.reset()
        wire = await attacker.open()
        await wire.send(message[:cut])
        await wire.stream.aclose()
    return f"{2 * len(cuts)} connections"


@script("nothing")
async def half_close_in_a_frame(attacker: Attacker) -> str:
    """It sends half a frame and FIN, and keeps its own ear open: RFC 6455 calls that 1006."""
    wire = await attacker.open()
    await wire.send(to_server(TEXT, b"half a frame")[:9])
    await wire.finish()
    words = await wire.hear_all()
    await attacker.alone()
    return words


@script("nothing")
async def half_close_behind_a_message(attacker: Attacker) -> str:
    """It sends FIN and then reads nothing, for ever."""
    wire = await attacker.open()
    await wire.finish()
    await attacker.alone()
    with trio.fail_after(1):
        return await wire.hear_all()
