"""The primary's side: who gets what, and in which order."""

from types import SimpleNamespace

import pytest

from pycluster.protocol.errors import FilteredReplicaNeedsEof, NoLinkToPrimary, SyncWithPendingOutput
from pycluster.protocol.replies import NO_REPLY, encode_request
from pycluster.replication.attached import State
from tests.unit.replication.conftest import World

SELECT_0 = encode_request([b"SELECT", b"0"])
SET = [b"SET", b"k", b"v"]


def test_without_replicas_nothing_is_recorded(world: World) -> None:
    world.write(*SET)
    assert world.history.offset == 0 and world.primary.backlog is None


def test_a_full_sync_is_promised_the_file_and_then_what_changed_meanwhile(world: World) -> None:
    client = world.introduced()
    assert world.primary.synchronize(client, "?", -1) is NO_REPLY
    assert client.link.take() == b"+FULLRESYNC %b 0\r\n" % world.history.id.encode()
    world.write(*SET)
    assert client.link.take() == b""
    world.host.snapshots.end(b"FILE")
    world.host.loop.turn()
    assert client.link.take() == b"$4\r\nFILE" + SELECT_0 + encode_request(SET)


def test_the_stream_goes_to_a_replica_that_is_online(world: World) -> None:
    client = world.attached()
    world.write(*SET)
    world.write(*SET)
    assert client.link.take() == SELECT_0 + encode_request(SET) * 2
    assert world.history.offset == len(SELECT_0) + 2 * len(encode_request(SET))


def test_a_replica_that_was_away_gets_what_it_missed(world: World) -> None:
    client = world.attached()
    world.write(*SET)
    world.primary.forget(client)
    world.write(b"DEL", b"k")
    again = world.introduced()
    world.primary.synchronize(again, world.history.id, world.history.offset - len(encode_request([b"DEL", b"k"])) + 1)
    assert again.link.take() == b"+CONTINUE %b\r\n" % world.history.id.encode() + encode_request([b"DEL", b"k"])
    assert world.host.statistics.partial_syncs == 1


def test_an_old_replica_is_not_told_the_id(world: World) -> None:
    world.attached()
    again = world.introduced(takes_new_ids=False)
    world.primary.synchronize(again, world.history.id, world.history.offset + 1)
    assert again.link.take() == b"+CONTINUE\r\n"


@pytest.mark.parametrize(
    ("id", "offset", "why"),
    [
        ("b" * 40, 1, "Replication ID mismatch (Replica asked for 'bbbb"),
        ("mine", 1000, "tried to PSYNC with an offset that is greater than the master replication offset"),
        ("mine", -5, "for lack of backlog (Replica request was: -5)"),
    ],
)
def test_who_asks_for_what_is_not_there_gets_everything(world: World, id: str, offset: int, why: str) -> None:
    world.attached()
    client = world.introduced(7003)
    world.primary.synchronize(client, world.history.id if id == "mine" else id, offset)
    assert why in world.host.log and client.link.take().startswith(b"+FULLRESYNC")
    assert world.host.statistics.refused_partial_syncs == 1


def test_after_a_promotion_the_old_id_is_served_up_to_where_it_ended(world: World) -> None:
    world.attached()
    world.write(*SET)
    old, end = world.history.id, world.history.offset
    world.history.rename("c" * 40)
    world.write(b"DEL", b"k")
    near, far = world.introduced(7003), world.introduced(7004)
    world.primary.synchronize(near, old, end + 1)
    world.primary.synchronize(far, old, end + 5)
    assert near.link.take().startswith(b"+CONTINUE " + b"c" * 40)
    assert f"Requested offset for second ID was {end + 5}, but I can reply up to {end + 1}" in world.host.log


def test_a_second_replica_joins_the_snapshot_that_is_being_made(world: World) -> None:
    first, second = world.introduced(), world.introduced(7003)
    world.primary.synchronize(first, "?", -1)
    world.write(*SET)
    world.primary.synchronize(second, "?", -1)
    world.host.snapshots.end()
    world.host.loop.turn()
    assert first.link.take() == second.link.take()
    assert "Waiting for end of BGSAVE for SYNC" in world.host.log


def test_an_ordinary_snapshot_is_no_good_for_a_replica_that_came_later(world: World) -> None:
    world.host.snapshots.save_in_background(lambda well: None)
    client = world.introduced()
    world.primary.synchronize(client, "?", -1)
    assert client.link.take() == b"" and "Can't attach the replica to the current BGSAVE" in world.host.log
    world.host.snapshots.end()
    world.primary.cron()
    assert b"+FULLRESYNC" in client.link.take()


def test_a_snapshot_for_sockets_waits_a_while_for_others(world: World) -> None:
    world.host.config.repl_diskless_sync, world.host.config.repl_diskless_sync_delay = True, 5
    world.host.snapshots.may_fork = False
    first, second = (world.introduced(port, takes_streamed_file=True) for port in (7002, 7003))
    world.primary.synchronize(first, "?", -1)
    world.host.loop.now += 4
    world.primary.synchronize(second, "?", -1)
    world.primary.cron()
    assert first.link.take() == b"\n"
    world.host.loop.now += 1
    world.primary.cron()
    assert world.host.snapshots.hand_over is not None
    world.host.snapshots.hand_over(b"FILE")
    assert all(client.link.take().endswith(b"$4\r\nFILE") for client in (first, second))


def test_a_failed_snapshot_ends_the_links_that_waited_for_it(world: World) -> None:
    client = world.introduced()
    world.primary.synchronize(client, "?", -1)
    world.host.snapshots.end(well=False)
    assert client.link.is_closed and "SYNC failed. BGSAVE child returned an error" in world.host.log


