"""Full syncs: replicas that need the whole dataset get a snapshot of it, and then what changed since it was begun.

One child makes a snapshot for all who wait at that moment, either into a file that is sent when it is whole (a replica
that comes while it is written can join), or into a pipe that is passed on to all of them at once. From the snapshot's
beginning on every change is held back for those it is meant for.
"""

import os
from collections.abc import Callable
from functools import partial

from pycluster.persistence.snapshot import Request
from pycluster.protocol.errors import ReplicationSaveFailed
from pycluster.protocol.replies import error_line
from pycluster.replication.attached import AttachedReplica, State
from pycluster.replication.delivery import FileDelivery, PipeDelivery
from pycluster.replication.history import History
from pycluster.replication.host import Host

MARK_BYTES = 20


class FullSyncs:
    """The snapshots that one primary makes for its replicas. `came_online` is called when one has got its own."""

    def __init__(
        self, host: Host, history: History, replicas: list[AttachedReplica], came_online: Callable[[], None]
    ) -> None:
        self._host = host
        self._history = history
        self._replicas = replicas
        self._came_online = came_online
        self._deliveries: dict[AttachedReplica, FileDelivery] = {}
        self._pipe: PipeDelivery | None = None
        self._child_ended_well: bool | None = None

    def begin(self, replica: AttachedReplica) -> None:
        """Finds the snapshot for this replica: one that is being made, one to start now, or the next one."""
        host, snapshots = self._host, self._host.snapshots
        replica.waiting_since = host.loop.time()
        if snapshots.is_saving_to_disk:
            self._join_running_save(replica)
        elif snapshots.is_saving or self._pipe is not None:
            host.log.notice("Current BGSAVE has socket target. Waiting for next BGSAVE for SYNC")
        elif snapshots.must_wait:
            host.log.notice("No BGSAVE in progress, but another BG operation is active. BGSAVE for replication delayed")
        elif host.config.repl_diskless_sync and replica.takes_streamed_file and host.config.repl_diskless_sync_delay:
            host.log.notice("Delay next BGSAVE for diskless SYNC")  # others may come, one child will do for all
        else:
            self._start_save([replica])

    def _join_running_save(self, replica: AttachedReplica) -> None:
        """A child that writes a file is good for this replica too, if all changes since its start were kept for one."""
        for other in self._replicas:
            if (
                other.save_has_begun
                and other.state == State.WAITS_FOR_SAVE
                and (not other.wants_file_only or replica.wants_file_only)
                and replica.takes_streamed_file >= other.takes_streamed_file
                and replica.request == other.request
            ):
                replica.held, replica.held_length = other.held.copy(), other.held_length
                self._promise_file(replica, other.sync_offset)
                self._host.log.notice("Waiting for end of BGSAVE for SYNC")
                return
        self._host.log.notice("Can't attach the replica to the current BGSAVE. Waiting for next BGSAVE for SYNC")

    def _start_save(self, replicas: list[AttachedReplica]) -> None:
        """Starts a snapshot for these replicas, who all want the same."""
        host = self._host
        request = replicas[0].request
        streamed = all(replica.takes_streamed_file for replica in replicas) and (
            host.config.repl_diskless_sync or request != Request()
        )
        host.log.notice(f"Starting BGSAVE for SYNC with target: {'replicas sockets' if streamed else 'disk'}")
        host.journal.flush()  # what has been done so far is in the snapshot, and before its offset
        host.journal.start_over()
        started = self._start_streamed_save(replicas, request) if streamed else self._start_save_to_disk()
        if not started:
            host.log.warning("BGSAVE for replication failed")
            for replica in replicas:
                self._replicas.remove(replica)
                replica.state = State.INTRODUCED
                replica.client.link.send_bytes(error_line(ReplicationSaveFailed()))
                replica.client.link.close(after_replies=True)
            return
        for replica in replicas:
            self._promise_file(replica, self._history.offset)

    def _promise_file(self, replica: AttachedReplica, offset: int) -> None:
        """The snapshot that this replica waits for has begun: what it stands for can be told now."""
        replica.save_has_begun = True
        replica.sync_offset = offset
        if replica.speaks_psync:
            replica.client.link.send_bytes(b"+FULLRESYNC %b %d\r\n" % (self._history.id.encode(), offset))

    def _start_save_to_disk(self) -> bool:
        snapshots = self._host.snapshots
        if not snapshots.save_in_background(self._file_is_written):
            return False
        snapshots.keep_for_replicas()
        return True

    def remove_file(self) -> None:
        """rdb-del-sync-files: goes when no replica waits for it."""
        if not any(replica.state in (State.WAITS_FOR_SAVE, State.GETS_FILE) for replica in self._replicas):
            self._host.snapshots.remove_what_replicas_got()

    def _start_streamed_save(self, replicas: list[AttachedReplica], request: Request) -> bool:
        host = self._host
        if not host.snapshots.may_fork:
            return host.snapshots.collect_in_background(request, partial(self._hand_over, replicas))
        source, pipe = os.pipe()
        mark = host.rng.randbytes(MARK_BYTES).hex().encode()
        started = host.snapshots.send_in_background(
            pipe, b"$EOF:" + mark + b"\r\n", mark, request, self._child_has_ended
        )
        os.close(pipe)
        if not started:
            os.close(source)
            return False
        self._pipe = PipeDelivery(
            host.loop, source, replicas, drained=self._end_of_pipe, abandoned=self._nobody_wants_pipe
        )
        return True

    def _hand_over(self, replicas: list[AttachedReplica], content: bytes | None) -> None:
        """A snapshot has been made without a child, or was given up."""
        for replica in replicas:
            if content is None:
                self._fail(replica, "BGSAVE child returned an error")
            elif replica in self._replicas:
                replica.client.link.send_bytes(b"$%d\r\n" % len(content) + content)
                self._has_file(replica)
        self.start_due_save()

    def _file_is_written(self, well: bool) -> None:
        """The child that wrote dump.rdb has ended: everybody who waits for it gets it."""
        for replica in self._promised():
            if not well:
                self._fail(replica, "BGSAVE child returned an error")
                continue
            try:
                fd = os.open(self._host.snapshots.path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                self._fail(replica, f"Can't open/stat DB after BGSAVE: {error.strerror}")
                continue
            replica.state = State.GETS_FILE
            self._deliveries[replica] = FileDelivery(replica, fd, self._has_file)
        self.start_due_save()

    def _child_has_ended(self, well: bool) -> None:
        self._child_ended_well = well
        self._conclude_pipe()

    def _end_of_pipe(self) -> None:
        assert self._pipe is not None
        self._host.log.notice(
            f"Diskless rdb transfer, done reading from pipe, {len(self._pipe.replicas)} replicas still up."
        )
        self._conclude_pipe()

    def _nobody_wants_pipe(self) -> None:
        self._host.log.warning("Diskless rdb transfer, last replica dropped, killing fork child.")
        self._pipe = None
        self._host.snapshots.cancel()

    def _conclude_pipe(self) -> None:
        """The child's end and the pipe's come in any order; only both together say that the file is whole."""
        if self._child_ended_well is None or (self._pipe is not None and not self._pipe.is_drained):
            return
        well, self._child_ended_well = self._child_ended_well, None
        pipe, self._pipe = self._pipe, None
        for replica in pipe.replicas if pipe is not None else ():
            if not well:
                self._fail(replica, "BGSAVE child returned an error")
                continue
            self._host.log.notice(
                f"Streamed RDB transfer with replica {replica.name} succeeded (socket). "
                "Waiting for REPLCONF ACK from replica to enable streaming"
            )
            replica.streams_on_ack = True
            self._has_file(replica)
        self.start_due_save()

    def _fail(self, replica: AttachedReplica, why: str) -> None:
        self._host.log.warning(f"SYNC failed. {why}")
        replica.client.link.close()

    def _has_file(self, replica: AttachedReplica) -> None:
        """The replica has been sent its snapshot: now for what has changed since."""
        self._deliveries.pop(replica, None)
        if replica.wants_file_only:
            self._host.log.notice(
                f"RDB transfer completed, rdb only replica ({replica.name}) should be disconnected asap"
            )
            replica.client.link.close(after_replies=True)
            return
        replica.state = State.ONLINE
        replica.acknowledged_at = self._host.loop.time()
        self._came_online()
        self._host.log.notice(f"Synchronization with replica {replica.name} succeeded")
        if not replica.streams_on_ack:
            replica.client.link.send_bytes(replica.take_held())

    def _promised(self) -> list[AttachedReplica]:
        return [r for r in self._replicas if r.state == State.WAITS_FOR_SAVE and r.save_has_begun]

    def start_due_save(self) -> None:
        """Starts the next snapshot for replicas, if somebody has waited for long enough."""
        host = self._host
        waiting = [r for r in self._replicas if r.state == State.WAITS_FOR_SAVE and not r.save_has_begun]
        if not waiting or host.snapshots.must_wait or self._pipe is not None:
            return
        alike = [replica for replica in waiting if replica.request == waiting[0].request]
        longest = host.loop.time() - min(replica.waiting_since for replica in alike)
        enough = host.config.repl_diskless_sync_max_replicas
        if (
            not host.config.repl_diskless_sync
            or (enough and len(alike) >= enough)
            or longest >= host.config.repl_diskless_sync_delay
        ):
            self._start_save(alike)

    def forget(self, replica: AttachedReplica) -> None:
        """The replica has gone. What was made for it alone is not made any more."""
        delivery = self._deliveries.pop(replica, None)
        if delivery is not None:
            delivery.stop()
        if self._pipe is not None:
            self._pipe.remove(replica)
        snapshots = self._host.snapshots
        if (
            replica.save_has_begun
            and not self._promised()
            and snapshots.is_saving_to_disk
            and not self._host.config.save
        ):
            snapshots.cancel()

    def hears_nothing(self, replica: AttachedReplica) -> bool:
        """Does this replica wait, without a byte of its file on its way?"""
        fed = self._pipe is not None and replica in self._pipe.replicas
        return replica.state == State.WAITS_FOR_SAVE and not fed
