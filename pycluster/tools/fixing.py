"""What to do about slots that are open, claimed by several or covered by none: decided from facts, performed elsewhere.

The rule behind all cases: a slot gets one owner, every key of it ends up there, then the slot is closed everywhere. No
step forgets a key: who is not the owner brings its keys there first.

The owner is who claims the slot. If nobody does, it is who has most of its keys; if nobody has any, the master with
the fewest slots. If several do, who has most of its keys, or else the newer claim.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pycluster.cluster.slot_map import slots_in
from pycluster.tools.node_lines import show_ranges
from pycluster.tools.outcomes import Refused
from pycluster.tools.view import ClusterView, NodeView


@dataclass(frozen=True, slots=True)
class SlotFacts:
    """All that matters about one slot; nodes are named by their ids."""

    slot: int
    claims: Sequence[str]  # who says that it is his, the newest claim first
    migrating: Mapping[str, str] = field(default_factory=dict)  # who gives it, and to whom
    importing: Mapping[str, str] = field(default_factory=dict)  # who takes it, and from whom
    keys: Mapping[str, int] = field(default_factory=dict)  # how many keys of it are where; no zeros
    is_doubted: bool = False  # some master believes it to be another's, or nobody's


@dataclass(frozen=True, slots=True)
class Assign:
    """Make a node the owner of a slot that is nobody's."""

    slot: int
    node: str


@dataclass(frozen=True, slots=True)
class Release:
    """Take a claim back: another has the slot."""

    slot: int
    node: str


@dataclass(frozen=True, slots=True)
class BringKeys:
    """Move all keys of the slot to its owner, without changing whose it is."""

    slot: int
    source: str
    owner: str


