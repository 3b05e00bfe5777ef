"""A dataset that goes from the link straight into memory (repl-diskless-load): no file in between.

Into the databases themselves (on-empty-db, which have nothing to lose), or into others beside them that take their
place at the end (swapdb): then whoever reads still gets what was there before, if that is an earlier moment of the same
history, and a dataset that does not arrive whole costs nothing but the attempt.
"""

from collections.abc import Callable

from pycluster.keyspace.dropping import empty_dataset
from pycluster.keyspace.functions import Functions
from pycluster.persistence.loading import Loading, tell_unreadable
from pycluster.rdb.errors import Unreadable
from pycluster.replication.host import Host
from pycluster.replication.transfer import TransferFailed

BROKEN = "Failed trying to load the MASTER synchronization DB from socket, check server logs."


def is_wanted(host: Host) -> bool:
    """Is the next dataset to be loaded so?"""
    match host.config.repl_diskless_load:
        case "swapdb":
            return True
        case "on-empty-db":
            return not any(db.size() for db in host.databases)
    return False


class DirectLoad:
    """Fed piece by piece; then either `finish` or `abandon`. `attach` is called when what we had is of no use any more:
    the datasets of those below us neither."""

    def __init__(self, host: Host, size: int, *, is_same_history: bool, attach: Callable[[], None]) -> None:
        self._host = host
        self._attach = attach
        self._swaps = host.config.repl_diskless_load == "swapdb"
        self._databases = list(host.databases)
        self._functions = host.databases[0].keyspace.functions
        host.suspend_aof()
        host.snapshots.cancel()  # what it saves is not to be our dataset any more
        if self._swaps:
            self._databases = [db.twin() for db in host.databases]
            self._functions = Functions()
        else:
            attach()
            host.log.notice("MASTER <-> REPLICA sync: Flushing old data")
            self._flush()
        host.log.notice("MASTER <-> REPLICA sync: Loading DB in memory")
        host.set_loading(True, beside=self._swaps and is_same_history)
        self._loader = host.snapshots.load_directly(
            self._databases, size, self._functions, beside=self._swaps and is_same_history
        )

    def write(self, piece: bytes) -> None:
        """Takes the next bytes. Raises TransferFailed."""
        try:
            self._loader.feed(piece)
        except Unreadable as error:
            raise self._failure(error) from None

    def finish(self) -> Loading:
        """All of it is there: it is the dataset from now on. Raises TransferFailed."""
        try:
            loading = self._loader.end()
        except Unreadable as error:
            raise self._failure(error) from None
        if self._loader.rest:
            raise TransferFailed("Replication stream EOF marker is broken")
        log = self._host.log
        if self._swaps:
            self._attach()
            log.notice("MASTER <-> REPLICA sync: Swapping active DB with loaded DB")
            for db, loaded in zip(self._host.databases, self._databases, strict=True):
                db.swap_with_twin(loaded)
            self._host.databases[0].keyspace.functions.replace(self._functions)
        self._end(loading)
        if self._swaps:
            self._flush()
            log.notice("MASTER <-> REPLICA sync: Discarding old DB in background")
        self._host.journal.changes += 1  # it is nowhere on the disk
        return loading

    def abandon(self) -> None:
        """The rest will not come, or is of no use."""
        self._end(None)
        self._flush()
        if self._swaps:
            self._host.log.notice("MASTER <-> REPLICA sync: Discarding temporary DB in background")

    def _failure(self, error: Unreadable) -> TransferFailed:
        tell_unreadable(error, self._host.log.write)
        return TransferFailed(BROKEN)

    def _end(self, loading: Loading | None) -> None:
        self._host.set_loading(False)
        self._host.snapshots.loaded_directly(loading)

    def _flush(self) -> None:
        """Empties the databases that were loaded into, or hold now what was there before."""
        if self._swaps:
            for db in self._databases:
                db.flush()
        else:
            empty_dataset(self._databases)
