"""Slots on their way: in which order, and where they stay if it ends in between."""

from collections.abc import Sequence

import pytest

from pycluster.tools.connections import Word
from pycluster.tools.moving import Event, KeysInTheWay, KeysMoved, Mover, MoveSettings, SlotMoved, SlotOpened
from pycluster.tools.outcomes import NodeSaid, Refused
from pycluster.tools.plans import Move
from tests.unit.tools.clusters import A, B
from tests.unit.tools.nodes import SLOT, FakeNodes

FIVE = {b"key:%d" % number: b"value" for number in range(5)}


NO_REPLICAS = "NOREPLICAS Not enough good replicas to write."
IN_PAIRS = MoveSettings(pipeline=2)


@pytest.fixture
def nodes() -> FakeNodes:
    found = FakeNodes()
    found.at("A").keys = dict(FIVE)
    return found


def mover_of(nodes: FakeNodes, settings: MoveSettings = IN_PAIRS) -> tuple[Mover, list[Event]]:
    events: list[Event] = []
    mover = Mover(nodes, nodes.view(), settings, events.append)
    mover.patient = nodes
    nodes.asked.clear()
    return mover, events


def test_the_target_first_then_the_source_then_the_others(nodes: FakeNodes) -> None:
    mover, _ = mover_of(nodes)
    mover.move([Move(A, B, 1 << SLOT)])
    assert nodes.orders() == [
        f"B SETSLOT 5 IMPORTING {A}",
        f"A SETSLOT 5 MIGRATING {B}",
        f"B SETSLOT 5 NODE {B}",
        f"A SETSLOT 5 NODE {B}",
        f"C SETSLOT 5 NODE {B}",
    ]


def test_all_keys_go_over_some_at_a_time(nodes: FakeNodes) -> None:
    mover, events = mover_of(nodes)
    mover.move([Move(A, B, 1 << SLOT)])
    assert (nodes.at("A").keys, nodes.at("B").keys) == ({}, FIVE)
    assert events == [SlotOpened(5, A, B), KeysMoved(5, 2), KeysMoved(5, 2), KeysMoved(5, 1), SlotMoved(5)]
    assert mover.open_slot is None


def test_an_interruption_leaves_the_slot_open_and_says_which(nodes: FakeNodes) -> None:
    mover, _ = mover_of(nodes)

    def interrupt(letter: str, words: Sequence[Word]) -> None:
        if words[0] == "MIGRATE" and nodes.at("B").keys:
            raise KeyboardInterrupt

    nodes.before = interrupt
    with pytest.raises(KeyboardInterrupt):
        mover.move([Move(A, B, 1 << SLOT)])
    assert mover.open_slot == SlotOpened(5, A, B)
    assert {**nodes.at("A").keys, **nodes.at("B").keys} == FIVE


def test_a_slot_that_the_target_refuses_is_not_open(nodes: FakeNodes) -> None:
    mover, _ = mover_of(nodes)
    nodes.at("B").owner = B
    with pytest.raises(NodeSaid, match="already the owner"):
        mover.move([Move(A, B, 1 << SLOT)])
    assert mover.open_slot is None and nodes.at("A").gives == ""


def test_an_interruption_while_the_slot_is_handed_over_waits_until_it_is(nodes: FakeNodes) -> None:
    mover, _ = mover_of(nodes)

    def interrupt(letter: str, words: Sequence[Word]) -> None:
        if words[:2] == ("CLUSTER", "SETSLOT") and words[3:] == ("NODE", B) and letter == "A":
            nodes.interruption.strike()

    nodes.before = interrupt
    with pytest.raises(KeyboardInterrupt):
        mover.move([Move(A, B, 0b11 << SLOT)])
    assert (mover.open_slot, [nodes.at(letter).owner for letter in "ABC"]) == (None, [B] * 3)


def test_a_key_that_is_at_the_target_already_stops_the_move(nodes: FakeNodes) -> None:
    nodes.at("B").keys[b"key:2"] = b"another"
    mover, _ = mover_of(nodes)
    with pytest.raises(KeysInTheWay, match=r"10.0.0.1:7066 has keys already .* among them b'key:2'"):
        mover.move([Move(A, B, 1 << SLOT)])
    assert nodes.at("B").keys[b"key:2"] == b"another"


def test_it_is_overwritten_if_told_to(nodes: FakeNodes) -> None:
    nodes.at("B").keys[b"key:2"] = b"another"
    mover, _ = mover_of(nodes, MoveSettings(replace=True))
    mover.move([Move(A, B, 1 << SLOT)])
    assert nodes.at("B").keys == FIVE


def test_a_source_that_has_become_a_replica_meanwhile_is_no_trouble(nodes: FakeNodes) -> None:
    """Who gives its last slot away replicates the new owner as soon as it hears of it."""
    nodes.at("A").refusal = "Please use SETSLOT only with masters."
    mover, _ = mover_of(nodes)
    mover.move([Move(A, B, 1 << SLOT)])
    assert nodes.at("C").owner == B


def test_a_target_whose_replica_needs_time_is_asked_again(nodes: FakeNodes) -> None:
    mover, _ = mover_of(nodes)
    refusals = [NO_REPLICAS, NO_REPLICAS]

    def refuse(letter: str, words: Sequence[Word]) -> None:
        if words[1:4] == ("SETSLOT", SLOT, "NODE") and letter == "B" and refusals:
            raise NodeSaid(nodes.at("B").described.address, refusals.pop())

    nodes.before = refuse
    mover.move([Move(A, B, 1 << SLOT)])
    assert nodes.at("B").owner == B and not refusals


def test_others_are_not(nodes: FakeNodes) -> None:
    """They hear of it from the target."""
    nodes.at("A").refusal = nodes.at("C").refusal = NO_REPLICAS
    mover, _ = mover_of(nodes)
    mover.move([Move(A, B, 1 << SLOT)])
    assert nodes.at("B").owner == B


def test_a_target_that_refuses_the_slot_ends_the_move_with_the_slot_open(nodes: FakeNodes) -> None:
    nodes.at("B").refusal = "Please use SETSLOT only with masters."
    mover, _ = mover_of(nodes)
    with pytest.raises(NodeSaid, match="10.0.0.1:7066 says: Please use"):
        mover.move([Move(A, B, 1 << SLOT)])
    assert mover.open_slot == SlotOpened(5, A, B)


def test_who_is_no_master_that_answers_gets_nothing(nodes: FakeNodes) -> None:
    mover, _ = mover_of(nodes)
    with pytest.raises(Refused, match="is not a master that answers"):
        mover.move([Move(A, "x" * 40, 1 << SLOT)])
    assert nodes.orders() == []
