"""Every public coroutine, cancelled at every one of its checkpoints."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import pytest
import trio
import trio.testing

from trio_websocket import ConnectionClosed, WebSocketRequest, wrap_server_stream
from ws_core import Rejected, Role

from .checkpoints import STREAMS, Compression, Setting, every_case
from .peers import PONG
from .scenes import Scene, is_closed, on_stage

EVERYWHERE = tuple(STREAMS)
# Where a sender has to wait until what it sends is received.
NARROW = ("lockstep", "tcp", "tls-tcp", "direct-tls-tcp")
IN_MEMORY = ("memory", "lockstep", "tls")
BOTH: tuple[Compression, ...] = (None, "deflate")

_bytes = random.Random(0).randbytes
SMALL = "small" * 30
MIDDLING = _bytes(40_000)
FILL = _bytes(150_000)
LARGE = _bytes(300_000)
LONG = _bytes(25_000).hex() * 2  # 100,000 characters that can be compressed


# Sending.


async def send_small(scene: Scene) -> None:
    await scene.try_to_say(SMALL)


async def send_large(scene: Scene) -> None:
    await scene.try_to_say(LARGE)


async def send_long(scene: Scene) -> None:
    # It is being compressed, which takes several steps.
    await scene.try_to_say(LONG, in_vain=scene.attempt.step == 1)


async def send_when_full(scene: Scene) -> None:
    await scene.fill(FILL)
    # It waits for its turn.
    in_vain = scene.attempt.step == 1 and not scene.attempt.late
    await scene.try_to_say(SMALL, in_vain=in_vain)


async def send_among_others(scene: Scene) -> None:
    scene.helpers.start_soon(scene.say, MIDDLING)
    await trio.lowlevel.checkpoint()
    scene.helpers.start_soon(scene.say, LONG)
    await scene.try_to_say(MIDDLING[::-1])
    # Whoever is to speak has begun to: what is said from here on comes behind.
    await trio.testing.wait_all_tasks_blocked()


# Receiving.


async def get_ready(scene: Scene) -> None:
    scene.give("one", "two")
    await trio.testing.wait_all_tasks_blocked()
    await scene.attempt.call(scene.take)


async def get_later(scene: Scene) -> None:
    scene.give("one", "two", later=True)
    await scene.attempt.call(scene.take)


async def get_large(scene: Scene) -> None:
    scene.give(LARGE, "two")
    await scene.attempt.call(scene.take)


async def get_among_others(scene: Scene) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.take)
        await trio.testing.wait_all_tasks_blocked()
        scene.give("one", "two", "three", later=True)
        nursery.start_soon(scene.take)
        await scene.attempt.call(scene.take)
    scene.taken.sort(key=scene.given.index)  # they came to the list in any order


async def get_until_closed(scene: Scene) -> None:
    async def take_all() -> None:
        with suppress(ConnectionClosed):
            while True:
                await scene.take()

    scene.give("one", "two", "three", close=True)
    await scene.attempt.call(take_all)


async def iterate(scene: Scene) -> None:
    async def take_all() -> None:
        async for message in scene.connection:
            scene.taken.append(message)

    scene.give("one", "two", "three", close=True)
    await scene.attempt.call(take_all)


# Pings and pongs.


async def ping(scene: Scene) -> None:
    await scene.attempt.call(partial(scene.connection.ping, b"payload"))
    await scene.connection.ping(b"payload")  # nothing is left of the first


async def ping_slow(scene: Scene) -> None:
    scene.answer_later()
    await ping(scene)


async def ping_when_full(scene: Scene) -> None:
    await scene.fill(FILL)
    await ping(scene)


async def pong(scene: Scene) -> None:
    await scene.attempt.call(partial(scene.connection.pong, b"payload"))
    assert scene.attempt.step or not scene.witness.pongs


async def pong_when_full(scene: Scene) -> None:
    await scene.fill(FILL)
    await scene.attempt.call(partial(scene.connection.pong, b"payload"))


async def wait_pong(scene: Scene) -> None:
    payload = await scene.attempt.call(scene.connection.wait_pong)
    if payload is None:
        payload = await scene.connection.wait_pong()
    assert payload == b"payload"


async def wait_pong_ready(scene: Scene) -> None:
    scene.helpers.start_soon(scene.witness.peer.send_frame, PONG, b"payload")
    await trio.testing.wait_all_tasks_blocked()
    await wait_pong(scene)


async def wait_pong_later(scene: Scene) -> None:
    scene.pong_later(b"payload")
    await wait_pong(scene)


async def wait_pong_with_others(scene: Scene) -> None:
    """All who wait get it; with an unlucky one among them as well."""
    others: list[bytes] = []

    async def wait() -> None:
        others.append(await scene.connection.wait_pong())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(wait)
        scene.pong_later(b"payload")
        await scene.attempt.call(scene.connection.wait_pong)
    assert others == [b"payload", b"payload"]


# The end.


async def aclose(scene: Scene) -> None:
    scene.closing = scene.discarding = True
    await scene.attempt.call(partial(scene.connection.aclose, 1001, "bye"))
    assert scene.connection.closed is not None
    await is_closed(scene.stream)  # at once, however it ended
    assert scene.connection.closed.code in ([1001, 1006] if scene.attempt.caught else [1001])


async def aclose_slow(scene: Scene) -> None:
    scene.answer_later()
    await aclose(scene)


async def aclose_when_full(scene: Scene) -> None:
    await scene.fill(FILL)
    await aclose(scene)


async def aclose_with_unread(scene: Scene) -> None:
    scene.give("one", LARGE, "three")
    await aclose(scene)


async def aclose_again(scene: Scene) -> None:
    scene.witness.answering = trio.Event()
    scene.helpers.start_soon(scene.connection.aclose, 1001, "bye")
    await trio.testing.wait_all_tasks_blocked()
    scene.later(scene.witness.answering.set)
    await aclose(scene)


async def aclose_both(scene: Scene) -> None:
    scene.give(close=True)
    scene.closing = scene.discarding = True
    await scene.attempt.call(scene.connection.aclose)
    assert scene.connection.closed is not None


async def wait_closed(scene: Scene) -> None:
    scene.give("one", close=True, later=True)
    await scene.attempt.call(scene.connection.wait_closed)
    if not scene.attempt.step:
        assert scene.connection.closed is None


# The beginning.


async def wrap_client(scene: Scene) -> None:
    await scene.attempt.call(partial(scene.open, scene.nursery))


async def wrap_server(scene: Scene) -> None:
    asked = await scene.attempt.call(partial(request, scene))
    if asked is not None:
        scene.opened = await asked.accept()


async def accept(scene: Scene) -> None:
    asked = await request(scene)
    scene.opened = await scene.attempt.call(asked.accept)
    if not scene.attempt.step:  # cancelled before it began it has not answered
        scene.opened = await asked.accept()


async def reject(scene: Scene) -> None:
    asked = await request(scene)
    await scene.attempt.call(partial(asked.reject, 404, body=MIDDLING))
    if not scene.attempt.caught:
        assert isinstance(scene.witness.end, Rejected)
        assert scene.witness.end.body == MIDDLING


async def request(scene: Scene) -> WebSocketRequest:
    compression = scene.setting.compression
    return await wrap_server_stream(scene.nursery, scene.stream, compression=compression)


# From the beginning to the end, cancelled at every step of any of the connection's tasks.


async def converse(scene: Scene) -> None:
    async def echo() -> None:
        async with trio.open_nursery() as nursery:
            await scene.open(nursery)
            async for message in scene.connection:
                scene.taken.append(message)
                await scene.say(message)

    scene.closing = scene.discarding = True
    scene.give(SMALL, MIDDLING[:12_000], close=True)
    await scene.attempt.call(echo, whole=True)
    if not scene.attempt.caught:
        assert scene.taken == scene.given
    if scene.opened is None:  # nobody has answered the request, and we still have the stream
        await trio.aclose_forcefully(scene.stream)


@dataclass(frozen=True)
class Script:
    """Something to be played.

    Attributes:
        play: What is done.
        at_least: How many cancellations there are in it, over all schedules and both ways.
        streams: Where.
        roles: In which role.
        compressions: With which compression.
        closed: Whether it opens the connection itself.
        deaf: Whether the witness does not listen at first.
        schedules: In how many schedules.
    """

    play: Callable[[Scene], Awaitable[None]]
    at_least: int
    streams: tuple[str, ...] = EVERYWHERE
    roles: tuple[Role, ...] = tuple(Role)
    compressions: tuple[Compression, ...] = BOTH
    closed: bool = False
    deaf: bool = False
    schedules: int = 2

    def settings(self) -> list[Setting]:
        return [
            Setting(stream, role, compression)
            for stream in self.streams
            for role in self.roles
            for compression in self.compressions
        ]


PLAIN: tuple[Compression, ...] = (None,)
SERVER = (Role.SERVER,)
SCRIPTS = [
    Script(send_small, 6),
    Script(send_large, 30, compressions=PLAIN, schedules=1),
    Script(send_long, 20, compressions=("deflate",), schedules=1),
    Script(send_when_full, 18, NARROW, compressions=PLAIN, deaf=True, schedules=1),
    Script(send_among_others, 6, NARROW, schedules=1),
    Script(get_ready, 6),
    Script(get_later, 6),
    Script(get_large, 3, compressions=PLAIN, schedules=1),
    Script(get_among_others, 6),
    Script(get_until_closed, 18),
    Script(iterate, 18, compressions=PLAIN),
    Script(ping, 10, compressions=PLAIN),
    Script(ping_slow, 10, compressions=PLAIN),
    Script(ping_when_full, 18, NARROW, compressions=PLAIN, deaf=True, schedules=1),
    Script(pong, 6, compressions=PLAIN),
    Script(pong_when_full, 18, NARROW, compressions=PLAIN, deaf=True, schedules=1),
    Script(wait_pong_ready, 6, compressions=PLAIN),
    Script(wait_pong_later, 6, compressions=PLAIN),
    Script(wait_pong_with_others, 6, compressions=PLAIN),
    Script(aclose, 6),
    Script(aclose_slow, 6, compressions=PLAIN),
    Script(aclose_when_full, 6, NARROW, deaf=True),
    Script(aclose_with_unread, 3, schedules=1),
    Script(aclose_again, 6, compressions=PLAIN),
    Script(aclose_both, 6),
    Script(wait_closed, 6),
    Script(wrap_client, 6, roles=(Role.CLIENT,), closed=True),
    Script(wrap_server, 6, roles=SERVER, closed=True),
    Script(accept, 6, roles=SERVER, closed=True),
    Script(reject, 12, roles=SERVER, compressions=PLAIN, closed=True, schedules=1),
    Script(converse, 90, compressions=PLAIN, closed=True, schedules=1),
]


@pytest.mark.parametrize(
    ("script", "setting"),
    [
        pytest.param(script, setting, id=f"{script.play.__name__}-{setting}")
        for script in SCRIPTS
        for setting in script.settings()
    ],
)
def test_connection(script: Script, setting: Setting) -> None:
    case = partial(on_stage, script.play, setting, closed=script.closed, deaf=script.deaf)
    count = every_case(case, setting, seeds=script.schedules)
    assert count >= script.at_least


def test_there_are_thousands_of_cases() -> None:
    assert sum(script.at_least * len(script.settings()) for script in SCRIPTS) >= 4000
