"""Who becomes master, and whose replica the others become."""

import pytest

from pycluster.tools.creating import crowding, plan_cluster
from pycluster.tools.node_lines import Address, show_ranges
from pycluster.tools.outcomes import Refused


def nodes(*hosts: int) -> list[Address]:
    """So many nodes on the first host, so many on the second …"""
    return [Address(f"10.0.0.{host}", 7000 + port) for host, count in enumerate(hosts, 1) for port in range(count)]


def test_masters_share_the_slots_and_the_rest_are_replicas() -> None:
    shards = plan_cluster(nodes(6), 1)
    assert [(str(shard.master)[-4:], show_ranges(shard.slots), len(shard.replicas)) for shard in shards] == [
        ("7000", "0-5460", 1),
        ("7001", "5461-10922", 1),
        ("7002", "10923-16383", 1),
    ]


def test_masters_are_spread_over_hosts() -> None:
    assert {shard.master.host for shard in plan_cluster(nodes(2, 2, 2), 1)} == {"10.0.0.1", "10.0.0.2", "10.0.0.3"}


@pytest.mark.parametrize(("hosts", "replicas"), [((2, 2, 2), 1), ((3, 3), 1), ((4, 3, 2), 2), ((3, 3, 3), 2)])
def test_no_replica_lives_beside_its_master(hosts: tuple[int, ...], replicas: int) -> None:
    for shard in plan_cluster(nodes(*hosts), replicas):
        assert shard.master.host not in {replica.host for replica in shard.replicas}


def test_replicas_of_one_master_live_apart_where_they_can() -> None:
    assert [crowding(shard.master, shard.replicas) for shard in plan_cluster(nodes(3, 3, 3), 2)] == [0, 0, 0]


def test_nodes_that_are_left_over_become_further_replicas() -> None:
    shards = plan_cluster(nodes(8), 1)
    assert sorted(len(shard.replicas) for shard in shards) == [1, 1, 1, 1]
    assert [len(shard.replicas) for shard in plan_cluster(nodes(7), 1)] == [2, 1, 1]


def test_without_replicas_all_are_masters() -> None:
    assert [len(shard.replicas) for shard in plan_cluster(nodes(5), 0)] == [0] * 5


def test_fewer_than_three_masters_are_refused() -> None:
    with pytest.raises(Refused, match="At least 6 nodes are needed"):
        plan_cluster(nodes(5), 1)


def test_an_address_that_stands_there_twice_is_refused() -> None:
    with pytest.raises(Refused, match="twice"):
        plan_cluster([*nodes(3), nodes(1)[0]], 0)
