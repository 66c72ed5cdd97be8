"""Several messages that come in one read are taken at once, and handed out one by one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ws_core import (
    HELD_BACK,
    NEED_DATA,
    OVER,
    Closed,
    CloseReason,
    Connection,
    Deflate,
    Failed,
    Limits,
    Pinged,
    Role,
    State,
)

from .deflated import compressed, deflate
from .two_ends import (
    BINARY,
    CONTINUATION,
    PING,
    TEXT,
    close_frame,
    events,
    frame,
    hear,
    open_end,
    said,
)

BOTH_ROLES = pytest.mark.parametrize("role", Role)


def texts(count: int, role: Role) -> bytes:
    """Messages that are numbers, from 0 on."""
    return b"".join(frame(TEXT, b"%d" % number, to=role) for number in range(count))


@BOTH_ROLES
@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 200])
def test_messages_are_handed_out_one_by_one(role: Role, count: int) -> None:
    end = open_end(role)
    end.receive_data(texts(count, role) + frame(PING, b"x", to=role))
    for number in range(count):
        assert end.next_event() == str(number)
        assert said(end) == b""
    assert end.next_event() == Pinged(b"x")
    assert end.next_event() is NEED_DATA


@BOTH_ROLES
def test_messages_that_were_taken_are_held_back(role: Role) -> None:
    end = open_end(role)
    end.receive_data(texts(3, role) + frame(PING, b"x", to=role))
    for number in range(3):
        assert end.next_event(pings_only=True) is HELD_BACK
        assert end.next_event() == str(number)
    assert end.next_event(pings_only=True) == Pinged(b"x")
    assert end.next_event(pings_only=True) is NEED_DATA


@BOTH_ROLES
def test_messages_that_were_taken_can_be_asked_for(role: Role) -> None:
    end = open_end(role)
    assert end.next_message() is None
    end.receive_data(texts(3, role) + frame(PING, b"x", to=role))
    assert end.next_message() is None  # `next_event` comes first
    assert end.next_event() == "0"
    assert [end.next_message(), end.next_message(), end.next_message()] == ["1", "2", None]
    assert end.next_event() == Pinged(b"x")
    assert end.next_message() is None


@BOTH_ROLES
def test_messages_ahead_of_a_violation_come_first_and_may_be_answered(role: Role) -> None:
    end = open_end(role)
    end.receive_data(texts(3, role) + b"\xff\xff" + texts(3, role))
    for number in range(3):
        assert end.state is State.OPEN
        assert end.next_event() == str(number)
        end.send_message("answer")
    assert end.next_event() == Failed(CloseReason(1002, "reserved bits are set"))
    end.send_message("late answer")
    assert end.next_event() is OVER


BAD = {
    "text": lambda role: frame(TEXT, b"ok\xff", to=role),
    "size": lambda role: frame(BINARY, bytes(101), to=role),
    "mask": lambda role: frame(BINARY, b"", to=role.peer),
    "start": lambda role: frame(CONTINUATION, b"", to=role),
}


@BOTH_ROLES
@pytest.mark.parametrize(
    ("kind", "code"), [("text", 1007), ("size", 1009), ("mask", 1002), ("start", 1002)]
)
def test_what_is_wrong_with_a_message_is_found_behind_the_good_ones(
    role: Role, kind: str, code: int
) -> None:
    bad: Callable[[Role], bytes] = BAD[kind]
    found = hear(open_end(role, Limits(message=100)), texts(70, role) + bad(role) + texts(1, role))
    assert found[:-1] == [str(number) for number in range(70)]
    assert isinstance(found[-1], Failed)
    assert found[-1].reason.code == code


@BOTH_ROLES
def test_a_close_behind_messages_is_answered_after_them(role: Role) -> None:
    end = open_end(role)
    end.receive_data(texts(2, role) + close_frame(1000, to=role))
    assert [end.next_event(), end.next_event()] == ["0", "1"]
    assert said(end) == b""
    assert end.next_event() == Closed(CloseReason(1000), clean=True)
    assert said(end) != b""


@BOTH_ROLES
def test_messages_that_came_before_our_close_are_still_heard(role: Role) -> None:
    end = open_end(role)
    end.receive_data(texts(3, role) + close_frame(1000, to=role))
    assert end.next_event() == "0"
    end.close()
    assert events(end) == ["1", "2", Closed(CloseReason(1000, initiator="local"), clean=True)]


@BOTH_ROLES
def test_the_end_of_the_stream_comes_after_the_messages(role: Role) -> None:
    end = open_end(role)
    end.receive_data(texts(2, role) + b"\x81")
    end.receive_eof()
    assert [end.next_event(), end.next_event()] == ["0", "1"]
    assert isinstance(end.next_event(), Closed)


@BOTH_ROLES
def test_messages_between_fragments_are_no_messages(role: Role) -> None:
    start = frame(TEXT, b"a", to=role, fin=False)
    found = hear(open_end(role), texts(2, role) + start + texts(2, role))
    assert found == ["0", "1", Failed(CloseReason(1002, "message is not finished"))]


@BOTH_ROLES
def test_compressed_and_plain_messages_are_mixed(role: Role) -> None:
    def end() -> Connection:
        return open_end(role, Limits(message=2**20), Deflate(threshold=0))

    squeezed = compressed(deflate(bytes(100_000)), to=role)
    data = texts(3, role) + squeezed + texts(2, role) + squeezed + frame(PING, to=role)
    data += squeezed[:5]
    expected = ["0", "1", "2", bytes(100_000), "0", "1", bytes(100_000), Pinged(b"")]
    assert hear(end(), data) == expected
    for step in (1, 2, 3, 10):
        other = end()
        cut = (data[start : start + step] for start in range(0, len(data), step))
        assert [event for part in cut for event in hear(other, part)] == expected
