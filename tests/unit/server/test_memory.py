"""What a server does about its memory: weighs commands, notes uses, evicts, says when it is full."""

import asyncio
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from pycluster.admin.catalogue import GROUPS
from pycluster.keyspace.memory import Survey
from pycluster.keyspace.slots import key_slot
from pycluster.protocol.errors import ExecAborted, OutOfMemory
from pycluster.server.client import Client
from pycluster.server.config import Config
from pycluster.server.log import Log
from pycluster.server.memory import Room
from pycluster.server.server import Server

MB = 1 << 20


class Link:
    """A connection that nothing ever comes from."""

    address = "127.0.0.1:1"

    def held_input(self) -> int:
        return 0

    held_output = held_input


class World:
    """A server without sockets, and a client of it."""

    def __init__(self, **directives: Any) -> None:
        self.loop = asyncio.new_event_loop()
        self.config = Config(**directives)
        self.config.loglevel = "nothing"
        self.server = Server(self.config, GROUPS, Log(self.config), self.loop, Random(1))
        self.memory = self.server.memory
        self.client: Client = self.server.new_client(Link())  # type: ignore[arg-type]

    def ask(self, *words: bytes) -> Any:
        return self.server.execute(self.client, list(words))

    def set(self, name: bytes, value: bytes) -> None:
        self.config.set([(name, value)])

    def fill(self, keys: int, prefix: bytes = b"key", length: int = 1000) -> list[Any]:
        return [self.ask(b"SET", b"%b:%d" % (prefix, number), b"x" * length) for number in range(keys)]

    def turn(self) -> None:
        """Lets the loop do what is to be done soon."""
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()

    @property
    def keys(self) -> int:
        return sum(db.size() for db in self.server.databases)


@pytest.fixture
def start() -> Iterator[Any]:
    worlds: list[World] = []

    def make(**directives: Any) -> World:
        worlds.append(World(**directives))
        return worlds[-1]

    yield make
    for world in worlds:
        world.loop.close()


# The estimate


def test_without_a_limit_no_gate_is_up(start: Any) -> None:
    world = start()
    assert world.server.gate == 0
    world.set(b"maxmemory", b"100mb")
    assert world.server.gate
    world.set(b"maxmemory", b"0")
    assert world.server.gate == 0


def test_used_memory_follows_the_data(start: Any) -> None:
    world = start()
    world.fill(1000)
    world.memory.refresh()
    assert 1000 * 1000 < world.memory.data < 1000 * 1300
    world.ask(b"FLUSHALL")
    world.memory.refresh()
    assert world.memory.data == 0


