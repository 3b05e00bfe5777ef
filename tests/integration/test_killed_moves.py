"""A slot of 1,000 keys moves, and one of the two sides is killed (-9) at some step: fix ends with each key once.

The whole matrix takes minutes (`make long`); of it, one death a side and tool is looked at always.
"""

from collections.abc import Iterator

import pytest

from tests.integration.killed_moves import (
    STEPS,
    Mend,
    Move,
    mend_with_pycluster,
    mend_with_redis_cli,
    start_shards,
)
from tests.integration.shards import Shards


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


@pytest.mark.long
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("side", ["source", "target"])
def test_replaced_by_its_replica(move: Move, side: str, step: str) -> None:
    move.go(step)
    move.replace(side)
    move.ends_well()


@pytest.mark.long
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("side", ["source", "target"])
def test_replaced_by_its_replica_and_back_before_anybody_mends(move: Move, side: str, step: str) -> None:
    move.go(step)
    move.replace(side).start()
    move.shards.wait_well()
    move.ends_well()


@pytest.mark.long
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("side", ["source", "target"])
def test_restarted_with_its_append_only_file(move: Move, side: str, step: str) -> None:
    move.go(step)
    move.kill(side).start()
    move.shards.wait_well()
    move.ends_well()
