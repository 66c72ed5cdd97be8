"""The exceptions: who derives from whom, what they say, and that they survive copying."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from wsproto.utilities import LocalProtocolError as WsprotoError

from trio_websocket import (
    CloseReason,
    ConnectionClosed,
    ConnectionRejected,
    ConnectionTimeout,
    DisconnectionTimeout,
    HandshakeError,
    LocalProtocolError,
)


def by_pickle(error: Any) -> Any:
    return pickle.loads(pickle.dumps(error))


every_copy = pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, by_pickle])
Duplicate = Callable[[Any], Any]


def test_families() -> None:
    for kind in (ConnectionTimeout, DisconnectionTimeout, ConnectionRejected):
        assert issubclass(kind, HandshakeError)
    for other in (HandshakeError, ConnectionClosed):
        assert other.__base__ is Exception
        assert not issubclass(other, OSError)
    assert LocalProtocolError is WsprotoError


REJECTED = ConnectionRejected(403, ((b"server", b"x"),), b"no")
REASON = CloseReason(1001, "moved")


@every_copy
def test_connection_rejected(duplicate: Duplicate) -> None:
    for error in (REJECTED, duplicate(REJECTED)):
        assert type(error) is ConnectionRejected
        assert error.status_code == 403
        assert error.headers == ((b"server", b"x"),)
        assert error.body == b"no"
        assert error.args == (403, ((b"server", b"x"),), b"no")
        assert repr(error) == "ConnectionRejected<status_code=403>"
        assert "403" in str(error)


@every_copy
def test_connection_closed(duplicate: Duplicate) -> None:
    for error in (ConnectionClosed(REASON), duplicate(ConnectionClosed(REASON))):
        assert type(error) is ConnectionClosed
        assert repr(error.reason) == repr(REASON)
        assert repr(error) == (
            "ConnectionClosed<CloseReason<code=1001, name=GOING_AWAY, reason='moved'>>"
        )
        assert "1001" in str(error)
        assert "moved" in str(error)


@every_copy
def test_connection_closed_without_a_reason(duplicate: Duplicate) -> None:
    error = duplicate(ConnectionClosed(None))
    assert error.reason is None
    assert repr(error) == "ConnectionClosed<None>"
    assert str(error)


@every_copy
@pytest.mark.parametrize("kind", [HandshakeError, ConnectionTimeout, DisconnectionTimeout])
def test_handshake_errors(duplicate: Duplicate, kind: type[Exception]) -> None:
    error = duplicate(kind("too late"))
    assert type(error) is kind
    assert str(error) == "too late"
    assert str(kind()) == ""


class Subclass(ConnectionClosed):
    """As Selenium has it: its own constructor, which does not call ours."""

    def __init__(self, reason: CloseReason | None) -> None:
        self.reason = reason

    def __repr__(self) -> str:
        return f"{type(self).__name__}<{self.reason}>"


class Silent(ConnectionClosed):
    """One that sets nothing at all."""

    def __init__(self) -> None:
        pass


@every_copy
def test_subclass_that_does_not_call_our_constructor(duplicate: Duplicate) -> None:
    for error in (Subclass(REASON), duplicate(Subclass(REASON))):
        assert isinstance(error, ConnectionClosed)
        assert error.reason is not None
        assert error.reason.code == 1001
        assert "1001" in repr(error)
        assert "1001" in str(error)


def test_subclass_that_sets_nothing() -> None:
    error = Silent()
    assert error.reason is None
    assert str(error)
    assert repr(error) == "Silent<None>"


def test_reason_is_writable() -> None:
    error = ConnectionClosed(None)
    error.reason = REASON
    assert error.reason is REASON


# CloseReason, too.


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (999, "INVALID_CODE"),
        (1000, "NORMAL_CLOSURE"),
        (1001, "GOING_AWAY"),
        (1005, "NO_STATUS_RCVD"),
        (1006, "ABNORMAL_CLOSURE"),
        (1011, "INTERNAL_ERROR"),
        (1012, "SERVICE_RESTART"),
        (1013, "TRY_AGAIN_LATER"),
        (1004, "RFC_RESERVED"),
        (2999, "RFC_RESERVED"),
        (3000, "IANA_RESERVED"),
        (3999, "IANA_RESERVED"),
        (4000, "PRIVATE_RESERVED"),
        (4999, "PRIVATE_RESERVED"),
        (5000, "INVALID_CODE"),
        (0, "INVALID_CODE"),
    ],
)
def test_names_of_codes(code: int, name: str) -> None:
    reason = CloseReason(code, None)
    assert reason.code == code
    assert reason.name == name
    assert reason.reason is None
    assert repr(reason) == f"CloseReason<code={code}, name={name}, reason=None>"


@pytest.mark.parametrize("attribute", ["code", "name", "reason"])
def test_close_reasons_are_read_only(attribute: str) -> None:
    # Python 3.11 has a TypeError for what is no field of a frozen dataclass with slots.
    with pytest.raises((AttributeError, TypeError)):
        setattr(CloseReason(1000, None), attribute, "x")


def test_close_reasons_compare_by_value() -> None:
    assert CloseReason(1000, None) == CloseReason(1000, None)
    assert CloseReason(1000, None) != CloseReason(1000, "bye")
    assert len({CloseReason(1000, None), CloseReason(1000, None)}) == 1


@every_copy
def test_close_reasons_can_be_copied(duplicate: Duplicate) -> None:
    assert repr(duplicate(REASON)) == repr(REASON)
