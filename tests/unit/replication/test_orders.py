"""Orders that replicas follow before they count (SETSLOT): who gets them, who is waited for, what ends the wait."""

from types import SimpleNamespace
from typing import Any

import pytest

from pycluster.protocol.errors import SetSlotAtReplica
from pycluster.protocol.replies import Wait, encode_request
from tests.unit.replication.conftest import Client, World

ORDER = [b"CLUSTER", b"SETSLOT", b"7", b"STABLE"]
TIMEOUT_S = 2.0


class Issuer:
    """A client that gives the order, and what became of it: carried out (True), or not (False)."""

    def __init__(self, world: World) -> None:
        self.world, self.client = world, world.client()
        self.became: list[bool] = []

    def gives(self, timeout_s: float = TIMEOUT_S) -> Any:
        reply = self.world.primary.agree(self.client, ORDER, timeout_s, self.conclude)  # type: ignore[arg-type]
        if isinstance(reply, Wait):
            self.client.waiter = SimpleNamespace(wait=reply)
        return reply

    def conclude(self, is_agreed: bool) -> str:
        self.became.append(is_agreed)
        return "OK" if is_agreed else "NOREPLICAS"


@pytest.fixture
def issuer(world: World) -> Issuer:
    return Issuer(world)


def able(world: World, port: int = 7002) -> Client:
    return world.attached(port, takes_slot_orders=True)


def acknowledge(world: World, replica: Client) -> None:
    world.primary.acknowledge(replica, world.history.offset)


def test_without_replicas_it_counts_at_once(issuer: Issuer) -> None:
    assert issuer.gives() == "OK" and issuer.became == [True]


def test_a_replica_of_redis_does_not_get_it(world: World, issuer: Issuer) -> None:
    replica = world.attached()
    assert issuer.gives() == "OK" and replica.link.take() == b""


def test_it_counts_when_the_replica_says_that_it_has_it(world: World, issuer: Issuer) -> None:
    replica = able(world)
    assert isinstance(issuer.gives(), Wait)
    assert replica.link.take() == encode_request(ORDER) and issuer.became == []
    acknowledge(world, replica)
    assert issuer.became == [True] and issuer.client.reply == "OK"


def test_the_replicas_are_asked_how_far_they_are(world: World, issuer: Issuer) -> None:
    replica = able(world)
    issuer.gives()
    world.host.loop.turn()
    assert replica.link.take().endswith(encode_request([b"REPLCONF", b"GETACK", b"*"]))


def test_all_who_can_are_waited_for(world: World, issuer: Issuer) -> None:
    one, other = able(world), able(world, 7003)
    issuer.gives()
    acknowledge(world, one)
    assert issuer.became == []
    acknowledge(world, other)
    assert issuer.became == [True]


def test_among_replicas_of_both_kinds_those_who_refuse_it_do_not_count(world: World, issuer: Issuer) -> None:
    real, ours = world.attached(7003), able(world)
    issuer.gives()
    acknowledge(world, real)
    assert issuer.became == []
    acknowledge(world, ours)
    assert issuer.became == [True]


def test_if_the_time_is_over_it_does_not_count(world: World, issuer: Issuer) -> None:
    able(world)
    wait = issuer.gives()
    assert wait.timeout == TIMEOUT_S and wait.otherwise() == "NOREPLICAS" and issuer.became == [False]


def test_if_the_client_goes_it_does_not_count(world: World, issuer: Issuer) -> None:
    able(world)
    issuer.gives()
    world.primary.forget(issuer.client)
    assert issuer.became == [False]


def test_if_we_are_demoted_it_is_answered_as_a_replica_answers(world: World, issuer: Issuer) -> None:
    able(world)
    issuer.gives()
    world.primary.waiters.release()
    assert isinstance(issuer.client.reply, SetSlotAtReplica) and issuer.became == []


def test_an_order_that_makes_us_a_replica_ends_the_others(world: World, issuer: Issuer) -> None:
    replica, second = able(world), Issuer(world)
    issuer.conclude = lambda is_agreed: world.primary.waiters.release() or "OK"  # type: ignore[method-assign, func-returns-value]
    issuer.gives()
    second.gives()
    acknowledge(world, replica)
    assert issuer.client.reply == "OK" and isinstance(second.client.reply, SetSlotAtReplica)


def test_in_a_transaction_nobody_waits(world: World, issuer: Issuer) -> None:
    replica = able(world)
    issuer.client.denies_blocking = True
    assert issuer.gives() == "OK" and replica.link.take() == encode_request(ORDER)


def test_a_replica_that_is_away_finds_it_in_the_backlog(world: World, issuer: Issuer) -> None:
    world.primary.forget(able(world))
    before = world.history.offset
    assert issuer.gives() == "OK"
    assert world.primary.backlog is not None
    assert world.primary.backlog.read_from(before + 1) == encode_request(ORDER)


def test_one_that_has_come_is_told_what_is_open(world: World) -> None:
    world.primary.came_online = lambda: world.primary.tell(*ORDER)
    assert world.primary.history.offset == 0
    able(world)
    assert world.history.offset == len(encode_request(ORDER))


def test_when_only_a_replica_of_redis_is_left_it_is_not_told(world: World, issuer: Issuer) -> None:
    real, ours = world.attached(7003), able(world)
    world.primary.forget(ours)
    assert issuer.gives() == "OK" and real.link.take() == b""


def test_who_is_still_loading_its_dataset_is_told_and_not_waited_for(world: World, issuer: Issuer) -> None:
    replica = able(world)
    assert replica.replica is not None
    replica.replica.streams_on_ack = True
    assert issuer.gives() == "OK"
    acknowledge(world, replica)
    assert replica.link.take() == encode_request(ORDER)
