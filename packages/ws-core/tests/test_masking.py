import random

import pytest

from ws_core._masking import apply_mask

from .two_ends import xor

KEYS = [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x37\xfa\x21\x3d", b"\0\0\0\x01", b"\x80\0\0\0"]
SIZES = [*range(10), 125, 126, *range(1020, 1030), 4095, 4096, 65535, 65537]


@pytest.mark.parametrize("key", KEYS, ids=bytes.hex)
@pytest.mark.parametrize("size", SIZES)
def test_masking_is_the_xor_of_the_rfc_and_undoes_itself(size: int, key: bytes) -> None:
    data = random.Random(size).randbytes(size)
    masked = apply_mask(data, key)
    assert masked == xor(data, key)
    assert apply_mask(masked, key) == data


def test_masking_takes_a_bytearray_and_gives_bytes() -> None:
    for size in (5, 5000):
        masked = apply_mask(bytearray(size), b"abcd")
        assert type(masked) is bytes
        assert masked == (b"abcd" * size)[:size]
