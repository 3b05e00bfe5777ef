"""Who becomes master and who replicates whom in a cluster that is created, decided before anything happens.

Nodes of one host should not be master and replica of each other, nor two replicas of one master: a host that goes
would take both.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, combinations, zip_longest

from pycluster.tools.node_lines import Address, show_ranges
from pycluster.tools.outcomes import Refused
from pycluster.tools.plans import even_shares


@dataclass(frozen=True, slots=True)
class Shard:
    master: Address
    slots: int
    replicas: tuple[Address, ...]

    def as_json(self) -> dict[str, object]:
        return {
            "master": str(self.master),
            "slots": show_ranges(self.slots),
            "replicas": [str(replica) for replica in self.replicas],
        }


def plan_cluster(addresses: Sequence[Address], replicas: int) -> list[Shard]:
    """`replicas` is how many each master gets at least; nodes that are left over become further ones."""
    if len(set(addresses)) < len(addresses):
        raise Refused("An address stands there twice.")
    count = len(addresses) // (replicas + 1)
    if count < 3:
        raise Refused(
            f"A cluster needs at least 3 masters: {len(addresses)} nodes with {replicas} replicas per master make "
            f"{count}. At least {3 * (replicas + 1)} nodes are needed."
        )
    mixed = interleave(addresses)
    masters, others = mixed[:count], mixed[count:]
    if not replicas:
        masters, others = mixed, []
    followers = assign(masters, others)
    shares = even_shares(len(masters))
    return [Shard(master, slots, tuple(followers[master])) for master, slots in zip(masters, shares, strict=True)]


def interleave(addresses: Sequence[Address]) -> list[Address]:
    """One of each host in turn, so that neighbours live apart."""
    by_host = defaultdict(list)
    for address in addresses:
        by_host[address.host].append(address)
    return [address for address in chain(*zip_longest(*by_host.values())) if address]


def assign(masters: Sequence[Address], replicas: Sequence[Address]) -> dict[Address, list[Address]]:
    """Replicas to masters in turn, each time the one that lives furthest from the shard; then swapped to improve."""
    free = list(replicas)
    shards: dict[Address, list[Address]] = {master: [] for master in masters}
    while free:
        for master, shard in shards.items():
            if free:
                hosts = {master.host, *(replica.host for replica in shard)}
                chosen = next((address for address in free if address.host not in hosts), free[0])
                free.remove(chosen)
                shard.append(chosen)
    while _swap_for_better(shards):
        pass
    return shards


def crowding(master: Address, replicas: Sequence[Address]) -> int:
    """How badly a shard depends on single hosts: a master beside its replica is worse than two replicas together."""
    beside_master = sum(replica.host == master.host for replica in replicas)
    together = sum(one.host == other.host for one, other in combinations(replicas, 2))
    return 10_000 * beside_master + together


def _swap_for_better(shards: dict[Address, list[Address]]) -> bool:
    """Exchange two replicas if that lessens the crowding; False if no exchange does."""
    for (one, mine), (other, theirs) in combinations(shards.items(), 2):
        before = crowding(one, mine) + crowding(other, theirs)
        for here in range(len(mine)):
            for there in range(len(theirs)):
                mine[here], theirs[there] = theirs[there], mine[here]
                if crowding(one, mine) + crowding(other, theirs) < before:
                    return True
                mine[here], theirs[there] = theirs[there], mine[here]
    return False
