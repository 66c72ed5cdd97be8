"""What is measured of whom, and how thoroughly: one row per column of the tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from peers import (
    AIOHTTP_ASYNCIO,
    BARE_TRIO,
    OLD,
    OURS,
    PEERS,
    PURE,
    WEBSOCKETS_ASYNCIO,
    WEBSOCKETS_TRIO,
    WEBSOCKETS_TRIO_WITHOUT_C,
    ZLIB,
    Peer,
)

KIB, MIB = 2**10, 2**20

_ALL = tuple(peer for peer in (OURS, *PEERS) if peer != ZLIB)
_TLS = (OURS, PURE, OLD, WEBSOCKETS_TRIO, WEBSOCKETS_ASYNCIO, AIOHTTP_ASYNCIO, BARE_TRIO)
_DEFLATE = (OURS, PURE, WEBSOCKETS_TRIO, WEBSOCKETS_ASYNCIO, ZLIB)
_SERVERS = (OURS, PURE, OLD, WEBSOCKETS_TRIO, WEBSOCKETS_ASYNCIO, AIOHTTP_ASYNCIO, BARE_TRIO)
_FRAGMENTED = (OURS, PURE, OLD)
# websockets takes no message of more fragments than some thousands.
_LITTLE_FRAGMENTED = (*_FRAGMENTED, WEBSOCKETS_TRIO)
_MANY_FRAGMENTS = 4_096
# Some take a minute to let 10,000 in, and seconds for 64 MiB.
_LARGE_CROWD, _LARGE_MESSAGE, _FEWER_ROUNDS = 2_000, 4 * MIB, 3
# The goals ask for these; a quick run has no time for more.
_QUICK_SIZES = (OURS, PURE, OLD, WEBSOCKETS_TRIO, WEBSOCKETS_TRIO_WITHOUT_C)
_QUICK_CROWDS = (OURS, OLD, WEBSOCKETS_TRIO)


class Group(StrEnum):
    """What has a table of its own, and can be measured alone."""

    ECHO = "echo"
    SIZES = "sizes"
    ONE_WAY = "one-way"
    CONNECTS = "connects"
    TLS = "tls"
    DEFLATE = "deflate"
    MEMORY = "memory"
    CROWD = "crowd"
    FRAGMENTS = "fragments"


@dataclass(frozen=True)
class Task:
    """One thing to measure.

    Attributes:
        title: What tables and results call it.
        group: Whose table it stands in.
        measure: Its name in `measures.MEASURES` or `crowds.CROWDS`.
        peers: The names of those who do it.
        size: Bytes of a message.
        count: How many connections, or fragments.
        tls: Whether it goes over TLS.
        deflate: Whether messages are JSON, and compressed.
        most_rounds: For what takes long: it is left out of further rounds.
    """

    title: str
    group: str
    measure: str
    peers: tuple[str, ...]
    size: int = 32
    count: int = 1
    tls: bool = False
    deflate: bool = False
    most_rounds: int | None = None

    @property
    def plain_echo(self) -> bool:
        """Whether it is an echo of a message that nobody encrypts or compresses."""
        return self.measure == "echo" and not self.tls and not self.deflate


@dataclass(frozen=True)
class Scale:
    """How thoroughly it is done.

    Attributes:
        rounds: How often each of all measures each thing, in new processes.
        seconds: For one measurement.
        sizes: Bytes of the messages, beside those in the table, whose echo shows how cost grows.
        size_peers: Who echoes these.
        crowds: How many connections at the same time.
        crowd_peers: Who serves these, and idle connections.
        idle: How many idle connections are compared in memory with few.
        fragments: In how many parts a message is sent.
        all_peers: Whether those take part that are there for reference.
    """

    rounds: int
    seconds: float
    sizes: tuple[int, ...]
    size_peers: tuple[Peer, ...]
    crowds: tuple[int, ...]
    crowd_peers: tuple[Peer, ...]
    idle: int
    fragments: tuple[int, ...]
    all_peers: bool


FULL = Scale(
    rounds=7,
    seconds=0.4,
    sizes=tuple(16 * 4**power for power in range(12)),
    size_peers=_ALL,
    crowds=(1, 10, 100, 1_000, 10_000),
    crowd_peers=_SERVERS,
    idle=1_000,
    fragments=tuple(4**power for power in range(9)),
    all_peers=True,
)
QUICK = Scale(
    rounds=3,
    seconds=0.1,
    sizes=(16, KIB, 16 * KIB, 4 * MIB),
    size_peers=_QUICK_SIZES,
    crowds=(1, 30, 1_000),
    crowd_peers=_QUICK_CROWDS,
    idle=200,
    fragments=(1, 256, 65_536),
    all_peers=False,
)

# Sizes that the table has whatever the scale.
_TABLE_SIZES = (32, 4 * KIB, 64 * KIB, MIB)


def suite(scale: Scale, *, most_connections: int) -> list[Task]:
    """All tasks, in the order in which they are done.

    Args:
        scale: How thoroughly.
        most_connections: How many connections one process can have; a crowd that would be larger
            is made as large as that.
    """
    everyone, served = _names(_ALL, scale), _names(scale.crowd_peers)
    over_tls, deflated = _names(_TLS), _names(_DEFLATE)
    crowds = sorted({min(count, most_connections) for count in scale.crowds})
    return [
        *(Task(f"echo {in_bytes(s)}", Group.ECHO, "echo", everyone, s) for s in _TABLE_SIZES),
        *(
            _size(size, _names(scale.size_peers))
            for size in scale.sizes
            if size not in _TABLE_SIZES
        ),
        Task("one-way 32 B", Group.ONE_WAY, "one_way", everyone),
        Task("connects", Group.CONNECTS, "connects", everyone),
        Task("TLS echo 32 B", Group.TLS, "echo", over_tls, tls=True),
        Task("TLS echo 64 KiB", Group.TLS, "echo", over_tls, 64 * KIB, tls=True),
        Task("JSON echo 1 KiB", Group.DEFLATE, "echo", deflated, KIB, deflate=True),
        Task("JSON echo 64 KiB", Group.DEFLATE, "echo", deflated, 64 * KIB, deflate=True),
        Task("idle connection", Group.MEMORY, "memory", served, count=scale.idle),
        *(_crowd(count, served) for count in crowds),
        *(_fragments(count) for count in scale.fragments),
    ]


def _size(size: int, peers: tuple[str, ...]) -> Task:
    rounds = _FEWER_ROUNDS if size > _LARGE_MESSAGE else None
    title = f"echo {in_bytes(size)}"
    return Task(title, Group.SIZES, "echo", peers, size, most_rounds=rounds)


def _crowd(count: int, peers: tuple[str, ...]) -> Task:
    rounds = _FEWER_ROUNDS if count > _LARGE_CROWD else None
    title = f"{count:,} open"
    return Task(title, Group.CROWD, "crowd", peers, count=count, most_rounds=rounds)


def _fragments(count: int) -> Task:
    peers = _names(_LITTLE_FRAGMENTED if count <= _MANY_FRAGMENTS else _FRAGMENTED)
    title = "1 fragment" if count == 1 else f"{count:,} fragments"
    return Task(title, Group.FRAGMENTS, "fragments", peers, MIB, count)


def in_bytes(size: int) -> str:
    """A size as people write it: 64 KiB."""
    if size >= MIB:
        return f"{size // MIB} MiB"
    return f"{size // KIB} KiB" if size >= KIB else f"{size} B"


def _names(peers: Sequence[Peer], scale: Scale = FULL) -> tuple[str, ...]:
    return tuple(peer.name for peer in peers if peer.quick or scale.all_peers)
