"""A set of bytes, and the algebra of several.

`members` is a dict with None for values (111 bytes a member against 149 of Python's set), and a BigDict once there
were more than 512. Composition, as in hash.py: ask `member in a_set.members`, write through the methods.

What the present content does not tell, because it is gone, is kept in four notes. They decide the encoding that
clients are told (keyspace/encoding.py), which Redis never turns back.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, filterfalse

from pycluster.datatypes.big_dict import SMALL, Mapping, equal, grown
from pycluster.protocol.numbers import is_int


class Set:
    """Members, each once. Write through the methods, read from `members`."""

    __slots__ = ("members", "integers", "most_integers", "most", "longest")

    def __init__(self, members: Iterable[bytes] = ()) -> None:
        self.members: Mapping[None] = {}
        self.integers = True  # every member ever was the decimal form of a 64-bit integer
        self.most_integers = 0  # members there were, at most, while that was so (noted when it ends or one leaves)
        self.most = 0  # and since then
        self.longest = 0  # length of the longest member that was removed
        if members:
            self.members = grown(dict.fromkeys(members))
            self.integers = all(map(_is_integer, self.members))

    def add(self, member: bytes) -> bool:
        """Puts a member in; is it a new one?"""
        members = self.members
        before = len(members)
        members[member] = None
        if len(members) == before:
            return False
        if self.integers and not _is_integer(member):
            self.integers = False
            if before > self.most_integers:
                self.most_integers = before
        if before >= SMALL:
            self.members = grown(members)
        return True

    def remove(self, member: bytes) -> bool:
        """Takes a member out; was it there?"""
        count = len(self.members)
        if self.members.pop(member, self) is self:
            return False
        if self.integers:
            self.most_integers = max(self.most_integers, count)
        else:
            self.most = max(self.most, count)
        self.longest = max(self.longest, len(member))
        return True

    def copy(self) -> "Set":
        twin = Set()
        twin.members, twin.integers = self.members.copy(), self.integers
        twin.most_integers, twin.most, twin.longest = self.most_integers, self.most, self.longest
        return twin

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.members)

    def __eq__(self, other: object) -> bool:
        return equal(self.members, other.members) if isinstance(other, Set) else NotImplemented

    def __repr__(self) -> str:
        return f"Set({list(self.members)!r})"


def _is_integer(member: bytes) -> bool:
    """Is it one? What does not even begin like one, as most members of most sets, is told apart at a glance."""
    return member[:1] in b"-0123456789" and is_int(member)


def intersection(sets: Sequence[Set]) -> Iterator[bytes]:
    """Members that all sets have, found one by one: who needs only a few stops early."""
    smallest, *others = sorted(sets, key=len)
    found = iter(smallest)
    for other in others:
        found = filter(other.members.__contains__, found)
    return found


def union(sets: Iterable[Set]) -> list[bytes]:
    """Members that any of the sets has, each once."""
    return list(dict.fromkeys(chain.from_iterable(sets)))


def difference(first: Set, others: Iterable[Set]) -> Iterator[bytes]:
    """Members of the first set that no other one has, found one by one."""
    found = iter(first)
    for other in others:
        found = filterfalse(other.members.__contains__, found)
    return found
