"""Scenarios in which Redis or Valkey nodes once did the wrong thing, each with the issue that tells of it.

The nodes are named as in test_scenarios.py, and the node timeout is 1 s.
"""

import pytest

from pycluster.cluster.node import Node
from tests.simulation.clusters import form, is_settled, third
from tests.simulation.world import World


@pytest.fixture
def world() -> World:
    return form(World(seed=1))


@pytest.fixture
def with_sisters() -> World:
    """A has two replicas, A1 and A2, and so have B and C."""
    return form(World(seed=1), replicas=2)


def settles(world: World, seconds: float = 60) -> None:
    world.run_until(lambda: is_settled(world), seconds)


def believed(world: World, seer: str, seen: str) -> Node:
    return world[seer].state.nodes[world[seen].id]


# Old history must not replace new


def test_an_old_primary_with_the_epoch_of_its_successor_and_a_smaller_id_does_not_get_its_slots_back() -> None:
    """valkey#974"""
    world = form(World(seed=1))
    while world["A"].id > world["A1"].id:  # ids are drawn
        world = form(World(world.rng.randrange(1000)))
    a, a1 = world["A"], world["A1"]
    world.partition("A")
    world.invariants.expect_takeover()
    world.order("A1", "fail_over", takeover=True)
    world.tell("A", lambda: a.cluster.bump_epoch(world.now_ms)[1])
    assert a.state.myself.config_epoch == a1.state.myself.config_epoch
    a1.data.offset += 100_000
    world.heal()
    settles(world)
    assert a1.is_primary and a.data.following == a1.id


def test_a_claim_with_an_old_epoch_is_not_accepted_from_a_primary_that_returns(world: World) -> None:
    """valkey#798"""
    world.partition("A")
    world.run_until(lambda: world["A1"].is_primary)
    world.run(2)
    world.heal()
    world.run_until(lambda: not world["A"].is_primary)  # an invariant looks at every slot that changes hands
    settles(world)
    assert all(believed(world, seer, "A1").slots == third(0) for seer in world.machines)


def test_an_empty_replica_does_not_win_against_one_with_data() -> None:
    """valkey#885, #944, #4317"""
    world = form(World(seed=2), replicas=2, replica_validity_factor=0)
    world.kill("A1")
    world["A1"].data.offset = 0
    world.partition("A")
    world.boot("A1")
    world.run_until(lambda: world["A1"].is_primary or world["A2"].is_primary)
    assert world["A2"].is_primary


# Who replicates whom


def test_an_answer_from_before_a_failover_that_comes_late_makes_no_replica_of_a_replica(with_sisters: World) -> None:
    """valkey#1015, #651, #3468: A1's answers to A2 wait, while what A1 sends by itself arrives."""
    world = with_sisters
    world.kill("A")
    world["A2"].data.offset = 1  # so it is A1 that is elected
    world.run_until(lambda: world["A1"].state.election.begins_ms > 0)
    release = world.hold_answers("A1", "A2")
    believed(world, "A2", "A1").pong_received_ms = 0  # it is time for a ping
    world.run_until(lambda: world["A2"].data.following == world["A1"].id)
    assert release() > 0
    for _ in range(10):
        world.run(0.002)
        assert world["A2"].data.following == world["A1"].id and believed(world, "A2", "A1").is_primary


def test_a_shard_whose_primary_fails_twice_has_one_primary_when_all_are_back() -> None:
    """valkey#2261"""
    world = form(World(seed=3), replicas=2, allow_replica_migration=False)
    for _ in range(2):
        primary = next(machine for machine in world.up if machine.is_primary and machine.slots == third(0))
        world.kill(primary.name)
        world.run_until(lambda: any(machine.is_primary and machine.slots == third(0) for machine in world.up))
        world.run(2)
    for machine in world.machines.values():
        if not machine.is_up:
            world.boot(machine.name)
    settles(world)
    assert sum(machine.is_primary for machine in world.up) == 3


def test_shard_ids_agree_after_failovers_and_the_files_load(with_sisters: World) -> None:
    """valkey#573, redis#13353"""
    world = with_sisters
    world.kill("A")
    world.run_until(lambda: any(world[name].is_primary for name in ("A1", "A2")))
    world.boot("A")
    settles(world)
    assert len({world[name].state.myself.shard_id for name in ("A", "A1", "A2")}) == 1
    for name in world.machines:
        world.power_off(name)
        world.boot(name)
    settles(world)


# Elections come to an end


def test_a_replica_that_missed_its_primarys_last_epoch_is_elected_all_the_same(world: World) -> None:
    """valkey#2169"""
    world.cut_one_way("A", "A1")
    world.tell("A", lambda: world["A"].cluster.bump_epoch(world.now_ms)[1])
    world.run(0.4)
    assert believed(world, "A1", "A").config_epoch < world["A"].state.myself.config_epoch
    world.kill("A")
    assert world.run_until(lambda: world["A1"].is_primary) < 12


