"""The replica's side: attempts, datasets, the stream, and the changes of role."""

from pathlib import Path

import pytest

from pycluster.protocol.replies import encode_request
from pycluster.replication.replica import State
from pycluster.replication.replication import Replication
from tests.unit.replication.conftest import Host, Line, Panicked, Snapshots

ID, OTHER = "a" * 40, "b" * 40
SET = encode_request([b"SET", b"k", b"v"])


class Follower:
    """A server that follows 10.0.0.1:7001, and the primary's end of its line."""

    def __init__(self, directory: Path) -> None:
        self.host = Host(Snapshots(str(directory / "dump.rdb")))
        self.replication = Replication(self.host)  # type: ignore[arg-type]
        self.replica = self.replication.replica

    @property
    def line(self) -> Line:
        line: Line = self.host.loop.line
        return line

    def introduce(self) -> bytes:
        """The primary accepts all but PSYNC: what the replica asks for."""
        self.line.say(b"+PONG\r\n")
        self.line.say(b"+OK\r\n+OK\r\n+OK\r\n")
        return self.line.heard()

    def sync(self, id: str = ID, offset: int = 100, content: bytes = b"FILE") -> None:
        """A full sync, begun to end."""
        self.introduce()
        self.line.say(b"+FULLRESYNC %b %d\r\n$%d\r\n" % (id.encode(), offset, len(content)) + content)
        self.line.heard()


@pytest.fixture
def follower(tmp_path: Path) -> Follower:
    made = Follower(tmp_path)
    made.replication.follow("10.0.0.1", 7001)
    return made


def test_a_full_sync_makes_the_primarys_history_ours(follower: Follower) -> None:
    follower.sync(ID, 100)
    history = follower.replication.history
    assert (follower.replica.state, history.id, history.offset) == (State.CONNECTED, ID, 100)
    assert Path(follower.host.snapshots.path).read_bytes() == b"FILE"
    assert "MASTER <-> REPLICA sync: Finished with success" in follower.host.log


def test_the_stream_is_applied_counted_and_kept_for_others(follower: Follower) -> None:
    follower.sync(ID, 100)
    follower.line.say(SET + SET[:10])
    backlog = follower.replication.primary.backlog
    assert follower.host.performed == [[b"SET", b"k", b"v"]]
    assert backlog is not None and backlog.read_from(101) == SET
    assert follower.replication.offset == 100 + len(SET)


def test_a_request_for_an_acknowledgement_is_answered_when_all_before_it_counts(follower: Follower) -> None:
    follower.sync(ID, 100)
    follower.replica.acknowledge_soon()
    follower.line.say(SET)
    assert follower.line.heard() == encode_request([b"REPLCONF", b"ACK", b"%d" % (100 + len(SET))])


def test_each_second_the_primary_hears_how_far_we_are(follower: Follower) -> None:
    follower.sync(ID, 100)
    follower.replication.cron()
    assert follower.line.heard() == encode_request([b"REPLCONF", b"ACK", b"100"])


def test_a_broken_link_is_taken_up_at_once_where_it_broke(follower: Follower) -> None:
    follower.sync(ID, 100)
    follower.line.cut()
    assert f"PSYNC\r\n$40\r\n{ID}\r\n$3\r\n101".encode() in follower.introduce()
    follower.line.say(b"+CONTINUE\r\n" + SET)
    assert follower.replica.is_connected and follower.replication.offset == 100 + len(SET)


def test_a_primary_that_was_promoted_meanwhile_goes_on_under_its_new_id(follower: Follower) -> None:
    follower.sync(ID, 100)
    follower.line.cut()
    follower.introduce()
    follower.line.say(b"+CONTINUE %b\r\n" % OTHER.encode())
    history = follower.replication.history
    assert (history.id, history.old_id, history.old_until) == (OTHER, ID, 101)


def test_a_primary_that_can_not_serve_us_now_is_asked_again_for_the_same(follower: Follower) -> None:
    follower.sync(ID, 100)
    follower.line.cut()
    follower.introduce()
    follower.line.say(b"-LOADING Redis is loading the dataset in memory\r\n")
    assert follower.replica.state == State.CONNECT
    follower.replication.cron()
    assert f"{ID}\r\n$3\r\n101".encode() in follower.introduce()


def test_a_command_that_is_not_known_breaks_the_link_and_asks_for_everything(follower: Follower) -> None:
    follower.sync(ID, 100)
    follower.line.say(encode_request([b"FAIL"]))
    assert "== CRITICAL == This replica is sending an error to its master" in follower.host.log
    assert not follower.replica.is_connected and follower.line.is_closed
    follower.replication.cron()
    assert b"PSYNC\r\n$1\r\n?" in follower.introduce()


@pytest.mark.parametrize("behavior", ["panic", "panic-on-replicas"])
def test_a_replica_may_be_told_to_end_rather_than_differ(follower: Follower, behavior: str) -> None:
    follower.host.config.propagation_error_behavior = behavior
    follower.sync(ID, 100)
    with pytest.raises(Panicked, match="panicked sending an error to its master after processing the command"):
        follower.line.say(encode_request([b"FAIL"]))


def test_nobody_at_the_address_is_tried_again_each_second(tmp_path: Path) -> None:
    follower = Follower(tmp_path)
    follower.host.loop.refuses = True
    follower.replication.follow("10.0.0.1", 7001)
    assert follower.replica.state == State.CONNECT
    follower.host.loop.refuses = False
    follower.replication.cron()
    assert follower.replica.state == State.HANDSHAKE


