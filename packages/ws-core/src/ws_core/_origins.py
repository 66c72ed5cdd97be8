"""Which pages a server lets in: the Origin header (RFC 6454, RFC 6455 section 10.2)."""

from __future__ import annotations

import enum
import re
from collections.abc import Collection
from typing import Final

from ._events import Headers
from ._headers import values_of
from ._host import normalize_host

_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://([^/?#@\\]+)", re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]*]+)(?::([0-9]{0,5}))?", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}


class SameOrigin(enum.Enum):
    """The type of `SAME_ORIGIN`."""

    SAME_ORIGIN = "SAME_ORIGIN"


#: Among allowed origins: pages from the very server that the client asks.
SAME_ORIGIN: Final = SameOrigin.SAME_ORIGIN


class Origins:
    """The origins that a server lets in.

    Browsers send the origin of the page that connects, and a page can't forge it; other clients
    may send what they like, or nothing. A header is compared exactly, as browsers send it: there
    are no patterns, and no origin stands for its subdomains.

    Args:
        allowed: Origins like ``https://example.com``, with the port unless it is the scheme's own;
            "null" for pages without one; None for clients that send none; `SAME_ORIGIN` for pages
            of the server that the client asks, by scheme, host and port.

    Raises:
        TypeError: if it is a single ``str`` or bytes, or there is something else in it.
        ValueError: if one is no origin.
    """

    def __init__(self, allowed: Collection[str | SameOrigin | None] | SameOrigin) -> None:
        if isinstance(allowed, str | bytes):
            raise TypeError(f"origins must be a collection of str, not one: [{allowed!r}]")
        if isinstance(allowed, SameOrigin):
            allowed = [allowed]
        allowed = list(allowed)
        self._same = SAME_ORIGIN in allowed
        self._allowed = {_checked(one) for one in allowed if one is not SAME_ORIGIN}

    def allow(self, headers: Headers, *, secure: bool) -> bool:
        """Whether a request may come in.

        Args:
            headers: The request's, names in lower case.
            secure: Whether it came over TLS, so that only pages that did so too are of the same
                origin; without, TLS may end in a proxy ahead of us, and both are.
        """
        origins = values_of(headers, b"origin")
        if len(origins) > 1:
            return False
        origin = origins[0].decode("latin-1") if origins else None
        if origin in self._allowed:
            return True
        return self._same and origin is not None and _is_same(origin, headers, secure=secure)


def _checked(origin: object) -> str | None:
    """An allowed origin in the form in which browsers send it."""
    if origin is None or origin == "null":
        return origin
    if not isinstance(origin, str):
        raise TypeError(f"an origin must be a str, SAME_ORIGIN or None, not {origin!r}")
    match = _ORIGIN.fullmatch(origin)
    authority = match and _AUTHORITY.fullmatch(match[2])
    if not (match and authority):
        raise ValueError(f"{origin!r} is no origin: say scheme://host or scheme://host:port")
    if int(authority[2] or 0) > 65535:
        raise ValueError(f"{origin!r} is no origin: the port is too large")
    scheme, (host, port) = match[1].lower(), authority.groups()
    bare = normalize_host(host.strip("[]")).lower()
    host = f"[{bare}]" if ":" in bare else bare
    own = not port or int(port) == _PORTS.get(scheme)
    return f"{scheme}://{host}" if own else f"{scheme}://{host}:{int(port)}"


def _is_same(origin: str, headers: Headers, *, secure: bool) -> bool:
    """Whether the page came from the host and port that its client asks now."""
    match = _ORIGIN.fullmatch(origin)
    scheme = match[1] if match else ""
    if not match or scheme not in _PORTS or (secure and scheme != "https"):
        return False
    (host,) = values_of(headers, b"host")
    asked = _split(host.decode("latin-1"), _PORTS[scheme])
    return asked is not None and asked == _split(match[2], _PORTS[scheme])


def _split(authority: str, own_port: int) -> tuple[str, int] | None:
    match = _AUTHORITY.fullmatch(authority)
    return match and (match[1].lower(), int(match[2] or own_port))
