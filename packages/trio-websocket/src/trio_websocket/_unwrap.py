"""Which exception leaves a context manager that has a nursery inside."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from ._exceptions import TrioWebsocketInternalError


def pick_error(
    user_error: BaseException | None,
    internal_errors: Sequence[BaseException],
    group: BaseException | None = None,
) -> BaseException | None:
    """The one exception to raise: the user should not have to know that there is a nursery.

    Args:
        user_error: What the body of the context manager raised.
        internal_errors: What our own tasks raised.
        group: What they were raised in.

    Returns:
        The only exception, or the only one that is no cancellation, or else the user's
        cancellation; a new `KeyboardInterrupt` if there is one among several; the user's exception,
        with the internal ones in its context, if both sides failed; else a
        `TrioWebsocketInternalError`. None if there is nothing to raise.
    """
    everything = [*internal_errors] if user_error is None else [user_error, *internal_errors]
    failures = [error for error in everything if not isinstance(error, trio.Cancelled)]
    if len(failures) <= 1:
        return next(iter([*failures, *everything]), None)
    error: BaseException
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
        group = BaseExceptionGroup("the user's and internal exceptions", everything)
    error.__cause__ = group
    return error


def raise_untouched(error: BaseException) -> None:
    """Raise `error` with its context as it is, whatever is being handled now."""
    context = error.__context__
    try:
        raise error
    finally:
        error.__context__ = context
        del error, context  # no cycle through this frame
