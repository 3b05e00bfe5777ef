"""Keys, whatever they hold: delete, find, rename, copy, describe (db.c, object.c). When they end is expiration.py's."""

from typing import Any

from pycluster.commands.scanning import parse_cursor, parse_scan_options
from pycluster.commands.table import (
    Group,
    InsertKey,
    LookKey,
    ModifyKey,
    OverwriteKey,
    PopKey,
    ReadKey,
    RemoveKey,
)
from pycluster.datatypes.block_list import List
from pycluster.datatypes.hash import Hash
from pycluster.datatypes.set import Set
from pycluster.datatypes.sorted_set import SortedSet
from pycluster.datatypes.stream import Stream
from pycluster.datatypes.string import RawString
from pycluster.keyspace.database import Database
from pycluster.keyspace.encoding import encoding_of
from pycluster.keyspace.scan import scan_keys
from pycluster.protocol.errors import (
    BadSyntax,
    DatabaseOutOfRange,
    FrequencyNotTracked,
    IdleTimeNotTracked,
    NoSuchKey,
    ReplyError,
    SameObject,
)
from pycluster.protocol.glob import glob_match
from pycluster.protocol.numbers import parse_int32

group = Group("generic", "keyspace")

TYPE_NAMES = {
    bytes: "string", RawString: "string", List: "list", Hash: "hash", Set: "set", SortedSet: "zset", Stream: "stream"
}  # fmt: skip


@group.command("write", tips=("request_policy:multi_shard", "response_policy:agg_sum"))
def del_(db: Database, *keys: RemoveKey) -> int:
    """DEL key [key ...]

    Deletes one or more keys.
    Since 1.0.0. O(N) where N is the number of keys that will be removed. When a key to remove holds a value other
    than a string, the individual complexity for this key is O(M) where M is the number of elements in the list,
    set, sorted set or hash. Removing a single key that holds a string value is O(1).
    """
    return delete_all(db, keys)


@group.command("write fast", tips=("request_policy:multi_shard", "response_policy:agg_sum"))
def unlink(db: Database, *keys: RemoveKey) -> int:
    """UNLINK key [key ...]

    Asynchronously deletes one or more keys.
    Since 4.0.0. O(1) for each key removed regardless of its size. Then the command does O(N) work in a different
    thread in order to reclaim memory, where N is the number of allocations the deleted objects where composed of.
    """
    return delete_all(db, keys)


def delete_all(db: Database, keys: tuple[bytes, ...]) -> int:
    """Removes keys; how many there were."""
    deleted = 0
    for key in keys:
        if db.delete(key):
            db.changed(key, "del")
            deleted += 1
    return deleted


@group.command("readonly fast", tips=("request_policy:multi_shard", "response_policy:agg_sum"))
def exists(db: Database, *keys: LookKey) -> int:
    """EXISTS key [key ...]

    Determines whether one or more keys exist.
    Since 1.0.0. O(N) where N is the number of keys to check.
    """
    return sum(db.lookup(key) is not None for key in keys)


@group.command("readonly fast", tips=("request_policy:multi_shard", "response_policy:agg_sum"))
def touch(db: Database, *keys: LookKey) -> int:
    """TOUCH key [key ...]

    Returns the number of existing keys out of those specified after updating the time they were last accessed.
    Since 3.2.1. O(N) where N is the number of keys that will be touched.
    """
    return sum(db.lookup(key) is not None for key in keys)


@group.command("readonly fast")
def type_(db: Database, key: LookKey) -> str:
    """TYPE key

    Determines the type of value stored at a key.
    Since 1.0.0. O(1).
    """
    return type_name(db.lookup(key))


def type_name(value: object) -> str:
    """What TYPE answers of a value; "none" of none."""
    return "none" if value is None else TYPE_NAMES[value.__class__]


# Finding keys


