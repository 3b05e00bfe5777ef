"""What is propagated is what Redis propagates, and what counts as a change is what Redis counts.

Each test is a dialogue; the stream to replicas and rdb_changes_since_last_save are compared after each line of it.
"""

from collections.abc import Callable, Iterator

import pytest

from pycluster.testing import Node, wait_until
from tests.differential.comparing import Pair, start_pair
from tests.differential.dialogue import Line
from tests.differential.streams import RawReplica, as_since_7_2, differences, effects, event_differences

Leaves = Callable[..., None]


@pytest.fixture(scope="module")
def servers(redis_server: list[str], our_server: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    directory = tmp_path_factory.mktemp("propagation")
    with start_pair(directory, redis_server, our_server, ("repl-diskless-sync-delay", 0)) as pair:
        yield pair


def comparison(servers: Pair) -> Leaves:
    """Compares what the lines leave. `differs` says what a line leaves with us where Redis 7.0 is not as 7.2."""

    def compare(*lines: Line, differs: dict[str, str] | None = None, streamed_file: bool = False) -> None:
        theirs = effects(lines, servers.redis, streamed_file)
        ours = effects(lines, servers.ours, streamed_file)
        if servers.redis_is_7_0:
            problems = list(differences(list(map(as_since_7_2, theirs)), ours, differs or {}))
        else:
            problems = list(differences(theirs, ours, {}))
        problems += event_differences(theirs, ours)
        assert not problems, "\n" + "\n".join(problems)

    return compare


@pytest.fixture(scope="module")
def leaves_the_same(servers: Pair) -> Leaves:
    return comparison(servers)


@pytest.fixture(scope="module")
def leaves_the_same_in_cluster(compare_in_cluster: Pair) -> Leaves:
    return comparison(compare_in_cluster)


# The harness


def test_a_streamed_snapshot_is_followed_by_the_same_stream(leaves_the_same: Leaves) -> None:
    leaves_the_same("SET a 1", "GET a", "SET b 2", streamed_file=True)


def test_differences_are_found(servers: Pair) -> None:
    theirs = effects(["SET a 1", "HSET h f 1 g 2", "GET a"], servers.redis)
    others = effects(["SET a 1", "HSET h f 1 g 3", "GET a"], servers.redis)
    assert [text.splitlines()[0] for text in differences(theirs, others, {})] == ["  HSET h f 1 g 2"]
    others[1] = theirs[1]
    others[2].changes = 1
    assert [text.splitlines()[0] for text in differences(theirs, others, {})] == ["  GET a"]


# Strings


def test_plain_writes_are_propagated_as_received(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        "SET a 1", "set a 2", "sEt a 2", ("SET", "a", b"\x00\r\n\xff"), "SET a ''", "APPEND a xyz", "append a ''",
        "SETRANGE a 2 q", "SETRANGE a 2 ''", "SETRANGE none 0 ''", "SETNX a 1", "SETNX new 1", "MSET a 1 b 2 a 3",
        "MSETNX a 1 c 2", "MSETNX c 1 d 2", "INCR n", "DECR n", "INCRBY n 5", "DECRBY n 5", "INCRBY n 0",
        "GETSET a 5", "getset new2 6", "GETDEL a", "GETDEL a", "getdel b", "STRLEN n", "GET n", "INCR new3", "INCR n x",
    )  # fmt: skip


def test_commands_that_fail_leave_nothing(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        "SET s x", "LPUSH l 1", "INCR s", "INCR l", "APPEND l x", "SETRANGE l 0 x", "LPUSH s 1", "HSET s f v",
        "SADD s m",
        "ZADD s 1 m", "HSET h f", "MSET a", "SETEX s 0 x", "EXPIRE s x", "RENAME none s", "INCRBYFLOAT s 1",
        "LSET l 9 x",
        "GETSET l x", "GETDEL l", "GETEX l EX 10", "SET l x GET", "SMOVE s l m", "RPOPLPUSH l s", "LMOVE l s LEFT LEFT",
        "ZADD z nan m", "ZADD z 1 m 2", "EXISTS z", "HINCRBY h f x", "EXISTS h", "MSETNX a", "LINSERT l BEFORE 1",
    )  # fmt: skip


def test_options_of_set(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        "SET a 1 EX 1000", "SET a 1 PX 1000000", "SET a 1 EXAT 4000000000", "SET a 1 PXAT 4000000000000",
        "set a 1 pxat 4000000000000 NX", "set a 1 xx pxat 4000000000000", "SET a 1 PXAT 4000000000000 GET",
        "DEBUG SET-ACTIVE-EXPIRE 0",
        "SET a 1 NX", "SET a 1 XX", "set a 1 xx", "SET b 1 NX", "SET c 1 XX", "SET a 2 GET", "set a 3 get XX get",
        "SET a 4 KEEPTTL GET", "SET none 4 XX GET", "SET d 4 NX GET", "SET d 5 NX GET", "SET a 5 KEEPTTL",
        "SET a 1 EX 100 NX", "SET e 1 EX 100 NX GET", "set e 1 ex 100 xx", "SET a 1 EXAT 1", "EXISTS a",
        "SET a 1 PXAT 1", "EXISTS a", "DEBUG SET-ACTIVE-EXPIRE 1",
        "SET get get GET", "SET gets gets GET",
        differs={  # 7.0 writes these anew, with the same sense
            "set a 1 xx pxat 4000000000000": "+1 set a 1 xx pxat 4000000000000",
            "SET a 1 PXAT 4000000000000 GET": "+1 SET a 1 PXAT 4000000000000 GET",
        },
    )  # fmt: skip


def test_setex_and_getex(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        "SETEX a 1000 v", "setex a 1000 w", "PSETEX a 1000000 v", "GETEX a", "GETEX a EX 1000", "getex a px 1000000",
        "GETEX a EXAT 4000000000", "GETEX a PXAT 4000000000000", "GETEX a PERSIST", "GETEX a PERSIST",
        "GETEX none EX 1",
        "GETEX a EXAT 1", "EXISTS a", "SET a v", "GETEX a PXAT 1", "SET a v", "getex a ex 100",
    )  # fmt: skip


def test_floats_are_propagated_as_their_sums(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        "INCRBYFLOAT f 0.5", "incrbyfloat f 1", "EXPIRE f 1000", "INCRBYFLOAT f -1.5", "INCRBYFLOAT f 0",
        "HINCRBYFLOAT h f 0.25", "hincrbyfloat h f 3", "HINCRBYFLOAT h f 0",
    )  # fmt: skip


# Hashes, lists, sets, sorted sets


def test_hashes(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        "HSET h a 1 b 2 c 3", "HSET h a 1", "hset h a 2 a 3", "HMSET h d 4 e 5", "HSETNX h a 9", "HSETNX h new 9",
        "HDEL h none", "HDEL h a none a", "HINCRBY h n 5", "HINCRBY h n 0", "HDEL h b c d e n new", "EXISTS h",
        "HDEL h a", "HGETALL h", "HRANDFIELD h",
    )  # fmt: skip


def test_lists(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        "RPUSH l a b c", "LPUSH l x y", "lpush l z", "LPUSHX l p q", "RPUSHX none p", "LPUSHX none p", "LPOP l",
        "LPOP l 2",
        "RPOP l 0", "rpop l 1", "LPOP none", "LPOP none 3", "LSET l 0 w", "LSET l 0 w", "LINSERT l BEFORE w v",
        "LINSERT l AFTER none v", "LINSERT none AFTER a v", "LREM l 0 none", "LREM l 0 v", "LREM none 0 v",
        "RPUSH l a a a b",
        "LREM l 2 a", "LTRIM l 0 -1", "LTRIM l 1 -1", "ltrim l 0 -2", "LTRIM none 0 1", "LTRIM l 5 1", "EXISTS l",
        "RPUSH l 1 2 3", "LMOVE l m LEFT RIGHT", "lmove l l left right", "RPOPLPUSH l m", "RPOPLPUSH none m",
        "LMOVE none m LEFT LEFT", "RPOPLPUSH l l", "LMPOP 2 none m LEFT", "LMPOP 1 m right COUNT 10",
        "LMPOP 1 none LEFT",
        "LPOP l 99", "EXISTS l", "RPUSH l 1 2", "RPOP l 2",
    )  # fmt: skip


def test_sets(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        "SADD s a b c", "SADD s a", "sadd s a d", "SREM s none", "SREM s a b none", "SMOVE s t c", "SMOVE s t none",
        "SMOVE s s d", "SADD t d", "SMOVE s t d", "EXISTS s", "SPOP none", "SADD one m", "SPOP one", "SADD one m",
        "SPOP one 1",
        "SADD one m n", "SPOP one 5", "SPOP none 5", "SADD one m", "SPOP one 0", "spop one",
        "SADD s a b c", "SINTERSTORE d s t", "SUNIONSTORE d s t", "sdiffstore d s t", "SINTERSTORE d none",
        "SINTERSTORE d none",
        "SUNIONSTORE d none", "SET d x", "SDIFFSTORE d s none", "SDIFFSTORE s none",
    )  # fmt: skip


def test_chance_is_propagated_as_what_came_of_it(servers: Pair) -> None:
    for node in (servers.redis, servers.ours):
        member, several = effects(["SADD s a b c d e f", "SPOP s", "SPOP s 3"], node)[1:]
        for effect, count in ((member, 1), (several, 3)):
            removals = [record for record in effect.records if record[:2] == [b"SREM", b"s"]]
            assert effect.changes == count == len({word for record in removals for word in record[2:]})


def test_sorted_sets(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        "ZADD z 1 a 2 b 3 c", "ZADD z 1 a", "ZADD z 2 a", "zadd z ch 1 a 2 b 9 d", "ZADD z NX 5 a", "ZADD z XX 5 none",
        "ZADD z GT 1 a", "ZADD z GT 7 a", "ZADD z XX INCR 1 a", "ZADD z INCR 0 a", "ZADD z NX INCR 1 a",
        "ZADD none XX 1 a",
        "ZINCRBY z 1 a", "zincrby z 0 a", "ZINCRBY z 5 e", "ZREM z none", "ZREM z a none e",
        "ZADD z 1 a 1 b 1 c 1 d 1 e 1 f",
        "ZREMRANGEBYRANK z 0 1", "ZREMRANGEBYRANK z 90 91", "ZREMRANGEBYSCORE z (9 10", "zremrangebyscore z -inf +inf",
        "ZREMRANGEBYSCORE z 0 1", "ZADD z 0 a 0 b 0 c 0 d", "ZREMRANGEBYLEX z [a (c", "ZREMRANGEBYLEX z [x [y",
        "ZPOPMIN z",
        "ZPOPMAX z 5", "ZPOPMAX z", "ZADD z 1 a 2 b 3 c 4 d", "ZPOPMIN z 2", "ZPOPMIN z 0",
        "zmpop 2 none z MIN COUNT 7",
        "ZMPOP 1 z MAX", "ZADD z 1 a 2 b", "ZADD y 1 a 2 c", "ZUNIONSTORE d 2 z y", "ZINTERSTORE d 2 z y WEIGHTS 2 3",
        "zdiffstore d 2 z y", "ZDIFFSTORE d 1 none", "ZDIFFSTORE d 1 none", "ZRANGESTORE d z 0 -1",
        "ZRANGESTORE d none 0 -1",
        "ZRANGESTORE d none 0 -1", "ZRANGE z 0 -1",
    )  # fmt: skip


def test_streams(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        "XADD s * a 1", "DEL s", "xadd s * a 2", "DEL s", "XADD s 1-1 a 1", "XADD s 1-* a 1", "XADD s 2 a 1",
        "XADD s NOMKSTREAM 3-1 a 1",
        "XADD none NOMKSTREAM * a 1", "XADD s MAXLEN 3 4-1 a 1", "XADD s MAXLEN = 9 5-1 a 1",
        "XADD s MAXLEN ~ 1 6-1 a 1",
        "XADD s MINID 2 7-1 a 1", "XADD s MAXLEN ~ 1 LIMIT 5 8-1 a 1", "XDEL s 8-1", "XDEL s 8-1", "XDEL s 7-1 6-1 9-9",
        "XTRIM s MAXLEN 2", "XTRIM s MAXLEN 2", "xtrim s MAXLEN ~ 2", "XTRIM s MAXLEN ~ 0", "XTRIM s MINID = 3",
        "XSETID s 20-1",
        "XSETID s 20-1 ENTRIESADDED 9 MAXDELETEDID 8-1", "XADD s MAXLEN 0 30-1 a 1", "EXISTS s",
        "XADD s MAXLEN 5 * a 1",
    )  # fmt: skip


def test_consumer_groups(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        "XGROUP CREATE s g $ MKSTREAM", "XGROUP CREATE s h 0 ENTRIESREAD 0", "XGROUP CREATE s h 0",
        "XGROUP CREATECONSUMER s g c",
        "XGROUP CREATECONSUMER s g c", "XGROUP CREATECONSUMER s g d", "XGROUP CREATECONSUMER s g other",
        "xgroup delconsumer s g none", "XADD s 1-1 a 1", "XADD s 2-1 a 1", "XADD s 3-1 a 1",
        "XREADGROUP GROUP g c COUNT 1 STREAMS s >", "XREADGROUP GROUP g new COUNT 1 STREAMS s >",
        "XREADGROUP GROUP g c NOACK STREAMS s >", "XREADGROUP GROUP g c STREAMS s >",
        "XREADGROUP GROUP g other STREAMS s >",
        "XREADGROUP GROUP g c STREAMS s 0", "XREADGROUP GROUP g third STREAMS s 0", "XACK s g 1-1", "XACK s g 1-1",
        "XCLAIM s g c 0 2-1", "XCLAIM s g c 0 2-1 JUSTID", "XCLAIM s g c 100000000 2-1", "XCLAIM s g d 0 9-9",
        "XCLAIM s g d 0 3-1 FORCE", "XCLAIM s g d 0 2-1 IDLE 1000 RETRYCOUNT 5", "XCLAIM s g d 0 2-1 LASTID 3-1",
        "XAUTOCLAIM s g e 0 0", "XAUTOCLAIM s g e 0 0 COUNT 1 JUSTID", "XDEL s 2-1", "XAUTOCLAIM s g f 0 0",
        "XREADGROUP GROUP h a COUNT 5 STREAMS s >", "XGROUP SETID s g 0", "XGROUP SETID s g 3-1 ENTRIESREAD 3",
        "XGROUP DELCONSUMER s g e", "XGROUP DESTROY s h", "XGROUP DESTROY s h", "XPENDING s g", "XINFO STREAM s",
        "XGROUP CREATE s h $", "XGROUP CREATECONSUMER s h c", "b: XREADGROUP GROUP h c BLOCK 0 STREAMS s > &",
        "XADD s 40-1 a 1", "b: <-",
        differs={  # 7.0 does not count what it gives to who waits
            "XADD s 40-1 a 1": "+2 XADD s 40-1 a 1; "
            "XCLAIM s h c 0 40-1 TIME <now> RETRYCOUNT 1 FORCE JUSTID LASTID 40-1"
        },
    )  # fmt: skip


# Keys and databases


def test_keys(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        "MSET a 1 b 2 c 3 d 4", "DEL none", "DEL a none b", "unlink c none", "TOUCH d", "RENAME d e", "RENAME e e",
        "RENAMENX e e", "SET f 1", "RENAMENX e f", "RENAMENX e g", "RENAME f g", "COPY g h", "COPY g h",
        "COPY g h REPLACE",
        "copy none h", "PERSIST g", "EXPIRE g 1000", "PERSIST g", "RANDOMKEY", "DBSIZE", "SCAN 0", "KEYS *", "TYPE g",
    )  # fmt: skip


def test_databases(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        "SET a 1", "SELECT 1", "SET b 1", "SET c 1", "b: SET a 2", "SELECT 0", "SELECT 1", "GET b", "DEL b", "MOVE c 2",
        "MOVE c 2", "SELECT 2", "MOVE c 0", "SELECT 0", "COPY a a2 DB 5", "COPY a a2 DB 5", "SWAPDB 0 5", "SWAPDB 3 3",
        "swapdb 7 8", "SELECT 3", "FLUSHDB", "SET x 1", "SET y 1", "FLUSHDB ASYNC", "flushdb sync", "FLUSHALL",
        "FLUSHALL",
        "SET a 1", "FLUSHALL async", "flushall",
    )  # fmt: skip


# Deadlines


def test_deadlines_are_propagated_as_moments(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        "SET a 1", "EXPIRE a 1000", "expire a 2000", "PEXPIRE a 1000000", "EXPIREAT a 4000000000",
        "PEXPIREAT a 4000000000000",
        "pexpireat a 4000000000000", "EXPIRE none 10", "EXPIRE a 100 NX", "EXPIRE a 1000 XX", "EXPIRE a 10 GT",
        "expire a 10 lt", "PERSIST a", "PERSIST a", "EXPIRE a 10 GT", "EXPIRE a 10 NX", "EXPIRE a 20 XX GT", "TTL a",
    )  # fmt: skip


def test_deadlines_in_the_past_are_deletions(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        "SET a 1", "EXPIRE a 0", "EXISTS a", "SET a 1", "EXPIRE a -1", "SET a 1", "PEXPIREAT a 1", "SET a 1",
        "expireat a 1",
        "EXPIRE a -1", "CONFIG SET lazyfree-lazy-expire yes", "SET a 1", "EXPIRE a -1", "SET a 1", "GETEX a PXAT 1",
        "CONFIG SET lazyfree-lazy-expire no", "SET a 1", "EXPIRE a -1 NX", "SET a 1", "EXPIRE a -1 XX",
    )  # fmt: skip


def expired(*keys: str) -> list[Line]:
    """Lines that make keys which are past their deadline, and still there."""
    return [
        "DEBUG SET-ACTIVE-EXPIRE 0", ("DEL", *keys), *(("SET", key, "v", "PX",
        "1") for key in keys), "DEBUG SLEEP 0.003",
    ]  # fmt: skip


def test_keys_found_expired_are_deleted_before_the_command(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        *expired("a"), "GET a", "GET a",
        *expired("a"), "SET a 1",
        *expired("a"), "SET a 1 PX 100000",
        *expired("a"), "SET a 1 NX",
        *expired("a"), "SET a 1 XX",
        *expired("a"), "INCR a",
        *expired("a"), "APPEND a x",
        *expired("a"), "LPUSH a 1",
        *expired("a"), "DEL a",
        *expired("a"), "UNLINK a",
        *expired("a"), "EXPIRE a 10",
        *expired("a"), "PERSIST a",
        *expired("a"), "EXISTS a",
        *expired("a"), "TTL a",
        *expired("a"), "TYPE a",
        *expired("a"), "TOUCH a",
        *expired("a"), "GETSET a 1",
        *expired("a"), "GETDEL a",
        *expired("a"), "GETEX a EX 10",
        *expired("a"), "SETEX a 100 x",
        *expired("a"), "SETNX a x",
        *expired("a"), "SETRANGE a 1 x",
        *expired("a"), "INCRBYFLOAT a 1",
        *expired("a"), "OBJECT ENCODING a",
        *expired("a"), "DBSIZE", "DEBUG OBJECT a",
        "DEBUG SET-ACTIVE-EXPIRE 1",
    )  # fmt: skip


def test_several_keys_found_expired(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        *expired("a", "b"), "MGET a b",
        *expired("a", "b"), "MSET a 1 b 2",
        *expired("a", "b"), "MSETNX a 1 b 2",
        *expired("a", "b"), "DEL a b",
        *expired("a", "b"), "EXISTS a b c",
        *expired("a"), "SET b 1", "RENAME a b",
        *expired("a"), "SET b 1", "RENAME b a",
        *expired("a"), "SET b 1", "RENAMENX b a",
        *expired("a"), "SET b 1", "COPY b a",
        *expired("a"), "SET b 1", "COPY a b",
        *expired("a", "b"), "COPY a b",
        *expired("a", "b"), "SUNIONSTORE a a b",
        *expired("a", "b"), "SINTERSTORE d a b", "DEL b",
        *expired("a", "b"), "ZUNIONSTORE d 2 a b",
        *expired("a"), "DEL b", "RPUSH b 1 2", "LMOVE b a LEFT LEFT",
        *expired("a"), "DEL b", "RPUSH b 1 2", "LMPOP 2 a b LEFT",
        *expired("a"), "DEL b", "SADD b x", "SMOVE b a x",
        *expired("a"), "DEL b", "ZADD b 1 x", "ZRANGESTORE a b 0 -1",
        *expired("a"), "SELECT 1", "DEL a", "SET a 1", "MOVE a 0", "SELECT 0", "MOVE a 1",
        "DEBUG SET-ACTIVE-EXPIRE 1",
    )  # fmt: skip


def test_who_walks_over_expired_keys(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        "FLUSHALL", *expired("a", "b"), "[unordered] SCAN 0",
        "FLUSHALL", *expired("a"), "KEYS *",
        "FLUSHALL", *expired("a"), "RANDOMKEY",
        "FLUSHALL", *expired("a"), "MULTI", "SCAN 0", "EXEC",
        "FLUSHALL", *expired("a"), "MULTI", "SCAN 0", "SET x 1", "EXEC",
        "FLUSHALL", *expired("a"), "WATCH a", "MULTI", "SET x 1", "EXEC",
        "DEBUG SET-ACTIVE-EXPIRE 1",
    )  # fmt: skip


def test_keys_expire_as_unlinks_if_so_wanted(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        "CONFIG SET lazyfree-lazy-expire yes", *expired("a"), "GET a", *expired("a"), "SET a 1",
        "DEBUG SET-ACTIVE-EXPIRE 1", "CONFIG SET lazyfree-lazy-expire no",
    )  # fmt: skip


def test_keys_that_expire_by_themselves_are_deleted_one_by_one(servers: Pair) -> None:
    def stream_of(node: Node) -> list[list[bytes]]:
        node.ask("FLUSHALL")
        replica = RawReplica(node)
        with node.connect() as client:
            client.ask("MULTI")
            for number in range(9):
                client.ask("SET", f"key:{number}", "v", "PX", 5)
            client.ask("EXEC")
            wait_until(lambda: "there are keys" if client.ask("DBSIZE") else "")
            found = replica.read_to(int(node.info("replication")["master_repl_offset"]))
        replica.close()
        return sorted(request for request in found if request[0] != b"SET")

    theirs, ours = stream_of(servers.redis), stream_of(servers.ours)
    assert theirs == ours and [b"DEL", b"key:8"] in ours


def test_evicted_keys_are_deleted(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        "CONFIG SET maxmemory-policy volatile-ttl", "SET a 1 EX 1000", "SET keep 1", "CONFIG SET maxmemory 1", "DBSIZE",
        "SET b 1", "MULTI", "CONFIG SET maxmemory 0", "SET c 1 EX 1000", "SET d 1 EX 100", "EXEC",
        "CONFIG SET maxmemory 1",
        "CONFIG SET lazyfree-lazy-eviction yes", "CONFIG SET maxmemory 0", "SET a 1 EX 1000", "CONFIG SET maxmemory 1",
        "DBSIZE", "CONFIG SET lazyfree-lazy-eviction no", "CONFIG SET maxmemory 0",
        "CONFIG SET maxmemory-policy noeviction",
    )  # fmt: skip


# Transactions


def test_transactions(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        "MULTI", "SET a 1", "EXEC",
        "MULTI", "SET a 1", "set b 2", "EXEC",
        "MULTI", "GET a", "EXEC",
        "MULTI", "EXEC",
        "MULTI", "GET a", "SET a 2", "GET a", "EXEC",
        "MULTI", "SET a x", "INCR a", "LPUSH a 1", "SET b 1", "EXEC",
        "MULTI", "INCR a", "SET b 1", "EXEC",
        "MULTI", "SET a 1", "SET a", "EXEC",
        "MULTI", "SET a 1", "DISCARD",
        "WATCH a", "b: SET a 1", "MULTI", "SET a 2", "EXEC",
        "WATCH a", "MULTI", "SET a 2", "EXEC",
        "MULTI", "SET a 1 EX 1000", "INCRBYFLOAT f 1", "DEL none", "LPUSH l 1", "BLPOP l 0", "EXEC",
        "MULTI", "BLPOP none 0", "EXEC",
        "MULTI", "FLUSHALL", "EXEC",
        "MULTI", "PUBLISH c x", "EXEC",
        "MULTI", "PUBLISH c x", "SET a 1", "EXEC",
        "DEL s", "SADD s m", "MULTI", "SPOP s", "SADD s m", "SPOP s 3", "EXEC",
    )  # fmt: skip


def test_transactions_in_other_databases(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        "SET a 1",
        "MULTI", "SELECT 1", "SET a 1", "EXEC",
        "MULTI", "SELECT 2", "SET a 1", "SELECT 1", "SET a 1", "SET b 1", "EXEC",
        "SELECT 4",
        "MULTI", "SET a 1", "SET b 1", "EXEC",
        "SELECT 5", "b: SET z 1",
        "MULTI", "MOVE none 1", "SET a 1", "MOVE a 9", "SELECT 0", "EXEC",
    )  # fmt: skip


def test_expired_keys_in_transactions(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        *expired("a"), "MULTI", "GET a", "EXEC",
        *expired("a"), "MULTI", "SET b 1", "GET a", "EXEC",
        *expired("a"), "MULTI", "INCR a", "EXEC",
        *expired("a", "b"), "MULTI", "MGET a b", "EXEC",
        "DEBUG SET-ACTIVE-EXPIRE 1",
    )  # fmt: skip


# Waiting


def test_blocked_pops_are_propagated_as_plain_ones(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        "RPUSH l a b c d", "BLPOP none l 0", "brpop l 0", "BLMPOP 0 1 l LEFT COUNT 5", "RPUSH l a b c",
        "BLMOVE l m LEFT RIGHT 0",
        "brpoplpush l m 0", "blmove l l right left 0", "ZADD z 1 a 2 b 3 c 4 d", "BZPOPMIN z 0", "bzpopmax none z 0",
        "BZMPOP 0 1 z MIN COUNT 9", "BLPOP none 0.001", "BLMOVE none m LEFT LEFT 0.001", "BZPOPMIN none 0.001",
    )  # fmt: skip


def test_who_waits_is_served_behind_the_push(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        "b: BLPOP l 0 &", "RPUSH l one", "b: <-",
        "b: BRPOP none l 0 &", "RPUSH l a b", "b: <-",
        "DEL l", "b: BLMOVE l m LEFT RIGHT 0 &", "RPUSH l c", "b: <-", "DEL l m",
        "b: BRPOPLPUSH l m 0 &", "LPUSH l d", "b: <-", "DEL l m",
        "b: BLMPOP 0 1 l LEFT COUNT 2 &", "RPUSH l e f g", "b: <-", "DEL l",
        "b: BZPOPMIN z 0 &", "ZADD z 1 a 2 b", "b: <-", "DEL z",
        "b: BZPOPMAX z 0 &", "ZADD z 1 a", "b: <-",
        "b: BZMPOP 0 1 z MIN COUNT 2 &", "ZADD z 1 a 2 b 3 c", "b: <-",
        differs={  # 7.0 does not count what a push itself takes from a list for others, and has its own letters
            "RPUSH l one": "+2 SELECT 0; RPUSH l one; LPOP l",
            "RPUSH l a b": "+3 RPUSH l a b; RPOP l",
            "RPUSH l c": "+2 RPUSH l c; LMOVE l m LEFT RIGHT",
            "LPUSH l d": "+2 LPUSH l d; RPOPLPUSH l m",
        },
    )  # fmt: skip


def test_several_who_wait(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        "b: BLPOP l 0 &", "c: BLPOP l 0 &", "RPUSH l a b c", "b: <-", "c: <-", "DEL l",
        "b: BLPOP l 0 &", "MULTI", "RPUSH l a", "SET x 1", "EXEC", "b: <-",
        "b: BLMOVE l m LEFT LEFT 0 &", "c: BLPOP m 0 &", "RPUSH l b", "b: <-", "c: <-",
        "b: SELECT 3", "b: BLPOP l 0 &", "SELECT 3", "RPUSH l c", "b: <-",
        "b: BLPOP l 0 &", "SELECT 0", "MULTI", "SET y 1", "SELECT 3", "RPUSH l d", "exec", "b: <-",
        differs={  # as above
            "RPUSH l a b c": "+5 SELECT 0; RPUSH l a b c; LPOP l; LPOP l",
            "EXEC": "+3 MULTI; RPUSH l a; SET x 1; EXEC; LPOP l",
            "RPUSH l b": "+3 RPUSH l b; LMOVE l m LEFT LEFT; LPOP m",
            "RPUSH l c": "+2 SELECT 3; RPUSH l c; LPOP l",
            "exec": "+3 MULTI; SELECT 0; SET y 1; SELECT 3; RPUSH l d; EXEC; LPOP l",
        },
    )  # fmt: skip


# Everything else


def test_publications(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        "PUBLISH c x", "s: SUBSCRIBE c", "publish c y", "s: <-", "SPUBLISH c z", "SELECT 2", "PUBLISH c x", "SET a 1",
    )  # fmt: skip


def test_in_a_cluster(leaves_the_same_in_cluster: Leaves) -> None:
    leaves_the_same_in_cluster(
        "SET a 1", "SET b 1", "PUBLISH c x", "MSET {t}a 1 {t}b 2", "MSET a 1 b 2", "MULTI", "SET a 1", "SET b 1",
        "EXEC", "MULTI", "SET {t}a 1", "SET {t}b 1", "EXEC", "DEL {t}a {t}b", "RENAME a b", "COPY a {a}b", "MOVE a 1",
        *expired("a"), "SET a 1", *expired("a"), *expired("b"), "[unordered] SCAN 0 COUNT 100",
        "DEBUG SET-ACTIVE-EXPIRE 1", "FLUSHALL", "FLUSHDB",
    )  # fmt: skip


def test_debug_and_configuration_leave_nothing(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        "SET a 1", "DEBUG DIGEST", "DEBUG POPULATE 3", "CONFIG SET maxmemory-samples 6",
        "CONFIG SET maxmemory-samples 5",
        "DEBUG SLEEP 0", "CLIENT SETNAME x", "PING", "ECHO x", "COMMAND COUNT", "LASTSAVE", "WAIT 0 0", "DEBUG RELOAD",
        "SET a 1",
    )  # fmt: skip
