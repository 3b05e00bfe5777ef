"""The stories of a cluster, on virtual time: crash, partition, return, and orders from an operator.

The node timeout is 1 s unless a story says otherwise. A, B, C are primaries with a third of the slots each; A1 is
A's replica.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pycluster.cluster.message import Kind
from tests.simulation.clusters import disagreement, form, is_settled, third
from tests.simulation.machine import Machine
from tests.simulation.world import World


@pytest.fixture
def world() -> World:
    return form(World(seed=1))


def owner(world: World, seer: str, slot: int) -> str:
    node = world[seer].state.slots.owner[slot]
    return next((machine.name for machine in world.up if machine.id == node.id), node.id) if node else ""


def epoch(machine: Machine) -> int:
    return machine.state.myself.config_epoch


# A primary fails


def test_a_replica_takes_the_place_of_a_primary_that_crashed(world: World) -> None:
    slots = world["A"].slots
    world.kill("A")
    seconds = world.run_until(lambda: world["A1"].is_primary)
    assert 1 < seconds < 4  # a timeout to notice, half a second or more of delay, and the votes
    world.run(1)
    assert world["A1"].slots == slots and all(machine.is_ok for machine in world.up)
    assert world["B"].has_logged("Failover auth granted to")


def test_the_old_primary_comes_back_as_its_replica(world: World) -> None:
    world.kill("A")
    world.run_until(lambda: world["A1"].is_primary)
    world.boot("A")
    world.run_until(lambda: is_settled(world))
    assert world["A"].data.following == world["A1"].id


def test_a_machine_that_vanishes_without_a_word_is_noticed_too(world: World) -> None:
    world.power_off("A")
    assert world.run_until(lambda: world["A1"].is_primary) < 5


def test_a_hiccup_shorter_than_the_timeout_changes_nothing(world: World) -> None:
    world.partition("A")
    world.run(0.7)
    world.heal()
    world.run(5)
    assert is_settled(world) and epoch(world["A"]) == 1


def test_a_replica_that_crashes_harms_nobody(world: World) -> None:
    world.kill("A1")
    world.run(5)
    assert all(machine.is_ok for machine in world.up)
    world.boot("A1")
    world.run_until(lambda: is_settled(world))


def test_the_replica_with_more_data_is_elected() -> None:
    world = form(World(seed=2), replicas=2)
    world.partition("A")
    world["A2"].data.offset = world["A1"].data.offset + 1000
    world.run_until(lambda: world["A1"].is_primary or world["A2"].is_primary)
    assert world["A2"].is_primary
    world.run(2)
    assert world["A1"].data.following == world["A2"].id


def test_two_primaries_that_fail_together_are_both_replaced() -> None:
    world = form(World(seed=3), primaries=5)
    for name in ("A", "B"):
        world.kill(name)
    world.run_until(lambda: all(machine.is_ok and not machine.state.myself.is_fail for machine in world.up), 30)
    world.run_until(lambda: world["A1"].is_primary and world["B1"].is_primary, 30)
    assert epoch(world["A1"]) != epoch(world["B1"])


def test_more_than_half_of_the_primaries_down_is_down_until_they_are_back(world: World) -> None:
    for name in ("A", "B"):
        world.kill(name)
    world.run(20)
    assert not any(machine.is_ok for machine in world.up)
    assert not world["A1"].is_primary and not world["B1"].is_primary
    for name in ("A", "B"):
        world.boot(name)
    world.run_until(lambda: is_settled(world))


def test_both_of_a_pair_down_and_only_the_replica_back_stays_down_and_says_why(world: World) -> None:
    world.kill("A1")
    world.run(1)
    world.kill("A")
    world.run(5)
    assert not any(machine.is_ok for machine in world.up)
    assert owner(world, "B", 0) == world["B"].state.slots.owner[0].id  # the failed primary keeps its slots
    world.boot("A1")
    world.run(30)
    assert not any(machine.is_ok for machine in world.up)
    assert world["A1"].has_logged("Currently unable to failover: Disconnected from master for longer than allowed.")
    world.boot("A")
    world.run_until(lambda: is_settled(world))
    assert world["A"].is_primary and world["A1"].data.following == world["A"].id


def test_with_validity_factor_zero_the_replica_alone_is_enough() -> None:
    world = form(World(seed=4), replica_validity_factor=0)
    world.kill("A1")
    world.run(1)
    world.kill("A")
    world.run(3)
    world.boot("A1")
    world.run_until(lambda: world["A1"].is_primary)


def test_a_takeover_does_not_need_the_majority(world: World) -> None:
    for name in ("A", "B"):
        world.kill(name)
    world.run(5)
    world.invariants.expect_takeover()
    for name in ("A1", "B1"):
        world.order(name, "fail_over", takeover=True)
    world.run_until(lambda: all(machine.is_ok for machine in world.up))
    assert world["A1"].slots == third(0) and world["B1"].slots == third(1)


def test_all_down_and_up_again_is_the_same_cluster(world: World) -> None:
    before = {name: (machine.id, machine.slots, epoch(machine)) for name, machine in world.machines.items()}
    for name in list(world.machines):
        world.kill(name)
    for name in list(world.machines):
        world.boot(name)
    world.run_until(lambda: is_settled(world))
    assert {n: (m.id, m.slots, epoch(m)) for n, m in world.machines.items() if m.is_primary} == {
        name: before[name] for name in "ABC"
    }


# Partitions


def test_a_primary_in_the_minority_stops_and_its_replica_in_the_majority_goes_on(world: World) -> None:
    world.partition("A")
    world.run_until(lambda: not world["A"].is_ok)
    world.run_until(lambda: world["A1"].is_primary)
    world.run_until(lambda: world["A1"].is_ok and world["B"].is_ok)
    assert world["A"].is_primary  # it does not know yet
    world.heal()
    world.run_until(lambda: is_settled(world))
    assert not world["A"].is_primary and world["A1"].slots == third(0)


def test_after_a_partition_a_primary_waits_before_it_takes_writes(world: World) -> None:
    world.partition("A", "A1")
    world.run_until(lambda: not world["A"].is_ok)
    world.run(3)
    world.heal()
    healed_s = world.seconds
    world.run_until(lambda: world["A"].is_ok)
    assert 0.9 <= world.seconds - healed_s < 3


def test_a_cut_in_one_direction_between_two_is_borne(world: World) -> None:
    world.cut_one_way("A", "B")
    world.run(10)
    world.heal()
    world.run_until(lambda: is_settled(world))
    assert world["A"].is_primary and epoch(world["A"]) == 1


def test_what_waits_in_a_cut_and_comes_late_does_no_harm(world: World) -> None:
    world.cuts_hold = True
    world.partition("A")
    world.run_until(lambda: world["A1"].is_primary)
    world.heal()
    world.run_until(lambda: is_settled(world))
    assert world["A1"].is_primary


def test_a_node_that_was_away_hears_from_anybody_that_its_slots_have_a_new_owner(world: World) -> None:
    world.partition("A")
    world.run_until(lambda: world["A1"].is_primary)
    world.run(2)
    world.heal()
    world.partition("A1")  # the new owner cannot say it itself
    world.is_recording = True
    world.run_until(lambda: not world["A"].is_primary, 10)
    assert any("sends UPDATE" in line for line in world.transcript)


# Orders


def test_a_manual_failover_swaps_the_roles_without_a_gap(world: World) -> None:
    world.order("A1", "fail_over")
    world.run_until(lambda: world["A"].data.paused_until_ms > 0)
    all_of_it = world["A"].data.offset
    assert world.run_until(lambda: world["A1"].is_primary) < 1
    assert world["A1"].data.offset >= all_of_it
    world.run_until(lambda: is_settled(world))
    assert world["A"].data.following == world["A1"].id and world["A"].data.paused_until_ms == 0


def test_back_again_works_once_the_voters_pause_is_over(world: World) -> None:
    world.order("A1", "fail_over")
    world.run_until(lambda: is_settled(world) and world["A1"].is_primary)
    world.run(2)
    world.order("A", "fail_over")
    world.run_until(lambda: is_settled(world) and world["A"].is_primary)


def test_a_manual_failover_that_the_primary_never_hears_of_ends_by_itself(world: World) -> None:
    world.cut_one_way("A1", "A")
    world.order("A1", "fail_over")
    world.run(8)
    assert world["A1"].has_logged("Manual failover timed out.")
    world.heal()
    world.run_until(lambda: is_settled(world))
    assert world["A"].data.paused_until_ms == 0


def test_a_primary_whose_replica_dies_in_the_middle_goes_on(world: World) -> None:
    world.cut_one_way("A", "A1")
    world.order("A1", "fail_over")
    world.run_until(lambda: world["A"].data.paused_until_ms > 0)
    world.kill("A1")
    world.run_until(lambda: world["A"].data.paused_until_ms == 0, 12)


def test_force_works_with_a_dead_primary(world: World) -> None:
    world.kill("A")
    world.run_until(lambda: world["A1"].state.myself.primary.is_fail)
    world.order("A1", "fail_over", force=True)
    assert world.run_until(lambda: world["A1"].is_primary) < 0.5


def test_two_replicas_that_fail_over_at_once_leave_one_primary() -> None:
    world = form(World(seed=5), replicas=2)
    for name in ("A1", "A2"):
        world.order(name, "fail_over")
    world.run(12)
    world.run_until(lambda: is_settled(world))
    assert sum(machine.slots == third(0) for machine in world.up) == 1


def test_epochs_that_collide_part_again() -> None:
    world = World(seed=6)
    for name in ("A", "B", "C"):
        world.add(name)
    for name in ("B", "C"):
        world.order(name, "meet", "127.0.0.1", 7001, 17001)
    world.run_until(lambda: len({epoch(machine) for machine in world.up}) == 3)


def test_a_slot_moves_and_all_hear_of_it(world: World) -> None:
    a, b = world["A"], world["B"]
    world.order("B", "set_slot_importing", 7, a.id)
    world.order("A", "set_slot_migrating", 7, b.id)
    world.order("B", "set_slot_node", 7, b.id)
    world.order("A", "set_slot_node", 7, b.id)
    world.run_until(lambda: is_settled(world))
    assert b.slots == third(1) | 1 << 7


def test_a_node_that_all_forget_stays_away(world: World) -> None:
    gone = world["A1"].id
    world.kill("A1")
    for machine in world.up:
        world.order(machine.name, "forget", gone)
    world.run(30)
    assert not any(gone in machine.state.nodes for machine in world.up)


def test_to_be_forgotten_by_one_is_to_be_forgotten_by_all(world: World) -> None:
    gone = world["A1"].id
    world.kill("A1")
    world.order("A", "forget", gone)
    world.run_until(lambda: not any(gone in machine.state.nodes for machine in world.up), 10)


def test_a_node_that_was_reset_can_join_again(world: World) -> None:
    old_id = world["A1"].id
    for machine in world.up:
        if machine.name != "A1":
            world.order(machine.name, "forget", old_id)
    world.invariants.expect_reset(world["A1"])
    world.order("A1", "reset", hard=True)
    world.order("A1", "meet", "127.0.0.1", 7001, 17001)
    world.run_until(lambda: world["A1"].id in world["C"].state.nodes and len(world["A1"].state.nodes) == 6)
    world.order("A1", "replicate", world["A"].id)
    world.run_until(lambda: is_settled(world))


def test_a_node_that_is_removed_and_met_again_at_once_is_a_member_for_all_within_a_minute(world: World) -> None:
    """As `redis-cli --cluster del-node` and `add-node` do it. (Redis 7.2's nodes never know it again.)"""
    gone = world["A1"]
    for machine in world.up:
        if machine is not gone:
            world.order(machine.name, "forget", gone.id)
    world.invariants.expect_reset(gone)
    world.order("A1", "reset", hard=False)
    world.run(5)
    world.order("A1", "meet", "127.0.0.1", 7001, 17001)
    world.run_until(lambda: all(gone.id in machine.state.nodes for machine in world.up), 70)
    assert len(gone.state.nodes) == 6


def test_what_is_published_reaches_every_node_once(world: World) -> None:
    world.tell("A", world["A"].cluster.publish, b"news", b"to all", False, world.now_ms)
    world.tell("A", world["A"].cluster.publish, b"news", b"to my shard", True, world.now_ms)
    world.run(1)
    assert world["A1"].data.delivered == [b"to all", b"to my shard"]
    assert world["B"].data.delivered == [b"to all"] and world["A"].data.delivered == []


# The simulator itself


def transcript(seed: int) -> list[str]:
    world = World(seed)
    world.is_recording = True
    form(world)
    world.kill("A")
    world.run(5)
    return world.transcript


def test_the_same_seed_gives_the_same_transcript_and_another_does_not() -> None:
    assert transcript(1) == transcript(1) != transcript(2)


def test_the_transcript_tells_the_story() -> None:
    story = "\n".join(transcript(1))
    steps = ["A is killed", "as failing (quorum reached)", "A1: Start of election", "A1 sends FAILOVER_AUTH_REQUEST"]
    steps += ["Failover auth granted to A1", "A1: Failover election won", "A1: configEpoch set to"]
    places = [story.find(step) for step in steps]
    assert -1 not in places and places == sorted(places)


def test_a_disagreement_is_named(world: World) -> None:
    world["B"].state.nodes[world["A"].id].config_epoch = 99
    assert disagreement(world) == f"B has an opinion of its own on {world['A'].id}"


def test_ordinary_life_needs_few_messages(world: World) -> None:
    before = sum(machine.state.messages_sent[Kind.PING] for machine in world.up)
    world.run(60)
    pings = sum(machine.state.messages_sent[Kind.PING] for machine in world.up) - before
    assert pings / 60 / 6 < 12  # a node; each of five peers twice a second is the most that the timeout asks for


def test_the_order_of_hashes_has_no_say() -> None:
    """Each process of Python orders its sets differently."""
    program = "from tests.simulation.test_scenarios import transcript; print(*transcript(7), sep='\\n')"
    stories = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            cwd=Path(__file__).parent.parent.parent,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert stories[0] == stories[1] and "A is killed" in stories[0]
