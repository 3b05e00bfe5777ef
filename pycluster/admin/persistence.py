"""Commands about what is on the disk: SAVE, BGSAVE, LASTSAVE (rdb.c), BGREWRITEAOF (aof.c)."""

from pycluster.commands.table import Group
from pycluster.protocol.errors import (
    BadSyntax,
    OtherChildAtWork,
    RewriteFailed,
    RewriteInProgress,
    SaveFailed,
    SaveInProgress,
)
from pycluster.server.client import Client

group = Group("server")


@group.command("admin noscript no_async_loading no_multi")
def save(client: Client) -> str:
    """SAVE

    Synchronously saves the database(s) to disk.
    Since 1.0.0. O(N) where N is the total number of keys in all databases
    """
    snapshots = client.server.snapshots
    if snapshots.is_saving:
        raise SaveInProgress
    if not snapshots.save():
        raise SaveFailed
    return "OK"


@group.command("admin noscript no_async_loading")
def bgsave(client: Client, *schedule: bytes) -> str:
    """BGSAVE [SCHEDULE]

    Asynchronously saves the database(s) to disk.
    Since 1.0.0. O(1).
    """
    if schedule and (len(schedule) > 1 or schedule[0].lower() != b"schedule"):
        raise BadSyntax
    snapshots = client.server.snapshots
    if snapshots.is_saving:
        raise SaveInProgress
    is_in_unit = client.server.timing.frozen  # inside EXEC: the transaction is to be in the file as a whole
    if snapshots.must_wait and not schedule and not is_in_unit:
        raise OtherChildAtWork
    if snapshots.must_wait or is_in_unit:
        snapshots.schedule()
        return "Background saving scheduled"
    if not snapshots.save_in_background():
        raise SaveFailed
    return "Background saving started"


@group.command("loading stale fast", categories="admin dangerous", tips=("nondeterministic_output",))
def lastsave(client: Client) -> int:
    """LASTSAVE

    Returns the Unix timestamp of the last successful save to disk.
    Since 1.0.0. O(1).
    """
    last: int = client.server.snapshots.last_save_s
    return last


@group.command("admin noscript no_async_loading")
def bgrewriteaof(client: Client) -> str:
    """BGREWRITEAOF

    Asynchronously rewrites the append-only file to disk.
    Since 1.0.0. O(1).
    """
    aof = client.server.aof
    if aof.is_rewriting:
        raise RewriteInProgress
    if client.server.snapshots.must_wait or client.server.timing.frozen:
        aof.schedule()
        return "Background append only file rewriting scheduled"
    if not aof.rewrite():
        raise RewriteFailed
    return "Background append only file rewriting started"
