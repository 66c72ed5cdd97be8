"""`Deflate`, and what becomes of an offer."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ws_core import Accepted, Connection, Deflate, HandshakeFailed, Requested, Role

from .two_ends import REQUEST_HEADERS, answer, deliver, head, hear, said

NAME = b"permessage-deflate"
HEADER = b"Sec-WebSocket-Extensions: "
FULL = Deflate(server_max_window_bits=15, client_max_window_bits=15)


def offered(deflate: Deflate) -> bytes:
    """The extensions that a client asks for."""
    client = Connection(Role.CLIENT, deflate=deflate)
    client.request("server.example.com")
    (line,) = [line for line in said(client).split(b"\r\n") if line.startswith(HEADER)]
    return line.removeprefix(HEADER)


def answered(deflate: Deflate | None, *offers: bytes) -> tuple[bytes | None, Deflate | None]:
    """What a server answers to offers, a line each, and what it then does."""
    server = Connection(Role.SERVER, deflate=deflate)
    lines = [HEADER + offer for offer in offers]
    (requested,) = hear(server, head(b"GET / HTTP/1.1", REQUEST_HEADERS, *lines))
    assert isinstance(requested, Requested)
    server.accept()
    lines = [line for line in said(server).split(b"\r\n") if line.startswith(HEADER)]
    assert len(lines) <= 1
    return (lines[0].removeprefix(HEADER) if lines else None), server.deflate


def agreed(deflate: Deflate | None, *answers: bytes) -> Deflate | None:
    """What a client does after a server's answer, a line each.

    Raises:
        ValueError: if the handshake fails.
    """
    client = Connection(Role.CLIENT, deflate=deflate)
    client.request("server.example.com")
    (event,) = hear(client, answer(said(client), *(HEADER + line for line in answers)))
    if isinstance(event, HandshakeFailed):
        raise ValueError(event.reason)  # noqa: TRY004 - it is what went wrong, not its type
    assert event == Accepted(None, ())
    return client.deflate


# The value.


def test_defaults_are_lean() -> None:
    assert Deflate() == Deflate(
        server_no_context_takeover=False,
        client_no_context_takeover=False,
        server_max_window_bits=None,
        client_max_window_bits=None,
        level=None,
        mem_level=4,
        threshold=64,
    )
    _, deflate = answered(Deflate(), NAME + b"; client_max_window_bits")
    assert deflate == Deflate(server_max_window_bits=12, client_max_window_bits=12)


def test_it_does_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Deflate().level = 5  # type: ignore[misc]  # the point


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("server_max_window_bits", 8, 15),
        ("client_max_window_bits", 8, 15),
        ("level", 0, 9),
        ("mem_level", 1, 9),
    ],
)
def test_ranges(name: str, least: int, most: int) -> None:
    def made(value: Any) -> Deflate:
        return Deflate(**{name: value})

    for value in (least, most):
        assert getattr(made(value), name) == value
    for value in (least - 1, most + 1, -1):
        with pytest.raises(ValueError, match=rf"Deflate\.{name} must be {least} to {most}"):
            made(value)
    wrong: list[Any] = ["12", 12.0, True, b"1"]
    for value in wrong:
        with pytest.raises(TypeError, match=rf"Deflate\.{name} must be an int"):
            made(value)


def test_mem_level_has_no_none() -> None:
    with pytest.raises(TypeError, match=r"Deflate\.mem_level must be an int, not NoneType"):
        Deflate(mem_level=None)  # type: ignore[arg-type]  # the point


@pytest.mark.parametrize("name", ["server_no_context_takeover", "client_no_context_takeover"])
@pytest.mark.parametrize("value", [1, None, "yes"])
def test_flags_are_bools(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=rf"Deflate\.{name} must be a bool"):
        Deflate(**{name: value})


def test_threshold() -> None:
    assert Deflate(threshold=float("inf")).threshold == float("inf")
    assert Deflate(threshold=0).threshold == 0
    with pytest.raises(TypeError, match=r"Deflate\.threshold must be a number, not str"):
        Deflate(threshold="1")  # type: ignore[arg-type]  # the point
    with pytest.raises(TypeError, match=r"Deflate\.threshold must be a number, not bool"):
        Deflate(threshold=True)
    for value in (-1, float("nan")):
        with pytest.raises(ValueError, match=r"Deflate\.threshold must be at least 0"):
            Deflate(threshold=value)


def test_a_connection_takes_nothing_else() -> None:
    with pytest.raises(TypeError, match="deflate must be Deflate or None, not str"):
        Connection(Role.CLIENT, deflate="deflate")  # type: ignore[arg-type]  # the point


def test_no_side_is_to_compress_with_what_zlib_has_not() -> None:
    with pytest.raises(ValueError, match=r"a server's Deflate\.server_max_window_bits must be 9"):
        Connection(Role.SERVER, deflate=Deflate(server_max_window_bits=8))
    with pytest.raises(ValueError, match=r"a client's Deflate\.client_max_window_bits must be 9"):
        Connection(Role.CLIENT, deflate=Deflate(client_max_window_bits=8))
    Connection(Role.SERVER, deflate=Deflate(client_max_window_bits=8))
    Connection(Role.CLIENT, deflate=Deflate(server_max_window_bits=8))


# Clients offer.


@pytest.mark.parametrize(
    ("deflate", "offer"),
    [
        (Deflate(), b"; client_max_window_bits"),
        (Deflate(client_max_window_bits=15), b"; client_max_window_bits=15"),
        (Deflate(client_max_window_bits=9), b"; client_max_window_bits=9"),
        (
            Deflate(server_max_window_bits=8),
            b"; server_max_window_bits=8; client_max_window_bits",
        ),
        (
            Deflate(server_no_context_takeover=True, client_no_context_takeover=True),
            b"; server_no_context_takeover; client_no_context_takeover; client_max_window_bits",
        ),
        (Deflate(level=9, mem_level=9, threshold=1), b"; client_max_window_bits"),
    ],
)
def test_what_clients_offer(deflate: Deflate, offer: bytes) -> None:
    assert offered(deflate) == NAME + offer


def test_clients_that_want_no_compression_offer_nothing() -> None:
    client = Connection(Role.CLIENT)
    client.request("server.example.com")
    assert b"extensions" not in said(client).lower()


# Servers answer. RFC 7692 section 7.1.


@pytest.mark.parametrize(
    ("deflate", "offer", "answer_to_it"),
    [
        (Deflate(), b"", b"; server_max_window_bits=12"),
        (FULL, b"", b""),
        (FULL, b"; client_max_window_bits", b""),
        (FULL, b"; server_max_window_bits=15", b"; server_max_window_bits=15"),
        (FULL, b"; client_max_window_bits=15", b""),
        (
            Deflate(),
            b"; server_max_window_bits=10; client_max_window_bits=9",
            b"; server_max_window_bits=10; client_max_window_bits=9",
        ),
        (
            Deflate(),
            b"; server_max_window_bits=15; client_max_window_bits=15",
            b"; server_max_window_bits=12; client_max_window_bits=12",
        ),
        (FULL, b"; client_max_window_bits=8", b"; client_max_window_bits=8"),
        (FULL, b'; client_max_window_bits="10"', b"; client_max_window_bits=10"),
        (FULL, b"; server_no_context_takeover", b"; server_no_context_takeover"),
        (FULL, b"; client_no_context_takeover", b"; client_no_context_takeover"),
        (
            Deflate(
                server_no_context_takeover=True,
                client_no_context_takeover=True,
                server_max_window_bits=15,
            ),
            b"",
            b"; server_no_context_takeover; client_no_context_takeover",
        ),
    ],
)
def test_what_servers_answer(deflate: Deflate, offer: bytes, answer_to_it: bytes) -> None:
    assert answered(deflate, NAME + offer)[0] == NAME + answer_to_it


BAD_PARAMETERS = [
    b"; client_max_window_bits=abc",
    b"; client_max_window_bits=7",
    b"; client_max_window_bits=16",
    b"; client_max_window_bits=0",
    b"; client_max_window_bits=-9",
    b"; client_max_window_bits=010",
    b"; client_max_window_bits=+10",
    b"; client_max_window_bits=1_0",
    b"; client_max_window_bits=10.0",
    b"; client_max_window_bits=",
    b'; client_max_window_bits=""',
    b'; client_max_window_bits="1 0"',
    b'; client_max_window_bits="10',
    b"; client_max_window_bits=" + b"1" * 3000,
    b"; client_max_window_bits=10; client_max_window_bits=10",
    b"; server_max_window_bits",
    b"; server_max_window_bits=",
    b"; server_max_window_bits=7",
    b"; server_max_window_bits=16",
    b"; server_max_window_bits=012",
    b"; server_max_window_bits=12; server_max_window_bits=12",
    b"; server_no_context_takeover=1",
    b"; server_no_context_takeover=true",
    b"; server_no_context_takeover; server_no_context_takeover",
    b"; client_no_context_takeover=1",
    b"; client_no_context_takeover; client_no_context_takeover",
    b"; client_no_context_takeoverZZZ",
    b"; Client_No_Context_Takeover",
    b"; unknown",
    b"; unknown=12",
    b"=12",
    b";",
    b" permessage-deflate",
]


@pytest.mark.parametrize("parameters", BAD_PARAMETERS)
def test_servers_decline_what_they_do_not_understand(parameters: bytes) -> None:
    assert answered(FULL, NAME + parameters) == (None, None)


@pytest.mark.parametrize("parameters", BAD_PARAMETERS)
def test_nothing_leaks_from_a_declined_offer(parameters: bytes) -> None:
    flags = b"; server_no_context_takeover; client_no_context_takeover"
    bad = NAME + flags + parameters
    deflate = dataclasses.replace(FULL, level=3)
    assert answered(deflate, bad, NAME) == (NAME, deflate)


def test_the_first_acceptable_offer_wins() -> None:
    offers = [
        b"x-webkit-deflate-frame",
        NAME + b"; unknown",
        NAME + b"; server_max_window_bits=8",
        NAME + b"; server_max_window_bits=11",
        NAME + b"; server_max_window_bits=10",
        NAME,
    ]
    expected = NAME + b"; server_max_window_bits=11"
    assert answered(FULL, *offers)[0] == expected
    assert answered(FULL, b", ".join(offers))[0] == expected


def test_servers_decline_what_zlib_can_not_do() -> None:
    assert answered(FULL, NAME + b"; server_max_window_bits=8") == (None, None)


def test_a_bound_on_the_clients_window_holds() -> None:
    bounded = Deflate(client_max_window_bits=10)
    assert answered(bounded, NAME) == (None, None)
    answer_to_it, _ = answered(bounded, NAME, NAME + b"; client_max_window_bits")
    assert answer_to_it == NAME + b"; server_max_window_bits=12; client_max_window_bits=10"


def test_servers_that_want_no_compression_answer_nothing() -> None:
    assert answered(None, NAME) == (None, None)
    assert answered(Deflate(), b"other") == (None, None)
    assert answered(Deflate()) == (None, None)


# Clients check the answer.


@pytest.mark.parametrize(
    ("deflate", "answer_to_it", "expected"),
    [
        (Deflate(), b"", (False, False, 15, 12)),
        (Deflate(client_max_window_bits=15), b"", (False, False, 15, 15)),
        (Deflate(), b"; server_max_window_bits=8", (False, False, 8, 12)),
        (Deflate(), b'; client_max_window_bits="8"', (False, False, 15, 8)),
        (Deflate(), b"; client_max_window_bits=15", (False, False, 15, 12)),
        (Deflate(), b"; server_no_context_takeover", (True, False, 15, 12)),
        (Deflate(), b"; client_no_context_takeover", (False, True, 15, 12)),
        (Deflate(client_no_context_takeover=True), b"", (False, True, 15, 12)),
        (Deflate(client_max_window_bits=9), b"; client_max_window_bits=10", (False, False, 15, 9)),
        (
            Deflate(server_max_window_bits=12, server_no_context_takeover=True),
            b"; server_no_context_takeover; server_max_window_bits=10",
            (True, False, 10, 12),
        ),
    ],
)
def test_what_clients_agree_to(
    deflate: Deflate, answer_to_it: bytes, expected: tuple[bool, bool, int, int]
) -> None:
    found = agreed(deflate, NAME + answer_to_it)
    assert found is not None
    assert dataclasses.astuple(found)[:4] == expected


def test_clients_agree_to_none() -> None:
    assert agreed(Deflate()) is None
    assert agreed(None) is None


@pytest.mark.parametrize("parameters", [*BAD_PARAMETERS, b"; client_max_window_bits"])
def test_a_bad_answer_fails_the_handshake(parameters: bytes) -> None:
    with pytest.raises(ValueError, match="the server's answer is wrong: "):
        agreed(Deflate(), NAME + parameters)


@pytest.mark.parametrize(
    ("deflate", "answers", "complaint"),
    [
        (None, [NAME], "it names an extension that was not offered"),
        (None, [b'"'], "it names an extension that was not offered"),
        (Deflate(), [b"other"], "it names other extensions than permessage-deflate, once"),
        (Deflate(), [NAME, b"other"], "other extensions"),
        (Deflate(), [NAME, NAME], "other extensions"),
        (Deflate(), [NAME + b", " + NAME], "other extensions"),
        (Deflate(), [NAME + b"; x"], "invalid parameter of permessage-deflate"),
        (
            Deflate(),
            [NAME + b"; server_max_window_bits=9; server_max_window_bits=9"],
            "server_max_window_bits stands twice in permessage-deflate",
        ),
        (
            Deflate(server_no_context_takeover=True),
            [NAME],
            "it does not agree to server_no_context_takeover",
        ),
        (
            Deflate(server_max_window_bits=10),
            [NAME],
            "it does not agree to server_max_window_bits=10",
        ),
        (
            Deflate(server_max_window_bits=10),
            [NAME + b"; server_max_window_bits=11"],
            "it does not agree to server_max_window_bits=10",
        ),
    ],
)
def test_what_is_wrong_with_an_answer_is_said(
    deflate: Deflate | None, answers: list[bytes], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        agreed(deflate, *answers)


def test_an_answer_that_is_not_ascii_fails_the_handshake() -> None:
    with pytest.raises(ValueError, match="a handshake header is not ASCII"):
        agreed(Deflate(), NAME + b"; \xe4")


# Both.


@pytest.mark.parametrize(
    "deflate", [Deflate(), FULL, Deflate(server_max_window_bits=9, client_max_window_bits=9)]
)
def test_two_of_us_agree(deflate: Deflate) -> None:
    client, server = (
        Connection(Role.CLIENT, deflate=deflate),
        Connection(Role.SERVER, deflate=deflate),
    )
    client.request("server.example.com")
    deliver(client, server)
    server.accept(subprotocol=None)
    deliver(server, client)
    assert client.deflate == server.deflate is not None


def test_the_application_can_not_name_extensions_itself() -> None:
    client = Connection(Role.CLIENT, deflate=Deflate())
    with pytest.raises(ValueError, match="set by the handshake itself"):
        client.request("h", extra_headers=[("Sec-WebSocket-Extensions", "x")])
