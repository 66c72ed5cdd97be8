"""Which exception of several is raised."""

from __future__ import annotations

import outcome
import trio

from ._exceptions import TrioWebsocketInternalError


def parted(
    error: BaseException, kind: type[BaseException]
) -> tuple[BaseException | None, BaseException | None]:
    """What of an exception, or of a group of them, is of a kind, and what is not."""
    if isinstance(error, BaseExceptionGroup):
        return error.split(kind)
    return (error, None) if isinstance(error, kind) else (None, error)


def raise_one(
    user_error: BaseException | None,
    closed: outcome.Outcome[None],
    internal: BaseExceptionGroup | None,
) -> None:
    """Raise what is to leave the context manager, if anything is.

    Args:
        user_error: What its body raised.
        closed: What came of closing at its end.
        internal: What our own tasks raised, if they did.
    """
    error = pick_error(user_error, internal)
    match closed:
        case outcome.Error(close_error) if error is None or _outranks(close_error, error):
            # A failing close comes last, with what went wrong before in its context.
            close_error.__context__ = error
            error = close_error
    try:
        if error is not None:
            raise_untouched(error)
    finally:
        del error, user_error, closed, internal  # no cycle through this frame


def _outranks(close_error: BaseException, error: BaseException) -> bool:
    """Whether a failing close is told rather than what went wrong before it.

    A cancellation hides nothing, and nothing hides a `KeyboardInterrupt`.
    """
    if isinstance(close_error, trio.Cancelled):
        return False
    return isinstance(error, Exception) or not isinstance(close_error, Exception)


def pick_error(
    user_error: BaseException | None, internal: BaseExceptionGroup | None
) -> BaseException | None:
    """The one exception to raise: the user should not have to know that there is a nursery.

    Args:
        user_error: What the body of the context manager raised.
        internal: What our own tasks raised, if they did.

    Returns:
        The only exception, or the only one that is no cancellation, or else the user's
        cancellation; a new `KeyboardInterrupt` if there is one among several; the user's exception,
        with the internal ones in its context, if both sides failed; else a
        `TrioWebsocketInternalError`. None if there is nothing to raise.
    """
    everything = [] if user_error is None else [user_error]
    everything += internal.exceptions if internal else ()
    failures = [error for error in everything if not isinstance(error, trio.Cancelled)]
    if len(failures) <= 1:
        return next(iter([*failures, *everything]), None)
    error: BaseException
    cause: BaseException | None = internal
    if any(isinstance(failure, KeyboardInterrupt) for failure in failures):
        error = KeyboardInterrupt()
    elif user_error is not None and user_error in failures:
        context = [failure for failure in failures if failure is not user_error]
        if user_error.__context__ is not None and not user_error.__suppress_context__:
            context.append(user_error.__context__)
        text = "Both internal and user exceptions encountered; the user's one is raised"
        user_error.__context__ = BaseExceptionGroup(text, context)
        user_error.__suppress_context__ = False
        return user_error
    else:
        error = TrioWebsocketInternalError("several internal tasks failed")
    if user_error is not None and user_error in failures:
        cause = BaseExceptionGroup("the user's and internal exceptions", everything)
    error.__cause__ = cause
    return error


def raise_untouched(error: BaseException) -> None:
    """Raise `error` with its context as it is, whatever is being handled now."""
    context = error.__context__
    try:
        raise error
    finally:
        error.__context__ = context
        del error, context  # no cycle through this frame
