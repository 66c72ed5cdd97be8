"""Bytes between the core and the transport, where nobody else reads or writes."""

from __future__ import annotations

from ws_core import NEED_DATA, Connection, Event, Pause

from ._transport import Transport


async def hear(core: Connection, transport: Transport) -> None:
    """Read once, and let the core have it.

    Raises:
        trio.BrokenResourceError, trio.ClosedResourceError: if the stream fails.
    """
    buffer = core.get_buffer()
    if buffer is not None:
        with buffer:
            count = await transport.receive_into(buffer)
        core.buffer_updated(count)
    else:
        data = await transport.receive()
        count = len(data)
        core.receive_data(data)
    if not count:
        core.receive_eof()


async def next_event(core: Connection, transport: Transport) -> Event | Pause:
    """Read until the core knows something.

    Raises:
        trio.BrokenResourceError, trio.ClosedResourceError: if the stream fails.
    """
    while (event := core.next_event()) is NEED_DATA:
        await hear(core, transport)
    return event


async def write_all(core: Connection, transport: Transport) -> None:
    """Write what the core has said.

    Raises:
        trio.BrokenResourceError, trio.ClosedResourceError: if the stream fails.
    """
    while buffers := core.outgoing.peek(transport.write_size):
        written = transport.try_write(buffers) or await transport.write(buffers)
        core.written(written)
