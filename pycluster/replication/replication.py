"""Replication, as the rest of the server sees it: one history, and the two roles that share it.

A server is the source of its stream or follows another's; here it changes from one to the other. The roles do the
work: primary.py what replicas get, replica.py what comes from the primary.
"""

from collections.abc import Mapping

from pycluster.keyspace.database import FOREVER_MS
from pycluster.persistence.loading import Loading
from pycluster.replication.attached import State as AttachedState
from pycluster.replication.failover import Failover
from pycluster.replication.history import ID_LENGTH, History, new_id
from pycluster.replication.host import Host
from pycluster.replication.primary import Primary
from pycluster.replication.replica import Replica, stream_db


class Replication:
    """The part of a server that keeps several datasets the same."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.history = History(new_id(host.rng))
        self.primary = Primary(host, self.history)
        self.replica = Replica(host, self.history, self.primary)
        self.failover = Failover(host, self.primary, self.follow, self.take_over)
        self.replica.failover = self.failover
        self.primary.is_linked = self._can_serve_replicas
        self.primary.is_failing_over = lambda: self.failover.is_under_way
        self.primary.stops_pings = self._stops_pings
        self.primary.acknowledged = self.failover.look_soon
        host.config.on_change("repl-backlog-size", lambda config: self.primary.resize_backlog())
        host.config.on_change(
            "min-replicas-to-write min-replicas-max-lag", lambda config: self.primary.count_good_replicas()
        )
        self.primary.count_good_replicas()

    # Roles

    @property
    def is_replica(self) -> bool:
        return self.replica.address is not None

    def follow(self, ip: str, port: int, *, at_start: bool = False) -> None:
        """Be a replica of the server at this address, from now on. `at_start`: what we have, if anything, is its data,
        since we are only just being told who we are (replicaof in redis.conf)."""
        was_primary = not self.is_replica
        if was_primary:
            self.primary.stop_streaming()
            self.primary.is_source = False
            self.primary.waiters.release()
            self._host.unblock_clients()
            self._host.set_replica(True)
        self.replica.follow(ip, port, was_primary=was_primary and not at_start)

    def take_over(self) -> None:
        """Be nobody's replica, from now on, with the data as it is. Our stream begins where the primary's ended."""
        if not self.is_replica:
            return
        self.replica.stop()
        self.history.rename(new_id(self._host.rng))
        self._host.log.notice(
            f"Setting secondary replication ID to {self.history.old_id}, valid up to offset: {self.history.old_until}. "
            f"New replication ID is {self.history.id}"
        )
        self.primary.disconnect_all()  # they come again at once, and go on where they were
        self._host.set_replica(False)
        self.primary.start_streaming()
        self._host.resume_aof()  # if a full sync had begun, and not ended

    def _can_serve_replicas(self) -> bool:
        return not self.is_replica or self.replica.is_connected

    def _stops_pings(self) -> bool:
        return self.failover.stops_pings if self.failover.is_under_way else self._host.is_failing_over()

    def change_id(self) -> None:
        """DEBUG CHANGE-REPL-ID: nobody can go on from here."""
        self._host.log.notice("Changing replication IDs after receiving change-repl-id")
        self.history.begin(new_id(self._host.rng))

    # Over a restart

    def fields(self) -> Mapping[str, str | int]:
        """What a snapshot says of the stream, so that its reader can go on from there; nothing, if nobody could."""
        if self.is_replica:
            db = self.replica.position
        else:
            db = None if self.primary.backlog is None else max(0, self._host.journal.selected)
        if db is None:
            return {}
        return {"repl-stream-db": db, "repl-id": self.history.id, "repl-offset": self.history.offset}

    def restore(self, loading: Loading, *, is_primary: bool) -> None:
        """A dataset was loaded at the start: its history goes on, if it says which it is.

        A primary's past belongs to the id it had, and replicas of that time can go on. What has expired meanwhile is
        the first that they hear of.
        """
        aux = loading.aux
        id, offset = aux.get(b"repl-id", b"").decode("latin-1"), aux.get(b"repl-offset", b"")
        db = stream_db(loading, len(self._host.databases))
        if len(id) != ID_LENGTH or not offset.isdigit() or db is None:
            return
        if not is_primary:
            self.history.adopt(id, int(offset))
            self.replica.position = db
            return
        self.history.adopt(id, int(offset))
        self.history.rename(new_id(self._host.rng))
        self.primary.open_backlog()
        self.primary.start_streaming()
        for index, key in loading.expired:
            self._host.journal.append(index, b"DEL", key)
        self._host.journal.flush()

    # For others to know

    @property
    def offset(self) -> int:
        """How far this server is in its stream; a replica that has no dataset (yet, or just now) is nowhere."""
        return 0 if self.is_replica and self.replica.position is None else self.history.offset

    def data_age_ms(self) -> int:
        """How long ago a replica last heard of its primary; if it never did, longer than any limit."""
        silent_s = self.replica.silent_for_s()
        return FOREVER_MS if silent_s is None else int(silent_s * 1000)

    def is_stale(self) -> bool:
        """Does this replica know that it knows too little, and is it to say so (replica-serve-stale-data)?"""
        return self.is_replica and not self.replica.is_connected and not self._host.config.replica_serve_stale_data

    def role(self) -> list[object]:
        """The reply to ROLE."""
        if self.is_replica:
            assert self.replica.address is not None
            ip, port = self.replica.address
            offset = self.history.offset if self.replica.is_connected else -1
            return [b"slave", ip.encode(), port, self.replica.state.encode(), offset]
        online = [replica for replica in self.primary.replicas if replica.state == AttachedState.ONLINE]
        shown = [[r.shown_ip.encode(), b"%d" % r.port, b"%d" % r.acknowledged] for r in online]
        return [b"master", self.history.offset, shown]

    def lagging(self) -> bool:
        """Is a replica behind what we have done?"""
        self._host.journal.flush()
        return any(replica.acknowledged != self.history.offset for replica in self.primary.replicas)

    def tell_lag(self) -> None:
        """The log says which replicas will lack something when we are gone."""
        replicas, now = self.primary.replicas, self._host.loop.time()
        lagging = [replica for replica in replicas if replica.acknowledged != self.history.offset]
        for replica in lagging:
            lag = int(now - replica.acknowledged_at) if replica.state == AttachedState.ONLINE else 0
            self._host.log.notice(
                f"Lagging replica {replica.name} reported offset {self.history.offset - replica.acknowledged} "
                f"behind master, lag={lag}, state={replica.state}."
            )
        if replicas:
            in_sync = len(replicas) - len(lagging)
            self._host.log.notice(f"{in_sync} of {len(replicas)} replicas are in sync when shutting down.")

    def info(self) -> Mapping[str, int | str]:
        """The section Replication of INFO."""
        history, primary, config = self.history, self.primary, self._host.config
        backlog = primary.backlog
        fields: dict[str, int | str] = {"role": "slave" if self.is_replica else "master"}
        fields |= self.replica.info()
        fields["connected_slaves"] = len(primary.replicas)
        if config.min_replicas_to_write and config.min_replicas_max_lag:
            fields["min_slaves_good_slaves"] = primary.good_replicas
        now = self._host.loop.time()
        for number, replica in enumerate(r for r in primary.replicas if r.state):
            lag = int(now - replica.acknowledged_at) if replica.state == AttachedState.ONLINE else 0
            fields[f"slave{number}"] = (
                f"ip={replica.shown_ip},port={replica.port},state={replica.state},"
                f"offset={replica.acknowledged},lag={lag}"
            )
        return fields | {
            "master_failover_state": str(self.failover.state),
            "master_replid": history.id,
            "master_replid2": history.old_id,
            "master_repl_offset": history.offset,
            "second_repl_offset": history.old_until,
            "repl_backlog_active": int(backlog is not None),
            "repl_backlog_size": config.repl_backlog_size,
            "repl_backlog_first_byte_offset": backlog.first if backlog is not None else 0,
            "repl_backlog_histlen": backlog.length if backlog is not None else 0,
        }

    def cron(self) -> None:
        """Each second."""
        self.replica.cron()
        self.primary.cron()
