"""wsproto as the oracle: what both can decode must mean the same to both.

Its known faults are left out by name, in `wsproto_is_wrong_about`.
"""

from __future__ import annotations

import contextlib

import wsproto
import wsproto.connection
from hypothesis import assume, given
from hypothesis import strategies as st
from wsproto import events as theirs
from wsproto.extensions import PerMessageDeflate

from ws_core import (
    Accepted,
    Closed,
    CloseReason,
    Connection,
    Deflate,
    Failed,
    Pinged,
    Ponged,
    Rejected,
    Requested,
    Role,
    State,
)
from ws_core._close import ProtocolViolation
from ws_core._frame_reader import FrameReader
from ws_core._frames import Piece

from .two_ends import CLOSE, events, frame, hear, open_end, said

roles = st.sampled_from(Role)


def wsproto_end(role: Role) -> wsproto.connection.Connection:
    """An open connection of wsproto's."""
    kinds = {Role.CLIENT: wsproto.ConnectionType.CLIENT, Role.SERVER: wsproto.ConnectionType.SERVER}
    return wsproto.connection.Connection(kinds[role])


def wsproto_hears(end: wsproto.connection.Connection, data: bytes) -> list[object]:
    """What wsproto makes of `data`, in the form of `two_ends.hear`, up to the first close.

    It reports a peer's fault as if the peer had closed, with an English text as the reason; both
    come out as ``("Closed", code)``.
    """
    end.receive_data(data)
    found: list[object] = []
    message: list[str] | list[bytes] = []
    for event in end.events():
        match event:
            case theirs.Ping():
                found.append(Pinged(bytes(event.payload)))
            case theirs.Pong():
                found.append(Ponged(bytes(event.payload), ()))
            case theirs.CloseConnection():
                return [*found, ("Closed", event.code)]
            case theirs.TextMessage() | theirs.BytesMessage():
                message.append(event.data)  # type: ignore[arg-type]  # all of one kind
                if event.message_finished:
                    empty = "" if isinstance(event, theirs.TextMessage) else b""
                    found.append(empty.join(message))  # type: ignore[arg-type]  # all of one kind
                    message = []
    return found


def we_hear(role: Role, data: bytes) -> list[object]:
    """What we make of `data`, in that form."""
    found = hear(open_end(role), data)
    return [
        ("Closed", event.reason.code) if isinstance(event, Closed | Failed) else event
        for event in found
    ]


def wsproto_is_wrong_about(role: Role, data: bytes) -> bool:
    """Close code 1014 is registered with IANA, and wsproto takes it for a protocol error."""
    reader = FrameReader(bytearray(data), masked=role is Role.SERVER, max_message=2**20)
    with contextlib.suppress(ProtocolViolation):
        while isinstance(found := reader.next_piece(), Piece):
            if found.opcode == CLOSE and found.payload[:2] == (1014).to_bytes(2, "big"):
                return True
    return False


opcodes = st.sampled_from([0, 0, 0, 1, 1, 2, 8, 9, 10])
contents = st.text(max_size=20).map(str.encode) | st.binary(max_size=140)
close_payloads = st.builds(
    lambda code, reason: code.to_bytes(2, "big") + reason,
    st.integers(990, 1020) | st.integers(2990, 5010),
    contents.map(lambda content: content[:100]),
)


@st.composite
def frame_lists(draw: st.DrawFn) -> tuple[Role, bytes]:
    """Frames, most of them legal, for an end of a role."""
    role = draw(roles)
    data = b""
    in_message = False
    for _ in range(draw(st.integers(1, 8))):
        opcode = draw(opcodes)
        if opcode == CLOSE:
            data += frame(CLOSE, draw(close_payloads | contents), to=role)
            continue
        if opcode > CLOSE:
            data += frame(opcode, draw(contents)[:125], to=role)
            continue
        fin = draw(st.booleans())
        # Mostly what the message asks for, now and then the opposite.
        if draw(st.integers(0, 19)):
            opcode = 0 if in_message else max(opcode, 1)
        data += frame(opcode, draw(contents), to=role, fin=fin)
        in_message = not fin
    return role, data


