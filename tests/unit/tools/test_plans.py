"""Reshard and rebalance: which slots go where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycluster.cluster.slot_map import slot_range
from pycluster.tools.node_lines import show_ranges
from pycluster.tools.outcomes import Refused
from pycluster.tools.plans import Move, even_shares, rebalance, reshard, reshard_ranges, show_move
from pycluster.tools.view import ClusterView, NodeView
from tests.unit.tools.clusters import THIRDS, A, B, C, D, Described, three_masters, view_of

VIEW = view_of(three_masters())


def node(view: ClusterView, id_: str) -> NodeView:
    found = view.node(id_)
    assert found
    return found


def shown(moves: list[Move]) -> list[tuple[str, str, str]]:
    return [(move.source[0], move.target[0], show_ranges(move.slots)) for move in moves]


def test_from_all_takes_from_each_in_proportion_and_the_lowest_first() -> None:
    moves = reshard([node(VIEW, A), node(VIEW, C)], node(VIEW, B), 100)
    assert shown(moves) == [("A", "B", "0-49"), ("C", "B", "10923-10972")]


def test_an_odd_slot_comes_from_the_largest() -> None:
    moves = reshard([node(VIEW, A), node(VIEW, B)], node(VIEW, C), 3)
    assert shown(moves) == [("B", "C", "5461-5462"), ("A", "C", "0")]


def test_a_source_can_be_emptied() -> None:
    assert shown(reshard([node(VIEW, A)], node(VIEW, B), 5461)) == [("A", "B", "0-5460")]


def test_more_than_there_is_is_refused() -> None:
    with pytest.raises(Refused, match="5,462 slots can't be moved: the sources have 5,461"):
        reshard([node(VIEW, A)], node(VIEW, B), 5462)


@given(st.integers(1, 16384 - 5462))
def test_exactly_so_many_slots_move(count: int) -> None:
    moves = reshard([node(VIEW, A), node(VIEW, C)], node(VIEW, B), count)
    assert sum(move.count for move in moves) == count


def test_named_slots_move_from_whoever_has_them() -> None:
    moves = reshard_ranges(VIEW, node(VIEW, B), slot_range(5400, 5500) | 1 << 16383)
    assert shown(moves) == [("A", "B", "5400-5460"), ("C", "B", "16383")]


def test_named_slots_that_are_nobodys_are_refused() -> None:
    nodes = three_masters()
    nodes["A"].slots &= ~1
    view = view_of(nodes)
    with pytest.raises(Refused, match="Nobody has 0: run `fix` first"):
        reshard_ranges(view, node(view, B), 0b11)


def test_a_move_is_a_line_and_json() -> None:
    move = Move(A, B, 0b1011)
    assert show_move(VIEW, move) == "10.0.0.1:7065 → 10.0.0.1:7066: 3 slots (0-1,3)"
    assert move.as_json() == {"source": A, "target": B, "count": 3, "slots": "0-1,3"}


# ---- rebalance


def test_nothing_moves_within_the_threshold() -> None:
    assert rebalance(VIEW, {}) == []


def sizes_after(view: ClusterView, moves: list[Move]) -> dict[str, int]:
    slots = {node.id: node.slots for node in view.masters}
    for move in moves:
        assert slots[move.source] & move.slots == move.slots
        slots[move.source] &= ~move.slots
        slots[move.target] |= move.slots
    return {id_[0]: mine.bit_count() for id_, mine in slots.items()}


def test_an_empty_master_takes_part_only_if_told_to() -> None:
    view = view_of(three_masters(D=Described("D")))
    assert rebalance(view, {}) == []
    moves = rebalance(view, {}, use_empty_masters=True)
    assert sizes_after(view, moves) == dict.fromkeys("ABCD", 4096)
    assert all(move.target == D for move in moves)


def test_weights_are_shares() -> None:
    assert sizes_after(VIEW, rebalance(VIEW, {A: 2})) == {"A": 8192, "B": 4096, "C": 4096}


def test_a_weight_of_0_empties_a_master() -> None:
    assert sizes_after(VIEW, rebalance(VIEW, {A: 0})) == {"A": 0, "B": 8192, "C": 8192}


def test_somebody_must_have_the_slots() -> None:
    with pytest.raises(Refused, match="All weights are 0"):
        rebalance(VIEW, {A: 0, B: 0, C: 0})


@given(st.lists(st.integers(0, 5), min_size=3, max_size=3).filter(any))
def test_who_gives_slots_gets_none_and_all_end_with_their_share(weights: list[int]) -> None:
    moves = rebalance(VIEW, dict(zip((A, B, C), weights, strict=True)))
    assert not {move.source for move in moves} & {move.target for move in moves}
    after = sizes_after(VIEW, moves)
    for letter, weight in zip("ABC", weights, strict=True):
        assert abs(after[letter] - 16384 * weight / sum(weights)) <= 1


def test_an_even_share_is_cut_as_redis_cli_does() -> None:
    assert [show_ranges(share) for share in even_shares(3)] == ["0-5460", "5461-10922", "10923-16383"]
    assert even_shares(3) == THIRDS
