"""Extensions as the opening handshake names them (RFC 6455 section 9.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

from ._headers import is_token

# What a line is made of; each byte is looked at once, so an unclosed quoted string goes to the end.
_LEXEME = re.compile(
    r"""(?P<space>[ \t]+)
      | (?P<mark>[,;=])
      | "(?P<quoted>(?:[^"\\]|\\.)*)"
      | (?P<unclosed>".*)
      | (?P<token>[-!#$%&'*+.^_`|~0-9A-Za-z]+)
      | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
# Characters: many times what all parameters of all known extensions take.
_MOST = 4 * 2**10
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)

Lexeme: TypeAlias = tuple[str, str]  # what it is, and its text


class Extension(NamedTuple):
    """One extension that a client offers or a server answers with.

    Attributes:
        name: Its registered name.
        params: Its parameters in their order, None where there is no value; the same name may
            stand several times.
    """

    name: str
    params: tuple[tuple[str, str | None], ...]


def parse_extensions(lines: Sequence[str]) -> list[Extension | None]:
    """The elements of all Sec-WebSocket-Extensions lines, None for one that is garbled.

    More than 4 KiB are garbled as a whole.
    """
    if not lines:
        return []
    if sum(map(len, lines)) > _MOST:
        return [None]
    elements = (element for line in lines for element in _split(_lexemes(line), ","))
    return [_extension(element) for element in elements if element]


def _lexemes(line: str) -> list[Lexeme]:
    return [_lexeme(found) for found in _LEXEME.finditer(line) if found.lastgroup != "space"]


def _lexeme(found: re.Match[str]) -> Lexeme:
    kind = found.lastgroup or ""
    text = found[kind]
    if kind == "quoted":
        # RFC 6455 section 9.1: what a quoted string holds is a token as well.
        text = _ESCAPED.sub(r"\1", text)
        return ("quoted", text) if is_token(text) else ("garbled", text)
    return kind, text


def _split(lexemes: Iterable[Lexeme], mark: str) -> list[list[Lexeme]]:
    parts: list[list[Lexeme]] = [[]]
    for lexeme in lexemes:
        if lexeme == ("mark", mark):
            parts.append([])
        else:
            parts[-1].append(lexeme)
    return parts


def _extension(lexemes: Sequence[Lexeme]) -> Extension | None:
    params: list[tuple[str, str | None]] = []
    for part in _split(lexemes, ";"):
        match part:
            case [("token", name)]:
                params.append((name, None))
            case [("token", name), ("mark", "="), ("token" | "quoted", value)]:
                params.append((name, value))
            case _:
                return None
    return Extension(params[0][0], tuple(params[1:])) if params[0][1] is None else None
