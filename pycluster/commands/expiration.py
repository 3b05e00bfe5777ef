"""When keys end: EXPIRE and its sisters, TTL and its sisters, PERSIST (expire.c)."""

from pycluster.commands.deadlines import Unit, to_deadline
from pycluster.commands.table import Group, ReadKey, UpdateKey
from pycluster.keyspace.database import Database
from pycluster.protocol.errors import ReplyError, text_of
from pycluster.protocol.numbers import parse_int

group = Group("generic", "keyspace")


@group.command("write fast")
def expire(db: Database, key: UpdateKey, seconds: bytes, *conditions: bytes) -> int:
    """EXPIRE key seconds [NX | XX | GT | LT]

    Sets the expiration time of a key in seconds.
    Since 1.0.0. O(1).
    """
    return _expire(db, key, Unit("s", span=True), seconds, conditions, "expire")


@group.command("write fast")
def pexpire(db: Database, key: UpdateKey, milliseconds: bytes, *conditions: bytes) -> int:
    """PEXPIRE key milliseconds [NX | XX | GT | LT]

    Sets the expiration time of a key in milliseconds.
    Since 2.6.0. O(1).
    """
    return _expire(db, key, Unit("ms", span=True), milliseconds, conditions, "pexpire")


@group.command("write fast")
def expireat(db: Database, key: UpdateKey, unix_time_seconds: bytes, *conditions: bytes) -> int:
    """EXPIREAT key unix-time-seconds [NX | XX | GT | LT]

    Sets the expiration time of a key to a Unix timestamp.
    Since 1.2.0. O(1).
    """
    return _expire(db, key, Unit("s", span=False), unix_time_seconds, conditions, "expireat")


@group.command("write fast")
def pexpireat(db: Database, key: UpdateKey, unix_time_milliseconds: bytes, *conditions: bytes) -> int:
    """PEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT]

    Sets the expiration time of a key to a Unix milliseconds timestamp.
    Since 2.6.0. O(1).
    """
    return _expire(db, key, Unit("ms", span=False), unix_time_milliseconds, conditions, "pexpireat")


def _expire(db: Database, key: bytes, unit: Unit, given: bytes, conditions: tuple[bytes, ...], command: str) -> int:
    """Sets a deadline if the conditions hold. One that is past already deletes the key instead."""
    wanted = _read_conditions(conditions)
    deadline = to_deadline(unit, parse_int(given), db.clock.now, command)
    if db.lookup_to_change(key) is None or not _holds(wanted, db.deadline(key), deadline):
        return 0
    if db.is_past(deadline):
        db.delete(key)
        db.changed(key, "del")
        db.record(db.keyspace.expire_record, key)
        return 1
    db.set_deadline(key, deadline)
    db.changed(key, "expire")
    if command != "pexpireat":
        db.record(b"PEXPIREAT", key, b"%d" % deadline, *conditions)
    return 1


def _read_conditions(conditions: tuple[bytes, ...]) -> set[bytes]:
    wanted = set()
    for condition in conditions:
        if condition.upper() not in (b"NX", b"XX", b"GT", b"LT"):
            raise ReplyError(f"ERR Unsupported option {text_of(condition)}")
        wanted.add(condition.upper())
    if b"NX" in wanted and len(wanted) > 1:
        raise ReplyError("ERR NX and XX, GT or LT options at the same time are not compatible")
    if {b"GT", b"LT"} <= wanted:
        raise ReplyError("ERR GT and LT options at the same time are not compatible")
    return wanted


def _holds(wanted: set[bytes], current: int | None, new: int) -> bool:
    """A key without a deadline counts as one that lives for ever."""
    if b"NX" in wanted and current is not None:
        return False
    if b"XX" in wanted and current is None:
        return False
    if b"GT" in wanted and (current is None or new <= current):
        return False
    return not (b"LT" in wanted and current is not None and new >= current)


@group.command("readonly fast", tips=("nondeterministic_output",))
def ttl(db: Database, key: ReadKey) -> int:
    """TTL key

    Returns the expiration time in seconds of a key.
    Since 1.0.0. O(1).
    """
    left = pttl(db, key)
    return left if left < 0 else (left + 500) // 1000


@group.command("readonly fast", tips=("nondeterministic_output",))
def pttl(db: Database, key: ReadKey) -> int:
    """PTTL key

    Returns the expiration time in milliseconds of a key.
    Since 2.6.0. O(1).
    """
    deadline = pexpiretime(db, key)
    return deadline if deadline < 0 else max(0, deadline - db.clock.now)


@group.command("readonly fast")
def expiretime(db: Database, key: ReadKey) -> int:
    """EXPIRETIME key

    Returns the expiration time of a key as a Unix timestamp.
    Since 7.0.0. O(1).
    """
    deadline = pexpiretime(db, key)
    return deadline if deadline < 0 else (deadline + 500) // 1000


@group.command("readonly fast")
def pexpiretime(db: Database, key: ReadKey) -> int:
    """PEXPIRETIME key

    Returns the expiration time of a key as a Unix milliseconds timestamp.
    Since 7.0.0. O(1).
    """
    if db.lookup(key) is None:
        return -2
    deadline = db.deadline(key)
    return -1 if deadline is None else deadline


@group.command("write fast")
def persist(db: Database, key: UpdateKey) -> int:
    """PERSIST key

    Removes the expiration time of a key.
    Since 2.2.0. O(1).
    """
    if db.lookup_to_change(key) is None or not db.persist(key):
        return 0
    db.changed(key, "persist")
    return 1