def test_while_nothing_changes_the_estimate_is_rarely_looked_at(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    world, looks = start(), []
    world.fill(10)
    world.memory.tick()
    monkeypatch.setattr(Survey, "size", lambda survey: looks.append(survey) or world.memory.data)
    for _ in range(100):
        world.memory.tick()
    assert len(looks) in (10, 11)


def test_a_change_is_in_the_estimate_at_the_next_tick(start: Any) -> None:
    world = start()
    for _ in range(3):
        world.memory.tick()
    world.fill(10)
    world.memory.tick()
    assert world.memory.data > 10 * 1000


def test_between_two_steps_of_the_survey_commands_are_weighed(start: Any) -> None:
    world = start(maxmemory=100 * MB)
    world.fill(1000)
    weighed = world.memory.data
    world.memory.refresh()
    assert weighed == pytest.approx(world.memory.data, rel=0.05)


def test_to_overwrite_is_not_to_grow(start: Any) -> None:
    world = start(maxmemory=100 * MB)
    world.fill(10)
    before = world.memory.data
    world.fill(10)
    assert world.memory.data == before


@pytest.mark.parametrize(("add", "take"), [
    ([b"SADD", b"k"], [b"SREM", b"k"]), ([b"RPUSH", b"k"], [b"LPOP", b"k", b"5000"]),
    ([b"SADD", b"k"], [b"UNLINK", b"k"]),
])  # fmt: skip
def test_members_are_weighed(start: Any, add: list[bytes], take: list[bytes]) -> None:
    world = start(maxmemory=100 * MB)
    members = [b"member:%d" % number for number in range(5000)]
    world.ask(*add, b"first")
    world.ask(*add, *members)
    assert 5000 * 60 < world.memory.data < 5000 * 250
    world.ask(*take, *(members if take[0] == b"SREM" else ()))
    assert world.memory.data < 5000 * 20


# The limit


def test_where_nothing_may_go_what_takes_memory_is_refused(start: Any) -> None:
    world = start(maxmemory=MB)
    replies = world.fill(2000)
    assert replies[0] == "OK" and isinstance(replies[-1], OutOfMemory)
    assert replies.count("OK") == pytest.approx(900, abs=100)
    assert world.ask(b"GET", b"key:0") == b"x" * 1000
    assert world.ask(b"DEL", *(b"key:%d" % number for number in range(100))) == 100
    assert world.ask(b"SET", b"key:0", b"again") == "OK"


def test_a_queued_command_that_is_refused_spoils_the_transaction(start: Any) -> None:
    world = start(maxmemory=1)
    world.ask(b"MULTI")
    assert isinstance(world.ask(b"GET", b"x"), OutOfMemory)
    assert isinstance(world.ask(b"EXEC"), ExecAborted)


@pytest.mark.parametrize("clustered", [False, True])
@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-lfu", "allkeys-random"])
def test_old_keys_make_room_for_new_ones(start: Any, policy: str, clustered: bool) -> None:
    world = start(maxmemory=6 * MB, maxmemory_policy=policy, maxmemory_eviction_tenacity=100,
                  cluster_enabled=clustered)  # fmt: skip
    world.server.served[:] = b"\1" * len(world.server.served)
    assert set(world.fill(8000)) == {"OK"}
    assert world.memory.used <= 6 * MB + 2000
    assert world.keys + world.server.keyspace.statistics.evicted == 8000
    exact = world.memory.data
    world.memory.refresh()
    assert world.memory.data == pytest.approx(exact, rel=0.05)


def test_a_command_that_waited_for_room_finds_its_slot_again(start: Any) -> None:
    world = start(maxmemory=4 * MB, maxmemory_policy="allkeys-random", maxmemory_eviction_tenacity=100,
                  cluster_enabled=True)  # fmt: skip
    world.server.served[:] = b"\1" * len(world.server.served)
    world.fill(3000)
    db = world.server.databases[0]
    assert 0 < db.size() < 3000
    assert all(key in db.slots[key_slot(key)] for key in db.keys())


def test_what_is_used_stays(start: Any) -> None:
    world = start(maxmemory=2 * MB, maxmemory_policy="allkeys-lru", maxmemory_eviction_tenacity=100)
    world.fill(100, b"dear")
    for batch in range(40):
        world.server.clock.now += 1000
        world.fill(100, b"batch:%d" % batch)
        for number in range(100):
            world.ask(b"GET", b"dear:%d" % number)
    left = sum(world.ask(b"EXISTS", b"dear:%d" % number) for number in range(100))
    assert left > 70  # by chance alone it would be 30


def test_to_evict_much_takes_several_turns(start: Any) -> None:
    world = start(maxmemory=0, maxmemory_policy="allkeys-random", maxmemory_eviction_tenacity=0)
    world.fill(2000)
    world.set(b"maxmemory", b"500kb")
    assert world.keys == 2000
    world.turn()
    assert 1500 < world.keys < 2000
    assert world.memory.make_room() is Room.IN_THE_MAKING
    for _ in range(200):
        world.turn()
    assert world.keys < 500
    assert world.memory.make_room() is Room.ENOUGH


def test_commands_run_while_room_is_being_made(start: Any) -> None:
    world = start(maxmemory=0, maxmemory_policy="allkeys-random", maxmemory_eviction_tenacity=0)
    world.fill(2000)
    world.set(b"maxmemory", b"500kb")
    assert world.ask(b"SET", b"another", b"value") == "OK"


def test_replicas_do_not_evict(start: Any) -> None:
    world = start(maxmemory=0, maxmemory_policy="allkeys-random")
    world.fill(1000)
    world.server.set_replica(True)
    world.set(b"maxmemory", b"1")
    assert world.memory.make_room() is Room.ENOUGH
    world.set(b"replica-ignore-maxmemory", b"no")
    world.memory.make_room()
    assert world.keys < 1000


def test_evictions_stand_in_the_journal_before_the_command(start: Any) -> None:
    world = start(maxmemory_policy="allkeys-lru", lazyfree_lazy_eviction=True)
    world.ask(b"SET", b"old", b"value")
    stream: list[bytes] = []
    world.server.journal.listeners.append(stream.append)
    world.config.maxmemory = world.memory.used - 1
    world.ask(b"SET", b"new", b"value")
    world.server.journal.flush()
    words = [word for word in b"".join(stream).split(b"\r\n") if word[:1] not in (b"*", b"$", b"")]
    assert words == [b"SELECT", b"0", b"UNLINK", b"old", b"SET", b"new", b"value"]


# Uses


def test_uses_are_noted_only_under_a_policy_that_asks(start: Any) -> None:
    world = start()
    assert world.server.databases[0].accesses is None
    world.set(b"maxmemory-policy", b"allkeys-lru")
    assert world.server.databases[0].accesses is not None
    world.set(b"maxmemory-policy", b"volatile-ttl")
    assert world.server.databases[0].accesses is None


def test_a_key_is_idle_since_its_last_use(start: Any) -> None:
    world = start(maxmemory_policy="allkeys-lru")
    world.ask(b"SET", b"key", b"value")
    world.server.clock.now += 5000
    assert world.ask(b"OBJECT", b"IDLETIME", b"key") == 5
    world.ask(b"GET", b"key")
    assert world.ask(b"OBJECT", b"IDLETIME", b"key") == 0


def test_who_is_not_to_touch_only_touches_by_touch(start: Any) -> None:
    world = start(maxmemory_policy="allkeys-lru")
    world.ask(b"SET", b"key", b"value")
    world.client.no_touch = True
    world.server.clock.now += 5000
    world.ask(b"GET", b"key")
    assert world.ask(b"OBJECT", b"IDLETIME", b"key") == 5
    world.ask(b"TOUCH", b"key")
    assert world.ask(b"OBJECT", b"IDLETIME", b"key") == 0


# MEMORY


def test_memory_stats_add_up(start: Any) -> None:
    world = start()
    world.fill(1000)
    told = world.ask(b"MEMORY", b"STATS")
    assert told[b"total.allocated"] == told[b"overhead.total"] + told[b"dataset.bytes"]
    assert told[b"keys.count"] == 1000
    assert 1000 < told[b"keys.bytes-per-key"] < 1300
    assert told[b"db.0"][b"overhead.hashtable.main"] > 0


def test_the_doctor_needs_something_to_look_at(start: Any) -> None:
    world = start()
    assert b"empty" in world.ask(b"MEMORY", b"DOCTOR").text
    world.fill(8000)
    assert b"empty" not in world.ask(b"MEMORY", b"DOCTOR").text


def test_the_doctor_sees_a_peak(start: Any) -> None:
    world = start()
    world.fill(20000)
    world.memory.refresh()
    world.memory.peak *= 2
    assert b" * Peak memory: " in world.ask(b"MEMORY", b"DOCTOR").text