@group.command("readonly", categories="dangerous", tips=("request_policy:all_shards", "nondeterministic_output_order"))
def keys(db: Database, pattern: bytes) -> list[bytes]:
    """KEYS pattern

    Returns all key names that match a pattern.
    Since 1.0.0. O(N) with N being the number of keys in the database, under the assumption that the key names in
    the database and the given pattern have limited length.
    """
    names = list(db.keys()) if pattern == b"*" else [key for key in db.keys() if glob_match(pattern, key)]
    if db.volatile:
        names = [key for key in names if _is_alive(db, key)]
    return names


def _is_alive(db: Database, key: bytes) -> bool:
    db.enter_slot_of(key)
    return db.peek(key) is not None


@group.command("readonly", tips=("nondeterministic_output", "request_policy:special", "response_policy:special"))
def scan(db: Database, cursor: bytes, *options: bytes) -> list[object]:
    """SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]

    Iterates over the key names in the database.
    Since 2.8.0. O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor
    to return back to 0. N is the number of elements inside the collection.
    """
    at = parse_cursor(cursor)
    wanted = parse_scan_options(options, with_type=True)
    behind, names = scan_keys(db, at, wanted.count)
    if wanted.pattern is not None:
        names = [key for key in names if wanted.matches(key)]
    if db.volatile:
        names = [key for key in names if not _has_expired(db, key)]
    if wanted.type is not None:
        names = [key for key in names if _has_type(db, key, wanted.type)]
    return [b"%d" % behind, names]


def _has_expired(db: Database, key: bytes) -> bool:
    """A key past its deadline is removed here, each by itself: a walk over keys of any slot is no transaction."""
    db.enter_slot_of(key)
    alive = db.lookup_to_change(key) is not None
    db.journal.commit(db.index, [])
    return not alive


def _has_type(db: Database, key: bytes, wanted: bytes) -> bool:
    db.enter_slot_of(key)
    return type_name(db.peek(key)).encode() == wanted


@group.command("readonly", tips=("request_policy:all_shards", "response_policy:special", "nondeterministic_output"))
def randomkey(db: Database) -> bytes | None:
    """RANDOMKEY

    Returns a random key name from the database.
    Since 1.0.0. O(1).
    """
    for _ in range(100):  # on a replica expired keys stay: do not look for a living one for ever (db.c, dbRandomKey)
        key = db.random_key()
        if key is None or not _has_expired(db, key):
            return key
    return key


# Moving values


@group.command("write")
def rename(db: Database, key: PopKey, newkey: OverwriteKey) -> str:
    """RENAME key newkey

    Renames a key and overwrites the destination.
    Since 1.0.0. O(1).
    """
    _rename(db, key, newkey, overwrite=True)
    return "OK"


@group.command("write fast")
def renamenx(db: Database, key: PopKey, newkey: InsertKey) -> int:
    """RENAMENX key newkey

    Renames a key only when the target key name doesn't exist.
    Since 1.0.0. O(1).
    """
    return int(_rename(db, key, newkey, overwrite=False))


def _rename(db: Database, key: bytes, newkey: bytes, overwrite: bool) -> bool:
    """Gives a value another key, with its deadline; has it been done?"""
    value = db.lookup_to_change(key)
    if value is None:
        raise NoSuchKey
    if key == newkey:
        return overwrite
    deadline = db.deadline(key)
    if db.lookup_to_change(newkey) is not None:
        if not overwrite:
            return False
        db.delete(newkey)
    db.delete(key)
    db.put(newkey, value)
    if deadline is not None:
        db.set_deadline(newkey, deadline)
    db.changed(key, "rename_from")
    db.changed(newkey, "rename_to", 0)
    return True


