"""A slot of 1,000 keys moves, and one of the two sides is killed (-9) at some step: fix ends with each key once.

In the whole matrix (`make long`, some minutes) it is mended while the dead one is away and its replica leads, or when
it is back as a replica, or it has only been restarted. One death of either side is looked at always.
"""

from collections.abc import Iterator

import pytest
from hiredis import ReplyError

from tests.integration.killed_moves import (
    BATCH,
    STEPS,
    Mend,
    Move,
    found,
    mend_with_pycluster,
    mend_with_redis_cli,
    start_shards,
    take_all_slots,
)
from tests.integration.shards import Shards, wait


@pytest.fixture(scope="module")
def shards(our_server: list[str]) -> Iterator[Shards]:
    yield from start_shards(our_server)


@pytest.fixture(params=["redis-cli", "pycluster"])
def mend(request: pytest.FixtureRequest) -> Mend:
    if request.param == "pycluster":
        return mend_with_pycluster
    return mend_with_redis_cli(request.getfixturevalue("redis_cli"))


@pytest.fixture
def move(shards: Shards, mend: Mend) -> Move:
    return Move(shards, mend)


@pytest.fixture(params=STEPS)
def step(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["source", "target"])
def side(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_nobody_is_killed_but_a_migrate_times_out_and_its_keys_are_on_both_sides(move: Move) -> None:
    """redis#9421"""
    move.go("some batches are moved")
    move.target.pause()
    with pytest.raises(ReplyError, match="^IOERR error or timeout reading to target instance$"):
        move.move_batch(timeout_ms=100)
    move.target.resume()
    wait(lambda: "" if len(found(move.target)) == 4 * BATCH else "the target is still busy with it")
    move.ends_well()


def test_a_source_that_dies_in_the_midst_of_a_batch_is_replaced(shards: Shards, redis_cli: str) -> None:
    """redis#2807, and once more #9421: its replica has the keys that the target has too."""
    move = Move(shards, mend_with_redis_cli(redis_cli))
    move.go("a batch is on its way")
    move.replace("source")
    move.ends_well()


def test_a_target_that_dies_with_a_part_of_the_keys_is_replaced(shards: Shards) -> None:
    move = Move(shards, mend_with_pycluster)
    move.go("some batches are moved")
    move.replace("target")
    move.ends_well()


@pytest.mark.long
def test_replaced_by_its_replica(move: Move, side: str, step: str) -> None:
    move.go(step)
    move.replace(side)
    move.ends_well()


@pytest.mark.long
def test_replaced_by_its_replica_and_back_before_anybody_mends(move: Move, side: str, step: str) -> None:
    move.go(step)
    move.replace(side).start()
    move.shards.wait_well()
    move.ends_well()


@pytest.mark.long
def test_restarted_with_its_append_only_file(move: Move, side: str, step: str) -> None:
    move.go(step)
    move.kill(side).start()
    move.shards.wait_well()
    move.ends_well()


@pytest.mark.long
def test_a_new_master_that_dies_while_it_gets_its_first_slot_is_replaced(our_server: list[str], mend: Mend) -> None:
    for shards in start_shards(our_server, masters=4):
        take_all_slots(shards, "D", "C")
        move = Move(shards, mend, between="AD")
        move.go("some batches are moved")
        move.replace("target").start()
        shards.wait_well()
        move.ends_well()
