"""A mapping for many members: small dicts, each found by the high bits of its members' hashes (extendible hashing).

One large dict has three faults for a server: growing it stops the world (26 ms at a million members), a random member
cannot be picked, and it cannot be walked in steps while it changes. Here a directory of 2^depth places points to dicts
of at most `FULL` members; a dict that overflows is split in two, two that run empty are merged, and nothing else
moves. A look-up costs 109 ns instead of 29, so a mapping becomes a BigDict only beyond `SMALL` members (`grown`);
the functions behind the class take either kind.

A walk (`scan`) goes upward through the hashes, and its cursor is the hash reached. It needs no state, and a split or
merge in the middle of it changes nothing: what is there from beginning to end is met, whatever else comes and goes.

Not here: what the members mean. Hash, Set and SortedSet hold such a mapping, and so does a slot of the keyspace.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from random import Random
from typing import Any, Generic, TypeAlias, TypeVar

HASH_BITS = 32  # of a hash that count here: a cursor is below 2^32, which leaves room for a slot in front of it
FULL = 128  # members of a dict before it is split
SPARSE = FULL // 4  # a dict with fewer looks for its twin, to merge with it
SMALL = 512  # members a plain dict may have before it becomes a BigDict: small enough to be walked in one go
LEAST_FILL = 16  # members per place of the directory, on average, below which it is not doubled

_HASHES = 1 << HASH_BITS

V = TypeVar("V")
Default = TypeVar("Default")
_MISSING: Any = object()


class BigDict(Generic[V]):
    """A mapping from bytes; beside what a dict can do it scans, and it knows a random member.

    A dict whose `depth` is less than the directory's stands in several neighbouring places of it, its span.
    """

    __slots__ = ("table", "depths", "depth", "shift", "mask", "deepest", "count", "fullest")

    def __init__(self, items: Iterable[tuple[bytes, V]] = ()) -> None:
        self.clear()
        self.update(items)

    @classmethod
    def sized(cls, count: int) -> "BigDict[V]":
        """An empty one in which so many members will find their dicts without many splits."""
        made: BigDict[V] = cls()
        depth = max(0, count * 4 // (FULL * 3)).bit_length()  # dicts will be between a third and two thirds full
        made.table = [{} for _ in range(1 << depth)]
        made.depths = [depth] * len(made.table)
        made._set_depth(depth)
        return made

    def clear(self) -> None:
        """Forgets all members."""
        self.table: list[dict[bytes, V]] = [{}]
        self.depths = [0]  # bits that the members of the dict in this place have in common
        self.depth = 0  # bits that choose a place
        self.shift = HASH_BITS
        self.mask = 0
        self.deepest = 1  # dicts that stand in one place only: without any, half the directory would do
        self.count = 0
        self.fullest = FULL  # no dict ever had more members than this

    def __len__(self) -> int:
        return self.count

    def __contains__(self, key: bytes) -> bool:
        return key in self.table[hash(key) >> self.shift & self.mask]

    def __getitem__(self, key: bytes) -> V:
        return self.table[hash(key) >> self.shift & self.mask][key]

    def get(self, key: bytes, default: Default = None) -> V | Default:  # type: ignore[assignment]
        return self.table[hash(key) >> self.shift & self.mask].get(key, default)

    def __setitem__(self, key: bytes, value: V) -> None:
        place = hash(key) >> self.shift & self.mask
        members = self.table[place]
        before = len(members)
        members[key] = value
        if len(members) != before:
            self.count += 1
            if before >= FULL:
                self._split(place)

    def add(self, key: bytes, value: V) -> bool:
        """As `self[key] = value`; is the key new?"""
        place = hash(key) >> self.shift & self.mask
        members = self.table[place]
        before = len(members)
        members[key] = value
        if len(members) == before:
            return False
        self.count += 1
        if before >= FULL:
            self._split(place)
        return True

    def pop(self, key: bytes, default: V | Default = _MISSING) -> V | Default:
        place = hash(key) >> self.shift & self.mask
        members = self.table[place]
        value = members.pop(key, _MISSING)
        if value is _MISSING:
            if default is _MISSING:
                raise KeyError(key)
            return default
        self.count -= 1
        if len(members) < SPARSE and self.depth:
            self._merge(place)
        return value

    def __delitem__(self, key: bytes) -> None:
        self.pop(key)

    def update(self, items: Iterable[tuple[bytes, V]]) -> None:
        for key, value in items:  # as __setitem__, without a call for each
            place = hash(key) >> self.shift & self.mask
            members = self.table[place]
            before = len(members)
            members[key] = value
            if len(members) != before:
                self.count += 1
                if before >= FULL:
                    self._split(place)

    def copy(self) -> "BigDict[V]":
        twin: BigDict[V] = BigDict.__new__(BigDict)
        twin.depths = self.depths.copy()
        twin.depth, twin.shift, twin.mask = self.depth, self.shift, self.mask
        twin.deepest, twin.count, twin.fullest = self.deepest, self.count, self.fullest
        twin.table = []
        while len(twin.table) < len(self.table):
            place = len(twin.table)
            twin.table += [self.table[place].copy()] * self._span(place)
        return twin

    # Whole walks: in the order of the hashes. Like a dict's they do not survive a change.

    def dicts(self) -> Iterator[dict[bytes, V]]:
        """The dicts that make it up, each once: for those who work through a big mapping in slices."""
        place = 0
        while place < len(self.table):
            yield self.table[place]
            place += self._span(place)

    def dict_at(self, place: int) -> tuple[dict[bytes, V], int]:
        """The dict in a place, and the place of the next: a walk that survives changes, and holds nothing meanwhile."""
        return self.table[place], place + self._span(place)

    def __iter__(self) -> Iterator[bytes]:
        for members in self.dicts():
            yield from members

    keys = __iter__

    def values(self) -> Iterator[V]:
        for members in self.dicts():
            yield from members.values()

    def items(self) -> Iterator[tuple[bytes, V]]:
        for members in self.dicts():
            yield from members.items()

    def __eq__(self, other: object) -> bool:
        return equal(self, other) if isinstance(other, (dict, BigDict)) else NotImplemented

    # Walks in steps, and picks

    def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """One step of a walk: (the next cursor, 0 at the end; at least `count` keys unless it ends).

        A key that is there during all of a walk from 0 to 0 is returned, once or more often.
        """
        found: list[bytes] = []
        cursor &= _HASHES - 1
        while True:
            place = cursor >> self.shift
            span = self._span(place)
            place &= -span
            if cursor == place << self.shift:
                found += self.table[place]
            else:  # the dict has been merged since: what lies below the cursor was returned already
                found += [key for key in self.table[place] if hash(key) & _HASHES - 1 >= cursor]
            cursor = place + span << self.shift
            if cursor >= _HASHES:
                return 0, found
            if len(found) >= count:
                return cursor, found

    def random_key(self, random: Random) -> bytes:
        """Some key, each as likely as the other; there must be one.

        A place is thrown, then a seat in it, until somebody sits there. A dict that stands in several places is hit
        more often, so it has as many more seats.
        """
        assert self.count
        places = len(self.table)
        while True:
            place = int(random.random() * places)
            members = self.table[place]
            seat = int(random.random() * self.fullest * self._span(place))
            if seat < len(members):
                return next(islice(members, seat, None))

    # The directory

    def _span(self, place: int) -> int:
        """In how many places the dict of this one stands."""
        return 1 << self.depth - self.depths[place]

    def _split(self, place: int) -> None:
        """Parts the members of a full dict by one more bit of their hashes."""
        depth = self.depths[place]
        if depth == self.depth:
            if len(self.table) * 2 * LEAST_FILL > self.count:
                # Hashes as chance has them never come here. Made ones, equal in many bits, would double the directory
                # for ever: this dict stays too full instead.
                self.fullest = max(self.fullest, len(self.table[place]))
                return
            self._double()
            place *= 2
        span = self._span(place)
        first = place & -span
        middle = first + span // 2
        bit = 1 << HASH_BITS - depth - 1
        low: dict[bytes, V] = {}
        high: dict[bytes, V] = {}
        for key, value in self.table[first].items():
            if hash(key) & bit:
                high[key] = value
            else:
                low[key] = value
        self.table[first:middle] = [low] * (span // 2)
        self.table[middle : first + span] = [high] * (span // 2)
        self.depths[first : first + span] = [depth + 1] * span
        self.fullest = max(self.fullest, len(low), len(high))
        if depth + 1 == self.depth:
            self.deepest += 2

    def _double(self) -> None:
        self.table = [members for members in self.table for _ in (0, 1)]
        self.depths = [depth for depth in self.depths for _ in (0, 1)]
        self._set_depth(self.depth + 1)

    def _merge(self, place: int) -> None:
        """Puts a sparse dict and its twin, which differs from it in one bit, back together if they leave room."""
        depth = self.depths[place]
        span = self._span(place)
        first = place & -2 * span
        if depth == 0 or self.depths[first] != self.depths[first + span]:
            return  # no twin, or it has been split further
        low, high = self.table[first], self.table[first + span]
        if len(low) + len(high) > FULL // 2:
            return
        self.table[first : first + 2 * span] = [{**low, **high}] * (2 * span)
        self.depths[first : first + 2 * span] = [depth - 1] * (2 * span)
        if depth == self.depth:
            self.deepest -= 2
            while self.depth and not self.deepest:
                self._halve()

    def _halve(self) -> None:
        self.table = self.table[::2]
        self.depths = self.depths[::2]
        self._set_depth(self.depth - 1)

    def _set_depth(self, depth: int) -> None:
        self.depth = depth
        self.shift = HASH_BITS - depth
        self.mask = (1 << depth) - 1
        self.deepest = self.depths.count(depth)


Mapping: TypeAlias = dict[bytes, V] | BigDict[V]


def grown(mapping: Mapping[V]) -> Mapping[V]:
    """The mapping in the kind that suits its size: a dict of too many members becomes a BigDict (and remains one)."""
    return BigDict(mapping.items()) if mapping.__class__ is dict and len(mapping) > SMALL else mapping


def equal(one: Mapping[V], other: Mapping[V]) -> bool:
    """Have both the same members, whatever kind they are?"""
    return len(one) == len(other) and all(other.get(key, _MISSING) == value for key, value in one.items())


def scan(mapping: Mapping[V], cursor: int, count: int) -> tuple[int, list[bytes]]:
    """One step of a walk, as `BigDict.scan`; a plain dict is small enough to be walked in one."""
    return mapping.scan(cursor, count) if isinstance(mapping, BigDict) else (0, list(mapping))


def random_key(mapping: Mapping[V], random: Random) -> bytes:
    """Some key of a mapping that is not empty, each as likely as the other."""
    if isinstance(mapping, BigDict):
        return mapping.random_key(random)
    return next(islice(mapping, int(random.random() * len(mapping)), None))


def random_keys(mapping: Mapping[V], count: int, random: Random) -> list[bytes]:
    """As many different keys, or all there are."""
    if count >= len(mapping):
        return list(mapping)
    if count * 3 > len(mapping) or mapping.__class__ is dict:
        return random.sample(list(mapping), count)
    found: dict[bytes, None] = {}  # a dict: the order is chance's, not the hash seed's
    while len(found) < count:
        found[random_key(mapping, random)] = None
    return list(found)


def random_keys_with_repeats(mapping: Mapping[V], count: int, random: Random) -> list[bytes]:
    """So many throws, each independent of the others."""
    if count * 3 > len(mapping):
        return random.choices(list(mapping), k=count)
    return [random_key(mapping, random) for _ in range(count)]
