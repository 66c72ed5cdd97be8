"""What the codec does, in each of its forms, and which of them is used."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import ws_core
from ws_core import Role, _codec, _pure

from .codec_forms import FORMS, on_both_forms
from .two_ends import BINARY, TEXT, frame, xor

KEYS = [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x37\xfa\x21\x3d", b"\0\0\0\x01", b"\x80\0\0\0"]
SIZES = [*range(10), 125, 126, *range(1020, 1030), 4095, 4096, 65535, 65537]
KEY = KEYS[2]
ACCELERATOR = Path(__file__).resolve().parent.parent / "accelerator"

# Masking.


@on_both_forms
@pytest.mark.parametrize("key", KEYS, ids=bytes.hex)
@pytest.mark.parametrize("size", SIZES)
def test_masking_is_the_xor_of_the_rfc_and_undoes_itself(
    form: ModuleType, size: int, key: bytes
) -> None:
    data = random.Random(size).randbytes(size)
    masked = form.apply_mask(data, key)
    assert masked == xor(data, key)
    assert form.apply_mask(masked, key) == data


@on_both_forms
def test_masking_takes_what_is_like_bytes_and_gives_bytes(form: ModuleType) -> None:
    for size in (5, 5000):
        for data in (bytearray(size), memoryview(bytes(size + 2))[1:-1]):
            masked = form.apply_mask(data, b"abcd")
            assert type(masked) is bytes
            assert masked == (b"abcd" * size)[:size]


# Frames that we send.


@on_both_forms
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 65537])
def test_frame_is_that_of_the_rfc(form: ModuleType, size: int) -> None:
    payload = random.Random(size).randbytes(size)
    assert form.encode_frame(0x82, payload, False) == frame(BINARY, payload, to=Role.CLIENT)
    masked = form.encode_frame(0x01, payload, True)
    key = masked[len(masked) - size - 4 :][:4]
    assert masked == frame(TEXT, payload, to=Role.SERVER, fin=False, mask=key)


@on_both_forms
@pytest.mark.parametrize("first", [-1, 256])
def test_first_byte_is_a_byte(form: ModuleType, first: int) -> None:
    for masked in (False, True):
        with pytest.raises(ValueError, match=r"range\(0, 256\)"):
            form.encode_frame(first, b"", masked)


@on_both_forms
def test_no_key_comes_twice(form: ModuleType) -> None:
    keys = [form.encode_frame(0x8A, b"", True)[2:] for _ in range(2000)]
    # Of 2000 keys out of 2**32, two are equal once in two thousand runs; ten never are.
    assert len(set(keys)) > 1990


FORK = """
import os
from ws_core._codec import encode_frame

def keys():
    return b"".join(encode_frame(0x8A, b"", True)[2:] for _ in range(10))

keys()
if hasattr(os, "fork"):
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        os.write(theirs, keys())
        os._exit(0)
    os.waitpid(child, 0)
    print(keys().hex(), os.read(ours, 100).hex())
