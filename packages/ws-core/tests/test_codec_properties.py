"""Both forms of the codec make the same of everything."""

from __future__ import annotations

import random
import sys

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ws_core import Role

from .codec_forms import FORMS
from .two_ends import frame, xor

masks = st.binary(min_size=4, max_size=4)
sizes = st.sampled_from([*range(71), 125, 126, *range(1023, 1026)]) | st.sampled_from(
    [65535, 65536, 65537]
)


def noise(size: int) -> bytes:
    """So many bytes, always the same."""
    return random.Random(size).randbytes(size)


@settings(max_examples=300)
@given(sizes, st.integers(0, 16), masks)
def test_masking(size: int, start: int, key: bytes) -> None:
    data = memoryview(noise(size + start))[start:]
    for form in FORMS.values():
        assert form.apply_mask(data, key) == xor(bytes(data), key)


@given(sizes, st.integers(0, 255))
def test_frames(size: int, first: int) -> None:
    payload = noise(size)
    fin, rsv1, opcode = first >= 0x80, first & 0x40 != 0, first & 0x3F
    for form in FORMS.values():
        plain = form.encode_frame(first, payload, False)
        assert plain == frame(opcode, payload, to=Role.CLIENT, fin=fin, rsv1=rsv1)
        masked = form.encode_frame(first, payload, True)
        key = masked[len(masked) - size - 4 :][:4]
        assert masked == frame(opcode, payload, to=Role.SERVER, fin=fin, rsv1=rsv1, mask=key)


# Mostly those of whole messages, then anything.
first_bytes = st.sampled_from([0x81, 0x82] * 8 + [0x01, 0x00, 0x80, 0x88, 0x89, 0xC1]) | (
    st.integers(0, 255)
)
plain_payloads = (
    st.text(max_size=40).map(str.encode)
    | st.binary(max_size=130)
    | st.sampled_from([125, 126, 127, 4096, 4097, 65535, 65536]).map(lambda size: b"x" * size)
)
lengths = st.none() | st.integers(0, 2**64 - 1) | st.sampled_from([2**63, 2**63 - 1, 2**64 - 1])


@st.composite
def frames(draw: st.DrawFn, masked: bool) -> bytes:
    """A frame, most often as it should be."""
    payload = draw(plain_payloads)
    data = frame(
        draw(st.sampled_from([1, 2])),
        payload,
        to=Role.SERVER if masked is not (draw(st.integers(0, 19)) == 7) else Role.CLIENT,
        mask=draw(masks),
    )
    if draw(st.integers(0, 9)) == 7:
        data = bytes((draw(first_bytes),)) + data[1:]
    if draw(st.integers(0, 19)) == 7:
        width = draw(st.sampled_from([2, 8]))
        length = len(payload) if (said := draw(lengths)) is None else said
        extended = (length % 2 ** (8 * width)).to_bytes(width, "big")
        data = data[:1] + bytes((data[1] & 0x80 | (126 if width == 2 else 127),)) + extended
        data += draw(masks) + payload
    return data


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, bool]:
    """What may stand in a buffer, and whether it should be masked."""
    masked = draw(st.booleans())
    data = bytearray(b"".join(draw(st.lists(frames(masked), max_size=6))))
    for place, octet in draw(st.lists(st.tuples(st.integers(0), st.integers(0, 255)), max_size=2)):
        if data:
            data[place % len(data)] = octet
    if draw(st.booleans()):
        del data[draw(st.integers(0, len(data))) :]
    return bytes(data), masked


limits = st.sampled_from([sys.maxsize, 2**20, 0, -1, 125, 126, 65535, 65536]) | st.integers(0, 300)
counts = st.sampled_from([0, 1, 2, 64, sys.maxsize, -1])


def check_taking(data: bytes, masked: bool, limit: int, most: int) -> None:
    """The same messages are taken, and the same bytes are left."""
    results = []
    for form in FORMS.values():
        buffer = bytearray(data)
        results.append((form.take_messages(buffer, masked, limit, most), bytes(buffer)))
    assert all(result == results[0] for result in results)
    assert data.endswith(results[0][1])


@settings(max_examples=1000)
@given(streams(), limits, counts)
@example((b"\x82\x7f" + (2**64 - 1).to_bytes(8, "big") + bytes(20), False), sys.maxsize, 64)
@example((b"\x82\xff" + (2**63).to_bytes(8, "big") + bytes(20), True), sys.maxsize, 64)
@example((b"\x82\xff" + (2**63 - 5).to_bytes(8, "big") + bytes(20), True), sys.maxsize, 64)
def test_taking_messages(stream: tuple[bytes, bool], limit: int, most: int) -> None:
    check_taking(*stream, limit, most)


@settings(max_examples=300)
@given(st.binary(max_size=60), st.booleans(), limits, counts)
def test_taking_from_any_bytes(soup: bytes, masked: bool, limit: int, most: int) -> None:
    check_taking(soup, masked, limit, most)
    check_taking(b"\x82" + soup, masked, limit, most)
    check_taking(b"\x81\x81" + soup, masked, limit, most)


@settings(max_examples=30)
@given(streams())
def test_taking_from_a_stream_cut_anywhere(stream: tuple[bytes, bool]) -> None:
    data, masked = stream
    for end in range(min(len(data), 400)):
        check_taking(data[:end], masked, 2**20, 64)


steps = st.lists(st.integers(0, 20) | st.integers(0, 200_000), max_size=20)


@given(
    st.integers(0, 300) | st.sampled_from([65535, 65536, 65537, 131_073, 300_000]),
    masks | st.just(b""),
    steps,
)
def test_payloads(size: int, key: bytes, chunks: list[int]) -> None:
    data = noise(size)
    expected = xor(data, key) if key else data
    for form in FORMS.values():
        payload = form.Payload(size, key)
        came = memoryview(data)
        for chunk in (*chunks, *[size] * 10):
            assert payload.missing == len(came)
            with payload.room() as room:
                count = min(chunk, len(room))
                room[:count] = came[:count]
            payload.filled(count)
            came = came[count:]
        assert payload.take() == expected


misuses = st.lists(
    st.tuples(st.just("filled"), st.integers(-3, 70_000))
    | st.tuples(st.sampled_from(["room", "release", "take"]), st.none()),
    max_size=20,
)


@given(st.integers(0, 200_000), masks | st.just(b""), misuses)
def test_no_misuse_of_a_payload_is_worse_than_an_error(
    size: int, key: bytes, uses: list[tuple[str, int | None]]
) -> None:
    for form in FORMS.values():
        payload = form.Payload(size, key)
        rooms: list[memoryview] = []
        for use, count in uses:
            try:
                if use == "release":
                    rooms.pop().release()
                elif use == "room":
                    rooms.append(payload.room())
                    rooms[-1][:] = b"x" * len(rooms[-1])
                elif use == "take":
                    assert len(payload.take()) in (0, size)
                else:
                    payload.filled(count)
            except (BufferError, IndexError, ValueError):
                pass
            assert 0 <= payload.missing <= size
