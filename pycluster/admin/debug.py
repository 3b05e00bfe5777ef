"""DEBUG: what tests need and nobody else should have (debug.c). Allowed by enable-debug-command alone.

SLEEP stops the whole server, as it does in Redis: that is what it is for.
"""

import time

from pycluster.commands.table import Group, parse_positive
from pycluster.keyspace.database import Database
from pycluster.keyspace.digest import digest_all, digest_value
from pycluster.protocol.errors import AofLoadFailed, DebugNotAllowed, ReplyError, SubcommandMisused, text_of
from pycluster.protocol.numbers import parse_float, parse_int
from pycluster.protocol.replies import Attributed, BigNumber, Push, Several, Verbatim
from pycluster.server import data_part
from pycluster.server.client import Client
from pycluster.server.clients import may_debug
from pycluster.slot_migration.jobs import Jobs

group = Group("server")


@group.command("admin noscript loading stale")
def debug(client: Client, subcommand: bytes, *arguments: bytes) -> object:
    """DEBUG

    A container for debugging commands.
    Since 1.0.0. Depends on subcommand.
    """
    server = client.server
    if not may_debug(client):
        raise DebugNotAllowed
    match [subcommand.lower(), *arguments]:
        case [b"help"]:
            return HELP
        case [b"sleep", seconds]:
            time.sleep(max(0.0, parse_float(seconds)))
        case [b"set-active-expire", active]:
            server.expires_actively = parse_int(active) != 0
        case [b"digest"]:
            return digest_all(server.databases)
        case [b"digest-value", *keys]:
            return [_digest_value(client.db, key) for key in keys]
        case [b"populate", count, *more] if len(more) <= 2:
            _populate(client.db, parse_positive(count), *more)
        case [b"reload", *options]:
            _reload(client, options)
        case [b"loadaof"]:
            if not data_part.reload_aof(server):
                raise AofLoadFailed
        case [b"drop-cluster-packet-filter", kind]:
            dropped = parse_int(kind)
            if server.cluster is not None:
                server.cluster.state.dropped_kind = dropped
        case [b"slotmigration", what, prevents]:
            _prevent(server.slot_migrations.core.jobs, what, parse_int(prevents) != 0)
        case [b"change-repl-id"]:
            server.replication.change_id()
        case [b"log", message]:
            server.log.warning(f"DEBUG LOG: {text_of(message)}")
        case [b"error", message]:
            return ReplyError(text_of(message))
        case [b"protocol", kind]:
            return _sample(kind, client.resp)
        case _:
            raise SubcommandMisused
    return "OK"


def _prevent(jobs: Jobs, what: bytes, is_prevented: bool) -> None:
    """Stops migrations of slots before a step, or lets them go on."""
    match what.lower():
        case b"prevent-pause":
            jobs.pause_prevented = is_prevented
        case b"prevent-failover":
            jobs.hand_over_prevented = is_prevented
        case _:
            raise SubcommandMisused


def _digest_value(db: Database, key: bytes) -> str:
    db.enter_slot_of(key)
    return digest_value(db.peek(key), db.deadline(key) is not None)


def _populate(db: Database, count: int, prefix: bytes = b"key", size: bytes = b"0") -> None:
    """Makes keys `prefix:0`, `prefix:1` … unless they are there; of `size` bytes, if one is given."""
    length = parse_positive(size)
    for number in range(count):
        key = b"%b:%d" % (prefix, number)
        db.enter_slot_of(key)
        if db.lookup_to_change(key) is None:
            value = b"value:%d" % number
            db.put(key, value[:length].ljust(length, b"\0") if length else value)
            db.touched(key)


