"""Strings: bytes, which may be read as a 64-bit integer or a float where a command asks for one (t_string.c)."""

from collections.abc import Iterator
from typing import Annotated

from pycluster.commands.deadlines import Unit, deadline_after
from pycluster.commands.table import (
    AppendKey,
    Group,
    InsertKey,
    Int,
    Key,
    LookKey,
    ModifyKey,
    OverwriteKey,
    PopKey,
    ReadKey,
    UpdateKey,
    every_other,
)
from pycluster.datatypes.string import RawString
from pycluster.keyspace.database import Database
from pycluster.keyspace.journal import AS_RECEIVED
from pycluster.protocol.errors import (
    BadSyntax,
    OffsetOutOfRange,
    StringTooLong,
    WouldBeNanOrInfinity,
    WouldDecrementOverflow,
    WouldOverflow,
    wrong_number_of_arguments,
)
from pycluster.protocol.numbers import INT_MAX, INT_MIN, add_long_doubles, parse_int, parse_long_double

group = Group("string", "string")

SetKey = Annotated[bytes, Key("RW access update variable_flags")]  # how it is used, SET's options say

# The unit in which each word of SET and GETEX gives a time, and whether it is a moment or a span.
TIME_WORDS = {
    b"EX": Unit("s", span=True),
    b"PX": Unit("ms", span=True),
    b"EXAT": Unit("s", span=False),
    b"PXAT": Unit("ms", span=False),
}


# Whole values


@group.command("write denyoom")
def set_(db: Database, key: SetKey, value: bytes, *options: bytes) -> object:
    """SET key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT
    unix-time-milliseconds | KEEPTTL]

    Sets the string value of a key, ignoring its type. The key is created if it doesn't exist.
    Since 1.0.0. O(1).
    """
    if options:
        return _set_with_options(db, key, value, options)
    if db.due and key in db.due:
        _replace_volatile(db, key, value)
    else:
        db.put(key, value)
    db.changed(key, "set")
    return "OK"


def _replace_volatile(db: Database, key: bytes, value: bytes) -> None:
    db.lookup_to_change(key)  # one that has expired gets its DEL first
    db.replace(key, value)


def _set_with_options(db: Database, key: bytes, value: bytes, options: tuple[bytes, ...]) -> object:
    condition = None
    get = keep = False
    time: tuple[Unit, bytes] | None = None
    words = iter(options)
    for word in words:
        match word.upper():
            case (b"NX" | b"XX") as known if condition in (None, known):
                condition = known
            case b"GET":
                get = True
            case b"KEEPTTL" if time is None:
                keep = True
            case (b"EX" | b"PX" | b"EXAT" | b"PXAT") as known if not keep and _may_follow(time, known):
                time = TIME_WORDS[known], _next(words)
            case _:
                raise BadSyntax
    deadline = None if time is None else deadline_after(time[0], time[1], db.clock.now, "set")
    old = db.read(key, bytes) if get else None
    exists = db.lookup_to_change(key) is not None
    if (condition == b"NX" and exists) or (condition == b"XX" and not exists):
        return old if get else None
    if keep:
        db.put(key, value)
    else:
        db.replace(key, value)
    db.changed(key, "set")
    if deadline is not None:
        db.set_deadline(key, deadline)
        db.notify("expire", key)
        if time is not None and time[0] != TIME_WORDS[b"PXAT"]:
            db.record(b"SET", key, value, b"PXAT", b"%d" % deadline)
    elif get:
        db.record(AS_RECEIVED, key, value, *(word for word in options if word.upper() != b"GET"))
    return old if get else "OK"


def _may_follow(time: tuple[Unit, bytes] | None, word: bytes) -> bool:
    """The same word may be said again; another one may not."""
    return time is None or TIME_WORDS[word] == time[0]


def _next(words: Iterator[bytes]) -> bytes:
    """The argument of an option, which must be there."""
    try:
        return next(words)
    except StopIteration:
        raise BadSyntax from None


@group.command("readonly fast")
def get(db: Database, key: ReadKey) -> bytes | None:
    """GET key

    Returns the string value of a key.
    Since 1.0.0. O(1).
    """
    return db.read(key, bytes)


@group.command("write denyoom fast")
def getset(db: Database, key: ModifyKey, value: bytes) -> bytes | None:
    """GETSET key value

    Returns the previous string value of a key after setting it to a new value.
    Since 1.0.0. O(1).
    Deprecated since 6.2.0, use `SET` with the `!GET` argument.
    """
    old = db.read(key, bytes)
    db.replace(key, value)
    db.changed(key, "set")
    db.record(b"SET", key, value)
    return old


@group.command("write fast")
def getdel(db: Database, key: PopKey) -> bytes | None:
    """GETDEL key

    Returns the string value of a key after deleting the key.
    Since 6.2.0. O(1).
    """
    value = db.read(key, bytes)
    if value is not None:
        db.delete(key)
        db.changed(key, "del")
        db.record(b"DEL", key)
    return value


