import math

import pytest

from ws_core import Limits, LocalProtocolError, Pinged, Ponged, Role

from .two_ends import PONG, deliver, events, frame, hear, open_end, open_pair, said


def test_ping_is_answered_and_settled() -> None:
    for speaker, listener in (open_pair(), open_pair()[::-1]):
        speaker.ping(b"are you there?")
        assert deliver(speaker, listener) == [Pinged(b"are you there?")]
        assert deliver(listener, speaker) == [
            Ponged(b"are you there?", settled=(b"are you there?",))
        ]


def test_pong_settles_the_pings_before_it() -> None:
    server = open_end(Role.SERVER)
    for payload in (b"1", b"2", b"3", b"4"):
        server.ping(payload)
    assert hear(server, frame(PONG, b"3", to=Role.SERVER)) == [Ponged(b"3", (b"1", b"2", b"3"))]
    assert hear(server, frame(PONG, b"4", to=Role.SERVER)) == [Ponged(b"4", (b"4",))]


@pytest.mark.parametrize("payload", [b"", b"1", b"unknown"])
def test_pongs_that_nobody_waits_for_settle_nothing(payload: bytes) -> None:
    server = open_end(Role.SERVER)
    pong = frame(PONG, payload, to=Role.SERVER)
    assert hear(server, pong) == [Ponged(payload, ())]
    server.ping(b"1")
    server.ping(b"other")
    assert hear(server, frame(PONG, b"1", to=Role.SERVER)) == [Ponged(b"1", (b"1",))]
    # The same pong again, and late.
    assert hear(server, pong + pong) == [Ponged(payload, ())] * 2
    assert hear(server, frame(PONG, b"other", to=Role.SERVER)) == [Ponged(b"other", (b"other",))]


def test_ping_twice_with_one_payload_is_refused_until_it_is_settled() -> None:
    server = open_end(Role.SERVER)
    server.ping(b"x")
    once = said(server)
    with pytest.raises(ValueError, match="a ping with payload b'x' is unanswered already"):
        server.ping(b"x")
    assert not said(server)
    hear(server, frame(PONG, b"x", to=Role.SERVER))
    server.ping(b"x")
    assert said(server) == once


def test_forgotten_ping_is_not_settled_any_more() -> None:
    server = open_end(Role.SERVER)
    for payload in (b"1", b"2", b"3"):
        server.ping(payload)
    server.forget_ping(b"2")
    server.forget_ping(b"never sent")
    assert hear(server, frame(PONG, b"3", to=Role.SERVER)) == [Ponged(b"3", (b"1", b"3"))]
    assert hear(server, frame(PONG, b"2", to=Role.SERVER)) == [Ponged(b"2", ())]


def test_the_answer_to_a_forgotten_ping_settles_the_pings_before_it() -> None:
    server = open_end(Role.SERVER)
    for payload in (b"1", b"2", b"3", b"4"):
        server.ping(payload)
    server.forget_ping(b"1")
    server.forget_ping(b"3")
    assert hear(server, frame(PONG, b"3", to=Role.SERVER)) == [Ponged(b"3", (b"2",))]
    assert hear(server, frame(PONG, b"4", to=Role.SERVER)) == [Ponged(b"4", (b"4",))]


def test_a_forgotten_ping_may_be_sent_again_and_then_comes_last() -> None:
    server = open_end(Role.SERVER)
    for payload in (b"1", b"2"):
        server.ping(payload)
    server.forget_ping(b"1")
    server.ping(b"1")
    assert hear(server, frame(PONG, b"2", to=Role.SERVER)) == [Ponged(b"2", (b"2",))]
    assert hear(server, frame(PONG, b"1", to=Role.SERVER)) == [Ponged(b"1", (b"1",))]


def test_forgotten_pings_give_way_to_new_ones() -> None:
    server = open_end(Role.SERVER, Limits(pending_pings=3))
    server.ping(b"waits")
    for number in range(100):
        server.ping(b"%d" % number)
        server.forget_ping(b"%d" % number)
    # Of those that were forgotten the last two are still known.
    for number, settled in ((97, ()), (98, (b"waits",)), (99, ())):
        pong = b"%d" % number
        assert hear(server, frame(PONG, pong, to=Role.SERVER)) == [Ponged(pong, settled)]


def test_unanswered_pings_are_bounded() -> None:
    server = open_end(Role.SERVER, Limits(pending_pings=3))
    for i in range(3):
        server.ping(b"%d" % i)
    before = len(server.outgoing)
    with pytest.raises(ValueError, match=r"3 pings are unanswered already.*pending_pings"):
        server.ping(b"3")
    assert len(server.outgoing) == before
    server.forget_ping(b"1")
    server.ping(b"3")


def test_unanswered_pings_may_be_unbounded() -> None:
    server = open_end(Role.SERVER, Limits(pending_pings=math.inf))
    for i in range(1000):
        server.ping(b"%d" % i)
    (pong,) = hear(server, frame(PONG, b"999", to=Role.SERVER))
    assert isinstance(pong, Ponged)
    assert len(pong.settled) == 1000


@pytest.mark.parametrize("size", [0, 125])
def test_payload_may_be_anything_bytes_like_up_to_125_bytes(size: int) -> None:
    for payload in (bytes(size), bytearray(size), memoryview(bytes(size))):
        client, server = open_pair()
        client.pong(payload)
        client.ping(payload)
        assert deliver(client, server) == [Ponged(bytes(size), ()), Pinged(bytes(size))]


def test_length_is_that_of_the_bytes() -> None:
    client, server = open_pair()
    client.ping(memoryview(bytes(124)).cast("f"))  # type: ignore[arg-type]  # the point
    assert deliver(client, server) == [Pinged(bytes(124))]
    with pytest.raises(ValueError, match="payload is 128 bytes long"):
        client.ping(memoryview(bytes(128)).cast("f"))  # type: ignore[arg-type]  # the point


@pytest.mark.parametrize("verb", ["ping", "pong"])
@pytest.mark.parametrize("payload", ["text", 5, None, [1, 2]])
def test_payload_of_another_type_is_refused(verb: str, payload: object) -> None:
    server = open_end(Role.SERVER)
    with pytest.raises(TypeError, match="payload must be bytes"):
        getattr(server, verb)(payload)
    assert not len(server.outgoing)


@pytest.mark.parametrize("verb", ["ping", "pong"])
def test_payload_of_126_bytes_is_refused(verb: str) -> None:
    server = open_end(Role.SERVER, Limits(pending_pings=1))
    with pytest.raises(ValueError, match="payload is 126 bytes long"):
        getattr(server, verb)(bytes(126))
    assert not len(server.outgoing)
    server.ping(b"the one that may be pending")


def test_ping_that_could_not_be_sent_is_not_waited_for() -> None:
    server = open_end(Role.SERVER)
    server.close()
    with pytest.raises(LocalProtocolError, match="a ping can't be sent: this server is closing"):
        server.ping(b"x")
    assert hear(server, frame(PONG, b"x", to=Role.SERVER)) == [Ponged(b"x", ())]
    assert events(server) == []
