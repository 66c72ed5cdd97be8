from __future__ import annotations

import itertools
import string
from collections.abc import Callable
from typing import TypeAlias

from hypothesis import assume, given
from hypothesis import strategies as st

from ws_core import (
    Closed,
    CloseReason,
    Connection,
    Failed,
    Limits,
    LocalProtocolError,
    Outgoing,
    Pinged,
    Ponged,
    Role,
    State,
    WebSocketURL,
    normalize_resource,
)
from ws_core._codec import apply_mask

from .two_ends import (
    BINARY,
    CONTINUATION,
    PING,
    PONG,
    REQUEST,
    TEXT,
    answer,
    close_frame,
    deliver,
    events,
    frame,
    hear,
    hear_bytewise,
    open_end,
    open_pair,
    said,
    xor,
)

Message: TypeAlias = str | bytes

roles = st.sampled_from(Role)
messages: st.SearchStrategy[Message] = st.text() | st.binary(max_size=300)
masks = st.binary(min_size=4, max_size=4)
payloads = st.binary(max_size=125)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """`data` in pieces, cut at `places` as far as there are so many bytes."""
    borders = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(borders)]


def hear_cut(end: Connection, data: bytes, places: list[int]) -> list[object]:
    """What happens at `end` when `data` comes in pieces."""
    return [event for piece in cut(data, places) for event in hear(end, piece)]


cut_places = st.lists(st.integers(0, 10_000), max_size=8)


@st.composite
def fragmented(draw: st.DrawFn, to: Role) -> tuple[list[object], bytes]:
    """A message in any number of frames with control frames between; the events, and the bytes."""
    message = draw(messages)
    encoded = message.encode() if isinstance(message, str) else message
    opcode = TEXT if isinstance(message, str) else BINARY
    parts = cut(encoded, draw(cut_places))
    found: list[object] = []
    data = b""
    for i, part in enumerate(parts):
        fin = i == len(parts) - 1
        code = CONTINUATION if i else opcode
        data += frame(code, part, to=to, fin=fin, mask=draw(masks))
        if not fin:
            for ping, payload in draw(st.lists(st.tuples(st.booleans(), payloads), max_size=2)):
                data += frame(PING if ping else PONG, payload, to=to, mask=draw(masks))
                found.append(Pinged(payload) if ping else Ponged(payload, ()))
    return [*found, message], data


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Role, list[object], bytes]:
    """What the peer of a role says until it closes: the role, the events, and the bytes."""
    role = draw(roles)
    found: list[object] = []
    data = b""
    for events_of_one, bytes_of_one in draw(st.lists(fragmented(role), max_size=4)):
        found += events_of_one
        data += bytes_of_one
    if draw(st.booleans()):
        code, reason = draw(st.integers(3000, 4999)), draw(st.text(max_size=30))
        data += close_frame(code, reason, to=role)
        found.append(Closed(CloseReason(code, reason or None), clean=True))
    return role, found, data


@given(conversations(), cut_places)
def test_fragments_and_cuts_make_no_difference(
    conversation: tuple[Role, list[object], bytes], places: list[int]
) -> None:
    role, expected, data = conversation
    assert hear(open_end(role), data) == expected
    assert hear_cut(open_end(role), data, places) == expected
    assert hear_bytewise(open_end(role), data) == expected


@given(roles, st.lists(messages, max_size=5), cut_places)
def test_what_one_end_says_the_other_hears(
    role: Role, said_messages: list[Message], places: list[int]
) -> None:
    client, server = open_pair()
    speaker, listener = (client, server) if role is Role.CLIENT else (server, client)
    for message in said_messages:
        speaker.send_message(message)
    assert hear_cut(listener, said(speaker), places) == said_messages


@given(st.lists(st.sampled_from([0, 1, 124, 125, 126, 127, 65535, 65536, 100_000]), max_size=3))
def test_messages_of_every_size_come_through(sizes: list[int]) -> None:
    client, server = open_pair()
    for size in sizes:
        client.send_message(bytes(size))
        server.send_message("x" * size)
    assert deliver(client, server) == [bytes(size) for size in sizes]
    assert deliver(server, client) == ["x" * size for size in sizes]


