import pickle
from collections.abc import Callable

import pytest
import wsproto.utilities

from ws_core import (
    CloseReason,
    Connection,
    ConnectionClosed,
    ConnectionRejected,
    HandshakeError,
    LocalProtocolError,
    Role,
)

from .two_ends import open_end


def test_rejection_carries_the_whole_answer() -> None:
    error = ConnectionRejected(403, ((b"a", b"b"),), b"no")
    assert isinstance(error, HandshakeError)
    assert (error.status_code, error.headers, error.body) == (403, ((b"a", b"b"),), b"no")
    assert str(error) == "the server rejected the connection with HTTP status 403"
    assert repr(error) == "ConnectionRejected<status_code=403>"


def test_closed_connection_tells_its_reason() -> None:
    error = ConnectionClosed(CloseReason(1001, "bye"))
    assert str(error) == "1001 GOING_AWAY: 'bye' (lost)"
    assert repr(error) == (
        "ConnectionClosed<CloseReason<code=1001, name=GOING_AWAY, reason='bye'>>"
    )


def test_closed_connection_tells_who_closed_it_and_why() -> None:
    reason = CloseReason(1009, "big", initiator="local", clean=True, detail="too much came")
    error = ConnectionClosed(reason)
    assert (error.initiator, error.clean) == ("local", True)
    assert str(error) == "1009 MESSAGE_TOO_BIG: 'big' (closed by us: too much came)"
    assert str(ConnectionClosed(CloseReason(1001, initiator="remote"))) == (
        "1001 GOING_AWAY (closed by the peer)"
    )


def test_subclass_without_our_constructor_has_the_defaults() -> None:
    class Own(ConnectionClosed):
        def __init__(self) -> None:
            pass

    error = Own()
    assert (error.reason, error.initiator, error.clean) == (None, None, False)


def test_closed_connection_may_have_no_reason() -> None:
    error = ConnectionClosed()
    assert error.reason is None
    assert (error.initiator, error.clean) == (None, False)
    assert str(error) == "the connection is closed"
    assert repr(error) == "ConnectionClosed<None>"


def test_subclass_need_not_call_our_constructor() -> None:
    class Gone(ConnectionClosed):
        def __init__(self, name: str) -> None:
            self.name = name

    assert Gone("x").reason is None
    assert str(Gone("x")) == "the connection is closed"
    assert repr(Gone("x")) == "Gone<None>"


def test_errors_travel_between_processes() -> None:
    rejected = pickle.loads(pickle.dumps(ConnectionRejected(403, (), b"no")))
    assert (rejected.status_code, rejected.body) == (403, b"no")
    closed = pickle.loads(pickle.dumps(ConnectionClosed(CloseReason(1001, "bye"))))
    assert (closed.reason.code, closed.reason.reason) == (1001, "bye")


def test_our_own_mistakes_are_wsprotos_error() -> None:
    assert LocalProtocolError is wsproto.utilities.LocalProtocolError


@pytest.mark.parametrize(
    "say",
    [
        lambda end: end.send_message("secret" * 100_000),
        lambda end: end.send_message(b"secret" * 100_000),
        lambda end: end.ping(b"secret"),
        lambda end: end.pong(b"secret"),
        lambda end: end.ping(b"secret" * 100_000),
    ],
)
def test_what_could_not_be_sent_is_not_in_the_error(say: Callable[[Connection], None]) -> None:
    end = open_end(Role.CLIENT)
    end.close()
    with pytest.raises((LocalProtocolError, ValueError)) as caught:
        say(end)
    text = str(caught.value) + repr(caught.value)
    assert "secret" not in text
    assert len(text) < 300
