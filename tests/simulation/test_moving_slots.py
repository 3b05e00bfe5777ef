"""A slot moves from A to B, and in the midst of it one of the two dies: its replica goes on from there.

Somebody, here `finish`, carries on with whoever leads then; the slot must have one owner in everybody's eyes, no slot
may be open, and its keys lie where it is.
"""

from collections.abc import Callable
from functools import partial
from random import Random

import pytest

from tests.simulation.clusters import form, is_settled, third
from tests.simulation.machine import Machine
from tests.simulation.world import World

SLOT = 7  # of A


class Move:
    """The move, step by step; each is done at those who lead the two shards then."""

    def __init__(self, world: World, empty_target: bool = False) -> None:
        self.world = world
        self.source_shard, self.target_shard = ("A", "A1"), ("D", "D1") if empty_target else ("B", "B1")
        world["A"].data.keys.add(SLOT)
        world.run(1)
        self.steps: dict[str, Callable[[], None]] = {
            "importing": lambda: self.order(self.target, "importing", self.source.id),
            "migrating": lambda: self.order(self.source, "migrating", self.target.id),
            "some keys": lambda: self.target.data.keys.add(SLOT),
            "all keys": lambda: self.source.data.keys.discard(SLOT),
            "told": lambda: self.order(self.target, "node", self.target.id, counts=False),
            "node at target": lambda: self.order(self.target, "node", self.target.id),
            "node at source": lambda: self.order(self.source, "node", self.target.id),
        }

    @property
    def source(self) -> Machine:
        return self.leader(self.source_shard)

    @property
    def target(self) -> Machine:
        return self.leader(self.target_shard)

    def leader(self, shard: tuple[str, str]) -> Machine:
        return next(machine for machine in map(self.world.__getitem__, shard) if machine.is_up and machine.is_primary)

    def order(self, at: Machine, action: str, peer: str, counts: bool = True) -> None:
        self.world.set_slot(at.name, action, SLOT, peer, counts=counts)

    def go(self, last: str) -> None:
        """All steps up to this one."""
        for name, step in self.steps.items():
            step()
            self.world.run(0.25)  # replicas copy
            if name == last:
                return

    def finish(self) -> None:
        """What a fix does: the keys to the target, and the slot with them."""
        self.target.data.keys.add(SLOT)
        self.source.data.keys.discard(SLOT)
        if self.target.state.slots.owner[SLOT] is not self.target.state.myself:
            self.order(self.target, "node", self.target.id)
        if self.source.state.slots.owner[SLOT] is not self.source.state.nodes[self.target.id]:
            self.order(self.source, "node", self.target.id)

    def dies(self, side: str, how: str = "kill") -> tuple[Machine, Machine]:
        """The source or the target dies, its replica leads: both."""
        shard = self.source_shard if side == "source" else self.target_shard
        dead = self.leader(shard)
        heir = self.world[next(name for name in shard if name != dead.name)]
        getattr(self.world, how)(dead.name)
        self.world.run_until(lambda: heir.is_primary)
        self.world.run_until(lambda: all(m.is_ok for m in self.world.up))
        return dead, heir


def opened(machine: Machine) -> tuple[str, ...]:
    """What is open there, with shards in place of nodes: a failover changes nothing of that."""
    slots = machine.state.slots
    return tuple(
        f"{slot}{arrow}{node.shard_id[:4]}"
        for arrow, moves in (("->", slots.migrating), ("<-", slots.importing))
        for slot, node in moves.items()
    )


def is_over(move: Move) -> bool:
    world = move.world
    if not is_settled(world) or any(opened(machine) or machine.state.slots.promised for machine in world.up):
        return False
    owners = [machine.name for machine in world.up if machine.slots >> SLOT & 1]
    return owners == [move.target.name] and SLOT in move.target.data.keys


STEPS = ["importing", "migrating", "some keys", "all keys", "told", "node at target", "node at source"]
UNTIL_TOLD = STEPS[: STEPS.index("told")]


@pytest.fixture
def move() -> Move:
    return Move(form(World(seed=1)))


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("side", ["source", "target"])
def test_whoever_dies_at_whichever_step_the_move_comes_to_its_end(move: Move, side: str, step: str) -> None:
    """redis#2807"""
    move.go(step)
    dead, _ = move.dies(side)
    move.finish()
    move.world.boot(dead.name)
    move.world.run_until(partial(is_over, move))
    assert not dead.is_primary


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("side", ["source", "target"])
def test_nor_does_it_matter_if_it_is_back_before_anybody_has_finished_it(move: Move, side: str, step: str) -> None:
    move.go(step)
    dead, _ = move.dies(side, "power_off")
    move.world.boot(dead.name)
    move.world.run_until(lambda: is_settled(move.world))
    move.finish()
    move.world.run_until(partial(is_over, move))