@given(frame_lists())
def test_frames_mean_the_same_to_both(frames: tuple[Role, bytes]) -> None:
    role, data = frames
    ours = we_hear(role, data)
    assume(not wsproto_is_wrong_about(role, data))
    assert wsproto_hears(wsproto_end(role), data) == ours


@given(frame_lists(), st.integers(0), st.integers(0, 255))
def test_damaged_frames_mean_the_same_to_both(
    frames: tuple[Role, bytes], place: int, octet: int
) -> None:
    role, data = frames
    place %= len(data)
    data = data[:place] + bytes((octet,)) + data[place + 1 :]
    assume(not wsproto_is_wrong_about(role, data))
    ours = we_hear(role, data)
    # It has no limit of its own.
    assume(("Closed", 1009) not in ours)
    # It sees some faults of a header, and an encoded surrogate, only when payload follows.
    late = frame(0, bytes(150), to=role) if ours and isinstance(ours[-1], tuple) else b""
    assert wsproto_hears(wsproto_end(role), data + late) == ours


def test_wsproto_is_still_wrong_about_1014() -> None:
    """When this fails, `wsproto_is_wrong_about` can go."""
    data = frame(CLOSE, (1014).to_bytes(2, "big"), to=Role.SERVER)
    assert wsproto_hears(wsproto_end(Role.SERVER), data) == [("Closed", 1002)]
    assert we_hear(Role.SERVER, data) == [("Closed", 1014)]


# What we say, and what wsproto says.

messages = st.text() | st.binary(max_size=300)


@given(roles, st.lists(messages, max_size=5), st.binary(max_size=125), st.text(max_size=30))
def test_wsproto_hears_what_we_say(
    role: Role, said_messages: list[str | bytes], payload: bytes, reason: str
) -> None:
    end = open_end(role)
    for message in said_messages:
        end.send_message(message)
    end.ping(payload)
    end.pong(payload)
    end.close(4000, reason)
    other = wsproto_end(Role.SERVER if role is Role.CLIENT else Role.CLIENT)
    assert wsproto_hears(other, said(end)) == [
        *said_messages,
        Pinged(payload),
        Ponged(payload, ()),
        ("Closed", 4000),
    ]
    answer = other.send(theirs.CloseConnection(code=4000, reason=reason))
    assert hear(end, answer) == [Closed(CloseReason(4000, reason or None), clean=True)]


def their_message(part: str | bytes, *, finished: bool = True) -> theirs.Event:
    """A message, or a part of one, as wsproto's event."""
    if isinstance(part, str):
        return theirs.TextMessage(data=part, message_finished=finished)
    return theirs.BytesMessage(data=part, message_finished=finished)


@given(
    roles,
    st.lists(st.tuples(messages, st.booleans()), max_size=5),
    st.binary(max_size=125),
    st.text(max_size=30),
)
def test_we_hear_what_wsproto_says(
    role: Role, said_messages: list[tuple[str | bytes, bool]], payload: bytes, reason: str
) -> None:
    other = wsproto_end(Role.SERVER if role is Role.CLIENT else Role.CLIENT)
    data = b""
    for message, in_two in said_messages:
        middle = len(message) // 2 if in_two else 0
        if in_two:
            data += other.send(their_message(message[:middle], finished=False))
        data += other.send(their_message(message[middle:]))
    data += other.send(theirs.Ping(payload))
    data += other.send(theirs.Pong(payload))
    data += other.send(theirs.CloseConnection(code=4000, reason=reason))
    assert hear(open_end(role), data) == [
        *(message for message, _ in said_messages),
        Pinged(payload),
        Ponged(payload, ()),
        Closed(CloseReason(4000, reason or None), clean=True),
    ]


# The opening handshake.


def test_wsproto_accepts_our_request_and_we_its_answer() -> None:
    client, server = Connection(Role.CLIENT), wsproto.WSConnection(wsproto.ConnectionType.SERVER)
    client.request("example.com:8000", "/chat?x", subprotocols=["a", "b"])
    server.receive_data(said(client))
    (request,) = server.events()
    assert isinstance(request, theirs.Request)
    assert (request.host, request.target) == ("example.com:8000", "/chat?x")
    assert request.subprotocols == ["a", "b"]
    accepted = server.send(theirs.AcceptConnection(subprotocol="b"))
    assert hear(client, accepted + server.send(theirs.Message(data="hi"))) == [
        Accepted("b", ()),
        "hi",
    ]


