"""The keys and their values: get, put, delete, and `changed`, the one place every write passes through.

A database is a row of slots, each a mapping of its own with the deadlines of its keys beside it: 16384 in a cluster,
one otherwise. So a slot is a thing that can be counted, listed, moved and dropped without a search. `enter` says
which slot a command works on (routing has made sure that all its keys are in it); get and put look only there.

What a value *is* is its class (bytes for strings, Hash, List, …): `get(key, kind)` refuses another one. A mapping that
grows beyond some hundred keys becomes a BigDict (datatypes/big_dict.py).

Expiry is lazy here (a key past its deadline is found and removed by whoever asks for it) and active in expiry.py.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate, islice
from random import Random
from typing import Any, TypeAlias, TypeVar

from pycluster.datatypes.big_dict import SMALL, BigDict, grown, random_key
from pycluster.datatypes.stream import Stream
from pycluster.datatypes.string import RawString
from pycluster.keyspace.freeing import Freeing
from pycluster.keyspace.functions import Functions
from pycluster.keyspace.journal import Journal
from pycluster.keyspace.slots import key_slot
from pycluster.protocol.errors import WrongType

Value: TypeAlias = Any
Kind = TypeVar("Kind")
Mapping: TypeAlias = dict[bytes, Any] | BigDict[Any]
Listener: TypeAlias = Callable[[bytes], None]


FOREVER_MS = 1 << 62  # a moment that does not come


@dataclass(slots=True)
class Clock:
    """What time it is: set once per command (frozen for a whole EXEC or script), read by everybody below the server."""

    now: int = 0  # wall clock, milliseconds since 1970


@dataclass(slots=True)
class Statistics:
    """What INFO tells of the look-ups, of the keys on their way out, and of values from outside."""

    hits: int = 0
    misses: int = 0
    expired: int = 0
    evicted: int = 0
    sanitized: int = 0  # packed structures from outside that were looked at in full, as sanitize-dump-payload asks


# What becomes of a key past its deadline when it is asked for.
REMOVE = 0  # a primary: it is deleted, and a DEL goes to the journal
HIDE = 1  # a replica, a reader: it is not there, but only the primary's DEL removes it
IGNORE = 2  # a replica, for its primary's commands; a server that is loading: it is still there


@dataclass(slots=True)
class Keyspace:
    """What the databases of one server have in common."""

    clock: Clock = field(default_factory=Clock)
    rng: Random = field(default_factory=Random)
    journal: Journal = field(default_factory=Journal)
    statistics: Statistics = field(default_factory=Statistics)
    freeing: Freeing = field(default_factory=Freeing)
    reserved: dict[bytes, int] = field(default_factory=dict)  # keys that tasks work on: they must not go meanwhile
    functions: Functions = field(default_factory=Functions)
    expired_keys: int = REMOVE
    uses_by: str = ""  # "lru" or "lfu": what is noted of the uses of keys (accesses.py), if anything
    uses_since_ms: int = 0
    notify: Callable[[str, bytes, int], None] | None = None  # keyspace events: (event, key, database)
    expire_record: bytes = b"DEL"  # or UNLINK, under lazyfree-lazy-expire
    max_string: int = 512 * 1024 * 1024  # proto-max-bulk-len bounds what APPEND and SETRANGE may make too
    stream_node_bytes: int = 4096  # stream-node-max-bytes and -entries: a node of a stream is full
    stream_node_entries: int = 100


class Database:
    """One numbered database."""

    __slots__ = ("index", "keyspace", "clock", "rng", "journal", "slots", "deadlines", "volatile", "slot", "here",
                 "due", "interested", "accesses", "before_change", "hidden")  # fmt: skip

    def __init__(self, index: int = 0, slots: int = 1, keyspace: Keyspace | None = None) -> None:
        self.index = index
        self.keyspace = keyspace or Keyspace()
        self.clock = self.keyspace.clock
        self.rng = self.keyspace.rng
        self.journal = self.keyspace.journal
        self.slots: list[Mapping] = [{} for _ in range(slots)]
        self.deadlines: list[dict[bytes, int]] = [{} for _ in range(slots)]
        self.volatile: dict[int, None] = {}  # the slots that have deadlines, in order of their first one
        self.interested: dict[bytes, list[Listener]] = {}  # who wants to hear of a key: WATCH, blocked clients
        self.accesses: list[dict[bytes, int] | BigDict[int]] | None = None  # by slot; only where somebody evicts by it
        self.before_change: tuple[Callable[[Value], None], ...] = ()
        self.hidden: dict[int, None] = {}  # slots on their way here: who lists or picks keys is not shown theirs
        self.enter(0)

    def enter(self, slot: int) -> None:
        """From now on keys are looked for in this slot."""
        self.slot = slot
        self.here = self.slots[slot]
        self.due = self.deadlines[slot]

    def slot_of(self, key: bytes) -> int:
        """The slot that a key lies in."""
        return key_slot(key) if len(self.slots) > 1 else 0

    def enter_slot_of(self, key: bytes) -> None:
        """For who works on keys one after another, of any slot: loading, expiry, FLUSHALL."""
        self.enter(self.slot_of(key))

    # Looking

    def get(self, key: bytes, kind: type[Kind]) -> Kind | None:
        """The value of a key that a command is about to change, or None; WrongType if it is of another kind.

        Whoever changes a value in place got it here, or, to change where a reader of a stream stands, by `read`: who
        wants to see each value before it changes (`tell_before_changes`) looks at these two.
        """
        value: Any = self.here.get(key)
        if value is None or (self.due and key in self.due and self._has_expired(key)):
            return None
        if value.__class__ is kind or (kind is bytes and value.__class__ is RawString):
            return value  # type: ignore[return-value]
        raise WrongType

    def read(self, key: bytes, kind: type[Kind]) -> Kind | None:
        """The same for a command that only reads: hits and misses are counted."""
        value: Any = self.here.get(key)
        if value is None or (self.due and key in self.due and self._has_expired(key)):
            self._note_miss(key)
            return None
        self.keyspace.statistics.hits += 1
        if value.__class__ is kind or (kind is bytes and value.__class__ is RawString):
            return value  # type: ignore[return-value]
        raise WrongType

    def lookup(self, key: bytes) -> Value | None:
        """The value of a key, of whatever type, for a command that reads."""
        value = self.lookup_to_change(key)
        if value is None:
            self._note_miss(key)
        else:
            self.keyspace.statistics.hits += 1
        return value

    def lookup_to_change(self, key: bytes) -> Value | None:
        """The value of a key, of whatever type, for a command that writes."""
        value = self.here.get(key)
        if value is None or (self.due and key in self.due and self._has_expired(key)):
            return None
        return value

    def peek(self, key: bytes) -> Value | None:
        """The value of a key of the slot entered, without any trace; a key past its deadline counts as missing."""
        if self.due and self.due.get(key, self.clock.now + 1) <= self.clock.now:
            return None
        return self.here.get(key)

    def _note_miss(self, key: bytes) -> None:
        self.keyspace.statistics.misses += 1
        self.notify("keymiss", key)

    # Changing

    def put(self, key: bytes, value: Value) -> None:
        """Stores a value; an existing key keeps its deadline."""
        here = self.here
        here[key] = value
        if len(here) > SMALL and here.__class__ is dict:
            self.slots[self.slot] = self.here = grown(here)

    def add(self, key: bytes, value: Value) -> bool:
        """Stores what was read from a file, which is no event; is the key new?"""
        here = self.here
        if here.__class__ is BigDict:
            return here.add(key, value)
        before = len(here)
        here[key] = value
        if len(here) == before:
            return False
        if before >= SMALL:
            self.slots[self.slot] = self.here = grown(here)
        return True

    def expect(self, count: int) -> None:
        """So many keys are about to come from a file. (In a cluster they are spread over the slots.)"""
        if len(self.slots) == 1 and not self.slots[0] and count > SMALL:
            self.slots[0] = BigDict.sized(count)
            self.enter(0)

    def replace(self, key: bytes, value: Value) -> None:
        """Stores a value as if the key were new: its deadline is gone."""
        if self.due and key in self.due:
            self._forget_deadline(key)
        old = self.here.get(key)
        if old is not None and old.__class__ is not bytes:
            self.keyspace.freeing.take(old)
        self.put(key, value)

    def delete(self, key: bytes) -> bool:
        """Removes a key; was there one? (One that is past its deadline is removed, and was not there.)"""
        if self.due and key in self.due:
            if self._has_expired(key):
                return False
            self._forget_deadline(key)
        return self._remove(key)

    def _remove(self, key: bytes) -> bool:
        value = self.here.pop(key, None)
        if value is None:
            return False
        if value.__class__ is not bytes:
            self.keyspace.freeing.take(value)
        if self.accesses is not None:
            self.accesses[self.slot].pop(key, None)
        return True

    def changed(self, key: bytes, event: str, count: int = 1) -> None:
        """A write has changed this key: it counts, and who is interested in the key or in events hears of it.

        `count` is what Redis adds to its own number of changes: members, fields, items where there are several, and 0
        where another key of the command has counted for this one too. A command of no count at all is not recorded.
        """
        self.journal.dirty += count
        if key in self.interested:
            self._tell(key)
        if self.keyspace.notify is not None:
            self.keyspace.notify(event, key, self.index)

    def noted(self, key: bytes, event: str = "", count: int = 1) -> None:
        """Something about a key has changed that counts, but not for WATCH and those who wait: where readers stand."""
        self.journal.dirty += count
        if event:
            self.notify(event, key)

    def notify(self, event: str, key: bytes) -> None:
        """A further event of a change that `changed` has told of already."""
        if self.keyspace.notify is not None:
            self.keyspace.notify(event, key, self.index)

    def removed_if_empty(self, key: bytes, value: Value, event: str, count: int = 1) -> None:
        """Members were taken from a collection: `changed`, and an empty collection is no key any more."""
        self.changed(key, event, count)
        if not value:
            self.delete(key)
            self.notify("del", key)

    def record(self, *args: bytes) -> None:
        """This is to be journalled instead of the command as received (see Journal)."""
        self.journal.record_instead(*args)

    def record_nothing(self) -> None:
        """What the command changed is nothing to anybody else."""
        self.journal.record_nothing()

    def touched(self, key: bytes) -> None:
        """A key has changed without an event, and without counting: only who is interested in it hears."""
        if key in self.interested:
            self._tell(key)

    def tell_of_new_keys(self, wanted: bool) -> None:
        """From now on `put` tells of each key that is new, or no more. (Otherwise `put` does not even ask.)"""
        self.__class__ = _KINDS[wanted, bool(self.before_change)]

    def tell_before_changes(self, listener: Callable[[Value], None]) -> None:
        """From now on the listener is called with each collection that is about to change."""
        self._set_before_change((*self.before_change, listener))

    def tell_no_more(self, listener: Callable[[Value], None]) -> None:
        """Undoes one `tell_before_changes`."""
        self._set_before_change(tuple(known for known in self.before_change if known != listener))

    def _set_before_change(self, listeners: tuple[Callable[[Value], None], ...]) -> None:
        self.before_change = listeners
        self.__class__ = _KINDS[isinstance(self, Announcing), bool(listeners)]

    def _tell(self, key: bytes) -> None:
        for listener in list(self.interested[key]):
            listener(key)

    # Deadlines

    def deadline(self, key: bytes) -> int | None:
        """When the key expires: milliseconds since 1970."""
        return self.due.get(key)

    def set_deadline(self, key: bytes, at_ms: int) -> None:
        """The key is to expire then."""
        if not self.due:
            self.volatile[self.slot] = None
        self.due[key] = at_ms

    def persist(self, key: bytes) -> bool:
        """The key is to stay; had it a deadline?"""
        if key not in self.due:
            return False
        self._forget_deadline(key)
        return True

    def is_past(self, at_ms: int) -> bool:
        """Is a deadline to come into force at once? Only on a primary: a replica, or who loads, keeps the key."""
        return at_ms <= self.clock.now and self.keyspace.expired_keys == REMOVE

    def volatile_slots(self) -> Iterable[int]:
        """The slots with deadlines; not those on their way here, of which it is the source's to say which keys go."""
        if not self.hidden:
            return self.volatile
        return (slot for slot in self.volatile if slot not in self.hidden)

    def _forget_deadline(self, key: bytes) -> None:
        del self.due[key]
        if not self.due:
            del self.volatile[self.slot]

    def _has_expired(self, key: bytes) -> bool:
        """Is a key with a deadline to be taken as missing? On a primary it is then removed."""
        policy = self.keyspace.expired_keys
        if self.due[key] > self.clock.now or policy == IGNORE:
            return False
        if policy == REMOVE:
            self.expire(key)
        return True

    def expire(self, key: bytes) -> None:
        """Removes a key of the slot entered that is past its deadline, with what that causes."""
        self._forget_deadline(key)
        self._remove(key)
        self.keyspace.statistics.expired += 1
        self.journal.early.append((self.index, [self.keyspace.expire_record, key]))
        if key in self.interested:
            self._tell(key)
        self.notify("expired", key)

    def evict(self, key: bytes, record: bytes) -> None:
        """Removes a key of the slot entered to make room, with what that causes; it is journalled by itself."""
        if self.due and key in self.due:
            self._forget_deadline(key)
        self._remove(key)
        self.keyspace.statistics.evicted += 1
        self.journal.append(self.index, record, key)
        if key in self.interested:
            self._tell(key)
        self.notify("evicted", key)

    # All keys

    def size(self) -> int:
        """How many keys there are, those past their deadline but not found yet included."""
        return sum([len(keys) for keys in self.slots if keys])  # (most are empty)

    def shown_size(self) -> int:
        """How many of them users are shown."""
        return self.size() - sum([len(self.slots[slot]) for slot in self.hidden])

    def keys(self) -> Iterator[bytes]:
        """All keys that users are shown, slot by slot. Nothing may change meanwhile."""
        for slot, keys in enumerate(self.slots):
            if keys and slot not in self.hidden:
                yield from keys

    def keys_in_slot(self, slot: int, count: int | None = None) -> list[bytes]:
        """The first keys of a slot."""
        return list(islice(self.slots[slot], count))

    def random_key(self) -> bytes | None:
        """Any key that users are shown, each as likely as another; its slot is entered."""
        counts = list(map(len, self.slots))
        for slot in self.hidden:
            counts[slot] = 0
        bounds = list(accumulate(counts))
        if not bounds[-1]:
            return None
        slot = bisect_right(bounds, self.rng.randrange(bounds[-1]))
        self.enter(slot)
        return random_key(self.here, self.rng)

    def flush(self) -> int:
        """Removes all keys; who is interested in one that existed hears of it. Returns how many there were.

        They are freed in slices: a million keys in one go would hold everybody up.
        """
        touched = [key for key in self.interested if key in self.slots[self.slot_of(key)]]
        removed = self.size()
        if removed:
            count, free = len(self.slots), self.keyspace.freeing.take_all
            free(self.slots, removed)
            free(self.deadlines, 0)
            if self.accesses is not None:
                free(self.accesses, 0)
                self.accesses = [{} for _ in range(count)]
            self.slots = [{} for _ in range(count)]
            self.deadlines = [{} for _ in range(count)]
            self.volatile.clear()
        self.enter(self.slot)
        for key in touched:
            self._tell(key)
        return removed

    def twin(self) -> "Database":
        """An empty database beside this one, to be filled and then swapped with it."""
        return Database(self.index, len(self.slots), self.keyspace)

    def swap_with_twin(self, twin: "Database") -> None:
        """The twin's keys come in the place of ours; nobody knows yet when they were used."""
        twin.accesses = None if self.accesses is None else [{} for _ in self.slots]
        self.swap(twin)

    def swap(self, other: "Database") -> None:
        """Exchanges all keys with another database; who is interested in a key that either has hears of it."""
        self.slots, other.slots = other.slots, self.slots
        self.deadlines, other.deadlines = other.deadlines, self.deadlines
        self.volatile, other.volatile = other.volatile, self.volatile
        self.accesses, other.accesses = other.accesses, self.accesses
        for db in (self, other):
            db.enter(db.slot)
        for db in (self, other):
            for key in list(db.interested):
                slot = db.slot_of(key)
                if key in self.slots[slot] or key in other.slots[slot]:
                    db._tell(key)

    def listen(self, key: bytes, listener: Listener) -> None:
        """Calls the listener at each change of the key."""
        self.interested.setdefault(key, []).append(listener)

    def stop_listening(self, key: bytes, listener: Listener) -> None:
        """Undoes one `listen`."""
        listeners = self.interested.get(key)
        if listeners is None or listener not in listeners:
            return
        listeners.remove(listener)
        if not listeners:
            del self.interested[key]


class Announcing(Database):
    """What a database is while somebody wants to hear of new keys."""

    __slots__ = ()

    def put(self, key: bytes, value: Value) -> None:
        if key not in self.here:
            self.notify("new", key)
        super().put(key, value)


class Forewarning(Database):
    """What a database is while somebody wants to see values before they change."""

    __slots__ = ()

    def get(self, key: bytes, kind: type[Kind]) -> Kind | None:
        value = super().get(key, kind)
        if value is not None and not isinstance(value, bytes):
            for listener in self.before_change:
                listener(value)
        return value

    def read(self, key: bytes, kind: type[Kind]) -> Kind | None:
        value = super().read(key, kind)
        if isinstance(value, Stream):
            for listener in self.before_change:
                listener(value)
        return value


class ForewarningAndAnnouncing(Forewarning, Announcing):
    """Both at once."""

    __slots__ = ()


_KINDS = {  # by: are new keys told of, are values shown before they change?
    (False, False): Database,
    (True, False): Announcing,
    (False, True): Forewarning,
    (True, True): ForewarningAndAnnouncing,
}
