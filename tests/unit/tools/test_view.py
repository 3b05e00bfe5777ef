"""What can be asked of a view."""

from pycluster.tools.view import ALL_SLOTS, by_shard
from tests.unit.tools.clusters import THIRDS, A, B, three_masters, view_of


def test_all_slots_are_covered_by_those_who_answer() -> None:
    view = view_of(three_masters())
    assert (view.covered, view.uncovered) == (ALL_SLOTS, 0)


def test_the_slots_of_a_master_that_is_silent_are_uncovered() -> None:
    view = view_of(three_masters(), silent={"B": "refused"})
    assert view.uncovered == THIRDS[1]
    assert list(view.lost_masters()) == [B]


def test_shards_come_in_the_order_of_their_slots() -> None:
    nodes = three_masters()
    nodes["A"].slots, nodes["C"].slots = nodes["C"].slots, nodes["A"].slots
    assert [node.id[0] for node in by_shard(view_of(nodes))] == list("CcBbAa")


def test_nodes_are_found_by_id_beginning_of_id_and_address() -> None:
    view = view_of(three_masters())
    assert [len(view.find(text)) for text in (A, "AAAA", "10.0.0.1:7065", "AAA", "nobody")] == [1, 1, 1, 0, 0]


def test_a_silent_node_is_named_by_what_others_know_of_it() -> None:
    assert view_of(three_masters(), silent={"B": "refused"}).name(B) == "10.0.0.1:7066 (BBBBBBBB)"
