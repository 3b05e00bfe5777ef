"""What OBJECT ENCODING answers: how Redis 7.2 would hold a value in memory.

Ours are held in one way each (datatypes/), but programs and people look at the encoding to see whether a value is
still small, and Redis never takes the step from small to big back. So collections remember what has been (how many
members, how long ones: `most`, `longest`), and here that is held against the limits of the configuration. Where a
limit was changed meanwhile, the answer is what Redis would have come to under the present one.

Lists are the exception: in Redis they turn back when they shrink to half the limit. Here a list is judged by its
present content alone, so between half the limit and the limit a list that was larger may be called otherwise. (And
what Redis' ZRANGESTORE makes by score or by member is a skiplist however small it is; ours is judged as any other.)
"""

from collections.abc import Iterable
from typing import Protocol

from pycluster.datatypes.block_list import List
from pycluster.datatypes.hash import Hash
from pycluster.datatypes.listpack_size import FRAME, LONGEST_INTEGER, size_of_string
from pycluster.datatypes.set import Set
from pycluster.datatypes.sorted_set import SortedSet
from pycluster.datatypes.stream import Stream
from pycluster.datatypes.string import RawString
from pycluster.protocol.numbers import is_int

Value = bytes | Hash | List | Set | SortedSet | Stream

LONGEST_EMBEDDED = 44  # bytes of a string that fits into one allocation with its object

LISTPACK_SIZES = (4096, 8192, 16384, 32768, 65536)  # list-max-listpack-size -1, -2, …
SAFE_SIZE = 8192  # and the most bytes where that directive counts items


class Limits(Protocol):
    """The directives that say how large a small collection may be."""

    hash_max_listpack_entries: int
    hash_max_listpack_value: int
    list_max_listpack_size: int
    set_max_intset_entries: int
    set_max_listpack_entries: int
    set_max_listpack_value: int
    zset_max_listpack_entries: int
    zset_max_listpack_value: int


def encoding_of(value: Value, limits: Limits) -> str:
    """The name of the encoding."""
    match value:
        case RawString():
            return "raw"
        case bytes():
            if len(value) <= LONGEST_INTEGER and is_int(value):
                return "int"
            return "embstr" if len(value) <= LONGEST_EMBEDDED else "raw"
        case Hash():
            most, length = limits.hash_max_listpack_entries, limits.hash_max_listpack_value
            return "listpack" if _is_small(value, value.fields, most, length) else "hashtable"
        case Set():
            return _encoding_of_set(value, limits)
        case SortedSet():
            most, length = limits.zset_max_listpack_entries, limits.zset_max_listpack_value
            return "listpack" if _is_small(value, value.scores, most, length) else "skiplist"
        case List():
            return "listpack" if _fits_one_listpack(value, limits.list_max_listpack_size) else "quicklist"
        case Stream():
            return "stream"


def _is_small(value: Hash | Set | SortedSet, members: Iterable[bytes], most: int, longest: int) -> bool:
    """Were there never more members, and never longer ones?"""
    if max(len(value), value.most) > most or value.longest > longest:
        return False
    return max(map(len, members), default=0) <= longest


def _encoding_of_set(value: Set, limits: Limits) -> str:
    most_integers = max(value.most_integers, len(value) if value.integers else 0)
    if most_integers > limits.set_max_intset_entries:
        return "hashtable"
    if value.integers:
        return "intset"
    most, length = limits.set_max_listpack_entries, limits.set_max_listpack_value
    return "listpack" if _is_small(value, value.members, most, length) else "hashtable"


def _fits_one_listpack(value: List, fill: int) -> bool:
    """Is the list within list-max-listpack-size (quicklist.c, `quicklistNodeExceedsLimit`)?"""
    size = SAFE_SIZE if fill >= 0 else LISTPACK_SIZES[min(-fill, len(LISTPACK_SIZES)) - 1]
    count = max(fill, 1) if fill >= 0 else size
    if len(value) > count:  # every item takes two bytes or more
        return False
    return FRAME + sum(map(size_of_string, value)) <= size
