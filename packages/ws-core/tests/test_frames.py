import random

import pytest

from ws_core import Role

from .two_ends import BINARY, PING, TEXT, frame, open_end, said, xor

SIZES = [0, 1, 125, 126, 127, 65535, 65536, 65537, 200_000]


@pytest.mark.parametrize("size", SIZES)
def test_server_sends_the_shortest_length_and_no_mask(size: int) -> None:
    server = open_end(Role.SERVER)
    server.send_message(b"x" * size)
    assert said(server) == frame(BINARY, b"x" * size, to=Role.CLIENT)


@pytest.mark.parametrize("size", SIZES)
def test_client_masks_with_the_key_that_it_sends(size: int) -> None:
    client = open_end(Role.CLIENT)
    client.send_message("x" * size)
    data = said(client)
    header, key, masked = data[: -size - 4], data[-size - 4 :][:4], data[len(data) - size :]
    assert xor(masked, key) == b"x" * size
    assert header == frame(TEXT, b"x" * size, to=Role.SERVER)[: len(header)]


def test_every_masking_key_is_new() -> None:
    client = open_end(Role.CLIENT)
    keys = []
    for _ in range(2000):
        client.pong(b"")
        keys.append(said(client)[2:])
    # Of 2000 keys out of 2**32, two are equal once in two thousand runs; ten never are.
    assert len(set(keys)) > 1990
    for lane in range(4):
        assert len({key[lane] for key in keys}) > 200


def test_masking_keys_can_not_be_foretold() -> None:
    """They owe nothing to a generator that can be seeded, or guessed from what it said before."""
    keys = set()
    for _ in range(20):
        random.seed(0)
        client = open_end(Role.CLIENT)
        client.pong(b"")
        keys.add(said(client)[2:])
    assert len(keys) > 18


def test_ping_is_a_final_frame() -> None:
    server = open_end(Role.SERVER)
    server.ping(b"hello")
    assert said(server) == frame(PING, b"hello", to=Role.CLIENT) == b"\x89\x05hello"
