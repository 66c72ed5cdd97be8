import pytest

from ws_core import CloseCode, Closed, CloseReason, Failed, Role
from ws_core._close import ProtocolViolation, checked_reason, close_payload, parse_close_payload

from .two_ends import CLOSE, close_frame, events, frame, hear, open_end, said

# RFC 6455 section 7.4 and the IANA registry.
SENDABLE = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (-1, "INVALID_CODE"),
        (0, "INVALID_CODE"),
        (999, "INVALID_CODE"),
        (1000, "NORMAL_CLOSURE"),
        (1001, "GOING_AWAY"),
        (1002, "PROTOCOL_ERROR"),
        (1003, "UNSUPPORTED_DATA"),
        (1004, "RFC_RESERVED"),
        (1005, "NO_STATUS_RCVD"),
        (1006, "ABNORMAL_CLOSURE"),
        (1007, "INVALID_FRAME_PAYLOAD_DATA"),
        (1008, "POLICY_VIOLATION"),
        (1009, "MESSAGE_TOO_BIG"),
        (1010, "MANDATORY_EXT"),
        (1011, "INTERNAL_ERROR"),
        (1012, "SERVICE_RESTART"),
        (1013, "TRY_AGAIN_LATER"),
        (1014, "BAD_GATEWAY"),
        (1015, "TLS_HANDSHAKE_FAILED"),
        (1016, "RFC_RESERVED"),
        (2999, "RFC_RESERVED"),
        (3000, "IANA_RESERVED"),
        (3999, "IANA_RESERVED"),
        (4000, "PRIVATE_RESERVED"),
        (4999, "PRIVATE_RESERVED"),
        (5000, "INVALID_CODE"),
    ],
)
def test_every_code_has_a_name(code: int, name: str) -> None:
    assert CloseReason(code).name == name
    if code in {*CloseCode}:
        assert CloseCode(code).name == name


def test_reason_tells_code_name_and_text() -> None:
    assert CloseReason(1001).summary == "1001 GOING_AWAY"
    assert CloseReason(1001, "bye").summary == "1001 GOING_AWAY: 'bye'"
    assert str(CloseReason(1001)) == "CloseReason<code=1001, name=GOING_AWAY, reason=None>"
    assert repr(CloseReason(1001)) == "CloseReason<code=1001, name=GOING_AWAY, reason=None>"
    assert (
        repr(CloseReason(4000, "x")) == "CloseReason<code=4000, name=PRIVATE_RESERVED, reason='x'>"
    )


def test_control_characters_of_the_peer_are_escaped() -> None:
    reason = CloseReason(1000, "\x1b[2J\r\nforged line")
    for text in (str(reason), repr(reason), reason.summary):
        assert text.isprintable()


def test_reasons_compare_by_value() -> None:
    assert CloseReason(1000) == CloseReason(1000)
    assert len({CloseReason(1000, "x"), CloseReason(1000, "x"), CloseReason(1000, "y")}) == 2


def test_a_reason_without_utf8_is_refused() -> None:
    end = open_end(Role.SERVER)
    with pytest.raises(ValueError, match="surrogates not allowed"):
        end.close(1000, "\ud800")
    assert not len(end.outgoing)
    end.close(1000, "fine")
    assert said(end) == b"\x88\x06\x03\xe8fine"


def test_all_65536_codes_that_a_peer_may_send() -> None:
    for code in range(65536):
        payload = code.to_bytes(2, "big")
        if code in SENDABLE:
            reason = parse_close_payload(payload)
            assert (reason.code, reason.reason) == (code, None)
        else:
            with pytest.raises(ProtocolViolation) as caught:
                parse_close_payload(payload)
            assert caught.value.reason.code == CloseCode.PROTOCOL_ERROR


def test_all_65536_codes_that_we_may_send() -> None:
    for code in range(65536):
        if code in SENDABLE:
            assert close_payload(checked_reason(code, None)) == code.to_bytes(2, "big")
        else:
            with pytest.raises(ValueError, match="may not be sent"):
                checked_reason(code, None)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("code", [1000, 1003, 1007, 1014, 3000, 4999])
