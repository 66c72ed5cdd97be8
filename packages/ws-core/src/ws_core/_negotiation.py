"""From an offer of permessage-deflate to an agreement (RFC 7692 sections 5 and 7.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ._deflate import FULL_WINDOW, LEAN_WINDOW, UNCOMPRESSIBLE_WINDOW, Deflate
from ._extensions import Extension
from ._head import HandshakeViolation

_NAME = "permessage-deflate"
_SERVER_ALONE, _CLIENT_ALONE = "server_no_context_takeover", "client_no_context_takeover"
_SERVER_BITS, _CLIENT_BITS = "server_max_window_bits", "client_max_window_bits"

# What each parameter may say. RFC 7692 section 7.1.2: no leading zeroes; the client's window has a
# value in answers, and may go without in offers.
_BITS = frozenset(map(str, range(8, 16)))
_IN_ANSWERS: dict[str, frozenset[str | None]] = {
    _SERVER_ALONE: frozenset({None}),
    _CLIENT_ALONE: frozenset({None}),
    _SERVER_BITS: _BITS,
    _CLIENT_BITS: _BITS,
}
_IN_OFFERS = _IN_ANSWERS | {_CLIENT_BITS: _BITS | {None}}


def check_role(deflate: Deflate, *, client: bool) -> None:
    """Refuse what a side could never do.

    Raises:
        ValueError: if it were to compress with a window of 256 bytes.
    """
    side, bits = ("client", _CLIENT_BITS) if client else ("server", _SERVER_BITS)
    if getattr(deflate, bits) == UNCOMPRESSIBLE_WINDOW:
        raise ValueError(f"a {side}'s Deflate.{bits} must be 9 to 15: zlib has no smaller window")


def offer(wanted: Deflate) -> bytes:
    """What a client offers."""
    params = [_NAME, *_flags(wanted)]
    if wanted.server_max_window_bits is not None:
        params.append(f"{_SERVER_BITS}={wanted.server_max_window_bits}")
    if wanted.client_max_window_bits is None:
        params.append(_CLIENT_BITS)  # without a value, as browsers do: every server knows that
    else:
        params.append(f"{_CLIENT_BITS}={wanted.client_max_window_bits}")
    return "; ".join(params).encode()


def accept_offer(
    wanted: Deflate, offers: Iterable[Extension | None]
) -> tuple[bytes, Deflate] | None:
    """What a server answers to the first offer that it can accept, and what that means.

    Returns:
        None if there is no such offer.
    """
    for extension in offers:
        if extension is not None and extension.name == _NAME:
            try:
                asked = _read(extension, _IN_OFFERS)
            except HandshakeViolation:
                continue  # RFC 7692 section 7.1: such an offer is declined
            agreed = _grant(wanted, asked)
            if agreed is not None:
                return _answer(agreed, asked), agreed
    return None


def check_answer(wanted: Deflate | None, answers: Sequence[Extension | None]) -> Deflate | None:
    """What a client and a server have agreed on, by the server's answer.

    Returns:
        None if they use no extension.

    Raises:
        HandshakeViolation: if the answer does not go with the offer.
    """
    if not answers:
        return None
    if wanted is None:
        raise HandshakeViolation("it names an extension that was not offered")
    answer = answers[0]
    if answer is None or answer.name != _NAME or len(answers) > 1:
        raise HandshakeViolation("it names other extensions than permessage-deflate, once")
    said = _read(answer, _IN_ANSWERS)
    if wanted.server_no_context_takeover and _SERVER_ALONE not in said:
        raise HandshakeViolation(f"it does not agree to {_SERVER_ALONE}")
    bits = said.get(_SERVER_BITS, FULL_WINDOW)
    if bits > _or(wanted.server_max_window_bits, FULL_WINDOW):
        raise HandshakeViolation(
            f"it does not agree to {_SERVER_BITS}={wanted.server_max_window_bits}"
        )
    return replace(
        wanted,
        server_no_context_takeover=_SERVER_ALONE in said,
        client_no_context_takeover=_CLIENT_ALONE in said or wanted.client_no_context_takeover,
        server_max_window_bits=bits,
        # RFC 7692 section 7.1.2.2: an answer may name more than we are going to use.
        client_max_window_bits=min(
            said.get(_CLIENT_BITS, FULL_WINDOW), _or(wanted.client_max_window_bits, LEAN_WINDOW)
        ),
    )


def _read(extension: Extension, allowed: dict[str, frozenset[str | None]]) -> dict[str, int]:
    """The parameters that are there, 15 where one has no value.

    Raises:
        HandshakeViolation: for one that may not be there, or twice, or says what it may not.
    """
    said: dict[str, int] = {}
    for name, value in extension.params:
        if name in said:
            raise HandshakeViolation(f"{name} stands twice in permessage-deflate")
        if value not in allowed.get(name, ()):
            raise HandshakeViolation("invalid parameter of permessage-deflate")
        said[name] = FULL_WINDOW if value is None else int(value)
    return said


def _grant(wanted: Deflate, asked: dict[str, int]) -> Deflate | None:
    """What a server makes of an offer; None if it can't do what is asked."""
    server_bits = min(
        asked.get(_SERVER_BITS, FULL_WINDOW), _or(wanted.server_max_window_bits, LEAN_WINDOW)
    )
    client_bits = FULL_WINDOW
    if _CLIENT_BITS in asked:
        client_bits = min(asked[_CLIENT_BITS], _or(wanted.client_max_window_bits, LEAN_WINDOW))
    # RFC 7692 section 7.1.2.2: a client that did not bring it up can't be asked for less.
    if server_bits == UNCOMPRESSIBLE_WINDOW or client_bits > _or(
        wanted.client_max_window_bits, FULL_WINDOW
    ):
        return None
    return replace(
        wanted,
        server_no_context_takeover=wanted.server_no_context_takeover or _SERVER_ALONE in asked,
        client_no_context_takeover=wanted.client_no_context_takeover or _CLIENT_ALONE in asked,
        server_max_window_bits=server_bits,
        client_max_window_bits=client_bits,
    )


def _answer(agreed: Deflate, asked: dict[str, int]) -> bytes:
    params = [_NAME, *_flags(agreed)]
    if _SERVER_BITS in asked or agreed.server_max_window_bits != FULL_WINDOW:
        params.append(f"{_SERVER_BITS}={agreed.server_max_window_bits}")
    if agreed.client_max_window_bits != FULL_WINDOW:
        params.append(f"{_CLIENT_BITS}={agreed.client_max_window_bits}")
    return "; ".join(params).encode()


def _flags(deflate: Deflate) -> list[str]:
    return [name for name in (_SERVER_ALONE, _CLIENT_ALONE) if getattr(deflate, name)]


def _or(bits: int | None, default: int) -> int:
    return default if bits is None else bits
