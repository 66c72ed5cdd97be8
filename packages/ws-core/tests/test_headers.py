from typing import Any

import pytest

from ws_core._headers import (
    checked_headers,
    checked_subprotocols,
    is_token,
    split_list,
    values_of,
)


@pytest.mark.parametrize("text", ["a", "chat.v2", "!#$%&'*+-.^_`|~", "0", "A" * 5000])
def test_tokens(text: str) -> None:
    assert is_token(text)


@pytest.mark.parametrize("text", ["", " ", "a b", "a\n", "a,b", 'a"b', "(a)", "a/b", "ä", "a\x00"])
def test_what_is_no_token(text: str) -> None:
    assert not is_token(text)


@pytest.mark.parametrize(
    ("values", "elements"),
    [
        ([], []),
        ([b""], []),
        ([b"a"], ["a"]),
        ([b"a,b", b"c"], ["a", "b", "c"]),
        ([b" a ,\tb\t,, ,c,"], ["a", "b", "c"]),
        ([b"," * 8000], []),
        ([b"a b"], ["a b"]),
    ],
)
def test_list_may_stand_over_several_lines(values: list[bytes], elements: list[str]) -> None:
    assert split_list(values) == elements


def test_list_is_ascii() -> None:
    with pytest.raises(UnicodeDecodeError):
        split_list([b"a, \xe4"])


def test_names_are_found_in_any_spelling() -> None:
    headers = [(b"Host", b"1"), (b"other", b"2"), (b"HOST", b"3")]
    assert values_of(headers, b"host") == [b"1", b"3"]


def test_headers_become_bytes_and_keep_their_spelling() -> None:
    given: list[tuple[str | bytes, str | bytes]] = [
        ("X-Text", "a b\tc"),
        (b"x-bytes", b"\x80\xff"),
        ("Empty", ""),
        ("Padded", " \t a \t"),
        ("X-Text", "twice"),
    ]
    before = list(given)
    assert checked_headers(given) == [
        (b"X-Text", b"a b\tc"),
        (b"x-bytes", b"\x80\xff"),
        (b"Empty", b""),
        (b"Padded", b"a"),
        (b"X-Text", b"twice"),
    ]
    assert given == before


def test_headers_may_be_missing_or_any_iterable() -> None:
    assert checked_headers(None) == []
    assert checked_headers(()) == []
    assert checked_headers(iter([("a", "b")])) == [(b"a", b"b")]


@pytest.mark.parametrize("headers", [{"A": "b"}, "A: b", b"A: b"])
def test_headers_are_pairs(headers: Any) -> None:
    with pytest.raises(TypeError, match=r"headers must be a list of pairs, not (dict|str|bytes)"):
        checked_headers(headers)


def test_allowed_headers_may_be_set() -> None:
    with pytest.raises(ValueError, match="set by the handshake itself"):
        checked_headers([("Upgrade", "h2c")])
    assert checked_headers([("Upgrade", "h2c")], allowed=frozenset({b"upgrade"})) == [
        (b"Upgrade", b"h2c")
    ]


def test_subprotocols_keep_their_order() -> None:
    assert list(checked_subprotocols(None)) == []
    assert list(checked_subprotocols(iter(["b", "a"]))) == ["b", "a"]
