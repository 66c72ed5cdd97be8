"""The protocol's state machine: one end of one connection, without I/O."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import replace

from ._client_handshake import ClientHandshake
from ._close import (
    CloseCode,
    CloseReason,
    Initiator,
    ProtocolViolation,
    checked_reason,
    parse_close_payload,
)
from ._compressor import Compressor
from ._deflate import Deflate, context_of
from ._errors import LocalProtocolError
from ._events import (
    HELD_BACK,
    NEED_DATA,
    OVER,
    Accepted,
    Closed,
    Event,
    Failed,
    HandshakeFailed,
    Pause,
    Pinged,
    Ponged,
    Rejected,
)
from ._frame_writer import FrameWriter
from ._frames import Opcode, Piece, checked_message, checked_payload
from ._headers import ExtraHeaders
from ._inflater import Inflater
from ._intake import Intake
from ._limits import Limits
from ._negotiation import check_role
from ._outgoing import Outgoing
from ._pings import PendingPings
from ._server_handshake import ServerHandshake
from ._state import Role, State

# Names of this module are found faster than those of an enumeration.
_OPEN, _CLOSING = State.OPEN, State.CLOSING
_FAILING, _CLOSED = State.FAILING, State.CLOSED


class Connection:
    """One end of a WebSocket connection.

    What we do is a method, which appends to `outgoing`; what happens to us is an event, which
    `next_event` hands out. Nothing that stands later in the stream is acted on before the event
    ahead of it was taken.

    Peer input never raises. Our own mistakes raise before anything changes.

    Args:
        role: Which end we are.
        limits: What we take in at most.
        deflate: How to compress messages, if the peer can; None for not at all.

    Raises:
        TypeError, ValueError: if they are something else, or `deflate` wants what zlib can't do.
    """

    def __init__(
        self, role: Role, *, limits: Limits | None = None, deflate: Deflate | None = None
    ) -> None:
        self.role = Role(role)
        self.limits = Limits() if limits is None else limits
        if not isinstance(self.limits, Limits):
            raise TypeError(f"limits must be Limits, not {type(limits).__name__}")
        is_client = self.role is Role.CLIENT
        if deflate is not None:
            if not isinstance(deflate, Deflate):
                raise TypeError(f"deflate must be Deflate or None, not {type(deflate).__name__}")
            check_role(deflate, client=is_client)
        self.state = State.CONNECTING
        #: What was said and not yet written; tell `written` when it was.
        self.outgoing = Outgoing()
        #: The subprotocol that both sides agreed on, if any.
        self.subprotocol: str | None = None
        #: How messages are compressed, with all windows, if both sides agreed to do that.
        self.deflate: Deflate | None = None
        # RFC 6455 section 5.1: clients mask, servers do not.
        self._intake = Intake(masked=not is_client, max_message=self.limits.message)
        self._incoming = self._intake.buffer
        self._at_eof = False
        handshake = ClientHandshake if is_client else ServerHandshake
        self._handshake: ClientHandshake | ServerHandshake | None = handshake(
            self.limits, self._incoming, self.outgoing, deflate
        )
        self._writer = FrameWriter(self.outgoing, masked=is_client)
        self._compressor: Compressor | None = None
        self._pings = PendingPings(self.limits.pending_pings)
        self._reason: CloseReason | None = None
        self._initiator: Initiator | None = None
        self._end: Closed | None = None

    # The opening handshake.

    def request(
        self,
        host: str,
        resource: str = "/",
        *,
        subprotocols: Iterable[str] | None = None,
        extra_headers: ExtraHeaders | None = None,
    ) -> None:
        """Ask the server for a connection.

        Args:
            host: The value of the Host header, unless `extra_headers` has one.
            resource: The path and query; percent-encoded where needed.
            subprotocols: Offers, in order of preference.
            extra_headers: More headers for the request.

        Raises:
            LocalProtocolError: on servers, or if it was done already.
            TypeError, ValueError: for arguments that can't be sent.
        """
        handshake = self._handshake
        if not isinstance(handshake, ClientHandshake):
            raise LocalProtocolError(f"a request can't be sent: {self._standing()}")
        handshake.request(host, resource, subprotocols, extra_headers)

    def accept(
        self,
        *,
        subprotocol: str | None = None,
        extra_headers: ExtraHeaders | None = None,
    ) -> None:
        """Accept the client's request; the connection is open.

        Args:
            subprotocol: One of those that the client offered.
            extra_headers: More headers for the answer.

        Raises:
            LocalProtocolError: on clients, if there is no request or it was answered already, or
                if the client did not offer the subprotocol.
            TypeError, ValueError: for headers that can't be sent.
        """
        handshake = self._server_handshake()
        handshake.accept(subprotocol, extra_headers)
        self._open(subprotocol, handshake.deflate)

    def reject(
        self,
        status_code: int,
        *,
        extra_headers: ExtraHeaders | None = None,
        body: bytes | bytearray | memoryview | None = None,
    ) -> None:
        """Refuse the client's request with an HTTP answer.

        Args:
            status_code: The HTTP status, 200 to 599.
            extra_headers: More headers for the answer.
            body: The answer's body; its length is added to the headers.

        Raises:
            LocalProtocolError: on clients, if there is no request or it was answered already, or
                for a status that can't be sent.
            TypeError, ValueError: for headers that can't be sent.
        """
        self._server_handshake().reject(status_code, extra_headers, body)
        self._shut()

    # The conversation.

    def send_message(
        self, message: str | bytes | bytearray | memoryview, *, compress: bool | None = None
    ) -> None:
        """Send a text message (``str``) or a binary one.

        Args:
            message: What to send.
            compress: Whether to compress it, where both sides agreed to do that; None leaves it
                to `Deflate.threshold`.

        Raises:
            ValueError: for anything else, and for text that has no UTF-8.
            LocalProtocolError: if the connection is not open, or another message is being
                compressed in steps.
        """
        if self._compressor is not None and compress is not False:
            for _ in self.send_message_in_steps(message, compress=compress):
                pass
            return
        opcode, payload = checked_message(message)
        if self.state is not _OPEN:
            self._check_may_speak("a message")
        self._writer.message(opcode, payload)

    def send_message_in_steps(
        self, message: str | bytes | bytearray | memoryview, *, compress: bool | None = None
    ) -> Generator[None, None, None]:
        """`send_message` in steps, for compressing a long message takes its time.

        The last step says it. Closed before that, it has said nothing. Meanwhile all may be said
        but another message that is to be compressed. Arguments and errors are the same; they are
        raised by the first step, and by the last one if the connection has been closed meanwhile.
        """
        opcode, payload = checked_message(message)
        self._check_may_speak("a message")
        compressor = self._compressor
        if compressor is None or not compressor.wants(payload, compress):
            self._writer.message(opcode, payload)
            return
        compressed = yield from compressor.compress(payload)
        self._check_may_speak("a message")
        self._writer.message(opcode, compressed, rsv1=True)
        compressor.said()

    def ping(self, payload: bytes | bytearray | memoryview) -> None:
        """Send a ping, which the `Ponged` event that settles it answers.

        Raises:
            TypeError: if the payload is not bytes-like.
            ValueError: if it is longer than 125 bytes, a ping with that payload is unanswered, or
                `Limits.pending_pings` of them are.
            LocalProtocolError: if the connection is not open.
        """
        payload = checked_payload(payload)
        self._check_may_speak("a ping")
        self._pings.add(payload)
        self._writer.ping(payload)

    def forget_ping(self, payload: bytes) -> None:
        """Stop waiting for the answer to a ping, if it has none yet."""
        self._pings.forget(payload)

    def pong(self, payload: bytes | bytearray | memoryview) -> None:
        """Send a pong that nobody asked for (RFC 6455 section 5.5.3).

        Raises:
            TypeError: if the payload is not bytes-like.
            ValueError: if it is longer than 125 bytes.
            LocalProtocolError: if the connection is not open.
        """
        payload = checked_payload(payload)
        self._check_may_speak("a pong")
        self._writer.pong(payload)

    def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str | None = None) -> CloseReason:
        """Start, or after a failure finish, the closing handshake.

        After `Failed` the close frame says what the peer did wrong, whatever is passed here. Does
        nothing if a close frame was sent already.

        Args:
            code: The close code.
            reason: Cut at a character boundary if it is longer than 123 bytes of UTF-8.

        Returns:
            The code and the reason as they were passed, the reason cut.

        Raises:
            TypeError: if the code is no int or the reason no str.
            ValueError: if the code may not be sent, or the reason has no UTF-8.
            LocalProtocolError: before the connection is open.
        """
        said = checked_reason(code, reason)
        if self.state is State.CONNECTING:
            raise LocalProtocolError(f"a close frame can't be sent: {self._standing()}")
        if self.state is State.OPEN:
            self._writer.close(said)
            self.state, self._initiator = State.CLOSING, "local"
        elif self.state is State.FAILING:
            assert self._reason is not None
            self._writer.close(self._reason)
            # RFC 6455 section 7.1.7: nothing that the peer says from here on is listened to.
            self._end = self._over(self._reason, clean=False)
        return CloseReason(said.code, said.reason, initiator=self._initiator)

    # Bytes in, events out.

    def receive_data(self, data: bytes | bytearray | memoryview) -> None:
        """Take in bytes from the peer; they are dropped once nothing more can be heard.

        Stop reading while `Requested` waits for its answer: what comes meanwhile has no bound.
        Empty data means nothing; the end of the stream is told with `receive_eof`.
        """
        if self.state is not _FAILING and self.state is not _CLOSED:
            self._incoming += data

    def get_buffer(self) -> memoryview | None:
        """Where to put the next bytes from the peer, if that saves `receive_data` a copy.

        That is so while a long binary message in one frame is arriving. Put bytes at the start of
        the buffer, release it, and tell `buffer_updated` how many, before `next_event` is called
        again.
        """
        return self._intake.get_buffer()

    def buffer_updated(self, count: int) -> None:
        """Take in the first `count` bytes of what `get_buffer` gave out."""
        self._intake.buffer_updated(count)

    def receive_eof(self) -> None:
        """Take in the end of the stream."""
        self._at_eof = True

    def next_event(self, *, pings_only: bool = False) -> Event | Pause:
        """The next thing that happened, or why there is none.

        Args:
            pings_only: Pings and pongs alone, and what ends the connection before anything else
                could come; a message or close frame stays where it is.

        Returns:
            An event, or NEED_DATA; or PIECE after each piece of a message but the last, so that the
            caller can take a breath; or HELD_BACK if something else than a ping or pong comes next
            and `pings_only` was asked for; or OVER.
        """
        if messages := self._intake.messages:
            return HELD_BACK if pings_only else messages.pop()
        if self.state is not _OPEN and self.state is not _CLOSING:
            return self._next_event_outside()
        try:
            found = self._intake.next(pings_only=pings_only)
            if isinstance(found, Piece):
                return self._handle_control(found)
        except ProtocolViolation as violation:
            return self._fail(violation)
        if found is NEED_DATA and self._at_eof:
            # RFC 6455 section 7.1.5: there was no close frame.
            detail = f"the {self.role.peer.value} hung up without a close frame"
            reason = CloseReason(CloseCode.ABNORMAL_CLOSURE.value, detail=detail)
            return self._over(reason, clean=False)
        return found

    def next_message(self) -> str | bytes | None:
        """What `next_event` would give, if that is a message that was decoded already; else None.

        Bytes that came together are decoded together, as far as they hold whole messages.
        """
        return self._intake.messages.pop() if self._intake.messages else None

    def written(self, count: int) -> None:
        """Note that the first `count` bytes of `outgoing` were written.

        Raises:
            ValueError: if so many do not wait.
        """
        self.outgoing.advance(count)
        if self._writer.postponed_pong is not None:
            self._writer.pong_at_last()

    # Inside.

    def _next_event_outside(self) -> Event | Pause:
        """What happens before the conversation, or after it."""
        handshake = self._handshake
        if handshake is None:
            end, self._end = self._end, None
            return OVER if end is None else end
        event = handshake.next_event(at_eof=self._at_eof)
        if isinstance(event, Accepted):
            self._open(event.subprotocol, handshake.deflate)
        elif isinstance(event, Rejected | HandshakeFailed):
            self._shut()
        return event

    def _open(self, subprotocol: str | None, deflate: Deflate | None) -> None:
        self._handshake, self.state = None, State.OPEN
        self.subprotocol, self.deflate = subprotocol, deflate
        if deflate is not None:
            is_client = self.role is Role.CLIENT
            inflater = Inflater(context_of(deflate, client=not is_client))
            self._intake.inflate_with(inflater)
            self._compressor = Compressor(deflate, context_of(deflate, client=is_client))

    def _shut(self) -> None:
        """There will be no connection."""
        self._handshake, self.state = None, State.CLOSED
        self._incoming.clear()

    def _handle_control(self, frame: Piece) -> Event:
        if frame.opcode == Opcode.PING:
            if self.state is _OPEN:
                self._writer.answer_ping(frame.payload)
            return Pinged(frame.payload)
        if frame.opcode == Opcode.PONG:
            return Ponged(frame.payload, self._pings.settle(frame.payload))
        reason = parse_close_payload(frame.payload)
        if self.state is _OPEN:
            # RFC 6455 section 5.5.1: the answer echoes the code, and we echo the reason too.
            self._writer.close(reason)
        return self._over(reason, clean=True)

    def _fail(self, violation: ProtocolViolation) -> Event:
        reason = replace(violation.reason, detail=violation.told_of(self.role.peer.value))
        if self.state is State.CLOSING:
            # Our close frame is out already, and no other may follow it.
            return self._over(reason, clean=False)
        self.state, self._initiator = State.FAILING, "local"
        self._reason = replace(reason, initiator="local")
        self._forget_input()
        return Failed(self._reason)

    def _over(self, reason: CloseReason, *, clean: bool) -> Closed:
        self.state = State.CLOSED
        self._forget_input()
        self._compressor = None
        initiator = self._initiator or "remote"
        code, text, detail = reason.code, reason.reason, reason.detail
        told = CloseReason(code, text, initiator=initiator, clean=clean, detail=detail)
        return Closed(told, clean)

    def _forget_input(self) -> None:
        """Nothing more is listened to, and nothing answered by itself."""
        self._intake.forget()
        self._writer.drop_pong()

    def _server_handshake(self) -> ServerHandshake:
        if not isinstance(self._handshake, ServerHandshake):
            raise LocalProtocolError(f"there is no request to answer: {self._standing()}")
        return self._handshake

    def _check_may_speak(self, what: str) -> None:
        # What a failing peer said before may be answered.
        if self.state is not _OPEN and self.state is not _FAILING:
            raise LocalProtocolError(f"{what} can't be sent: {self._standing()}")

    def _standing(self) -> str:
        return f"this {self.role.value} is {self.state.value}"
