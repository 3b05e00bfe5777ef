"""Reading what is new in streams, and waiting for it: XREAD, and XREADGROUP for a consumer of a group (t_stream.c).

XREADGROUP is not recorded as such: what others are to know of it is that an entry is pending now (XCLAIM), or, where
nobody will acknowledge it, how far the group has come (XGROUP SETID).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Annotated

from pycluster.commands.arguments import parse_timeout_ms
from pycluster.commands.stream_arguments import parse_id
from pycluster.commands.streams import Told, tell, tell_all
from pycluster.commands.table import AtLeast, Group, KeySpec, Range
from pycluster.datatypes.stream import Stream, format_id
from pycluster.datatypes.stream_group import Consumer, Pending
from pycluster.datatypes.stream_group import Group as Readers
from pycluster.keyspace.database import Database
from pycluster.protocol.errors import (
    BadSyntax,
    GroupOfXread,
    LastIdOfXreadgroup,
    MissingGroup,
    NewOnlyOfXread,
    NoackOfXread,
    no_group_to_read,
    unbalanced_streams,
)
from pycluster.protocol.numbers import parse_int
from pycluster.protocol.replies import NULL_ARRAY, ByKey, Wait

group = Group("stream", "stream")

LAST, NEW = b"$", b">"  # instead of an id: what comes from now on; what nobody of the group has got yet


def streams_from(place: int) -> KeySpec:
    """`STREAMS key … id …`: of what follows the word, the first half are keys."""
    return KeySpec("RO access", ("STREAMS", place), Range(-1, limit=2))


@group.command("readonly blocking", keys=streams_from(1))
def xread(db: Database, *arguments: Annotated[bytes, AtLeast(3)]) -> object:
    """XREAD [COUNT count] [BLOCK milliseconds] <STREAMS key [key ...] id [id ...]>

    Returns what streams hold behind the ids given for them, by stream. Waits for something new if need be.
    Since 5.0.0.
    """
    request = _read_request(b"XREAD", arguments)
    behind = []
    for key, id in zip(request.keys, request.ids, strict=True):
        stream = db.read(key, Stream)
        if id == NEW:
            raise NewOnlyOfXread
        behind.append((0 if stream is None else stream.last_id) if id == LAST else parse_id(id))
    found = ByKey()
    for key, last in zip(request.keys, behind, strict=True):
        stream = db.get(key, Stream)
        if stream is not None and stream.newest_id > last:
            found.append((key, tell_all(stream.range(last + 1), request.count)))
    if found:
        return found
    return request.wait(map(format_id, behind), until_gone=False)


@group.command("write blocking", keys=streams_from(4))
def xreadgroup(db: Database, *arguments: Annotated[bytes, AtLeast(6)]) -> object:
    """XREADGROUP <GROUP group consumer> [COUNT count] [BLOCK milliseconds] [NOACK] <STREAMS key [key ...] id [id ...]>

    Gives a consumer of a group what nobody else of the group got, or tells it again what it has not acknowledged, by
    stream. Waits for something new if need be.
    Since 5.0.0. For each stream mentioned: O(M) with M being the number of elements returned. If M is constant (e.g.
    always asking for the first 10 elements with COUNT), you can consider it O(1). On the other side when XREADGROUP
    blocks, XADD will pay the O(N) time in order to serve the N clients blocked on the stream getting new data.
    """
    request = _read_request(b"XREADGROUP", arguments)
    if not request.of_group:
        raise MissingGroup
    streams = []
    for key, id in zip(request.keys, request.ids, strict=True):
        stream = db.read(key, Stream)
        readers = None if stream is None else stream.groups.get(request.group)
        if stream is None or readers is None:
            raise no_group_to_read(key, request.group)
        if id == LAST:
            raise LastIdOfXreadgroup
        streams.append((key, None if id == NEW else parse_id(id), stream, readers))
    found = ByKey()
    for key, behind, stream, readers in streams:
        is_new = request.consumer not in readers.consumers
        consumer = find_or_make_consumer(db, key, readers, request.consumer)
        if is_new and request.noack:  # else the first XCLAIM makes the consumer known to others
            db.record(b"XGROUP", b"CREATECONSUMER", key, request.group, consumer.name)
        if behind is not None:
            found.append((key, _tell_again(db, key, stream, consumer, behind, request.count)))
        elif stream.newest_id > readers.last_id:
            found.append((key, _deliver(db, key, stream, readers, consumer, request)))
    return found or request.wait(request.ids, until_gone=True)


# What is asked


@dataclass(slots=True)
class _Request:
    """XREAD or XREADGROUP, taken apart."""

    name: bytes
    arguments: Sequence[bytes]
    count: int | None = None
    timeout: float | None = None
    of_group: bool = False
    group: bytes = b""
    consumer: bytes = b""
    noack: bool = False
    keys: list[bytes] = field(default_factory=list)
    ids: list[bytes] = field(default_factory=list)

    def wait(self, ids: Iterable[bytes], *, until_gone: bool) -> object:
        """There is nothing: the reply to that. A client that blocks will ask again, for what is behind these ids."""
        if self.timeout is None:
            return NULL_ARRAY
        again = [self.name, *self.arguments[: -len(self.ids)], *ids]
        return Wait(self.keys, Stream, self.timeout, request=again, until_gone=until_gone)


def _read_request(name: bytes, arguments: Sequence[bytes]) -> _Request:
    request = _Request(name, arguments)
    may_be_of_group = name == b"XREADGROUP"
    at = 0
    while at < len(arguments):
        more = len(arguments) - 1 - at
        match arguments[at].upper():
            case b"BLOCK" if more:
                request.timeout = parse_timeout_ms(arguments[at + 1])
                at += 2
            case b"COUNT" if more:
                count = parse_int(arguments[at + 1])
                request.count = count if count > 0 else None
                at += 2
            case b"GROUP" if more >= 2:
                if not may_be_of_group:
                    raise GroupOfXread
                request.of_group = True
                request.group, request.consumer = arguments[at + 1 : at + 3]
                at += 3
            case b"NOACK":
                if not may_be_of_group:
                    raise NoackOfXread
                request.noack = True
                at += 1
            case b"STREAMS" if more:
                if more % 2:
                    raise unbalanced_streams(name.decode().lower(), ">" if may_be_of_group else "$")
                middle = at + 1 + more // 2
                request.keys, request.ids = list(arguments[at + 1 : middle]), list(arguments[middle:])
                return request
            case _:
                raise BadSyntax
    raise BadSyntax


# What a consumer gets


def _tell_again(
    db: Database, key: bytes, stream: Stream, consumer: Consumer, behind: int, count: int | None
) -> list[Told]:
    """What is pending for the consumer, delivered once more; an entry that was deleted has no fields."""
    note_quietly(db, key)
    told: list[Told] = []
    for id, pending in islice(consumer.pending.items(behind + 1), count):
        entry = stream.get(id)
        if entry is None:
            told.append([format_id(id), NULL_ARRAY])
            continue
        pending.delivered_at = db.clock.now
        pending.deliveries += 1
        told.append(tell(id, entry))
    return told


def _deliver(
    db: Database, key: bytes, stream: Stream, readers: Readers, consumer: Consumer, request: _Request
) -> list[Told]:
    """What the group has not got yet goes to this consumer, and is pending unless nobody is to acknowledge it."""
    note_quietly(db, key)
    told = []
    for id, entry in islice(stream.range(readers.last_id + 1), request.count):
        stream.deliver(readers, id)
        if not request.noack:
            pending = readers.assign(id, consumer, db.clock.now)
            consumer.active_at = db.clock.now
            record_claim(db, key, request.group, readers, format_id(id), pending)
        told.append(tell(id, entry))
    if request.noack:
        record_position(db, key, request.group, readers)
    return told


# What commands about what is pending have in common


def note_quietly(db: Database, key: bytes, event: str = "") -> None:
    """Something has changed, and others are told of it by records of their own, or not at all."""
    db.noted(key, event)
    db.record_nothing()


def find_or_make_consumer(db: Database, key: bytes, readers: Readers, name: bytes) -> Consumer:
    """The consumer who asks, made known to the group if it is not yet."""
    consumer = readers.consumers.get(name)
    if consumer is None:
        consumer = readers.add_consumer(name, db.clock.now)
        note_quietly(db, key, "xgroup-createconsumer")
    consumer.seen_at = db.clock.now
    return consumer


def record_claim(db: Database, key: bytes, name: bytes, readers: Readers, id: bytes, pending: Pending) -> None:
    """Others are to know that an entry is pending: an XCLAIM that may be done twice without harm."""
    db.record(
        b"XCLAIM", key, name, pending.consumer, b"0", id, b"TIME", b"%d" % pending.delivered_at,
        b"RETRYCOUNT", b"%d" % pending.deliveries, b"FORCE", b"JUSTID", b"LASTID", format_id(readers.last_id),
    )  # fmt: skip


def record_position(db: Database, key: bytes, name: bytes, readers: Readers) -> None:
    """Others are to know how far a group has come."""
    entries_read = b"%d" % readers.entries_read
    db.record(b"XGROUP", b"SETID", key, name, format_id(readers.last_id), b"ENTRIESREAD", entries_read)
