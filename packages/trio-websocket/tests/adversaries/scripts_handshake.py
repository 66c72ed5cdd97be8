"""The opening handshake: requests that are none, or want too much."""

from __future__ import annotations

from .attacker import Attacker, endless, together
from .script import script
from .wire import BINARY, KIB, MIB, REQUEST, TEXT, close, in_words, request, to_server

ODD = (b"\x80", b"\xff\xfe", b"\xc3\xbc", b"caf\xe9")
LATER = request(start=b"GET /hesitate HTTP/1.1")


@script("HTTP 400")
async def bytes_beyond_ascii_in_headers(attacker: Attacker) -> str:
    """Bytes from 0x80 on in Host, Connection, the key and Sec-WebSocket-Protocol."""
    names = ("host", "connection", "sec_websocket_key")
    return await attacker.answers(
        [
            *(request(**{name: value}) for name in names for value in ODD),
            *(request(b"Sec-WebSocket-Protocol: " + value) for value in ODD),
        ]
    )


@script("HTTP 400")
async def bytes_beyond_ascii_in_offers(attacker: Attacker) -> str:
    """Bytes from 0x80 on in Sec-WebSocket-Extensions: offers that no one can take."""
    return await attacker.answers(
        request(b"Sec-WebSocket-Extensions: " + value) + close() for value in ODD
    )


@script("HTTP 400")
async def encoded_host_that_is_none(attacker: Attacker) -> str:
    """Host names that only look like encoded ones: a trap for who decodes them."""
    hosts = (b"xn--99999999", b"xn--", b"xn--a.xn--\x2d\x2d", b"a" * 300 + b".example")
    return await attacker.answers(request(host=host) + close() for host in hosts)


@script("HTTP 400")
async def hosts_that_are_none(attacker: Attacker) -> str:
    """Hosts with spaces, none, several, or something behind the port."""
    return await attacker.answers(
        [
            request(host=b""),
            request(host=None),
            request(host=b"a b"),
            request(host=b"a:b"),
            request(host=b"a:1:2"),
            request(host=b"[::1"),
            request(host=b"user@host"),
            request(b"Host: again"),
        ]
    )


@script("HTTP 101, close 1000; HTTP 400")
async def values_that_catch_regular_expressions(attacker: Attacker) -> str:
    """Runs of spaces, backslashes and unclosed quotes, which some patterns try in all ways."""
    values = (
        b"b" + b" " * 12 * KIB + b"x",
        b'a; p="' + b"\\c" * 6 * KIB,
        b'a; p="' + b"\\" * 12 * KIB,
        b"constructor; __class__; __proto__=1",
    )
    headers = (b"Sec-WebSocket-Extensions: ", b"Sec-WebSocket-Protocol: ")
    return await attacker.answers(
        request(name + value) + close() for name in headers for value in values
    )


@script("HTTP 101, close 1000", settings={"compression": "deflate"})
async def thousands_of_separators_in_an_offer(attacker: Attacker) -> str:
    """8,000 commas, semicolons, quotes and equals signs in Sec-WebSocket-Extensions."""
    return await attacker.answers(
        request(b"Sec-WebSocket-Extensions: permessage-deflate" + mark * 8_000) + close()
        for mark in (b",", b";", b'"', b"=")
    )


@script("HTTP 101, close 1000", settings={"compression": "deflate"})
async def offers_of_deflate_that_are_garbled(attacker: Attacker) -> str:
    """Window bits that are no number, out of range, quoted, doubled or 5,000 digits long."""
    bits = b"client_max_window_bits"
    parameters = (
        *(bits + b"=" + value for value in (b"abc", b"7", b"16", b"+1_2", b"", b"0", b"-1", b"08")),
        bits + b"=" + b"9" * 3_000,
        b"server_max_window_bits",
        b"server_no_context_takeover=1",
        bits + b"; " + bits,
        b"unknown",
        b"=",
    )
    return await attacker.answers(
        request(b"Sec-WebSocket-Extensions: permessage-deflate; " + parameter) + close()
        for parameter in parameters
    )


@script("HTTP 431")
async def header_of_20_mb(attacker: Attacker) -> str:
    """A header line of 20 MB: refused at its start, and not read to the end."""
    wire = await attacker.tcp()
    words = await wire.last_words(request()[:-2] + b"x: ", *endless(b"y" * 65536, at_least=20e6))
    assert wire.sent < 20e6, "the server has not hung up"
    return words


@script("HTTP 431")
async def request_line_of_20_mb(attacker: Attacker) -> str:
    """A path of 20 MB."""
    wire = await attacker.tcp()
    words = await wire.last_words(b"GET /", *endless(b"y" * 65536, at_least=20e6))
    assert wire.sent < 20e6, "the server has not hung up"
    return words


