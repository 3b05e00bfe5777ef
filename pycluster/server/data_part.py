"""What keeps the dataset of a server: snapshots and replication, and how they are part of its life.

The parts themselves know no server; here they are handed what they need, their figures go into INFO, their work into
the clock's, and their last duty into SHUTDOWN's. `load` is the start: what the last run left on the disk.
"""

from time import perf_counter
from typing import Any

from pycluster.persistence.snapshot import Snapshots
from pycluster.rdb.errors import Unreadable
from pycluster.replication.replication import Replication
from pycluster.server.info_host import resident_memory
from pycluster.server.shutdown import CannotExit, Manner
from pycluster.server.version import REDIS_VERSION


def build(server: Any) -> tuple[Snapshots, Replication]:
    """The snapshots and the replication of a server that has everything else."""
    snapshots = Snapshots(
        server.config,
        server.log,
        server.loop,
        server.databases,
        server.journal,
        replication_fields=lambda: server.replication.fields(),
        used_memory=resident_memory,
        redis_version=REDIS_VERSION,
    )
    replication = Replication(server)
    server.info.add("Persistence", snapshots.info)
    server.info.add("Stats", snapshots.fork_info)
    server.info.add("Replication", replication.info)
    server.cron.each_second(snapshots.cron)
    server.cron.each_second(replication.cron)
    server.shutdown.lagging = replication.lagging
    server.shutdown.hurry_replicas = replication.primary.hurry
    server.shutdown.add_duty(lambda manner: _leave_in_order(server, manner))
    return snapshots, replication


async def load(server: Any) -> bool:
    """Loads what the last run left; clients are told to wait meanwhile. False: it can't be read, the log says why."""
    config, log = server.config, server.log
    is_primary = _starts_as_primary(server)
    begun = perf_counter()
    server.set_loading(True)
    try:
        loading = await server.snapshots.load(expire=is_primary)
    except Unreadable:
        log.warning("Fatal error loading the DB, check server logs. Exiting.")
        return False
    except OSError as error:
        log.warning(f"Fatal error: can't open the RDB file {config.dbfilename} for reading: {error.strerror}")
        log.warning("Fatal error loading the DB, check server logs. Exiting.")
        return False
    finally:
        server.set_loading(False)
    if loading is not None:
        log.notice(f"DB loaded from disk: {perf_counter() - begun:.3f} seconds")
        server.replication.restore(loading, is_primary=is_primary)
    if config.replicaof is not None and not server.clustered:
        server.replication.follow(*config.replicaof, at_start=True)
    return True


def _starts_as_primary(server: Any) -> bool:
    if server.cluster is not None:
        return not server.cluster.state.myself.is_replica
    return server.config.replicaof is None


def _leave_in_order(server: Any, manner: Manner) -> None:
    """The last words about replicas, and the last snapshot. Raises CannotExit if that fails."""
    config, log, snapshots = server.config, server.log, server.snapshots
    server.replication.tell_lag()
    if snapshots.is_saving:
        log.warning("There is a child saving an .rdb. Killing it!")
        snapshots.stop()
    if not (manner.save or ((config.save or config.appendonly) and not manner.nosave)):
        return
    log.notice("Saving the final RDB snapshot before exiting.")
    if snapshots.save():
        return
    if not manner.force:
        log.warning("Error trying to save the DB, can't exit.")
        raise CannotExit
    log.warning("Error trying to save the DB. Exit anyway.")
