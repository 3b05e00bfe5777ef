"""A source's connection to its target, with a transport that takes nothing or all."""

from typing import Any

import pytest

from pycluster.commands import strings
from pycluster.commands.table import build_table
from pycluster.keyspace.database import Database
from pycluster.keyspace.slots import SLOTS, key_slot
from pycluster.persistence.slot_stream import SlotStream
from pycluster.protocol.replies import encode_request
from pycluster.server import slot_export
from pycluster.server.execute import find
from pycluster.server.slot_export import MUCH, Export
from pycluster.slot_migration.job import Job, State

SLOT = key_slot(b"{a}")
TABLE = build_table((strings.group,))


class Transport:
    def __init__(self) -> None:
        self.written = bytearray()
        self.waiting = 0
        self.is_aborted = False

    def set_write_buffer_limits(self, high: int) -> None:
        assert high == MUCH

    def write(self, raw: bytes) -> None:
        self.written += raw

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def abort(self) -> None:
        self.is_aborted = True


class Part:
    """The server's side: what it has heard, and what is to run in the next turns."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.turns: list[tuple[Any, ...]] = []
        self.most = 1000

    def connected(self, job: Job) -> None:
        self.told.append("connected")

    def heard(self, job: Job, said: Any) -> None:
        self.told.append(said)

    def lost(self, job: Job) -> None:
        self.told.append("lost")

    def sent_slots(self, job: Job) -> None:
        self.told.append("sent")

    def cannot_read(self, job: Job, problem: Exception) -> None:
        self.told.append(problem)

    def is_too_much(self, waiting: int) -> bool:
        return waiting > self.most

    def count_sent(self, length: int) -> None: ...

    def soon(self, what: Any, *args: Any) -> None:
        self.turns.append((what, *args))

    def run(self) -> None:
        while self.turns:
            what, *args = self.turns.pop(0)
            what(*args)


class Stage:
    def __init__(self, keys: int = 0) -> None:
        self.part, self.transport, self.db = Part(), Transport(), Database(slots=SLOTS)
        self.export = Export(self.part, Job("n" * 40, True, ((SLOT, SLOT),), "a" * 40, "b" * 40, 0, State.CONNECTING))
        self.db.enter(SLOT)
        for number in range(keys):
            self.db.put(b"{a}%d" % number, b"x" * 2000)
        self.export.connection_made(self.transport)

    def begin(self) -> None:
        stream = SlotStream(
            self.db, self.db.journal, lambda args: find(TABLE, args), (SLOT,), self.export.take_changes
        )
        self.export.begin_stream(stream)

    def change(self) -> None:
        self.db.journal.dirty += 1
        self.db.journal.commit(0, [b"SET", b"{a}new", b"y"])
        self.db.journal.flush()


def test_all_keys_are_sent_and_then_that_they_are() -> None:
    stage = Stage(keys=500)
    stage.begin()
    stage.part.run()
    assert stage.transport.written.count(b"SET") == 500 and stage.part.told == ["connected", "sent"]


def test_changes_follow() -> None:
    stage = Stage()
    stage.begin()
    stage.part.run()
    stage.change()
    assert stage.transport.written.endswith(encode_request([b"SET", b"{a}new", b"y"]))


def test_nothing_is_read_while_the_target_takes_nothing() -> None:
    stage = Stage(keys=500)
    stage.begin()
    stage.export.pause_writing()
    stage.part.run()
    assert not stage.transport.written and "sent" not in stage.part.told
    stage.export.resume_writing()
    stage.part.run()
    assert stage.part.told[-1] == "sent"


def test_a_target_that_is_too_far_behind_is_given_up_in_the_next_turn() -> None:
    stage = Stage()
    stage.begin()
    stage.part.run()
    stage.transport.waiting = 2000
    stage.change()
    assert "lost" not in stage.part.told
    stage.part.run()
    assert stage.part.told[-1] == "lost"


def test_changes_that_wait_for_a_slot_to_be_read_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot_export, "SLICE_S", -1)  # a piece a turn
    stage = Stage(keys=500)
    stage.begin()
    for _ in range(3):
        stage.part.turns.pop(0)[0]()
    stage.export.pause_writing()
    for _ in range(100):
        stage.change()
    assert not stage.transport.written.endswith(encode_request([b"SET", b"{a}new", b"y"]))
    stage.part.run()
    assert stage.part.told[-1] == "lost"


def test_slots_that_cannot_be_read_end_the_migration() -> None:
    stage = Stage(keys=500)
    stage.db.slots[SLOT][b"{a}0"] = object()
    stage.begin()
    stage.part.run()
    assert isinstance(stage.part.told[-1], AssertionError | TypeError)


def test_what_the_target_says() -> None:
    stage = Stage()
    stage.export.data_received(b"+OK\r\n*3\r\n$7\r\nCLUSTER\r\n$9\r\nSYNCSLOTS\r\n$3\r\nACK\r\n*3\r\n")
    assert stage.part.told[1:] == [b"OK", [b"CLUSTER", b"SYNCSLOTS", b"ACK"]]


def test_what_is_no_answer_ends_it() -> None:
    stage = Stage()
    stage.export.data_received(b"what\r\n")
    assert stage.part.told[-1] == "lost"


def test_who_has_hung_up_hears_nothing_more() -> None:
    stage = Stage()
    stage.begin()
    stage.export.close()
    stage.part.run()
    stage.change()
    stage.export.connection_lost(None)
    assert stage.transport.is_aborted and stage.part.told == ["connected"] and not stage.db.journal.listeners


def test_a_connection_that_comes_too_late_is_closed() -> None:
    stage = Stage()
    export = Export(stage.part, Job("n" * 40, True, ((SLOT, SLOT),), "a" * 40, "b" * 40, 0, State.CONNECTING))
    export.close()
    export.connection_made(stage.transport)
    assert stage.transport.is_aborted and stage.part.told == ["connected"]
