"""The words that tests about whole clusters are written in: form one, and ask whether its nodes agree."""

from pycluster.cluster.slot_map import ALL_SLOTS, slot_range
from pycluster.keyspace.slots import SLOTS
from tests.simulation.world import World


def form(world: World, primaries: int = 3, replicas: int = 1, **settings: object) -> World:
    """Primaries A, B, C … share the slots evenly; A1 and A2 are replicas of A. Returns when all say that it works."""
    leaders = [chr(ord("A") + i) for i in range(primaries)]
    followers = [(f"{leader}{i + 1}", leader) for leader in leaders for i in range(replicas)]
    for name in [*leaders, *(follower for follower, _ in followers)]:
        world.add(name, **settings)
    for i, leader in enumerate(leaders):
        world.order(leader, "set_config_epoch", i + 1)
        world.order(leader, "add_slots", range(SLOTS * i // primaries, SLOTS * (i + 1) // primaries))
    for name in world.machines:
        if name != "A":
            world.order(name, "meet", "127.0.0.1", world["A"].port, world["A"].settings.bus_port)
    count = len(world.machines)
    world.run_until(
        lambda: all(sum(not node.in_handshake for node in m.state.nodes.values()) == count for m in world.up)
    )
    for follower, leader in followers:
        world.order(follower, "replicate", world[leader].id)
    world.run_until(lambda: is_settled(world))
    world.run(2)
    return world


def is_settled(world: World) -> bool:
    """Everybody is ok, sees everybody, and says the same about who owns what, by which epoch, and replicates whom."""
    return disagreement(world) == ""


def disagreement(world: World) -> str:
    believed: dict[str, tuple[int, int, str, int]] = {}
    owned = 0
    for machine in world.up:
        if not machine.is_ok:
            return f"{machine.name} says that the cluster is down"
        if owned & machine.slots:
            return f"{machine.name} claims slots of others"
        owned |= machine.slots
        for node in machine.state.nodes.values():
            if node.is_fail or node.is_pfail or node.in_handshake or not (node.link or node.is_myself):
                return f"{machine.name} does not see {node.id}"
            holder = node.primary or node
            if holder.primary:
                return f"{machine.name} sees replicas of a replica"
            if holder.shard_id != node.shard_id:
                return f"{machine.name} sees one shard under two ids"
            view = node.slots, holder.config_epoch, holder.id, node.port
            if believed.setdefault(node.id, view) != view:
                return f"{machine.name} has an opinion of its own on {node.id}"
        if machine.data.following != (machine.state.myself.primary.id if machine.state.myself.primary else None):
            return f"{machine.name} does not replicate whom it should"
        if machine.data.paused_until_ms > world.now_ms:
            return f"{machine.name} lets its clients wait"
    if owned != ALL_SLOTS:
        return "slots are lost"
    epochs = [machine.state.myself.config_epoch for machine in world.up if machine.is_primary]
    return "" if len(epochs) == len(set(epochs)) else "two primaries have one epoch"


def third(i: int) -> int:
    """The slots that form() gives to A (0), B (1) or C (2)."""
    return slot_range(SLOTS * i // 3, SLOTS * (i + 1) // 3 - 1)
