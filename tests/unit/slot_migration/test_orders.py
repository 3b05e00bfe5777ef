"""What is refused, and why: MIGRATESLOTS at the source, ESTABLISH at the target, SETSLOT beside them."""

import pytest

from pycluster.protocol.errors import ReplyError
from tests.unit.slot_migration.stage import SOURCE, TARGET, THIRD, World

NAME = "d" * 40


def refusal_of_order(words: str, world: World | None = None) -> str:
    with pytest.raises(ReplyError) as refused:
        (world or World()).migrate(words)
    return refused.value.text


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (f"FOO 1 2 NODE {TARGET}", "ERR syntax error"),
        ("SLOTSRANGE 1 2", "ERR syntax error"),
        ("SLOTSRANGE 1 2 NODE", "ERR syntax error"),
        (f"SLOTSRANGE 2 1 NODE {TARGET}", "ERR Start slot number 2 is greater than end slot number 1."),
        (f"SLOTSRANGE 16384 2 NODE {TARGET}", "ERR Invalid or out of range slot"),
        (f"SLOTSRANGE -1 2 NODE {TARGET}", "ERR Invalid or out of range slot"),
        (f"SLOTSRANGE 1 x NODE {TARGET}", "ERR Invalid or out of range slot"),
        (f"SLOTSRANGE x 1 NODE {TARGET}", "ERR No slot ranges specified"),
        (f"SLOTSRANGE 01 1 NODE {TARGET}", "ERR No slot ranges specified"),
        (f"SLOTSRANGE 9223372036854775807 1 NODE {TARGET}", "ERR Invalid or out of range slot"),
        (f"SLOTSRANGE 9223372036854775808 1 NODE {TARGET}", "ERR No slot ranges specified"),
        (f"SLOTSRANGE 1 9223372036854775808 NODE {TARGET}", "ERR Invalid or out of range slot"),
        ("SLOTSRANGE 1", "ERR No end slot for final slot range"),
        (f"SLOTSRANGE 1 1 1 1 NODE {TARGET}", "ERR Slot range 1-1 overlaps with previous range 1-1."),
        (f"SLOTSRANGE 500 500 NODE {TARGET}", "ERR Slot 500 has no node served."),
        (f"SLOTSRANGE 90 110 NODE {TARGET}", "ERR Requested slots span multiple shards"),
        (f"SLOTSRANGE 150 150 NODE {TARGET}", "ERR Slots are not served by this node."),
        ("SLOTSRANGE 1 1 NODE abc", "ERR Invalid node name: abc"),
        (f"SLOTSRANGE 1 1 NODE {NAME}", f"ERR Unknown node name: {NAME}"),
        (f"SLOTSRANGE 1 1 NODE {SOURCE}", "ERR Target node can not be this node."),
        (
            f"SLOTSRANGE 1 1 NODE {TARGET} SLOTSRANGE 0 2 NODE {THIRD}",
            "ERR Slot ranges in migrations overlap",
        ),
    ],
)
def test_orders_that_make_no_sense(words: str, why: str) -> None:
    assert refusal_of_order(words) == why


def test_slots_that_are_on_their_way_already() -> None:
    world = World()
    world.migrate()
    assert refusal_of_order(f"SLOTSRANGE 9 12 NODE {THIRD}", world) == "ERR I am already migrating slot 9."


def test_a_replica_has_no_slots_to_give() -> None:
    world = World()
    world.source.is_replica = True
    why = refusal_of_order(f"SLOTSRANGE 1 1 NODE {TARGET}", world)
    assert why == "ERR Slot migration can only be used on primary nodes."


def test_an_order_that_is_refused_begins_nothing() -> None:
    world = World()
    refusal_of_order(f"SLOTSRANGE 1 1 NODE {TARGET} SLOTSRANGE 2 2 NODE abc", world)
    assert world.source.core.jobs.all == []


