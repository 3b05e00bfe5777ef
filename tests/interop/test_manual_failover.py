"""CLUSTER FAILOVER between one of ours and a real node, there and back, while a client writes without pause.

A failover in good order loses no write that was acknowledged: the master stands still until the replica has all. With
FORCE and TAKEOVER the master is not asked, so that only what a replica had confirmed is promised.
"""

from collections.abc import Iterator

import pytest

from tests.integration.shards import Shards, syncs
from tests.interop.mixed import TAGS, Load, start_mixed


@pytest.fixture(scope="module")
def mixed(our_server: list[str], real_server: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shards]:
    with start_mixed(tmp_path_factory.mktemp("manual"), our_server, real_server) as mixed:
        yield mixed


@pytest.mark.parametrize("name", ["A", "B"])
def test_in_good_order_no_acknowledged_write_is_lost(mixed: Shards, name: str) -> None:
    with Load(mixed, TAGS[name]) as load:
        for _ in ("there", "back"):
            full, _ = syncs(mixed.replica(name))
            old, new = mixed.fail_over(name)
            load.wait_progress()
            assert (mixed.master(name), mixed.replica(name)) == (new, old)
            assert syncs(new)[0] == full
    assert load.lost(load.acknowledged) == []


@pytest.mark.parametrize("how", ["FORCE", "TAKEOVER"])
def test_without_asking_the_master_no_confirmed_write_is_lost(mixed: Shards, how: str) -> None:
    with Load(mixed, TAGS["C"]) as load:
        for _ in ("there", "back"):
            old, new = mixed.fail_over("C", how)
            load.wait_progress()
            assert (mixed.master("C"), mixed.replica("C")) == (new, old)
    assert load.lost(load.confirmed) == []