@script("HTTP 431")
async def header_lines_by_the_thousand(attacker: Attacker) -> str:
    """2,000 header lines: short ones, empty ones, all the same."""
    return await attacker.answers(
        request(*[line] * 2_000) for line in (b"x: y", b"x:", b"Cookie: a=b", b"Host: localhost")
    )


@script("HTTP 400")
async def request_with_a_body(attacker: Attacker) -> str:
    """Content-Length and Transfer-Encoding, which proxies and servers may read in two ways."""
    return await attacker.answers(
        [
            request(b"Content-Length: 5") + b"hello",
            request(b"Content-Length: 5", b"Content-Length: 6") + b"hello",
            request(b"Content-Length: " + b"9" * 4300),
            request(b"Content-Length: 9223372036854775808"),
            request(b"Content-Length: -1"),
            request(b"Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n",
            request(b"Transfer-Encoding: identity, chunked", b"Content-Length: 0"),
        ]
    )


@script("HTTP 101, close 1002")
async def second_request_behind_the_first(attacker: Attacker) -> str:
    """Two requests in one segment: the second is nothing but bad frames."""
    wire = await attacker.tcp()
    return await wire.last_words(REQUEST + REQUEST)


@script("HTTP 505")
async def old_http(attacker: Attacker) -> str:
    """HTTP/1.0, 0.9 and 2.0."""
    starts = (b"GET / HTTP/1.0", b"GET / HTTP/0.9", b"GET / HTTP/2.0")
    return await attacker.answers(request(start=start) for start in starts)


@script("HTTP 426")
async def old_websocket(attacker: Attacker) -> str:
    """Version 8, which some implementations once answered with 101."""
    versions = (b"8", b"7", b"0", b"14", b"255")
    return await attacker.answers(request(sec_websocket_version=version) for version in versions)


@script("HTTP 400")
async def keys_that_are_none(attacker: Attacker) -> str:
    """Short, long, odd, missing and doubled keys."""
    return await attacker.answers(
        [
            *(request(sec_websocket_key=key) for key in (b"", b"short", b"A" * 28, b"!" * 24)),
            request(sec_websocket_key=None),
            request(b"Sec-WebSocket-Key: " + b"A" * 22 + b"=="),
        ]
    )


@script("HTTP 400")
async def tricks_with_line_ends(attacker: Attacker) -> str:
    """Bare LF, bare CR, folded lines, NUL, a space before the colon, a line without one."""
    return await attacker.answers(
        [
            REQUEST.replace(b"\r\n", b"\n"),
            request(b"x: y\nz: bare"),
            request(b"x: y\rz: bare"),
            request(b"x: y\r\n folded"),
            request(b"x: y\r\n\tfolded"),
            request(b"x: a\x00b"),
            request(b"x : y"),
            request(b"no colon"),
            request(b": no name"),
            request(start=b"GET /\r HTTP/1.1"),
            request(start=b"GET  / HTTP/1.1"),
        ]
    )


@script("HTTP 426")
async def plain_http_request(attacker: Attacker) -> str:
    """What a browser sends to look at a page."""
    wire = await attacker.tcp()
    return await wire.last_words(
        b"GET /favicon.ico HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n"
        b"Connection: keep-alive\r\nAccept-Encoding: gzip\r\n\r\n"
    )


@script("no answer but 101 or 4xx or 505", memory=4 * MIB)
async def request_with_one_odd_byte(attacker: Attacker) -> str:
    """The request with one byte of it changed to NUL, LF or 0xFF, at every place."""
    requests = (
        REQUEST[:place] + odd + REQUEST[place + 1 :] + close()
        for place in range(0, len(REQUEST) - 4, 2)
        for odd in (b"\x00", b"\n", b"\xff")
    )
    answers = (await attacker.answers(requests)).split("; ")
    others = [
        answer
        for answer in answers
        if not answer.startswith(("HTTP 101, close", "HTTP 4", "HTTP 505"))
    ]
    return "; ".join(others) or "no answer but 101 or 4xx or 505"


@script("HTTP 101, 1 x text, close 1000")
async def request_byte_by_byte(attacker: Attacker) -> str:
    """A good request and message in writes of one byte."""
    wire = await attacker.tcp()
    data = REQUEST + to_server(TEXT, b"slow")
    return await wire.answered(2, *(bytes((byte,)) for byte in data))


@script("HTTP 101, 50 x binary, close 1000", memory=4 * MIB)
async def floods_before_it_is_accepted(attacker: Attacker) -> str:
    """50 MB of messages behind a request that is not answered yet: they have to wait."""
    wire = await attacker.tcp()
    message = to_server(BINARY, bytes(MIB))
    waiting = await attacker.server.figures()

    async def go_on() -> None:
        await wire.held_up()
        grown = (await attacker.server.figures()).peak - waiting.peak
        assert grown < MIB / 2, f"{grown} bytes were taken in"
        await attacker.go()

    async def listen() -> None:
        await wire.answered(51, LATER, *[message] * 50)

    await together(listen, go_on)
    return in_words(wire.heard)
