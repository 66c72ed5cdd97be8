"""Talking to the person at the terminal; what the peer says goes another way."""

from __future__ import annotations

from typing import TextIO

import click


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person sits at the other end of a standard stream, which may be closed."""
    return stream is not None and stream.isatty()


def tell(text: str) -> None:
    """Tell the person what happens, on the standard error."""
    click.secho(text, err=True, dim=True)


def complain(text: str) -> None:
    """Tell the person what went wrong, on the standard error."""
    click.secho(f"Error: {text}", err=True, fg="red")
