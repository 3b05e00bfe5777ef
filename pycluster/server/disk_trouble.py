"""What is done when changes can't be saved: clients are told, and their writes refused, until it is over.

Two things can be wrong: the append-only file can't be written or synced, or a snapshot has failed that save points
asked for (stop-writes-on-bgsave-error). `look` puts the server's gate up or down; the text for clients is made when
one asks. What a replica gets from its primary it can't refuse: it dies of it, unless it is told to go on
(replica-ignore-disk-write-errors).
"""

from typing import Any

from pycluster.protocol.errors import CannotSave, ReplyError, cannot_append
from pycluster.server.admission import DISK_TROUBLE

SAY_AGAIN_MS = 10_000


class DiskTrouble:
    """The trouble of one server."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._said_ms = 0

    def look(self) -> None:
        """Is there any now?"""
        server = self._server
        if self.reason() is None:
            server.gate &= ~DISK_TROUBLE
        else:
            server.gate |= DISK_TROUBLE

    def reason(self) -> ReplyError | None:
        """What clients are told."""
        server = self._server
        config = server.config
        if config.stop_writes_on_bgsave_error and config.save and not server.snapshots.last_background_save_well:
            return CannotSave()
        trouble = server.aof.tail.trouble
        return None if trouble is None else cannot_append(trouble.strerror)

    def obey_all_the_same(self) -> None:
        """Our primary has changed something."""
        server = self._server
        if not server.config.replica_ignore_disk_write_errors:
            server.log.warning("Replica was unable to write command to disk.")
            server.die()
        elif server.clock.now > self._said_ms + SAY_AGAIN_MS:
            self._said_ms = server.clock.now
            server.log.warning("Replica is applying a command even though it is unable to write to disk.")
