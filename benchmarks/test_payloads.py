from __future__ import annotations

import json

import pytest
from payloads import payloads


def test_noise_is_of_the_size() -> None:
    (message,) = payloads(1000, compressible=False)
    assert len(message) == 1000


@pytest.mark.parametrize("size", [2**10, 2**16])
def test_json_is_of_the_size_and_the_same_each_time(size: int) -> None:
    messages = payloads(size, compressible=True)
    assert [len(message) for message in messages] == [size] * 16
    assert len({*messages}) == 16
    assert all(json.loads(message) for message in messages)
    assert messages == payloads(size, compressible=True)
