"""The arguments that every connection takes."""

from __future__ import annotations

import math
from typing import Any

import pytest

from trio_websocket import Deflate, Heartbeat, Limits
from trio_websocket._settings import Settings
from ws_core import Role

GOOD: dict[str, Any] = {
    "message_queue_size": 1,
    "max_message_size": 2**20,
    "receive_buffer_size": None,
    "limits": None,
    "connect_timeout": 60,
    "disconnect_timeout": 10,
    "write_timeout": 30,
    "compression": None,
    "heartbeat": None,
}
NUMBERS = sorted(GOOD.keys() - {"limits", "max_message_size", "compression", "heartbeat"})


def settings_of(role: Any = Role.SERVER, **changes: Any) -> Settings:
    """The settings that come of good arguments but for the changed ones."""
    return Settings.of(role, **{**GOOD, **changes})


def test_defaults() -> None:
    settings = settings_of()
    assert settings.limits == Limits()
    assert settings.read_size == 131_000
    assert settings.message_queue_size == 1
    assert settings.connect_timeout == 60
    assert settings.disconnect_timeout == 10
    assert settings.write_timeout == 30
    assert settings.deflate is None
    assert settings.heartbeat is None


def test_max_message_size_is_a_limit() -> None:
    assert settings_of(max_message_size=5).limits == Limits(message=5)
    assert settings_of(max_message_size=math.inf).limits.message == math.inf
    assert settings_of(max_message_size=0).limits.message == 0


def test_limits_replace_max_message_size() -> None:
    limits = Limits(message=7, head=1000)
    assert settings_of(limits=limits).limits is limits
    with pytest.raises(ValueError, match="max_message_size or limits"):
        settings_of(limits=limits, max_message_size=7)


def test_receive_buffer_size() -> None:
    assert settings_of(receive_buffer_size=4096).read_size == 4096
    assert settings_of(receive_buffer_size=1).read_size == 1


@pytest.mark.parametrize("value", ["1", b"1", [1], object()])
@pytest.mark.parametrize("name", NUMBERS)
def test_what_is_no_number(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"{name} must be a number, not "):
        settings_of(**{name: value})


@pytest.mark.parametrize("value", [-1, -0.001, -math.inf, math.nan])
@pytest.mark.parametrize("name", NUMBERS)
def test_what_is_too_small(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least "):
        settings_of(**{name: value})


@pytest.mark.parametrize(
    "name", ["message_queue_size", "connect_timeout", "disconnect_timeout", "write_timeout"]
)
@pytest.mark.parametrize("value", [0, 0.5, 1, math.inf])
def test_what_is_allowed(name: str, value: float) -> None:
    assert getattr(settings_of(**{name: value}), name) == value


@pytest.mark.parametrize("value", [131_001, 2**40, math.inf])
def test_receive_buffer_size_is_an_upper_bound(value: Any) -> None:
    # Each read takes memory for as much as it asks for.
    assert settings_of(receive_buffer_size=value).read_size == 131_000


@pytest.mark.parametrize("role", Role)
def test_compression(role: Role) -> None:
    assert settings_of(role, compression="deflate").deflate == Deflate()
    deflate = Deflate(level=9)
    assert settings_of(role, compression=deflate).deflate is deflate
    assert settings_of(role, compression=deflate).new_core().role is role


def test_what_is_no_compression() -> None:
    with pytest.raises(
        ValueError, match="compression must be \"deflate\", Deflate or None, not 'x'"
    ):
        settings_of(compression="x")
    for wrong in (True, 5, b"deflate", Deflate):
        with pytest.raises(TypeError, match='compression must be "deflate", Deflate or None'):
            settings_of(compression=wrong)


@pytest.mark.parametrize(
    ("role", "name"),
    [(Role.CLIENT, "client_max_window_bits"), (Role.SERVER, "server_max_window_bits")],
)
def test_compression_that_a_role_can_not_do(role: Role, name: str) -> None:
    bits: dict[str, Any] = {name: 8}
    settings = settings_of(role, compression=Deflate(**bits))
    with pytest.raises(ValueError, match=rf"a {role.value}'s Deflate\.{name} must be 9 to 15"):
        settings.new_core()


def test_heartbeat() -> None:
    heartbeat = Heartbeat(interval=20, timeout=5)
    assert settings_of(heartbeat=heartbeat).heartbeat is heartbeat
    for wrong in (True, 20, (20, 5), Heartbeat):
        with pytest.raises(TypeError, match="heartbeat must be Heartbeat or None, not "):
            settings_of(heartbeat=wrong)
