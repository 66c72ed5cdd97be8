"""What a peer says, made safe to look at."""

from __future__ import annotations

import re
import unicodedata

_PREVIEW = 32  # bytes

_MAYBE_UNSAFE = re.compile(r"[^ -~]")
# Control characters, invisible ones that turn or hide text, halves of characters, ends of lines.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# The joiners: several scripts need them, and so do emoji.
_SAFE = frozenset("\u200c\u200d")


def escape(text: str) -> str:
    r"""`text` on one line, with escapes like ``\n`` and ``\x1b`` for what would act on a terminal.

    Backslashes stay as they are, so that JSON stays JSON.
    """
    return _MAYBE_UNSAFE.sub(_escape_one, text)


def _escape_one(match: re.Match[str]) -> str:
    character = match[0]
    if character in _SAFE or unicodedata.category(character) not in _UNSAFE:
        return character
    return character.encode("unicode_escape").decode()


def show(message: str | bytes) -> str:
    """A message on one line: text escaped, of binary ones the length and the first bytes in hex."""
    if isinstance(message, str):
        return escape(message)
    more = " ..." if len(message) > _PREVIEW else ""
    preview = f": {message[:_PREVIEW].hex(' ')}" if message else ""
    return f"<{count(len(message), 'byte')}{preview}{more}>"


def count(number: int, noun: str) -> str:
    """A number and its noun, in the plural where there is not one."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
