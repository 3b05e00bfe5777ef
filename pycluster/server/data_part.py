"""What keeps the dataset of a server: snapshots, the append-only file, replication, and how they are part of its life.

The parts themselves know no server; here they are handed what they need, their figures go into INFO, their work into
the clock's, and their last duty into SHUTDOWN's. `load` is the start: what the last run left on the disk.
"""

import asyncio
from functools import partial
from time import perf_counter
from typing import Any

from pycluster.keyspace.dropping import empty_dataset
from pycluster.persistence.aof import AppendOnly, State
from pycluster.persistence.aof_files import CannotGoOn
from pycluster.persistence.loading import tell_last_words
from pycluster.persistence.snapshot import Snapshots, delay_s
from pycluster.rdb.errors import Unreadable
from pycluster.replication.replication import Replication
from pycluster.server.config import Config
from pycluster.server.directive_kinds import BadValue
from pycluster.server.disk_trouble import DiskTrouble
from pycluster.server.replay import Replay
from pycluster.server.shutdown import CannotExit, Manner
from pycluster.server.version import REDIS_VERSION

TRIES = 10  # a second apart, to write the append-only file again behind a full sync


def build(server: Any) -> tuple[Snapshots, AppendOnly, DiskTrouble, Replication]:
    """These parts of a server that has everything else."""
    snapshots = Snapshots(
        server.config,
        server.log,
        server.loop,
        server.databases,
        server.journal,
        server.forks,
        replication_fields=lambda: server.replication.fields(),
        used_memory=lambda: server.memory.used,
        slot_imports=server.slot_migrations.imports_as_text,
        redis_version=REDIS_VERSION,
        disk=server.disk,
    )
    disk_trouble = DiskTrouble(server)
    snapshots.when_ended = disk_trouble.look
    aof = AppendOnly(
        server.config,
        server.log,
        server.loop,
        server.databases,
        server.journal,
        server.forks,
        snapshot=partial(snapshots.pieces, as_base=True),
        passed=snapshots.passed,
        die=lambda: server.die(),
        in_unit=lambda: server.timing.frozen,
        troubled=lambda is_troubled: disk_trouble.look(),
        disk=server.disk,
        now_s=lambda: server.wall_ms() / 1000,
        place=lambda: server.replication.history.offset,
        kept=lambda: server.replication.primary.note_kept(),
        synced=lambda: server.replication.primary.waiters.serve(),
        openings=server.slot_migrations.imports_as_commands,
    )
    server.journal.keeper = aof.take
    server.turn.always(aof.write)
    replication = Replication(server)
    server.info.add("Persistence", server.forks.progress_info)
    server.info.add("Persistence", snapshots.info)
    server.info.add("Persistence", aof.info)
    server.info.add("Memory", lambda: {"mem_aof_buffer": aof.tail.waiting})
    server.info.add("Stats", server.forks.info)
    server.info.add("Replication", replication.info)
    server.cron.each_tick(aof.tick)
    server.cron.each_tick(disk_trouble.look)
    server.cron.each_second(snapshots.cron)
    server.cron.each_second(replication.cron)
    server.cron.each_tick(replication.failover.look)
    server.config.on_change("appendonly", partial(_switch_aof, aof))
    server.config.on_change("appendonly", lambda config: replication.primary.waiters.serve())
    server.config.on_change("aof-disable-auto-gc", lambda config: aof.files.remove_history())
    server.shutdown.lagging = replication.lagging
    server.shutdown.hurry_replicas = replication.primary.hurry
    server.shutdown.add_duty(lambda manner: _leave_in_order(server, manner))
    return snapshots, aof, disk_trouble, replication


def _switch_aof(aof: AppendOnly, config: Config) -> None:
    """CONFIG SET appendonly."""
    if config.appendonly is (aof.state is not State.OFF):
        return
    if not config.appendonly:
        aof.turn_off()
    elif not aof.turn_on():
        raise BadValue("Unable to turn on AOF. Check server logs.")


