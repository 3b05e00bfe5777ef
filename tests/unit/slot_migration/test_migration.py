"""A migration of slots from its order to its end, source and target together, without sockets."""

import pytest

from pycluster.slot_migration.host import Settings
from tests.unit.slot_migration.stage import SOURCE, TARGET, THIRD, World

UNDERWAY = "connecting reading-establish-response snapshotting replicating failover-paused failover-granted".split()
UNTIL_THE_GRANT = UNDERWAY[:-1]
MINE = frozenset(range(10))


def test_slots_change_hands() -> None:
    world = World().in_state("failover-granted")
    world.run()
    world.tell_owners()
    assert (world.source.state, world.target.state) == ("success", "success")
    assert {world.owners[slot] for slot in range(10)} == {TARGET}
    assert not world.source.is_paused and not world.target.hidden and not world.target.dropped


def test_what_the_two_say() -> None:
    world = World().in_state("failover-granted")
    world.run()
    assert world.source.said == ["ESTABLISH", "ACK", "SNAPSHOT-EOF", "PAUSED", "FAILOVER-GRANTED"]
    assert world.target.said == ["REQUEST-PAUSE", "REQUEST-FAILOVER"]


def test_what_the_target_says_to_its_replicas() -> None:
    world = World().in_state("failover-granted")
    world.run()
    name = world.target.job.name.encode()
    establish, finish = world.target.records
    assert establish[2:7] == (b"ESTABLISH", b"SOURCE", SOURCE.encode(), b"NAME", name)
    assert finish[2:] == (b"FINISH", b"STATE", b"SUCCESS", b"NAME", name, b"MESSAGE", b"")


def test_incoming_slots_are_hidden() -> None:
    world = World().in_state("snapshotting")
    assert world.target.hidden == MINE


def test_writes_stand_still_from_the_pause_on() -> None:
    world = World().in_state("replicating")
    assert not world.source.is_paused
    world.run_until(world.source, "failover-paused")
    assert world.source.is_paused


def test_the_source_gives_its_password_first() -> None:
    world = World()
    world.source.core.jobs.settings = Settings(credentials=(b"me", b"secret"))
    world.migrate()
    world.connect()
    assert world.letters[0][1] == (b"AUTH", b"me", b"secret")


@pytest.mark.parametrize("state", UNTIL_THE_GRANT)
def test_cancelled(state: str) -> None:
    world = World().in_state(state)
    world.source.perform(world.source.core.cancel("me", world.now_ms))
    assert_nothing_has_happened(world, "cancelled")


def test_what_was_granted_is_not_cancelled_any_more() -> None:
    world = World().in_state("failover-granted")
    world.source.perform(world.source.core.cancel("me", world.now_ms))
    assert world.source.state == "failover-granted" and world.source.is_paused
    world.run()
    world.tell_owners()
    assert world.source.state == world.target.state == "success"


@pytest.mark.parametrize("state", UNTIL_THE_GRANT)
def test_the_connection_is_lost(state: str) -> None:
    world = World().in_state(state)
    world.cut()
    assert_nothing_has_happened(world, "failed")
    assert world.source.job.message.startswith("Connection lost to target.")


def assert_nothing_has_happened(world: World, end: str) -> None:
    world.run()
    source, target = world.source, world.target
    assert source.state == end and not source.is_paused
    assert {world.owners[slot] for slot in MINE} == {SOURCE}
    if target.core.jobs.all:
        assert target.state == "failed" and not target.hidden and target.dropped == MINE
        assert target.records[-1][2:5] == (b"FINISH", b"STATE", b"FAILED")


@pytest.mark.parametrize("state", UNTIL_THE_GRANT)
def test_the_source_is_flushed(state: str) -> None:
    world = World().in_state(state)
    world.source.perform(world.source.core.flushed(world.now_ms))
    assert_nothing_has_happened(world, "failed")
    assert world.source.job.message == "Data was flushed"


def test_what_was_granted_is_not_called_off_by_other_data_at_the_source() -> None:
    """DEBUG RELOAD: unlike FLUSHALL it does not wait for the end of the pause."""
    world = World().in_state("failover-granted")
    world.source.perform(world.source.core.flushed(world.now_ms))
    assert world.source.state == "failover-granted" and world.source.is_paused
    world.run()
    world.tell_owners()
    assert world.source.state == world.target.state == "success"


@pytest.mark.parametrize("state", ["snapshotting", "replicating", "failover-paused"])
def test_the_target_is_flushed(state: str) -> None:
    world = World().in_state(state)
    world.target.perform(world.target.core.flushed(world.now_ms))
    assert_nothing_has_happened(world, "failed")
    assert world.target.job.message == "Data was flushed"


