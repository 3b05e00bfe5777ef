"""What consumers were given and have not acknowledged: seen by XPENDING, taken over by XCLAIM and XAUTOCLAIM.

A claim is recorded entry by entry, as an XCLAIM that says how things are now (t_stream.c).
"""

from itertools import islice

from pycluster.commands.arguments import parse_at_least
from pycluster.commands.stream_arguments import parse_end, parse_id, parse_start
from pycluster.commands.stream_reads import find_or_make_consumer, note_quietly, record_claim, record_position
from pycluster.commands.streams import tell
from pycluster.commands.table import DeleteKey, Group, ReadKey, Some, UpdateKey
from pycluster.datatypes.stream import Stream, format_id
from pycluster.datatypes.stream_group import Consumer, Pending
from pycluster.datatypes.stream_group import Group as Readers
from pycluster.keyspace.database import Database
from pycluster.protocol.errors import (
    AutoclaimCountTooSmall,
    AutoclaimMinIdleInvalid,
    BadSyntax,
    ClaimIdleInvalid,
    ClaimMinIdleInvalid,
    ClaimRetryCountInvalid,
    ClaimTimeInvalid,
    InvalidStreamId,
    no_key_or_group,
    unknown_claim_option,
)
from pycluster.protocol.numbers import INT_MAX, parse_int
from pycluster.protocol.replies import NULL_ARRAY

group = Group("stream", "stream")

ATTEMPTS = 10  # XAUTOCLAIM looks at so many entries for each that it may claim
MOST_CLAIMS = INT_MAX // 16


def _find(db: Database, key: bytes, name: bytes) -> tuple[Stream, Readers]:
    stream = db.read(key, Stream)
    readers = None if stream is None else stream.groups.get(name)
    if stream is None or readers is None:
        raise no_key_or_group(key, name)
    return stream, readers


@group.command("readonly", tips=("nondeterministic_output",))
def xpending(db: Database, key: ReadKey, name: bytes, *filters: bytes) -> object:
    """XPENDING key group [[IDLE min-idle-time] start end count [consumer]]

    Returns how much is pending in a group, or which entries, for whom, since when.
    Since 5.0.0. O(N) with N being the number of elements returned, so asking for a small fixed number of entries per
    call is O(1). O(M), where M is the total number of entries scanned when used with the IDLE filter. When the command
    returns just the summary and the list of consumers is small, it runs in O(1) time; otherwise, an additional O(N)
    time for iterating every consumer.
    """
    if not filters:
        _, readers = _find(db, key, name)
        return _summary(readers)
    if not 3 <= len(filters) <= 6:
        raise BadSyntax
    min_idle = 0
    if filters[0].upper() == b"IDLE":
        min_idle = parse_int(filters[1])
        filters = filters[2:]
        if len(filters) < 3:
            raise BadSyntax
    count = max(0, parse_int(filters[2]))
    first, last = parse_start(filters[0]), parse_end(filters[1])
    _, readers = _find(db, key, name)
    pending = readers.pending
    if len(filters) > 3:
        consumer = readers.consumers.get(filters[3])
        if consumer is None:
            return []
        pending = consumer.pending
    now = db.clock.now
    told: list[object] = []
    for id, one in pending.items(first):
        if id > last or len(told) == count:
            break
        idle = now - one.delivered_at
        if not min_idle or idle >= min_idle:
            told.append([format_id(id), one.consumer, max(0, idle), one.deliveries])
    return told


def _summary(readers: Readers) -> list[object]:
    pending = readers.pending
    if not pending:
        return [0, None, None, NULL_ARRAY]
    consumers = sorted(readers.consumers.items())
    shares = [[name, b"%d" % len(consumer.pending)] for name, consumer in consumers if consumer.pending]
    return [len(pending), format_id(pending.first), format_id(pending.last), shares]


# Claiming


