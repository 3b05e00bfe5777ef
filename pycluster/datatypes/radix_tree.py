"""How many nodes a radix tree like Redis' has, told from its keys alone. XINFO STREAM shows that number."""

from collections.abc import Sequence

KEY_LENGTH = 16


def count_nodes(ids: Sequence[int]) -> int:
    """Of a tree whose keys are these ids, ascending, as 16 bytes each.

    There is a node for each key's end, one for each place where keys part, and one for each row of bytes between two
    of these that all keys beyond share.
    """
    if not ids:
        return 1
    shared = [-1, *map(_shared_bytes, ids, ids[1:]), -1]  # between neighbours; -1: beyond the ends there is nobody
    count = 0
    open_: list[int] = []  # depths of the partings that the present key goes through
    for before, behind in zip(shared, shared[1:], strict=False):
        count += _with_row(max(before, behind), KEY_LENGTH)
        while open_ and open_[-1] > behind:
            depth = open_.pop()
            count += _with_row(max(open_[-1] if open_ else -1, behind), depth)
        if behind >= 0 and (not open_ or open_[-1] < behind):
            open_.append(behind)
    return count


def _with_row(above: int, depth: int) -> int:
    """A node at a depth, and the row of bytes that leads to it from the parting above, if it is not empty."""
    return 1 + (depth > above + 1)


def _shared_bytes(one: int, other: int) -> int:
    return KEY_LENGTH - ((one ^ other).bit_length() + 7) // 8
