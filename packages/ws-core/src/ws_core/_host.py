"""Host names and ports (RFC 3986 section 3.2): one spelling for DNS, TLS and the Host header."""

from __future__ import annotations

import ipaddress
import re

import idna

DEFAULT_PORTS = {False: 80, True: 443}

# What may stand in a host name on the wire; underscores do in practice. RFC 1035 section 2.3.4: a
# label has 63 characters at most; a dot at the end stands for the root.
_LABEL = r"[-_~!$&'()*+,;=0-9A-Za-z]{1,63}"
_NAME = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}\.?")
# RFC 9110 section 7.2: uri-host [ ":" port ].
_HOST_HEADER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[-._~!$&'()*+,;=%0-9A-Za-z]+)(:[0-9]*)?")


def normalize_host(host: str) -> str:
    """The host as it is looked up and sent: IDNA A-labels (UTS 46), an IPv6 address unbracketed.

    Raises:
        ValueError: if it is no host name and no IP address.
    """
    bracketed = host.startswith("[") and host.endswith("]")
    if bracketed:
        # RFC 6874: the "%" before a zone is encoded in a URL.
        host = host[1:-1].replace("%25", "%", 1)
    if bracketed or ":" in host:
        _check_ipv6(host)
    elif not host.isascii():
        try:
            return idna.encode(host, uts46=True).decode("ascii")
        except idna.IDNAError as error:
            raise ValueError(f"invalid host name {host!r}: {error}") from None
    elif not _NAME.fullmatch(host) or len(host) > 254:
        raise ValueError(f"invalid host name {host!r}")
    return host


def _check_ipv6(host: str) -> None:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        raise ValueError(f"invalid IPv6 address {host!r}") from None


def host_header(host: str, port: int, *, secure: bool) -> str:
    """The value of the Host header.

    An IPv6 address is in brackets and without its zone; the scheme's own port is left out.
    """
    if ":" in host:
        host = f"[{host.partition('%')[0]}]"
    return host if port == DEFAULT_PORTS[secure] else f"{host}:{port}"


def normalize_host_header(value: str) -> str:
    """A Host header as a caller wrote it, with IDNA A-labels and brackets where they are missing.

    Raises:
        TypeError: if it is no ``str``.
        ValueError: if it is no ``host`` or ``host:port``.
    """
    if not isinstance(value, str):
        raise TypeError(f"host must be a str, not {type(value).__name__}")
    if value.count(":") > 1 and not value.startswith("["):
        value = f"[{normalize_host(value).partition('%')[0]}]"
    elif not value.isascii():
        name, colon, port = value.partition(":")
        value = normalize_host(name) + colon + port
    check_host_header(value)
    return value


def check_host_header(value: str) -> None:
    """Check a Host header as it stands on the wire (RFC 9110 section 7.2).

    Raises:
        ValueError: if it is no ``host`` or ``host:port``.
    """
    match = _HOST_HEADER.fullmatch(value)
    if match is None or len(value) > 262:
        raise ValueError(f"invalid host {value!r}")
    if value.startswith("["):
        _check_ipv6(match[1][1:-1])
    try:
        # wsproto reads and writes the header with this codec, which knows its own faults.
        value.encode("ascii").decode("idna").encode("idna")
    except UnicodeError:
        raise ValueError(f"invalid host {value!r}") from None
