"""Which node owns which slot, as one node sees it.

Sets of slots are ints used as bitmaps (bit 5 is slot 5), which is also their form on the wire, little-endian: a whole
node's claim is compared, split and counted in a few operations, and only slots that change are ever looped over.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from operator import itemgetter

from pycluster.cluster.node import Node
from pycluster.keyspace.slots import SLOTS

ALL_SLOTS = (1 << SLOTS) - 1

FEW = 64  # changed slots of a node: their text is mended, and not written anew


@dataclass(slots=True, eq=False, repr=False)
class SlotMap:
    owner: list[Node | None] = field(default_factory=lambda: [None] * SLOTS)
    assigned: int = 0
    # Slots whose owner has stopped claiming them, after a migration say: they stay bound, so that clients get a
    # redirect and not an error, but anybody may claim them at any epoch, and nobody is told that they have an owner.
    unclaimed: int = 0
    migrating: dict[int, Node] = field(default_factory=dict)
    importing: dict[int, Node] = field(default_factory=dict)
    # At a replica: slots that its primary was told to take over and does not claim yet, as a bitmap. Its owner's epoch
    # may still be the greater one, so a replica that claimed them in an election would be denied all votes: they are
    # its own from the moment that it has won (failover.take_over).
    promised: int = 0
    # Slots that another node has granted me by an atomic migration, as a bitmap, and until when it may be that what it
    # said before still arrives.
    received: dict[Node, tuple[int, int]] = field(default_factory=dict)
    # What core.settle tells the server at the end of a verb
    changed: bool = False
    released: int = 0
    texts: "dict[Node, RangesText]" = field(default_factory=dict)

    def bind(self, slots: int, node: Node) -> None:
        assert not slots & self.assigned, "a slot is released by its owner before another gets it"
        if not slots:
            return
        for first, last in slot_ranges(slots):
            self.owner[first : last + 1] = [node] * (last + 1 - first)
        self.assigned |= slots
        self.promised &= ~slots
        self.changed = True
        node.claim(node.slots | slots)

    def release(self, slots: int) -> None:
        slots &= self.assigned
        if not slots:
            return
        owners: dict[Node | None, None] = {}
        for first, last in slot_ranges(slots):
            owners.update(dict.fromkeys(self.owner[first : last + 1]))
            self.owner[first : last + 1] = [None] * (last + 1 - first)
        for node in owners:
            assert node
            node.claim(node.slots & ~slots)
        self.assigned &= ~slots
        self.unclaimed &= ~slots
        self.released |= slots
        self.changed = True

    def rebind(self, slots: int, node: Node) -> None:
        self.release(slots)
        self.bind(slots, node)

    def forget(self, node: Node) -> None:
        self.release(node.slots)
        self.texts.pop(node, None)
        self.received.pop(node, None)
        for open_slots in (self.migrating, self.importing):
            for slot in [slot for slot, peer in open_slots.items() if peer is node]:
                del open_slots[slot]
                self.changed = True

    def migrate(self, slot: int, to: Node) -> None:
        self.migrating[slot] = to
        self.promised &= ~(1 << slot)
        self.changed = True

    def import_(self, slot: int, source: Node) -> None:
        self.importing[slot] = source
        self.promised &= ~(1 << slot)
        self.changed = True

    def promise(self, slot: int) -> None:
        """The import has ended as far as this replica is concerned."""
        self.importing.pop(slot, None)
        self.promised |= 1 << slot
        self.changed = True

    def close(self, slot: int) -> None:
        """Ends the migration of a slot, in both directions."""
        self.migrating.pop(slot, None)
        self.importing.pop(slot, None)
        self.promised &= ~(1 << slot)
        self.changed = True

    def close_all(self) -> None:
        self.migrating.clear()
        self.importing.clear()
        self.promised = 0
        self.changed = True

    def text_of(self, node: Node) -> str:
        """A node's slots as nodes.conf and CLUSTER NODES name them: `0-99 200`."""
        text = self.texts.get(node)
        if text is None:
            text = self.texts[node] = RangesText()
        return text.of(node.slots)


class RangesText:
    """The runs of a set of slots as text, where few slots change from one time to the next: of a node that takes a
    thousand slots here and there, one by one, only the words about the newest are written anew."""

    __slots__ = ("_slots", "_runs", "_words", "_text")

    def __init__(self) -> None:
        self._slots = 0
        self._runs: list[tuple[int, int]] = []
        self._words: list[str] = []
        self._text = ""

    def of(self, slots: int) -> str:
        if slots == self._slots:
            return self._text
        changed = slots ^ self._slots
        if changed.bit_count() > FEW:
            self._replace(0, len(self._runs), list(slot_ranges(slots)))
        else:
            for first, last in slot_ranges(changed & self._slots):
                self._cut(first, last)
            for first, last in slot_ranges(changed & slots):
                self._join(first, last)
        self._slots = slots
        self._text = " ".join(self._words)
        return self._text

    def _cut(self, first: int, last: int) -> None:
        """Slots of one run go; what lies before and behind them stays."""
        at = bisect_left(self._runs, last, key=_last)
        begin, end = self._runs[at]
        rests = ((begin, first - 1), (last + 1, end))
        self._replace(at, at + 1, [rest for rest in rests if rest[0] <= rest[1]])

    def _join(self, first: int, last: int) -> None:
        """New slots come, and make one run with their neighbours."""
        begin = bisect_left(self._runs, first - 1, key=_last)
        end = begin
        if end < len(self._runs) and self._runs[end][1] == first - 1:
            first = self._runs[end][0]
            end += 1
        if end < len(self._runs) and self._runs[end][0] == last + 1:
            last = self._runs[end][1]
            end += 1
        self._replace(begin, end, [(first, last)])

    def _replace(self, begin: int, end: int, runs: list[tuple[int, int]]) -> None:
        self._runs[begin:end] = runs
        self._words[begin:end] = [f"{a}-{b}" if a != b else f"{a}" for a, b in runs]


_last = itemgetter(1)


def slot_set(slots: Iterable[int]) -> int:
    bitmap = bytearray(SLOTS // 8)
    for slot in slots:
        bitmap[slot >> 3] |= 1 << (slot & 7)
    return int.from_bytes(bitmap, "little")


def slot_range(first: int, last: int) -> int:
    return ((1 << max(0, last - first + 1)) - 1) << first


def slots_on_wire(bitmap: bytes) -> int:
    return int.from_bytes(bitmap, "little")


def slot_ranges(slots: int) -> Iterator[tuple[int, int]]:
    """The runs of neighbouring slots, each as (first, last)."""
    if not slots:
        return
    lowest = first_slot(slots)
    # As text, lowest first and a 0 at the end: for many runs ten times as fast as shifting numbers of 16384 bits.
    bits = f"0{slots >> lowest:b}"[::-1]
    first = bits.find("1")
    while first >= 0:
        end = bits.find("0", first)
        yield lowest + first, lowest + end - 1
        first = bits.find("1", end)


def first_slot(slots: int) -> int:
    return (slots & -slots).bit_length() - 1


def slots_in(slots: int) -> Iterator[int]:
    for first, last in slot_ranges(slots):
        yield from range(first, last + 1)
