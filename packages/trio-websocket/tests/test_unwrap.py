"""Which exception leaves `open_websocket`: users should not have to know of its nursery."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import outcome
import pytest
import trio
import trio.testing

from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    DisconnectionTimeout,
    HandshakeError,
    WebSocketConnection,
    WebSocketRequest,
    _client,
    open_websocket,
    open_websocket_url,
)
from trio_websocket._dial import in_time
from trio_websocket._impl import TrioWebsocketInternalError
from trio_websocket._unwrap import pick_error, raise_untouched
from ws_core import Role

from .helpers import HOST, Peer, serve_raw, start_server, url_of


async def a_cancellation() -> trio.Cancelled:
    """A real one: it can't be made by hand."""
    caught: list[trio.Cancelled] = []
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled as error:
            caught.append(error)
            raise
    return caught[0]


def group_of(*errors: BaseException) -> BaseExceptionGroup:
    return BaseExceptionGroup("from the nursery", errors)


class User(Exception):
    """Raised by the user's code."""


class Internal(Exception):
    """Raised by a task of ours."""


# The choice.


def test_nothing() -> None:
    assert pick_error(None, None) is None


@pytest.mark.parametrize(
    "error", [User(), KeyboardInterrupt(), SystemExit(), GeneratorExit(), group_of(User())]
)
def test_the_only_one(error: BaseException) -> None:
    cause, context = ValueError(), TypeError()
    error.__cause__, error.__context__ = cause, context
    assert pick_error(error, None) is error
    assert pick_error(None, group_of(error)) is error
    assert error.__cause__ is cause
    assert error.__context__ is context


async def test_the_only_one_that_is_no_cancellation() -> None:
    error, context = User(), ValueError()
    error.__context__ = context
    others = [await a_cancellation(), await a_cancellation()]
    assert pick_error(error, group_of(*others)) is error
    internal = [others[0], error]
    assert pick_error(others[1], group_of(*internal)) is error
    internal = [others[0], error, others[1]]
    assert pick_error(None, group_of(*internal)) is error
    assert error.__context__ is context
    assert error.__cause__ is None


async def test_only_cancellations() -> None:
    mine, *ours = [await a_cancellation() for _ in range(3)]
    assert pick_error(mine, group_of(*ours)) is mine
    assert pick_error(None, group_of(*ours)) in ours
    assert mine.__context__ is None


async def test_keyboard_interrupt_among_cancellations_is_the_very_one() -> None:
    interrupt = KeyboardInterrupt()
    cancelled = await a_cancellation()
    assert pick_error(interrupt, group_of(cancelled)) is interrupt
    assert pick_error(cancelled, group_of(interrupt)) is interrupt


@pytest.mark.parametrize("whose", ["the user's", "ours"])
def test_keyboard_interrupt_among_several(whose: str) -> None:
    interrupt, other = KeyboardInterrupt(), User()
    user, internal = (interrupt, other) if whose == "the user's" else (other, interrupt)
    picked = pick_error(user, group_of(internal))
    assert type(picked) is KeyboardInterrupt
    assert picked is not interrupt
    # Nothing is lost: 0.12.2 raised it from the group of all.
    assert isinstance(picked.__cause__, BaseExceptionGroup)
    assert set(picked.__cause__.exceptions) == {interrupt, other}


def test_both_sides() -> None:
    user, internal = User(), Internal()
    cause = ValueError()
    user.__cause__ = cause
    user.__suppress_context__ = False
    assert pick_error(user, group_of(internal)) is user
    assert user.__cause__ is cause
    context = user.__context__
    assert isinstance(context, BaseExceptionGroup)
    assert context.message.startswith("Both internal and user exceptions encountered")
    assert context.exceptions == (internal,)


def test_both_sides_with_an_older_context() -> None:
    user, one, two, older = User(), Internal(1), Internal(2), ValueError()
    user.__context__ = older
    assert pick_error(user, group_of(one, two)) is user
    context = user.__context__
    assert isinstance(context, BaseExceptionGroup)
    assert context.exceptions == (one, two, older)


