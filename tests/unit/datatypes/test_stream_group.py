"""Consumer groups: what is pending for whom; and the map by id in which that lies."""

from hypothesis import given
from hypothesis import strategies as st

from pycluster.datatypes.id_map import FULL, IdMap
from pycluster.datatypes.radix_tree import count_nodes
from pycluster.datatypes.stream_group import Group


def group_of_two() -> Group:
    group = Group()
    for name in (b"ann", b"bob"):
        group.add_consumer(name, 0)
    return group


def test_what_is_assigned_is_pending_for_group_and_consumer() -> None:
    group = group_of_two()
    ann = group.consumers[b"ann"]
    pending = group.assign(5, ann, 100)
    assert (pending.consumer, pending.delivered_at, pending.deliveries) == (b"ann", 100, 1)
    assert group.pending.get(5) is ann.pending.get(5) is pending


def test_what_is_assigned_again_begins_anew_with_another() -> None:
    group = group_of_two()
    ann, bob = group.consumers.values()
    group.assign(5, ann, 100).deliveries = 7
    assert group.assign(5, bob, 200).deliveries == 1
    assert (len(ann.pending), len(bob.pending), len(group.pending)) == (0, 1, 1)


def test_what_is_handed_over_keeps_its_past() -> None:
    group = group_of_two()
    ann, bob = group.consumers.values()
    pending = group.assign(5, ann, 100)
    group.hand_over(5, pending, bob)
    assert (pending.consumer, pending.delivered_at, bob.pending.get(5)) == (b"bob", 100, pending)


def test_what_is_released_is_pending_no_more() -> None:
    group = group_of_two()
    group.assign(5, group.consumers[b"ann"], 100)
    assert group.release(5) and not group.release(5)
    assert not group.pending and not group.consumers[b"ann"].pending


def test_a_consumer_goes_with_what_is_pending_for_it() -> None:
    group = group_of_two()
    group.assign(5, group.consumers[b"ann"], 100)
    group.assign(6, group.consumers[b"bob"], 100)
    assert group.remove_consumer(b"ann") == 1
    assert [id for id, _ in group.pending.items()] == [6]


def test_a_map_by_id_is_walked_from_the_middle() -> None:
    ids: IdMap[str] = IdMap()
    for id in range(3 * FULL):
        ids.put(id, f"value {id}")
    assert next(ids.items(FULL + 5)) == (FULL + 5, f"value {FULL + 5}")
    assert (ids.first, ids.last) == (0, 3 * FULL - 1)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3000)), max_size=300), st.integers(0, 3000))
def test_a_map_by_id_is_a_sorted_dict(steps: list[tuple[bool, int]], first: int) -> None:
    ids, model = IdMap[int](), dict[int, int]()
    for step, (is_put, id) in enumerate([*((True, id) for id in range(500, 2000, 2)), *steps]):
        if is_put:
            ids.put(id, step + 1)
            model[id] = step + 1
        else:
            assert ids.pop(id) == model.pop(id, None)
    assert list(ids.items(first)) == [(id, value) for id, value in sorted(model.items()) if id >= first]
    assert len(ids) == len(model)


def test_a_radix_tree_has_a_node_for_each_end_parting_and_row_between() -> None:
    assert count_nodes([]) == 1
    assert count_nodes([7]) == 2  # a row of 16 bytes, and its end
    assert count_nodes([1, 2]) == 4  # a row of 15 bytes, the parting, two ends
    assert count_nodes([1, 2, 256]) == 7