@dataclass(frozen=True, slots=True)
class FinishMove:
    """Go on with a move from where it stopped: the remaining keys, then the slot."""

    slot: int
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Close:
    """The slot is neither given nor taken."""

    slot: int
    node: str


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell all masters who the owner is."""

    slot: int
    owner: str


Step = Assign | Release | BringKeys | FinishMove | Close | Announce


def decide(facts: SlotFacts, heir: str) -> list[Step]:
    """The steps for one slot, in order; none if there is nothing to mend. The heir gets it if nobody has a claim."""
    return list(_steps(facts, heir))


def _steps(facts: SlotFacts, heir: str) -> Iterator[Step]:
    slot, owner = facts.slot, _owner(facts, heir)
    if owner not in facts.claims:
        yield Assign(slot, owner)
    rivals = [node for node in facts.claims if node != owner]
    for node in rivals:
        yield Release(slot, node)
    if rivals or owner not in facts.claims or facts.is_doubted:
        # Before keys move: a node that takes a slot sticks to the owner it knows, and if that one is dead the cluster
        # is down for it, and it sends no keys.
        yield Announce(slot, owner)

    target = facts.migrating.get(owner, "")
    goes_on = not rivals and owner in facts.claims and facts.importing.get(target) == owner
    is_open = list(dict.fromkeys([*facts.migrating, *facts.importing]))
    if goes_on:
        # Both sides still mean it: the keys that are there already would have to come back otherwise.
        yield FinishMove(slot, owner, target)
        settled = [owner, target]
        owner = target
    else:
        settled = [owner]
        if owner in is_open:
            yield Close(slot, owner)  # before keys come: who gives a slot away sends away what it does not have
    strays = [node for node in facts.keys if node not in settled]
    for node in strays:
        yield BringKeys(slot, node, owner)
    for node in dict.fromkeys([*is_open, *strays]):
        if node not in settled:
            yield Close(slot, node)


def _owner(facts: SlotFacts, heir: str) -> str:
    if len(facts.claims) == 1:
        return facts.claims[0]
    # In the order of the claims, so that the newest wins among equals.
    candidates = facts.claims or sorted(facts.keys)
    return max(candidates, key=lambda node: facts.keys.get(node, 0), default=heir)


# ---- from the view


def plan_fix(view: ClusterView, with_lost_masters: bool = False) -> list[Step]:
    """Steps for all slots that need some. The view must have the counts of keys in `slots_to_fix`."""
    lost = [id_ for id_, line in view.lost_masters().items() if line.slots & view.uncovered]
    if reached := [view.name(id_) for id_ in lost if view.is_reached(id_)]:
        raise Refused(
            f"{', '.join(reached)} can't be reached from here, but other nodes are connected to it: it is alive, and "
            "its slots are not free. See `check`."
        )
    if lost and not with_lost_masters:
        raise Refused(
            f"{', '.join(map(view.name, lost))} had slots and can't be reached: to fix the cluster now would give up "
            "the keys there. Start the node, or promote its replica (pycluster failover REPLICA --takeover). If the "
            "data are lost anyway: --cluster-fix-with-unreachable-masters"
        )
    sizes = {node.id: node.slots.bit_count() for node in view.masters}
    if not sizes:
        raise Refused("There is no master that answers.")
    doubts = doubted(view.masters)
    facts = [facts_of(view, slot, doubts) for slot in slots_to_fix(view)]
    heirs = share_out([one.slot for one in facts if not one.claims and not one.keys], sizes)
    steps = [step for one in facts for step in decide(one, heirs.get(one.slot, ""))]
    # Whose the slots are, before any key moves: one uncovered slot stops the whole cluster.
    return sorted(steps, key=lambda step: not isinstance(step, Assign | Release | Announce))


def share_out(slots: Sequence[int], sizes: Mapping[str, int]) -> dict[int, str]:
    """Who gets which of these slots, so that the smallest grow: each a stretch of them, not one here and one there."""
    grown = dict(sizes)
    for _ in slots:
        grown[min(grown, key=lambda id_: (grown[id_], id_))] += 1
    heirs = (id_ for id_ in sizes for _ in range(grown[id_] - sizes[id_]))
    return dict(zip(slots, heirs, strict=True))


def slots_to_fix(view: ClusterView) -> list[int]:
    unclear = view.uncovered | claimed_twice(view.masters) | doubted(view.masters)
    return sorted({*view.open_slots, *slots_in(unclear), *view.strays})


def claimed_twice(masters: Iterable[NodeView]) -> int:
    once = twice = 0
    for node in masters:
        twice |= once & node.slots
        once |= node.slots
    return twice


def doubted(masters: Iterable[NodeView]) -> int:
    """The slots that a master says it has and another one says it has not."""
    slots = 0
    for owner in masters:
        for other in masters:
            line = other.line_of(owner.id)
            slots |= owner.slots & ~(line.slots if line else 0)
    return slots


def facts_of(view: ClusterView, slot: int, doubts: int = 0) -> SlotFacts:
    """Only masters count: a replica's word on slots is its master's."""
    claims = [node for node in view.masters if node.slots >> slot & 1]
    return SlotFacts(
        slot,
        [node.id for node in sorted(claims, key=lambda node: -node.me.epoch)],
        {node.id: target for node in view.masters if (target := node.me.migrating.get(slot))},
        {node.id: source for node in view.masters if (source := node.me.importing.get(slot))},
        {node.id: count for node in view.masters if (count := node.keys_in_slot.get(slot, 0))},
        is_doubted=bool(doubts >> slot & 1),
    )


def show_steps(view: ClusterView, steps: Iterable[Step]) -> Iterator[str]:
    """A line for all slots with which the same is done."""
    slots_of: dict[Step, int] = defaultdict(int)
    for step in steps:
        slots_of[replace(step, slot=-1)] |= 1 << step.slot
    for step, slots in slots_of.items():
        is_one = slots.bit_count() == 1
        yield f"slot{'' if is_one else 's'} {show_ranges(slots)}: {_what(view, step, is_one)}"


def _what(view: ClusterView, step: Step, is_one: bool) -> str:
    it = "it" if is_one else "them"
    match step:
        case Assign(_, node):
            return f"give {it} to {view.name(node)}"
        case Release(_, node):
            return f"{view.name(node)} gives up its claim"
        case BringKeys(_, source, owner):
            return f"bring the keys at {view.name(source)} to the owner, {view.name(owner)}"
        case FinishMove(_, source, target):
            return f"finish the move from {view.name(source)} to {view.name(target)}"
        case Close(_, node):
            return f"close {it} at {view.name(node)}"
        case Announce(_, owner):
            return f"tell all masters that {'it is' if is_one else 'they are'} {view.name(owner)}'s"