"""


def test_a_fork_draws_keys_of_its_own() -> None:
    printed = outcome(FORK)
    assert len(printed) == (2 if hasattr(os, "fork") else 0)
    keys = [word[start : start + 8] for word in printed for start in range(0, 80, 8)]
    assert len(keys) == len(set(keys))


# Messages that come.


def taken(
    form: ModuleType, data: bytes, *, to: Role, max_size: int = 2**20, most: int = 64
) -> tuple[list[str | bytes], bytes]:
    """The messages that are taken off the front of `data`, and what is left."""
    buffer = bytearray(data)
    return form.take_messages(buffer, to is Role.SERVER, max_size, most), bytes(buffer)


@on_both_forms
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 4096, 4097, 65535, 65536, 65537])
def test_whole_messages_are_taken(form: ModuleType, role: Role, size: int) -> None:
    binary = random.Random(size).randbytes(size)
    text = "é" * (size // 2) + "x" * (size % 2)
    data = frame(BINARY, binary, to=role) + frame(TEXT, text.encode(), to=role)
    assert taken(form, data, to=role) == ([binary, text], b"")


@on_both_forms
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(
    "other",
    [
        b"\x01\x00",  # fragmented
        b"\x00\x00",  # continuation
        b"\x89\x00",  # control
        b"\xc1\x00",  # compressed
        b"\x83\x00",  # unknown
        b"\x81\x80",  # masked in the wrong direction, or without its key
        b"\x82\x7e\x00\x7d",  # a length in too long a form
        b"\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff",
        b"\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00",
        b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff",
    ],
    ids=bytes.hex,
)
def test_what_is_not_plain_stays_with_all_that_follows(
    form: ModuleType, role: Role, other: bytes
) -> None:
    if role is Role.SERVER:
        other = bytes((other[0], other[1] ^ 0x80)) + other[2:]
    plain = frame(BINARY, b"plain", to=role)
    rest = other + bytes(3) + plain
    assert taken(form, plain + rest, to=role, max_size=sys.maxsize) == ([b"plain"], rest)


@on_both_forms
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("size", [3, 126, 65536])
def test_a_message_cut_short_stays(form: ModuleType, role: Role, size: int) -> None:
    data = frame(BINARY, bytes(size), to=role)
    for end in (*range(16), len(data) - 2, len(data) - 1):
        cut = data[: min(end, len(data) - 1)]
        assert taken(form, cut, to=role) == ([], cut)
    assert taken(form, data, to=role) == ([bytes(size)], b"")


@on_both_forms
@pytest.mark.parametrize("bad", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"x" * 5000 + b"\x80"])
def test_text_that_is_no_utf_8_stays(form: ModuleType, bad: bytes) -> None:
    for role in Role:
        good, rest = frame(TEXT, b"good", to=role), frame(TEXT, bad, to=role)
        assert taken(form, good + rest + good, to=role) == (["good"], rest + good)


@on_both_forms
def test_limits_are_exact(form: ModuleType) -> None:
    data = frame(BINARY, bytes(200), to=Role.CLIENT)
    assert taken(form, data, to=Role.CLIENT, max_size=200) == ([bytes(200)], b"")
    for limit in (199, 1, 0, -1, -sys.maxsize - 1):
        assert taken(form, data, to=Role.CLIENT, max_size=limit) == ([], data)
    empty = frame(BINARY, b"", to=Role.CLIENT)
    assert taken(form, empty, to=Role.CLIENT, max_size=0) == ([b""], b"")
    assert taken(form, empty, to=Role.CLIENT, max_size=-1) == ([], empty)


@on_both_forms
def test_no_more_are_taken_than_asked_for(form: ModuleType) -> None:
    data = frame(TEXT, b"x", to=Role.SERVER) * 5
    for most in (-sys.maxsize - 1, -1, 0, 1, 4, 5, 6, sys.maxsize):
        count = min(max(most, 0), 5)
        expected = (["x"] * count, data[7 * count :])
        assert taken(form, data, to=Role.SERVER, most=most) == expected


@on_both_forms
def test_nothing_is_lost_while_somebody_looks_at_the_buffer(form: ModuleType) -> None:
    buffer = bytearray(frame(BINARY, b"x", to=Role.CLIENT))
    with memoryview(buffer), pytest.raises(BufferError):
        form.take_messages(buffer, False, 100, 64)
    assert form.take_messages(buffer, False, 100, 64) == [b"x"]


# Long payloads.


@on_both_forms
@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 131_073, 300_001, 2**20 + 3])
@pytest.mark.parametrize("key", [b"", KEY], ids=["plain", "masked"])
def test_payload_comes_in_pieces(form: ModuleType, size: int, key: bytes) -> None:
    message = random.Random(size).randbytes(size)
    data = memoryview(form.apply_mask(message, key) if key else message)
    payload = form.Payload(size, key)
    start = 0
    for step in (1, 2, 3, 4, 5, *[70_001] * 100):
        assert payload.missing == size - start
        with payload.room() as room:
            assert (len(room) > 0) is (start < size)
            assert len(room) <= size - start
            count = min(step, len(room))
            room[:count] = data[start : start + count]
        payload.filled(count)
        start += count
    assert payload.missing == 0
    assert payload.take() == message


@on_both_forms
def test_no_room_is_taken_far_ahead_of_what_comes(form: ModuleType) -> None:
    payload = form.Payload(2**40, KEY)
    with payload.room() as room:
        assert len(room) <= 2**18
    assert payload.missing == 2**40


@on_both_forms
def test_payload_is_used_as_it_should_be(form: ModuleType) -> None:
    payload = form.Payload(5, KEY)
    for count in (-1, 6, sys.maxsize):
        with pytest.raises(ValueError, match=f"^there is no room for {count} bytes$"):
            payload.filled(count)
    with pytest.raises(ValueError, match=r"^5 bytes are missing$"):
        payload.take()
    with payload.room() as room:
        room[:] = xor(b"hello", KEY)
    payload.filled(5)
    with payload.room() as room, pytest.raises(BufferError):
        payload.take()
    assert payload.take() == b"hello"


@on_both_forms
def test_room_stays_where_it_is_until_it_is_released(form: ModuleType) -> None:
    payload = form.Payload(2**20, b"")
    room = payload.room()
    first = len(room)
    if form is _pure:
        payload.filled(first)
        with pytest.raises(BufferError):
            payload.room()
    else:
        for use in (payload.room, payload.take, lambda: payload.filled(first)):
            with pytest.raises(BufferError, match=r"^the room was not released$"):
                use()
    room[:] = b"x" * first
    room.release()


# Which form is used.


def outcome(program: str, **environment: str) -> list[str]:
    """The words that a program prints."""
    inherited = {name: value for name, value in os.environ.items() if name != "WS_CORE_PURE"}
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(
        command, env=inherited | environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


SHOW = """
import ws_core._codec as codec
print(codec.ACCELERATED, codec.Payload.__module__, codec.encode_frame(0x8A, b"x", False).hex())
"""
PURE = ["False", "ws_core._pure", "8a0178"]
BEST = ["True", "ws_core._accelerator", "8a0178"] if "accelerated" in FORMS else PURE


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, BEST),
        ({"WS_CORE_PURE": ""}, BEST),
        ({"WS_CORE_PURE": "0"}, BEST),
        ({"WS_CORE_PURE": "1"}, PURE),
        ({"WS_CORE_PURE": "yes"}, PURE),
    ],
    ids=str,
)
def test_the_environment_may_ask_for_the_python_form(
    environment: dict[str, str], expected: list[str]
) -> None:
    assert outcome(SHOW, **environment) == expected


def test_the_python_form_stands_in_where_the_other_was_not_built() -> None:
    gone = "import sys\nsys.modules['ws_core._accelerator'] = None\n"
    assert outcome(gone + SHOW) == PURE


def test_there_are_systems_that_do_not_fork() -> None:
    without = "import os, random\nvars(os).pop('register_at_fork', None)\n"
    assert outcome(without + SHOW) == BEST


def test_accelerated_tells_which_form_is_used() -> None:
    pure = os.environ.get("WS_CORE_PURE", "0") not in ("", "0")
    assert ws_core.ACCELERATED is (not pure and "accelerated" in FORMS)
    used = FORMS["accelerated" if ws_core.ACCELERATED else "pure"]
    for name in ("Payload", "apply_mask", "encode_frame", "take_messages"):
        assert getattr(_codec, name) is getattr(used, name)


def test_the_accelerator_is_built_from_the_sources_as_they_are() -> None:
    digest = hashlib.sha256()
    for path in sorted(ACCELERATOR.glob("*.[ch]")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    built_from = {form.SOURCES for form in FORMS.values() if form is not _pure}
    assert built_from <= {f"sha256_{digest.hexdigest()}"}, (
        "build it again: `hatch run rebuild`, or `pip install --editable packages/ws-core`"
    )
