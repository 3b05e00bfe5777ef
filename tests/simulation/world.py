"""Clusters in virtual time: the real core and the real codec, on a simulated network, with simulated disks and data.

Everything that happens is an event in one queue, ordered by time; all chance comes from one generator. So a run is a
function of its seed, and an hour of six nodes takes seconds. After each event the invariants (invariants.py) look at
the node that it happened to.

What is simulated: connections that keep their order, take time, break when a process dies and say nothing when a
machine does; one-way cuts, in which what is sent waits and comes late, or is lost, and with it, as on TCP, the
connection; processes that are killed (the
disk keeps all that was written) and machines that lose power (it keeps what was synced). Of the data, only how much
there is of it: an offset that grows on primaries and that replicas copy.
"""

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from pycluster.cluster import nodes_conf
from pycluster.cluster.core import Cluster
from pycluster.cluster.effects import (
    Connect,
    Deliver,
    Disconnect,
    DropEverything,
    DropKeys,
    Effect,
    Follow,
    Log,
    PauseWrites,
    Persist,
    ResumeWrites,
    Send,
    Serve,
    TakeOver,
)
from pycluster.cluster.message import LAST_GOSSIP, decode, encode
from pycluster.cluster.node import Link
from pycluster.cluster.settings import Settings
from pycluster.cluster.slot_map import slots_in
from tests.simulation.invariants import Invariants
from tests.simulation.machine import NEVER_MS, Data, Machine

EPOCH_MS = 1_700_000_000_000
REPLICATION_MS = 200
GLANCE_MS = 20  # how often a condition that is waited for is looked at


@dataclass(slots=True, eq=False)
class Stream:
    """One direction of a connection."""

    source: Machine
    target: Machine
    bus_port: int = 0
    far_end: Link | None = None  # at the target, once the connection is made
    packets: deque[tuple[int, bytes]] = field(default_factory=deque)
    is_pumping: bool = False
    last_due_ms: int = 0
    has_gap: bool = False  # something was lost, so nothing behind it can arrive


