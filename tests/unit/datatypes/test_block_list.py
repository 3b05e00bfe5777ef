"""A block list behaves as a Python list, whatever is done to its ends and its middle."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pycluster.datatypes.block_list import FULL, List

ITEMS = st.sampled_from([b"a", b"b", b"c"])
MANY = st.lists(ITEMS, max_size=3).map(lambda items: items * 50)


class LikeAList(RuleBasedStateMachine):
    """Whatever is done to both, a List answers as a list."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = List()
        self.plain: list[bytes] = []

    @rule(items=MANY)
    def push_left(self, items: list[bytes]) -> None:
        self.blocks.push_left(items)
        self.plain[:0] = items[::-1]

    @rule(items=MANY)
    def push_right(self, items: list[bytes]) -> None:
        self.blocks.push_right(items)
        self.plain += items

    @precondition(lambda self: self.plain)
    @rule(count=st.integers(1, 200))
    def pop_left(self, count: int) -> None:
        for _ in range(min(count, len(self.plain))):
            assert self.blocks.pop_left() == self.plain.pop(0)

    @precondition(lambda self: self.plain)
    @rule(count=st.integers(1, 200))
    def pop_right(self, count: int) -> None:
        for _ in range(min(count, len(self.plain))):
            assert self.blocks.pop_right() == self.plain.pop()

    @rule(at=st.floats(0, 1), item=ITEMS)
    def insert(self, at: float, item: bytes) -> None:
        index = int(at * len(self.plain))
        self.blocks.insert(index, item)
        self.plain.insert(index, item)

    @precondition(lambda self: self.plain)
    @rule(at=st.floats(0, 0.99), item=ITEMS)
    def replace(self, at: float, item: bytes) -> None:
        index = int(at * len(self.plain))
        self.blocks[index] = self.plain[index] = item

    @rule(start=st.floats(0, 1), stop=st.floats(0, 1))
    def slice(self, start: float, stop: float) -> None:
        first, last = int(start * len(self.plain)), int(stop * len(self.plain))
        assert self.blocks.slice(first, last) == self.plain[first:last]

    @rule(start=st.floats(0, 0.4), stop=st.floats(0.3, 1))
    def keep(self, start: float, stop: float) -> None:
        first, last = int(start * len(self.plain)), int(stop * len(self.plain))
        self.blocks.keep(first, last)
        self.plain = self.plain[first:last]

    @rule(item=ITEMS, limit=st.integers(-60, 60))
    def remove(self, item: bytes, limit: int) -> None:
        indexes = [index for index, other in enumerate(self.plain) if other == item]
        gone = indexes[limit:] if limit < 0 else indexes[: limit or None]
        assert self.blocks.remove(item, limit) == len(gone)
        self.plain = [other for index, other in enumerate(self.plain) if index not in set(gone)]

    @rule(item=ITEMS, among=st.none() | st.integers(0, 400))
    def find(self, item: bytes, among: int | None) -> None:
        near = [index for index, other in enumerate(self.plain[:among]) if other == item]
        assert list(self.blocks.find(item, among)) == near
        far = [index for index in range(len(self.plain) - 1, -1, -1) if self.plain[index] == item]
        seen = len(self.plain) if among is None else among
        assert list(self.blocks.find_from_right(item, among)) == [i for i in far if i >= len(self.plain) - seen]

    @rule()
    def copy(self) -> None:
        self.blocks = self.blocks.copy()

    @invariant()
    def is_the_same(self) -> None:
        assert len(self.blocks) == len(self.plain)
        assert list(self.blocks) == self.plain
        assert list(reversed(self.blocks)) == self.plain[::-1]
        for index in range(0, len(self.plain), 37):
            assert self.blocks[index] == self.plain[index]

    @invariant()
    def its_blocks_are_sound(self) -> None:
        assert len(self.blocks.cuts) == len(self.blocks.blocks) - 1
        assert all(0 < len(block) <= FULL for block in self.blocks.blocks) or not self.plain


TestLikeAList = LikeAList.TestCase
TestLikeAList.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_what_is_pushed_on_the_left_one_by_one_ends_up_reversed() -> None:
    items = List([b"a"])
    items.push_left([b"b", b"c"])
    assert list(items) == [b"c", b"b", b"a"]


def test_a_list_can_run_empty_and_begin_again() -> None:
    items = List([b"a"])
    assert items.pop_right() == b"a"
    items.push_left([b"b"])
    assert items.pop_left() == b"b"
    items.push_right([b"c"])
    assert list(items) == [b"c"]


def test_keeping_nothing_leaves_an_empty_list() -> None:
    items = List(b"%d" % number for number in range(1000))
    items.keep(5, 5)
    assert len(items) == 0
    items.push_right([b"a"])
    assert items[0] == b"a"


def test_lists_with_the_same_items_are_equal_however_they_came_about() -> None:
    one, other = List(), List(b"%d" % number for number in range(500))
    one.push_left([b"%d" % number for number in range(499, -1, -1)])
    assert one == other
    one.pop_left()
    assert one != other


def test_a_copy_goes_its_own_way() -> None:
    items = List([b"a"] * 300)
    twin = items.copy()
    twin[0] = b"b"
    twin.pop_right()
    assert list(items) == [b"a"] * 300