def test_several_targets_are_several_jobs_the_last_named_first() -> None:
    world = World()
    world.migrate(f"SLOTSRANGE 1 1 5 6 NODE {TARGET} slotsrange 2 2 node {THIRD}")
    jobs = world.source.core.jobs.all
    assert [(job.ranges, job.target) for job in jobs] == [(((2, 2),), THIRD), (((1, 1), (5, 6)), TARGET)]


@pytest.mark.parametrize(
    ("by_hand", "why"),
    [
        ((True, False), "ERR Slots are being manually imported"),
        ((False, True), "ERR Slots are being manually migrated"),
    ],
)
def test_not_while_slots_are_moved_by_hand(by_hand: tuple[bool, bool], why: str) -> None:
    world = World()
    world.source.by_hand = by_hand
    assert refusal_of_order(f"SLOTSRANGE 1 1 NODE {TARGET}", world) == why


def test_nothing_to_cancel() -> None:
    world = World()
    with pytest.raises(ReplyError) as refused:
        world.source.core.cancel("me", world.now_ms)
    assert refused.value.text == "ERR No migrations ongoing"


# ESTABLISH


def refusal_of_establish(words: str, world: World | None = None) -> str:
    world = world or World()
    with pytest.raises(ReplyError) as refused:
        world.target.core.establish([word.encode() for word in words.split()], world.now_ms)
    return refused.value.text


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("", "ERR syntax error"),
        (f"SOURCE {SOURCE} NAME {NAME}", "ERR syntax error"),
        (f"SOURCE aa{SOURCE} NAME {NAME} SLOTSRANGE 1 1", "ERR syntax error"),
        (f"SOURCE {TARGET} NAME {NAME} SLOTSRANGE 1 1", "ERR Source node is target node itself"),
        (f"SOURCE {NAME} NAME {NAME} SLOTSRANGE 1 1", "ERR Target node does not know the source node"),
        (f"SOURCE {THIRD} NAME {NAME} SLOTSRANGE 1 1", "ERR Target node does not agree about current slot ownership"),
    ],
)
def test_sources_that_are_refused(words: str, why: str) -> None:
    assert refusal_of_establish(words) == why


def test_the_words_may_come_in_any_order() -> None:
    world = World()
    words = f"slotsrange 1 2 name {NAME} source {SOURCE}"
    job, _ = world.target.core.establish([word.encode() for word in words.split()], world.now_ms)
    assert (job.name, job.source, job.ranges) == (NAME, SOURCE, ((1, 2),))


def test_a_slot_comes_only_once() -> None:
    world = World().in_state("snapshotting")
    why = refusal_of_establish(f"SOURCE {SOURCE} NAME {NAME} SLOTSRANGE 9 20", world)
    assert why == "ERR Slot is already being imported on the target by a different migration"


def test_keys_that_were_left_in_a_slot_are_not_mixed_with_what_comes() -> None:
    world = World()
    world.target.strays = {7}
    why = refusal_of_establish(f"SOURCE {SOURCE} NAME {NAME} SLOTSRANGE 5 9", world)
    assert why == "ERR Slot 7 has keys on the target node already" and world.target.core.jobs.all == []


def test_a_replica_takes_no_slots() -> None:
    world = World()
    world.target.is_replica = True
    why = refusal_of_establish(f"SOURCE {SOURCE} NAME {NAME} SLOTSRANGE 1 1", world)
    assert why == "ERR Slot migration can only be used on primary nodes."


def test_who_moves_slots_by_hand_takes_none() -> None:
    world = World()
    world.target.by_hand = (True, False)
    why = refusal_of_establish(f"SOURCE {SOURCE} NAME {NAME} SLOTSRANGE 1 1", world)
    assert why == "ERR A slot on the target node is being manually imported or migrated"


# SETSLOT


def test_nothing_is_moved_by_hand_meanwhile() -> None:
    world = World().in_state("snapshotting")
    for node, why in ((world.source, "ERR Slot export in progress."), (world.target, "ERR Slot import in progress.")):
        with pytest.raises(ReplyError) as refused:
            node.core.refuse_moving_by_hand()
        assert refused.value.text == why