@group.command("write denyoom")
def copy(client: Any, source: ReadKey, destination: OverwriteKey, *options: bytes) -> int:
    """COPY source destination [DB destination-db] [REPLACE]

    Copies the value of a key to a new key.
    Since 6.2.0. O(N) worst case for collections, where N is the number of nested items. O(1) for string values.
    """
    server, db = client.server, client.db
    target, replace = db, False
    words = iter(options)
    for word in words:
        match word.upper():
            case b"REPLACE":
                replace = True
            case b"DB":
                number = next(words, None)
                if number is None:
                    raise BadSyntax
                target = _database(server, number)
            case _:
                raise BadSyntax
    if target is db and source == destination:
        raise SameObject
    value = db.lookup(source)
    if value is None:
        return 0
    deadline = db.deadline(source)
    target.enter_slot_of(destination)
    if target.lookup_to_change(destination) is not None:
        if not replace:
            return 0
        target.delete(destination)
    target.put(destination, value if isinstance(value, bytes) else value.copy())
    if deadline is not None:
        target.set_deadline(destination, deadline)
    target.changed(destination, "copy_to")
    return 1


def _database(server: Any, number: bytes) -> Database:
    """A database by its number (a cluster has none but the first)."""
    index = parse_int32(number)
    if not 0 <= index < len(server.databases):
        raise DatabaseOutOfRange
    return server.databases[index]


@group.command("write fast")
def move(client: Any, key: ModifyKey, db: bytes) -> int:
    """MOVE key db

    Moves a key to another database.
    Since 1.0.0. O(1).
    """
    source = client.db
    if client.server.clustered:
        raise ReplyError("ERR MOVE is not allowed in cluster mode")
    target = _database(client.server, db)
    if target is source:
        raise SameObject
    value = source.lookup_to_change(key)
    if value is None:
        return 0
    deadline = source.deadline(key)
    if target.lookup_to_change(key) is not None:
        return 0
    source.delete(key)
    target.put(key, value)
    if deadline is not None:
        target.set_deadline(key, deadline)
    source.changed(key, "move_from")
    target.changed(key, "move_to", 0)
    return 1


# OBJECT

object_ = group.container("object")


@object_.command("readonly", categories="keyspace", tips=("nondeterministic_output",))
def object_encoding(client: Any, key: LookKey) -> bytes | None:
    """OBJECT ENCODING key

    Returns the internal encoding of a Redis object.
    Since 2.2.3. O(1).
    """
    value = client.db.lookup_to_change(key)
    return None if value is None else encoding_of(value, client.server.config).encode()


@object_.command("readonly", categories="keyspace", tips=("nondeterministic_output",))
def object_refcount(db: Database, key: LookKey) -> int | None:
    """OBJECT REFCOUNT key

    Returns the reference count of a value of a key.
    Since 2.2.3. O(1).
    """
    value = db.lookup_to_change(key)
    if value is None:
        return None
    shared = isinstance(value, bytes) and value.isdigit() and len(value) < 5 and (value[0] != 48 or value == b"0")
    return (1 << 31) - 1 if shared else 1


@object_.command("readonly", categories="keyspace", tips=("nondeterministic_output",))
def object_idletime(client: Any, key: LookKey) -> int | None:
    """OBJECT IDLETIME key

    Returns the time since the last access to a Redis object.
    Since 2.2.3. O(1).
    """
    db, memory = client.db, client.server.memory
    if db.lookup_to_change(key) is None:
        return None
    if memory.counts_uses:
        raise IdleTimeNotTracked
    return int(memory.idle_ms(db, key) // 1000)


@object_.command("readonly", categories="keyspace", tips=("nondeterministic_output",))
def object_freq(client: Any, key: LookKey) -> int | None:
    """OBJECT FREQ key

    Returns the logarithmic access frequency counter of a Redis object.
    Since 4.0.0. O(1).
    """
    db, memory = client.db, client.server.memory
    if db.lookup_to_change(key) is None:
        return None
    if not memory.counts_uses:
        raise FrequencyNotTracked
    return int(memory.frequency(db, key))


object_.help("""
ENCODING <key>
    Return the kind of internal representation used in order to store the value
    associated with a <key>.
FREQ <key>
    Return the access frequency index of the <key>. The returned integer is
    proportional to the logarithm of the recent access frequency of the key.
IDLETIME <key>
    Return the idle time of the <key>, that is the approximated number of
    seconds elapsed since the last access to the key.
REFCOUNT <key>
    Return the number of references of the value associated with the specified
    <key>.
""")
