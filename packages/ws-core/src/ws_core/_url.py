"""WebSocket URLs (RFC 6455 section 3, RFC 3986)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from ._host import DEFAULT_PORTS, host_header, normalize_host

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# RFC 3986 sections 3.3 and 3.4: what stands in a path and a query as it is, "%" aside.
_RESOURCE_SAFE = "/?:@-._~!$&'()*+,;="
# Cut off to keep the host as it is written; urlsplit has looked at it already.
_PORT = re.compile(r":[0-9]*\Z")
# What stays as it is.
_NORMAL = re.compile(r"/[-0-9A-Za-z_~/?:@.!$&'()*+,;=]*")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SCHEMES = {"ws": False, "wss": True}


@dataclass(frozen=True, slots=True)
class WebSocketURL:
    """A parsed ``ws:`` or ``wss:`` URL.

    Attributes:
        host: The host name in IDNA A-labels, or the IP address without brackets.
        port: The port, the scheme's own if the URL names none.
        resource: The path, which is never empty, and the query, percent-encoded.
        secure: Whether the scheme is ``wss:``.
        userinfo: What stands before the host's ``@``; it is not sent.
    """

    host: str
    port: int
    resource: str
    secure: bool
    userinfo: str | None = None

    @classmethod
    def parse(cls, url: str) -> WebSocketURL:
        """Parse a URL; its fragment is dropped.

        Raises:
            ValueError: if it is no WebSocket URL.
        """
        # urlsplit would drop some of them silently.
        if _CONTROL.search(url):
            raise ValueError("WebSocket URL must not contain control characters")
        if url != url.strip():
            raise ValueError("WebSocket URL must not start or end with a space")
        parts = urlsplit(url)
        secure = _SCHEMES.get(parts.scheme)
        if secure is None:
            raise ValueError('WebSocket URL scheme must be "ws:" or "wss:"')
        if not parts.hostname:
            raise ValueError("URL host must not be None")
        userinfo, at, host_and_port = parts.netloc.rpartition("@")
        port = parts.port  # a ValueError of its own when out of range
        if port == 0:
            raise ValueError("URL port must not be 0")
        # A query that is there but empty makes a difference to some servers.
        query = url.partition("#")[0].partition("?")
        return cls(
            host=normalize_host(_PORT.sub("", host_and_port)),
            port=port or DEFAULT_PORTS[secure],
            resource=normalize_resource(parts.path + query[1] + query[2]),
            secure=secure,
            userinfo=userinfo if at else None,
        )

    @property
    def host_header(self) -> str:
        """The value of the Host header."""
        return host_header(self.host, self.port, secure=self.secure)


def normalize_resource(resource: str) -> str:
    """A path and query as they go over the wire: percent-encoded where needed, never empty.

    Raises:
        ValueError: if it holds control characters or does not start with ``/``.
    """
    if _NORMAL.fullmatch(resource):
        return resource
    if _CONTROL.search(resource):
        raise ValueError("resource must not contain control characters")
    if not resource or resource.startswith("?"):
        resource = "/" + resource
    if not resource.startswith("/"):
        raise ValueError(f'resource must start with "/", unlike {resource!r}')
    return quote(_STRAY_PERCENT.sub("%25", resource), safe=_RESOURCE_SAFE + "%")
