"""Pauses: what stands still, for how long, and whose pause ends when."""

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from pycluster.admin.catalogue import GROUPS
from pycluster.server.blocking import POSTPONED
from pycluster.server.config import Config
from pycluster.server.log import Log
from pycluster.server.pause import BY_CLIENT, FAILOVER
from pycluster.server.server import Server

SOON_MS = 60_000


class World:
    """A server without sockets, and one client."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.config = Config()
        self.config.loglevel = "nothing"
        self.server: Any = Server(self.config, GROUPS, Log(self.config), loop)
        self.client = self.server.new_client(SimpleNamespace(address="127.0.0.1:1", held_input=int, held_output=int))

    def ask(self, *words: bytes) -> Any:
        return self.server.execute(self.client, list(words))

    def pause(self, purpose: str, all_commands: bool = False, after_ms: int = SOON_MS) -> None:
        self.server.pause.begin(purpose, self.server.wall_ms() + after_ms, all_commands)


@pytest.fixture
def world() -> Iterator[World]:
    loop = asyncio.new_event_loop()
    yield World(loop)
    loop.close()


def test_writes_wait_and_reads_do_not(world: World) -> None:
    world.pause(FAILOVER)
    assert world.ask(b"SET", b"k", b"v") is POSTPONED
    assert world.ask(b"PUBLISH", b"c", b"m") is POSTPONED
    assert world.ask(b"GET", b"k") is None


def test_one_pause_does_not_end_the_other(world: World) -> None:
    world.pause(FAILOVER)
    world.pause(BY_CLIENT, all_commands=True)
    assert world.ask(b"GET", b"k") is POSTPONED
    world.server.pause.end(BY_CLIENT)
    assert world.ask(b"GET", b"k") is None
    assert world.ask(b"SET", b"k", b"v") is POSTPONED
    world.server.pause.end(FAILOVER)
    assert world.ask(b"SET", b"k", b"v") == "OK"


def test_a_second_pause_of_one_purpose_makes_it_neither_shorter_nor_milder(world: World) -> None:
    world.ask(b"CLIENT", b"PAUSE", b"%d" % SOON_MS, b"ALL")
    world.pause(BY_CLIENT, after_ms=-1)
    world.server.pause._look()
    assert world.ask(b"GET", b"k") is POSTPONED


def test_a_pause_ends_when_its_time_has_come(world: World) -> None:
    world.pause(BY_CLIENT, after_ms=-1)
    world.pause(FAILOVER)
    world.server.pause._look()
    assert not world.server.pause.holds(writes=False)
    assert world.server.pause.is_failover


def test_what_expires_meanwhile_is_gone_for_readers_and_deleted_afterwards(world: World) -> None:
    world.ask(b"SET", b"k", b"v", b"PX", b"1")
    world.server.clock.now += 10
    world.pause(FAILOVER)
    world.server.expire_keys()
    assert world.ask(b"GET", b"k") is None
    assert world.ask(b"DBSIZE") == 1
    world.server.pause.end(FAILOVER)
    world.server.expire_keys()
    assert world.ask(b"DBSIZE") == 0


def test_nothing_is_evicted_meanwhile(world: World) -> None:
    for number in range(1000):
        world.ask(b"SET", b"%d" % number, b"x" * 1000)
    world.pause(FAILOVER)
    world.config.set([(b"maxmemory-policy", b"allkeys-random"), (b"maxmemory", b"100kb")])
    world.server.memory.make_room()
    assert world.ask(b"DBSIZE") == 1000