@group.command("write fast")
def getex(db: Database, key: ModifyKey, *options: bytes) -> bytes | None:
    """GETEX key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]

    Returns the string value of a key after setting its expiration time.
    Since 6.2.0. O(1).
    """
    persist = False
    time: tuple[Unit, bytes] | None = None
    words = iter(options)
    for word in words:
        match word.upper():
            case b"PERSIST" if time is None:
                persist = True
            case (b"EX" | b"PX" | b"EXAT" | b"PXAT") as known if not persist and _may_follow(time, known):
                time = TIME_WORDS[known], _next(words)
            case _:
                raise BadSyntax
    value = db.read(key, bytes)
    if value is None:
        return None
    if time is not None:
        deadline = deadline_after(time[0], time[1], db.clock.now, "getex")
        if not time[0].span and db.is_past(deadline):
            db.delete(key)
            db.changed(key, "del")
            db.record(db.keyspace.expire_record, key)
        else:
            db.set_deadline(key, deadline)
            db.changed(key, "expire")
            db.record(b"PEXPIREAT", key, b"%d" % deadline)
    elif persist and db.persist(key):
        db.changed(key, "persist")
        db.record(b"PERSIST", key)
    return value


@group.command("write denyoom fast")
def setnx(db: Database, key: InsertKey, value: bytes) -> int:
    """SETNX key value

    Set the string value of a key only when the key doesn't exist.
    Since 1.0.0. O(1).
    Deprecated since 2.6.12, use `SET` with the `NX` argument.
    """
    if db.lookup_to_change(key) is not None:
        return 0
    db.put(key, value)
    db.changed(key, "set")
    return 1


@group.command("write denyoom")
def setex(db: Database, key: OverwriteKey, seconds: bytes, value: bytes) -> str:
    """SETEX key seconds value

    Sets the string value and expiration time of a key. Creates the key if it doesn't exist.
    Since 2.0.0. O(1).
    Deprecated since 2.6.12, use `SET` with the `EX` argument.
    """
    return _set_until(db, key, value, deadline_after(TIME_WORDS[b"EX"], seconds, db.clock.now, "setex"))


@group.command("write denyoom")
def psetex(db: Database, key: OverwriteKey, milliseconds: bytes, value: bytes) -> str:
    """PSETEX key milliseconds value

    Sets both string value and expiration time in milliseconds of a key. The key is created if it doesn't exist.
    Since 2.6.0. O(1).
    Deprecated since 2.6.12, use `SET` with the `PX` argument.
    """
    return _set_until(db, key, value, deadline_after(TIME_WORDS[b"PX"], milliseconds, db.clock.now, "psetex"))


def _set_until(db: Database, key: bytes, value: bytes, deadline: int) -> str:
    db.lookup_to_change(key)
    db.replace(key, value)
    db.changed(key, "set")
    db.set_deadline(key, deadline)
    db.notify("expire", key)
    db.record(b"SET", key, value, b"PXAT", b"%d" % deadline)
    return "OK"


@group.command("readonly fast", tips=("request_policy:multi_shard",))
def mget(db: Database, *keys: ReadKey) -> list[bytes | None]:
    """MGET key [key ...]

    Atomically returns the string values of one or more keys.
    Since 1.0.0. O(N) where N is the number of keys to retrieve.
    """
    values = []
    for key in keys:
        value = db.lookup(key)
        values.append(value if isinstance(value, bytes) else None)
    return values


@group.command("write denyoom", keys=every_other("OW update"), arity=-3,
               tips=("request_policy:multi_shard", "response_policy:all_succeeded"))  # fmt: skip
def mset(db: Database, *pairs: bytes) -> str:
    """MSET key value [key value ...]

    Atomically creates or modifies the string values of one or more keys.
    Since 1.0.1. O(N) where N is the number of keys to set.
    """
    if len(pairs) % 2:
        raise wrong_number_of_arguments("mset")
    _set_all(db, pairs)
    return "OK"


@group.command("write denyoom", keys=every_other("OW insert"), arity=-3)
def msetnx(db: Database, *pairs: bytes) -> int:
    """MSETNX key value [key value ...]

    Atomically modifies the string values of one or more keys only when all keys don't exist.
    Since 1.0.1. O(N) where N is the number of keys to set.
    """
    if len(pairs) % 2:
        raise wrong_number_of_arguments("msetnx")
    if any(db.lookup_to_change(key) is not None for key in pairs[::2]):
        return 0
    _set_all(db, pairs)
    return 1


def _set_all(db: Database, pairs: tuple[bytes, ...]) -> None:
    for key, value in zip(pairs[::2], pairs[1::2], strict=True):
        if db.due:
            db.lookup_to_change(key)
        db.replace(key, value)
        db.changed(key, "set")


# Parts of values


