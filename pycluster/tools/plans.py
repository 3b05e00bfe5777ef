"""Which slots go where: reshard and rebalance, decided before anything moves.

A plan is a list of moves, each of which takes some slots from one master to another. It can be printed, kept as JSON,
and is the same for the same cluster, so that what `--dry-run` shows is what happens.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pycluster.cluster.slot_map import slot_set, slots_in
from pycluster.keyspace.slots import SLOTS
from pycluster.tools.node_lines import show_count, show_ranges
from pycluster.tools.outcomes import Refused
from pycluster.tools.view import ClusterView, NodeView


@dataclass(frozen=True, slots=True)
class Move:
    """Slots that go from one master to another."""

    source: str  # ids
    target: str
    slots: int

    @property
    def count(self) -> int:
        return self.slots.bit_count()

    def as_json(self) -> dict[str, object]:
        return {"source": self.source, "target": self.target, "count": self.count, "slots": show_ranges(self.slots)}


def show_move(view: ClusterView, move: Move) -> str:
    names = f"{view.name(move.source)} → {view.name(move.target)}"
    return f"{names}: {show_count(move.count, 'slot')} ({show_ranges(move.slots)})"


# ---- reshard


def reshard(sources: Sequence[NodeView], target: NodeView, count: int) -> list[Move]:
    """So many slots to one master, from each of the others in proportion to what it has, lowest slots first."""
    givers = sorted((node for node in sources if node.id != target.id), key=lambda node: -node.slots.bit_count())
    total = sum(node.slots.bit_count() for node in givers)
    if count > total:
        raise Refused(f"{show_count(count, 'slot')} can't be moved: the sources have {total:,}.")
    moves, left = [], count
    for number, node in enumerate(givers):
        share = count * node.slots.bit_count() / total
        take = min(left, math.floor(share) if number else math.ceil(share))
        moves.append((node, take))
        left -= take
    return [Move(node.id, target.id, _lowest(node.slots, take)) for node, take in _spread(moves, left) if take]


def _spread(moves: list[tuple[NodeView, int]], left: int) -> list[tuple[NodeView, int]]:
    """What rounding left over, one by one to those who have more to give."""
    spread = []
    for node, take in moves:
        more = min(left, node.slots.bit_count() - take)
        left -= more
        spread.append((node, take + more))
    return spread


def reshard_ranges(view: ClusterView, target: NodeView, slots: int) -> list[Move]:
    """These very slots to one master, whoever has them."""
    if nobodys := slots & view.uncovered:
        raise Refused(f"Nobody has {show_ranges(nobodys)}: run `fix` first.")
    givers = (node for node in view.masters if node.id != target.id)
    return [Move(node.id, target.id, node.slots & slots) for node in givers if node.slots & slots]


# ---- rebalance


def rebalance(
    view: ClusterView,
    weights: Mapping[str, float],
    threshold_percent: float = 2.0,
    use_empty_masters: bool = False,
) -> list[Move]:
    """The fewest slots that must move until each master has its share of them.

    Weights are by id, 1 for who is not named; a master without slots takes part if it is told to. Nothing moves while
    everybody is within the threshold.
    """
    nodes = [node for node in view.masters if node.slots or use_empty_masters]
    expected = expected_counts(nodes, weights)
    if not any(_is_off(node.slots.bit_count(), expected[node.id], threshold_percent) for node in nodes):
        return []
    surplus = {node.id: node.slots.bit_count() - expected[node.id] for node in nodes}
    givers = sorted((node for node in nodes if surplus[node.id] > 0), key=lambda node: -surplus[node.id])
    takers = sorted((node for node in nodes if surplus[node.id] < 0), key=lambda node: surplus[node.id])
    return list(_match(givers, takers, surplus))


def expected_counts(nodes: Sequence[NodeView], weights: Mapping[str, float]) -> dict[str, int]:
    """Shares of all slots that these masters have; they add up: what rounding leaves goes to the largest fractions."""
    slots = sum(node.slots.bit_count() for node in nodes)
    total = sum(weights.get(node.id, 1.0) for node in nodes)
    if total <= 0:
        raise Refused("All weights are 0: somebody must have the slots.")
    shares = {node.id: slots * weights.get(node.id, 1.0) / total for node in nodes}
    counts = {id_: math.floor(share) for id_, share in shares.items()}
    # Who has most keeps the odd slot: it need not move.
    size = {node.id: node.slots.bit_count() for node in nodes}
    rest = sorted(shares, key=lambda id_: (counts[id_] - shares[id_], -size[id_]))
    for id_ in rest[: slots - sum(counts.values())]:
        counts[id_] += 1
    return counts


def _is_off(count: int, expected: int, threshold_percent: float) -> bool:
    if count:
        return abs(100 - 100 * expected / count) > threshold_percent
    return expected > 1


def _match(givers: Sequence[NodeView], takers: Sequence[NodeView], surplus: dict[str, int]) -> Iterable[Move]:
    slots = {node.id: node.slots for node in givers}
    waiting = list(takers)
    for giver in givers:
        while surplus[giver.id] and waiting:
            taker = waiting[0]
            count = min(surplus[giver.id], -surplus[taker.id])
            taken = _lowest(slots[giver.id], count)
            slots[giver.id] &= ~taken
            surplus[giver.id] -= count
            surplus[taker.id] += count
            if not surplus[taker.id]:
                waiting.pop(0)
            yield Move(giver.id, taker.id, taken)


def _lowest(slots: int, count: int) -> int:
    """The first so many of a set."""
    return slot_set(slot for slot, _ in zip(slots_in(slots), range(count), strict=False))


# ---- an even share, for clusters that begin


def even_shares(count: int) -> list[int]:
    """All slots in so many runs of nearly the same length, as redis-cli cuts them."""
    edges = [round(SLOTS * number / count) for number in range(count + 1)]
    return [((1 << last) - 1) ^ ((1 << first) - 1) for first, last in zip(edges, edges[1:], strict=False)]
