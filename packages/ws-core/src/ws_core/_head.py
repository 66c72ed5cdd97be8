"""The head of an HTTP message, read raw and within bounds before anything parses it."""

from __future__ import annotations

import re

from ._limits import Limits

_END = b"\r\n\r\n"
# RFC 9110 section 5.1: one line, and a name that is a token.
_FIELD = re.compile(rb"^([-!#$%&'*+.^_`|~0-9A-Za-z]+):(.*)\r$", re.MULTILINE)
_BLANKS = (b" ", b"\t")


class HandshakeViolation(Exception):
    """The peer broke the opening handshake; becomes an event before anyone outside sees it.

    Attributes:
        reason: What was wrong, for a person on either side.
        status_code: What a server answers.
        hint: What our side could change about it.
    """

    def __init__(self, reason: str, status_code: int = 400, *, hint: str = "") -> None:
        super().__init__(reason, status_code)
        self.reason = reason
        self.status_code = status_code
        self.hint = hint


def parse_fields(head: bytes) -> list[tuple[bytes, bytes]]:
    """The header fields of a head whose lines were checked, names in lower case.

    Raises:
        HandshakeViolation: if a line is no header field.
    """
    lines = head.count(b"\r\n") - 2  # neither the first nor the blank one
    fields = _FIELD.findall(head, head.index(b"\n"))
    if len(fields) < lines:
        raise HandshakeViolation("malformed header line")
    return [(name.lower(), value.strip(b" \t")) for name, value in fields]


class HeadReader:
    """Takes heads off the front of a buffer, as soon as they are complete.

    What stands there is checked as it arrives: bare line feeds and folded lines, of which other
    parsers make different things, and everything that is too long.
    """

    def __init__(self, buffer: bytearray, limits: Limits) -> None:
        self._buffer = buffer
        self._limits = limits
        # How much of the buffer was checked, and how many lines that was.
        self._checked = 0
        self._lines = 0

    def next_head(self) -> bytes | None:
        """The next head, its blank line included; None until it is complete.

        Raises:
            HandshakeViolation: as soon as the bytes can't become a head within the limits.
        """
        # Three bytes back: the end may come in parts.
        end = self._buffer.find(_END, max(0, self._checked - 3))
        size = len(self._buffer) if end < 0 else end + len(_END)
        if size > self._limits.head:
            raise HandshakeViolation(
                f"the head is longer than {self._limits.head} bytes",
                431,
                hint=", see Limits(head=...)",
            )
        self._check_lines(size)
        if end < 0:
            return None
        head = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._checked = self._lines = 0
        return head

    def _check_lines(self, size: int) -> None:
        """Check what is new of the first `size` bytes."""
        start, end = self._checked, size
        if self._buffer.endswith(b"\r", 0, end):
            end -= 1  # its LF may be on the way
        new = bytes(self._buffer[start:end])
        breaks = new.count(b"\r\n")
        if new.count(b"\n") != breaks or new.count(b"\r") != breaks:
            raise HandshakeViolation("bare CR or LF in the head")
        at_line_start = start == 0 or self._buffer[start - 1] == ord("\n")
        if (at_line_start and new[:1] in _BLANKS) or b"\r\n " in new or b"\r\n\t" in new:
            raise HandshakeViolation("a line of the head starts with a space")
        self._lines += breaks
        if self._lines > self._limits.header_lines + 1:  # the blank line is none of them
            raise HandshakeViolation(
                f"the head has more than {self._limits.header_lines} lines",
                431,
                hint=", see Limits(header_lines=...)",
            )
        self._checked = end
