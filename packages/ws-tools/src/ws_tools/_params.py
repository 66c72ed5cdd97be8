"""What people type on the command line, checked before anything is done."""

from __future__ import annotations

import math

import click

from ws_core import WebSocketURL


def url(_: click.Context, __: click.Parameter, value: str) -> str:
    """A ``ws:`` or ``wss:`` URL."""
    try:
        WebSocketURL.parse(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r}: {error}") from error
    return value


def headers(
    _: click.Context, __: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    """Headers, each as ``Name: value``."""
    return tuple(_header(value) for value in values)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise click.BadParameter(f"{text!r} is not like 'Name: value'")
    return name.strip(), value.strip()


def seconds(_: click.Context, __: click.Parameter, value: float | None) -> float | None:
    """Seconds, ``inf`` included; which range, the option says."""
    if value is not None and math.isnan(value):
        raise click.BadParameter("nan is no time")
    return value