def test_of_two_replicas_that_both_have_votes_one_remains(with_sisters: World) -> None:
    """valkey#2683"""
    world = with_sisters
    world.cuts_hold = True
    world.delay_ms = (30, 50)
    world.partition("A")
    world.run_until(lambda: any(world[name].state.election.asked for name in ("A1", "A2")))
    first = next(name for name in ("A1", "A2") if world[name].state.election.asked)
    world.partition(first)  # its votes wait
    world.run_until(lambda: any(world[name].is_primary for name in ("A1", "A2")), 30)
    world.heal()
    settles(world)
    assert sum(world[name].is_primary for name in ("A", "A1", "A2")) == 1


@pytest.mark.parametrize("seed", range(3))
def test_four_of_nine_primaries_that_fail_together_are_replaced_soon(seed: int) -> None:
    """redis#9797, valkey#1018"""
    world = form(World(seed), primaries=9)
    for name in "ABCD":
        world.kill(name)
    assert world.run_until(lambda: all(world[name + "1"].is_primary for name in "ABCD")) < 5


def test_a_successor_has_a_successor(with_sisters: World) -> None:
    """redis#5081: the last replica's link to its first primary has been down for longer than it may."""
    world = with_sisters
    world.kill("A")
    world.run_until(lambda: any(world[name].is_primary for name in ("A1", "A2")))
    world.run(30)
    first, second = ("A1", "A2") if world["A1"].is_primary else ("A2", "A1")
    world.kill(first)
    assert world.run_until(lambda: world[second].is_primary) < 5


# Members and addresses


def test_a_node_that_lives_and_is_forgotten_stays_away_for_its_time_unless_it_is_met(world: World) -> None:
    """redis#3948, valkey#2788"""
    gone = world["A1"]
    for name in ("A", "B", "C", "B1", "C1"):
        world.order(name, "forget", gone.id)
    for _ in range(50):
        world.run(1)
        assert not any(gone.id in world[name].state.nodes for name in ("A", "B", "C", "B1", "C1"))
    world.order("A", "meet", "127.0.0.1", gone.port, gone.settings.bus_port)
    settles(world)


def test_a_node_that_restarts_at_another_address_is_found_by_all(world: World) -> None:
    """redis#12605"""
    for name in ("A1", "B1"):
        world.kill(name)
    for name in ("A1", "B1"):
        world.move(name)
        world.boot(name)
    settles(world)
    assert {believed(world, seer, "A1").port for seer in world.machines} == {world["A1"].port}


def test_all_nodes_but_one_may_have_moved(world: World) -> None:
    """redis#12605"""
    for name in ("B", "C", "A1", "B1", "C1"):
        world.kill(name)
        world.move(name)
        world.boot(name)
    settles(world)
    assert all(believed(world, "A", name).port == world[name].port for name in world.machines)


def test_a_second_process_with_the_same_id_is_refused_and_named_in_the_log(world: World) -> None:
    """redis#1703"""
    port = world["A"].port
    world.copy("X", "A")
    world.run(10)
    assert all(believed(world, name, "A").port == port for name in ("B", "C", "A1"))
    assert world["B"].has_logged(f"Two nodes use the id of {world['A'].state.myself.label}")
    assert not world["X"].is_ok and all(world[name].is_ok for name in ("A", "B", "C"))


# Clients


def test_after_a_manual_failover_nobody_waits_any_more(world: World) -> None:
    """redis#9618"""
    world.order("A1", "fail_over")
    world.run_until(lambda: world["A"].data.paused_until_ms > 0)
    world.run_until(lambda: world["A1"].is_primary)
    world.run_until(lambda: world["A"].data.paused_until_ms == 0, 2)


def test_two_manual_failovers_at_once_pause_nobody_for_ever(with_sisters: World) -> None:
    """valkey#3996"""
    world = with_sisters
    for name in ("A1", "B1", "A2"):
        world.order(name, "fail_over")
    world.run(11)
    settles(world)
    assert all(machine.data.paused_until_ms <= world.now_ms for machine in world.up)


def test_the_moment_that_a_partition_heals_no_write_is_taken_by_the_old_primary(world: World) -> None:
    """redis#1409"""
    world.partition("A")
    world.run_until(lambda: world["A1"].is_primary)
    world.run(3)
    offset = world["A"].data.offset
    world.heal()
    while world["A"].is_primary:
        world.run(0.01)
        assert not (world["A"].is_ok and world["A"].is_primary)
    assert world["A"].data.following and world["A"].data.offset in (offset, world["A1"].data.offset)
