"""One of ours and a real node meet: they become a cluster, believe the same, and stay together."""

from collections.abc import Iterator

import hiredis
import pytest

from pycluster.testing import Node, wait_until
from tests.integration.shards import id_of, row, rows
from tests.interop.peers import Peers, complaints, links, meet, share_slots, wait_ok, wait_one_cluster, wait_pongs

# What a real server says as a warning although all is well.
ORDINARY = (
    "Cluster state changed: ok",
    "IP address for this node updated to 127.0.0.1",
    "Missing implement of connection type tls",
)


@pytest.fixture(scope="module")
def met(
    our_server: list[str], real_server: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Node, Node]]:
    """One of ours and a real one, half of the slots each."""
    with Peers(tmp_path_factory.mktemp("met"), our_server, real_server) as peers:
        ours, real = peers.ours(), peers.real()
        meet(ours, real)
        wait_one_cluster(ours, real)
        share_slots(ours, real)
        wait_ok(ours, real)
        wait_one_cluster(ours, real)
        yield ours, real


def test_they_agree_on_slots_and_epochs(met: tuple[Node, Node]) -> None:
    ours, real = met
    assert row(ours, real).slots == row(ours).slots == ("0-8191",)
    assert row(real, ours).slots == row(real).slots == ("8192-16383",)
    assert row(ours).epoch != row(real).epoch
    assert ours.cluster_info()["cluster_current_epoch"] == real.cluster_info()["cluster_current_epoch"]


def test_they_stay_connected_and_have_nothing_to_complain_of(met: tuple[Node, Node]) -> None:
    before = [links(node) for node in met]
    wait_pongs(8, *met)
    assert [links(node) for node in met] == before
    wait_one_cluster(*met)
    for node in met:
        assert [line for line in complaints(node) if not line.endswith(ORDINARY)] == []


def test_they_redirect_to_each_other(met: tuple[Node, Node]) -> None:
    ours, real = met
    for node, other, key in ((ours, real, "a"), (real, ours, "age")):
        slot = node.ask("CLUSTER", "KEYSLOT", key)
        with pytest.raises(hiredis.ReplyError, match=f"^MOVED {slot} {other.address}$"):
            node.ask("SET", key, "v")
        other.ask("SET", key, "v")


def test_one_that_was_killed_is_missed_and_found_again(met: tuple[Node, Node]) -> None:
    for node, other in (met, met[::-1]):
        id_ = id_of(node)
        node.kill()
        wait_until(lambda: "" if "fail?" in rows(other)[id_].flags else f"{other} does not miss {node}")  # noqa: B023
        node.start()
        wait_one_cluster(*met)


def test_the_real_one_may_be_who_asks(peers: Peers) -> None:
    ours, real = peers.ours(), peers.real()
    meet(real, ours)
    wait_one_cluster(ours, real)


def test_more_nodes_are_found_by_gossip(peers: Peers) -> None:
    chain = [peers.ours(), peers.real(), peers.ours(), peers.real()]
    for node, following in zip(chain, chain[1:], strict=False):
        meet(node, following)
    wait_one_cluster(*chain)
