"""DUMP and RESTORE: a value leaves as one string of bytes, and comes back under any key of any server (cluster.c).

The bytes are rdb/payload.py's. Values that take long to be written or read are worked on in slices, as a task beside
the other clients' commands (server/big_values.py); the commands here say what is asked for and what comes of it.
"""

from dataclasses import dataclass
from typing import Any

from pycluster.commands.table import Group, OverwriteKey, ReadKey
from pycluster.keyspace import accesses
from pycluster.keyspace.database import Database
from pycluster.keyspace.journal import AS_RECEIVED
from pycluster.protocol.errors import (
    BadDataFormat,
    BadSyntax,
    BusyKey,
    InvalidFrequency,
    InvalidIdleTime,
    InvalidTtl,
)
from pycluster.protocol.numbers import parse_int
from pycluster.protocol.replies import Wait
from pycluster.rdb.errors import Unreadable

group = Group("generic", "keyspace")
cluster_group = Group("server", "keyspace")

HIGHEST_FREQUENCY = 255


@group.command("readonly", tips=("nondeterministic_output",))
def dump(client: Any, key: ReadKey) -> object:
    """DUMP key

    Returns a serialized representation of the value stored at a key.
    Since 2.6.0. O(1) to access the key and additional O(N*M) to serialize it, where N is the number of Redis objects
    composing the value and M their average size. For small string values the time complexity is thus O(1)+O(1*M)
    where M is small, so simply O(1).
    """
    value = client.db.lookup(key)
    return None if value is None else client.server.big_values.dump(client, key, value)


@dataclass(slots=True)  # and not changed, once read
class _Options:
    """What stands behind RESTORE's payload."""

    replace: bool = False
    is_absolute: bool = False
    idle_s: int = -1
    frequency: int = -1


_PLAIN = _Options()


def _read_options(options: tuple[bytes, ...]) -> _Options:
    read = _Options()
    words = iter(range(len(options)))
    for at in words:
        behind = options[at + 1 : at + 2]
        match options[at].upper():
            case b"REPLACE":
                read.replace = True
            case b"ABSTTL":
                read.is_absolute = True
            case b"IDLETIME" if behind and read.frequency < 0:
                read.idle_s = parse_int(behind[0])
                if read.idle_s < 0:
                    raise InvalidIdleTime
                next(words)
            case b"FREQ" if behind and read.idle_s < 0:
                read.frequency = parse_int(behind[0])
                if not 0 <= read.frequency <= HIGHEST_FREQUENCY:
                    raise InvalidFrequency
                next(words)
            case _:
                raise BadSyntax
    return read


@group.command("write denyoom", categories="dangerous")
def restore(client: Any, key: OverwriteKey, ttl: bytes, payload: bytes, *options: bytes) -> object:
    """RESTORE key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]

    Creates a key from the serialized representation of a value.
    Since 2.6.0. O(1) to create the new key and additional O(N*M) to reconstruct the serialized value, where N is the
    number of Redis objects composing the value and M their average size. For small string values the time complexity
    is thus O(1)+O(1*M) where M is small, so simply O(1). However for sorted set values the complexity is
    O(N*M*log(N)) because inserting values into sorted sets is O(log(N)).
    """
    db: Database = client.db
    wanted = _read_options(options) if options else _PLAIN
    if not wanted.replace and db.lookup_to_change(key) is not None:
        raise BusyKey
    lifetime = parse_int(ttl) if ttl != b"0" else 0  # most keys have none
    if lifetime < 0:
        raise InvalidTtl
    try:
        value = client.server.big_values.restore(client, key, payload)
    except Unreadable:
        raise BadDataFormat from None
    if value.__class__ is Wait:
        return value
    deadline = lifetime if wanted.is_absolute or not lifetime else lifetime + db.clock.now
    _put(client, key, value, deadline, wanted)
    if deadline and not wanted.is_absolute and db.deadline(key) is not None:
        db.record(AS_RECEIVED, key, b"%d" % deadline, payload, *options, b"ABSTTL")
    return "OK"


def _put(client: Any, key: bytes, value: object, deadline: int, wanted: _Options) -> None:
    """The key as it is to be from now on; one whose time is over already is not there at all."""
    db: Database = client.db
    deleted = False
    if wanted.replace:
        db.persist(key)  # one that has expired is overwritten like any other
        deleted = db.delete(key)
    if deadline and db.is_past(deadline):
        if deleted:
            config = client.server.config
            db.record(b"UNLINK" if config.lazyfree_lazy_server_del else b"DEL", key)
            db.changed(key, "del")
        return
    db.put(key, value)
    if deadline:
        db.set_deadline(key, deadline)
    if db.keyspace.uses_by:
        _note_uses(db, key, wanted)
    db.changed(key, "restore")


def _note_uses(db: Database, key: bytes, wanted: _Options) -> None:
    """What was said of the key's uses; otherwise it is as any new one."""
    by, now = db.keyspace.uses_by, db.clock.now
    if by == "lfu":
        accesses.take(db, db.slot, key, by, accesses.FIRST_COUNT if wanted.frequency < 0 else wanted.frequency, now)
    else:
        accesses.take(db, db.slot, key, by, max(0, wanted.idle_s), now)


@cluster_group.command("write denyoom asking", categories="dangerous")
def restore_asking(client: Any, key: OverwriteKey, ttl: bytes, payload: bytes, *options: bytes) -> object:
    """RESTORE-ASKING key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]

    An internal command for migrating keys in a cluster.
    Since 3.0.0. O(1) to create the new key and additional O(N*M) to reconstruct the serialized value, where N is the
    number of Redis objects composing the value and M their average size. For small string values the time complexity
    is thus O(1)+O(1*M) where M is small, so simply O(1). However for sorted set values the complexity is
    O(N*M*log(N)) because inserting values into sorted sets is O(log(N)).
    """
    return restore(client, key, ttl, payload, *options)
