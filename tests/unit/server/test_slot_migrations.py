"""A source as a client of its target: it is obeyed, never answered, and what fails ends the migration."""

from collections.abc import Iterator
from typing import Any

import pytest

from pycluster.keyspace.database import REMOVE
from pycluster.keyspace.slots import key_slot
from pycluster.protocol.errors import ReplyError
from pycluster.protocol.replies import NO_REPLY
from pycluster.server.blocking import POSTPONED
from pycluster.server.client import FROM_PRIMARY, Client
from pycluster.server.pause import FAILOVER
from tests.unit.server.stage import Clustered

TAG = next(f"{{{number}}}" for number in range(100) if 6000 <= key_slot(b"%d" % number) < 12000)  # the other node's
SLOT = key_slot(TAG.encode())
NAME = "d" * 40


class Target(Clustered):
    """A server that slots are about to come to, and their source as a client."""

    def __init__(self, **directives: Any) -> None:
        super().__init__(**directives)
        self.state.nodes = {"1" * 40: self.myself, "2" * 40: self.other}
        self.server.cluster.order = lambda verb, *arguments: self.claim(*arguments)
        self.server.cluster.core = type("Core", (), {"take_slots": None})()
        self.source = self.client()
        self.source.link.sent_bytes = []  # type: ignore[attr-defined]
        self.source.link.send_bytes = self.source.link.sent_bytes.append  # type: ignore[attr-defined]
        self.source.link.yield_turn = lambda: None
        words = f"CLUSTER SYNCSLOTS ESTABLISH SOURCE {'2' * 40} NAME {NAME} SLOTSRANGE {SLOT} {SLOT}"
        assert self.ask(self.source, words) == "OK"
        self.says("ACK")

    def claim(self, slots: frozenset[int]) -> None:
        for slot in slots:
            self.slots.rebind(1 << slot, self.myself)
        self.settle()

    def says(self, word: str) -> None:
        assert self.ask(self.source, f"CLUSTER SYNCSLOTS {word}") is NO_REPLY

    def obeys(self, words: str) -> None:
        assert self.ask(self.source, words) is NO_REPLY

    @property
    def state_of_job(self) -> str:
        return str(self.server.slot_migrations.core.jobs.all[0].state.value)

    @property
    def message(self) -> str:
        return str(self.server.slot_migrations.core.jobs.all[0].message)

    def shown(self, client: Client) -> Any:
        return self.ask(client, "DBSIZE")


@pytest.fixture
def target() -> Iterator[Target]:
    target = Target()
    yield target
    target.close()


def test_what_the_source_says_is_done_hidden_and_recorded(target: Target) -> None:
    target.obeys(f"SET {TAG}key x")
    assert target.server.databases[0].slots[SLOT] == {f"{TAG}key".encode(): b"x"}
    assert target.shown(target.client()) == 0
    first, second = target.records()
    assert first.startswith(b"CLUSTER SYNCSLOTS ESTABLISH") and second == f"SET {TAG}key x".encode()


def test_clients_are_still_sent_to_the_source(target: Target) -> None:
    reply = target.ask(target.client(), f"GET {TAG}key")
    assert isinstance(reply, ReplyError) and reply.text == f"MOVED {SLOT} 127.0.0.1:7002"


def test_the_hand_over(target: Target) -> None:
    target.obeys(f"SET {TAG}key x")
    for word in ("SNAPSHOT-EOF", "PAUSED", "FAILOVER-GRANTED"):
        target.says(word)
    assert target.state_of_job == "success" and target.slots.owner[SLOT] is target.myself
    assert target.shown(target.client()) == 1
    assert target.records()[-1].startswith(b"CLUSTER SYNCSLOTS FINISH STATE SUCCESS NAME " + NAME.encode())
    said = b"".join(target.source.link.sent_bytes)  # type: ignore[attr-defined]
    assert said.index(b"REQUEST-PAUSE") < said.index(b"REQUEST-FAILOVER")


@pytest.mark.parametrize(
    "words", ["SET {a}key x", "NOSUCHCOMMAND", f"LPUSH {TAG}key", f"INCR {TAG}text", "SELECT 1", f"RENAME {TAG}no b"]
)
def test_what_cannot_be_done_ends_the_migration(target: Target, words: str) -> None:
    target.obeys(f"SET {TAG}text x")
    target.obeys(words)
    assert target.message == "Failed to process command during slot migration. Check logs for more information"
    assert target.server.databases[0].size() == 0
    *_, unlink, finish = target.records()
    assert unlink == f"DEL {TAG}text".encode() and finish.startswith(b"CLUSTER SYNCSLOTS FINISH STATE FAILED")


def test_nothing_of_the_source_expires_by_itself(target: Target) -> None:
    target.obeys(f"SET {TAG}key x")
    target.obeys(f"PEXPIREAT {TAG}key 1")
    target.obeys(f"APPEND {TAG}key y")
    assert target.server.databases[0].slots[SLOT] == {f"{TAG}key".encode(): b"xy"}
    assert target.server.keyspace.expired_keys == REMOVE


def test_in_a_failover_the_source_waits(target: Target) -> None:
    target.server.pause.begin(FAILOVER, target.server.wall_ms() + 1000, all_commands=False)
    assert target.ask(target.source, f"SET {TAG}key x") is POSTPONED
    target.server.pause.end(FAILOVER)
    target.obeys(f"SET {TAG}key x")


def test_a_source_that_goes_ends_the_migration(target: Target) -> None:
    target.obeys(f"SET {TAG}key x")
    target.server.drop_client(target.source)
    assert target.message.startswith("Connection lost to source.") and target.server.databases[0].size() == 0


def test_flushall_is_recorded_behind_the_end_of_the_migration(target: Target) -> None:
    target.obeys(f"SET {TAG}key x")
    target.records()
    assert target.ask(target.client(), "FLUSHALL") == "OK"
    assert [record.split()[0] for record in target.records()] == [b"DEL", b"CLUSTER", b"FLUSHALL"]


def test_one_connection_one_migration(target: Target) -> None:
    target.obeys(f"CLUSTER SYNCSLOTS ESTABLISH SOURCE {'2' * 40} NAME {'e' * 40} SLOTSRANGE {SLOT + 1} {SLOT + 1}")
    assert target.state_of_job == "failed"


def test_a_snapshot_tells_of_slots_that_come(target: Target) -> None:
    migrations = target.server.slot_migrations
    assert migrations.imports_as_text() == f"{NAME} {SLOT}-{SLOT}"
    words = [b"CLUSTER", b"SYNCSLOTS", b"ESTABLISH", b"NAME", NAME.encode(), b"SLOTSRANGE", *[b"%d" % SLOT] * 2]
    assert migrations.imports_as_commands() == [words]


def test_a_replica_is_told_by_its_primary(target: Target) -> None:
    primary = target.client()
    primary.up(FROM_PRIMARY)
    target.records()
    target.ask(primary, f"CLUSTER SYNCSLOTS ESTABLISH NAME {'e' * 40} SLOTSRANGE {SLOT + 1} {SLOT + 2}")
    assert target.server.databases[0].hidden == dict.fromkeys([SLOT, SLOT + 1, SLOT + 2])
    target.ask(primary, f"CLUSTER SYNCSLOTS FINISH STATE FAILED NAME {'e' * 40} MESSAGE x")
    assert target.server.databases[0].hidden == {SLOT: None}
    assert len(target.records()) == 2  # its own append-only file keeps both
