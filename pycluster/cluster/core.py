"""One node of a Redis Cluster, without its sockets, its disk and its data.

`Cluster` is told what happens: bytes arrived, a link is up, time passes, an operator wants something. It answers each
time with effects (effects.py), in the order in which they are due. In production the bus and the server perform
them, in tests a simulator does, with virtual time. The rules are in the modules that it calls; what it knows is its
`state`, which everybody may read.
"""

from collections.abc import Iterable
from random import Random

from pycluster.cluster import (
    availability,
    epochs,
    failover,
    failures,
    heartbeat,
    incoming,
    manual_failover,
    nodes_conf,
    orders,
    outgoing,
)
from pycluster.cluster.effects import Effect, Persist, Serve
from pycluster.cluster.framing import BadStream
from pycluster.cluster.host import Host
from pycluster.cluster.message import BadPacket, Message, decode
from pycluster.cluster.node import MYSELF, NOFAILOVER, PRIMARY, Link, Node, random_id
from pycluster.cluster.settings import Settings
from pycluster.cluster.slot_map import slot_set
from pycluster.cluster.state import ClusterState, Todo
from pycluster.keyspace.slots import SLOTS

STREAM_POLL_MS = 5  # how often a replica in a manual failover looks whether it has the whole stream


class Cluster:
    __slots__ = ("state",)

    def __init__(self, state: ClusterState) -> None:
        self.state = state

    # The beginning

    @classmethod
    def open(cls, settings: Settings, host: Host, rng: Random, now_ms: int, saved: str = "") -> "Cluster":
        """The node that a nodes.conf describes, or a new one if there is none. Raises nodes_conf.Corrupt."""
        if saved:
            state = nodes_conf.read(saved, settings, host, rng, now_ms)
            state.log("notice", f"Node configuration loaded, I'm {state.myself.id}")
        else:
            myself = Node(random_id(rng), MYSELF | PRIMARY, now_ms, shard_id=random_id(rng))
            state = ClusterState(settings, host, rng, myself, {myself.id: myself}, now_ms=now_ms)
            state.log("notice", f"No cluster configuration found, I'm {myself.id}")
            state.save(fsync=True)
        state.todo.serve = True
        return cls(state)

    def start(self, now_ms: int) -> list[Effect]:
        """To be called once, before the data is loaded."""
        return self.configure(self.state.settings, now_ms)

    def check_loaded_keys(self, now_ms: int) -> list[Effect]:
        """The data is loaded. Keys in slots that nobody owns make them mine; keys in slots of others are shown as an
        import, so that somebody can decide. (A replica has what its primary has.)"""
        state = self._at(now_ms)
        if not state.myself.is_replica:
            self._claim_populated_slots()
        return self._settle()

    def configure(self, settings: Settings, now_ms: int) -> list[Effect]:
        """The settings have changed."""
        state, myself = self._at(now_ms), self.state.myself
        if settings.announce_ip:
            myself.ip = settings.announce_ip
        elif state.settings.announce_ip:
            myself.ip = ""  # to be found out again
        myself.port, myself.bus_port = settings.public_port, settings.public_bus_port
        names = settings.announce_hostname, settings.announce_human_nodename
        flags = myself.flags & ~NOFAILOVER | (NOFAILOVER if settings.replica_no_failover else 0)
        if (myself.hostname, myself.human_nodename, myself.flags) != (*names, flags):
            myself.hostname, myself.human_nodename = names
            myself.flags = flags
            state.save_and_judge()
        state.settings = settings
        state.hurry()  # the timeout may be shorter now
        return self._settle()

    # Links

    def accepts(self) -> bool:
        """A primary that is still loading takes no connections: an UPDATE might change data that is not there yet."""
        return self.state.myself.is_replica or not self.state.host.is_loading()

    def accepted(self, local_ip: str, peer_ip: str, peer_port: int, now_ms: int) -> Link:
        return Link(True, now_ms, local_ip=local_ip, peer_ip=peer_ip, peer_port=peer_port)

    def connected(self, link: Link, local_ip: str, peer_ip: str, peer_port: int, now_ms: int) -> list[Effect]:
        """A link that was asked for by Connect is up."""
        state, node = self._at(now_ms), link.node
        assert node
        link.local_ip, link.peer_ip, link.peer_port = local_ip, peer_ip, peer_port
        if link.is_open:
            heartbeat.greet(state, node, link)
        return self._settle()

    def connect_failed(self, link: Link, reason: str, now_ms: int) -> list[Effect]:
        state, node = self._at(now_ms), link.node
        assert node
        if link.is_open:
            state.detach(link)
            # Failure detection counts from the first unanswered ping: this is as good as one.
            node.ping_sent_ms = node.ping_sent_ms or now_ms
            if node.is_fail:
                node.connect_after_ms = now_ms + heartbeat.RETRY_FAILED_MS
            state.log("verbose", f"Connection with Node {node.id} at {node.ip}:{node.bus_port} failed: {reason}")
        return self._settle()

    def lost(self, link: Link, now_ms: int) -> list[Effect]:
        """The other side closed the link, or it broke."""
        self._at(now_ms).detach(link)
        return self._settle()

    def overflowed(self, link: Link, queued_bytes: int, now_ms: int) -> list[Effect]:
        """More is waiting on this link than cluster-link-sendbuf-limit allows."""
        state = self._at(now_ms)
        direction, name = "from" if link.inbound else "to", link.node.id if link.node else ""
        state.log(
            "warning",
            f"Freeing cluster link({direction} node {name}, used memory: {queued_bytes}) "
            "due to exceeding send buffer memory limit.",
        )
        state.links_over_limit += 1
        state.close(link)
        return self._settle()

    # Bytes and time

    def receive(self, link: Link, received: bytes, now_ms: int) -> list[Effect]:
        """Bytes came in on a link, any number of them."""
        state = self._at(now_ms)
        try:
            for packet in link.reader.feed(received):
                self._receive_packet(link, packet)
                if not link.is_open:
                    break
        except BadStream:
            state.log(
                "warning",
                f"Bad message length or signature received on the Cluster bus from {link.peer_ip}:{link.peer_port}",
            )
            state.close(link)
        return self._settle()

    def handle(self, link: Link, message: Message, now_ms: int) -> list[Effect]:
        """One message came in on a link."""
        incoming.receive(self._at(now_ms), link, message)
        return self._settle()

    def tick(self, now_ms: int) -> list[Effect]:
        """Time has passed. May be called at any moment; `next_tick_ms` says when it is wanted."""
        state = self._at(now_ms)
        if now_ms >= state.next_tick_ms:
            heartbeat.tick(state)
        elif manual_failover.is_waiting_for_stream(state):
            manual_failover.advance(state)
        return self._settle()

    def next_tick_ms(self) -> int:
        state = self.state
        if state.manual_failover.is_under_way and manual_failover.is_waiting_for_stream(state):
            return min(state.next_tick_ms, state.now_ms + STREAM_POLL_MS)
        return state.next_tick_ms

    def publish(self, channel: bytes, payload: bytes, sharded: bool, now_ms: int) -> list[Effect]:
        """A client here published something: the other nodes are to hear it."""
        outgoing.publish(self._at(now_ms), channel, payload, sharded)
        return self._settle()

    # Orders: the subcommands of CLUSTER that change something. Each may raise a ReplyError.

    def meet(self, ip: str, port: int, bus_port: int, now_ms: int) -> list[Effect]:
        orders.meet(self._at(now_ms), ip, port, bus_port)
        return self._settle()

    def forget(self, node_id: str, now_ms: int) -> list[Effect]:
        orders.forget(self._at(now_ms), node_id)
        return self._settle()

    def reset(self, hard: bool, now_ms: int) -> list[Effect]:
        orders.reset(self._at(now_ms), hard)
        return self._settle()

    def replicate(self, node_id: str, now_ms: int) -> list[Effect]:
        orders.replicate(self._at(now_ms), node_id)
        return self._settle()

    def fail_over(self, now_ms: int, force: bool = False, takeover: bool = False) -> list[Effect]:
        orders.fail_over(self._at(now_ms), force, takeover)
        return self._settle()

    def set_config_epoch(self, epoch: int, now_ms: int) -> list[Effect]:
        orders.set_config_epoch(self._at(now_ms), epoch)
        return self._settle()

    def bump_epoch(self, now_ms: int) -> tuple[bool, list[Effect]]:
        """Whether the epoch had to be moved, and the effects."""
        return epochs.bump(self._at(now_ms)), self._settle()

    def add_slots(self, slots: Iterable[int], now_ms: int) -> list[Effect]:
        """The slots are looked at in their order, all of them before any is added."""
        orders.add_slots(self._at(now_ms), slots)
        return self._settle()

    def del_slots(self, slots: Iterable[int], now_ms: int) -> list[Effect]:
        orders.del_slots(self._at(now_ms), slots)
        return self._settle()

    def flush_slots(self, now_ms: int) -> list[Effect]:
        orders.flush_slots(self._at(now_ms))
        return self._settle()

    def set_slot_migrating(self, slot: int, node_id: str, now_ms: int) -> list[Effect]:
        orders.set_slot_migrating(self._at(now_ms), slot, node_id)
        return self._settle()

    def set_slot_importing(self, slot: int, node_id: str, now_ms: int) -> list[Effect]:
        orders.set_slot_importing(self._at(now_ms), slot, node_id)
        return self._settle()

    def set_slot_stable(self, slot: int, now_ms: int) -> list[Effect]:
        orders.set_slot_stable(self._at(now_ms), slot)
        return self._settle()

    def set_slot_node(self, slot: int, node_id: str, now_ms: int) -> list[Effect]:
        orders.set_slot_node(self._at(now_ms), slot, node_id)
        return self._settle()

    def forget_open_slots(self, now_ms: int) -> list[Effect]:
        """A replica's dataset was replaced: what its primary has open it will be told anew."""
        orders.forget_open_slots(self._at(now_ms))
        return self._settle()

    def take_slots(self, slots: Iterable[int], now_ms: int) -> list[Effect]:
        orders.take_slots(self._at(now_ms), slots)
        return self._settle()

    def count_failure_reports(self, node_id: str, now_ms: int) -> int:
        state = self._at(now_ms)
        return failures.count_reports(state, orders.known_node(state, node_id))

    def drop_packets_of(self, kind: int) -> None:
        """DEBUG CLUSTER packet filter, for tests: messages of this kind are ignored; -1 for none."""
        self.state.dropped_kind = kind

    # Inside

    def _at(self, now_ms: int) -> ClusterState:
        self.state.now_ms = now_ms
        return self.state

    def _receive_packet(self, link: Link, packet: bytes) -> None:
        try:
            message = decode(packet)
        except BadPacket as bad:
            self.state.log("warning", str(bad))
            return
        if message:
            incoming.receive(self.state, link, message)

    def _claim_populated_slots(self) -> None:
        state, slots = self.state, self.state.slots
        for slot in range(SLOTS):
            owner = slots.owner[slot]
            if owner is state.myself or slot in slots.importing or not state.host.keys_in_slot(slot):
                continue
            if owner is None:
                state.log("notice", f"I have keys for unassigned slot {slot}. Taking responsibility for it.")
                slots.bind(slot_set([slot]), state.myself)
            else:
                state.log(
                    "notice",
                    f"I have keys for slot {slot}, but the slot is assigned to another node. "
                    "Setting it to importing state.",
                )
                slots.import_(slot, source=owner)
            state.save(fsync=True)

    def _settle(self) -> list[Effect]:
        """Does what was noted for the end of a verb, and hands out the effects, nodes.conf first."""
        state, todo = self.state, self.state.todo
        if todo.manual_failover:
            todo.manual_failover = False
            if state.myself.is_replica:
                manual_failover.advance(state)
        while todo.failover:
            failover.advance(state)
        if todo.judge:
            availability.judge(state)
        if todo.serve or state.slots.changed:
            state.emit(Serve(state.slots.released))
            state.slots.changed, state.slots.released = False, 0
        effects, state.effects = state.effects, []
        if todo.save:
            effects.insert(0, Persist(todo.fsync))
        if todo.save or todo.serve:
            state.todo = Todo()
        return effects