def _reload(client: Client, options: list[bytes]) -> None:
    """Saves the dataset and reads it again; MERGE, NOFLUSH and NOSAVE leave parts of that out."""
    words = {option.upper() for option in options}
    if not words <= {b"MERGE", b"NOFLUSH", b"NOSAVE"}:
        raise ReplyError("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.")
    server = client.server
    server.slot_migrations.flushed()  # what is on its way would be mixed with what is in the file
    server.slot_drops.finish()
    server.snapshots.reload(save=b"NOSAVE" not in words, flush=b"NOFLUSH" not in words, merge=b"MERGE" in words)


def _sample(kind: bytes, resp: int) -> object:
    """One reply of each type of the protocol, for who writes a client."""
    match kind.lower():
        case b"string":
            return b"Hello World"
        case b"integer":
            return 12345
        case b"double":
            return 3.141
        case b"bignum":
            return BigNumber(1234567999999999999999999999999999999)
        case b"null":
            return None
        case b"array":
            return [0, 1, 2]
        case b"set":
            return {0, 1, 2}
        case b"map":
            return {0: False, 1: True, 2: False}
        case b"attrib":
            return Attributed({b"key-popularity": [b"key:123", 90]}, b"Some real reply following the attribute")
        case b"push" if resp == 3:
            return Several([b"Some real reply following the push reply", Push([b"server-cpu-usage", 42])])
        case b"push":
            return ReplyError("ERR RESP2 is not supported by this command")
        case b"verbatim":
            return Verbatim(b"This is a verbatim\nstring")
        case b"true" | b"false":
            return kind.lower() == b"true"
    return ReplyError(
        "ERR Wrong protocol type name. Please use one of the following: "
        "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false"
    )


HELP = """\
DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
CHANGE-REPL-ID
    Change the replication IDs of the instance.
    Dangerous: should be used only for testing the replication subsystem.
DIGEST
    Output a hex signature representing the current DB content.
DIGEST-VALUE <key> [<key> ...]
    Output a hex signature of the values of all the specified keys.
ERROR <string>
    Return a Redis protocol error with <string> as message. Useful for clients
    unit tests to simulate Redis errors.
LOADAOF
    Flush the AOF buffers on disk and reload the AOF in memory.
LOG <message>
    Write <message> to the server log.
POPULATE <count> [<prefix>] [<size>]
    Create <count> string keys named key:<num>. If <prefix> is specified then
    it is used instead of the 'key' prefix. These are not propagated to
    replicas. Cluster slots are not respected so keys not belonging to the
    current node can be created in cluster mode.
PROTOCOL <type>
    Reply with a test value of the specified type. <type> can be: string,
    integer, double, bignum, null, array, set, map, attrib, push, verbatim,
    true, false.
RELOAD [option ...]
    Save the RDB on disk and reload it back to memory. Valid <option> values:
    * MERGE: conflicting keys will be loaded from RDB.
    * NOFLUSH: the existing database will not be removed before load, but
      conflicting keys will generate an exception and kill the server.
    * NOSAVE: the database will be loaded from an existing RDB file.
    Examples:
    * DEBUG RELOAD: verify that the server is able to persist, flush and reload
      the database.
    * DEBUG RELOAD NOSAVE: replace the current database with the contents of an
      existing RDB file.
    * DEBUG RELOAD NOSAVE NOFLUSH MERGE: add the contents of an existing RDB
      file to the database.
SET-ACTIVE-EXPIRE <0|1>
    Setting it to 0 disables expiring keys in background when they are not
    accessed (otherwise the Redis behavior). Setting it to 1 reenables back the
    default.
SLOTMIGRATION PREVENT-PAUSE <0|1>
    When set to 1, slot migrations will be prevented from pausing on the source node.
SLOTMIGRATION PREVENT-FAILOVER <0|1>
    When set to 1, slot migrations will be prevented from performing the slot-level failover on the target node.
SLEEP <seconds>
    Stop the server for <seconds>. Decimals allowed.
DROP-CLUSTER-PACKET-FILTER <packet-type>
    Drop all packets that match the filtered type. Set to -1 allow all packets.
HELP
    Print this help.""".split("\n")