async def test_both_sides_and_cancellations() -> None:
    user, internal, cancelled = User(), Internal(), await a_cancellation()
    assert pick_error(user, group_of(cancelled, internal)) is user
    context = user.__context__
    assert isinstance(context, BaseExceptionGroup)
    assert internal in context.exceptions
    assert user not in context.exceptions


def test_both_sides_are_shown_in_the_traceback() -> None:
    """`raise ... from None` hides the old context, but must not hide what our side did."""
    user, internal = User(), Internal("our own fault")
    try:
        raise user from None
    except User:
        assert pick_error(user, group_of(internal)) is user
    assert "our own fault" in "".join(traceback.format_exception(user))


async def test_several_of_ours() -> None:
    one, two, cancelled = Internal(1), Internal(2), await a_cancellation()
    for user in (None, cancelled):
        group = group_of(one, two)
        picked = pick_error(user, group)
        assert type(picked) is TrioWebsocketInternalError
        assert picked.__cause__ is group


def test_raising_does_not_touch_the_context() -> None:
    context = KeyError()
    for before in (None, context):
        error = User()
        error.__context__ = before
        with pytest.raises(User) as raised:
            _raise_while_handling(error)
        assert raised.value is error
        assert error.__context__ is before
        assert error.__cause__ is None


def _raise_while_handling(error: BaseException) -> None:
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        raise_untouched(error)


# The same through the real thing: one exception leaves as it is.


async def accept(request: WebSocketRequest) -> None:
    ws = await request.accept()
    async for _ in ws:
        pass


@pytest.fixture
async def url(nursery: trio.Nursery) -> str:
    """The URL of a server that takes everything."""
    return url_of(await start_server(nursery, accept))


@pytest.mark.parametrize(
    "error",
    [
        User("text"),
        OSError(5, "no connect error"),
        trio.TooSlowError(),
        ConnectionClosed(None),
        HandshakeError("the user's own"),
        KeyboardInterrupt(),
        SystemExit(3),
        StopIteration(),
        StopAsyncIteration(),
        RuntimeError("generator raised StopIteration"),
        ExceptionGroup("the user's", [User()]),
        ExceptionGroup("the user's", [User(), ValueError()]),
        BaseExceptionGroup("the user's", [KeyboardInterrupt()]),
        ExceptionGroup("nested", [ExceptionGroup("the user's", [User()])]),
    ],
    ids=repr,
)
@pytest.mark.parametrize("has_cause", [True, False])
@pytest.mark.parametrize("has_context", [True, False])
async def test_the_users_exception_is_untouched(
    url: str, error: BaseException, has_cause: bool, has_context: bool
) -> None:
    cause = KeyError("cause") if has_cause else None
    context = IndexError("context") if has_context else None
    error.__cause__, error.__context__, error.__suppress_context__ = cause, context, has_cause
    caught: BaseException | None = None
    try:
        async with open_websocket_url(url) as ws:
            raise error
    except BaseException as raised:  # noqa: BLE001, ASYNC103 - it is compared below
        caught = raised
    assert caught is error
    assert error.__cause__ is cause
    assert error.__context__ is context
    assert error.__suppress_context__ is has_cause
    assert ws.closed is not None
    assert ws.closed.code == 1000


async def test_natural_context_is_kept(url: str) -> None:
    outer, error = ZeroDivisionError(), User()
    caught: BaseException | None = None
    try:
        try:
            raise outer
        except ZeroDivisionError:
            async with open_websocket_url(url):  # noqa: ASYNC120 - nobody cancels
                raise error  # noqa: B904 - Python's own context is what is tested
    except User as raised:
        caught = raised
    assert caught is error
    assert error.__context__ is outer
    assert error.__cause__ is None
    assert outer.__context__ is None