@pytest.mark.parametrize("state", ["snapshotting", "replicating", "failover-paused"])
def test_the_target_becomes_a_replica(state: str) -> None:
    world = World().in_state(state)
    world.target.is_replica = True
    world.tell_owners()
    assert world.target.job.message == "I was demoted to a replica"
    assert world.target.state == world.source.state == "failed"
    assert not world.target.hidden and not world.target.dropped  # its new primary says what it has


@pytest.mark.parametrize("state", UNDERWAY)
def test_the_source_becomes_a_replica(state: str) -> None:
    world = World().in_state(state)
    world.source.is_replica = True
    world.owners.update(dict.fromkeys(range(100), THIRD))
    world.tell_owners()
    assert world.source.state == "failed" and not world.source.is_paused
    assert world.source.job.message == "Slots are no longer owned by myself"


@pytest.mark.parametrize("state", ["snapshotting", "replicating", "failover-paused"])
def test_another_node_takes_a_slot_meanwhile(state: str) -> None:
    world = World().in_state(state)
    world.owners[3] = THIRD
    world.target.perform(world.target.core.owners_changed(world.now_ms))
    assert world.target.job.message == "Slots are no longer owned by source node"
    assert world.target.dropped == MINE and world.source.state == "failed"


def test_the_target_is_given_the_slots_by_somebody_else() -> None:
    world = World().in_state("replicating")
    world.owners.update(dict.fromkeys(range(10), TARGET))
    world.target.perform(world.target.core.owners_changed(world.now_ms))
    assert world.target.job.message == "Slots were unexpectedly assigned to myself during import"
    assert not world.target.hidden and not world.target.dropped


def test_a_command_fails_at_the_target() -> None:
    world = World().in_state("snapshotting")
    world.target.perform(world.target.core.failed(world.target.job, "Ran out of memory", world.now_ms))
    assert_nothing_has_happened(world, "failed")


def test_the_target_refuses() -> None:
    world = World().in_state("reading-establish-response")
    world.source.perform(world.source.core.answered(world.source.job, "-ERR no", world.now_ms))
    assert world.source.job.message == "Received error during handshake to target: -ERR no\r\n"


def test_the_password_is_wrong() -> None:
    world = World()
    world.source.core.jobs.settings = Settings(credentials=(b"secret",))
    world.migrate()
    world.connect()
    world.source.perform(world.source.core.answered(world.source.job, "-WRONGPASS no", world.now_ms))
    assert world.source.job.message == "Failed to AUTH to target node: -WRONGPASS no"


def test_nobody_listens_at_the_target() -> None:
    world = World()
    world.migrate()
    world.source.perform(world.source.core.connect_failed(world.source.job, "Connection refused", world.now_ms))
    assert world.source.job.message == "Unable to connect to target node: Connection refused"


# Time


@pytest.mark.parametrize("state", ["connecting", "reading-establish-response"])
def test_a_silent_target_is_given_up(state: str) -> None:
    world = World().in_state(state)
    world.pass_(61_000)
    assert world.source.job.message == "Timed out after too long with no interaction"


def test_a_silent_source_is_given_up() -> None:
    world = World().in_state("snapshotting")
    world.is_linked = False
    world.now_ms += 61_000
    world.target.perform(world.target.core.tick(world.now_ms))
    assert world.target.job.message == "Timed out after too long with no interaction"
    assert world.target.dropped == MINE


def test_both_say_every_second_that_they_are_there() -> None:
    world = World().in_state("replicating")
    world.source.core.jobs.pause_prevented = True
    world.run()
    for _ in range(70):
        world.pass_(1000)
        world.run()
    assert world.source.state == "waiting-to-pause" and world.target.state == "waiting-for-paused"
    assert 65 <= world.target.said.count("ACK") <= 75


def test_the_source_waits_with_its_pause_until_little_is_left_to_send() -> None:
    world = World().in_state("replicating")
    world.source.waiting = 100
    world.run()
    assert world.source.state == "waiting-to-pause" and not world.source.is_paused
    world.source.waiting = 0
    world.pass_(100)
    assert world.source.is_paused and "remaining_repl_size is 0" in "".join(world.source.log)


@pytest.mark.parametrize(("most", "pauses"), [(-1, True), (100, True), (99, False)])
def test_how_much_may_be_left_to_send_is_a_setting(most: int, pauses: bool) -> None:
    world = World().in_state("replicating")
    world.source.core.jobs.settings = Settings(most_waiting=most)
    world.source.waiting = 100
    world.run_until(world.source, "failover-paused" if pauses else "waiting-to-pause")


