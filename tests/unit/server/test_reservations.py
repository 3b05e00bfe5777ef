"""Reserved keys: who must wait for them, and that they do not go by themselves meanwhile."""

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from pycluster.admin.catalogue import GROUPS
from pycluster.keyspace.database import FOREVER_MS
from pycluster.keyspace.eviction import Candidates, Policy
from pycluster.protocol.errors import InternalError
from pycluster.rdb.payload import restore
from pycluster.server import big_values
from pycluster.server.blocking import BLOCKED, POSTPONED
from pycluster.server.client import Client
from pycluster.server.config import Config
from pycluster.server.log import Log
from pycluster.server.pause import FAILOVER
from pycluster.server.server import Server


class World:
    """A server without sockets, and one client."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        config = Config()
        config.loglevel = "nothing"
        self.loop = loop
        self.resumed = 0
        self.sent: list[object] = []
        self.server: Any = Server(config, GROUPS, Log(config), loop)
        self.client = self.server.new_client(
            SimpleNamespace(
                address="127.0.0.1:1", held_input=int, held_output=int, resume=self.resume, send=self.sent.append
            )
        )

    def resume(self) -> None:
        self.resumed += 1

    def ask(self, *words: bytes) -> Any:
        return self.server.execute(self.client, list(words))

    def run_tasks(self) -> None:
        while self.server.big_values._tasks:
            self.loop.run_until_complete(asyncio.sleep(0))


@pytest.fixture
def world() -> Iterator[World]:
    loop = asyncio.new_event_loop()
    made = World(loop)
    made.ask(b"MSET", b"k", b"v", b"other", b"v")
    yield made
    loop.close()


def test_commands_on_a_reserved_key_wait_and_others_do_not(world: World) -> None:
    world.server.reservations.reserve([b"k"])
    assert world.ask(b"GET", b"k") is POSTPONED
    assert world.ask(b"MGET", b"other", b"k") is POSTPONED
    assert world.ask(b"GET", b"other") == b"v"
    assert world.ask(b"PING") == "PONG"


def test_who_waited_is_told_to_try_again(world: World) -> None:
    world.server.reservations.reserve([b"k"])
    world.ask(b"GET", b"k")
    world.server.pause.postpone(world.client)
    world.server.reservations.release([b"k"])
    assert world.resumed == 1 and world.ask(b"GET", b"k") == b"v"


def test_what_changes_all_keys_waits_too(world: World) -> None:
    world.server.reservations.reserve([b"k"])
    assert world.ask(b"FLUSHALL") is POSTPONED
    assert world.ask(b"DBSIZE") == 2


def test_a_transaction_waits_when_it_is_to_run(world: World) -> None:
    world.server.reservations.reserve([b"k"])
    world.ask(b"MULTI")
    assert world.ask(b"INCR", b"n") == "QUEUED"
    assert world.ask(b"GET", b"k") == "QUEUED"
    assert world.ask(b"EXEC") is POSTPONED
    world.server.reservations.release([b"k"])
    assert world.ask(b"EXEC") == [1, b"v"]


def keep_back(world: World) -> Client:
    """One waits for a key, and would change another, which is reserved; the first key comes. Somebody else."""
    world.ask(b"RPUSH", b"to", b"x")
    assert world.ask(b"BLMOVE", b"from", b"to", b"LEFT", b"RIGHT", b"0") is BLOCKED
    world.server.reservations.reserve([b"to"])
    other: Client = world.server.new_client(world.client.link)
    world.server.execute(other, [b"RPUSH", b"from", b"y"])
    return other


def test_who_waits_for_one_key_and_changes_another_is_served_when_that_is_free(world: World) -> None:
    other = keep_back(world)
    assert not world.sent and world.server.execute(other, [b"LLEN", b"from"]) == 1
    world.server.reservations.release([b"to"])
    world.loop.run_until_complete(asyncio.sleep(0))
    assert world.sent == [b"y"] and world.server.execute(other, [b"LRANGE", b"to", b"0", b"-1"]) == [b"x", b"y"]


def test_who_waits_is_not_served_while_data_stands_still(world: World) -> None:
    other = keep_back(world)
    world.server.pause.begin(FAILOVER, FOREVER_MS, all_commands=False)
    world.server.reservations.release([b"to"])
    world.loop.run_until_complete(asyncio.sleep(0))
    assert not world.sent and world.server.execute(other, [b"LLEN", b"from"]) == 1
    world.server.pause.end(FAILOVER)
    world.loop.run_until_complete(asyncio.sleep(0))
    assert world.sent == [b"y"]


def test_a_reserved_key_does_not_expire_by_itself(world: World) -> None:
    world.ask(b"PEXPIRE", b"k", b"1")
    world.server.reservations.reserve([b"k"])
    world.server.clock.now += 10
    world.server.expire_keys()
    assert world.server.databases[0].size() == 2
    world.server.reservations.release([b"k"])
    world.server.expire_keys()
    assert world.server.databases[0].size() == 1


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-random"])
def test_a_reserved_key_is_not_evicted(world: World, policy: str) -> None:
    candidates = Candidates(world.server.databases, world.server.rng)
    world.server.reservations.reserve([b"k"])
    chosen = [candidates.choose(Policy.named(policy), 5, lambda *_: 1) for _ in range(20)]  # type: ignore[arg-type]
    assert {choice[1] for choice in chosen if choice} == {b"other"}
    world.server.reservations.reserve([b"other"])
    assert candidates.choose(Policy.named(policy), 5, lambda *_: 1) is None  # type: ignore[arg-type]


# Big values


def fill(world: World, key: bytes = b"big") -> None:
    for start in range(0, 60_000, 1000):
        world.ask(b"SADD", key, *(b"%d" % member for member in range(start, start + 1000)))


def test_a_big_value_is_dumped_as_a_task(world: World) -> None:
    fill(world)
    assert world.ask(b"DUMP", b"big") is BLOCKED
    assert world.ask(b"CLIENT", b"UNBLOCK", b"%d" % world.client.id) == 0
    assert world.ask(b"SCARD", b"big") is POSTPONED
    world.run_tasks()
    (payload,) = world.sent
    assert isinstance(payload, bytes) and len(payload) > 300_000


def test_a_big_value_that_the_primary_changes_is_dumped_as_it_was(world: World) -> None:
    for start in range(0, 60_000, 1000):
        world.ask(b"RPUSH", b"big", *(b"%d" % member for member in range(start, start + 1000)))
    assert world.ask(b"DUMP", b"big") is BLOCKED
    world.loop.run_until_complete(asyncio.sleep(0))
    primary = world.server.new_primary_client(world.client.link)
    assert world.server.execute(primary, [b"LPOP", b"big", b"500"])
    world.run_tasks()
    (payload,) = world.sent
    assert isinstance(payload, bytes) and list(restore(payload)) == [b"%d" % member for member in range(60_000)]
    assert not world.server.databases[0].before_change


def test_a_big_value_that_the_primary_restores_is_dumped_as_it_was(world: World) -> None:
    fill(world, b"twin")
    fill(world)
    world.ask(b"SADD", b"big", b"x")
    world.ask(b"DUMP", b"big")
    world.run_tasks()
    payload = world.sent.pop()
    assert world.ask(b"DUMP", b"twin") is BLOCKED
    primary = world.server.new_primary_client(world.client.link)
    request = [b"RESTORE", b"twin", b"0", payload, b"REPLACE"]
    assert world.server.execute(primary, request) is POSTPONED
    world.run_tasks()
    assert world.server.execute(primary, request) == "OK"
    assert len(restore(world.sent[0])) == 60_000 and world.ask(b"SCARD", b"twin") == 60_001


def test_who_wants_a_value_that_cannot_be_dumped_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(value: object, compress: bool) -> Iterator[bytes]:
        yield b""
        raise MemoryError

    fill(world)
    monkeypatch.setattr(big_values, "pieces_of", fail)
    monkeypatch.setattr(big_values, "MOMENT_NS", -1)
    assert world.ask(b"DUMP", b"big") is BLOCKED
    world.run_tasks()
    (reply,) = world.sent
    assert isinstance(reply, InternalError) and world.ask(b"SCARD", b"big") == 60_000


def test_a_big_value_is_restored_as_a_task_and_the_request_handed_in_again(world: World) -> None:
    fill(world)
    world.ask(b"DUMP", b"big")
    world.run_tasks()
    request = [b"RESTORE", b"copy", b"0", world.sent[0]]
    assert world.ask(*request) is POSTPONED
    assert world.ask(b"EXISTS", b"copy") is POSTPONED
    world.run_tasks()
    assert world.ask(b"EXISTS", b"copy") == 0
    assert world.ask(*request) == "OK"
    assert world.ask(b"SCARD", b"copy") == 60_000


def test_a_damaged_big_payload_is_refused_when_it_has_been_read(world: World) -> None:
    fill(world)
    world.ask(b"DUMP", b"big")
    world.run_tasks()
    request = [b"RESTORE", b"copy", b"0", world.sent[0][:-1] + b"x"]
    while (reply := world.ask(*request)) is POSTPONED:
        world.run_tasks()
    assert reply.text == "ERR DUMP payload version or checksum are wrong"


def test_in_a_transaction_nobody_comes_in_between(world: World) -> None:
    fill(world)
    world.ask(b"MULTI")
    world.ask(b"DUMP", b"big")
    payload = world.ask(b"EXEC")[0]
    world.ask(b"MULTI")
    world.ask(b"RESTORE", b"copy", b"0", payload)
    assert world.ask(b"EXEC") == ["OK"]


def test_what_a_client_that_has_gone_brought_is_given_up(world: World) -> None:
    fill(world)
    world.ask(b"DUMP", b"big")
    world.run_tasks()
    world.ask(b"RESTORE", b"copy", b"0", world.sent[0])
    world.server.big_values.forget(world.client)
    world.run_tasks()
    assert world.ask(b"EXISTS", b"copy") == 0


def test_a_task_that_fails_is_told_of_in_the_log(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    world.server.config.loglevel = "notice"
    world.server.big_values.begin(fail())
    world.run_tasks()
    assert "Exception in a task beside the commands" in capsys.readouterr().out