async def test_context_from_within_the_block(url: str) -> None:
    inner, error = ZeroDivisionError(), User()

    async def use() -> None:
        async with open_websocket_url(url):
            try:
                raise inner
            except ZeroDivisionError:
                raise error  # noqa: B904 - Python's own context is what is tested

    with pytest.raises(User) as raised:
        await use()
    assert raised.value is error
    assert error.__context__ is inner
    assert error.__cause__ is None


async def test_it_can_be_caught_around_the_block(url: str) -> None:
    """No `except*` is needed, although a nursery is inside."""
    with pytest.raises(User):
        async with open_websocket_url(url), open_websocket_url(url):
            raise User


async def test_a_group_of_the_users_own_nursery(url: str) -> None:
    group: ExceptionGroup[User] | None = None
    try:
        async with open_websocket_url(url), trio.open_nursery() as inner:
            inner.start_soon(trio.sleep_forever)
            raise User
    except ExceptionGroup as raised:
        group = raised
    assert group is not None
    (leaf,) = group.exceptions
    assert isinstance(leaf, User)


async def test_connection_closed_of_the_connection_itself(nursery: trio.Nursery) -> None:
    async def handler(request: WebSocketRequest) -> None:
        ws = await request.accept()
        await ws.aclose(4000, "enough")

    server = await start_server(nursery, handler)
    seen: list[BaseException] = []

    async def use() -> None:
        async with open_websocket_url(url_of(server)) as ws:
            try:
                await ws.get_message()
            except ConnectionClosed as error:
                seen.append(error)
                raise

    with pytest.raises(ConnectionClosed) as raised:
        await use()
    assert raised.value is seen[0]


# Cancellation.


async def test_cancelled_around_the_block(url: str) -> None:
    seen: list[BaseException] = []
    left: list[BaseException] = []
    with trio.CancelScope() as scope:
        try:
            async with open_websocket_url(url) as ws:
                scope.cancel()
                try:
                    await trio.sleep_forever()
                except trio.Cancelled as error:
                    seen.append(error)
                    raise
        except trio.Cancelled as error:
            left.append(error)
            raise
    assert scope.cancelled_caught
    # The user's own object, no group, and no other one.
    assert left == seen
    assert left[0].__context__ is None
    assert left[0].__cause__ is None
    assert ws.closed is not None


async def test_the_users_exception_while_cancelled(url: str) -> None:
    error = User()

    async def use(scope: trio.CancelScope) -> None:
        async with open_websocket_url(url):
            scope.cancel()
            raise error

    with trio.CancelScope() as scope, pytest.raises(User) as raised:
        await use(scope)
    assert raised.value is error
    assert error.__context__ is None


async def test_the_block_ends_while_cancelled(url: str) -> None:
    left: list[BaseException] = []
    with trio.CancelScope() as scope:
        try:
            async with open_websocket_url(url):
                scope.cancel()
        except BaseException as error:
            left.append(error)
            raise
    assert [type(error) for error in left] == [trio.Cancelled]


async def test_timeout_around_the_block(nursery: trio.Nursery, url: str) -> None:
    async def use() -> None:
        async with open_websocket_url(url) as ws:
            await ws.get_message()

    with pytest.raises(trio.TooSlowError), trio.fail_after(0.02):
        await use()


