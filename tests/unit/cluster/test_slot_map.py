from hypothesis import given
from hypothesis import strategies as st

from pycluster.cluster.node import PRIMARY, Node
from pycluster.cluster.slot_map import RangesText, SlotMap, slot_range, slot_ranges, slot_set, slots_in


def node(letter: str) -> Node:
    return Node(letter * 40, PRIMARY, 0, shard_id="")


@given(st.sets(st.integers(0, 16383), max_size=300))
def test_a_bitmap_holds_a_set_of_slots(slots: set[int]) -> None:
    bitmap = slot_set(slots)
    assert list(slots_in(bitmap)) == sorted(slots)
    assert bitmap.bit_count() == len(slots)


def test_ranges_are_runs_of_neighbours() -> None:
    assert list(slot_ranges(slot_set([0, 1, 2, 5, 16382, 16383]))) == [(0, 2), (5, 5), (16382, 16383)]
    assert list(slot_ranges(slot_range(0, 16383))) == [(0, 16383)]


@given(st.lists(st.sets(st.integers(0, 40), max_size=12) | st.just(set(range(10, 90))), max_size=12))
def test_the_text_of_ranges_follows_their_changes(changes: list[set[int]]) -> None:
    text, slots = RangesText(), 0
    for change in changes:
        slots ^= slot_set(change)
        assert text.of(slots) == " ".join(f"{a}-{b}" if a != b else f"{a}" for a, b in slot_ranges(slots))


def test_a_bound_slot_has_an_owner_and_the_owner_has_it() -> None:
    slots, a = SlotMap(), node("a")
    slots.bind(slot_range(10, 12), a)
    assert slots.owner[9:14] == [None, a, a, a, None]
    assert (a.slots, a.slot_count) == (slot_range(10, 12), 3)


def test_the_wire_has_slot_5_in_bit_5() -> None:
    slots, a = SlotMap(), node("a")
    slots.bind(slot_set([5, 8]), a)
    assert a.slots_on_wire[:2] == bytes([1 << 5, 1])


def test_rebinding_takes_slots_from_all_their_owners() -> None:
    slots, a, b, c = SlotMap(), node("a"), node("b"), node("c")
    slots.bind(slot_range(0, 9), a)
    slots.bind(slot_range(10, 19), b)
    slots.rebind(slot_range(5, 14), c)
    assert [list(slot_ranges(n.slots)) for n in (a, b, c)] == [[(0, 4)], [(15, 19)], [(5, 14)]]


def test_released_slots_are_told_once() -> None:
    slots = SlotMap()
    slots.bind(slot_range(0, 9), node("a"))
    slots.release(slot_range(5, 20))
    assert slots.released == slot_range(5, 9)
    assert slots.assigned == slot_range(0, 4)


def test_forgetting_a_node_frees_its_slots_and_ends_its_migrations() -> None:
    slots, a, b = SlotMap(), node("a"), node("b")
    slots.bind(slot_range(0, 9), a)
    slots.migrate(50, to=a)
    slots.import_(51, source=a)
    slots.import_(52, source=b)
    slots.forget(a)
    assert (slots.assigned, slots.migrating, slots.importing) == (0, {}, {52: b})
