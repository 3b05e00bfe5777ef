"""Some bad luck, chosen by a seed: then everything is repaired, and the cluster must find together again.

`live_through(seed)` raises if an invariant was hurt on the way, or if the nodes do not agree in the end; the transcript
is among the error's notes, if there is one.
"""

from collections.abc import Callable
from random import Random

from pycluster.cluster.slot_map import ALL_SLOTS, slots_in
from pycluster.keyspace.slots import SLOTS
from pycluster.protocol.errors import ReplyError
from tests.simulation.clusters import disagreement, form
from tests.simulation.machine import Machine
from tests.simulation.world import World

TROUBLE_S = 20
RECOVERY_S = 40


def live_through(seed: int, is_recording: bool = False) -> World:
    world = World(seed)
    world.is_recording = is_recording
    try:
        live(world, Random(seed))
    except AssertionError as error:
        if is_recording:
            error.add_note("\n".join(world.transcript))
        raise
    return world


def live(world: World, rng: Random) -> None:
    form(
        world,
        primaries=rng.choice([3, 3, 3, 5]),
        replicas=rng.choice([1, 1, 2]),
        node_timeout_ms=rng.choice([500, 1000, 1000, 2000]),
        replica_validity_factor=rng.choice([0, 10]),
        require_full_coverage=rng.random() < 0.8,
        allow_replica_migration=rng.random() < 0.8,
    )
    world.delay_ms = rng.choice([(1, 5), (1, 50), (20, 100)])
    world.loss = rng.choice([0, 0, 0.01, 0.1])
    world.cuts_hold = rng.random() < 0.5
    world.may_take_over = rng.random() < 0.3
    longest_rest_s = rng.choice([0.3, 1, 3])
    end_ms = world.now_ms + TROUBLE_S * 1000
    while world.now_ms < end_ms:
        rng.choice(TROUBLES)(world, rng)
        world.run(rng.uniform(0, longest_rest_s))
    repair(world)
    if not settles(world, RECOVERY_S):
        close_open_slots(world)
        cover_lost_slots(world)
        assert settles(world, RECOVERY_S), f"{disagreement(world)}\n{world.describe()}"


def settles(world: World, seconds: float) -> bool:
    end_ms = world.now_ms + seconds * 1000
    while disagreement(world) and world.now_ms < end_ms:
        world.run(0.1)
    return not disagreement(world)


def repair(world: World) -> None:
    world.heal()
    world.loss = 0
    world.delay_ms = (1, 5)
    for machine in world.machines.values():
        if not machine.is_up:
            world.boot(machine.name)


def close_open_slots(world: World) -> None:
    """What an operator does after migrations that broke off (redis-cli --cluster fix): no rule may close a slot."""
    for machine in world.up:
        if machine.is_primary:
            for slot in {**machine.state.slots.migrating, **machine.state.slots.importing}:
                world.order(machine.name, "set_slot_stable", slot)
    world.run(5)


def cover_lost_slots(world: World) -> None:
    """A slot that a primary took over by hand just before it lost its place to a replica that had not heard of it:
    nobody claims it then, and again an operator must say whose it is."""
    primaries = [machine for machine in world.up if machine.is_primary]
    lost = ALL_SLOTS
    for machine in primaries:
        lost &= ~machine.slots
    if primaries and lost:
        heir = primaries[0]
        world.order(heir.name, "del_slots", slots_in(lost & heir.state.slots.assigned))
        world.order(heir.name, "add_slots", slots_in(lost))
        world.tell(heir.name, lambda: heir.cluster.bump_epoch(world.now_ms)[1])


# The troubles


def kill(world: World, rng: Random) -> None:
    if world.up:
        world.kill(rng.choice(world.up).name)


def power_off(world: World, rng: Random) -> None:
    if world.up:
        world.power_off(rng.choice(world.up).name)


def boot(world: World, rng: Random) -> None:
    down = [machine for machine in world.machines.values() if not machine.is_up]
    if down:
        world.boot(rng.choice(down).name)


def boot_all(world: World, rng: Random) -> None:
    for machine in world.machines.values():
        if not machine.is_up:
            world.boot(machine.name)


def cut(world: World, rng: Random) -> None:
    world.cut_one_way(*rng.sample(list(world.machines), 2))


def partition(world: World, rng: Random) -> None:
    world.partition(*rng.sample(list(world.machines), rng.randint(1, len(world.machines) // 2)))


def heal(world: World, rng: Random) -> None:
    world.heal()


def fail_over(world: World, rng: Random) -> None:
    how = rng.choice([{}, {}, {"force": True}, {"takeover": world.may_take_over}])

    def order(machine: Machine) -> None:
        if how.get("takeover"):
            world.invariants.expect_takeover()
        world.order(machine.name, "fail_over", **how)

    try_at_some_node(world, rng, order)


def bump_epoch(world: World, rng: Random) -> None:
    try_at_some_node(
        world, rng, lambda machine: world.tell(machine.name, lambda: machine.cluster.bump_epoch(world.now_ms)[1])
    )


def migrate_a_slot(world: World, rng: Random) -> None:
    """As redis-cli does it, only that every step may be lost."""
    slot = rng.randrange(SLOTS)
    primaries = [machine for machine in world.up if machine.is_primary]
    source = next((machine for machine in primaries if machine.slots >> slot & 1), None)
    target = rng.choice(primaries) if primaries else None
    if source is None or target is None or source is target:
        return
    try:
        world.set_slot(target.name, "importing", slot, source.id)
        world.set_slot(source.name, "migrating", slot, target.id)
        world.run(rng.uniform(0, 1))
        for machine in (target, source):
            if machine.is_up:
                world.set_slot(machine.name, "node", slot, target.id, counts=rng.random() < 0.8)
    except (ReplyError, AssertionError):
        pass


def try_at_some_node(world: World, rng: Random, order: Callable[[Machine], None]) -> None:
    if world.up:
        try:
            order(rng.choice(world.up))
        except ReplyError:
            pass  # it made no sense there


TROUBLES: list[Callable[[World, Random], None]] = [
    kill,
    kill,
    power_off,
    boot,
    boot,
    boot_all,
    cut,
    cut,
    partition,
    heal,
    heal,
    fail_over,
    fail_over,
    bump_epoch,
    migrate_a_slot,
]
