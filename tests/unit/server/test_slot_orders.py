"""SETSLOT between a client, the replicas and the cluster core: who is asked, and what replicas are told besides."""

from types import SimpleNamespace
from typing import Any

import pytest

from pycluster.persistence.loading import Loading
from pycluster.protocol.errors import NotEnoughReplicas, SetSlotAtReplica
from pycluster.protocol.replies import Wait
from pycluster.server.client import FROM_PRIMARY
from pycluster.server.slot_orders import SlotOrders

ORDER = [b"CLUSTER", b"SETSLOT", b"7", b"STABLE"]


class Stage:
    """A server of which only the replicas matter: they agree, or not, as the test says."""

    def __init__(self) -> None:
        self.agreed = True
        self.done: list[str] = []
        self.told: list[bytes] = []
        primary = SimpleNamespace(tells_orders=True, agree=self.agree, tell=lambda *words: self.told.append(words[3]))
        self.primary: Any = primary
        self.replica: Any = SimpleNamespace(synchronized=[])
        self.failing_over = False
        self.client: Any = SimpleNamespace(gate=0, denies_blocking=False)
        self.slots: Any = SimpleNamespace(migrating={}, importing={})
        server = SimpleNamespace(
            replication=SimpleNamespace(primary=primary, replica=self.replica),
            is_failing_over=lambda: self.failing_over,
        )
        part = SimpleNamespace(
            state=SimpleNamespace(slots=self.slots),
            order=lambda verb: self.done.append(verb),
            core=SimpleNamespace(forget_open_slots="forgets all"),
        )
        self.orders = SlotOrders(server, part)

    def agree(self, client: Any, order: list[bytes], timeout_s: float, then: Any) -> object:
        return then(self.agreed)

    def gives(self) -> object:
        return self.orders.give(self.client, ORDER, 7, lambda: self.done.append("closes 7"), 2.0)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_what_replicas_agree_on_is_done(stage: Stage) -> None:
    assert stage.gives() == "OK" and stage.done == ["closes 7"] and not stage.told


def test_what_they_do_not_is_refused_and_taken_back(stage: Stage) -> None:
    stage.agreed = False
    stage.slots.importing[7] = SimpleNamespace(id="a" * 40)
    assert isinstance(stage.gives(), NotEnoughReplicas)
    assert not stage.done and stage.told == [b"IMPORTING"]


def test_what_makes_no_sense_any_more_when_they_agree_is_taken_back_too(stage: Stage) -> None:
    def refuse() -> None:
        raise SetSlotAtReplica

    assert isinstance(stage.orders.give(stage.client, ORDER, 7, refuse, 2.0), SetSlotAtReplica)
    assert stage.told == [b"STABLE"]


def test_an_order_of_the_primarys_is_carried_out_at_once(stage: Stage) -> None:
    stage.client.gate, stage.agreed = FROM_PRIMARY, False
    assert stage.gives() == "OK" and stage.done == ["closes 7"]


def test_in_a_failover_the_stream_must_stand_still(stage: Stage) -> None:
    stage.failing_over = True
    reply = stage.gives()
    assert isinstance(reply, Wait) and reply.runs_again and not stage.done


def test_who_comes_is_told_what_is_open_and_what_has_changed_unheard(stage: Stage) -> None:
    stage.primary.tells_orders = False
    stage.gives()
    stage.slots.migrating[3] = SimpleNamespace(id="a" * 40)
    for _ in range(2):
        stage.primary.came_online()
    assert stage.told == [b"MIGRATING", b"STABLE", b"MIGRATING"]


@pytest.mark.parametrize(("aux", "done"), [({}, ["forgets all"]), ({b"valkey-ver": b"9.1.2"}, [])])
def test_with_the_dataset_of_a_primary_that_tells_what_is_open_all_else_is_forgotten(
    stage: Stage, aux: dict[bytes, bytes], done: list[str]
) -> None:
    stage.slots.importing[7] = SimpleNamespace(id="a" * 40)
    for tell in stage.replica.synchronized:
        tell(Loading(0, aux=aux))
    assert stage.done == done