def test_a_pause_that_is_over_ends_the_job() -> None:
    world = World().in_state("failover-paused")
    world.letters.clear()
    world.pass_(10_200)
    assert world.source.job.message == "Timed out before streaming completed"
    assert_nothing_has_happened(world, "failed")


def test_who_asks_after_the_pause_is_denied() -> None:
    world = World().in_state("failover-paused")
    world.now_ms += 10_001
    world.run()
    assert world.source.job.message == "Unpaused before failover completed"
    assert_nothing_has_happened(world, "failed")


def test_from_the_grant_on_until_they_are_claimed_the_slots_are_for_the_target_to_take() -> None:
    world = World().in_state("failover-paused")
    assert world.source.core.granted_to(TARGET) == set()
    world.run_until(world.source, "failover-granted")
    assert world.source.core.granted_to(TARGET) == MINE and world.source.core.granted_to(THIRD) == set()
    world.run()
    world.tell_owners()
    assert world.source.core.granted_to(TARGET) == set()


def test_after_the_grant_a_lost_connection_proves_nothing() -> None:
    world = World().in_state("failover-granted")
    world.source.perform(world.source.core.lost(world.source.job, world.now_ms))
    assert world.source.state == "failover-granted" and world.source.is_paused
    world.owners.update(dict.fromkeys(range(10), TARGET))
    world.source.perform(world.source.core.owners_changed(world.now_ms))
    assert world.source.state == "success" and not world.source.is_paused


def test_after_the_grant_the_pause_does_not_last_for_ever() -> None:
    world = World().in_state("failover-granted")
    world.cut()
    world.pass_(10_200)
    assert world.source.job.message.startswith("Unpaused before migration completed")
    assert "Write loss risk!" in "".join(world.source.log) and not world.source.is_paused
    assert world.target.state == "failed" and world.target.dropped == MINE


def test_a_target_that_may_not_take_the_slots_waits() -> None:
    world = World()
    world.target.core.jobs.hand_over_prevented = True
    world.in_state("failover-granted")
    world.run()
    assert world.target.state == "failover-granted"
    world.target.core.jobs.hand_over_prevented = False
    world.pass_(100)
    assert world.target.state == "success"


# Words at the wrong moment


@pytest.mark.parametrize("word", [b"PAUSED", b"FAILOVER-GRANTED"])
def test_a_source_that_is_ahead_of_itself(word: bytes) -> None:
    world = World().in_state("snapshotting")
    world.target.perform(world.target.core.hear(world.target.job, word, world.now_ms))
    assert world.target.job.message == "Unexpected state machine transition"
    assert_nothing_has_happened(world, "failed")


def test_the_slots_end_twice() -> None:
    world = World().in_state("failover-paused")
    world.target.perform(world.target.core.hear(world.target.job, b"SNAPSHOT-EOF", world.now_ms))
    assert world.target.job.message == "Unexpected state machine transition"


@pytest.mark.parametrize("word", [b"REQUEST-PAUSE", b"REQUEST-FAILOVER"])
def test_a_target_that_is_ahead_of_itself(word: bytes) -> None:
    world = World().in_state("snapshotting")
    world.source.perform(world.source.core.hear(world.source.job, word, world.now_ms))
    assert_nothing_has_happened(world, "failed")


def test_a_word_that_nobody_knows() -> None:
    world = World().in_state("snapshotting")
    world.source.perform(world.source.core.hear(world.source.job, b"WHAT", world.now_ms))
    assert world.source.job.message == "Unknown SYNCSLOTS subcommand used"
    assert_nothing_has_happened(world, "failed")


# The log of jobs


def test_only_so_many_ended_jobs_are_kept() -> None:
    world = World()
    world.source.core.jobs.settings = Settings(log_length=2)
    for slot in range(4):
        world.migrate(f"SLOTSRANGE {slot} {slot} NODE {TARGET}")
    world.source.perform(world.source.core.cancel("me", world.now_ms))
    world.pass_(100)
    assert [job.ranges for job in world.source.core.jobs.all] == [((3, 3),), ((2, 2),)]


def test_a_job_is_named_in_the_log() -> None:
    world = World()
    world.migrate(f"SLOTSRANGE 0 1 5 5 NODE {TARGET}")
    name = world.source.job.name
    assert len(name) == 40 and world.source.job.description == (
        f"{{name: {name}, operation: export, target_node_id: {TARGET}, slots: 0-1 5-5}}"
    )
