"""The head of an HTTP message, read raw and within bounds before anything parses it."""

from __future__ import annotations

from ._headers import is_token
from ._limits import Limits

_END = b"\r\n\r\n"


class BadHead(Exception):
    """A head that is refused.

    Attributes:
        status_code: What a server answers.
        reason: What was wrong, for a person.
    """

    def __init__(self, status_code: int, reason: str) -> None:
        super().__init__(status_code, reason)
        self.status_code = status_code
        self.reason = reason


def parse_fields(head: bytes) -> list[tuple[bytes, bytes]]:
    """The header fields of a head whose lines were checked, names in lower case.

    Raises:
        BadHead: if a line is no header field.
    """
    fields = []
    for line in head.split(b"\r\n")[1:-2]:
        name, colon, value = line.partition(b":")
        if not colon or not is_token(name.decode("latin-1")):
            raise BadHead(400, "malformed header line")
        fields.append((name.lower(), value.strip(b" \t")))
    return fields


class HeadReader:
    """Collects bytes until a head is complete.

    h11, which parses the head afterwards, bounds it only while it is incomplete, and takes bare
    line feeds and folded lines for granted; so these are refused here.

    Attributes:
        rest: Bytes that came behind the head.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._searched = 0
        self._lines = 0
        self._line_start = 0
        self.rest = b""

    def __len__(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> bytes | None:
        """Take in bytes; the head, its blank line included, once it is complete.

        Raises:
            BadHead: as soon as the bytes can't become a head within the limits.
        """
        self._buffer += data
        # Three bytes back: the end may come in parts.
        end = self._buffer.find(_END, max(0, self._searched - 3))
        size = len(self._buffer) if end < 0 else end + len(_END)
        if size > self._limits.head:
            raise BadHead(431, f"the head is longer than {self._limits.head} bytes")
        self._check_lines(size)
        if end < 0:
            self._searched = size
            return None
        head, self.rest = bytes(self._buffer[:size]), bytes(self._buffer[size:])
        self._buffer.clear()
        self._searched = self._lines = self._line_start = 0
        return head

    def _check_lines(self, size: int) -> None:
        """Check the lines that were not complete before."""
        *complete, unfinished = bytes(self._buffer[self._line_start : size]).split(b"\r\n")
        # Its LF may be on the way.
        for line in (*complete, unfinished.removesuffix(b"\r")):
            if b"\r" in line or b"\n" in line:
                raise BadHead(400, "bare CR or LF in the head")
            if line[:1] in (b" ", b"\t"):
                raise BadHead(400, "a line of the head starts with a space")
        self._lines += len(complete)
        if self._lines > self._limits.header_lines + 1:  # the blank line is none of them
            raise BadHead(431, f"the head has more than {self._limits.header_lines} lines")
        self._line_start = size - len(unfinished)
