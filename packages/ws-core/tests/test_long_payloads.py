"""Long payloads, which get a buffer of their own: `get_buffer` and `buffer_updated`."""

from __future__ import annotations

import math
import random
import tracemalloc

import pytest

from ws_core import (
    HELD_BACK,
    NEED_DATA,
    OVER,
    PIECE,
    Closed,
    CloseReason,
    Connection,
    Deflate,
    Failed,
    Limits,
    Pause,
    Pinged,
    Role,
    State,
)

from .two_ends import (
    BINARY,
    CONTINUATION,
    PING,
    TEXT,
    close_frame,
    events,
    failure,
    frame,
    hear,
    open_end,
    said,
)

UNLIMITED = Limits(message=math.inf)
LONG = random.Random(1).randbytes(300_001)
BOTH_ROLES = pytest.mark.parametrize("role", Role)


def put(end: Connection, data: bytes) -> int:
    """Put the start of `data` where `end` wants it; how many bytes that were."""
    room = end.get_buffer()
    assert room is not None
    with room:
        count = min(len(room), len(data))
        assert count > 0
        room[:count] = data[:count]
    end.buffer_updated(count)
    return count


def wants_in_place(end: Connection) -> bool:
    """Whether the next bytes have a place of their own."""
    if (room := end.get_buffer()) is None:
        return False
    room.release()
    return True


def hear_in_place(end: Connection, data: bytes, step: int) -> list[object]:
    """What happens at `end` when data comes as it does from a socket that can read into memory."""
    found: list[object] = []
    while data:
        part = data[:step]
        if wants_in_place(end):
            data = data[put(end, part) :]
        else:
            end.receive_data(part)
            data = data[len(part) :]
        found += events(end)
    return found


def arriving(end: Connection, *, fin: bool = True, came: int = 1000) -> bytes:
    """Let the start of a long payload arrive; the rest of it."""
    data = frame(BINARY, LONG, to=end.role, fin=fin)
    assert hear(end, data[:came]) == []
    return data[came:]


@BOTH_ROLES
@pytest.mark.parametrize("size", [1, 32_767, 32_768, 65_536, 65_537, 131_073, 2**20, 3_000_001])
@pytest.mark.parametrize("step", [1009, 65_536, 2**30])
def test_messages_come_through_in_place(role: Role, size: int, step: int) -> None:
    message = random.Random(size).randbytes(size)
    data = frame(BINARY, message, to=role) + frame(TEXT, b"next", to=role)
    assert hear_in_place(open_end(role, UNLIMITED), data, step) == [message, "next"]


@BOTH_ROLES
@pytest.mark.parametrize("seed", range(5))
def test_both_ways_may_be_mixed(role: Role, seed: int) -> None:
    chance = random.Random(seed)
    end = open_end(role, UNLIMITED)
    data = frame(BINARY, LONG, to=role) * 2 + frame(TEXT, b"end", to=role)
    found: list[object] = []
    while data:
        part = data[: chance.choice((1, 2, 3, 1000, 50_000, 200_000))]
        if wants_in_place(end) and chance.random() < 0.5:
            data = data[put(end, part) :]
        else:
            end.receive_data(part)
            data = data[len(part) :]
        found += events(end)
    assert found == [LONG, LONG, "end"]


@BOTH_ROLES
def test_long_fragments_come_with_pings_between(role: Role) -> None:
    data = (
        frame(BINARY, LONG, to=role, fin=False)
        + frame(PING, b"1", to=role)
        + frame(CONTINUATION, b"", to=role, fin=False)
        + frame(CONTINUATION, LONG[::-1], to=role, fin=False)
        + frame(PING, b"2", to=role)
        + frame(CONTINUATION, b"tail", to=role)
        + frame(BINARY, LONG, to=role)
    )
    end = open_end(role, UNLIMITED)
    expected = [Pinged(b"1"), Pinged(b"2"), LONG + LONG[::-1] + b"tail", LONG]
    assert hear_in_place(end, data, 50_000) == expected


def test_there_is_a_buffer_only_while_a_long_binary_payload_arrives() -> None:
    end = open_end(Role.CLIENT)
    assert Connection(Role.CLIENT).get_buffer() is None
    assert end.get_buffer() is None
    text = frame(TEXT, b"x" * 100_000, to=Role.CLIENT)
    assert hear(end, text[:1000]) == []
    assert end.get_buffer() is None
    assert hear(end, text[1000:]) == ["x" * 100_000]
    short = frame(BINARY, bytes(32_767), to=Role.CLIENT)
    assert hear(end, short[:1000]) == []
    assert end.get_buffer() is None
    assert hear(end, short[1000:]) == [bytes(32_767)]
    rest = arriving(end)
    end.receive_data(rest[:10])
    assert end.get_buffer() is None  # first what is there already
    assert end.next_event() is NEED_DATA
    assert hear_in_place(end, rest[10:], 2**30) == [LONG]
    assert end.get_buffer() is None


