"""A list of bytes: long, open at both ends, and reachable in the middle.

Items stand in blocks of at most `FULL`. Every item has a coordinate, a number that does not change while only the
ends do: pushing on the left goes below zero. `cuts` holds the coordinate at which each block but the first begins, so
an index is found by bisection, and neither end has to tell the cuts anything until a block is added or dropped. Only
a change in the middle makes the coordinates behind it anew, a step per block: insertions and removals by value, which
walk the list anyway.

A deque costs 2 ms to look into the middle of a million items; here that is one bisection.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate, chain, islice

FULL = 128  # items in a block


class List:
    """Items in order. Indexes count from 0; negative ones are the caller's business."""

    __slots__ = ("blocks", "cuts", "begin", "end")

    def __init__(self, items: Iterable[bytes] = ()) -> None:
        self.blocks: list[list[bytes]] = [[]]  # never without a block; none is empty but a single one
        self.cuts: list[int] = []
        self.begin = 0  # coordinate of the first item
        self.end = 0  # and behind the last
        self.push_right(items)

    # The ends

    def push_left(self, items: Iterable[bytes]) -> None:
        """Puts items in front one by one: the last of them will be the first of all."""
        block = self.blocks[0]
        for item in items:
            if len(block) == FULL:
                block = []
                self.blocks.insert(0, block)
                self.cuts.insert(0, self.begin)
            block.insert(0, item)
            self.begin -= 1

    def push_right(self, items: Iterable[bytes]) -> None:
        block = self.blocks[-1]
        for item in items:
            if len(block) == FULL:
                block = []
                self.blocks.append(block)
                self.cuts.append(self.end)
            block.append(item)
            self.end += 1

    def pop_left(self) -> bytes:
        block = self.blocks[0]
        item = block.pop(0)
        self.begin += 1
        if not block and self.cuts:
            del self.blocks[0], self.cuts[0]
        return item

    def pop_right(self) -> bytes:
        block = self.blocks[-1]
        item = block.pop()
        self.end -= 1
        if not block and self.cuts:
            del self.blocks[-1], self.cuts[-1]
        return item

    # By index

    def __len__(self) -> int:
        return self.end - self.begin

    def __getitem__(self, index: int) -> bytes:
        block, at = self._place(index)
        return self.blocks[block][at]

    def __setitem__(self, index: int, item: bytes) -> None:
        block, at = self._place(index)
        self.blocks[block][at] = item

    def slice(self, start: int, stop: int) -> list[bytes]:
        """The items from one index up to another."""
        if start >= stop:
            return []
        block, at = self._place(start)
        last, behind = self._place(stop - 1)
        if block == last:
            return self.blocks[block][at : behind + 1]
        found = self.blocks[block][at:]
        for between in self.blocks[block + 1 : last]:
            found += between
        found += self.blocks[last][: behind + 1]
        return found

    def insert(self, index: int, item: bytes) -> None:
        """Puts an item before the one at an index; at the length, behind all."""
        if index == len(self):
            self.push_right((item,))
            return
        number, at = self._place(index)
        block = self.blocks[number]
        block.insert(at, item)
        self.end += 1
        if len(block) > FULL:
            self.blocks[number : number + 1] = [block[: FULL // 2], block[FULL // 2 :]]
        self._cut_anew(number)

    def keep(self, start: int, stop: int) -> None:
        """Drops all but the items from one index up to another."""
        if start >= stop:
            self.blocks, self.cuts, self.begin, self.end = [[]], [], 0, 0
            return
        last, behind = self._place(stop - 1)
        del self.blocks[last + 1 :], self.cuts[last:]
        del self.blocks[last][behind + 1 :]
        first, at = self._place(start)
        del self.blocks[first][:at]
        del self.blocks[:first], self.cuts[:first]
        self.begin, self.end = self.begin + start, self.begin + stop

    # By value

    def find(self, wanted: bytes, among: int | None = None) -> Iterator[int]:
        """The indexes of the items that equal it, ascending; only the first `among` items are looked at."""
        among = len(self) if among is None else min(among, len(self))
        start = 0
        for block in self.blocks:
            if start >= among:
                return
            if wanted in block:
                for index, item in enumerate(block[: among - start], start):
                    if item == wanted:
                        yield index
            start += len(block)

    def find_from_right(self, wanted: bytes, among: int | None = None) -> Iterator[int]:
        """The same from the other end: indexes, descending, in the last `among` items."""
        first = 0 if among is None else max(0, len(self) - among)
        stop = len(self)
        for block in reversed(self.blocks):
            if stop <= first:
                return
            start = stop - len(block)
            if wanted in block:
                for at in range(len(block) - 1, max(0, first - start) - 1, -1):
                    if block[at] == wanted:
                        yield start + at
            stop = start

    def remove(self, unwanted: bytes, limit: int) -> int:
        """Takes out the first so many items that equal it, the last ones at a negative limit, all at 0; how many?"""
        left = abs(limit) or len(self)
        removed = 0
        for block in reversed(self.blocks) if limit < 0 else self.blocks:
            if limit < 0:
                block.reverse()
            for _ in range(min(left - removed, block.count(unwanted))):
                block.remove(unwanted)
                removed += 1
            if limit < 0:
                block.reverse()
            if removed == left:
                break
        if removed:
            self.blocks = [block for block in self.blocks if block] or [[]]
            self.end -= removed
            self._cut_anew(0)
        return removed

    # As a whole

    def __iter__(self) -> Iterator[bytes]:
        return chain.from_iterable(self.blocks)

    def __reversed__(self) -> Iterator[bytes]:
        return chain.from_iterable(map(reversed, reversed(self.blocks)))

    def copy(self) -> "List":
        twin = List()
        twin.blocks = [block.copy() for block in self.blocks]
        twin.cuts, twin.begin, twin.end = self.cuts.copy(), self.begin, self.end
        return twin

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, List) else NotImplemented

    def __repr__(self) -> str:
        return f"List({list(self)!r})"

    # Coordinates

    def _place(self, index: int) -> tuple[int, int]:
        """The number of the block in which an item stands, and its index there."""
        assert 0 <= index < len(self)
        coordinate = self.begin + index
        number = bisect_right(self.cuts, coordinate)
        return number, coordinate - (self.cuts[number - 1] if number else self.begin)

    def _cut_anew(self, number: int) -> None:
        """Finds the cuts behind a block, after lengths changed from there on."""
        start = self.cuts[number - 1] if number else self.begin
        ends = accumulate(map(len, self.blocks[number:-1]), initial=start)
        self.cuts[number:] = islice(ends, 1, None)
