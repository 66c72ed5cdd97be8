"""Feeds ws-core's accelerator anything, under AddressSanitizer and UBSan.

The C is compiled into a temporary folder. A Python that has the sanitizers loaded holds it to the
Python form, with random and with damaged input from a seed that is printed; it calls everything
with wrong arguments; and it looks for memory and references that are not given back.

Run from anywhere, on Linux, with gcc or clang as `CC`: `python tools/fuzz_accelerator.py [SECONDS]
[SEED]`, where ws-core is installed.
"""

from __future__ import annotations

import gc
import os
import random
import subprocess
import sys
import sysconfig
import time
import traceback
import tracemalloc
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

from ws_core import _pure

SOURCES = Path(__file__).resolve().parent.parent / "packages" / "ws-core" / "accelerator"
CC = os.environ.get("CC", "cc")
FLAGS = [
    *("-std=c11", "-O1", "-g", "-fPIC", "-shared", "-fno-omit-frame-pointer"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
    *("-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror"),
]
# What a wrong call raises.
REFUSALS = (BufferError, OverflowError, TypeError, ValueError, ZeroDivisionError)
SIZES = [*range(71), 125, 126, 127, 1023, 1024, 1025, 4095, 4096, 4097, 65535, 65536, 65537]
LIMITS = [0, 1, 125, 126, 65535, 65536, 2**20, sys.maxsize, -1, -sys.maxsize - 1]

Check = Callable[[ModuleType, random.Random], None]


def build(folder: Path) -> Path:
    """Compile the accelerator with the sanitizers."""
    module = folder / "_accelerator.so"
    include = f"-I{sysconfig.get_path('include')}"
    files = map(str, sorted(SOURCES.glob("*.c")))
    libraries = [f"-Wl,-rpath,{Path(sanitizer()).parent}"]
    if "clang" in CC:
        libraries.append("-shared-libasan")  # as gcc does anyway
    subprocess.run([CC, *FLAGS, include, *files, *libraries, "-o", str(module)], check=True)
    return module


def sanitizer() -> str:
    """The library that has to be loaded before all others."""
    for name in (f"libclang_rt.asan-{os.uname().machine}.so", "libasan.so"):
        found = subprocess.check_output([CC, f"-print-file-name={name}"], text=True).strip()
        if Path(found).is_absolute():
            return str(Path(found).resolve())
    sys.exit(f"{CC} has no AddressSanitizer")


def load(path: str) -> ModuleType:
    """Import the accelerator from there."""
    loader = ExtensionFileLoader("ws_core._accelerator", path)
    spec = spec_from_loader("ws_core._accelerator", loader)
    if spec is None:
        sys.exit(f"{path} is no module")
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def chance_of(seed: int) -> random.Random:
    """What the same seed makes the same."""
    return random.Random(seed)  # noqa: S311 - the point


# What is compared.


def masking(form: ModuleType, chance: random.Random) -> None:
    """Any data, at any alignment."""
    key, start = chance.randbytes(4), chance.randrange(17)
    data = memoryview(chance.randbytes(chance.choice(SIZES) + start))[start:]
    assert form.apply_mask(data, key) == _pure.apply_mask(data, key)


def frames(form: ModuleType, chance: random.Random) -> None:
    """Any payload, masked or not."""
    payload, first = chance.randbytes(chance.choice(SIZES)), chance.randrange(256)
    plain = _pure.encode_frame(first, payload, False)
    assert form.encode_frame(first, payload, False) == plain
    masked = form.encode_frame(first, payload, True)
    at = len(plain) - len(payload)
    assert masked[:at] == plain[:1] + bytes((plain[1] | 0x80,)) + plain[2:at]
    assert _pure.apply_mask(masked[at + 4 :], masked[at : at + 4]) == payload


def stream(chance: random.Random, masked: bool) -> bytearray:
    """Frames, some of them damaged."""
    data = bytearray()
    for _ in range(chance.randrange(6)):
        size = chance.choice(SIZES)
        payload = chance.randbytes(size) if chance.random() < 0.5 else b"\xc3\xa9" * (size // 2)
        data += _pure.encode_frame(chance.choice((0x81, 0x82)), payload, masked)
    for _ in range(chance.choice((0, 0, 1, 1, 3, 10))):
        if data:
            place = chance.randrange(min(len(data), chance.choice((2, 20, 10**6))))
            data[place] = chance.choice(
                (0, 0x7E, 0x7F, 0x81, 0x82, 0xFE, 0xFF, chance.randrange(256))
            )
    if chance.random() < 0.3:
        del data[chance.randrange(min(len(data), chance.choice((16, 10**6))) + 1) :]
    if chance.random() < 0.3:  # bytearrays begin anywhere in their memory
        at = chance.randrange(20)
        data[:0] = bytes(at)
        del data[:at]
    return data


def messages(form: ModuleType, chance: random.Random) -> None:
    """Damaged streams and mere noise."""
    masked = chance.random() < 0.5
    data = stream(chance, masked)
    if chance.random() < 0.2:
        start = chance.choice((b"", b"\x81", b"\x82\xfe", b"\x82\xff", b"\x82\x7f", b"\x81\x7e"))
        data = bytearray(start + chance.randbytes(chance.randrange(40)))
    limit, most = chance.choice(LIMITS), chance.choice([2, 64, *LIMITS])
    ours, theirs = bytearray(data), bytearray(data)
    assert form.take_messages(ours, masked, limit, most) == _pure.take_messages(
        theirs, masked, limit, most
    )
    assert ours == theirs


def payloads(form: ModuleType, chance: random.Random) -> None:
    """Pieces of any size, used well; then anything."""
    size = chance.choice([*SIZES, 200_000, 1_100_000])
    key = chance.choice((b"", chance.randbytes(4)))
    data = chance.randbytes(size)
    payload = form.Payload(size, key)
    while payload.missing:
        at = size - payload.missing
        with payload.room() as room:
            count = min(len(room), chance.choice((1, 7, 1000, 65536, size)))
            room[:count] = data[at : at + count]
        payload.filled(count)
        if chance.random() < 0.02:
            return
    assert payload.take() == (_pure.apply_mask(data, key) if key else data)


def misuse(form: ModuleType, chance: random.Random) -> None:
    """A payload, its parts used in any order; what is left of it outlives it."""
    payload = form.Payload(chance.choice([*SIZES, 200_000]), chance.choice((b"", b"abcd")))
    rooms: list[memoryview] = []
    for _ in range(chance.randrange(12)):
        try:
            match chance.randrange(6):
                case 0:
                    rooms.append(payload.room())
                case 1:
                    rooms.append(memoryview(payload))
                case 2:
                    rooms.clear()
                case 3:
                    payload.filled(chance.choice([*SIZES, -1, sys.maxsize]))
                case 4:
                    payload.take()
                case _:
                    for room in rooms:
                        room[:] = bytes(len(room))
        except REFUSALS:
            pass
    del payload
    for room in rooms:
        room[:] = bytes(len(room))


class Awkward:
    """Is neither true nor false."""

    def __bool__(self) -> bool:
        """Refuses."""
        raise ZeroDivisionError


def anything(chance: random.Random) -> object:
    """An argument, most often a wrong one."""
    view = memoryview(b"abcdefgh")
    choices: tuple[object, ...] = (
        *(None, 0, 1, -1, 255, 256, 2**31, 2**63, -(2**63) - 1, 2**64, 10**40, 1.5, True),
        *(
            "",
            "text",
            b"",
            b"a",
            b"abcd",
            b"x" * 100,
            bytearray(),
            bytearray(b"abcd"),
            [],
            object(),
        ),
        *(view, view[::2], view.cast("H"), view[3:3], Awkward()),
        *(bytearray(b"\x82\x01x\x81\x01\xff"), bytearray(b"\x81\x81abcdx")),
    )
    return chance.choice(choices)


def wrong_calls(form: ModuleType, chance: random.Random) -> None:
    """Any function with any arguments."""
    payload = form.Payload(chance.choice((0, 5, 100_000)), b"abcd")
    functions = (
        *(form.apply_mask, form.encode_frame, form.take_messages, form.Payload),
        *(payload.filled, payload.room, payload.take, form.forget_keys),
    )
    arguments = [anything(chance) for _ in range(chance.randrange(6))]
    names = {"size": 3} if chance.random() < 0.1 else {}
    with suppress(*REFUSALS, MemoryError):
        chance.choice(functions)(*arguments, **names)


CHECKS: list[Check] = [masking, frames, messages, messages, payloads, misuse, wrong_calls]


# What is not given back.


def kept(check: Check, form: ModuleType, times: int) -> int:
    """Bytes of memory that more of the same calls leave behind."""

    def run(count: int) -> int:
        for seed in range(count):
            check(form, chance_of(seed % 50))
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        return -run(max(times // 10, 100)) + run(times)
    finally:
        tracemalloc.stop()


def check_memory(form: ModuleType, times: int) -> None:
    """Exit if memory, or a reference to an argument, is not given back."""
    for octet in range(256):
        _pure.apply_mask(bytes(2000), bytes([octet] * 4))  # which keeps a table for each
    for check in set(CHECKS):
        if (more := kept(check, form, times)) > 2 * times:
            sys.exit(f"{check.__name__}: {times} calls leave {more} bytes behind")
    arguments = [b"abcd" * 10, b"key!", bytearray(b"\x81\x01\xff" * 9), object(), 10**30]
    before = [sys.getrefcount(argument) for argument in arguments]
    functions = (form.apply_mask, form.encode_frame, form.take_messages, form.Payload)
    for seed in range(times):
        chance = chance_of(seed)
        with suppress(*REFUSALS):
            chance.choice(functions)(*chance.choices(arguments, k=chance.randrange(5)))
    after = [sys.getrefcount(argument) for argument in arguments]
    if before != after:
        sys.exit(f"references were {before}, and are {after}")


def fuzz(path: str, seconds: float, seed: int) -> None:
    """Do all of that for a while."""
    form, calls = load(path), Counter[str]()
    check_memory(form, 1000)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        chance = chance_of(seed)
        check = chance.choice(CHECKS)
        try:
            check(form, chance)
        except AssertionError:
            traceback.print_exc()
            sys.exit(f"{check.__name__}: the forms differ with the seed {seed}")
        calls[check.__name__] += 1
        seed += 1
    for name, count in sorted(calls.items()):
        print(f"{name:12} {count:10,}")
    print(f"{'together':12} {calls.total():10,} and no fault")


def main(seconds: str = "60", seed: str = "") -> None:
    """Build, and start the Python that does the rest."""
    seed = seed or str(time.time_ns())
    print(f"{seconds} seconds with the seed {seed}", flush=True)
    with TemporaryDirectory(prefix="fuzz-") as folder:
        module = build(Path(folder))
        environment = os.environ | {
            "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
            "LD_PRELOAD": sanitizer(),
            "PYTHONMALLOC": "malloc",  # so that AddressSanitizer sees every object
            "UBSAN_OPTIONS": "print_stacktrace=1",
        }
        command = [sys.executable, __file__, "--loaded", str(module), seconds, seed]
        sys.exit(subprocess.run(command, env=environment, check=False).returncode)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--loaded"]:
        fuzz(sys.argv[2], float(sys.argv[3]), int(sys.argv[4]))
    else:
        main(*sys.argv[1:])
