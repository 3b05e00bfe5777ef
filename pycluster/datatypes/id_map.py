"""A mapping from stream ids to whatever belongs to them, in the order of the ids.

What consumers have been given and have not acknowledged lies in such maps: new ids come at the end, nearly always, and
old ones go from anywhere. The ids stand once more in sorted blocks, so that a walk may begin in the middle.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from operator import itemgetter
from typing import Generic, TypeVar

Value = TypeVar("Value")

FULL = 512  # ids in a block

_first = itemgetter(0)


class IdMap(Generic[Value]):
    """Values by id."""

    __slots__ = ("_values", "_blocks")

    def __init__(self) -> None:
        self._values: dict[int, Value] = {}
        self._blocks: list[list[int]] = []  # none is empty

    def get(self, id: int) -> Value | None:
        return self._values.get(id)

    def put(self, id: int, value: Value) -> None:
        """Stores a value under an id, new or not."""
        if id not in self._values:
            self._insert(id)
        self._values[id] = value

    def pop(self, id: int) -> Value | None:
        """Takes an id out with its value; None if it is not there."""
        value = self._values.pop(id, None)
        if value is not None:
            number = self._block_of(id)
            block = self._blocks[number]
            del block[bisect_left(block, id)]
            if not block:
                del self._blocks[number]
        return value

    def items(self, first: int = 0) -> Iterator[tuple[int, Value]]:
        """Ids with values in order, from an id on. Nothing may be put or popped meanwhile."""
        values, number = self._values, self._block_of(first)
        for block in self._blocks[number:]:
            for id in block[bisect_left(block, first) :]:
                yield id, values[id]

    @property
    def first(self) -> int:
        """The smallest id."""
        return self._blocks[0][0]

    @property
    def last(self) -> int:
        """The largest id."""
        return self._blocks[-1][-1]

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[int]:
        return iter(self._values)

    def __contains__(self, id: int) -> bool:
        return id in self._values

    def _insert(self, id: int) -> None:
        blocks = self._blocks
        if not blocks or id > blocks[-1][-1]:
            if blocks and len(blocks[-1]) < FULL:
                blocks[-1].append(id)
            else:
                blocks.append([id])
            return
        number = self._block_of(id)
        block = blocks[number]
        insort(block, id)
        if len(block) > FULL:
            blocks[number : number + 1] = [block[: FULL // 2], block[FULL // 2 :]]

    def _block_of(self, id: int) -> int:
        """The number of the block that an id is in, or would be."""
        return max(0, bisect_right(self._blocks, id, key=_first) - 1)
