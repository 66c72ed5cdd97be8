"""What makes a cell FAILED."""

from __future__ import annotations


class WrongAnswer(Exception):
    """Something came out otherwise than it must; the text says what."""


def expect(truth: bool, text: str) -> None:
    """Go on only if this is the truth.

    Raises:
        WrongAnswer: if it is not.
    """
    if not truth:
        raise WrongAnswer(text)
