"""HTTP header fields (RFC 9110 section 5): those we are asked to send, and lists we are sent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

Text: TypeAlias = str | bytes
#: Headers that a caller wants sent: pairs of name and value, each ``str`` (ASCII) or ``bytes``.
ExtraHeaders: TypeAlias = Iterable[tuple[Text, Text]]

_TOKEN = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+")
# RFC 9110 section 5.5: visible characters, spaces and tabs; bytes above 0x7f are opaque.
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")

# RFC 6455 sections 4.1 and 4.2.2, and what frames an HTTP body: never the caller's to set.
_OURS = frozenset(
    {
        b"connection",
        b"content-length",
        b"sec-websocket-accept",
        b"sec-websocket-extensions",
        b"sec-websocket-key",
        b"sec-websocket-protocol",
        b"sec-websocket-version",
        b"transfer-encoding",
        b"upgrade",
    }
)


def is_token(text: str) -> bool:
    """Whether `text` is a token (RFC 9110 section 5.6.2)."""
    return _TOKEN.fullmatch(text) is not None


def split_list(values: Iterable[bytes]) -> list[str]:
    """The elements of a comma-separated list that may stand over several lines.

    Raises:
        UnicodeDecodeError: if they are not ASCII.
    """
    # RFC 9110 section 5.2: several lines mean the same as one with a comma between them.
    parts = b",".join(values).decode("ascii").split(",")
    return [element for part in parts if (element := part.strip(" \t"))]


def values_of(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    """The values of all lines that are called `name`, given in lower case, in any spelling."""
    return [value for found, value in headers if found.lower() == name]


def by_name(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, list[bytes]]:
    """The values of all lines of each name; the names are in lower case already."""
    fields: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        fields.setdefault(name, []).append(value)
    return fields


def has_body(fields: Mapping[bytes, list[bytes]]) -> bool:
    """Whether a head announces a body that is not empty."""
    if b"transfer-encoding" in fields:
        return True
    return any(length.strip(b"0") for length in fields.get(b"content-length", ()))


def checked_headers(
    headers: ExtraHeaders | None, *, allowed: frozenset[bytes] = frozenset()
) -> list[tuple[bytes, bytes]]:
    """Headers that a caller wants sent, as bytes, the names spelt as they were given.

    Args:
        headers: What the caller gave.
        allowed: Lower-case names that may be set although the handshake sets them too.

    Raises:
        TypeError: if they are no pairs, or a name or value is neither ``str`` nor ``bytes``.
        ValueError: if a name is no token, a value would break the head, or the handshake sets that
            header itself.
    """
    if isinstance(headers, str | bytes | Mapping):
        raise TypeError(f"headers must be a list of pairs, not {type(headers).__name__}")
    checked = []
    for name, value in headers or ():
        raw_name = _encoded(name, "name")
        raw_value = _encoded(value, "value").strip(b" \t")
        if not is_token(raw_name.decode("latin-1")):
            raise ValueError(f"invalid header name {name!r}")
        if not _VALUE.fullmatch(raw_value):
            raise ValueError(f"invalid value for header {name!r}: control characters")
        if raw_name.lower() in _OURS - allowed:
            raise ValueError(f"header {name!r} is set by the handshake itself")
        checked.append((raw_name, raw_value))
    return checked


def checked_subprotocols(subprotocols: Iterable[str] | None) -> Sequence[str]:
    """Subprotocols that a caller wants to offer.

    Raises:
        TypeError: if they are a single ``str``, or one of them is no ``str``.
        ValueError: if one is no token or stands twice (RFC 6455 section 4.1).
    """
    if isinstance(subprotocols, str):
        raise TypeError("subprotocols must be a list of str, not one str")
    offered = list(subprotocols or ())
    for subprotocol in offered:
        if not isinstance(subprotocol, str):
            raise TypeError(f"subprotocol must be a str, not {type(subprotocol).__name__}")
        if not is_token(subprotocol):
            raise ValueError(f"invalid subprotocol {subprotocol!r}")
    if len(set(offered)) < len(offered):
        raise ValueError("a subprotocol is offered twice")
    return offered


def _encoded(text: Text, what: str) -> bytes:
    if isinstance(text, str):
        try:
            return text.encode("ascii")
        except UnicodeEncodeError:
            raise ValueError(f"header {what} {text!r} is not ASCII: give it as bytes") from None
    if not isinstance(text, bytes | bytearray):
        raise TypeError(f"header {what} must be str or bytes, not {type(text).__name__}")
    return bytes(text)
