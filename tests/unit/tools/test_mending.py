"""Fixing performed: wherever a move was interrupted, every key is at one place in the end, the slot at one owner."""

from collections.abc import Sequence

import pytest

from pycluster.tools.connections import Word
from pycluster.tools.fixing import plan_fix
from pycluster.tools.mending import Mender
from pycluster.tools.moving import Mover, MoveSettings
from pycluster.tools.outcomes import Refused
from pycluster.tools.plans import Move
from tests.unit.tools.clusters import A, B
from tests.unit.tools.nodes import SLOT, FakeNodes

FIVE = {b"key:%d" % number: b"value" for number in range(5)}


@pytest.fixture
def nodes() -> FakeNodes:
    found = FakeNodes()
    found.at("A").keys = dict(FIVE)
    return found


def mover_of(nodes: FakeNodes, replace: bool = False) -> Mover:
    mover = Mover(nodes, nodes.view(), MoveSettings(pipeline=2, replace=replace))
    mover.patient = nodes
    return mover


def fix(nodes: FakeNodes, replace: bool = False) -> None:
    mover = mover_of(nodes, replace)
    Mender(mover).perform(plan_fix(mover.view))


def is_mended(nodes: FakeNodes, owner: str, keys: dict[bytes, bytes]) -> bool:
    view = nodes.view()
    found = {node.described.letter: node.keys for node in nodes.nodes.values() if node.keys}
    believed = {node.owner for node in nodes.nodes.values()}
    return not view.open_slots and believed == {owner * 40} and found == {owner: keys}


def interrupt_move(nodes: FakeNodes, after: int) -> bool:
    """A move from A to B that ends before its request number `after`; False if it has fewer."""
    mover = mover_of(nodes)
    left = after

    def count(letter: str, words: Sequence[Word]) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt

    nodes.before = count
    try:
        mover.move([Move(A, B, 1 << SLOT)])
    except KeyboardInterrupt:
        return True
    finally:
        nodes.before = lambda letter, words: None
    return False


@pytest.mark.parametrize("after", range(12))
def test_a_move_interrupted_before_any_of_its_requests_is_mended(nodes: FakeNodes, after: int) -> None:
    assert interrupt_move(nodes, after)
    fix(nodes)
    assert is_mended(nodes, nodes.at("C").owner[0], FIVE)


def test_a_move_has_no_more_than_those_requests(nodes: FakeNodes) -> None:
    assert not interrupt_move(nodes, 12)
    assert is_mended(nodes, "B", FIVE)


# ---- keys in two places


def half_moved(nodes: FakeNodes, at_target: bytes = b"value") -> None:
    """A key that was restored at the target, of which the source never heard."""
    interrupt_move(nodes, 4)
    nodes.at("B").keys[b"key:4"] = at_target


def test_equal_values_are_one(nodes: FakeNodes) -> None:
    half_moved(nodes)
    fix(nodes)
    assert is_mended(nodes, "B", FIVE)


def test_without_debug_they_are_compared_by_dump(nodes: FakeNodes) -> None:
    nodes.has_debug = False
    half_moved(nodes)
    fix(nodes)
    assert is_mended(nodes, "B", FIVE)


def test_different_values_are_left_alone_and_told(nodes: FakeNodes) -> None:
    half_moved(nodes, b"another")
    with pytest.raises(Refused, match=r"b'key:4' in slot 5 is at 10.0.0.1:7065 and at 10.0.0.1:7066, with different"):
        fix(nodes)
    assert (nodes.at("A").keys[b"key:4"], nodes.at("B").keys[b"key:4"]) == (b"value", b"another")


def test_if_told_to_the_value_that_clients_are_served_stays(nodes: FakeNodes) -> None:
    half_moved(nodes, b"another")
    fix(nodes, replace=True)
    assert is_mended(nodes, "B", FIVE)


def test_an_owner_that_does_not_give_the_slot_keeps_its_values(nodes: FakeNodes) -> None:
    nodes.at("B").takes = A
    nodes.at("B").keys = {b"key:4": b"stale", b"key:5": b"only here"}
    fix(nodes, replace=True)
    assert is_mended(nodes, "A", {**FIVE, b"key:5": b"only here"})


# ---- other states


def test_a_node_that_believes_the_cluster_down_is_waited_for(nodes: FakeNodes) -> None:
    nodes.at("B").takes = A
    nodes.at("B").keys = {b"key:5": b"only here"}
    nodes.at("B").down_for = 2
    fix(nodes)
    assert is_mended(nodes, "A", {**FIVE, b"key:5": b"only here"})


def test_keys_at_a_node_that_does_not_even_take_the_slot(nodes: FakeNodes) -> None:
    """The owner gives it to B, who has forgotten."""
    nodes.at("A").gives = B
    nodes.at("B").keys = {b"key:6": b"stray"}
    fix(nodes)
    assert is_mended(nodes, "A", {**FIVE, b"key:6": b"stray"})


def test_a_slot_that_nobody_owns_goes_to_its_keys(nodes: FakeNodes) -> None:
    for node in nodes.nodes.values():
        node.owner = ""
    fix(nodes)
    assert is_mended(nodes, "A", FIVE)


def test_a_slot_that_two_own(nodes: FakeNodes) -> None:
    nodes.at("B").owner = B
    nodes.at("B").keys = {b"key:6": b"stray"}
    fix(nodes)
    assert is_mended(nodes, "A", {**FIVE, b"key:6": b"stray"})


def test_a_node_that_gives_a_slot_it_does_not_own_any_more(nodes: FakeNodes) -> None:
    for node in nodes.nodes.values():
        node.owner = B
    nodes.at("A").gives = B
    fix(nodes)
    assert is_mended(nodes, "B", FIVE)
