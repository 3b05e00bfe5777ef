"""WAIT and WAITAOF: who waits, for what, and what ends it."""

from types import SimpleNamespace
from typing import Any

import pytest

from pycluster.protocol.errors import UnblockedByDemotion, WaitForFileThatIsNone
from pycluster.protocol.replies import Wait
from tests.unit.replication.conftest import Client, World


@pytest.fixture
def writer(world: World) -> Client:
    """A client that has written something, with a replica that has not acknowledged it."""
    client = world.client()
    world.replica = world.attached()  # type: ignore[attr-defined]
    world.write(b"SET", b"k", b"v", client=client)
    return client


def wait_for_files(world: World, client: Client, local: bool, replicas: int) -> Any:
    reply = world.primary.wait_for_files(client, local, replicas, 0)
    if isinstance(reply, Wait):
        client.waiter = SimpleNamespace(wait=reply)
    return "waits" if isinstance(reply, Wait) else reply


def acknowledge(world: World, applied: int, synced: int) -> None:
    world.primary.acknowledge(world.replica, applied, synced)  # type: ignore[attr-defined]


def test_a_replica_that_has_it_in_memory_is_not_enough_for_waitaof(world: World, writer: Client) -> None:
    assert wait_for_files(world, writer, False, 1) == "waits"
    acknowledge(world, world.history.offset, 0)
    assert writer.reply is None
    acknowledge(world, world.history.offset, world.history.offset)
    assert writer.reply == [0, 1]


def test_our_own_disk_counts_if_it_is_asked_for(world: World, writer: Client) -> None:
    world.host.synced = 0
    assert wait_for_files(world, writer, True, 0) == "waits"
    world.host.synced = world.history.offset
    world.primary.waiters.serve()
    assert writer.reply == [1, 0]


def test_what_is_safe_already_is_not_waited_for(world: World, writer: Client) -> None:
    world.host.synced = world.history.offset
    acknowledge(world, 0, world.history.offset)
    assert wait_for_files(world, writer, True, 1) == [1, 1]


def test_who_must_not_block_is_told_how_it_stands(world: World, writer: Client) -> None:
    writer.denies_blocking = True
    assert wait_for_files(world, writer, False, 3) == [0, 0]


def test_a_file_that_is_given_up_is_an_error(world: World, writer: Client) -> None:
    world.host.synced = 0
    wait_for_files(world, writer, True, 0)
    world.host.synced = -1
    world.primary.waiters.serve()
    assert isinstance(writer.reply, WaitForFileThatIsNone)


def test_who_waits_at_a_primary_no_more_is_told_and_closed(world: World, writer: Client) -> None:
    wait_for_files(world, writer, False, 1)
    world.primary.waiters.release()
    assert isinstance(writer.reply, UnblockedByDemotion) and writer.link.is_closed


def test_a_stream_that_only_a_file_keeps_is_counted(world: World) -> None:
    client = world.client()
    client.last_write = world.host.journal.place
    world.primary.note_kept()
    assert world.history.offset == client.last_write[0] == 1
