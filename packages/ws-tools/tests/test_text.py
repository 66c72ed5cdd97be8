from __future__ import annotations

import unicodedata

import pytest

from ws_tools._text import count, escape, show


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, Grüße, 日本語 👍🏽", "plain, Grüße, 日本語 👍🏽"),
        ("👩\u200d💻 and \u00a0", "👩\u200d💻 and \u00a0"),
        ("\x1b[2J\r\n\t\0", r"\x1b[2J\r\n\t\x00"),
        ("\x7f\x9b", r"\x7f\x9b"),
        ("\u202egnp\u2066", r"\u202egnp\u2066"),
        ("\u2028\u2029\ufeff\U000e0041", r"\u2028\u2029\ufeff\U000e0041"),
        ("[bold]no markup[/] :smile:", "[bold]no markup[/] :smile:"),
        ("\\n", "\\n"),
        ("\ud800", r"\ud800"),
    ],
)
def test_escape(text: str, shown: str) -> None:
    assert escape(text) == shown


def test_no_control_character_of_any_kind_is_left() -> None:
    every = "".join(map(chr, range(0x110000)))
    left = {
        unicodedata.category(character) for character in set(escape(every)) - {"\u200c", "\u200d"}
    }
    assert not left & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("a\nb", r"a\nb"),
        (b"", "<0 bytes>"),
        (b"\x1b", "<1 byte: 1b>"),
        (b"\x00\xff", "<2 bytes: 00 ff>"),
        (bytes(32), "<32 bytes: " + "00 " * 31 + "00>"),
        (bytes(33), "<33 bytes: " + "00 " * 32 + "...>"),
    ],
)
def test_show(message: str | bytes, shown: str) -> None:
    assert show(message) == shown


def test_count() -> None:
    assert [count(number, "message") for number in (0, 1, 2)] == [
        "0 messages",
        "1 message",
        "2 messages",
    ]
