import dataclasses
import math

import pytest

from ws_core import Connection, Limits, Role


def test_defaults() -> None:
    assert Limits() == Limits(
        message=1024 * 1024,
        head=16384,
        header_lines=128,
        rejection_body=65536,
        pending_pings=64,
        write_buffer=65536,
    )
    assert Connection(Role.CLIENT).limits == Limits()


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Limits)])
def test_every_limit_may_be_infinite_and_none_may_be_nonsense(name: str) -> None:
    assert getattr(Limits(**{name: math.inf}), name) == math.inf
    assert getattr(Limits(**{name: 1}), name) == 1
    for value in (-1, -math.inf, math.nan):
        with pytest.raises(ValueError, match=rf"Limits\.{name} must be at least"):
            Limits(**{name: value})
    for wrong in ("1", None, b"1", 1j):
        with pytest.raises(TypeError, match=rf"Limits\.{name} must be a number"):
            Limits(**{name: wrong})  # type: ignore[arg-type]  # the point


def test_only_messages_may_be_limited_to_nothing() -> None:
    assert Limits(message=0).message == 0
    with pytest.raises(ValueError, match=r"Limits\.head must be at least 1, not 0"):
        Limits(head=0)


def test_limits_do_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Limits().message = 5  # type: ignore[misc]  # the point
