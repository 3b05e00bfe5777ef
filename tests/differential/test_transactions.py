"""MULTI, EXEC, DISCARD, WATCH, compared with the real server."""

import pytest

from tests.differential.comparing import Difference, Pair

DEFERRED_PUSHES = (
    "7.2 sends a client what it publishes to itself behind the reply (networking.c, pending_push_messages)"
)


def test_a_transaction(compare: Pair) -> None:
    compare("MULTI", "SET a 1", "GET a", "INCR a", "RPUSH l 1 2", "LRANGE l 0 -1", "HGETALL h", "EXEC", "GET a")
    compare("MULTI", "EXEC", "MULTI", "PING", "PING hi", "ECHO x", "EXEC", "MULTI", "DISCARD", "EXEC", "DISCARD")


def test_commands_that_make_no_sense_here(compare: Pair) -> None:
    compare("EXEC", "DISCARD", "MULTI", "MULTI", "SET a 5", "EXEC", "GET a", "MULTI", "WATCH a", "UNWATCH", "EXEC")
    compare("MULTI a", "DISCARD a", "WATCH", "UNWATCH a", "MULTI", "SYNC", "EXEC", "MULTI", "SHUTDOWN", "EXEC")
    compare("MULTI", "PSYNC ? -1", "SAVE", "EXEC")


def test_a_command_refused_spoils_the_transaction(compare: Pair) -> None:
    for mistake in ["NOSUCH", "GET", "GET a b", "CLIENT NOSUCH", "CLIENT", "SET a", "CONFIG GET", "SUBSCRIBE"]:
        compare("SET a 1", "MULTI", "SET a 2", mistake, "SET a 3", "EXEC", "GET a", "MULTI", "GET a", "EXEC")
    compare("MULTI", "NOSUCH", "DISCARD", "MULTI", "PING", "EXEC")


def test_exec_with_arguments_ends_the_transaction(compare: Pair) -> None:
    compare("EXEC a", "MULTI", "SET a 1", "EXEC a", "EXEC", "GET a")


def test_a_command_that_fails_does_not_stop_the_others(compare: Pair) -> None:
    compare("MULTI", "SET a x", "INCR a", "RPUSH a 1", "SET a b EX 0", "INCRBY a x", "GET a", "EXEC")


def test_what_a_client_is_can_change_inside(compare: Pair) -> None:
    compare("MULTI", "SELECT 1", "SET b 1", "EXEC", "GET b", "SELECT 0", "GET b")
    compare("MULTI", "CLIENT SETNAME me", "CLIENT GETNAME", "EXEC", "CLIENT GETNAME", "MULTI", "RESET", "PING", "EXEC")
    compare("MULTI", "QUIT", "<-")


def test_a_protocol_changed_inside_speaks_at_once(compare: Pair) -> None:
    compare("HSET h f v", "MULTI", "HGETALL h", "CLIENT GETNAME", "[shape] HELLO 3", "HGETALL h", "CLIENT GETNAME",
            "[shape] EXEC", "HGETALL h")  # fmt: skip
    compare("HSET h f v", "[shape] HELLO 3", "MULTI", "HGETALL h", "HELLO 2", "HGETALL h", "[shape] EXEC", "HGETALL h")


def test_nobody_waits_in_a_transaction(compare: Pair) -> None:
    compare("""
        MULTI
        BLPOP l 0
        BRPOP l 0
        BLMOVE l m LEFT RIGHT 0
        BRPOPLPUSH l m 0
        BZPOPMIN z 0
        BZPOPMAX z 0
        BLMPOP 0 1 l LEFT
        BZMPOP 0 1 z MIN
        WAIT 1 0
        RPUSH l 1
        BLPOP l 0
        EXEC
    """)


def test_who_waits_is_served_behind_a_transaction(compare: Pair) -> None:
    compare(
        "o: BLPOP l 0 &",
        "MULTI",
        "RPUSH l 1",
        "LPOP l",
        "EXEC",
        "MULTI",
        "LPUSH l 1",
        "LPUSH l 2",
        "LLEN l",
        "EXEC",
        "o: <-",
    )


@pytest.mark.parametrize(
    "change",
    "SET a 2|DEL a|APPEND a x|INCR a|EXPIRE a 100|EXPIRE a -1|RENAME a b|RENAME b a|COPY b a REPLACE|MSET x 1 a 1|"
    "GETDEL a|SETRANGE a 0 1|SET a 1|FLUSHALL|FLUSHDB|MOVE a 1|SWAPDB 0 1|GETEX a EX 100|UNLINK a|PERSIST v".split("|"),
)
def test_a_change_of_a_watched_key(compare: Pair, change: str) -> None:
    compare(
        "MSET a 1 b 2", "SETEX v 100 x", "WATCH a v", f"o: {change}", "MULTI", "PING", "EXEC", "MULTI", "PING", "EXEC"
    )


@pytest.mark.parametrize(
    "no_change",
    "GET a|SET other 1|DEL nosuch|PERSIST a|EXPIRE a 100 XX|SETNX a 2|SET a 2 NX|GETEX a|TYPE a|TOUCH a|RENAMENX b a|"
    "COPY b a|MSETNX a 1 x 1|SETRANGE a 0 ''|FLUSHDB FOO|SWAPDB 2 3|GETEX a PERSIST".split("|"),
)
def test_what_changes_nothing(compare: Pair, no_change: str) -> None:
    compare("MSET a 1 b 2", "WATCH a", f"o: {no_change}", "MULTI", "PING", "EXEC")