def test_we_accept_wsprotos_request_and_it_our_answer() -> None:
    client, server = wsproto.WSConnection(wsproto.ConnectionType.CLIENT), Connection(Role.SERVER)
    request = theirs.Request(host="example.com:8000", target="/chat?x", subprotocols=["a", "b"])
    (event,) = hear(server, client.send(request))
    assert isinstance(event, Requested)
    assert (event.resource, event.subprotocols) == ("/chat?x", ("a", "b"))
    server.accept(subprotocol="b", extra_headers=[("X", "y")])
    server.send_message("hi")
    client.receive_data(said(server))
    accepted, message = client.events()
    assert accepted == theirs.AcceptConnection(subprotocol="b", extra_headers=[(b"x", b"y")])
    assert message == theirs.TextMessage(data="hi")


def test_rejections_are_understood() -> None:
    ours = Connection(Role.CLIENT)
    wsprotos = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
    ours.request("example.com")
    wsprotos.receive_data(said(ours))
    assert hear(ours, wsprotos.send(theirs.RejectConnection(status_code=403))) == [
        Rejected(403, ((b"content-length", b"0"),), b"")
    ]
    server = Connection(Role.SERVER)
    client = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
    server.receive_data(client.send(theirs.Request(host="example.com", target="/")))
    assert len(events(server)) == 1
    server.reject(403, body=b"no")
    assert server.state is State.CLOSED
    client.receive_data(said(server))
    rejection, body, end = client.events()
    assert isinstance(rejection, theirs.RejectConnection)
    assert rejection.status_code == 403
    assert body == theirs.RejectData(data=b"no", body_finished=False)
    assert end == theirs.RejectData(data=b"", body_finished=True)


# Compression.


def agreed_pair(role: Role, deflate: Deflate) -> tuple[Connection, wsproto.WSConnection]:
    """Our end in `role`, and wsproto's, with permessage-deflate as they agree on it."""
    ours = Connection(role, deflate=deflate)
    bits = deflate.server_max_window_bits, deflate.client_max_window_bits
    extension = PerMessageDeflate(server_max_window_bits=bits[0], client_max_window_bits=bits[1])
    if role is Role.CLIENT:
        wsprotos = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
        ours.request("example.com")
        wsprotos.receive_data(said(ours))
        assert len(list(wsprotos.events())) == 1
        accept = theirs.AcceptConnection(extensions=[extension])
        assert hear(ours, wsprotos.send(accept)) == [Accepted(None, ())]
    else:
        wsprotos = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        asked = theirs.Request(host="example.com", target="/", extensions=[extension])
        assert len(hear(ours, wsprotos.send(asked))) == 1
        ours.accept()
        wsprotos.receive_data(said(ours))
        assert len(list(wsprotos.events())) == 1
    assert ours.deflate is not None
    assert extension.enabled()
    return ours, wsprotos


@given(
    roles,
    st.integers(9, 15),
    st.integers(9, 15),
    st.lists(st.lists(st.text(max_size=200), min_size=1, max_size=4), max_size=8),
)
def test_compressed_messages_mean_the_same_to_wsproto(
    role: Role, server_bits: int, client_bits: int, conversation: list[list[str]]
) -> None:
    deflate = Deflate(
        server_max_window_bits=server_bits, client_max_window_bits=client_bits, threshold=0
    )
    ours, wsprotos = agreed_pair(role, deflate)
    for parts in conversation:
        message = "".join(parts)
        for i, part in enumerate(parts):
            last = i == len(parts) - 1
            ours.receive_data(wsprotos.send(theirs.Message(part, message_finished=last)))
        assert events(ours) == [message]
        ours.send_message(message)
        wsprotos.receive_data(said(ours))
        found = [e.data for e in wsprotos.events() if isinstance(e, theirs.TextMessage)]
        assert "".join(found) == message
