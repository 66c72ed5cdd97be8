"""The arguments that every connection takes."""

from __future__ import annotations

import math
from typing import Any

import pytest

from trio_websocket import Limits
from trio_websocket._settings import Settings

GOOD: dict[str, Any] = {
    "message_queue_size": 1,
    "max_message_size": 2**20,
    "receive_buffer_size": None,
    "limits": None,
    "connect_timeout": 60,
    "disconnect_timeout": 10,
    "write_timeout": 30,
}


def test_defaults() -> None:
    settings = Settings.of(**GOOD)
    assert settings.limits == Limits()
    assert settings.read_size == 131_000
    assert settings.message_queue_size == 1
    assert settings.connect_timeout == 60
    assert settings.disconnect_timeout == 10
    assert settings.write_timeout == 30


def test_max_message_size_is_a_limit() -> None:
    assert Settings.of(**{**GOOD, "max_message_size": 5}).limits == Limits(message=5)
    assert Settings.of(**{**GOOD, "max_message_size": math.inf}).limits.message == math.inf
    assert Settings.of(**{**GOOD, "max_message_size": 0}).limits.message == 0


def test_limits_replace_max_message_size() -> None:
    limits = Limits(message=7, head=1000)
    assert Settings.of(**{**GOOD, "limits": limits}).limits is limits
    with pytest.raises(ValueError, match="max_message_size or limits"):
        Settings.of(**{**GOOD, "limits": limits, "max_message_size": 7})


def test_receive_buffer_size() -> None:
    assert Settings.of(**{**GOOD, "receive_buffer_size": 4096}).read_size == 4096
    assert Settings.of(**{**GOOD, "receive_buffer_size": 1}).read_size == 1


@pytest.mark.parametrize("value", ["1", b"1", [1], object()])
@pytest.mark.parametrize("name", sorted(GOOD.keys() - {"limits", "max_message_size"}))
def test_what_is_no_number(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"{name} must be a number, not "):
        Settings.of(**{**GOOD, name: value})


@pytest.mark.parametrize("value", [-1, -0.001, -math.inf, math.nan])
@pytest.mark.parametrize("name", sorted(GOOD.keys() - {"limits", "max_message_size"}))
def test_what_is_too_small(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least "):
        Settings.of(**{**GOOD, name: value})


@pytest.mark.parametrize(
    "name", ["message_queue_size", "connect_timeout", "disconnect_timeout", "write_timeout"]
)
@pytest.mark.parametrize("value", [0, 0.5, 1, math.inf])
def test_what_is_allowed(name: str, value: float) -> None:
    assert getattr(Settings.of(**{**GOOD, name: value}), name) == value


@pytest.mark.parametrize("value", [131_001, 2**40, math.inf])
def test_receive_buffer_size_is_an_upper_bound(value: Any) -> None:
    # Each read takes memory for as much as it asks for.
    assert Settings.of(**{**GOOD, "receive_buffer_size": value}).read_size == 131_000
