"""Some slots as commands: whatever changes while they are read, whoever performs the stream has the same in the end."""

from collections.abc import Iterator
from random import Random

import pytest

from pycluster.commands import expiration, hashes, keys, lists, strings
from pycluster.commands.table import Command, build_table
from pycluster.keyspace.database import Database
from pycluster.keyspace.digest import digest_all
from pycluster.keyspace.slots import SLOTS, key_slot
from pycluster.persistence.slot_stream import SlotStream
from pycluster.protocol.requests import RequestReader
from pycluster.server.execute import find

Args = list[bytes]

TABLE = build_table((strings.group, hashes.group, lists.group, keys.group, expiration.group))
SLOT = key_slot(b"{a}")
OTHER = key_slot(b"{b}")


class Side:
    """A database, and who performs commands on it."""

    def __init__(self) -> None:
        self.db = Database(slots=SLOTS)
        self.last_command: Command | None = None

    def perform(self, *args: bytes) -> None:
        command = TABLE[args[0]]
        if command.first:
            self.db.enter(key_slot(command.keys(list(args))[0]))
        command.run(self, list(args))
        if self.db.journal.dirty:
            self.db.journal.commit(0, list(args))


class Stage:
    """A source, and what its stream has brought to a target."""

    def __init__(self, *slots: int) -> None:
        self.source, self.target = Side(), Side()
        self.sent: list[Args] = []
        self.slots = slots or (SLOT,)

    def begin(self) -> Iterator[bytes]:
        self.stream = SlotStream(
            self.source.db, self.source.db.journal, lambda args: find(TABLE, args), self.slots, self.take
        )
        return self.stream.read()

    def take(self, piece: bytes) -> None:
        reader = RequestReader()
        reader.feed(piece)
        while (args := reader.next()) is not None:
            self.sent.append(args)
            if args[0] != b"SELECT":
                self.target.perform(*args)

    def take_all(self, pieces: Iterator[bytes]) -> None:
        for piece in pieces:
            self.take(piece)

    def are_same(self) -> bool:
        self.source.db.journal.flush()
        return digest_all([self.source.db]) == digest_all([self.target.db])


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_keys_come_with_their_deadlines(stage: Stage) -> None:
    stage.source.perform(b"SET", b"{a}1", b"x")
    stage.source.perform(b"SET", b"{a}2", b"y", b"PXAT", b"99999999999999")
    stage.take_all(stage.begin())
    assert stage.are_same() and stage.target.db.deadlines[SLOT] == {b"{a}2": 99999999999999}


def test_keys_of_other_slots_stay_where_they_are(stage: Stage) -> None:
    stage.source.perform(b"SET", b"{a}1", b"x")
    stage.source.perform(b"SET", b"{b}1", b"x")
    stage.take_all(stage.begin())
    stage.source.perform(b"SET", b"{b}2", b"x")
    stage.source.db.journal.flush()
    assert list(stage.target.db.keys()) == [b"{a}1"]


def test_what_changes_behind_the_keys_follows_them(stage: Stage) -> None:
    stage.source.perform(b"SET", b"{a}1", b"1")
    stage.take_all(stage.begin())
    stage.source.perform(b"INCR", b"{a}1")
    stage.source.perform(b"RPUSH", b"{a}2", b"x")
    assert stage.are_same()
    assert stage.sent[-2:] == [[b"INCR", b"{a}1"], [b"RPUSH", b"{a}2", b"x"]]


def test_what_was_recorded_in_the_same_turn_is_not_told_twice(stage: Stage) -> None:
    stage.source.db.journal.listeners.append(lambda recorded: None)
    stage.source.perform(b"INCR", b"{a}1")
    stage.take_all(stage.begin())
    assert stage.are_same() and stage.target.db.slots[SLOT] == {b"{a}1": b"1"}


def test_what_changes_before_a_slot_is_read_comes_with_its_keys() -> None:
    first, second = sorted((SLOT, OTHER))
    name = {SLOT: b"{a}", OTHER: b"{b}"}
    stage = Stage(SLOT, OTHER)
    stage.source.perform(b"SET", name[first] + b"1", b"1")
    pieces = stage.begin()
    stage.take(next(pieces))
    stage.take(next(pieces))
    stage.source.perform(b"INCR", name[second] + b"1")
    stage.source.db.journal.flush()
    stage.take_all(pieces)
    assert stage.are_same()