@group.command("write fast", tips=("nondeterministic_output",))
def xclaim(
    db: Database, key: UpdateKey, name: bytes, consumer: bytes, min_idle_time: bytes, *rest: Some
) -> list[object]:
    """XCLAIM key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-time-milliseconds] [RETRYCOUNT count]
        [FORCE] [JUSTID] [LASTID lastid]

    Makes entries that are pending for others pending for this consumer, if that has lasted long enough, and returns
    them.
    Since 5.0.0. O(log N) with N being the number of messages in the PEL of the consumer group.
    """
    stream, readers = _find(db, key, name)
    min_idle = parse_int(min_idle_time, ClaimMinIdleInvalid)
    ids = _leading_ids(rest)
    now = db.clock.now
    delivered_at, deliveries, force, only_ids, last_id = now, -1, False, False, 0
    words = iter(rest[len(ids) :])
    for word in words:
        match word.upper():
            case b"FORCE":
                force = True
            case b"JUSTID":
                only_ids = True
            case b"IDLE" if (value := next(words, None)) is not None:
                delivered_at = now - parse_int(value, ClaimIdleInvalid)
            case b"TIME" if (value := next(words, None)) is not None:
                delivered_at = parse_int(value, ClaimTimeInvalid)
            case b"RETRYCOUNT" if (value := next(words, None)) is not None:
                deliveries = parse_int(value, ClaimRetryCountInvalid)
            case b"LASTID" if (value := next(words, None)) is not None:
                last_id = parse_id(value)
            case _:
                raise unknown_claim_option(word)
    if not 0 <= delivered_at <= now:
        delivered_at = now
    is_further = last_id > readers.last_id
    if is_further:
        readers.last_id = last_id
    claimant = find_or_make_consumer(db, key, readers, consumer)
    told: list[object] = []
    for text, id in zip(rest, ids, strict=False):
        pending = readers.pending.get(id)
        entry = stream.get(id)
        if entry is None:
            if pending is not None:
                is_further = False
                note_quietly(db, key)
                record_claim(db, key, name, readers, text, pending)
                readers.release(id)
            continue
        if pending is None:
            if not force:
                continue
            pending = readers.assign(id, claimant, now)
        elif min_idle > 0 and now - pending.delivered_at < min_idle:
            continue
        _claim(readers, id, pending, claimant, delivered_at, not only_ids)
        if deliveries >= 0:
            pending.deliveries = deliveries
        claimant.active_at = now
        told.append(format_id(id) if only_ids else tell(id, entry))
        is_further = False
        note_quietly(db, key)
        record_claim(db, key, name, readers, text, pending)
    if is_further:  # else the claims have told it
        note_quietly(db, key)
        record_position(db, key, name, readers)
    return told


def _leading_ids(words: tuple[bytes, ...]) -> list[int]:
    """What can be read as ids: the first word that can't is an option."""
    ids = []
    for word in words:
        try:
            ids.append(parse_id(word))
        except InvalidStreamId:
            break
    return ids


def _claim(readers: Readers, id: int, pending: Pending, claimant: Consumer, delivered_at: int, counts: bool) -> None:
    readers.hand_over(id, pending, claimant)
    pending.delivered_at = delivered_at
    pending.deliveries += counts


@group.command("write fast", tips=("nondeterministic_output",))
def xautoclaim(
    db: Database, key: DeleteKey, name: bytes, consumer: bytes, min_idle_time: bytes, start: bytes, *options: bytes
) -> list[object]:
    """XAUTOCLAIM key group consumer min-idle-time start [COUNT count] [JUSTID]

    Walks through what is pending in a group in steps, and makes what has been so for long enough pending for this
    consumer. Each step returns where the next one begins, the entries claimed, and the ids of those that are no more.
    Since 6.2.0. O(1) if COUNT is small.
    """
    min_idle = parse_int(min_idle_time, AutoclaimMinIdleInvalid)
    first = parse_start(start)
    count, only_ids = 100, False
    words = iter(options)
    for word in words:
        match word.upper():
            case b"COUNT" if (value := next(words, None)) is not None:
                count = parse_at_least(1, value, AutoclaimCountTooSmall)
                if count > MOST_CLAIMS:
                    raise AutoclaimCountTooSmall
            case b"JUSTID":
                only_ids = True
            case _:
                raise BadSyntax
    stream, readers = _find(db, key, name)
    claimant = find_or_make_consumer(db, key, readers, consumer)
    now = db.clock.now
    told: list[object] = []
    deleted: list[object] = []
    attempts = count * ATTEMPTS
    ahead = list(islice(readers.pending.items(first), attempts + 1))
    for seen, (id, pending) in enumerate(ahead):
        if seen == attempts or len(told) + len(deleted) == count:
            return [format_id(id), told, deleted]
        entry = stream.get(id)
        if entry is None:
            note_quietly(db, key)
            record_claim(db, key, name, readers, format_id(id), pending)
            readers.release(id)
            deleted.append(format_id(id))
        elif min_idle <= 0 or now - pending.delivered_at >= min_idle:
            _claim(readers, id, pending, claimant, now, not only_ids)
            claimant.active_at = now
            told.append(format_id(id) if only_ids else tell(id, entry))
            note_quietly(db, key)
            record_claim(db, key, name, readers, format_id(id), pending)
    return [format_id(0), told, deleted]
