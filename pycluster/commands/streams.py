"""Streams without groups: entries are added, counted, read by range, deleted and trimmed (t_stream.c).

XREAD is in stream_reads.py, with its sister of the groups.
"""

from collections.abc import Iterable
from itertools import islice
from typing import Annotated

from pycluster.commands.stream_arguments import (
    LAST_SEQUENCE,
    Trimming,
    parse_end,
    parse_id,
    parse_new_id,
    parse_start,
    read_trimming,
)
from pycluster.commands.table import AtLeast, DeleteKey, Group, LookKey, ReadKey, Some, UpdateKey
from pycluster.datatypes.stream import LARGEST_NODE, MAX_ID, Entry, Stream, format_id
from pycluster.keyspace.database import Database
from pycluster.keyspace.journal import AS_RECEIVED
from pycluster.protocol.errors import (
    BadSyntax,
    EntriesAddedBelowLength,
    EntriesAddedNegative,
    LastIdBelowDeleted,
    LastIdBelowGivenDeleted,
    LastIdBelowTop,
    NoSuchKey,
    StreamEntryTooLarge,
    StreamExhausted,
    StreamIdIsZero,
    StreamIdTooSmall,
    wrong_number_of_arguments,
)
from pycluster.protocol.numbers import parse_int
from pycluster.protocol.replies import NULL_ARRAY

group = Group("stream", "stream")

Told = list[object]  # an entry as it is told: [id, (field, value, …)]


def tell(id: int, entry: Entry) -> Told:
    return [format_id(id), entry]


def tell_all(entries: Iterable[tuple[int, Entry]], count: int | None = None) -> list[Told]:
    """Entries, or the first of them."""
    return [tell(id, entry) for id, entry in islice(entries, count)]


# Adding


@group.command("write denyoom fast", tips=("nondeterministic_output",))
def xadd(db: Database, key: UpdateKey, *rest: Annotated[bytes, AtLeast(3)]) -> bytes | None:
    """XADD key [NOMKSTREAM] [<MAXLEN | MINID> [= | ~] threshold [LIMIT count]] <* | id> field value [field value ...]

    Appends an entry to a stream, which is made if it is not there, and may trim it. Returns the entry's id.
    Since 5.0.0. O(1) when adding a new entry, O(N) when trimming where N being the number of entries evicted.
    """
    trimming, make, at = Trimming(), True, 0
    while at < len(rest) and rest[at] != b"*":
        behind = trimming.read(rest, at)
        if behind > at:
            at = behind
        elif rest[at].upper() == b"NOMKSTREAM":
            make, at = False, at + 1
        else:
            break
    given, is_whole = parse_new_id(rest[at]) if at < len(rest) else (None, False)
    trimming.settle(db, required=False)
    entry = rest[at + 1 :]
    if not entry or len(entry) % 2:
        raise wrong_number_of_arguments("xadd")
    if is_whole and given == 0:
        raise StreamIdIsZero
    stream = db.get(key, Stream)
    if stream is None and not make:
        return None
    last = 0 if stream is None else stream.last_id
    if last == MAX_ID:
        raise StreamExhausted
    id = given if given is not None and is_whole else _next_id(last, given, db.clock.now)
    if id <= last:
        raise StreamIdTooSmall
    if sum(map(len, entry)) > LARGEST_NODE:
        raise StreamEntryTooLarge
    if stream is None:
        stream = Stream()
        db.put(key, stream)
    stream.add(id, entry, db.keyspace.stream_node_bytes, db.keyspace.stream_node_entries)
    db.changed(key, "xadd")
    if trimming.apply(stream):
        db.notify("xtrim", key)
    if not is_whole or not trimming.exact:
        told = rest[at] if is_whole else format_id(id)
        db.record(AS_RECEIVED, key, *trimming.exactly([*rest[:at], told, *entry], stream))
    return format_id(id)


def _next_id(last: int, given: int | None, now: int) -> int:
    """The first free id of a given millisecond; without one of the present, and never before those that were."""
    first = now << 64 if given is None else given
    if first > last:
        return first
    may_follow = given is None or (first >> 64 == last >> 64 and last & LAST_SEQUENCE < LAST_SEQUENCE)
    return last + 1 if may_follow else first