# Any bytes at all.


def check_end(end: Connection, data: bytes, places: list[int]) -> None:
    """Whatever `end` hears, it lives, and its speech and state fit to what it heard."""
    found = hear_cut(end, data, places)
    end.receive_eof()
    found += events(end)
    assert end.state in {State.CONNECTING, State.CLOSED, State.FAILING}
    assert sum(isinstance(event, Closed | Failed) for event in found) <= 1
    said(end)
    if end.state is not State.CONNECTING:
        end.close()
        events(end)
        assert end.state is State.CLOSED
        assert hear(end, data) == []
        said(end)
        assert not len(end.outgoing)


@given(roles, st.binary(max_size=300), cut_places)
def test_no_bytes_break_an_open_end(role: Role, data: bytes, places: list[int]) -> None:
    check_end(open_end(role), data, places)


@given(conversations(), cut_places, st.lists(st.tuples(st.integers(0), st.integers(0, 255))))
def test_no_damaged_frames_break_an_open_end(
    conversation: tuple[Role, list[object], bytes],
    places: list[int],
    damages: list[tuple[int, int]],
) -> None:
    role, _, data = conversation
    damaged = bytearray(data)
    for place, octet in damages:
        if damaged:
            damaged[place % len(damaged)] = octet
    check_end(open_end(role), bytes(damaged), places)
    assert hear(open_end(role), bytes(damaged)) == hear_bytewise(open_end(role), bytes(damaged))


@given(st.binary(max_size=300), cut_places)
def test_no_bytes_break_a_server_that_waits_for_a_request(data: bytes, places: list[int]) -> None:
    check_end(Connection(Role.SERVER), data, places)
    check_end(Connection(Role.SERVER), b"GET " + data + b"\r\n\r\n", places)
    check_end(Connection(Role.SERVER), REQUEST[:-2] + data + b"\r\n\r\n", places)


@given(st.binary(max_size=300), st.booleans(), cut_places)
def test_no_bytes_break_a_client_that_waits_for_an_answer(
    data: bytes, asked: bool, places: list[int]
) -> None:
    wraps: list[Callable[[bytes], bytes]] = [
        lambda _: data,
        lambda _: b"HTTP/1.1 " + data + b"\r\n\r\n",
        lambda request: answer(request)[:-2] + data + b"\r\n\r\n",
    ]
    for wrap in wraps:
        client = Connection(Role.CLIENT)
        request = REQUEST
        if asked:
            client.request("example.com")
            request = said(client)
        check_end(client, wrap(request), places)


# Two ends.

VERBS: list[Callable[[Connection], object]] = [
    lambda end: end.send_message("text"),
    lambda end: end.send_message(b"x" * 200),
    lambda end: end.ping(b"1"),
    lambda end: end.ping(b"2"),
    lambda end: end.pong(b"1"),
    lambda end: end.close(),
    lambda end: end.close(4000, "done"),
]


@given(st.lists(st.tuples(roles, st.sampled_from(VERBS) | st.integers(1, 300)), max_size=40))
def test_any_conversation_of_two_ends_ends_well(
    steps: list[tuple[Role, Callable[[Connection], object] | int]],
) -> None:
    """A step is a verb, or a number of bytes that get through."""
    client, server = open_pair()
    ends = {Role.CLIENT: client, Role.SERVER: server}
    peers = {Role.CLIENT: server, Role.SERVER: client}
    told: dict[Role, list[Message]] = {role: [] for role in Role}
    heard: dict[Role, list[object]] = {role: [] for role in Role}
    for role, step in steps:
        end = ends[role]
        if isinstance(step, int):
            data = b"".join(end.outgoing.peek(step))
            end.written(len(data))
            heard[role] += hear(peers[role], data)
        else:
            before = len(end.outgoing)
            state = end.state
            try:
                step(end)
            except (LocalProtocolError, ValueError):
                assert len(end.outgoing) == before
                assert end.state is state
            else:
                if step is VERBS[0]:
                    told[role].append("text")
                elif step is VERBS[1]:
                    told[role].append(b"x" * 200)
    client.close()
    for _ in range(3):
        for role in Role:
            heard[role] += deliver(ends[role], peers[role])
    for role in Role:
        got = [event for event in heard[role] if isinstance(event, str | bytes)]
        assert got == told[role]
        assert ends[role].state is State.CLOSED
        assert sum(isinstance(event, Closed | Failed) for event in heard[role]) == 1
        assert not len(ends[role].outgoing)


