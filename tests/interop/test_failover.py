"""Masters die in a mixed cluster: real replicas are elected with our votes, ours with real ones, nothing is lost."""

from collections.abc import Iterator

import pytest

from tests.integration.shards import Shards, digest, syncs, wait, why_not_same
from tests.interop.mixed import TAGS, Load, fill, start_mixed


@pytest.fixture(scope="module")
def mixed(our_server: list[str], real_server: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shards]:
    with start_mixed(tmp_path_factory.mktemp("mixed"), our_server, real_server) as mixed:
        for name, tag in TAGS.items():
            fill(mixed.master(name), tag)
        yield mixed


@pytest.mark.parametrize("name", TAGS)
def test_master_and_replica_have_the_same_data(mixed: Shards, name: str) -> None:
    wait(lambda: why_not_same(mixed.replica(name), mixed.master(name)))


@pytest.mark.parametrize("name", ["A", "B"])
def test_a_master_that_is_killed_is_replaced_and_comes_back_as_replica(mixed: Shards, name: str) -> None:
    master, heir = mixed.master(name), mixed.replica(name)
    wait(lambda: why_not_same(heir, master))
    before = digest(master)
    master.kill()
    mixed.wait_taken_over(heir)
    assert digest(heir) == before
    heir.ask("SET", TAGS[name] + "meanwhile", "written")
    master.start()
    mixed.wait_well()
    assert mixed.master(name) is heir
    wait(lambda: why_not_same(master, heir))


@pytest.mark.parametrize("name", ["A", "B"])
def test_a_master_that_only_fell_silent_gets_no_more_than_what_it_missed(mixed: Shards, name: str) -> None:
    master, heir = mixed.master(name), mixed.replica(name)
    wait(lambda: why_not_same(heir, master))
    full, partial = syncs(heir)
    with mixed.silenced(master):
        mixed.wait_taken_over(heir)
        heir.ask("SET", TAGS[name] + "meanwhile", "written again")
    mixed.wait_well()
    wait(lambda: why_not_same(master, heir))
    assert syncs(heir) == (full, partial + 1)


@pytest.mark.parametrize("name", ["A", "B"])
def test_a_replica_that_is_killed_goes_on_from_its_last_snapshot(mixed: Shards, name: str) -> None:
    master, replica = mixed.master(name), mixed.replica(name)
    full, partial = syncs(master)
    replica.ask("SAVE")
    replica.kill()
    fill(master, TAGS[name], seed=2)
    replica.start()
    mixed.wait_well()
    wait(lambda: why_not_same(replica, master))
    assert syncs(master) == (full, partial + 1)


def test_what_a_replica_confirmed_survives_the_death_of_its_master(mixed: Shards) -> None:
    master, heir = mixed.master("C"), mixed.replica("C")
    with Load(mixed, TAGS["C"]) as load:
        master.kill()
        mixed.wait_taken_over(heir)
        master.start()
        mixed.wait_well()
        load.wait_progress()
    assert load.lost(load.confirmed) == []
