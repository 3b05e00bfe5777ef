"""How much memory keys take: of one value, and of the whole keyspace, without counting at every write.

Python does not say what its objects take together, and a sum kept at each write would cost every write. So the keyspace
is surveyed: an endless walk, about a millisecond at a time, adds up the keys it passes. Keys lie in the order of their
hashes, so each stretch of the walk is a fair sample of all: keys times the mean of the last stretches is the whole. A
few values that are large beside the rest would make that mean jump: they are listed one by one, and asked again.

A dataset small enough to be walked in one step is simply added up. What moves has an estimate; what rests is exact.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, islice
from sys import getsizeof
from typing import Any

from pycluster.datatypes.big_dict import BigDict
from pycluster.datatypes.sorted_set import SortedSet
from pycluster.datatypes.stream import Node, Stream
from pycluster.datatypes.stream_group import Group
from pycluster.datatypes.string import RawString
from pycluster.keyspace.database import Database

SAMPLES = 5  # members of a collection that are looked at, where nobody says otherwise (Redis' number)
ROUNDING = 8  # allocators hand out multiples of 16 bytes: on average so much more than was asked for
ENTRY = 64  # a key's share of the mapping it stands in, on average
EMPTY = getsizeof({})  # a slot's mapping that was there before there were keys
DEADLINE = 110  # a key's deadline: an integer, and a share of the mapping
USE = 110  # what is noted of its use, likewise

WINDOW = 50_000  # keys that the mean is taken over
TELLING = 2000  # from so many on chance is no matter
LARGE = 64 * 1024  # a value below this is never listed
LARGE_SHARE = 1024  # and it is listed only if it is more than such a share of the whole
LISTED_A_STEP = 32  # large values measured again at each step
LEAVES = 8  # dicts of a BigDict, or nodes of a stream, that are looked at
ID = 40 + ROUNDING  # an entry's id: an integer of up to 128 bits
PENDING = 200  # an entry not acknowledged: its record, and its places with the group and the consumer


def size_of(value: Any, samples: int | None = SAMPLES) -> int:
    """Bytes that a value takes with all that is in it; `samples` members speak for the others (None: all are asked)."""
    kind = value.__class__
    if kind is bytes or kind is RawString or kind is int or kind is float or kind is str:
        return getsizeof(value) + ROUNDING
    if value is None or kind is bool:
        return 0
    if kind is dict:
        return getsizeof(value) + ROUNDING + _members(value, samples)
    if kind is BigDict:
        return _size_of_big_dict(value, samples)
    if kind is list or kind is tuple:
        return getsizeof(value) + ROUNDING + _extrapolate(value, len(value), samples)
    if kind is SortedSet:
        return _size_of_sorted_set(value, samples)
    if kind is Stream:
        return _size_of_stream(value, samples)
    own = getsizeof(value) + ROUNDING
    return own + sum(size_of(getattr(value, name, None), samples) for name in getattr(kind, "__slots__", ()))


def _extrapolate(items: Iterable[Any], count: int, samples: int | None) -> int:
    if samples is None or samples >= count:
        return sum(size_of(item, samples) for item in items)
    asked = max(samples, 1)
    return sum(size_of(item, samples) for item in islice(items, asked)) * count // asked


def _members(mapping: dict[Any, Any], samples: int | None) -> int:
    count = len(mapping)
    return _extrapolate(mapping, count, samples) + _extrapolate(mapping.values(), count, samples)


def _size_of_big_dict(mapping: BigDict[Any], samples: int | None) -> int:
    directory = getsizeof(mapping.table) + getsizeof(mapping.depths)
    leaves = list(islice(mapping.dicts(), LEAVES if samples is not None else None))
    members = sum(map(len, leaves)) or 1
    looked_at = sum(getsizeof(leaf) + ROUNDING + _members(leaf, samples) for leaf in leaves)
    return directory + looked_at * len(mapping) // members


def _size_of_sorted_set(value: SortedSet, samples: int | None) -> int:
    """Its order holds the same members and scores once more: only pointers to them."""
    size = getsizeof(value) + size_of(value.scores, samples)
    if value.order is not None:
        size += sum(map(getsizeof, chain(value.order.scores, value.order.members)))
    return size


def _size_of_stream(value: Stream, samples: int | None) -> int:
    nodes = value.nodes
    looked_at = nodes if samples is None else nodes[-LEAVES:]
    size = sum(_size_of_node(node, samples) for node in looked_at) * len(nodes) // max(1, len(looked_at))
    return getsizeof(value) + getsizeof(nodes) + size + sum(map(_size_of_group, value.groups.values()))


def _size_of_node(node: Node, samples: int | None) -> int:
    """Its entries share the names of their fields with the node, as a rule."""
    entries = [entry for entry in node.entries if entry is not None]
    asked = entries if samples is None else entries[: max(samples, 1)]
    size = sum(getsizeof(entry) + ROUNDING + sum(map(size_of, entry[1::2])) for entry in asked)
    frame = getsizeof(node) + getsizeof(node.ids) + getsizeof(node.entries) + size_of(node.fields)
    return frame + ID * len(node.ids) + size * len(entries) // max(1, len(asked))


def _size_of_group(group: Group) -> int:
    consumers = sum(size_of(name) + getsizeof(consumer) + ENTRY for name, consumer in group.consumers.items())
    return getsizeof(group) + consumers + PENDING * len(group.pending)


def size_of_key(db: Database, key: bytes, samples: int | None = SAMPLES) -> int:
    """Bytes that a key of the slot entered takes with its value, 0 if there is none; not its place in the mapping."""
    value = db.here.get(key)
    if value is None:
        return 0
    notes = (DEADLINE if key in db.due else 0) + (USE if db.accesses is not None else 0)
    return getsizeof(key) + ROUNDING + notes + size_of(value, samples)


def size_of_places(db: Database) -> int:
    """Bytes that the mapping of the slot entered takes: a dict grows by leaps, and does not shrink by deletions."""
    here = db.here
    return getsizeof(here) if isinstance(here, dict) else ENTRY * len(here)


class Survey:
    """The walk through the keyspace of one server, and what it has found."""

    __slots__ = ("_databases", "_db", "_slot", "_place", "_bytes", "_keys", "_listed", "_round_state", "_settled_state",
                 "large")  # fmt: skip

    def __init__(self, databases: Sequence[Database]) -> None:
        self._databases = databases
        self._bytes = 0.0  # of the keys that the mean is taken over, without the large values
        self._keys = 0.0
        self._listed: dict[tuple[int, bytes], int] = {}  # large values: by database and key, their sizes
        self._round_state = (-1, 0)  # how many changes there had been, and keys, when the present round began
        self._settled_state = (-1, 0)  # and when a whole round had been made without any
        self.large = LARGE
        self._go_to_start()

    def step(self, until: Callable[[], bool]) -> bool:
        """Walks on until told to stop; was that all of the keyspace, so that the figures are exact?"""
        count = self._count()
        state = (self._databases[0].journal.changes, count)
        if state == self._settled_state:
            return True
        self._ask_listed_again()
        whole = not (self._db or self._slot or self._place)
        if whole:
            self._round_state = state
        size = keys = 0
        while (leaf := self._measure_next()) is not None:
            size += leaf[0]
            keys += leaf[1]
            if until():
                break
        else:
            self._go_to_start()
            if self._round_state == state:
                self._settled_state = state
            if whole:
                self._bytes, self._keys = float(size), float(keys)
                return True
        fade = min(1.0, max(0, min(WINDOW, count) - keys) / self._keys) if self._keys else 0.0
        self._bytes = self._bytes * fade + size
        self._keys = self._keys * fade + keys
        return False

    @property
    def is_telling(self) -> bool:
        """Has enough been seen to be sure, give or take a few percent?"""
        return self._keys >= min(TELLING, self._count())

    def size(self) -> int:
        """Bytes that all keys take now."""
        keys = self._count()
        if not keys:
            self._listed.clear()
            self._bytes = self._keys = 0.0
            self._go_to_start()
            return 0
        mean = self._bytes / self._keys if self._keys else 0.0
        total = int(mean * keys) + sum(self._listed.values()) + sum(map(_size_of_notes, self._databases))
        self.large = max(LARGE, total // LARGE_SHARE)
        return total

    def _count(self) -> int:
        return sum(db.size() for db in self._databases)

    def _go_to_start(self) -> None:
        self._db = self._slot = self._place = 0

    def _measure_next(self) -> tuple[int, int] | None:
        """Walks over the next dict of keys: its bytes, and how many keys it has. None at the end of the round.

        Between two steps nothing is held here but numbers: a database flushed meanwhile must not live on in a walk.
        """
        while self._db < len(self._databases):
            db = self._databases[self._db]
            slots = db.slots
            while self._slot < len(slots):
                mapping = slots[self._slot]
                if isinstance(mapping, BigDict):
                    if self._place < len(mapping.table):
                        leaf, self._place = mapping.dict_at(self._place)
                        return self._measure(db, leaf), len(leaf)
                elif not self._place and (mapping or getsizeof(mapping) > EMPTY):  # an emptied dict keeps its room
                    self._place = 1
                    return self._measure(db, mapping), len(mapping)
                self._slot += 1
                self._place = 0
            self._db += 1
            self._slot = 0
        return None

    def _measure(self, db: Database, leaf: dict[bytes, Any]) -> int:
        """The bytes of some keys with their values, those of large ones apart."""
        values = leaf.values()
        size = getsizeof(leaf) - EMPTY + sum(map(getsizeof, leaf)) + 2 * ROUNDING * len(leaf)
        if all(value.__class__ is bytes for value in values):
            sizes = list(map(getsizeof, values))
        else:
            sizes = [size_of(value) for value in values]
        if sizes and max(sizes) > self.large:
            for key, each in zip(leaf, sizes, strict=True):
                if each > self.large:
                    self._listed[db.index, key] = each
                    size -= each
        return size + sum(sizes)

    def _ask_listed_again(self) -> None:
        """Large values that are gone leave the list at once; of the others some are measured again."""
        for turn, (index, key) in enumerate(list(self._listed)):
            db = self._databases[index]
            value = db.slots[db.slot_of(key)].get(key)
            if value is None:
                del self._listed[index, key]
            elif turn < LISTED_A_STEP:
                del self._listed[index, key]
                if (size := size_of(value)) > self.large:
                    self._listed[index, key] = size  # behind the others, whose turn is next


def _size_of_notes(db: Database) -> int:
    """What is kept beside the keys: deadlines and uses."""
    uses = USE * sum(map(len, db.accesses)) if db.accesses is not None else 0
    if len(db.volatile) > 64:
        return uses + DEADLINE * sum(map(len, db.deadlines))
    volatile = [db.deadlines[slot] for slot in db.volatile]
    return uses + sum(getsizeof(due) + (32 + ROUNDING) * len(due) for due in volatile)
