"""Two nodes without sockets: what one says the other hears, in virtual time, and the cluster is a dict of owners."""

from collections.abc import Iterator
from random import Random

from pycluster.slot_migration.core import Migrations
from pycluster.slot_migration.effects import (
    Connect,
    DropKeys,
    Effect,
    HangUp,
    Hide,
    Log,
    Pause,
    Record,
    Send,
    SendSlots,
    Show,
    TakeSlots,
    Unpause,
)
from pycluster.slot_migration.host import Settings
from pycluster.slot_migration.job import Job

SOURCE, TARGET, THIRD = "a" * 40, "b" * 40, "c" * 40


class Node:
    """One node: its core, and what it has done so far. It is the core's host, too."""

    def __init__(self, id_: str, world: "World") -> None:
        self.id, self.world = id_, world
        self.core = Migrations(self, Random(1), Settings())
        self.is_replica = False
        self.by_hand = (False, False)
        self.strays: set[int] = set()  # slots with keys that should not be there
        self.waiting = 0
        self.done: list[Effect] = []
        self.said: list[str] = []
        self.log: list[str] = []
        self.is_paused = False
        self.hidden: set[int] = set()
        self.dropped: set[int] = set()
        self.records: list[tuple[bytes, ...]] = []

    # The host

    def my_id(self) -> str:
        return self.id

    def is_primary(self) -> bool:
        return not self.is_replica

    def owner_of(self, slot: int) -> str | None:
        return self.world.owners.get(slot)

    def knows(self, node_id: str) -> bool:
        return node_id in (SOURCE, TARGET, THIRD)

    def human_name(self, node_id: str) -> str:
        return ""

    def is_moving_slots_by_hand(self) -> tuple[bool, bool]:
        return self.by_hand

    def has_keys(self, slot: int) -> bool:
        return slot in self.strays

    def waiting_bytes(self, job: Job) -> int:
        return self.waiting

    # What it does

    def perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            self.done.append(effect)
            match effect:
                case Log(_, text):
                    self.log.append(text)
                case Send(job, args):
                    self.world.carry(self, job, args)
                case Connect(job):
                    self.world.connecting = job
                case Pause():
                    self.is_paused = True
                case Unpause():
                    self.is_paused = False
                case Hide(slots):
                    self.hidden |= slots
                case Show(slots):
                    self.hidden -= slots
                case DropKeys(slots):
                    self.dropped |= slots
                case TakeSlots(slots):
                    self.world.owners.update(dict.fromkeys(slots, self.id))
                case Record(args):
                    self.records.append(args)
                case HangUp(job):
                    self.world.hang_up(self)
                case SendSlots(job):
                    self.world.sending = job

    @property
    def job(self) -> Job:
        """The newest."""
        return self.core.jobs.all[0]

    @property
    def state(self) -> str:
        return self.job.state.value


class World:
    """The source owns the slots up to 99, the target the ones from 100 on."""

    def __init__(self) -> None:
        self.now_ms = 1_000_000
        self.owners = dict.fromkeys(range(100), SOURCE) | dict.fromkeys(range(100, 200), TARGET)
        self.source, self.target = Node(SOURCE, self), Node(TARGET, self)
        self.connecting: Job | None = None
        self.sending: Job | None = None
        self.is_linked = False
        self.letters: list[tuple[Node, tuple[bytes, ...]]] = []  # to whom, and what

    def migrate(self, words: str = f"SLOTSRANGE 0 9 NODE {TARGET}") -> None:
        self.source.perform(self.source.core.migrate([word.encode() for word in words.split()], "me", self.now_ms))

    def connect(self) -> None:
        assert self.connecting is not None
        self.is_linked = True
        self.source.perform(self.source.core.connected(self.connecting, self.now_ms))

    def send_slots(self) -> None:
        """Everything that there is has been sent."""
        assert self.sending is not None
        self.source.perform(self.source.core.sent_slots(self.sending, self.now_ms))

    def carry(self, sender: Node, job: Job, args: tuple[bytes, ...]) -> None:
        other = self.target if sender is self.source else self.source
        sender.said.append(args[-1 if args[0] == b"AUTH" else 2].decode())
        self.letters.append((other, args))

    def hang_up(self, node: Node) -> None:
        if self.is_linked:
            self.is_linked = False
            self.letters.clear()
            other = self.target if node is self.source else self.source
            if other.core.jobs.all:
                other.perform(other.core.lost(other.job, self.now_ms))

    def cut(self) -> None:
        """The connection breaks: both notice."""
        self.is_linked = False
        self.letters.clear()
        for node in (self.source, self.target):
            if node.core.jobs.all:
                node.perform(node.core.lost(node.job, self.now_ms))

    def deliver(self) -> bool:
        """One letter arrives; was there any?"""
        if not self.letters:
            return False
        receiver, args = self.letters.pop(0)
        if args[2] == b"ESTABLISH":
            _, effects = receiver.core.establish(args[3:], self.now_ms)
            receiver.perform(effects)
            self.source.perform(self.source.core.answered(self.source.job, "+OK", self.now_ms))
        else:
            receiver.perform(receiver.core.hear(receiver.job, args[2], self.now_ms))
        return True

    def run(self) -> None:
        """Until nobody has anything to say."""
        while self.deliver():
            pass

    def run_until(self, node: Node, state: str) -> None:
        while node.state != state:
            assert self.deliver(), f"it never was {state}"

    def pass_(self, milliseconds: int) -> None:
        """Time goes by, a tenth of a second at a time."""
        for _ in range(0, milliseconds, 100):
            self.now_ms += 100
            for node in (self.source, self.target):
                node.perform(node.core.tick(self.now_ms))

    def tell_owners(self) -> None:
        """The cluster's news have come round."""
        for node in (self.source, self.target):
            node.perform(node.core.owners_changed(self.now_ms))

    def in_state(self, state: str) -> "World":
        """A migration that has come so far, as the source sees it."""
        self.migrate()
        for _ in self._steps():
            if self.source.state == state:
                break
        assert self.source.state == state
        return self

    def _steps(self) -> Iterator[None]:
        yield
        self.connect()
        yield
        while self.deliver():
            yield
        if self.sending is not None:
            self.send_slots()
            yield
        while self.deliver():
            yield
