"""Where a key belongs, by its hash tag."""

from hypothesis import example, given
from hypothesis import strategies as st

from pycluster.keyspace.slots import front_with_tag, key_slot

keys = st.lists(st.sampled_from([b"{", b"}", b"a", b"b"]), max_size=8).map(b"".join)


@given(keys, keys)
@example(b"{}a}", b"b")
@example(b"a", b"b")
@example(b"}{a}", b"{b}")
def test_keys_with_the_same_front_and_tag_have_the_same_slot(key: bytes, rest: bytes) -> None:
    front = front_with_tag(key)
    assert front is None or key_slot(front + rest) == key_slot(key)


def test_a_front_ends_with_the_tag() -> None:
    assert [front_with_tag(key) for key in (b"a{b}c}", b"{a}", b"{}a}", b"a", b"a}", b"{a")] == [
        b"a{b}", b"{a}", None, None, None, None,
    ]  # fmt: skip
