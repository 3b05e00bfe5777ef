"""The server's part in a cluster: what the cluster core asks of its server, and what it wants done there.

The core (cluster/core.py) decides, the bus talks; here is the third side: `Host` answers the core's questions about
the data, and `perform` carries out its effects on data, clients, pub/sub and the log. The commands are those of
admin/cluster.py.
"""

from collections.abc import Callable
from typing import Any

from pycluster.cluster import views
from pycluster.cluster.bus import Bus
from pycluster.cluster.core import Cluster
from pycluster.cluster.effects import (
    Deliver,
    DropEverything,
    DropKeys,
    Effect,
    Follow,
    Log,
    PauseWrites,
    ResumeWrites,
    Serve,
    TakeOver,
)
from pycluster.cluster.node import Node
from pycluster.cluster.settings import Settings
from pycluster.cluster.slot_map import slot_ranges, slot_set, slots_in
from pycluster.cluster.state import ClusterState
from pycluster.files.nodes_file import NodesFile
from pycluster.files.writer import Disk
from pycluster.keyspace.dropping import empty_dataset
from pycluster.server.config import Config
from pycluster.server.listening import listen_at
from pycluster.server.pause import FAILOVER
from pycluster.server.slot_orders import SlotOrders

# The directives that the core must hear of when they change.
SETTINGS = (
    "cluster-announce-ip cluster-announce-port cluster-announce-bus-port cluster-announce-hostname "
    "cluster-announce-human-nodename cluster-node-timeout cluster-replica-validity-factor cluster-replica-no-failover "
    "cluster-require-full-coverage cluster-allow-replica-migration repl-ping-replica-period "
    "cluster-manual-failover-timeout"
)