def test_code_that_may_be_sent_travels_both_ways(role: Role, code: int) -> None:
    end = open_end(role)
    assert hear(end, close_frame(code, to=role)) == [Closed(CloseReason(code), clean=True)]
    end = open_end(Role.SERVER)
    end.close(code)
    assert said(end) == close_frame(code, to=Role.CLIENT)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535])
def test_code_that_may_not_be_sent_fails_a_peer_and_is_refused_here(role: Role, code: int) -> None:
    end = open_end(role)
    with pytest.raises(ValueError, match=f"close code {code} may not be sent"):
        end.close(code)
    assert not len(end.outgoing)
    assert hear(end, close_frame(code, to=role)) == [
        Failed(CloseReason(1002, "invalid close code"))
    ]


@pytest.mark.parametrize("code", [-1, 65536, 2**40, True])
def test_code_outside_16_bits_is_refused(code: int) -> None:
    end = open_end(Role.SERVER)
    with pytest.raises(ValueError, match="may not be sent"):
        end.close(code)
    assert not len(end.outgoing)


@pytest.mark.parametrize(
    ("code", "reason"), [("1000", None), (1000.0, None), (None, None), (1000, b"bye"), (1000, 5)]
)
def test_code_is_an_int_and_reason_a_str(code: object, reason: object) -> None:
    end = open_end(Role.SERVER)
    with pytest.raises(TypeError, match=r"close (code|reason) must be"):
        end.close(code, reason)  # type: ignore[arg-type]  # the point
    assert not len(end.outgoing)
    assert not events(end)


@pytest.mark.parametrize(
    ("reason", "sent"),
    [
        (None, b""),
        ("", b""),
        ("bye", b"bye"),
        ("x" * 123, b"x" * 123),
        ("x" * 124, b"x" * 123),
        ("ä" * 62, b"\xc3\xa4" * 61),
        ("x" + "ä" * 62, b"x" + b"\xc3\xa4" * 61),
        ("€" * 42, b"\xe2\x82\xac" * 41),
        ("x€" * 42, b"x\xe2\x82\xac" * 30 + b"x"),
        ("😀" * 40, b"\xf0\x9f\x98\x80" * 30),
    ],
)
def test_long_reason_is_cut_at_a_character(reason: str | None, sent: bytes) -> None:
    server = open_end(Role.SERVER)
    server.close(1000, reason)
    assert said(server) == frame(CLOSE, b"\x03\xe8" + sent, to=Role.CLIENT)


def test_reason_without_utf8_is_refused() -> None:
    end = open_end(Role.SERVER)
    with pytest.raises(ValueError, match="surrogates not allowed"):
        end.close(1000, "\ud800")
    assert not len(end.outgoing)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(
    ("payload", "event"),
    [
        (b"", Closed(CloseReason(1005), clean=True)),
        (b"\x03", Failed(CloseReason(1002, "invalid close code"))),
        (b"\x03\xe8", Closed(CloseReason(1000), clean=True)),
        (b"\x03\xe8bye", Closed(CloseReason(1000, "bye"), clean=True)),
        (b"\x03\xe8" + b"x" * 123, Closed(CloseReason(1000, "x" * 123), clean=True)),
        (b"\x03\xe8\xc3\xa4", Closed(CloseReason(1000, "ä"), clean=True)),
        (b"\x03\xe8\xc3", Failed(CloseReason(1007, "invalid UTF-8 in the close reason"))),
        (b"\x03\xe8\xed\xa0\x80", Failed(CloseReason(1007, "invalid UTF-8 in the close reason"))),
        (b"\x03\xe8bye\xff", Failed(CloseReason(1007, "invalid UTF-8 in the close reason"))),
        (b"\x03\xed\xff", Failed(CloseReason(1002, "invalid close code"))),
    ],
)
def test_payload_of_a_peers_close_frame(role: Role, payload: bytes, event: Closed | Failed) -> None:
    assert hear(open_end(role), frame(CLOSE, payload, to=role)) == [event]
