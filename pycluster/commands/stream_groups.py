"""Consumer groups of streams: made, moved, destroyed, with their consumers; and XACK (t_stream.c).

What is pending is stream_pending.py's, reading in a group stream_reads.py's. None of this touches WATCH, as the entries
stay what they are.
"""

from pycluster.commands.stream_arguments import parse_id, parse_id_or_end
from pycluster.commands.table import AppendKey, DeleteKey, Group, Some, UpdateKey
from pycluster.datatypes.stream import Stream
from pycluster.datatypes.stream_group import UNKNOWN
from pycluster.datatypes.stream_group import Group as Readers
from pycluster.keyspace.database import Database
from pycluster.protocol.errors import (
    EntriesReadNegative,
    GroupExists,
    GroupNeedsKey,
    SubcommandMisused,
    no_group,
)
from pycluster.protocol.numbers import parse_int

group = Group("stream", "stream")
xgroup = group.container("xgroup")


@xgroup.command("write denyoom")
def xgroup_create(db: Database, key: AppendKey, name: bytes, id: bytes, *options: bytes) -> str:
    """XGROUP CREATE key group <id | $> [MKSTREAM] [ENTRIESREAD entries-read]

    Creates a consumer group, which is to get what comes behind an id.
    Since 5.0.0. O(1).
    """
    make, entries_read = _read_options(options, may_make=True)
    stream = db.get(key, Stream)
    if stream is None and not make:
        raise GroupNeedsKey
    if len(options) > 3:
        raise SubcommandMisused
    top = 0 if stream is None else stream.last_id
    readers = Readers(top if id == b"$" else parse_id(id), entries_read)
    if stream is None:
        stream = Stream()
        stream.groups[name] = readers
        db.put(key, stream)
        db.changed(key, "xgroup-create")
        return "OK"
    if name in stream.groups:
        raise GroupExists
    stream.groups[name] = readers
    db.noted(key, "xgroup-create")
    return "OK"


@xgroup.command("write")
def xgroup_setid(db: Database, key: UpdateKey, name: bytes, id: bytes, *options: bytes) -> str:
    """XGROUP SETID key group <id | $> [ENTRIESREAD entries-read]

    Sets the id behind which a consumer group is to get entries.
    Since 5.0.0. O(1).
    """
    _, entries_read = _read_options(options, may_make=False)
    stream, readers = _find(db, key, name)
    if len(options) > 2:
        raise SubcommandMisused
    readers.last_id = stream.last_id if id == b"$" else parse_id_or_end(id)
    readers.entries_read = entries_read
    db.noted(key, "xgroup-setid")
    return "OK"


@xgroup.command("write")
def xgroup_destroy(db: Database, key: DeleteKey, name: bytes) -> int:
    """XGROUP DESTROY key group

    Destroys a consumer group. Returns whether there was one.
    Since 5.0.0. O(N) where N is the number of entries in the group's pending entries list (PEL).
    """
    stream = db.get(key, Stream)
    if stream is None:
        raise GroupNeedsKey
    if stream.groups.pop(name, None) is None:
        return 0
    db.changed(key, "xgroup-destroy")  # who waits in the group is to learn of it; so WATCH does too
    return 1


@xgroup.command("write denyoom")
def xgroup_createconsumer(db: Database, key: AppendKey, name: bytes, consumer: bytes) -> int:
    """XGROUP CREATECONSUMER key group consumer

    Creates a consumer in a group. Returns whether it is new.
    Since 6.2.0. O(1).
    """
    _, readers = _find(db, key, name)
    if consumer in readers.consumers:
        return 0
    readers.add_consumer(consumer, db.clock.now)
    db.noted(key, "xgroup-createconsumer")
    return 1


@xgroup.command("write")
def xgroup_delconsumer(db: Database, key: DeleteKey, name: bytes, consumer: bytes) -> int:
    """XGROUP DELCONSUMER key group consumer

    Deletes a consumer from a group. Returns how many entries were pending for it.
    Since 5.0.0. O(1).
    """
    _, readers = _find(db, key, name)
    if consumer not in readers.consumers:
        return 0
    pending = readers.remove_consumer(consumer)
    db.noted(key, "xgroup-delconsumer")
    return pending


xgroup.help("""
CREATE <key> <groupname> <id|$> [option]
    Create a new consumer group. Options are:
    * MKSTREAM
      Create the empty stream if it does not exist.
    * ENTRIESREAD entries_read
      Set the group's entries_read counter (internal use).
CREATECONSUMER <key> <groupname> <consumer>
    Create a new consumer in the specified group.
DELCONSUMER <key> <groupname> <consumer>
    Remove the specified consumer.
DESTROY <key> <groupname>
    Remove the specified group.
SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]
    Set the current group ID and entries_read counter.
""")


def _read_options(options: tuple[bytes, ...], may_make: bool) -> tuple[bool, int]:
    """(is the stream to be made, how many entries the group is to have read)."""
    make, entries_read = False, UNKNOWN
    words = iter(options)
    for word in words:
        match word.upper():
            case b"MKSTREAM" if may_make:
                make = True
            case b"ENTRIESREAD" if (number := next(words, None)) is not None:
                entries_read = parse_int(number)
                if entries_read < UNKNOWN:
                    raise EntriesReadNegative
            case _:
                raise SubcommandMisused
    return make, entries_read


def _find(db: Database, key: bytes, name: bytes) -> tuple[Stream, Readers]:
    stream = db.get(key, Stream)
    if stream is None:
        raise GroupNeedsKey
    readers = stream.groups.get(name)
    if readers is None:
        raise no_group(key, name)
    return stream, readers


@group.command("write fast")
def xack(db: Database, key: UpdateKey, name: bytes, *ids: Some) -> int:
    """XACK key group id [id ...]

    Acknowledges entries that a group was given: they are pending no more. Returns how many were.
    Since 5.0.0. O(1) for each message ID processed.
    """
    stream = db.read(key, Stream)
    readers = None if stream is None else stream.groups.get(name)
    if readers is None:
        return 0
    acknowledged = sum(map(readers.release, [parse_id(id) for id in ids]))
    if acknowledged:
        db.noted(key, count=acknowledged)
    return acknowledged