async def test_cancelled_while_connecting(nursery: trio.Nursery) -> None:
    async def silent(stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    port = await serve_raw(nursery, silent)
    left: list[BaseException] = []
    with trio.move_on_after(0.02) as scope:
        try:
            async with open_websocket(HOST, port, "/", use_ssl=False):
                raise AssertionError("unreachable")
        except BaseException as error:
            left.append(error)
            raise
    assert scope.cancelled_caught
    assert [type(error) for error in left] == [trio.Cancelled]


# Errors of the connection.


async def test_rejected(nursery: trio.Nursery) -> None:
    async def refuse(request: WebSocketRequest) -> None:
        await request.reject(403)

    server = await start_server(nursery, refuse)
    with pytest.raises(ConnectionRejected) as raised:
        async with open_websocket_url(url_of(server)):
            raise AssertionError("unreachable")
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


async def never_close(stream: trio.SocketStream) -> None:
    """A server that accepts, and then does nothing any more."""
    await Peer(stream, Role.SERVER).accept()
    await trio.sleep_forever()


async def test_close_that_fails(nursery: trio.Nursery) -> None:
    port = await serve_raw(nursery, never_close)
    with pytest.raises(DisconnectionTimeout) as raised:
        async with open_websocket_url(f"ws://{HOST}:{port}", disconnect_timeout=0.02):
            pass
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


async def test_close_that_fails_after_the_users_exception(nursery: trio.Nursery) -> None:
    port = await serve_raw(nursery, never_close)
    error, older = User(), ValueError()
    error.__context__ = older
    with pytest.raises(DisconnectionTimeout) as raised:
        async with open_websocket_url(f"ws://{HOST}:{port}", disconnect_timeout=0.02):
            raise error
    assert raised.value.__context__ is error
    assert raised.value.__cause__ is None
    assert not raised.value.__suppress_context__
    assert error.__context__ is older


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)])
async def test_no_failing_close_hides_who_wants_to_leave(
    error: BaseException, nursery: trio.Nursery
) -> None:
    port = await serve_raw(nursery, never_close)
    manager = open_websocket_url(f"ws://{HOST}:{port}", disconnect_timeout=0.02)
    await manager.__aenter__()
    # Neither swallowed nor replaced.
    assert not await manager.__aexit__(type(error), error, None)


async def test_close_that_is_interrupted_ends_the_connection(nursery: trio.Nursery) -> None:
    """Control-C before the closing has begun: nobody waits for a server that says nothing."""
    port = await serve_raw(nursery, never_close)

    async def interrupted(code: int = 1000, reason: str | None = None) -> None:
        await trio.lowlevel.checkpoint()
        raise KeyboardInterrupt

    with trio.fail_after(5), pytest.raises(KeyboardInterrupt):
        async with open_websocket_url(f"ws://{HOST}:{port}", disconnect_timeout=1_000) as ws:
            ws.aclose = interrupted  # type: ignore[method-assign]  # where the signal lands
    assert ws.closed is not None
    assert ws.closed.code == 1006


async def test_close_that_fails_after_an_exception_given_by_hand(nursery: trio.Nursery) -> None:
    """Python would not chain them here by itself."""
    port = await serve_raw(nursery, never_close)
    manager = open_websocket_url(f"ws://{HOST}:{port}", disconnect_timeout=0.02)
    await manager.__aenter__()
    error = User()
    with pytest.raises(DisconnectionTimeout) as raised:
        await manager.__aexit__(User, error, None)
    assert raised.value.__context__ is error


async def test_close_that_failed_in_the_block(nursery: trio.Nursery) -> None:
    """The block's own `aclose` says nothing; its end does."""
    port = await serve_raw(nursery, never_close)
    with pytest.raises(DisconnectionTimeout):
        async with open_websocket_url(f"ws://{HOST}:{port}", disconnect_timeout=0.02) as ws:
            await ws.aclose()


async def test_no_timeout_when_the_close_was_cancelled(nursery: trio.Nursery) -> None:
    port = await serve_raw(nursery, never_close)
    async with open_websocket_url(f"ws://{HOST}:{port}") as ws:
        with trio.move_on_after(0.01):
            await ws.aclose()
    assert ws.closed is not None
    assert ws.closed.code == 1006


# One nursery, in the calling task.


async def test_exactly_one_nursery(url: str) -> None:
    task = trio.lowlevel.current_task()
    before = len(task.child_nurseries)
    async with open_websocket_url(url):
        assert len(task.child_nurseries) == before + 1
        assert len(task.child_nurseries[-1].child_tasks) == 1
    assert len(task.child_nurseries) == before


async def test_by_hand(url: str) -> None:
    manager = open_websocket_url(url)
    ws = await manager.__aenter__()
    assert isinstance(ws, WebSocketConnection)
    await ws.ping()
    assert not await manager.__aexit__(None, None, None)
    assert ws.closed is not None


