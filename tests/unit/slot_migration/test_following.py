"""Replicas of a target, and targets that start again: who looks on while slots come."""

import pytest

from pycluster.protocol.errors import ReplyError
from pycluster.slot_migration.following import as_text, read_text
from tests.unit.slot_migration.stage import SOURCE, TARGET, Node, World

NAME = "d" * 40
ESTABLISH = f"ESTABLISH SOURCE {SOURCE} NAME {NAME} SLOTSRANGE 1 2 5 5"
SLOTS = {1, 2, 5}


def replica() -> Node:
    node = World().target
    node.is_replica = True
    return node


def tell(node: Node, words: str) -> None:
    node.perform(node.core.told([word.encode() for word in words.split(" ")], node.world.now_ms))


def test_what_its_primary_hides_a_replica_hides() -> None:
    node = replica()
    tell(node, ESTABLISH)
    assert node.hidden == SLOTS and (node.job.name, node.job.source, node.job.target) == (NAME, "", "")


def test_what_its_primary_has_got_a_replica_shows() -> None:
    node = replica()
    tell(node, ESTABLISH)
    tell(node, f"FINISH STATE SUCCESS NAME {NAME} MESSAGE ")
    assert not node.hidden and node.state == "success" and not node.dropped and not node.records


def test_why_an_import_has_failed_is_kept() -> None:
    node = replica()
    tell(node, ESTABLISH)
    node.perform(node.core.told([b"FINISH", b"STATE", b"FAILED", b"NAME", NAME.encode(), b"MESSAGE", b"so it is"], 0))
    assert (node.state, node.job.message) == ("failed", "so it is") and not node.dropped


def test_what_source_and_target_say_to_each_other_is_nothing_to_a_replica() -> None:
    node = replica()
    for word in ("ACK", "SNAPSHOT-EOF", "PAUSED", "FAILOVER-GRANTED"):
        tell(node, word)
    assert node.core.jobs.all == []


def test_the_end_of_what_was_over_before_its_dataset_was_made_is_nothing_to_a_replica() -> None:
    node = replica()
    tell(node, f"FINISH STATE FAILED NAME {NAME} MESSAGE x")
    assert node.core.jobs.all == [] and not node.hidden


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("FINISH", "ERR syntax error"),
        ("ESTABLISH", "ERR syntax error"),
    ],
)
def test_what_a_replica_cannot_make_sense_of(words: str, why: str) -> None:
    with pytest.raises(ReplyError) as refused:
        tell(replica(), words)
    assert refused.value.text == why


def test_a_replica_that_is_promoted_drops_what_is_not_whole() -> None:
    node = replica()
    tell(node, ESTABLISH)
    node.is_replica = False
    node.perform(node.core.end_tracked("A failover occurred during slot import", 0))
    assert node.dropped == SLOTS and not node.hidden and node.state == "failed"
    assert node.records[-1][4] == b"FAILED"


def test_a_replica_that_is_promoted_with_the_slots_keeps_them() -> None:
    node = replica()
    tell(node, ESTABLISH)
    node.is_replica = False
    node.world.owners.update(dict.fromkeys(SLOTS, TARGET))
    node.perform(node.core.end_tracked("A failover occurred during slot import", 0))
    assert not node.dropped and not node.hidden and node.state == "success"


def test_time_and_owners_are_nothing_to_who_looks_on() -> None:
    node = replica()
    tell(node, ESTABLISH)
    node.perform(node.core.tick(10**9))
    node.perform(node.core.owners_changed(10**9))
    node.perform(node.core.flushed(10**9))
    assert node.state == "occurring-on-primary" and node.hidden == SLOTS


def test_another_dataset_brings_its_own_imports() -> None:
    node = replica()
    tell(node, ESTABLISH)
    node.perform(node.core.adopt([("e" * 40, ((7, 8),))], 0))
    assert node.hidden == {7, 8} and [job.name for job in node.core.jobs.all] == ["e" * 40]


def test_what_a_file_holds_of_imports_is_what_is_read_of_it() -> None:
    node = replica()
    tell(node, ESTABLISH)
    tell(node, f"ESTABLISH NAME {'e' * 40} SLOTSRANGE 16383 16383")
    assert read_text(as_text(node.core.imports())) == [("e" * 40, ((16383, 16383),)), (NAME, ((1, 2), (5, 5)))]
    assert read_text("") == []


@pytest.mark.parametrize("text", "x 1,x 1-2-3,x 2-1,x 16384-16384,x 0-99999999999,x -1-2,x a-b,x ".split(","))
def test_what_is_no_text_of_imports(text: str) -> None:
    with pytest.raises(ValueError):
        read_text(text)