class World:
    def __init__(self, seed: int = 0, delay_ms: tuple[int, int] = (1, 5), loss: float = 0.0) -> None:
        self.rng = Random(seed)
        self.now_ms = EPOCH_MS
        self.delay_ms = delay_ms
        self.loss = loss
        self.may_take_over = False  # whether chaos orders CLUSTER FAILOVER TAKEOVER
        self.cuts_hold = False  # what is sent into a cut comes late, instead of never
        self.machines: dict[str, Machine] = {}
        self.by_port: dict[int, Machine] = {}
        self._left: list[int] = []  # bus ports at which a machine was once
        self.streams: dict[Link, Stream] = {}  # by the link that one writes to
        self.cut: dict[tuple[str, str], None] = {}
        self.transcript: list[str] = []
        self.is_recording = False
        self.events = 0
        self.failures = 0  # crashes, cuts and partitions
        self.breaks = 0  # connections that broke because a packet was lost
        self.invariants = Invariants(self.describe)
        self._queue: list[tuple[int, int, Callable[..., None], tuple[object, ...]]] = []
        self._held: list[tuple[Callable[..., None], tuple[object, ...]]] = []  # by a cut, until it heals
        self._sequence = 0

    # What a test says

    def add(self, name: str, written: str = "", **settings: object) -> Machine:
        port = 7001 + len(self.machines) + len(self._left)
        data = Data(lambda: self.now_ms)
        machine = Machine(
            name,
            port,
            Random(self.rng.getrandbits(64)),
            data,
            Settings(**{"port": port, "node_timeout_ms": 1000} | settings),
            written=written,
        )
        self.machines[name] = machine
        self.by_port[machine.settings.bus_port] = machine
        self.boot(name)
        return machine

    def __getitem__(self, name: str) -> Machine:
        return self.machines[name]

    @property
    def seconds(self) -> float:
        """How long the world exists."""
        return (self.now_ms - EPOCH_MS) / 1000

    @property
    def up(self) -> list[Machine]:
        return [machine for machine in self.machines.values() if machine.is_up]

    def boot(self, name: str) -> None:
        machine = self[name]
        assert not machine.is_up
        machine.tick_at_ms = -1
        machine.data.following = None
        machine.data.last_heard_ms = -NEVER_MS
        machine.data.paused_until_ms = 0
        machine.cluster = Cluster.open(machine.settings, machine.data, machine.rng, self.now_ms, machine.written)
        self.note(f"{name} starts")
        self.invariants.started(machine)
        self.perform(machine, machine.cluster.start(self.now_ms))
        self.tell(name, machine.cluster.tick, self.now_ms)
        self.after(self.rng.randrange(REPLICATION_MS), self._replicate, machine, machine.cluster)

    def kill(self, name: str) -> None:
        """kill -9: the kernel closes the connections, and the disk has what was written."""
        machine = self[name]
        self.failures += 1
        self.note(f"{name} is killed")
        for link, stream in list(self.streams.items()):
            if stream.source is machine:
                self._hang_up(link)
        machine.cluster = None

    def power_off(self, name: str) -> None:
        """The machine is gone without a word, and its disk has only what was synced."""
        machine = self[name]
        self.failures += 1
        self.note(f"{name} loses power")
        for link, stream in list(self.streams.items()):
            if stream.source is machine:
                del self.streams[link]
        machine.cluster = None
        machine.written = machine.synced

    def move(self, name: str) -> None:
        """A machine that is down gets another address."""
        machine = self[name]
        assert not machine.is_up
        del self.by_port[machine.settings.bus_port]
        machine.port = 7001 + len(self.machines) + len(self._left)
        self._left.append(machine.settings.bus_port)
        machine.settings = replace(machine.settings, port=machine.port)
        self.by_port[machine.settings.bus_port] = machine

    def copy(self, name: str, original: str) -> Machine:
        """Another machine, started from a copy of this one's disk."""
        return self.add(name, written=self[original].written, node_timeout_ms=self[original].settings.node_timeout_ms)

    def cut_one_way(self, source: str, target: str) -> None:
        self.failures += 1
        self.note(f"cut {source} to {target}")
        self.cut[source, target] = None

    def partition(self, *names: str) -> None:
        """These on one side, all others on the other."""
        self.failures += 1
        self.note(f"cut off: {' '.join(names)}")
        for name in names:
            for other in self.machines:
                if other not in names:
                    self.cut.update({(name, other): None, (other, name): None})

    def hold_answers(self, source: str, target: str) -> Callable[[], int]:
        """What one answers to the other waits, until the function that this returns is called; it says how many
        messages have waited. (What the one sends by itself, on its own connection, does not wait.)"""
        link = self[source].state.nodes[self[target].id].inbound
        assert link
        stream = self.streams[link]
        stream.is_pumping = True

        def release() -> int:
            stream.is_pumping = False
            self._pump(stream)
            return len(stream.packets) if link in self.streams else 0

        return release

    def heal(self) -> None:
        self.note("all cuts heal")
        self.cut.clear()
        held, self._held = self._held, []
        for action, args in held:
            self.after(self._delay(), action, *args)
        for link, stream in list(self.streams.items()):
            if stream.has_gap:
                self._break(link, stream)

    def tell(self, name: str, verb: Callable[..., list[Effect]], *args: object) -> None:
        """An operator, or a test, calls a verb of the core: `world.tell("A", world["A"].cluster.meet, …)`."""
        machine = self[name]
        self.invariants.is_ordered = True
        self.perform(machine, verb(*args))
        self._after_event(machine)
        self.invariants.is_ordered = False

    def order(self, name: str, verb: str, *args: object, **options: object) -> None:
        """The same for the verbs that end in the time: `world.order("A", "forget", node_id)`."""
        self.tell(name, lambda: getattr(self[name].cluster, verb)(*args, now_ms=self.now_ms, **options))

    def set_slot(self, name: str, action: str, slot: int, *node_id: str, counts: bool = True) -> None:
        """CLUSTER SETSLOT at a primary: its replicas have it first. `counts`: they say so, and it is carried out."""
        primary = self[name]
        for replica in self.up:
            if replica.data.following == primary.id and self.is_joined(replica, primary):
                self.order(replica.name, f"set_slot_{action}", slot, *node_id)
        if counts:
            self.order(name, f"set_slot_{action}", slot, *node_id)

    def run(self, seconds: float) -> None:
        self._run_until_ms(self.now_ms + int(seconds * 1000))

    def run_until(self, condition: Callable[[], bool], seconds: float = 60) -> float:
        """Lets time pass until the condition holds; the seconds that it took. After too many of them: an error."""
        begin_ms = self.now_ms
        end_ms = begin_ms + int(seconds * 1000)
        while not condition():
            if self.now_ms >= end_ms:
                raise AssertionError(f"not within {seconds} s\n{self.describe()}")
            self._run_until_ms(min(end_ms, self.now_ms + GLANCE_MS))
        return (self.now_ms - begin_ms) / 1000

    def _run_until_ms(self, end_ms: int) -> None:
        queue = self._queue
        while queue and queue[0][0] <= end_ms:
            self.now_ms, _, action, args = heapq.heappop(queue)
            self.events += 1
            action(*args)
        self.now_ms = end_ms

    def describe(self) -> str:
        views = "".join(f"--- {machine.name} {machine.port}\n{nodes_conf.write(machine.state)}" for machine in self.up)
        return views + "\n".join(line for machine in self.machines.values() for line in machine.log[-8:])

    # Events

    def after(self, delay_ms: int, action: Callable[..., None], *args: object) -> None:
        self._sequence += 1
        heapq.heappush(self._queue, (self.now_ms + delay_ms, self._sequence, action, args))

    def note(self, text: str) -> None:
        """A line of the transcript, with names in place of ids."""
        if self.is_recording:
            for machine in self.up:
                text = text.replace(f"{machine.id} ()", machine.name).replace(machine.id, machine.name)
            self.transcript.append(f"{self.seconds:9.3f} {text}")

    def perform(self, machine: Machine, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):  # nearly all are
                message = effect.message
                if message.kind > LAST_GOSSIP:
                    self.invariants.sends(machine, message)
                    self.note(f"{machine.name} sends {message.kind.name}")
                self._send(effect.link, encode(message))
            else:
                self._perform_locally(machine, effect)

    def _perform_locally(self, machine: Machine, effect: Effect) -> None:
        data = machine.data
        match effect:
            case Log(level, text):
                if level in ("notice", "warning"):
                    machine.log.append(f"{self.seconds:9.3f} {machine.name}: {text}")
                    self.note(f"{machine.name}: {text}")
            case Persist(fsync):
                machine.written = nodes_conf.write(machine.state)
                if fsync:
                    machine.synced = machine.written
                self.invariants.changes(machine)
            case Serve():
                self.invariants.changes(machine)
            case Connect(link, _, port):
                self._connect(machine, link, port)
            case Disconnect(link):
                self._hang_up(link)
            case TakeOver():
                self.invariants.takes_over(machine)
                data.following = None
            case Follow(node_id):
                data.following = node_id
            case PauseWrites(until_ms):
                data.paused_until_ms = until_ms
            case ResumeWrites():
                data.paused_until_ms = 0
            case DropKeys(slots):
                data.keys.difference_update(slots)
            case DropEverything():
                data.keys.clear()
                data.offset = 0
            case Deliver(_, payload):
                data.delivered.append(payload)

    def _after_event(self, machine: Machine) -> None:
        if machine.cluster is None:
            return
        self.invariants.look(machine)
        wanted_ms = machine.cluster.next_tick_ms()
        if machine.tick_at_ms <= self.now_ms or wanted_ms < machine.tick_at_ms:
            machine.tick_at_ms = max(wanted_ms, self.now_ms)
            self.after(machine.tick_at_ms - self.now_ms, self._tick, machine, machine.cluster)

    def _tick(self, machine: Machine, cluster: Cluster) -> None:
        if machine.cluster is cluster and machine.tick_at_ms == self.now_ms:
            machine.tick_at_ms = -1
            self.perform(machine, cluster.tick(self.now_ms))
            self._after_event(machine)

    def _replicate(self, machine: Machine, cluster: Cluster) -> None:
        """A primary writes, a replica copies."""
        if machine.cluster is not cluster:
            return
        data, now_ms = machine.data, self.now_ms
        if data.following is None:
            if machine.is_primary and machine.is_ok and now_ms > data.paused_until_ms:
                data.offset += machine.rng.randrange(100)
        else:
            for primary in self.up:
                if primary.id == data.following and primary.data.following is None and self.is_joined(machine, primary):
                    data.offset = primary.data.offset
                    data.keys = set(primary.data.keys)
                    data.last_heard_ms = now_ms
        self.after(REPLICATION_MS, self._replicate, machine, cluster)

    def is_joined(self, one: Machine, other: Machine) -> bool:
        return (one.name, other.name) not in self.cut and (other.name, one.name) not in self.cut

    # Connections

    def _delay(self) -> int:
        low, high = self.delay_ms
        return low + int(self.rng.random() * (high - low + 1))

    def _connect(self, machine: Machine, link: Link, bus_port: int) -> None:
        target = self.by_port.get(bus_port)
        if target is None:
            assert bus_port in self._left, f"nobody ever listened on {bus_port}"
            self.after(self._delay(), self._refuse, machine, link, machine.cluster)
            return
        stream = Stream(machine, target, bus_port)
        self.streams[link] = stream
        self.after(self._delay(), self._connect_arrives, link, stream, machine.cluster)

    def _connect_arrives(self, link: Link, stream: Stream, cluster: Cluster) -> None:
        source, target = stream.source, stream.target
        if self.streams.get(link) is not stream:
            return  # given up
        if not self.is_joined(source, target):
            self._held.append((self._connect_arrives, (link, stream, cluster)))
            return
        if self.by_port.get(stream.bus_port) is not target or target.cluster is None or not target.cluster.accepts():
            del self.streams[link]
            self._refuse(source, link, cluster)
            return
        accepted = target.cluster.accepted("127.0.0.1", "127.0.0.1", source.port, self.now_ms)
        stream.far_end = accepted
        self.streams[accepted] = Stream(target, source, far_end=link)
        self.perform(source, cluster.connected(link, "127.0.0.1", "127.0.0.1", target.port, self.now_ms))
        self._after_event(source)
        self._pump(stream)

    def _refuse(self, machine: Machine, link: Link, cluster: Cluster) -> None:
        if machine.cluster is cluster:
            self.perform(machine, cluster.connect_failed(link, "Connection refused", self.now_ms))
            self._after_event(machine)

    def _send(self, link: Link, packet: bytes) -> None:
        stream = self.streams.get(link)
        if stream is None or stream.has_gap:
            return
        if not self.cuts_hold and (stream.source.name, stream.target.name) in self.cut:
            stream.has_gap = True
            return
        if self.loss and self.rng.random() < self.loss:
            self.breaks += 1
            stream.has_gap = True
            self._break(link, stream)
            return
        stream.last_due_ms = due_ms = max(stream.last_due_ms, self.now_ms + self._delay())
        stream.packets.append((due_ms, packet))
        if stream.far_end and not stream.is_pumping:
            self._pump(stream)

    def _pump(self, stream: Stream) -> None:
        if stream.packets and not stream.is_pumping:
            stream.is_pumping = True
            self.after(max(0, stream.packets[0][0] - self.now_ms), self._deliver, stream)

    def _deliver(self, stream: Stream) -> None:
        stream.is_pumping = False
        link, target = stream.far_end, stream.target
        if link not in self.streams or target.cluster is None or stream.has_gap:
            return
        if self.cut and (stream.source.name, target.name) in self.cut:
            if self.cuts_hold:
                stream.is_pumping = True
                self._held.append((self._deliver, (stream,)))
            else:
                stream.has_gap = True
            return
        _, packet = stream.packets.popleft()
        if self.is_recording and (message := decode(packet)) and message.kind > LAST_GOSSIP:
            self.note(f"{target.name} receives {message.kind.name} from {stream.source.name}")
        self._pump(stream)
        self.perform(target, target.cluster.receive(link, packet, self.now_ms))
        self._after_event(target)

    def _break(self, link: Link, stream: Stream) -> None:
        """Both ends notice, some time."""
        for machine, end in ((stream.source, link), (stream.target, stream.far_end)):
            if end:
                self.after(self._delay(), self._notice_end, machine, machine.cluster, end)

    def _hang_up(self, link: Link) -> None:
        stream = self.streams.pop(link, None)
        if stream and stream.far_end:
            self.after(self._delay(), self._notice_end, stream.target, stream.target.cluster, stream.far_end)

    def _notice_end(self, machine: Machine, cluster: Cluster, link: Link) -> None:
        if self.streams.pop(link, None) and machine.cluster is cluster:
            self.perform(machine, cluster.lost(link, self.now_ms))
            self._after_event(machine)


def span(slots: int) -> str:
    """Slots as a test writes them: "0-5460"."""
    listed = list(slots_in(slots))
    return f"{listed[0]}-{listed[-1]}" if listed else ""
