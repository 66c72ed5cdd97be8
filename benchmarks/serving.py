"""A library's server in a process of its own: `python serving.py MODULE ORDER`.

It prints its port, and ends when its stdin does.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from importlib import import_module
from threading import Thread

from measures import Channel, Contender, Handler, send_back
from orders import Order

#: What it says to a message that is too long to be sent back.
DONE = b"ok"


async def confirm(channel: Channel) -> None:
    """A handler: say that a message has arrived."""
    send, receive = channel
    while True:
        await receive()
        await send(DONE)


HANDLERS: dict[str, Handler] = {"crowd": send_back, "memory": send_back, "fragments": confirm}


def allow_many_connections() -> None:
    """Raise this process's bound on open files as far as the system lets it."""
    try:
        import resource  # noqa: PLC0415 - there is none on Windows
    except ImportError:
        return
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def serve(contender: Contender, order: Order) -> float:
    """Serve until the process ends."""
    async with contender.serve(HANDLERS[order.measure], order) as port:
        print(port, flush=True)
        await contender.forever()
    return 0


def end_with_stdin() -> None:
    """Wait until nobody needs this server any more, and end at once."""
    sys.stdin.read()
    os._exit(0)


def main() -> None:
    """Read the command line and serve."""
    module, order = sys.argv[1], Order.loads(sys.argv[2])
    if order.core is not None:
        os.sched_setaffinity(0, {order.core})
    allow_many_connections()
    contender: Contender = import_module(module)
    Thread(target=end_with_stdin, daemon=True).start()
    contender.run(partial(serve, contender, order))


if __name__ == "__main__":
    main()
