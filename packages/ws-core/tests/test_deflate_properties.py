"""Two ends stay in step, whatever they agree on, say, and how it travels."""

from __future__ import annotations

import dataclasses
import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ws_core import Connection, Deflate, Failed, Limits, Role

from .test_properties import Message, cut, cut_places, hear_cut, masks
from .two_ends import (
    BINARY,
    CONTINUATION,
    PING,
    TEXT,
    deliver,
    events,
    frame,
    hear,
    hear_bytewise,
    open_end,
    open_pair,
    said,
)

TAIL = b"\x00\x00\xff\xff"
WORDS = ["", "a", "tick", "price", "äöü", "€", "😀", '{"id": ', '"name": "', "0123456789" * 7]

# Text as programs send it: the same words again and again.
chatter = st.lists(st.sampled_from(WORDS), max_size=60).map("".join)
messages: st.SearchStrategy[Message] = chatter | st.text() | st.binary(max_size=600)
bits = st.none() | st.integers(9, 15)


@st.composite
def deflates(draw: st.DrawFn) -> Deflate:
    """Any parameters that both roles can do."""
    return Deflate(
        server_no_context_takeover=draw(st.booleans()),
        client_no_context_takeover=draw(st.booleans()),
        server_max_window_bits=draw(bits),
        client_max_window_bits=draw(bits),
        level=draw(st.none() | st.integers(0, 9)),
        mem_level=draw(st.integers(1, 9)),
        threshold=draw(st.sampled_from([0, 20, 64])),
    )


def pair_of(client_wants: Deflate | None, server_wants: Deflate | None) -> tuple[Connection, ...]:
    """A client and a server that are connected, each with its own wishes."""
    client = Connection(Role.CLIENT, deflate=client_wants)
    server = Connection(Role.SERVER, deflate=server_wants)
    client.request("server.example.com")
    deliver(client, server)
    server.accept()
    deliver(server, client)
    return client, server


@given(
    st.none() | deflates(),
    st.none() | deflates(),
    st.lists(st.tuples(st.booleans(), messages, st.sampled_from([None, True, False])), max_size=12),
    cut_places,
)
def test_two_ends_understand_each_other(
    client_wants: Deflate | None,
    server_wants: Deflate | None,
    turns: list[tuple[bool, Message, bool | None]],
    places: list[int],
) -> None:
    ends = pair_of(client_wants, server_wants)
    for from_client, message, compress in turns:
        speaker, listener = ends if from_client else reversed(ends)
        speaker.send_message(message, compress=compress)
        assert hear_cut(listener, said(speaker), places) == [message]


@given(deflates(), deflates())
def test_what_was_agreed_on_is_the_same_on_both_sides(one: Deflate, other: Deflate) -> None:
    client, server = pair_of(one, other)
    assert (client.deflate is None) is (server.deflate is None)
    if client.deflate is None or server.deflate is None:
        return
    ours, theirs = map(dataclasses.asdict, (client.deflate, server.deflate))
    for name in ("server_no_context_takeover", "server_max_window_bits"):
        assert ours[name] == theirs[name]
    # A client may do more for the server than the server asks.
    assert ours["client_no_context_takeover"] or not theirs["client_no_context_takeover"]
    assert ours["client_max_window_bits"] <= theirs["client_max_window_bits"]
    for wish in (one, other):
        for name in ("server_max_window_bits", "client_max_window_bits"):
            bound = getattr(wish, name)
            assert bound is None or ours[name] <= bound


