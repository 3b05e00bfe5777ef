"""A stream as commands: who runs them gets the same stream."""

from types import SimpleNamespace

from pycluster.commands import stream_groups, stream_pending, streams
from pycluster.commands.table import build_table
from pycluster.datatypes.stream import Stream
from pycluster.datatypes.stream_group import Group
from pycluster.keyspace.database import IGNORE, Database
from pycluster.persistence.stream_commands import make_stream
from pycluster.server.execute import find

NOW = 1_700_000_000_000


def made_again(stream: Stream) -> Stream | None:
    """What comes of the commands in a server that loads."""
    table = build_table([streams.group, stream_groups.group, stream_pending.group])
    db = Database()
    db.clock.now, db.keyspace.expired_keys = NOW, IGNORE
    for args in make_stream(b"s", stream):
        find(table, args).run(SimpleNamespace(db=db), args)
    return db.get(b"s", Stream)


def test_entries_and_what_once_was_are_made_again() -> None:
    stream = Stream()
    for id in (1 << 64, 2 << 64 | 5, 3 << 64):
        stream.add(id, (b"f", b"%d" % id))
    stream.delete(3 << 64)
    assert made_again(stream) == stream


def test_a_stream_without_entries_is_made_again() -> None:
    stream = Stream()
    assert made_again(stream) == stream
    stream.add(7 << 64, (b"f", b"v"))
    stream.delete(7 << 64)
    assert made_again(stream) == stream


def test_groups_and_what_is_pending_in_them_are_made_again() -> None:
    stream = Stream()
    for id in (1, 2, 3):
        stream.add(id, (b"f", b"v"))
    group = stream.groups[b"g"] = Group(2, 2)
    stream.groups[b"idle"] = Group(3)
    ann, _ = group.add_consumer(b"ann", NOW), group.add_consumer(b"bob", NOW)
    group.assign(1, ann, NOW - 5000).deliveries = 4
    group.assign(2, ann, NOW)
    assert made_again(stream) == stream