def test_a_snapshot_that_nobody_waits_for_any_more_is_given_up(world: World) -> None:
    client = world.introduced()
    world.primary.synchronize(client, "?", -1)
    world.primary.forget(client)
    assert world.host.snapshots.cancelled


def test_who_wants_the_file_only_gets_no_stream(world: World) -> None:
    client = world.introduced(wants_file_only=True)
    world.primary.synchronize(client, None)
    world.write(*SET)
    world.host.snapshots.end()
    world.host.loop.turn()
    assert client.link.take() == b"$4\r\nFILE" and client.link.is_closed


def test_reasons_to_refuse(world: World) -> None:
    busy, picky, early = world.introduced(), world.introduced(), world.introduced()
    busy.link.unsent = 1
    assert isinstance(world.primary.synchronize(busy, "?", -1), SyncWithPendingOutput)
    assert picky.replica is not None
    picky.replica.request.keys = False
    assert isinstance(world.primary.synchronize(picky, "?", -1), FilteredReplicaNeedsEof)
    world.primary.is_linked = lambda: False
    assert isinstance(world.primary.synchronize(early, "?", -1), NoLinkToPrimary)


def test_a_replica_that_is_sent_too_much_while_it_waits_is_dropped(world: World) -> None:
    client = world.introduced()
    world.primary.synchronize(client, "?", -1)
    world.host.limit = 100
    world.write(b"SET", b"k", b"x" * 200)
    assert client.link.is_closed


# WAIT


def test_wait_counts_replicas_that_have_acknowledged_the_clients_last_write(world: World) -> None:
    replica, writer = world.attached(), world.client()
    world.write(*SET, client=writer)
    assert world.wait(writer, 1) == "waits"
    assert replica.link.take().endswith(encode_request([b"REPLCONF", b"GETACK", b"*"]))
    world.primary.acknowledge(replica, writer.last_write_offset)
    assert writer.reply == 1


def test_a_write_of_somebody_else_is_nothing_to_wait_for(world: World) -> None:
    replica, writer, other = world.attached(), world.client(), world.client()
    world.write(*SET, client=writer)
    world.primary.acknowledge(replica, world.history.offset)
    world.write(*SET, client=other)
    assert world.wait(writer, 1) == 1
    assert world.wait(other, 1) == "waits"


def test_who_may_not_wait_is_told_how_many_there_are(world: World) -> None:
    world.attached()
    writer = world.client()
    world.write(*SET, client=writer)
    writer.denies_blocking = True
    assert world.wait(writer, 1) == 0


def test_who_waits_for_something_else_by_now_is_left_alone(world: World) -> None:
    replica, writer = world.attached(), world.client()
    world.write(*SET, client=writer)
    world.wait(writer, 1)
    writer.waiter = SimpleNamespace(wait="for a list")
    world.primary.acknowledge(replica, writer.last_write_offset)
    assert writer.reply is None


def test_one_request_for_acknowledgements_serves_all_who_wait(world: World) -> None:
    replica, writers = world.attached(), [world.client() for _ in range(3)]
    for writer in writers:
        world.write(*SET, client=writer)
        world.primary.wait(writer, 1, 0)
    world.host.loop.turn()
    assert replica.link.take().count(b"GETACK") == 1


def test_a_failover_lets_the_stream_stand_still(world: World) -> None:
    replica, writer = world.attached(), world.client()
    world.write(*SET, client=writer)
    replica.link.take()
    world.host.failing_over = True
    world.wait(writer, 1)
    world.primary.cron()
    assert replica.link.take() == b""
    world.host.failing_over = False
    world.primary.cron()
    assert b"GETACK" in replica.link.take()


# Each second


def test_replicas_are_pinged_every_so_many_seconds(world: World) -> None:
    replica = world.attached()
    for _ in range(20):
        world.primary.cron()
    assert replica.link.take().count(b"PING") == 2


def test_a_replica_that_waits_for_its_file_is_shown_signs_of_life(world: World) -> None:
    client = world.introduced()
    world.primary.synchronize(client, "?", -1)
    client.link.take()
    world.primary.cron()
    assert client.link.take() == b"\n"


def test_a_replica_that_acknowledges_nothing_for_too_long_is_dropped(world: World) -> None:
    replica = world.attached()
    world.host.loop.now += 61
    world.primary.cron()
    assert replica.link.is_closed
    assert "Disconnecting timedout replica (streaming sync): 10.0.0.9:7002" in world.host.log


def test_the_backlog_is_given_up_when_nobody_came_for_long_and_the_id_with_it(world: World) -> None:
    world.primary.forget(world.attached())
    before = world.history.id
    world.host.loop.now += 3601
    world.primary.cron()
    assert world.primary.backlog is None and world.history.id != before
    world.write(*SET)
    assert world.history.offset == 0


def test_too_few_good_replicas_are_told_of(world: World) -> None:
    world.host.config.min_replicas_to_write = 1
    replica = world.attached()
    assert not world.host.too_few
    world.host.loop.now += 11
    world.primary.cron()
    assert world.host.too_few
    world.primary.acknowledge(replica, 0)
    world.primary.cron()
    assert not world.host.too_few


def test_a_replica_with_a_streamed_file_gets_the_rest_when_it_has_acknowledged_it(world: World) -> None:
    client = world.attached()
    assert client.replica is not None
    client.replica.streams_on_ack = True
    world.write(*SET)
    assert client.link.take() == b"" and client.replica.state == State.ONLINE
    world.primary.acknowledge(client, 0)
    assert client.link.take() == SELECT_0 + encode_request(SET)