@st.composite
def compressed_conversations(draw: st.DrawFn) -> tuple[int, bool, list[object], bytes]:
    """What a client says that compresses, fragments, flushes and ends its streams as it likes.

    Returns:
        Its window bits, whether it takes its context over, the messages, and the bytes.
    """
    window, takeover = draw(st.integers(8, 15)), draw(st.booleans())
    history = data = b""
    found: list[object] = []
    for message in draw(st.lists(messages, max_size=6)):
        encoded = message.encode() if isinstance(message, str) else message
        opcode = TEXT if isinstance(message, str) else BINARY
        payload, ends = b"", 0
        for part in cut(encoded, draw(cut_places)):
            zdict = history[-(2**window) :] if takeover or payload else b""
            # With 9 bits zlib never refers back further than 250 bytes, so that is good for 8 too.
            compressor = zlib.compressobj(
                draw(st.integers(0, 9)),
                zlib.DEFLATED,
                -max(window, 9),
                draw(st.integers(1, 9)),
                zlib.Z_DEFAULT_STRATEGY,
                zdict,
            )
            payload += compressor.compress(part) + compressor.flush(zlib.Z_SYNC_FLUSH)
            history += part
            if ends <= len(payload) // 64 and draw(st.booleans()):
                ends += 1
                payload += zlib.compressobj(wbits=-15).flush(zlib.Z_FINISH)
        if not takeover:
            history = b""
        parts = cut(payload.removesuffix(TAIL), draw(cut_places))
        for i, part in enumerate(parts):
            code, fin = CONTINUATION if i else opcode, i == len(parts) - 1
            data += frame(code, part, to=Role.SERVER, fin=fin, rsv1=not i, mask=draw(masks))
            if not fin and draw(st.booleans()):
                data += frame(PING, b"", to=Role.SERVER)
        found.append(message)
    return window, takeover, found, data


@settings(max_examples=300)
@given(compressed_conversations(), cut_places)
def test_however_it_is_compressed_and_cut_it_means_the_same(
    conversation: tuple[int, bool, list[object], bytes], places: list[int]
) -> None:
    window, takeover, expected, data = conversation
    wanted = Deflate(client_max_window_bits=window, client_no_context_takeover=not takeover)
    for way in (hear, hear_bytewise, lambda end, data: hear_cut(end, data, places)):
        _, server = pair_of(Deflate(client_max_window_bits=15), wanted)
        found = way(server, data)
        assert [event for event in found if isinstance(event, str | bytes)] == expected
        assert not [event for event in found if isinstance(event, Failed)]


@given(
    st.binary(max_size=400),
    st.integers(0, 500),
    st.sampled_from(Role),
    st.booleans(),
    cut_places,
)
def test_any_bytes_are_a_message_or_a_failure(
    payload: bytes, limit: int, role: Role, takeover: bool, places: list[int]
) -> None:
    deflate = Deflate(
        client_no_context_takeover=not takeover, server_no_context_takeover=not takeover
    )
    parts = cut(payload, places)
    data = b"".join(
        frame(CONTINUATION if i else BINARY, part, to=role, fin=part is parts[-1], rsv1=not i)
        for i, part in enumerate(parts)
    )
    end = open_end(role, Limits(message=limit), deflate)
    for event in hear(end, data * 2):
        if isinstance(event, Failed):
            assert event.reason.code in {1002, 1007, 1008, 1009}
        else:
            assert isinstance(event, bytes)
            assert len(event) <= limit
    assert events(end) == []


@pytest.mark.parametrize("seed", range(4))
def test_two_ends_stay_in_step_over_thousands_of_messages(seed: int) -> None:
    chance = random.Random(seed)
    deflate = Deflate(
        server_max_window_bits=chance.randrange(9, 16),
        client_max_window_bits=chance.randrange(9, 16),
        mem_level=chance.randrange(1, 10),
        threshold=0,
    )
    ends = open_pair(deflate=deflate)
    for number in range(3000):
        speaker, listener = ends if chance.random() < 0.5 else reversed(ends)
        words = "".join(chance.choices(WORDS, k=chance.randrange(80)))
        message = f"{number} {words}" if number % 7 else chance.randbytes(chance.randrange(3000))
        speaker.send_message(message, compress=chance.choice([None, True, False]))
        assert deliver(speaker, listener) == [message]