@pytest.mark.parametrize("step", UNTIL_TOLD)
@pytest.mark.parametrize("side", ["source", "target"])
def test_the_heir_has_the_same_slots_open_and_the_other_side_knows_the_heir(move: Move, side: str, step: str) -> None:
    move.go(step)
    before = opened(move.source), opened(move.target)
    move.dies(side)
    move.world.run(2)
    assert (opened(move.source), opened(move.target)) == before != ((), ())
    for peer in (*move.source.state.slots.migrating.values(), *move.target.state.slots.importing.values()):
        assert peer.is_primary and not peer.is_fail


@pytest.mark.parametrize("step", STEPS)
def test_both_may_die_at_once(step: str) -> None:
    move = Move(form(World(seed=1), primaries=5))
    move.go(step)
    for name in ("A", "B"):
        move.world.kill(name)
    move.world.run_until(lambda: move.world["A1"].is_primary and move.world["B1"].is_primary)
    move.world.run_until(lambda: all(machine.is_ok for machine in move.world.up))
    move.world.run(2)
    move.finish()
    for name in ("A", "B"):
        move.world.boot(name)
    move.world.run_until(partial(is_over, move))


@pytest.mark.parametrize("step", STEPS)
def test_a_target_without_slots_of_its_own_has_a_successor_too(step: str) -> None:
    world = form(World(seed=1))
    for name in ("D", "D1"):
        world.add(name)
        world.order(name, "meet", "127.0.0.1", world["A"].port, world["A"].settings.bus_port)
    world.run_until(lambda: all(len(machine.state.nodes) == 8 for machine in world.up) and is_settled(world))
    world.order("D1", "replicate", world["D"].id)
    world.run_until(lambda: is_settled(world))
    world.run(2)
    move = Move(world, empty_target=True)
    move.go(step)
    dead, _ = move.dies("target")
    world.run(2)
    move.finish()
    world.boot(dead.name)
    world.run_until(partial(is_over, move))
    assert not dead.is_primary


def test_the_heir_of_a_target_that_was_only_told_takes_the_slot(move: Move) -> None:
    """It would get no votes if it claimed the slot before: the source's epoch is greater."""
    world = move.world
    world.tell("A", lambda: world["A"].cluster.bump_epoch(world.now_ms)[1])
    world.run(2)
    move.go("told")
    assert world["A"].state.myself.config_epoch > world["B"].state.myself.config_epoch
    _, heir = move.dies("target")
    world.run_until(lambda: world["A"].slots == third(0) & ~(1 << SLOT))
    assert heir.slots == third(1) | 1 << SLOT and not opened(world["A"])


def test_an_order_that_the_replicas_did_not_all_hear_can_be_withdrawn(move: Move) -> None:
    move.go("told")
    move.order(move.target, "importing", move.source.id)
    _, heir = move.dies("target")
    assert heir.slots == third(1) and opened(heir)
    move.finish()
    move.world.run_until(lambda: heir.slots == third(1) | 1 << SLOT)


def test_a_migrate_that_timed_out_leaves_the_slot_with_its_source(move: Move) -> None:
    """redis#9421: the target has the keys, the source has them too; the slot has one owner all the time."""
    move.go("some keys")
    assert SLOT in move.source.data.keys and SLOT in move.target.data.keys
    move.world.run(5)
    assert {machine.state.slots.owner[SLOT].id for machine in move.world.up} == {move.source.id}  # type: ignore[union-attr]
    move.finish()
    move.world.run_until(partial(is_over, move))


def test_a_sister_follows_with_the_slots_that_the_heir_has_open() -> None:
    move = Move(form(World(seed=1), replicas=2))
    move.go("migrating")
    before = opened(move.target)
    move.world.kill("B")
    move.world.run_until(lambda: move.world["B1"].is_primary or move.world["B2"].is_primary)
    move.world.run(2)
    assert opened(move.world["B1"]) == opened(move.world["B2"]) == before


# Atomic migrations: all keys are at the target, the source lets no write happen, and the target claims the slot.


@pytest.mark.parametrize("seed", range(8))
def test_slots_that_change_places_at_once_are_where_their_keys_are(seed: int) -> None:
    """Each target takes a new epoch, or has the greatest already, before it hears of the other's claim."""
    dice, world = Random(seed), form(World(seed))
    world.delay_ms, world.loss = (1, 200), 0.05
    ways = [("A", "B", SLOT), ("B", "A", 6000), ("B", "C", 6001), ("C", "A", 12000)]
    for source, target, slot in dice.sample(ways, len(ways)):
        world[source].data.granted[world[target].id] = 1 << slot
        world[source].data.keys.add(slot)
        world[target].data.keys.add(slot)
    for _, target, slot in dice.sample(ways, len(ways)):
        world.order(target, "take_slots", [slot])
        world.run(dice.choice([0, 0.05]))
    world.run_until(lambda: all(world[target].slots >> slot & 1 for _, target, slot in ways) and is_settled(world))
    keys = {name: {slot for _, target, slot in ways if target == name} for name in "ABC"}
    assert {name: world[name].data.keys for name in "ABC"} == keys