def test_watching_goes_by_database(compare: Pair) -> None:
    compare("WATCH a", "o: SELECT 1", "o: SET a 1", "MULTI", "PING", "EXEC")
    compare("SELECT 1", "WATCH a", "SELECT 0", "SET a 1", "MULTI", "PING", "EXEC")
    compare("SELECT 1", "WATCH a", "SELECT 0", "o: SELECT 1", "o: SET a 1", "MULTI", "PING", "EXEC")
    compare("SELECT 1", "WATCH a", "o: SET a 1", "o: SWAPDB 0 1", "MULTI", "PING", "EXEC")
    compare("WATCH a", "o: SELECT 1", "o: SET a 1", "o: FLUSHALL", "MULTI", "PING", "EXEC")


def test_watching_ends(compare: Pair) -> None:
    for end in ["UNWATCH", "RESET", "MULTI\nDISCARD", "MULTI\nEXEC", "MULTI\nNOSUCH\nEXEC"]:
        compare("WATCH a", end, "o: SET a 1", "MULTI", "PING", "EXEC")
        compare("WATCH a", "o: SET a 1", end, "MULTI", "PING", "EXEC")
    compare("WATCH a", "o: SET a 1", "DISCARD", "UNWATCH", "MULTI", "PING", "EXEC")
    compare("WATCH a b", "WATCH a", "SET b 1", "WATCH c", "MULTI", "PING", "EXEC")


def test_a_refused_command_is_worse_than_a_changed_key(compare: Pair) -> None:
    compare("WATCH a", "o: SET a 1", "MULTI", "NOSUCH", "PING", "EXEC")


def test_a_watched_key_that_had_expired_before(compare: Pair) -> None:
    expired = "DEBUG SET-ACTIVE-EXPIRE 0", "SET k v PX 1", "DEBUG SLEEP 0.005", "WATCH k"
    for change in [
        "PING",
        "GET k",
        "DEL k",
        "SET k 2",
        "o: GET k",
        "o: DEL k",
        "o: SET k 2",
        "o: FLUSHALL",
        "o: SWAPDB 0 1",
    ]:
        compare(*expired, change, "MULTI", "PING", "EXEC", "DEBUG SET-ACTIVE-EXPIRE 1")


def test_a_watched_key_that_expires_afterwards(compare: Pair) -> None:
    expires = "DEBUG SET-ACTIVE-EXPIRE 0", "SET k v PX 20", "WATCH k", "DEBUG SLEEP 0.03"
    for change in ["PING", "o: GET k", "o: PING"]:
        compare(*expires, change, "MULTI", "PING", "EXEC", "DEBUG SET-ACTIVE-EXPIRE 1")


def test_watching_around_a_swap_of_databases(compare: Pair) -> None:
    compare("WATCH nosuch", "o: SWAPDB 0 1", "MULTI", "PING", "EXEC")
    compare("SELECT 1", "SET x 1", "SELECT 0", "WATCH x", "o: SWAPDB 0 1", "MULTI", "GET x", "EXEC")
    compare(
        "DEBUG SET-ACTIVE-EXPIRE 0",
        "SELECT 1",
        "SET x 1 PX 1",
        "DEBUG SLEEP 0.005",
        "SELECT 0",
        "WATCH x",
        "o: SWAPDB 0 1",
        """
        MULTI
        GET x
        EXEC
        DEBUG SET-ACTIVE-EXPIRE 1
    """,
    )
    compare(
        "DEBUG SET-ACTIVE-EXPIRE 0",
        "SET x 1 PX 1",
        "DEBUG SLEEP 0.005",
        "WATCH x",
        "o: SWAPDB 0 1",
        "MULTI",
        "GET x",
        """
        EXEC
        DEBUG SET-ACTIVE-EXPIRE 1
    """,
    )


def test_subscribing_in_a_transaction(compare: Pair) -> None:
    compare("MULTI", "SUBSCRIBE a", "PING", "EXEC", "PING", "RESET")
    compare("MULTI", "SUBSCRIBE a b", "UNSUBSCRIBE b a", "EXEC", "<-", "<-", "PING", protocols=(2,))


def test_a_message_to_oneself_comes_behind_the_transaction(compare: Pair) -> None:
    deferred = (
        Difference("PUBLISH a 1", b":1\r\n", DEFERRED_PUSHES),
        Difference("<-", b">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n1\r\n", DEFERRED_PUSHES),
    )
    compare("SUBSCRIBE a", "PUBLISH a 1", "<-", protocols=(3,), differs=deferred)
    if not compare.redis_is_7_0:  # which sends messages in the midst of EXEC's reply
        compare("SUBSCRIBE a", "MULTI", "PUBLISH a 1", "PUBLISH a 2", "EXEC", "<-", "<-", protocols=(3,))
        compare("MULTI", "SUBSCRIBE a", "PUBLISH a 1", "PING", "EXEC", "<-")


def test_keys_of_a_transaction_must_lie_in_one_slot(compare_in_cluster: Pair) -> None:
    compare_in_cluster("MULTI", "SET a 1", "SET b 1", "EXEC", "MULTI", "SET {a}1 1", "SET {a}2 1", "EXEC")
    compare_in_cluster("MULTI", "MSET a 1 b 1", "SET a 1", "EXEC", "MGET a", "PING", "EXEC")
    compare_in_cluster(
        "MULTI", "SET a 1", "PING", "DBSIZE", "EXEC", "WATCH a b", "WATCH {a}1 {a}2", "SET {a}1 x", "MULTI", "EXEC"
    )
