"""The head of an HTTP message, read raw and within bounds before anything parses it."""

from __future__ import annotations

from ._headers import is_token
from ._limits import Limits

_END = b"\r\n\r\n"
_BLANKS = (b" ", b"\t")


class BadHead(Exception):
    """A head that is refused.

    Attributes:
        reason: What was wrong, for a person.
        status_code: What a server answers.
    """

    def __init__(self, reason: str, status_code: int = 400) -> None:
        super().__init__(reason, status_code)
        self.reason = reason
        self.status_code = status_code


def parse_fields(head: bytes) -> list[tuple[bytes, bytes]]:
    """The header fields of a head whose lines were checked, names in lower case.

    Raises:
        BadHead: if a line is no header field.
    """
    fields = []
    for line in head.split(b"\r\n")[1:-2]:
        name, colon, value = line.partition(b":")
        if not colon or not is_token(name.decode("latin-1")):
            raise BadHead("malformed header line")
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
        self._checked = 0
        self._lines = 0
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
        end = self._buffer.find(_END, max(0, self._checked - 3))
        size = len(self._buffer) if end < 0 else end + len(_END)
        if size > self._limits.head:
            most = self._limits.head
            raise BadHead(f"the head is longer than {most} bytes, see Limits(head=...)", 431)
        self._check_lines(size)
        if end < 0:
            return None
        head, self.rest = bytes(self._buffer[:size]), bytes(self._buffer[size:])
        self._buffer.clear()
        self._checked = self._lines = 0
        return head

    def _check_lines(self, size: int) -> None:
        """Check what is new of the first `size` bytes."""
        start, end = self._checked, size
        if self._buffer[end - 1 : end] == b"\r":
            end -= 1  # its LF may be on the way
        new = bytes(self._buffer[start:end])
        breaks = new.count(b"\r\n")
        if new.count(b"\n") != breaks or new.count(b"\r") != breaks:
            raise BadHead("bare CR or LF in the head")
        at_line_start = bytes(self._buffer[start - 1 : start]) in (b"", b"\n")
        if (at_line_start and new[:1] in _BLANKS) or b"\r\n " in new or b"\r\n\t" in new:
            raise BadHead("a line of the head starts with a space")
        self._lines += breaks
        if self._lines > self._limits.header_lines + 1:  # the blank line is none of them
            most = self._limits.header_lines
            raise BadHead(f"the head has more than {most} lines, see Limits(header_lines=...)", 431)
        self._checked = end
