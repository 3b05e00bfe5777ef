"""Whole databases: FLUSHALL, FLUSHDB, SWAPDB (db.c)."""

from pycluster.commands.table import Group
from pycluster.keyspace.database import Database
from pycluster.protocol.errors import BadSyntax, DatabaseOutOfRange, ReplyError
from pycluster.protocol.numbers import parse_int32
from pycluster.server.client import Client

group = Group("server", "keyspace")


@group.command("readonly fast", tips=("request_policy:all_shards", "response_policy:agg_sum"))
def dbsize(db: Database) -> int:
    """DBSIZE

    Returns the number of keys in the database.
    Since 1.0.0. O(1).
    """
    return db.shown_size()


@group.command("write", categories="dangerous", arity=-1,
               tips=("request_policy:all_shards", "response_policy:all_succeeded"))  # fmt: skip
def flushall(client: Client, *mode: bytes) -> str:
    """FLUSHALL [ASYNC | SYNC]

    Removes all keys from all databases.
    Since 1.0.0. O(N) where N is the total number of keys in all databases
    """
    _check_mode(mode)
    _flush(client, client.server.databases)
    client.server.snapshots.save_emptiness()
    return "OK"


@group.command("write", categories="dangerous", arity=-1,
               tips=("request_policy:all_shards", "response_policy:all_succeeded"))  # fmt: skip
def flushdb(client: Client, *mode: bytes) -> str:
    """FLUSHDB [ASYNC | SYNC]

    Remove all keys from the current database.
    Since 1.0.0. O(N) where N is the number of keys in the selected database
    """
    _check_mode(mode)
    _flush(client, [client.db])
    return "OK"


def _check_mode(mode: tuple[bytes, ...]) -> None:
    if mode and (len(mode) > 1 or mode[0].upper() not in (b"ASYNC", b"SYNC")):
        raise BadSyntax


def _flush(client: Client, databases: list[Database]) -> None:
    """Empties the databases. It is journalled even if they were empty: replicas may hold what we do not."""
    client.server.slot_migrations.flushed()  # before anything is counted: what that causes is recorded by itself
    journal = client.server.journal
    journal.dirty += sum(db.flush() for db in databases)
    journal.record_anyway()


@group.command("write fast", categories="dangerous")
def swapdb(client: Client, index1: bytes, index2: bytes) -> str:
    """SWAPDB index1 index2

    Swaps two Redis databases.
    Since 4.0.0. O(N) where N is the count of clients watching or blocking on keys from both databases.
    """
    server = client.server
    if server.clustered:
        raise ReplyError("ERR SWAPDB is not allowed in cluster mode")
    numbers = parse_int32(index1, InvalidFirstIndex), parse_int32(index2, InvalidSecondIndex)
    if not all(0 <= number < len(server.databases) for number in numbers):
        raise DatabaseOutOfRange
    one, other = (server.databases[number] for number in numbers)
    if one is not other:
        one.swap(other)
    server.journal.dirty += 1
    return "OK"


class InvalidFirstIndex(ReplyError):
    text = "ERR invalid first DB index"


class InvalidSecondIndex(ReplyError):
    text = "ERR invalid second DB index"