async def load(server: Any) -> bool:
    """Loads what the last run left; clients are told to wait meanwhile. False: it can't be read, the log says why."""
    server.set_loading(True)
    if not await (_load_aof(server) if server.config.appendonly else _load_snapshot(server)):
        return False  # and until the process has ended, nobody is served half a dataset
    server.set_loading(False)
    if server.config.replicaof is not None and not server.clustered:
        server.replication.follow(*server.config.replicaof, at_start=True)
    return True


async def _load_snapshot(server: Any) -> bool:
    config, log = server.config, server.log
    is_primary = _starts_as_primary(server)
    begun = perf_counter()
    try:
        loading = await server.snapshots.load(expire=is_primary)
    except Unreadable as error:
        tell_last_words(error, log.write)
        return False
    except OSError as error:
        log.warning(f"Fatal error: can't open the RDB file {config.dbfilename} for reading: {error.strerror}")
        log.warning("Fatal error loading the DB, check server logs. Exiting.")
        return False
    if loading is not None:
        log.notice(f"DB loaded from disk: {perf_counter() - begun:.3f} seconds")
        server.replication.restore(loading, is_primary=is_primary)
        server.adopt_slot_imports(loading)
    return True


async def _load_aof(server: Any) -> bool:
    """The append-only file is the dataset, even if there is none yet and a dump.rdb lies beside it."""
    replay, begun, done = Replay(server), perf_counter(), -1
    try:
        for loading in server.aof.load(replay):
            before, done = max(0, done), loading.keys + loading.commands
            delay = server.config.key_load_delay
            await asyncio.sleep(delay_s(delay, done - before) if delay else 0)
        if done >= 0:
            server.log.notice(f"DB loaded from append only file: {perf_counter() - begun:.3f} seconds")
        server.aof.open()
    except CannotGoOn:
        return False
    finally:
        replay.end()
    return True


def reload_aof(server: Any) -> bool:
    """DEBUG LOADAOF: through the file and back, while everything waits."""
    aof, journal = server.aof, server.journal
    server.slot_migrations.flushed()
    server.slot_drops.finish()  # or the file would bring their keys back
    journal.flush()
    aof.write(force=True)
    empty_dataset(server.databases)
    listeners = journal.listeners.copy()
    journal.listeners.clear()  # what is read is not to be written again
    replay = Replay(server)
    try:
        aof.reload(replay)
    except CannotGoOn:
        return False
    finally:
        replay.end()
        journal.listeners += listeners
    server.snapshots.saved_changes = journal.changes
    server.log.notice("Append Only File loaded by DEBUG LOADAOF")
    return True


def resume_aof(server: Any, tries: int = TRIES) -> None:
    """A dataset has come from our primary, or we are one ourselves now: it is to be in the append-only file."""
    aof = server.aof
    if not server.config.appendonly or aof.state is not State.OFF or aof.turn_on():
        return
    if tries > 1:
        server.log.warning(
            "Failed enabling the AOF after successful master synchronization! Trying it again in one second."
        )
        server.loop.call_later(1, resume_aof, server, tries - 1)
        return
    server.log.warning(
        "FATAL: this replica instance finished the synchronization with its master, but the AOF can't be turned on. "
        "Exiting now."
    )
    server.die()


def suspend_aof(server: Any) -> None:
    """The dataset is about to be replaced."""
    if server.aof.state is not State.OFF:
        server.aof.turn_off()


def _starts_as_primary(server: Any) -> bool:
    if server.cluster is not None:
        return not server.cluster.state.myself.is_replica
    return server.config.replicaof is None


def _leave_in_order(server: Any, manner: Manner) -> None:
    """The last words about replicas, the last sync, the last snapshot. Raises CannotExit if that fails."""
    config, log, snapshots = server.config, server.log, server.snapshots
    server.replication.tell_lag()
    if snapshots.is_saving:
        log.warning("There is a child saving an .rdb. Killing it!")
        snapshots.stop()
    if not server.aof.leave(manner.force):
        raise CannotExit
    if not (manner.save or (config.save and not manner.nosave)):
        return
    log.notice("Saving the final RDB snapshot before exiting.")
    if snapshots.save():
        return
    if not manner.force:
        log.warning("Error trying to save the DB, can't exit.")
        raise CannotExit
    log.warning("Error trying to save the DB. Exit anyway.")