def test_a_slot_that_changes_while_it_is_read(stage: Stage) -> None:
    for number in range(1000):
        stage.source.perform(b"SET", b"{a}%d" % number, b"1")
    for number, piece in enumerate(stage.begin()):
        stage.take(piece)
        stage.source.perform(b"INCR", b"{a}%d" % (1 if number % 2 else 999))
        stage.source.perform(b"DEL", b"{a}%d" % (500 + number))
        stage.source.db.journal.flush()
    assert stage.are_same()


def test_a_hash_that_changes_while_it_is_read(stage: Stage) -> None:
    fields = [word for number in range(20_000) for word in (b"f%d" % number, b"1")]
    stage.source.perform(b"HSET", b"{a}hash", *fields)
    for number, piece in enumerate(stage.begin()):
        stage.take(piece)
        stage.source.perform(b"HINCRBY", b"{a}hash", b"f%d" % (number * 97 % 20_000), b"1")
        stage.source.perform(b"HDEL", b"{a}hash", b"f%d" % (number * 89 % 20_000))
        stage.source.db.journal.flush()
    assert number > 3 and stage.are_same()


def test_a_hash_that_changes_before_its_turn(stage: Stage) -> None:
    for number in range(300):
        stage.source.perform(b"SET", b"{a}%d" % number, b"1")
    stage.source.perform(b"HSET", b"{a}hash", b"field", b"1")
    pieces = stage.begin()
    stage.take(next(pieces))
    stage.take(next(pieces))
    stage.source.perform(b"HINCRBY", b"{a}hash", b"field", b"1")
    stage.source.db.journal.flush()
    stage.take_all(pieces)
    assert stage.are_same()


def test_a_key_that_gets_another_name_while_its_slot_is_read(stage: Stage) -> None:
    for number in range(300):
        stage.source.perform(b"SET", b"{a}%d" % number, b"%d" % number)
    pieces = stage.begin()
    stage.take(next(pieces))
    stage.take(next(pieces))
    stage.source.perform(b"RENAME", b"{a}299", b"{a}0")
    stage.source.db.journal.flush()
    stage.take_all(pieces)
    assert stage.are_same()


def test_commands_come_in_bounded_pieces(stage: Stage) -> None:
    for number in range(300):
        stage.source.perform(b"SET", b"{a}%d" % number, b"x" * 10_000)
    assert max(map(len, stage.begin())) < 1 << 18


def test_a_closed_stream_hears_nothing_more(stage: Stage) -> None:
    stage.source.perform(b"SET", b"{a}1", b"x")
    stage.take_all(stage.begin())
    stage.stream.close()
    stage.source.perform(b"SET", b"{a}2", b"x")
    stage.source.db.journal.flush()
    assert list(stage.target.db.keys()) == [b"{a}1"]


def test_a_stream_that_is_closed_in_the_midst_of_a_slot_lets_it_go(stage: Stage) -> None:
    for number in range(300):
        stage.source.perform(b"SET", b"{a}%d" % number, b"x")
    pieces = stage.begin()
    next(pieces), next(pieces)
    assert stage.source.db.before_change
    stage.stream.close()
    assert not stage.source.db.before_change


@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_reading_and_changing_ends_well(seed: int) -> None:
    dice = Random(seed)
    stage = Stage(SLOT, OTHER)
    changes: list[tuple[bytes, ...]] = [
        (b"INCR", b"n"), (b"DEL", b"n"), (b"HINCRBY", b"h", b"f", b"1"), (b"RPUSH", b"l", b"x"), (b"LPOP", b"l"),
        (b"RENAMENX", b"l", b"m"), (b"APPEND", b"s", b"x"), (b"HSET", b"h", b"g", b"x"),
    ]  # fmt: skip

    def change() -> None:
        name, *rest = dice.choice(changes)
        tag = dice.choice((b"{a}", b"{b}")) + b"%d" % dice.randrange(80)
        keyed = [tag + rest[0], *([tag + rest[1]] if name == b"RENAMENX" else rest[1:])]
        if name != b"RENAMENX" or keyed[0] in stage.source.db.slots[key_slot(keyed[0])]:
            stage.source.perform(name, *keyed)
        if dice.random() < 0.3:
            stage.source.db.journal.flush()

    for _ in range(2000):
        change()
    for piece in stage.begin():
        stage.take(piece)
        for _ in range(dice.randrange(20)):
            change()
    assert stage.are_same()