async def test_by_hand_with_an_exception(url: str) -> None:
    manager = open_websocket_url(url)
    await manager.__aenter__()
    error = User()
    assert not await manager.__aexit__(User, error, None)
    assert error.__context__ is None


# Ctrl+C, as it lands in a task of ours: the stream raises the signal where the reader waits.


class InterruptedStream(trio.abc.HalfCloseableStream):
    """Passes everything on; raises SIGINT in the task that reads when `interrupt` is set."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self.interrupt = trio.Event()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        async with trio.open_nursery() as race:
            race.start_soon(self._wait, race.cancel_scope)
            data = await self._stream.receive_some(max_bytes)
            race.cancel_scope.cancel()
        if self.interrupt.is_set():
            self._interrupt()
        return data

    @staticmethod
    @trio.lowlevel.disable_ki_protection
    def _interrupt() -> None:
        signal.raise_signal(signal.SIGINT)

    async def _wait(self, scope: trio.CancelScope) -> None:
        await self.interrupt.wait()
        scope.cancel()

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def aclose(self) -> None:
        await self._stream.aclose()


Body = Callable[[], Awaitable[object]]


async def wait_on() -> None:
    await trio.sleep_forever()


async def fail_when_cancelled() -> None:
    try:
        await trio.sleep_forever()
    except trio.Cancelled:
        raise User from None  # noqa: ASYNC104 - that is the misuse that is tested


def interrupted(monkeypatch: pytest.MonkeyPatch, body: Body) -> BaseException:
    """What leaves `open_websocket` when Ctrl+C hits its reader while `body` runs in its block."""
    dial = trio.open_tcp_stream
    streams: list[InterruptedStream] = []

    async def open_tcp_stream(host: str, port: int) -> Any:
        assert host == "name.example"
        streams.append(InterruptedStream(await dial(HOST, port)))
        return streams[0]

    async def main() -> BaseException:
        async with trio.open_nursery() as nursery:
            server = await start_server(nursery, accept)
            with monkeypatch.context() as patch:
                patch.setattr(trio, "open_tcp_stream", open_tcp_stream)
                caught: BaseException | None = None
                try:
                    async with open_websocket_url(f"ws://name.example:{server.port}"):
                        streams[0].interrupt.set()
                        await body()
                except BaseException as error:  # noqa: BLE001, ASYNC103 - it is returned
                    caught = error
            nursery.cancel_scope.cancel()
        assert caught is not None
        return caught

    return trio.run(main)


def test_interrupted_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    error = interrupted(monkeypatch, wait_on)
    assert type(error) is KeyboardInterrupt
    assert error.__cause__ is None


def test_interrupted_reader_while_the_user_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    error = interrupted(monkeypatch, fail_when_cancelled)
    assert type(error) is KeyboardInterrupt
    cause = error.__cause__
    assert isinstance(cause, BaseExceptionGroup)
    assert sorted(type(leaf).__name__ for leaf in cause.exceptions) == ["KeyboardInterrupt", "User"]


# No test can press Ctrl-C between two instructions of ours, so these two take the place of one.


async def test_interrupt_before_connecting_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(outcome, "acapture", interrupted)
    with pytest.raises(KeyboardInterrupt):
        async with open_websocket("127.0.0.1", 1, "/", use_ssl=False):
            pass  # pragma: no cover - it is not entered


async def test_interrupt_when_the_connection_is_just_there(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def interrupted(*args: Any) -> None:
        await in_time(*args)
        raise KeyboardInterrupt

    server = await start_server(nursery)
    monkeypatch.setattr(_client, "in_time", interrupted)
    with trio.move_on_after(5) as scope, pytest.raises(KeyboardInterrupt):
        async with open_websocket("127.0.0.1", server.port, "/", use_ssl=False):
            pass  # pragma: no cover - it is not entered
    assert not scope.cancel_called
