"""What a hostile peer does, and what is to become of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from .attacker import Attacker
from .wire import MIB

Attack: TypeAlias = Callable[[Attacker], Awaitable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """An attack, its right outcome, and what it may cost.

    Attributes:
        name: What it is called.
        what: What it does, in one line.
        attack: Does it, and returns the outcome in words.
        expects: The right outcome.
        settings: Arguments of `serve_websocket`.
        tls: Whether the server speaks TLS.
        descriptors: How many files the server may open; None for as many as the system allows.
        memory: Bytes by which the server may grow.
        cpu: Seconds of processor time that the server may spend, whatever is sent: lavish, for
            busy machines.
        cpu_per_mib: Seconds more for each MiB that is sent.
        logged: How often the server may log at level WARNING or above.
    """

    name: str
    what: str
    attack: Attack
    expects: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    tls: bool = False
    descriptors: int | None = None
    memory: float = MIB
    cpu: float = 1.0
    cpu_per_mib: float = 0.5
    logged: int = 0


#: All scripts, by their names.
SCRIPTS: dict[str, Script] = {}


def register(script: Script) -> None:
    """Add a script to the others."""
    assert script.name not in SCRIPTS, f"there are two scripts {script.name!r}"
    SCRIPTS[script.name] = script


def script(expects: str, **further: Any) -> Callable[[Attack], Attack]:
    """Register an attack; its name and docstring are those of the script.

    Args:
        expects: The right outcome.
        further: Further attributes of the `Script`.
    """

    def add(attack: Attack) -> Attack:
        name = getattr(attack, "__name__", "").replace("_", " ")
        what = (attack.__doc__ or "").strip().split("\n")[0]
        register(Script(name=name, what=what, attack=attack, expects=expects, **further))
        return attack

    return add