@group.command("write denyoom fast")
def append(db: Database, key: AppendKey, value: bytes) -> int:
    """APPEND key value

    Appends a string to the value of a key. Creates the key if it doesn't exist.
    Since 2.0.0. O(1). The amortized time complexity is O(1) assuming the appended value is small and the already
    present value is of any size, since the dynamic string library used by Redis will double the free space
    available on every reallocation.
    """
    old = db.get(key, bytes)
    if old is None:
        db.put(key, value)
        length = len(value)
    else:
        length = len(old) + len(value)
        _check_length(db, length)
        db.put(key, RawString(old + value))
    db.changed(key, "append")
    return length


def _check_length(db: Database, length: int) -> None:
    if length > db.keyspace.max_string:
        raise StringTooLong


@group.command("readonly fast")
def strlen(db: Database, key: LookKey) -> int:
    """STRLEN key

    Returns the length of a string value.
    Since 2.2.0. O(1).
    """
    return len(db.read(key, bytes) or b"")


@group.command("readonly")
def getrange(db: Database, key: ReadKey, start: Int, end: Int) -> bytes:
    """GETRANGE key start end

    Returns a substring of the string stored at a key.
    Since 2.4.0. O(N) where N is the length of the returned string. The complexity is ultimately determined by the
    returned length, but because creating a substring from an existing string is very cheap, it can be considered
    O(1) for small strings.
    """
    value = db.read(key, bytes) or b""
    if start < 0 and end < 0 and start > end:
        return b""
    start = max(0, start + len(value)) if start < 0 else start
    end = max(0, end + len(value)) if end < 0 else end
    return bytes(value[start : end + 1])


@group.command("readonly")
def substr(db: Database, key: ReadKey, start: Int, end: Int) -> bytes:
    """SUBSTR key start end

    Returns a substring from a string value.
    Since 1.0.0. O(N) where N is the length of the returned string. The complexity is ultimately determined by the
    returned length, but because creating a substring from an existing string is very cheap, it can be considered
    O(1) for small strings.
    Deprecated since 2.0.0, use `GETRANGE`.
    """
    return getrange(db, key, start, end)


@group.command("write denyoom")
def setrange(db: Database, key: UpdateKey, offset: Int, value: bytes) -> int:
    """SETRANGE key offset value

    Overwrites a part of a string value with another by an offset. Creates the key if it doesn't exist.
    Since 2.2.0. O(1), not counting the time taken to copy the new string in place. Usually, this string is very
    small so the amortized complexity is O(1). Otherwise, complexity is O(M) with M being the length of the value
    argument.
    """
    if offset < 0:
        raise OffsetOutOfRange
    old = db.get(key, bytes) or b""
    if not value:
        return len(old)
    _check_length(db, offset + len(value))
    new = RawString(old[:offset].ljust(offset, b"\0") + value + old[offset + len(value) :])
    db.put(key, new)
    db.changed(key, "setrange")
    return len(new)


# Numbers


@group.command("write denyoom fast")
def incr(db: Database, key: ModifyKey) -> int:
    """INCR key

    Increments the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.
    Since 1.0.0. O(1).
    """
    return add(db, key, 1)


@group.command("write denyoom fast")
def decr(db: Database, key: ModifyKey) -> int:
    """DECR key

    Decrements the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.
    Since 1.0.0. O(1).
    """
    return add(db, key, -1)


@group.command("write denyoom fast")
def incrby(db: Database, key: ModifyKey, increment: Int) -> int:
    """INCRBY key increment

    Increments the integer value of a key by a number. Uses 0 as initial value if the key doesn't exist.
    Since 1.0.0. O(1).
    """
    return add(db, key, increment)


@group.command("write denyoom fast")
def decrby(db: Database, key: ModifyKey, decrement: Int) -> int:
    """DECRBY key decrement

    Decrements a number from the integer value of a key. Uses 0 as initial value if the key doesn't exist.
    Since 1.0.0. O(1).
    """
    if decrement == INT_MIN:
        raise WouldDecrementOverflow
    return add(db, key, -decrement)


def add(db: Database, key: bytes, amount: int) -> int:
    """Adds to the integer at a key; one that is not there counts as 0."""
    old = db.get(key, bytes)
    new = amount if old is None else parse_int(old) + amount
    if not INT_MIN <= new <= INT_MAX:
        raise WouldOverflow
    db.put(key, b"%d" % new)
    db.changed(key, "incrby")
    return new


@group.command("write denyoom fast")
def incrbyfloat(db: Database, key: ModifyKey, increment: bytes) -> bytes:
    """INCRBYFLOAT key increment

    Increment the floating point value of a key by a number. Uses 0 as initial value if the key doesn't exist.
    Since 2.6.0. O(1).
    """
    old = db.get(key, bytes)
    new = add_long_doubles(parse_long_double(b"0" if old is None else old), parse_long_double(increment))
    if new is None:
        raise WouldBeNanOrInfinity
    db.put(key, new)
    db.changed(key, "incrbyfloat")
    db.record(b"SET", key, new, b"KEEPTTL")
    return new
