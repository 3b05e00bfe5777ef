"""XINFO: what is known of a stream, its groups and their consumers (t_stream.c)."""

from itertools import islice

from pycluster.commands.streams import tell, tell_all
from pycluster.commands.table import Group, ReadKey
from pycluster.datatypes.radix_tree import count_nodes
from pycluster.datatypes.stream import Stream, format_id
from pycluster.datatypes.stream_group import NEVER, UNKNOWN, Consumer
from pycluster.datatypes.stream_group import Group as Readers
from pycluster.keyspace.database import Database
from pycluster.protocol.errors import NoSuchKey, SubcommandMisused, no_group
from pycluster.protocol.numbers import parse_int

group = Group("stream", "stream")
xinfo = group.container("xinfo")

Told = dict[bytes, object]

ENTRIES = 10  # FULL without COUNT tells so many entries, and so many that are pending


@xinfo.command("readonly")
def xinfo_stream(db: Database, key: ReadKey, *options: bytes) -> Told:
    """XINFO STREAM key [FULL [COUNT count]]

    Returns what is known of a stream; FULL: with entries, groups and consumers.
    Since 5.0.0. O(1).
    """
    stream = _find(db, key)
    match [option.upper() for option in options]:
        case []:
            return _brief(stream)
        case [b"FULL"]:
            return _full(stream, ENTRIES)
        case [b"FULL", b"COUNT", _]:
            count = parse_int(options[2])
            return _full(stream, ENTRIES if count < 0 else count or None)
    raise SubcommandMisused


@xinfo.command("readonly")
def xinfo_groups(db: Database, key: ReadKey) -> list[Told]:
    """XINFO GROUPS key

    Returns the consumer groups of a stream.
    Since 5.0.0. O(1).
    """
    stream = _find(db, key)
    return [
        {
            b"name": name,
            b"consumers": len(readers.consumers),
            b"pending": len(readers.pending),
            b"last-delivered-id": format_id(readers.last_id),
            b"entries-read": _entries_read(readers),
            b"lag": stream.lag(readers),
        }
        for name, readers in sorted(stream.groups.items())
    ]


@xinfo.command("readonly", tips=("nondeterministic_output",))
def xinfo_consumers(db: Database, key: ReadKey, name: bytes) -> list[Told]:
    """XINFO CONSUMERS key group

    Returns the consumers of a group.
    Since 5.0.0. O(1).
    """
    readers = _find(db, key).groups.get(name)
    if readers is None:
        raise no_group(key, name)
    now = db.clock.now
    return [
        {
            b"name": consumer.name,
            b"pending": len(consumer.pending),
            b"idle": max(0, now - consumer.seen_at),
            b"inactive": NEVER if consumer.active_at == NEVER else now - consumer.active_at,
        }
        for _, consumer in sorted(readers.consumers.items())
    ]


xinfo.help("""
CONSUMERS <key> <groupname>
    Show consumers of <groupname>.
GROUPS <key>
    Show the stream consumer groups.
STREAM <key> [FULL [COUNT <count>]
    Show information about the stream.
""")


def _find(db: Database, key: bytes) -> Stream:
    stream = db.read(key, Stream)
    if stream is None:
        raise NoSuchKey
    return stream


def _brief(stream: Stream) -> Told:
    first, last = next(stream.range(), None), next(stream.range_reversed(), None)
    return {
        **_numbers(stream),
        b"groups": len(stream.groups),
        b"first-entry": None if first is None else tell(*first),
        b"last-entry": None if last is None else tell(*last),
    }


def _full(stream: Stream, count: int | None) -> Told:
    return {
        **_numbers(stream),
        b"entries": tell_all(stream.range(), count),
        b"groups": [_group(stream, name, readers, count) for name, readers in sorted(stream.groups.items())],
    }


def _numbers(stream: Stream) -> Told:
    """The nodes are those that Redis' radix tree would have."""
    return {
        b"length": stream.length,
        b"radix-tree-keys": len(stream.nodes),
        b"radix-tree-nodes": count_nodes([node.start for node in stream.nodes]),
        b"last-generated-id": format_id(stream.last_id),
        b"max-deleted-entry-id": format_id(stream.max_deleted_id),
        b"entries-added": stream.added,
        b"recorded-first-entry-id": format_id(stream.first_id),
    }


def _group(stream: Stream, name: bytes, readers: Readers, count: int | None) -> Told:
    return {
        b"name": name,
        b"last-delivered-id": format_id(readers.last_id),
        b"entries-read": _entries_read(readers),
        b"lag": stream.lag(readers),
        b"pel-count": len(readers.pending),
        b"pending": [
            [format_id(id), pending.consumer, pending.delivered_at, pending.deliveries]
            for id, pending in islice(readers.pending.items(), count)
        ],
        b"consumers": [_consumer(consumer, count) for _, consumer in sorted(readers.consumers.items())],
    }


def _consumer(consumer: Consumer, count: int | None) -> Told:
    return {
        b"name": consumer.name,
        b"seen-time": consumer.seen_at,
        b"active-time": consumer.active_at,
        b"pel-count": len(consumer.pending),
        b"pending": [
            [format_id(id), pending.delivered_at, pending.deliveries]
            for id, pending in islice(consumer.pending.items(), count)
        ],
    }


def _entries_read(readers: Readers) -> int | None:
    return None if readers.entries_read == UNKNOWN else readers.entries_read
