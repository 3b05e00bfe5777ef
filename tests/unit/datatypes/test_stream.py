"""Streams: entries by id, nodes as Redis would fill them, trimming, and how far a group has come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycluster.datatypes.stream import MAX_ID, Stream, format_id
from pycluster.datatypes.stream_group import UNKNOWN, Group

ENTRY = (b"field", b"value")


def stream_of(*ids: int, node_entries: int = 3) -> Stream:
    stream = Stream()
    for id in ids:
        stream.add(id, (b"n", b"%d" % id), node_entries=node_entries)
    return stream


def ids_of(stream: Stream) -> list[int]:
    return [id for id, _ in stream.range()]


def test_an_id_is_told_in_two_halves() -> None:
    assert format_id(5 << 64 | 7) == b"5-7"
    assert format_id(MAX_ID) == b"18446744073709551615-18446744073709551615"


def test_entries_come_back_in_order_from_both_ends() -> None:
    stream = stream_of(*range(1, 8))
    assert [id for id, _ in stream.range(2, 6)] == [2, 3, 4, 5, 6]
    assert [id for id, _ in stream.range_reversed(2, 6)] == [6, 5, 4, 3, 2]
    assert stream.get(4) == (b"n", b"4") and stream.get(9) is None


def test_entries_with_the_names_of_their_node_share_them() -> None:
    stream = stream_of(1, 2)
    first, second = (entry for _, entry in stream.range())
    assert first[0] is second[0]


def test_a_stream_remembers_what_once_was() -> None:
    stream = stream_of(1, 2, 3)
    assert stream.delete(3) and not stream.delete(3)
    assert (stream.length, stream.added, stream.last_id, stream.max_deleted_id) == (2, 3, 3, 3)
    assert stream.delete(1) and stream.first_id == 2
    assert stream.delete(2) and (stream.first_id, stream.newest_id) == (0, 0)


def test_a_node_goes_with_its_last_entry() -> None:
    stream = stream_of(*range(1, 8))
    for id in (4, 5, 6):
        stream.delete(id)
    assert [node.start for node in stream.nodes] == [1, 7]


def test_deleted_entries_keep_their_place_in_a_node() -> None:
    stream = stream_of(1, 2)
    stream.delete(1)
    stream.add(3, ENTRY, node_entries=3)
    stream.add(4, ENTRY, node_entries=3)
    assert [node.ids for node in stream.nodes] == [[1, 2, 3], [4]]


def test_a_node_is_full_at_so_many_bytes() -> None:
    stream = Stream()
    for id in range(1, 5):
        stream.add(id, (b"f", b"x" * 100), node_bytes=300)
    assert [len(node.ids) for node in stream.nodes] == [2, 2]


@pytest.mark.parametrize(("most", "left"), [(9, 7), (5, 5), (4, 4), (1, 1), (0, 0)])
def test_an_exact_trim_leaves_just_as_many(most: int, left: int) -> None:
    stream = stream_of(*range(1, 8))
    assert stream.trim_to_length(most) == 7 - left
    assert ids_of(stream) == list(range(8 - left, 8))
    assert stream.first_id == (8 - left if left else 0)


@pytest.mark.parametrize(("most", "limit", "left"), [(5, 0, 7), (4, 0, 4), (1, 0, 1), (1, 3, 4), (1, 5, 4), (1, 2, 7)])
def test_an_approximate_trim_removes_whole_nodes_up_to_a_limit(most: int, limit: int, left: int) -> None:
    stream = stream_of(*range(1, 8))
    stream.trim_to_length(most, exact=False, limit=limit)
    assert stream.length == left


def test_a_trim_by_id_keeps_that_id() -> None:
    stream = stream_of(*range(1, 8))
    assert stream.trim_before(5, exact=False) == 3
    assert stream.trim_before(5) == 1
    assert ids_of(stream) == [5, 6, 7]
    assert stream.max_deleted_id == 0
    assert stream.oldest_id_kept == 4


def test_a_group_that_reads_all_knows_how_many_it_has_read() -> None:
    stream, group = stream_of(1, 2, 3), Group(0, 0)
    assert stream.lag(group) == 3
    stream.deliver(group, 1)
    assert (group.last_id, group.entries_read, stream.lag(group)) == (1, 1, 2)


def test_a_hole_ahead_makes_the_lag_unknown_until_the_end_is_reached() -> None:
    stream, group = stream_of(1, 2, 3, 4), Group(0, 0)
    stream.delete(3)
    stream.deliver(group, 2)
    assert (group.entries_read, stream.lag(group)) == (UNKNOWN, None)
    stream.deliver(group, 4)
    assert (group.entries_read, stream.lag(group)) == (4, 0)


def test_an_entry_that_comes_again_does_not_count_again() -> None:
    stream, group = stream_of(1, 2), Group(2, 2)
    stream.deliver(group, 1)
    assert (group.last_id, group.entries_read) == (2, 2)


@pytest.mark.parametrize(("id", "count"), [(0, 2), (3, 3), (4, UNKNOWN), (6, 6), (7, UNKNOWN)])
def test_how_many_there_were_up_to_an_id_can_be_told_at_the_ends(id: int, count: int) -> None:
    stream = stream_of(1, 2, 3, 4, 5, 6)
    stream.trim_before(3)
    assert stream.count_up_to(id) == count


def test_a_copy_goes_its_own_way() -> None:
    stream = stream_of(1, 2, 3)
    group = stream.groups[b"g"] = Group()
    group.assign(1, group.add_consumer(b"c", 5), 6)
    twin = stream.copy()
    assert twin == stream
    twin.delete(1)
    twin.groups[b"g"].release(1)
    assert ids_of(stream) == [1, 2, 3] and len(group.pending) == 1
    assert twin != stream


steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, 5), st.sampled_from([(b"a",), (b"a", b"b"), (b"c",)])),
        st.tuples(st.just("delete"), st.integers(0, 120), st.none()),
        st.tuples(st.just("trim"), st.integers(0, 40), st.none()),
        st.tuples(st.just("trim before"), st.integers(0, 120), st.none()),
    ),
    max_size=60,
)


@given(steps, st.integers(0, 130), st.integers(0, 130))
def test_a_stream_is_a_sorted_dict(steps: list[tuple[str, int, tuple[bytes, ...]]], first: int, last: int) -> None:
    stream, model, top = Stream(), dict[int, tuple[bytes, ...]](), 0
    for what, number, names in steps:
        match what:
            case "add":
                top += number
                model[top] = tuple(part for name in names for part in (name, b"%d" % top))
                stream.add(top, model[top], node_entries=4)
            case "delete":
                assert stream.delete(number) == (model.pop(number, None) is not None)
            case "trim":
                removed = sorted(model)[: max(0, len(model) - number)]
                assert stream.trim_to_length(number) == len(removed)
                model = {id: entry for id, entry in model.items() if id not in removed}
            case "trim before":
                removed = [id for id in model if id < number]
                assert stream.trim_before(number) == len(removed)
                model = {id: entry for id, entry in model.items() if id not in removed}
    inside = [(id, entry) for id, entry in sorted(model.items()) if first <= id <= last]
    assert list(stream.range(first, last)) == inside
    assert list(stream.range_reversed(first, last)) == inside[::-1]
    assert (len(stream), stream.last_id, stream.first_id) == (len(model), top, min(model, default=0))
    assert stream.newest_id == max(model, default=0)
