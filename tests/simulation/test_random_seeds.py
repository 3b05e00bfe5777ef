"""Thirty-two bad days, each another one (scripts/sim.py runs as many as you like)."""

import pytest

from tests.simulation.chaos import live_through

SEEDS_PER_TEST = 4


@pytest.mark.parametrize("first", range(0, 32, SEEDS_PER_TEST))
def test_no_invariant_is_hurt_and_the_cluster_finds_together_again(first: int) -> None:
    for seed in range(first, first + SEEDS_PER_TEST):
        try:
            live_through(seed)
        except AssertionError as error:
            raise AssertionError(f"seed {seed} (python scripts/sim.py {seed} 1 --transcript)\n{error}") from error