def test_a_primary_that_falls_silent_is_given_up_after_a_while(follower: Follower) -> None:
    follower.sync(ID, 100)
    follower.host.loop.now += 61
    follower.replication.cron()
    assert "MASTER timeout: no data nor PING received..." in follower.host.log
    assert follower.replica.state == State.HANDSHAKE


def test_a_transfer_that_breaks_leaves_the_old_data_and_file(follower: Follower) -> None:
    follower.sync(ID, 100)
    follower.host.databases[0].put(b"k", b"v")
    follower.line.cut()
    follower.introduce()
    follower.line.say(b"+FULLRESYNC %b 500\r\n$1000\r\nhalf" % OTHER.encode())
    follower.line.cut()
    assert follower.host.databases[0].size() == 1 and follower.replication.offset == 100
    assert Path(follower.host.snapshots.path).read_bytes() == b"FILE"
    assert [path.name for path in Path(follower.host.snapshots.path).parent.iterdir()] == ["dump.rdb"]


def test_a_dataset_that_can_not_be_loaded_leaves_nothing_to_be_elected_for(follower: Follower) -> None:
    follower.host.snapshots.loading = None
    follower.sync(ID, 100)
    assert follower.replica.state == State.CONNECT
    assert follower.replication.offset == 0 and follower.replication.data_age_ms() > 1 << 60


# Roles


def test_a_primary_that_is_demoted_offers_its_own_history(tmp_path: Path) -> None:
    follower = Follower(tmp_path)
    own = follower.replication.history.id
    follower.replication.follow("10.0.0.1", 7001)
    assert f"{own}\r\n$1\r\n1".encode() in follower.introduce()
    assert follower.host.is_replica


def test_a_promoted_replica_begins_a_stream_that_goes_on_from_the_old_one(follower: Follower) -> None:
    follower.sync(ID, 100)
    line = follower.line
    follower.replication.take_over()
    history = follower.replication.history
    assert (history.old_id, history.old_until, history.offset) == (ID, 101, 100)
    assert line.is_closed and not follower.host.is_replica


def test_a_promoted_replicas_first_record_selects_its_database(follower: Follower) -> None:
    follower.sync(ID, 100)
    follower.replication.take_over()
    follower.host.journal.append(0, b"SET", b"k", b"v")
    follower.host.journal.flush()
    backlog = follower.replication.primary.backlog
    assert backlog is not None and backlog.read_from(101) == encode_request([b"SELECT", b"0"]) + SET


def test_another_primary_is_asked_to_go_on_where_the_first_one_was(follower: Follower) -> None:
    follower.sync(ID, 100)
    follower.replication.follow("10.0.0.2", 7002)
    assert f"{ID}\r\n$3\r\n101".encode() in follower.introduce()


def test_how_old_the_data_are_counts_from_when_the_link_broke(follower: Follower) -> None:
    follower.sync(ID, 100)
    follower.host.loop.refuses = True
    follower.line.cut()
    follower.host.loop.now += 7
    assert follower.replication.data_age_ms() == 7000


def test_a_replica_is_stale_only_if_it_is_told_to_mind(follower: Follower) -> None:
    assert not follower.replication.is_stale()
    follower.host.config.replica_serve_stale_data = False
    assert follower.replication.is_stale()
    follower.sync()
    assert not follower.replication.is_stale()


# Over a restart


def test_a_snapshot_of_a_replica_says_where_the_stream_goes_on(follower: Follower) -> None:
    assert follower.replication.fields() == {"repl-stream-db": 0, **_own(follower)}
    follower.sync(ID, 100)
    assert follower.replication.fields() == {"repl-stream-db": 0, "repl-id": ID, "repl-offset": 100}


def _own(follower: Follower) -> dict[str, object]:
    return {"repl-id": follower.replication.history.id, "repl-offset": 0}


def test_a_primary_without_a_backlog_has_nothing_to_go_on_from(tmp_path: Path) -> None:
    assert Follower(tmp_path).replication.fields() == {}


def test_a_restarted_primary_serves_replicas_of_its_earlier_life(tmp_path: Path) -> None:
    follower = Follower(tmp_path)
    loading = follower.host.snapshots.loading
    assert loading is not None
    loading.aux.update({b"repl-id": ID.encode(), b"repl-offset": b"100"})
    loading.expired.append((0, b"old"))
    follower.replication.restore(loading, is_primary=True)
    history, backlog = follower.replication.history, follower.replication.primary.backlog
    assert (history.old_id, history.old_until) == (ID, 101)
    assert backlog is not None and encode_request([b"DEL", b"old"]) in backlog.read_from(101)


def test_a_restarted_replica_asks_to_go_on(tmp_path: Path) -> None:
    follower = Follower(tmp_path)
    loading = follower.host.snapshots.loading
    assert loading is not None
    loading.aux.update({b"repl-id": ID.encode(), b"repl-offset": b"100"})
    follower.replication.restore(loading, is_primary=False)
    follower.replication.follow("10.0.0.1", 7001, at_start=True)
    assert f"{ID}\r\n$3\r\n101".encode() in follower.introduce()


def test_who_is_told_in_the_stream_to_follow_another_says_first_that_it_has_heard(follower: Follower) -> None:
    follower.sync(ID, 100)
    told = encode_request([b"CLUSTER", b"SETSLOT", b"7", b"NODE", b"x"])

    def execute(client: object, args: list[bytes]) -> object:
        follower.replication.follow("10.0.0.8", 7008)
        return "OK"

    follower.host.execute = execute  # type: ignore[method-assign]
    line = follower.line
    line.say(told)
    assert line.heard() == encode_request([b"REPLCONF", b"ACK", b"%d" % (100 + len(told))])
    assert follower.replication.replica.address == ("10.0.0.8", 7008) and follower.line is not line