class ClusterPart:
    """One server's membership: `core` and `bus`, and the bridge to the data."""

    def __init__(self, server: Any, disk: Disk | None = None) -> None:
        """Locks and reads nodes.conf; raises InUse or nodes_conf.Corrupt. The event loop must run."""
        self._server = server
        self._served = 0  # the slots that routing's table shows as served
        config = server.config
        self.file = NodesFile(server.path(config.cluster_config_file), disk or Disk())
        self.file.lock()
        now = server.wall_ms()
        self.core = Cluster.open(settings_from(config), self, server.rng, now, self.file.read())
        self.bus = Bus(
            self.core, self.file, self.perform, server.wall_ms, self._cannot_write, config.cluster_link_sendbuf_limit
        )
        self.slot_orders = SlotOrders(server, self)
        self.order(self.core.start)
        config.on_change(SETTINGS, self._reconfigure)
        server.turn.always(self.bus.flush, first=True)
        server.cron.each_tick(self._redirect_waiters)

    @property
    def state(self) -> ClusterState:
        """What this node knows of the cluster."""
        return self.core.state

    def order(self, verb: Callable[..., list[Effect]], *arguments: Any) -> None:
        """Gives the core an order (a verb of its that takes the time last), and performs what comes of it."""
        self.bus.perform(verb(*arguments, self._server.wall_ms()))

    # Life

    async def listen(self) -> None:
        """Opens the bus port; raises CannotListen (the log says why)."""
        server = self._server
        port = self.state.settings.bus_port
        try:
            sockets = listen_at(server.config.bind, port, server.config.tcp_backlog, server.log)
        except Exception:
            server.log.warning(f"Failed listening on port {port} (cluster), aborting.")
            raise
        await self.bus.listen(sockets)

    def start(self) -> None:
        """The data is loaded: keys that lie in nobody's slots are claimed, and time begins for the core."""
        if not self.state.myself.is_replica:
            self._server.slot_migrations.started()  # slots that were on their way when the last run ended
        self.order(self.core.check_loaded_keys)
        self.bus.start()

    def save(self) -> None:
        """Writes nodes.conf now, whether or not it has changed; raises WriteFailed."""
        self.bus.save_anyway()

    async def close(self) -> None:
        """Leaves the bus, with nodes.conf written."""
        self.bus.flush()
        await self.bus.close()
        self.file.unlock()

    def _cannot_write(self) -> None:
        """A node that could forget a vote, or an epoch it has claimed, must not go on."""
        self._server.log.warning("Fatal: can't update cluster config file.")
        self._server.die()

    def _reconfigure(self, config: Config) -> None:
        self.order(self.core.configure, settings_from(config))

    # What clients are told

    def address_for_clients(self, node: Node) -> str:
        """Where MOVED and ASK send a client."""
        return f"{views.endpoint(node, self.endpoint_type)}:{node.port}"

    @property
    def endpoint_type(self) -> str:
        """cluster-preferred-endpoint-type."""
        return str(self._server.config.cluster_preferred_endpoint_type)

    def publish(self, channel: bytes, message: bytes) -> None:
        """A client published here: the other nodes are to hear it."""
        self.bus.perform(self.core.publish(channel, message, False, self._server.wall_ms()))

    def spublish(self, channel: bytes, message: bytes) -> None:
        """The same in a shard channel: only my shard hears it."""
        self.bus.perform(self.core.publish(channel, message, True, self._server.wall_ms()))

    # cluster.host.Host: what the core asks

    def replication_offset(self) -> int:
        # What was written in this turn counts: a paused primary that told a smaller offset would wait for its replica
        # in vain.
        self._server.journal.flush()
        return int(self._server.replication.offset)

    def data_age_ms(self) -> int:
        return int(self._server.replication.data_age_ms())

    def is_following(self) -> bool:
        return bool(self._server.replication.is_replica)

    def is_loading(self) -> bool:
        return bool(self._server.is_loading)

    def keys_in_slot(self, slot: int) -> int:
        return len(self._server.databases[0].slots[slot])

    def granted_to(self, node_id: str) -> int:
        return slot_set(self._server.slot_migrations.core.granted_to(node_id))

    def key_count(self) -> int:
        return int(self._server.databases[0].shown_size())

    # Effects

    def perform(self, effect: Effect) -> None:
        """Carries out one effect of the core's on this server, at once."""
        server = self._server
        match effect:
            case Log(level, text):
                server.log.write(level, text)
            case Serve(released):
                self._serve(released)
            case Follow(_, ip, port):
                server.slot_drops.abandon()
                server.replication.follow(ip, port)
            case TakeOver():
                server.replication.take_over()
                server.slot_migrations.promoted()
            case DropKeys(slots):
                server.slot_drops.drop(slots)
            case DropEverything():
                empty_dataset(server.databases)
            case PauseWrites(until_ms):
                server.pause.begin(FAILOVER, until_ms, all_commands=False)
            case ResumeWrites():
                server.pause.end(FAILOVER)
            case Deliver(channel, payload, sharded):
                (server.pubsub.spublish if sharded else server.pubsub.publish)(channel, payload)

    def _serve(self, released: int) -> None:
        """Owners have changed: routing's table follows, and who listened in a slot that went away is told."""
        server = self._server
        server.slot_drops.settle_before_use()
        self._show_served(views.served_slots(self.state))
        if server.slot_stats.counts:
            server.slot_stats.forget(slots_in(released))
        if released and server.pubsub.shard_channels:
            myself = self.state.slot_holder
            for slot in slots_in(released):
                if self.state.slots.owner[slot] is not myself:
                    server.pubsub.leave_slot(slot)
        server.slot_migrations.told_of_owners()

    def _show_served(self, served: int) -> None:
        """Writes into routing's table what has changed: while slots move that is one, and there are 16384."""
        for taken, shown in ((served & ~self._served, b"\1"), (self._served & ~served, b"\0")):
            for first, last in slot_ranges(taken):
                self._server.served[first : last + 1] = shown * (last + 1 - first)
        self._served = served

    def _redirect_waiters(self) -> None:
        """Clients that wait for keys whose slot has gone, or in a cluster that is down, are told (clientsCron)."""
        server = self._server
        for waiter in list(server.blocking.clients):
            if waiter.wait.keys:
                error = server.routing.redirect_of_waiter(waiter.client, waiter.command, waiter.wait.keys)
                if error is not None:
                    server.blocking.end(waiter, error)


def settings_from(config: Config) -> Settings:
    """The core's settings, as the configuration has them."""
    return Settings(
        port=config.port,
        cluster_port=config.cluster_port,
        announce_ip=config.cluster_announce_ip,
        announce_port=config.cluster_announce_port,
        announce_bus_port=config.cluster_announce_bus_port,
        announce_hostname=config.cluster_announce_hostname,
        announce_human_nodename=config.cluster_announce_human_nodename,
        node_timeout_ms=config.cluster_node_timeout,
        replica_validity_factor=config.cluster_replica_validity_factor,
        replica_no_failover=config.cluster_replica_no_failover,
        require_full_coverage=config.cluster_require_full_coverage,
        allow_replica_migration=config.cluster_allow_replica_migration,
        repl_ping_replica_period_s=config.repl_ping_replica_period,
        manual_failover_timeout_ms=config.cluster_manual_failover_timeout,
    )


