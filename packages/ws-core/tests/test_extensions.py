from __future__ import annotations

import pytest

from ws_core._extensions import Extension, parse_extensions


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], []),
        ([""], []),
        ([" \t"], []),
        ([",, ,"], []),
        (["foo"], [("foo", ())]),
        ([" foo\t"], [("foo", ())]),
        (["foo, bar"], [("foo", ()), ("bar", ())]),
        (["foo", "bar,baz"], [("foo", ()), ("bar", ()), ("baz", ())]),
        (["foo; a"], [("foo", (("a", None),))]),
        (["foo;a=1;b"], [("foo", (("a", "1"), ("b", None)))]),
        (["foo ; a = 1"], [("foo", (("a", "1"),))]),
        (["foo; a=1; a=2"], [("foo", (("a", "1"), ("a", "2")))]),
        (['foo; a="1"'], [("foo", (("a", "1"),))]),
        ([r'foo; a="\1\0"'], [("foo", (("a", "10"),))]),
        (["__class__; constructor"], [("__class__", (("constructor", None),))]),
    ],
)
def test_lists_of_extensions(values: list[str], expected: list[Extension]) -> None:
    assert parse_extensions(values) == expected


@pytest.mark.parametrize(
    "garbled",
    [
        "foo bar",
        "foo=1",
        '"foo"',
        "foo;",
        "foo;;a",
        ";a",
        "foo; =1",
        "foo; a=",
        "foo; a=1=2",
        "foo; a=1 2",
        'foo; "a"=1',
        'foo; a=""',
        'foo; a="1 2"',
        'foo; a="1"2',
        'foo; a="1""2"',
        'foo; a="1,2"',
        'foo; a=","',
        'foo; a="="',
        'foo; a="1\\',
        'foo; a="1\\"',
        "foo; a=(",
        "foo; a\x0b",
        "foo; a=\\1",
    ],
)
def test_what_is_garbled_is_known_to_be_and_spoils_no_other(garbled: str) -> None:
    assert parse_extensions(["one", garbled, "two"]) == [("one", ()), None, ("two", ())]
    if not garbled.startswith('foo; a="1\\'):  # these go on to the end of the line
        assert parse_extensions([f"one, {garbled}, two"]) == [("one", ()), None, ("two", ())]


def test_an_unclosed_quoted_string_goes_to_the_end_of_its_line() -> None:
    assert parse_extensions(['foo; a="1, bar; b', "baz"]) == [None, ("baz", ())]


@pytest.mark.parametrize(
    "hostile", ['"' + r"\"" * 2000, "a; p=" + '"' * 4001, "a" + " " * 4000 + ";", ";" * 4000]
)
def test_hostile_lines_are_garbled(hostile: str) -> None:
    assert set(parse_extensions([hostile])) == {None}


def test_nobody_means_more_than_4_kib() -> None:
    assert len(parse_extensions(["a," * 1024, "b," * 1024])) == 2048
    assert parse_extensions(["a," * 1024, "b," * 1024, "c"]) == [None]
    assert parse_extensions(["a" * 4097]) == [None]