@group.command("write denyoom fast")
def xsetid(db: Database, key: UpdateKey, last_id: bytes, *options: bytes) -> str:
    """XSETID key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]

    Sets what a stream says its last id is: an internal command.
    Since 5.0.0. O(1).
    """
    id, added, deleted = parse_id(last_id), -1, 0
    words = iter(options)
    for word in words:
        value = next(words, None)
        match word.upper():
            case b"ENTRIESADDED" if value is not None:
                added = parse_int(value)
                if added < 0:
                    raise EntriesAddedNegative
            case b"MAXDELETEDID" if value is not None:
                deleted = parse_id(value)
                if id < deleted:
                    raise LastIdBelowGivenDeleted
            case _:
                raise BadSyntax
    stream = db.get(key, Stream)
    if stream is None:
        raise NoSuchKey
    if id < stream.max_deleted_id:
        raise LastIdBelowDeleted
    if stream.length and id < stream.newest_id:
        raise LastIdBelowTop
    if stream.length and added != -1 and added < stream.length:
        raise EntriesAddedBelowLength
    stream.last_id = id
    if added != -1:
        stream.added = added
    if deleted:
        stream.max_deleted_id = deleted
    db.noted(key, "xsetid")
    return "OK"


# Removing


@group.command("write fast")
def xdel(db: Database, key: DeleteKey, *ids: Some) -> int:
    """XDEL key id [id ...]

    Deletes entries of a stream. Returns how many there were.
    Since 5.0.0. O(1) for each single item to delete in the stream, regardless of the stream size.
    """
    stream = db.get(key, Stream)
    if stream is None:
        return 0
    deleted = sum(map(stream.delete, [parse_id(id) for id in ids]))
    if deleted:
        db.changed(key, "xdel", deleted)
    return deleted


@group.command("write", tips=("nondeterministic_output",))
def xtrim(db: Database, key: DeleteKey, *how: Annotated[bytes, AtLeast(2)]) -> int:
    """XTRIM key <<MAXLEN | MINID> [= | ~] threshold [LIMIT count]>

    Removes the oldest entries of a stream, down to a length or up to an id. Returns how many it were.
    Since 5.0.0. O(N), with N being the number of evicted entries. Constant times are very small however, since entries
    are organized in macro nodes containing multiple entries that can be released with a single deallocation.
    """
    trimming = read_trimming(db, how)
    stream = db.get(key, Stream)
    if stream is None:
        return 0
    removed = trimming.apply(stream)
    if removed:
        db.changed(key, "xtrim", removed)
        if not trimming.exact:
            db.record(AS_RECEIVED, key, *trimming.exactly(list(how), stream))
    return removed


# Reading


@group.command("readonly fast")
def xlen(db: Database, key: LookKey) -> int:
    """XLEN key

    Returns how many entries a stream has.
    Since 5.0.0. O(1).
    """
    stream = db.read(key, Stream)
    return 0 if stream is None else stream.length


@group.command("readonly")
def xrange(db: Database, key: ReadKey, start: bytes, end: bytes, *options: bytes) -> object:
    """XRANGE key start end [COUNT count]

    Returns the entries of a stream from one id to another.
    Since 5.0.0. O(N) with N being the number of elements being returned. If N is constant (e.g. always asking for the
    first 10 elements with COUNT), you can consider it O(1).
    """
    return _range(db, key, start, end, options, backwards=False)


@group.command("readonly")
def xrevrange(db: Database, key: ReadKey, end: bytes, start: bytes, *options: bytes) -> object:
    """XREVRANGE key end start [COUNT count]

    Returns the entries of a stream from one id down to another, the last one first.
    Since 5.0.0. O(N) with N being the number of elements returned. If N is constant (e.g. always asking for the
    first 10 elements with COUNT), you can consider it O(1).
    """
    return _range(db, key, start, end, options, backwards=True)


def _range(db: Database, key: bytes, start: bytes, end: bytes, options: tuple[bytes, ...], backwards: bool) -> object:
    first, last = parse_start(start), parse_end(end)
    count: int | None = None
    words = iter(options)
    for word in words:
        value = next(words, None)
        if word.upper() != b"COUNT" or value is None:
            raise BadSyntax
        count = max(0, parse_int(value))
    stream = db.read(key, Stream)
    if stream is None:
        return []
    if count == 0:
        return NULL_ARRAY
    entries = stream.range_reversed(first, last) if backwards else stream.range(first, last)
    return tell_all(entries, count)
