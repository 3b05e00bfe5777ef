"""The primary's side of replication: its stream, the replicas that get it, and what they have acknowledged.

Every change of the data is a piece of one stream of bytes. It goes to the replicas and to the backlog; a replica that
was away for a moment gets what it missed from there, any other one a snapshot, and then everything since. A replica
has this side too: it passes on its primary's stream, byte for byte, so that whoever hangs below it can go on with
another server of the same history.
"""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

from pycluster.persistence.snapshot import Request
from pycluster.protocol.errors import (
    FilteredReplicaNeedsEof,
    NoLinkToPrimary,
    ReplicationSaveFailed,
    SyncWithPendingOutput,
    UnblockedByDemotion,
)
from pycluster.protocol.replies import NO_REPLY, Wait, encode_request, error_line
from pycluster.replication.attached import AttachedReplica, State
from pycluster.replication.backlog import Backlog
from pycluster.replication.delivery import FileDelivery, PipeDelivery
from pycluster.replication.history import History, new_id
from pycluster.replication.host import Host

BACKLOG_LEAST = 16 * 1024
MARK_BYTES = 20


class Primary:
    """The replicas of one server, and the stream they get."""

    def __init__(self, host: Host, history: History) -> None:
        self.history = history
        self.backlog: Backlog | None = None
        self.replicas: list[AttachedReplica] = []
        self.is_source = True  # of the stream; a replica passes on its primary's
        self.is_linked: Callable[[], bool] = lambda: True  # a replica that lost its primary can't synchronize others
        self._host = host
        self._deliveries: dict[AttachedReplica, FileDelivery] = {}
        self._pipe: PipeDelivery | None = None
        self._child_ended_well: bool | None = None
        self._waiters: dict[Any, tuple[int, int]] = {}  # clients in WAIT: offset and number of replicas
        self._wants_acknowledgements = False
        self._alone_since = host.loop.time()
        self._seconds = 0

    # The stream

    def feed(self, stream: bytes) -> None:
        """Takes the next piece of the stream: counted, kept, and on its way to the replicas."""
        self.history.offset += len(stream)
        if self.backlog is not None:
            self.backlog.feed(stream)
        for replica in self.replicas:
            if replica.gets_stream:
                replica.client.link.send_bytes(stream)
            elif replica.needs_changes:
                replica.hold(stream)
                if self._host.fell_too_far_behind(replica.client, replica.held_length):
                    replica.client.link.close()

    def take(self, stream: bytes) -> None:
        """What the journal has recorded: the stream of a server that is itself the source of all changes."""
        self.feed(stream)
        for client in self._host.journal.writers:
            client.last_write_offset = self.history.offset

    def say(self, *args: bytes) -> None:
        """A command in the stream that changes nothing: PING, GETACK."""
        self._host.journal.flush()
        self.feed(encode_request(list(args)))

    def open_backlog(self) -> None:
        """From now on the end of the stream is kept."""
        size = max(self._host.config.repl_backlog_size, BACKLOG_LEAST)
        self.backlog = Backlog(size, self.history.offset + 1)

    def drop_backlog(self) -> None:
        self.backlog = None

    def resize_backlog(self) -> None:
        """repl-backlog-size has been changed."""
        if self.backlog is not None:
            self.backlog.resize(max(self._host.config.repl_backlog_size, BACKLOG_LEAST))

    # Introductions

    def knowledge_of(self, client: Any) -> AttachedReplica:
        """What a client has said of itself by REPLCONF; nothing yet, if it is new."""
        if client.replica is None:
            client.replica = AttachedReplica(client)
        known: AttachedReplica = client.replica
        return known

    def synchronize(self, client: Any, wanted_id: str | None, wanted_offset: int = 0) -> object:
        """PSYNC; without an id, the SYNC of old. The answer goes to the client when it is known."""
        replica = self.knowledge_of(client)
        if replica.state != State.INTRODUCED:
            return NO_REPLY
        if not self.is_linked():
            return NoLinkToPrimary()
        if client.link.held_output():
            return SyncWithPendingOutput()
        if replica.request != Request() and not replica.takes_streamed_file:
            return FilteredReplicaNeedsEof()
        self._host.log.notice(f"Replica {replica.name} asks for synchronization")
        self._host.journal.flush()
        if wanted_id is not None:
            if self._can_continue(replica, wanted_id, wanted_offset):
                self._continue(replica, wanted_offset)
                return NO_REPLY
            if not wanted_id.startswith("?"):
                self._host.statistics.refused_partial_syncs += 1
        replica.speaks_psync = wanted_id is not None
        self._begin_full_sync(replica)
        return NO_REPLY

    def _can_continue(self, replica: AttachedReplica, wanted_id: str, wanted_offset: int) -> bool:
        """Have we what this replica lacks, and is its past ours? The log says why not."""
        history, log = self.history, self._host.log
        if not history.covers(wanted_id, wanted_offset):
            if wanted_id.startswith("?"):
                log.notice(f"Full resync requested by replica {replica.name}")
            elif wanted_id.lower() == history.old_id:
                log.notice(
                    f"Partial resynchronization not accepted: Requested offset for second ID was {wanted_offset}, "
                    f"but I can reply up to {history.old_until}"
                )
            else:
                log.notice(
                    "Partial resynchronization not accepted: Replication ID mismatch (Replica asked for "
                    f"'{wanted_id}', my replication IDs are '{history.id}' and '{history.old_id}')"
                )
            return False
        if self.backlog is not None and self.backlog.holds(wanted_offset):
            return True
        log.notice(
            f"Unable to partial resync with replica {replica.name} for lack of backlog "
            f"(Replica request was: {wanted_offset})."
        )
        if wanted_offset > history.offset:
            log.warning(
                f"Warning: replica {replica.name} tried to PSYNC with an offset that is greater than "
                "the master replication offset."
            )
        return False

    def _continue(self, replica: AttachedReplica, wanted_offset: int) -> None:
        """The replica gets what it lacks, and then the stream."""
        assert self.backlog is not None
        self._attach(replica, State.ONLINE)
        replica.acknowledged_at = self._host.loop.time()
        id = f" {self.history.id}" if replica.takes_new_ids else ""
        missing = self.backlog.read_from(wanted_offset)
        replica.client.link.send_bytes(b"+CONTINUE%b\r\n" % id.encode() + missing)
        self._host.statistics.partial_syncs += 1
        self._host.log.notice(
            f"Partial resynchronization request from {replica.name} accepted. Sending {len(missing)} bytes of backlog "
            f"starting from offset {wanted_offset}."
        )
        self.count_good_replicas()

    def _attach(self, replica: AttachedReplica, state: State) -> None:
        self._host.mark_replica(replica.client)
        replica.state = state
        self.replicas.append(replica)

    # Full syncs

    def _begin_full_sync(self, replica: AttachedReplica) -> None:
        """Finds the snapshot for this replica: one that is being made, one to start now, or the next one."""
        host, snapshots = self._host, self._host.snapshots
        host.statistics.full_syncs += 1
        self._attach(replica, State.WAITS_FOR_SAVE)
        replica.waiting_since = host.loop.time()
        if self.backlog is None:
            # What came before was not kept, so nobody can go on from there: the stream begins here.
            self.history.begin(new_id(host.rng))
            self.open_backlog()
            if self.is_source:
                self.start_streaming()
            host.log.notice(
                "Replication backlog created, my new replication IDs are "
                f"'{self.history.id}' and '{self.history.old_id}'"
            )
        if snapshots.is_saving_to_disk:
            self._join_running_save(replica)
        elif snapshots.is_saving:
            host.log.notice("Current BGSAVE has socket target. Waiting for next BGSAVE for SYNC")
        elif host.config.repl_diskless_sync and replica.takes_streamed_file and host.config.repl_diskless_sync_delay:
            host.log.notice("Delay next BGSAVE for diskless SYNC")  # others may come, one child will do for all
        else:
            self._start_save([replica])

    def _join_running_save(self, replica: AttachedReplica) -> None:
        """A child that writes a file is good for this replica too, if all changes since its start were kept for one."""
        for other in self.replicas:
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
                self.replicas.remove(replica)
                replica.state = State.INTRODUCED
                replica.client.link.send_bytes(error_line(ReplicationSaveFailed()))
                replica.client.link.close(after_replies=True)
            return
        for replica in replicas:
            self._promise_file(replica, self.history.offset)

    def _promise_file(self, replica: AttachedReplica, offset: int) -> None:
        """The snapshot that this replica waits for has begun: what it stands for can be told now."""
        replica.save_has_begun = True
        replica.sync_offset = offset
        if replica.speaks_psync:
            replica.client.link.send_bytes(b"+FULLRESYNC %b %d\r\n" % (self.history.id.encode(), offset))

    def _start_save_to_disk(self) -> bool:
        return self._host.snapshots.save_in_background(self._file_is_written)

    def _start_streamed_save(self, replicas: list[AttachedReplica], request: Request) -> bool:
        host = self._host
        if not host.snapshots.may_fork:
            content = b"".join(host.snapshots.pieces(request))
            host.loop.call_soon(self._hand_over, replicas, content)
            return True
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

    def _hand_over(self, replicas: list[AttachedReplica], content: bytes) -> None:
        """A snapshot made without a child is there at once."""
        for replica in replicas:
            if replica in self.replicas:
                replica.client.link.send_bytes(b"$%d\r\n" % len(content) + content)
                self._has_file(replica)
        self._start_due_save()

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
        self._start_due_save()

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
        self._start_due_save()

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
        self.count_good_replicas()
        self._host.log.notice(f"Synchronization with replica {replica.name} succeeded")
        if not replica.streams_on_ack:
            replica.client.link.send_bytes(replica.take_held())

    def _promised(self) -> list[AttachedReplica]:
        return [r for r in self.replicas if r.state == State.WAITS_FOR_SAVE and r.save_has_begun]

    def _start_due_save(self) -> None:
        """Starts the next snapshot for replicas, if somebody has waited for long enough."""
        host = self._host
        waiting = [r for r in self.replicas if r.state == State.WAITS_FOR_SAVE and not r.save_has_begun]
        if not waiting or host.snapshots.is_saving:
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

    # Acknowledgements

    def acknowledge(self, client: Any, offset: int) -> None:
        """A replica says how much of the stream it has applied."""
        replica: AttachedReplica | None = client.replica
        if replica is None or replica.state == State.INTRODUCED:
            return
        replica.acknowledged = max(replica.acknowledged, offset)
        replica.acknowledged_at = self._host.loop.time()
        if replica.streams_on_ack and replica.state == State.ONLINE:
            replica.streams_on_ack = False
            replica.client.link.send_bytes(replica.take_held())
        self._serve_waiters()

    def count_acknowledgements(self, offset: int) -> int:
        """How many replicas have applied the stream up to there?"""
        return sum(replica.state == State.ONLINE and replica.acknowledged >= offset for replica in self.replicas)

    def wait(self, client: Any, replicas: int, timeout_ms: int) -> object:
        """WAIT: so many replicas are to acknowledge the client's last write."""
        self._host.journal.flush()
        offset: int = client.last_write_offset
        acknowledged = self.count_acknowledgements(offset)
        if acknowledged >= replicas or client.denies_blocking:
            return acknowledged
        self._waiters[client] = (offset, replicas)
        self._wants_acknowledgements = True
        self._host.loop.call_soon(self._ask_for_acknowledgements)
        return Wait([], type(None), timeout_ms / 1000, partial(self._give_up, client))

    def _give_up(self, client: Any) -> int:
        """The time of a client in WAIT is over, or its patience."""
        offset, _ = self._waiters.pop(client)
        return self.count_acknowledgements(offset)

    def _ask_for_acknowledgements(self) -> None:
        """One GETACK serves all who wait; none while a failover needs the stream to stand still."""
        if self._wants_acknowledgements and self.replicas and not self._host.is_failing_over():
            self._wants_acknowledgements = False
            self.say(b"REPLCONF", b"GETACK", b"*")

    def release_waiters(self) -> None:
        """We are no primary any more: nobody will acknowledge anything here."""
        while self._waiters:
            client, _ = self._waiters.popitem()
            self._host.end_wait(client, UnblockedByDemotion())
            client.link.close(after_replies=True)

    def hurry(self) -> None:
        """The replicas are to say how far they are: we are about to end."""
        if self.replicas:
            self.say(b"REPLCONF", b"GETACK", b"*")

    def _serve_waiters(self) -> None:
        for client, (offset, replicas) in list(self._waiters.items()):
            acknowledged = self.count_acknowledgements(offset)
            if acknowledged >= replicas:
                del self._waiters[client]
                self._host.end_wait(client, acknowledged)

    def count_good_replicas(self) -> None:
        """Are there as many as min-replicas-to-write wants?"""
        config = self._host.config
        wanted = config.min_replicas_to_write if self.is_source and config.min_replicas_max_lag else 0
        self._host.set_few_replicas(self.good_replicas < wanted)

    @property
    def good_replicas(self) -> int:
        """Replicas that have been heard within min-replicas-max-lag."""
        now, most = self._host.loop.time(), self._host.config.min_replicas_max_lag
        return sum(r.state == State.ONLINE and now - r.acknowledged_at <= most for r in self.replicas)

    # Comings and goings

    def forget(self, client: Any) -> None:
        """A client's connection has ended."""
        self._waiters.pop(client, None)
        replica: AttachedReplica | None = client.replica
        client.replica = None
        if replica is None or replica not in self.replicas:
            return
        self._host.log.notice(f"Connection with replica {replica.name} lost.")
        self.replicas.remove(replica)
        delivery = self._deliveries.pop(replica, None)
        if delivery is not None:
            delivery.stop()
        if self._pipe is not None:
            self._pipe.remove(replica)
        if not self.replicas:
            self._alone_since = self._host.loop.time()
        snapshots = self._host.snapshots
        if (
            replica.save_has_begun
            and not self._promised()
            and snapshots.is_saving_to_disk
            and not self._host.config.save
        ):
            snapshots.cancel()  # it was made for this replica alone
        self.count_good_replicas()

    def disconnect_all(self) -> None:
        """The replicas are to come again: what they know of our history is not so any more."""
        for replica in list(self.replicas):
            replica.client.link.close()

    # Each second

    def cron(self) -> None:
        host = self._host
        is_due = self._seconds % host.config.repl_ping_replica_period == 0
        if self.replicas and self.is_source and is_due and not host.is_failing_over():
            self.say(b"PING")
        self._seconds += 1
        for replica in list(self.replicas):
            self._look_after(replica)
        self._forget_backlog_of_old()
        self._start_due_save()
        self._ask_for_acknowledgements()
        self.count_good_replicas()

    def _look_after(self, replica: AttachedReplica) -> None:
        """A replica that waits gets a sign of life; one that gives none is dropped."""
        now, limit = self._host.loop.time(), self._host.config.repl_timeout
        if replica.state == State.WAITS_FOR_SAVE and (self._pipe is None or replica not in self._pipe.replicas):
            replica.client.link.send_bytes(b"\n")
        if replica.state == State.ONLINE and replica.speaks_psync and now - replica.acknowledged_at > limit:
            self._host.log.warning(f"Disconnecting timedout replica (streaming sync): {replica.name}")
            replica.client.link.close()
        elif replica.stuck_since and now - replica.stuck_since > limit:
            self._host.log.warning(f"Disconnecting timedout replica (full sync): {replica.name}")
            replica.client.link.close()

    def _forget_backlog_of_old(self) -> None:
        """Without replicas the backlog is given up after a while, and with it the stream's id.

        What we change from then on is not counted. Were we to keep the id, and to follow one of our old replicas one
        day, it would take our offset for a place in its own stream.
        """
        ttl = self._host.config.repl_backlog_ttl
        if self.backlog is None or self.replicas or not ttl or not self.is_source:
            return
        if self._host.loop.time() - self._alone_since > ttl:
            self.stop_streaming()
            self.drop_backlog()
            self.history.begin(new_id(self._host.rng))
            self._host.log.notice(f"Replication backlog freed after {ttl} seconds without connected replicas.")

    def start_streaming(self) -> None:
        """From now on the journal's records are the stream: we are the source."""
        self.is_source = True
        self._alone_since = self._host.loop.time()
        self._host.journal.start_over()
        if self.backlog is not None and self.take not in self._host.journal.listeners:
            self._host.journal.listeners.append(self.take)

    def stop_streaming(self) -> None:
        """From now on nothing is recorded for replicas here: nobody keeps it, or our primary's stream is theirs."""
        self._host.journal.flush()
        if self.take in self._host.journal.listeners:
            self._host.journal.listeners.remove(self.take)