@given(
    st.lists(
        st.tuples(st.booleans(), st.just(b"") | masks, st.binary(max_size=9), st.integers(0, 20))
    )
)
def test_outgoing_bytes_are_written_once_and_in_order(
    steps: list[tuple[bool, bytes, bytes, int]],
) -> None:
    outgoing = Outgoing()
    everything, written = b"", b""
    for control, key, payload, count in steps:
        if control:
            outgoing.append_control(payload)
        else:
            outgoing.append(b"<")
            outgoing.append(payload, key)
            everything += b"<"
        everything += xor(payload, key) if key and not control else payload
        part = b"".join(outgoing.peek(count))
        assert len(part) <= min(count, len(outgoing))
        assert part or not count or not len(outgoing)
        outgoing.advance(len(part))
        written += part
        assert len(outgoing) == len(everything) - len(written)
        assert outgoing.control_size >= 0
    while len(outgoing):
        part = b"".join(outgoing.peek(2**20))
        outgoing.advance(len(part))
        written += part
    assert written == everything


# Small things.


@given(st.binary(max_size=2000), masks, st.integers(0, 2000))
def test_masking_in_two_pieces_is_masking_in_one(data: bytes, mask: bytes, place: int) -> None:
    masked = apply_mask(data, mask)
    assert masked == xor(data, mask)
    assert apply_mask(masked, mask) == data
    place = min(place, len(data))
    turned = mask[place % 4 :] + mask[: place % 4]
    assert apply_mask(data[:place], mask) + apply_mask(data[place:], turned) == masked


names = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=20)
hosts = st.lists(names, min_size=1, max_size=4).map(".".join) | st.ip_addresses(v=6).map(
    lambda address: f"[{address}]"
)
printable = st.text(st.characters(exclude_categories=["C"]), max_size=30)


@given(st.booleans(), hosts, st.none() | st.integers(1, 65535), printable, printable)
def test_url_that_was_parsed_means_the_same_when_it_is_parsed_again(
    secure: bool, host: str, port: int | None, path: str, query: str
) -> None:
    scheme = "wss" if secure else "ws"
    where = host if port is None else f"{host}:{port}"
    text = f"{scheme}://{where}/{path}?{query}"
    assume(text == text.strip())
    url = WebSocketURL.parse(text)
    assert url.secure is secure
    assert url.host == host.strip("[]")
    assert url.port == (port or (443 if secure else 80))
    assert url.resource.isascii()
    assert url.resource.isprintable()
    assert WebSocketURL.parse(f"{scheme}://{url.host_header}{url.resource}") == url
    client = Connection(Role.CLIENT)
    client.request(url.host_header, url.resource)
    assert said(client).startswith(b"GET %s HTTP/1.1\r\n" % url.resource.encode())


@given(st.text(max_size=50))
def test_any_url_parses_or_is_a_value_error(text: str) -> None:
    for url in (text, "ws://" + text, "ws://example.com/" + text):
        try:
            parsed = WebSocketURL.parse(url)
        except ValueError:
            continue
        assert normalize_resource(parsed.resource) == parsed.resource
        assert parsed.host


@given(st.integers(0, 400), st.integers(0, 400), roles, cut_places)
def test_message_limit_is_exact(limit: int, size: int, role: Role, places: list[int]) -> None:
    parts = cut(bytes(size), places)
    data = b"".join(
        frame(CONTINUATION if i else BINARY, part, to=role, fin=i == len(parts) - 1)
        for i, part in enumerate(parts)
    )
    found = hear(open_end(role, Limits(message=limit)), data)
    if size <= limit:
        assert found == [bytes(size)]
    else:
        assert found == [Failed(CloseReason(1009, f"Exceeded maximum message size: {limit} bytes"))]