def test_what_comes_after_a_whole_payload_waits_behind_it() -> None:
    end = open_end(Role.SERVER)
    rest = arriving(end)
    while rest:
        rest = rest[put(end, rest) :]
    assert end.get_buffer() is None  # no room is left: a read of 0 bytes would look like the end
    end.receive_data(frame(TEXT, b"next", to=Role.SERVER))
    assert end.next_event(pings_only=True) is HELD_BACK
    assert end.next_event() == LONG
    assert end.next_event() == "next"


def test_a_payload_that_arrives_is_held_back() -> None:
    end = open_end(Role.SERVER)
    rest = arriving(end)
    assert end.next_event(pings_only=True) is HELD_BACK
    rest = rest[put(end, rest[:5000]) :]
    assert end.next_event(pings_only=True) is HELD_BACK
    assert hear(end, rest) == [LONG]


@BOTH_ROLES
def test_limits_hold_at_the_header(role: Role) -> None:
    exactly = frame(BINARY, LONG, to=role)
    assert hear_in_place(open_end(role, Limits(message=len(LONG))), exactly, 1000) == [LONG]
    end = open_end(role, Limits(message=len(LONG) - 1))
    assert failure(hear(end, exactly[:20])) == 1009
    assert end.get_buffer() is None
    end = open_end(role, Limits(message=len(LONG) + 40_000))
    assert hear_in_place(end, frame(BINARY, LONG, to=role, fin=False), 1000) == []
    assert failure(hear(end, frame(CONTINUATION, bytes(40_001), to=role))) == 1009
    assert end.get_buffer() is None


@BOTH_ROLES
def test_the_end_may_come_in_the_middle(role: Role) -> None:
    end = open_end(role)
    rest = arriving(end)
    put(end, rest[:1000])
    end.receive_eof()
    (closed,) = events(end)
    assert isinstance(closed, Closed)
    assert (closed.reason.code, closed.clean) == (1006, False)
    assert end.get_buffer() is None
    assert hear(end, rest[1000:]) == []
    assert end.next_event() is OVER


@BOTH_ROLES
def test_we_may_close_while_a_payload_arrives(role: Role) -> None:
    end = open_end(role)
    rest = arriving(end)
    end.close(4000)
    assert end.state is State.CLOSING
    last = close_frame(4000, to=role)
    found = hear_in_place(end, rest + last, 10_000)
    assert found == [LONG, Closed(CloseReason(4000, initiator="local"), clean=True)]


@BOTH_ROLES
def test_a_failure_after_a_long_fragment_drops_it(role: Role) -> None:
    end = open_end(role)
    rest = arriving(end, fin=False)
    assert hear_in_place(end, rest, 10_000) == []
    assert hear(end, frame(BINARY, b"", to=role)) == [
        Failed(CloseReason(1002, "message is not finished"))
    ]
    assert end.get_buffer() is None
    assert end.next_event() is OVER
    end.close()
    (closed,) = events(end)
    assert isinstance(closed, Closed)


@BOTH_ROLES
def test_nothing_is_kept_of_a_payload_that_will_not_be_whole(role: Role) -> None:
    end = open_end(role, UNLIMITED)
    rest = arriving(end)
    tracemalloc.start()
    try:
        while len(rest) > 1000:
            rest = rest[put(end, rest[:-1000]) :]
        held = tracemalloc.get_traced_memory()[0]
        end.receive_eof()
        assert len(events(end)) == 1
        assert tracemalloc.get_traced_memory()[0] < held - 200_000
    finally:
        tracemalloc.stop()


def test_plain_payloads_come_in_place_where_others_are_compressed() -> None:
    end = open_end(Role.SERVER, UNLIMITED, Deflate())
    data = frame(BINARY, LONG, to=Role.SERVER)
    assert hear_in_place(end, data * 2, 10_000) == [LONG, LONG]


def test_a_fragment_is_a_piece() -> None:
    end = open_end(Role.SERVER)
    end.receive_data(frame(BINARY, LONG, to=Role.SERVER, fin=False))
    found: list[object] = []
    while (event := end.next_event()) is not NEED_DATA:
        assert isinstance(event, Pause)
        found.append(event)
    assert found == [PIECE]
    assert said(end) == b""
