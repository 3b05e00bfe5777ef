"""The commands that make a stream, for a base file of commands: entries, what once was, groups and what is pending."""

from collections.abc import Iterator

from pycluster.datatypes.stream import Stream, format_id
from pycluster.datatypes.stream_group import Group

Args = list[bytes]


def make_stream(key: bytes, stream: Stream) -> Iterator[Args]:
    for id, entry in stream.range():
        yield [b"XADD", key, format_id(id), *entry]
    if not stream.length:  # an entry that goes at once leaves the key
        yield [b"XADD", key, b"MAXLEN", b"0", b"0-1", b"x", b"y"]
    added, deleted = b"%d" % stream.added, format_id(stream.max_deleted_id)
    yield [b"XSETID", key, format_id(stream.last_id), b"ENTRIESADDED", added, b"MAXDELETEDID", deleted]
    for name, group in stream.groups.items():
        yield from _make_group(key, name, group)


def _make_group(key: bytes, name: bytes, group: Group) -> Iterator[Args]:
    entries_read = b"%d" % group.entries_read
    yield [b"XGROUP", b"CREATE", key, name, format_id(group.last_id), b"ENTRIESREAD", entries_read]
    for consumer in group.consumers:
        yield [b"XGROUP", b"CREATECONSUMER", key, name, consumer]
    for id, pending in group.pending.items():
        yield [
            b"XCLAIM", key, name, pending.consumer, b"0", format_id(id), b"TIME", b"%d" % pending.delivered_at,
            b"RETRYCOUNT", b"%d" % pending.deliveries, b"JUSTID", b"FORCE",
        ]  # fmt: skip
