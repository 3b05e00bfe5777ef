"""The primary's side of replication: its stream, the replicas that get it, and what they have acknowledged.

Every change of the data is a piece of one stream of bytes. It goes to the replicas and to the backlog; a replica that
was away for a moment gets what it missed from there, any other one a snapshot, and then everything since. A replica
has this side too: it passes on its primary's stream, byte for byte, so that whoever hangs below it can go on with
another server of the same history.
"""

from collections.abc import Callable
from typing import Any

from pycluster.persistence.snapshot import Request
from pycluster.protocol.errors import (
    FilteredReplicaNeedsEof,
    NoLinkToPrimary,
    NoSyncWhileFailingOver,
    SyncWithPendingOutput,
)
from pycluster.protocol.replies import NO_REPLY, encode_request
from pycluster.replication.attached import AttachedReplica, State
from pycluster.replication.backlog import Backlog
from pycluster.replication.full_sync import FullSyncs
from pycluster.replication.history import History, new_id
from pycluster.replication.host import Host
from pycluster.replication.waiters import Goal, Waiters

BACKLOG_LEAST = 16 * 1024


class Primary:
    """The replicas of one server, and the stream they get."""

    def __init__(self, host: Host, history: History) -> None:
        self.history = history
        self.backlog: Backlog | None = None
        self.replicas: list[AttachedReplica] = []
        self.is_source = True  # of the stream; a replica passes on its primary's
        self.is_linked: Callable[[], bool] = lambda: True  # a replica that lost its primary can't synchronize others
        self.is_failing_over: Callable[[], bool] = lambda: False  # FAILOVER: nor can who is about to change places
        self.stops_pings: Callable[[], bool] = host.is_failing_over
        self.acknowledged: Callable[[], None] = lambda: None  # called when a replica has said how far it is
        self.came_online: Callable[[], None] = lambda: None  # called when one has all, that takes slot orders
        self.tells_orders = False  # those who are here, or were here last, take slot orders
        self._host = host
        self._full_syncs = FullSyncs(host, history, self.replicas, self._note_online)
        self.waiters = Waiters(host, self.replicas, self._want_acknowledgements)
        self.good_replicas = 0  # heard within min-replicas-max-lag, when they were counted last
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
            if replica.state is State.ONLINE and not replica.streams_on_ack:
                replica.client.link.send_bytes(stream)
            elif replica.needs_changes:
                replica.hold(stream)
                if self._host.fell_too_far_behind(replica.client, replica.held_length):
                    replica.client.link.close()

    def take(self, stream: bytes) -> None:
        """What the journal has recorded: the stream of a server that is itself the source of all changes."""
        self.feed(stream)
        self._host.journal.place[0] = self.history.offset

    def note_kept(self) -> None:
        """The append-only file has got a piece of a stream that nobody else keeps: it is counted (as one byte), so that
        WAITAOF can say where a client's last write is in it."""
        if self.is_source and self.backlog is None:
            self.history.offset += 1
            self._host.journal.place[0] = self.history.offset

    def say(self, *args: bytes) -> None:
        """A command in the stream that changes nothing: PING, GETACK."""
        self._host.journal.flush()
        self.feed(encode_request(list(args)))

    def open_backlog(self) -> None:
        """From now on the end of the stream is kept."""
        size = max(self._host.config.repl_backlog_size, BACKLOG_LEAST)
        self.backlog = Backlog(size, self.history.offset + 1)

    def _ensure_backlog(self) -> None:
        """There is a replica now: what it will get must be kept."""
        if self.backlog is not None:
            return
        # What came before was not kept, so nobody can go on from there: the stream begins here.
        self.history.begin(new_id(self._host.rng))
        self.open_backlog()
        if self.is_source:
            self.start_streaming()
        self._host.log.notice(
            f"Replication backlog created, my new replication IDs are '{self.history.id}' and '{self.history.old_id}'"
        )

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
        if self.is_failing_over():
            return NoSyncWhileFailingOver()
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
        self._host.statistics.full_syncs += 1
        self._attach(replica, State.WAITS_FOR_SAVE)
        if self._host.config.repl_disable_tcp_nodelay:
            client.link.join_packets()
        self._ensure_backlog()
        self._full_syncs.begin(replica)
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
        self._note_online()

    def find_replica(self, ip: str, port: int) -> AttachedReplica | None:
        """The replica with this address, as ROLE shows it."""
        return next((r for r in self.replicas if r.shown_ip.lower() == ip.lower() and r.port == port), None)

    def _attach(self, replica: AttachedReplica, state: State) -> None:
        self._host.mark_replica(replica.client)
        replica.state = state
        self.replicas.append(replica)
        self._note_who_takes_orders()

    def _note_who_takes_orders(self) -> None:
        self.tells_orders = any(replica.takes_slot_orders for replica in self.replicas)

    def _note_online(self) -> None:
        """A replica has been sent all there is, or will have been at the end of this turn."""
        self.count_good_replicas()
        if self.tells_orders:
            self._host.loop.call_soon(self.came_online)

    # Acknowledgements

    def acknowledge(self, client: Any, offset: int, synced: int = 0) -> None:
        """A replica says how much of the stream it has applied, and how much of it is on its disk."""
        replica: AttachedReplica | None = client.replica
        if replica is None or replica.state == State.INTRODUCED:
            return
        replica.acknowledged = max(replica.acknowledged, offset)
        replica.synced = max(replica.synced, synced)
        replica.acknowledged_at = self._host.loop.time()
        if replica.state == State.WAITS_FOR_SAVE:
            replica.has_seen_end = replica.save_has_begun
        if replica.streams_on_ack and replica.state == State.ONLINE:
            replica.streams_on_ack = False
            replica.client.link.send_bytes(replica.take_held())
        self.waiters.serve()
        self.acknowledged()

    def wait(self, client: Any, replicas: int, timeout_ms: int) -> object:
        """WAIT: so many replicas are to acknowledge the client's last write."""
        self._host.journal.flush()
        return self.waiters.wait(client, Goal(client.last_write[0], replicas), timeout_ms)

    def wait_for_files(self, client: Any, local: bool, replicas: int, timeout_ms: int) -> object:
        """WAITAOF: the client's last write is to be on so many replicas' disks, and on ours, if `local` says so."""
        self._host.journal.flush()
        return self.waiters.wait(client, Goal(client.last_write[0], replicas, True, local), timeout_ms)

    # Orders

    def tell(self, *order: bytes) -> None:
        """Says an order (SETSLOT) to the replicas. One that went a moment ago will find it in the backlog; those of
        Redis must not get it, they would take it for an error of ours."""
        if self.tells_orders and self.is_source and not self._host.is_failing_over():
            self.say(*order)

    def agree(self, client: Any, order: list[bytes], timeout_s: float, then: Callable[[bool], object]) -> object:
        """Has the replicas follow an order before it counts here: `then` is called when they all have it, or with
        False if some don't in time. Only those that are here now are waited for, and have their dataset."""
        online = [replica for replica in self.replicas if replica.state == State.ONLINE and not replica.streams_on_ack]
        able = sum(replica.takes_slot_orders for replica in online)
        if not able or not self.is_source or client.denies_blocking:
            self.tell(*order)
            return then(True)
        self._want_acknowledgements()  # now, so that the question leaves together with the order
        self.tell(*order)
        return self.waiters.wait(client, Goal(self.history.offset, able, then=then), int(timeout_s * 1000))

    def _want_acknowledgements(self) -> None:
        self._wants_acknowledgements = True
        self._host.loop.call_soon(self._ask_for_acknowledgements)

    def _ask_for_acknowledgements(self) -> None:
        """One GETACK serves all who wait; none while a failover needs the stream to stand still."""
        if self._wants_acknowledgements and self.replicas and not self._host.is_failing_over():
            self._wants_acknowledgements = False
            self.say(b"REPLCONF", b"GETACK", b"*")

    def hurry(self) -> None:
        """The replicas are to say how far they are: we are about to end."""
        if self.replicas:
            self.say(b"REPLCONF", b"GETACK", b"*")

    def count_good_replicas(self) -> None:
        """Are there as many as min-replicas-to-write wants?"""
        config = self._host.config
        wanted = config.min_replicas_to_write if self.is_source and config.min_replicas_max_lag else 0
        now, most = self._host.loop.time(), config.min_replicas_max_lag
        self.good_replicas = sum(r.state == State.ONLINE and now - r.acknowledged_at <= most for r in self.replicas)
        self._host.set_few_replicas(self.good_replicas < wanted)

    # Comings and goings

    def forget(self, client: Any) -> None:
        """A client's connection has ended."""
        self.waiters.forget(client)
        replica: AttachedReplica | None = client.replica
        client.replica = None
        if replica is None or replica not in self.replicas:
            return
        self._host.log.notice(f"Connection with replica {replica.name} lost.")
        self.replicas.remove(replica)
        self._full_syncs.forget(replica)
        if self.replicas:
            self._note_who_takes_orders()
        else:
            self._alone_since = self._host.loop.time()
        self.count_good_replicas()

    def disconnect_all(self) -> None:
        """The replicas are to come again: what they know of our history is not so any more."""
        for replica in list(self.replicas):
            replica.client.link.close()

    # Each second

    def cron(self) -> None:
        host = self._host
        is_due = self._seconds % host.config.repl_ping_replica_period == 0
        if self.replicas and self.is_source and is_due and not self.stops_pings():
            self.say(b"ping")  # in small letters, as Redis does
        self._seconds += 1
        for replica in list(self.replicas):
            self._look_after(replica)
        self._forget_backlog_of_old()
        self._full_syncs.start_due_save()
        self._full_syncs.remove_file()
        self._ask_for_acknowledgements()
        self.count_good_replicas()

    def _look_after(self, replica: AttachedReplica) -> None:
        """A replica that waits gets a sign of life; one that gives none is dropped."""
        now, limit = self._host.loop.time(), self._host.config.repl_timeout
        if self._full_syncs.hears_nothing(replica):
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
