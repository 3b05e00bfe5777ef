"""CLUSTER MIGRATESLOTS and its sisters: atomic migrations of slots (Valkey 9; Redis 7.2 has none).

What an operator orders is read in slot_migration/core.py, what jobs do is there, too; here are the commands.
"""

from pycluster.admin.cluster import ORDER, cluster, group, part
from pycluster.server.client import Client
from pycluster.slot_migration.job import Job
from pycluster.slot_migration.ranges import text_of

__all__ = ["group"]  # that of CLUSTER, which these subcommands join


@cluster.command(ORDER, arity=-4)
def cluster_migrateslots(client: Client, *words: bytes) -> str:
    """CLUSTER MIGRATESLOTS <SLOTSRANGE start-slot end-slot [start-slot end-slot ...] NODE node-id> ...

    Migrate the given slots from this node to the specified nodes.
    Since 9.0.0. O(N) where N is the total number of the slots between all start slot and end slot arguments.
    """
    part(client)
    client.server.slot_migrations.migrate(client, words)
    return "OK"


@cluster.command(ORDER)
def cluster_getslotmigrations(client: Client) -> list[dict[bytes, object]]:
    """CLUSTER GETSLOTMIGRATIONS

    Gets the status of ongoing and recently finished slot import and export operations.
    Since 9.0.0. O(N), where N is the number of active slot import and export jobs.
    """
    part(client)
    migrations = client.server.slot_migrations
    return [_told(job, migrations.waiting_bytes(job)) for job in migrations.core.jobs.all]


def _told(job: Job, waiting: int) -> dict[bytes, object]:
    """A job as users are shown it. (A replica of the target knows neither of the two nodes.)"""
    nodes: dict[bytes, object] = {}
    if job.source:
        nodes = {b"target_node": job.target.encode(), b"source_node": job.source.encode()}
    return {
        b"name": job.name.encode(),
        b"operation": b"EXPORT" if job.is_export else b"IMPORT",
        b"slot_ranges": text_of(job.ranges).encode(),
        **nodes,
        b"create_time": job.created_ms // 1000,
        b"last_update_time": job.updated_ms // 1000,
        b"last_ack_time": job.acked_ms // 1000,
        b"state": job.state.value.encode(),
        b"message": job.message.encode(),
        b"cow_size": 0,  # no process is forked
        b"remaining_repl_size": waiting,
    }


@cluster.command(ORDER)
def cluster_cancelslotmigrations(client: Client) -> str:
    """CLUSTER CANCELSLOTMIGRATIONS

    Cancel all current ongoing slot migration operations.
    Since 9.0.0. O(N), where N is the number of slot migration operations being cancelled.
    """
    part(client)
    client.server.slot_migrations.cancel(client)
    return "OK"


@cluster.command(ORDER)
def cluster_syncslots(client: Client, subcommand: bytes, *words: bytes) -> object:
    """CLUSTER SYNCSLOTS

    A container for internal slot migration commands.
    Since 9.0.0. Depends on subcommand.
    """
    part(client)
    return client.server.slot_migrations.receive(client, subcommand, words)
