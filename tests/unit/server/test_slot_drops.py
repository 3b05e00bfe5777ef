"""Keys of slots that are gone: here at once, for replicas in slices, and never too late."""

from collections.abc import Iterator

import pytest

from pycluster.keyspace.slots import key_slot
from pycluster.server import data_part, slot_drops
from tests.unit.server.stage import Clustered

SLOT = key_slot(b"{a}")  # another node's
MANY = 1000


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clustered]:
    """A slice is over after one portion of keys."""
    monkeypatch.setattr(slot_drops, "SLICE_NS", -1)
    stage = Clustered()
    db = stage.server.databases[0]
    db.enter(SLOT)
    for number in range(MANY):
        db.put(b"{a}%d" % number, b"x")
    yield stage
    stage.close()


def deletes(stage: Clustered) -> int:
    """How many keys replicas have been told to be gone since they were last asked."""
    return sum(len(record.split()) - 1 for record in stage.records())


def test_keys_are_gone_at_once_and_told_in_slices(stage: Clustered) -> None:
    stage.server.slot_drops.drop([SLOT])
    assert stage.server.databases[0].size() == 0
    assert 0 < deletes(stage) < MANY


def test_what_is_left_is_told_in_later_turns(stage: Clustered) -> None:
    drops = stage.server.slot_drops
    drops.drop([SLOT])
    told = deletes(stage)
    while drops._dropped:
        drops._next_turn()
        told += deletes(stage)
    assert told == MANY


def test_what_comes_behind_waits(stage: Clustered) -> None:
    drops = stage.server.slot_drops
    drops.drop([SLOT])
    drops.record_behind((b"CLUSTER", b"SYNCSLOTS", b"FINISH"))
    assert b"CLUSTER" not in b"".join(stage.records())
    drops.finish()
    assert stage.records()[-1] == b"CLUSTER SYNCSLOTS FINISH"


def test_what_has_nothing_to_wait_for_is_recorded_at_once(stage: Clustered) -> None:
    stage.server.slot_drops.record_behind((b"CLUSTER", b"SYNCSLOTS", b"ESTABLISH"))
    assert stage.records() == [b"CLUSTER SYNCSLOTS ESTABLISH"]


def test_before_a_slot_is_ours_again_all_is_told(stage: Clustered) -> None:
    drops = stage.server.slot_drops
    drops.drop([SLOT])
    drops.settle_before_use()
    assert deletes(stage) < MANY
    stage.slots.importing[SLOT] = stage.other
    drops.settle_before_use()
    assert deletes(stage) > MANY // 2 and not drops._dropped


def test_before_the_append_only_file_is_read_again_all_is_told(
    stage: Clustered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DEBUG LOADAOF: the file would bring back what it has not been told of."""
    monkeypatch.setattr(stage.server.aof, "reload", lambda replay: None)
    stage.server.slot_drops.drop([SLOT])
    assert data_part.reload_aof(stage.server)
    assert deletes(stage) == MANY


def test_a_replica_tells_nothing_more(stage: Clustered) -> None:
    drops = stage.server.slot_drops
    drops.drop([SLOT])
    stage.records()
    drops.abandon()
    drops.finish()
    assert stage.records() == []
