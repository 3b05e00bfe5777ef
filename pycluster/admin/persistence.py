"""Commands about snapshots: SAVE, BGSAVE, LASTSAVE (rdb.c)."""

from pycluster.commands.table import Group
from pycluster.protocol.errors import BadSyntax, SaveFailed, SaveInProgress
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
    if client.server.timing.frozen:  # inside EXEC: the transaction is to be in the file as a whole
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
