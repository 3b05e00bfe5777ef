"""A consumer group of a stream: how far it has read, who reads in it, and what each has not acknowledged yet.

An entry that was given to a consumer is pending until it is acknowledged. The group knows all that are, each consumer
its own: the same `Pending` stands in both maps.
"""

from dataclasses import dataclass, field

from pycluster.datatypes.id_map import IdMap

UNKNOWN = -1  # how many entries a group has read, where nobody can tell
NEVER = -1  # when a consumer was last given something


@dataclass(slots=True, eq=False)
class Consumer:
    """One reader of a group. Times are milliseconds since 1970."""

    name: bytes
    seen_at: int  # it asked for something
    active_at: int = NEVER  # it got something
    pending: "IdMap[Pending]" = field(default_factory=IdMap)


@dataclass(slots=True, eq=False)
class Pending:
    """An entry that a consumer, known by name, was given and has not acknowledged."""

    consumer: bytes
    delivered_at: int
    deliveries: int = 1


class Group:
    """Consumers that share the entries of a stream among them."""

    __slots__ = ("last_id", "entries_read", "pending", "consumers")

    def __init__(self, last_id: int = 0, entries_read: int = UNKNOWN) -> None:
        self.last_id = last_id  # the last entry that was given to anybody
        self.entries_read = entries_read  # how many entries of the stream there were up to that
        self.pending: IdMap[Pending] = IdMap()
        self.consumers: dict[bytes, Consumer] = {}

    def add_consumer(self, name: bytes, now: int) -> Consumer:
        consumer = self.consumers[name] = Consumer(name, now)
        return consumer

    def remove_consumer(self, name: bytes) -> int:
        """Removes a consumer with all that is pending for it; how many entries that was."""
        consumer = self.consumers.pop(name)
        for id in consumer.pending:
            self.pending.pop(id)
        return len(consumer.pending)

    def assign(self, id: int, consumer: Consumer, now: int) -> Pending:
        """An entry was given to a consumer; if it was pending, it is now as if it never had been before."""
        pending = self.pending.get(id)
        if pending is None:
            pending = Pending(consumer.name, now)
            self.pending.put(id, pending)
            consumer.pending.put(id, pending)
        else:
            self.hand_over(id, pending, consumer)
            pending.delivered_at, pending.deliveries = now, 1
        return pending

    def hand_over(self, id: int, pending: Pending, consumer: Consumer) -> None:
        """What is pending for one consumer is pending for another from now on."""
        if pending.consumer != consumer.name:
            self.consumers[pending.consumer].pending.pop(id)
            consumer.pending.put(id, pending)
            pending.consumer = consumer.name

    def release(self, id: int) -> bool:
        """An entry is pending no more; was it?"""
        pending = self.pending.pop(id)
        if pending is None:
            return False
        self.consumers[pending.consumer].pending.pop(id)
        return True

    def copy(self) -> "Group":
        twin = Group(self.last_id, self.entries_read)
        for consumer in self.consumers.values():
            twin.add_consumer(consumer.name, consumer.seen_at).active_at = consumer.active_at
        for id, pending in self.pending.items():
            theirs = twin.assign(id, twin.consumers[pending.consumer], pending.delivered_at)
            theirs.deliveries = pending.deliveries
        return twin

    def __eq__(self, other: object) -> bool:
        return self._state() == other._state() if isinstance(other, Group) else NotImplemented

    def _state(self) -> tuple[object, ...]:
        """All but the time when a consumer was last given something: files before Redis 7.2 do not hold it."""
        consumers = {consumer.name: consumer.seen_at for consumer in self.consumers.values()}
        pending = [(id, p.consumer, p.delivered_at, p.deliveries) for id, p in self.pending.items()]
        return self.last_id, self.entries_read, consumers, pending
