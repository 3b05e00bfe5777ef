"""Consumer groups of streams, compared with the real server.

Redis 7.0 knows of no time when a consumer was last active: what tells of it is compared with 7.2 alone.
"""

import pytest

from tests.differential.comparing import Difference, Pair

ENTRIES = tuple(f"XADD s {number}-0 n {number}" for number in range(1, 7))
GROUP = (*ENTRIES, "XGROUP CREATE s g 0")
READ = "XREADGROUP GROUP g alice COUNT 3 STREAMS s >"
UNBALANCED = (
    b"-ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified.\r\n"
)
SYMBOL = "redis 7.2 (t_stream.c, xreadCommand): XREADGROUP's list ends in >, not in $"
NO_GROUP = b"-NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option\r\n"
RUN_AGAIN = "redis 7.2 (#11012): who waits runs the command again, and hears what it says"


def test_groups_are_made_and_destroyed(compare: Pair) -> None:
    compare(
        *ENTRIES, "XGROUP CREATE s g 0", "XGROUP CREATE s g 0", "XGROUP CREATE s h $", "XGROUP CREATE s i 3",
        "XGROUP CREATE s j 3-1 ENTRIESREAD 3", "XGROUP CREATE s k 99", "XGROUP CREATE none g $",
        "XGROUP CREATE none g $ MKSTREAM", "XINFO GROUPS none", "TYPE none", "XLEN none",
        "XGROUP CREATE none h 5 mkstream",
        "XINFO GROUPS s", "XGROUP DESTROY s i", "XGROUP DESTROY s i", "XGROUP DESTROY s nobody", "XGROUP DESTROY no g",
        "XINFO GROUPS s", "XINFO STREAM s", "XINFO STREAM s FULL", "XINFO STREAM none FULL", "EXISTS none",
    )  # fmt: skip


def test_arguments_of_groups(compare: Pair) -> None:
    compare(
        "XADD s 1-1 a 1", "XGROUP CREATE s", "XGROUP CREATE s g", "XGROUP CREATE s g x", "XGROUP CREATE s g -",
        "XGROUP CREATE s g 0 FOO", "XGROUP CREATE s g 0 ENTRIESREAD", "XGROUP CREATE s g 0 ENTRIESREAD x",
        "XGROUP CREATE s g 0 ENTRIESREAD -2", "XGROUP CREATE s g 0 ENTRIESREAD -1", "XGROUP CREATE no h x",
        "XGROUP CREATE no h x MKSTREAM", "EXISTS no", "XGROUP CREATE s h 0 MKSTREAM MKSTREAM MKSTREAM MKSTREAM",
        "XGROUP CREATE no h 0 MKSTREAM ENTRIESREAD 1 MKSTREAM", "XGROUP SETID s g", "XGROUP SETID s g x",
        "XGROUP SETID s g 0 FOO", "XGROUP SETID s g 0 MKSTREAM", "XGROUP SETID s nobody 0", "XGROUP SETID none g 0",
        "XGROUP SETID s g 0 ENTRIESREAD 5", "XGROUP SETID s g - ENTRIESREAD -1", "XGROUP SETID s g +",
        "XGROUP SETID s g $", "XGROUP SETID s g 0 ENTRIESREAD 1 ENTRIESREAD 2", "XGROUP CREATECONSUMER s g",
        "XGROUP CREATECONSUMER s g c d", "XGROUP CREATECONSUMER s nobody c", "XGROUP CREATECONSUMER none g c",
        "XGROUP DELCONSUMER s nobody c", "XGROUP DELCONSUMER none g c", "XGROUP DELCONSUMER s g c",
        "XGROUP DESTROY s", "XGROUP", "XGROUP FOO", "XGROUP FOO s g", "[shape] XGROUP HELP", "XGROUP HELP x",
    )  # fmt: skip


def test_help(compare: Pair) -> None:
    compare(
        "[shape] XGROUP HELP", "[shape] XINFO HELP", "XINFO", "XINFO FOO", "XINFO STREAM", "XINFO CONSUMERS s",
        "XINFO GROUPS",
    )


def test_consumers(compare: Pair) -> None:
    compare(
        *GROUP, "XGROUP CREATECONSUMER s g zoe", "XGROUP CREATECONSUMER s g zoe",
        "XGROUP CREATECONSUMER s g alice", READ,
        "XREADGROUP GROUP g bob STREAMS s >", "XPENDING s g", "XINFO GROUPS s", "XGROUP DELCONSUMER s g alice",
        "XPENDING s g", "XGROUP DELCONSUMER s g alice", "XGROUP DELCONSUMER s g bob", "XPENDING s g", "XINFO GROUPS s",
        "XINFO CONSUMERS s nobody", "XINFO CONSUMERS none g", "XREADGROUP GROUP g alice STREAMS s 0",
    )  # fmt: skip


def test_reading(compare: Pair) -> None:
    compare(
        *GROUP, "XREADGROUP GROUP g a COUNT 2 STREAMS s >", "XREADGROUP GROUP g b COUNT 1 STREAMS s >",
        "XREADGROUP GROUP g a STREAMS s 0", "XREADGROUP GROUP g a STREAMS s 1-0", "XREADGROUP GROUP g b STREAMS s 0",
        "XREADGROUP GROUP g b COUNT 1 STREAMS s 0", "XREADGROUP GROUP g c STREAMS s 0", "XDEL s 1",
        "XREADGROUP GROUP g a STREAMS s 0", "XACK s g 1 2", "XACK s g 1 2", "XREADGROUP GROUP g a STREAMS s 0",
        "XREADGROUP GROUP g a NOACK STREAMS s >", "XPENDING s g", "XREADGROUP GROUP g a STREAMS s >", "XINFO GROUPS s",
        "XREADGROUP GROUP g a BLOCK 1 STREAMS s >", "XREADGROUP GROUP g a BLOCK 1 STREAMS s 0", "XGROUP SETID s g 2",
        "XREADGROUP GROUP g d STREAMS s >", "XPENDING s g", "XREADGROUP GROUP g a COUNT 0 STREAMS s 0",
        "XREADGROUP GROUP g a COUNT -1 STREAMS s >", "MULTI", "XREADGROUP GROUP g a BLOCK 0 STREAMS s >", "EXEC",
    )  # fmt: skip
    compare(
        *GROUP, "XADD t 1 a 1", "XGROUP CREATE t g 0", "XREADGROUP GROUP g a COUNT 1 STREAMS s t > >",
        "XREADGROUP GROUP g a STREAMS t s > 0", "XREADGROUP GROUP g b STREAMS t s > >",
        "XREADGROUP GROUP g b STREAMS t s 0 >", "XREADGROUP GROUP g b STREAMS s s 0 0",
    )  # fmt: skip


def test_arguments_of_reading(compare: Pair) -> None:
    unbalanced = "XREADGROUP GROUP g c STREAMS s t >"
    compare(
        *GROUP, "XREADGROUP GROUP g c STREAMS s $", "XREADGROUP GROUP g c STREAMS s x",
        "XREADGROUP GROUP h c STREAMS s >",
        "XREADGROUP GROUP g c STREAMS none >", "XREADGROUP GROUP g c STREAMS s none > >", unbalanced,
        "XREADGROUP GROUP g c COUNT 1 STREAMS s", "XREADGROUP COUNT 1 STREAMS s t > >",
        "XREADGROUP GROUP g c FOO STREAMS s >",
        "XREADGROUP GROUP g c COUNT x STREAMS s >", "XREADGROUP GROUP g c BLOCK x STREAMS s >",
        "XREADGROUP GROUP g c BLOCK -1 STREAMS s >", "XREADGROUP NOACK GROUP g c STREAMS s 0",
        "XREADGROUP GROUP g c s >",
        "XREADGROUP GROUP g c NOACK NOACK COUNT 1", "XREADGROUP GROUP g c GROUP g d STREAMS s 0", "XINFO GROUPS s",
        "XREADGROUP GROUP g c STREAMS s s 0 x", "COMMAND GETKEYS XREADGROUP GROUP g c STREAMS a b > >",
        "COMMAND GETKEYS XREADGROUP GROUP STREAMS c STREAMS a >",
        differs=(
            Difference(unbalanced, UNBALANCED, SYMBOL),
            Difference("XREADGROUP GROUP g c COUNT 1 STREAMS s", UNBALANCED, SYMBOL),
        ),
    )  # fmt: skip


def test_acknowledging(compare: Pair) -> None:
    compare(
        *GROUP, READ, "XACK s g 1", "XACK s g 1 2-0 2-0 99", "XACK s g x", "XACK s g 3 x", "XPENDING s g", "XACK s h 1",
        "XACK none g 1", "XACK none g x", "XACK s g", "XACK s g 3", "XPENDING s g", "XACK s g -", "XINFO GROUPS s",
    )  # fmt: skip


def aged(consumer: str, *ids: int) -> str:
    """Entries become as old as a minute, so that a few milliseconds more or less are not seen."""
    return f"XCLAIM s g {consumer} 0 {' '.join(map(str, ids))} IDLE 60000 JUSTID"


def test_pending(compare: Pair) -> None:
    compare(
        *GROUP, "XPENDING s g", "XPENDING s g - + 10", READ, "XREADGROUP GROUP g bob COUNT 2 STREAMS s >",
        "XPENDING s g",
        aged("alice", 1, 2, 3), aged("bob", 4, 5), "[near] XPENDING s g - + 10", "[near] XPENDING s g - + 2",
        "[near] XPENDING s g 2 4 10", "[near] XPENDING s g (2 (5 10", "[near] XPENDING s g - + 10 bob",
        "XPENDING s g - + 10 nobody", "[near] XPENDING s g IDLE 50000 - + 10", "XPENDING s g IDLE 100000 - + 10",
        "XPENDING s g - + 0", "XPENDING s g - + -1", "[near] XPENDING s g IDLE 0 - + 10 bob",
        "[near] XPENDING s g - + 1 bob more", "[near] XPENDING s g - + 1 bob more still", "XPENDING s g idle -5 + - 10",
    )  # fmt: skip
    compare(
        *GROUP, "XPENDING s g - + x", "XPENDING s g x + 1", "XPENDING s g - x 1", "XPENDING s g (+ + 1",
        "XPENDING s g -",
        "XPENDING s g - +", "XPENDING s g IDLE x - + 1", "XPENDING s g IDLE 1 - +", "XPENDING s g IDLE 1",
        "XPENDING s g IDLE 0 - + 10 bob more", "XPENDING s h", "XPENDING none g", "XPENDING s", "XPENDING none g - + x",
        "XPENDING s g - + 1 a b c", "XPENDING s g - + 1 a b c d",
    )  # fmt: skip


MAKE_BOB, MAKE_CAROL = "XGROUP CREATECONSUMER s g bob", "XGROUP CREATECONSUMER s g carol"


def test_claiming(compare: Pair) -> None:
    pending = "[near] XPENDING s g - + 10"
    compare(
        *GROUP, READ, MAKE_BOB, MAKE_CAROL, "XCLAIM s g bob 0 1 IDLE 70000", aged("alice", 2, 3), pending,
        "XCLAIM s g bob 0 1 2 JUSTID IDLE 5000", pending, "XCLAIM s g bob 100000 3", "XCLAIM s g bob 0 3 99 IDLE 5000",
        pending, "XCLAIM s g bob 4000 3 RETRYCOUNT 9 IDLE 5000", pending, "XCLAIM s g bob 0 5",
        "XCLAIM s g bob 0 5 FORCE IDLE 5000", "XCLAIM s g bob 100000 6 FORCE IDLE 5000", "XCLAIM s g bob 0 99 FORCE",
        pending, "XCLAIM s g bob 0 2 LASTID 5 IDLE 4000", "XINFO GROUPS s", "XCLAIM s g bob 0 2 LASTID 4",
        "XCLAIM s g bob 0 2 TIME 99999999999999", "XCLAIM s g bob 0 2 IDLE -5", "[shape] XPENDING s g - + 10",
        "XCLAIM s g bob 5000 2", "XDEL s 2", "XCLAIM s g alice 0 1 2 3 JUSTID IDLE 5000", pending,
        "XCLAIM s g carol 0 88", "XINFO GROUPS s", "XCLAIM s g bob 0 1 RETRYCOUNT -1 IDLE 5000", pending,
        "XCLAIM s g bob -1 1 force justid retrycount 0 idle 5000", pending, "XCLAIM s g bob 0 1 TIME 1",
        "XCLAIM s g carol 9999999 1 JUSTID",
    )  # fmt: skip
    compare(
        *GROUP, READ, MAKE_BOB, "XCLAIM s g bob", "XCLAIM s g bob 0", "XCLAIM s g bob x 1", "XCLAIM s g bob 0 FOO",
        "XCLAIM s g bob 0 1 FOO", "XCLAIM s g bob 0 1 IDLE", "XCLAIM s g bob 0 1 IDLE x", "XCLAIM s g bob 0 1 TIME x",
        "XCLAIM s g bob 0 1 RETRYCOUNT x", "XCLAIM s g bob 0 1 LASTID x", "XCLAIM s g bob 0 1 FORCE 2",
        "XCLAIM s h bob 0 1", "XCLAIM none g bob 0 1", "XCLAIM s h bob x 1", "XCLAIM s g bob 0 - +", "XPENDING s g",
        "XINFO GROUPS s", "XCLAIM s g bob 0 JUSTID", "XINFO GROUPS s",
    )  # fmt: skip


def test_claiming_in_steps(compare: Pair) -> None:
    pending = "XPENDING s g"
    compare(
        *GROUP, "XREADGROUP GROUP g alice STREAMS s >", MAKE_BOB, MAKE_CAROL, "XAUTOCLAIM s g bob 0 0 COUNT 2",
        "XAUTOCLAIM s g bob 0 3 COUNT 2", "XAUTOCLAIM s g bob 0 5-0 COUNT 2", pending, "XDEL s 2 4",
        "XAUTOCLAIM s g carol 0 - COUNT 3 JUSTID", pending, "XAUTOCLAIM s g carol 0 4", "XAUTOCLAIM s g carol 0 4",
        pending, "XAUTOCLAIM s g carol 100000 0", "XAUTOCLAIM s g carol 0 (3 COUNT 1", "XAUTOCLAIM s g carol 0 (5-0",
        "XAUTOCLAIM s g carol 0 +", "XINFO GROUPS s", "XAUTOCLAIM s g carol -5 0 JUSTID COUNT 1",
        aged("bob", 1, 3, 5, 6), "[near] XPENDING s g - + 10",
    )  # fmt: skip
    compare(
        *GROUP, MAKE_BOB, "XAUTOCLAIM s g bob 0", "XAUTOCLAIM s g bob x 0", "XAUTOCLAIM s g bob 0 x",
        "XAUTOCLAIM s g bob 0 (+", "XAUTOCLAIM s g bob 0 0 COUNT", "XAUTOCLAIM s g bob 0 0 COUNT 0",
        "XAUTOCLAIM s g bob 0 0 COUNT x", "XAUTOCLAIM s g bob 0 0 COUNT 9223372036854775807",
        "XAUTOCLAIM s g bob 0 0 FOO", "XAUTOCLAIM s h bob 0 0", "XAUTOCLAIM none g bob 0 0",
        "XAUTOCLAIM none g bob 0 x",
        "XINFO GROUPS s", "XAUTOCLAIM s g bob 0 0", "XINFO GROUPS s",
    )  # fmt: skip


def test_an_automatic_claim_gives_up_after_ten_times_its_count(compare: Pair) -> None:
    add = "\n".join(f"XADD s {number} n {number}" for number in range(1, 30))
    compare(
        add, "XGROUP CREATE s g 0", "XREADGROUP GROUP g a STREAMS s >", "XCLAIM s g a 0 15 25 IDLE 60000",
        "XAUTOCLAIM s g b 50000 0 COUNT 1", "XAUTOCLAIM s g b 50000 11-0 COUNT 1", "XAUTOCLAIM s g b 50000 16 COUNT 1",
        "XAUTOCLAIM s g b 50000 26 COUNT 1", "XAUTOCLAIM s g b 50000 0 COUNT 3",
    )  # fmt: skip


@pytest.mark.parametrize(
    "gone", ["XDEL s 1", "XDEL s 3", "XDEL s 6", "XTRIM s MAXLEN 4", "XDEL s 2 4", "XTRIM s MAXLEN 0"]
)
def test_lag(compare: Pair, gone: str) -> None:
    info = "XINFO GROUPS s"
    consumers = [f"XGROUP CREATECONSUMER s {name} c" for name in "ijlm"] + ["XGROUP CREATECONSUMER s g alice"]
    compare(
        *GROUP, "XGROUP CREATE s h $", "XGROUP CREATE s i 3", "XGROUP CREATE s j 1", "XGROUP CREATE s k 99",
        "XGROUP CREATE s l 4 ENTRIESREAD 2", "XGROUP CREATE s m 0-1", "XGROUP CREATE s n 6", *consumers, info, gone,
        info, READ, info,
        "XREADGROUP GROUP i c COUNT 1 STREAMS s >", "XREADGROUP GROUP j c COUNT 2 STREAMS s >",
        "XREADGROUP GROUP m c COUNT 1 STREAMS s >", info, "XADD s 7 n 7", info,
        "XREADGROUP GROUP l c COUNT 5 STREAMS s >", "XREADGROUP GROUP i c STREAMS s >", info,
        "XSETID s 7 ENTRIESADDED 50",
        info, "XGROUP SETID s g $", info, "XGROUP SETID s g 7 ENTRIESREAD 3", info, "XINFO STREAM s",
    )  # fmt: skip


def test_waiting_in_a_group(compare: Pair) -> None:
    wait = "XREADGROUP GROUP g {name} BLOCK 0 STREAMS s >"
    b, c = (f"{name}: {wait.format(name=name)}" for name in "bc")
    compare(
        "XGROUP CREATE s g $ MKSTREAM", f"{b} &", f"{c} &", "XADD s 1-1 a 1", "b: <-", "XADD s 2-1 a 1", "c: <-",
        "XPENDING s g", f"{b} &", "MULTI", "XADD s 3-1 a 1", "XADD s 4-1 a 1", "EXEC", "b: <-", "XPENDING s g",
    )  # fmt: skip
    compare(
        "XGROUP CREATE s g $ MKSTREAM", "XGROUP CREATE t g $ MKSTREAM", "XGROUP CREATECONSUMER s g b",
        "b: XREADGROUP GROUP g b NOACK COUNT 1 BLOCK 0 STREAMS s t > > &", "XADD t 1-1 a 1", "b: <-", "XPENDING t g",
        "XINFO GROUPS t", "XINFO GROUPS s", "XGROUP SETID s g 0",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "reply"),
    [("DEL s", NO_GROUP), ("XGROUP DESTROY s g", NO_GROUP), ("RENAME s t", NO_GROUP), ("FLUSHALL", NO_GROUP),
     ("SET s x", b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n")],
)  # fmt: skip
def test_a_group_that_goes_away_ends_the_waiting(compare: Pair, change: str, reply: bytes) -> None:
    compare(
        "XGROUP CREATE s g $ MKSTREAM", "b: XREADGROUP GROUP g b BLOCK 0 STREAMS s > &", change, "b: <-",
        differs=(Difference("b: <-", reply, RUN_AGAIN),),
    )


def test_everything_about_a_stream(compare: Pair) -> None:
    compare(
        *GROUP, "XGROUP CREATE s h 3", "XDEL s 4", "XINFO STREAM s FULL", "XINFO STREAM s FULL COUNT 2",
        "XINFO STREAM s full count 0", "XINFO STREAM s FULL COUNT -1", "XINFO STREAM s FULL COUNT x",
        "XINFO STREAM s FULL COUNT", "XINFO STREAM s FOO", "XINFO STREAM s FULL FOO 1", "XINFO STREAM s FULL COUNT 1 2",
        "XINFO STREAM none", "XINFO STREAM none FOO", "XINFO STREAM s", "XINFO GROUPS s", "XINFO CONSUMERS s g",
        "XINFO GROUPS s x", "XINFO CONSUMERS s",
    )  # fmt: skip


def test_everything_about_consumers(compare: Pair) -> None:
    if compare.redis_is_7_0:
        pytest.skip("redis 7.2 (#11099) tells when a consumer was last active, and makes one of who gets nothing too")
    times = "[shape] XINFO CONSUMERS s g"
    compare(
        *GROUP, READ, MAKE_BOB, times, "[near] XINFO STREAM s FULL", "[near] XINFO STREAM s FULL COUNT 1",
        "XCLAIM s g carol 0 99", "XREADGROUP GROUP g dora STREAMS s 0", "XREADGROUP GROUP g alice STREAMS s 0",
        times, "[near] XINFO STREAM s FULL", "XREADGROUP GROUP g erin NOACK STREAMS s >", times,
        "XAUTOCLAIM s g bob 0 0 JUSTID", times, "[near] XINFO STREAM s FULL", "XAUTOCLAIM s g frank 0 99",
        "XINFO GROUPS s",
    )  # fmt: skip


def test_keys_are_found_by_routing(compare_routing: Pair) -> None:
    compare_routing(
        "XREAD COUNT 1 STREAMS bar foo 0 0", "XREAD STREAMS foo $", "XREAD STREAMS bar $",
        "XREADGROUP GROUP foo foo STREAMS bar >", "XREADGROUP GROUP g c STREAMS foo >",
        "XGROUP CREATE foo g $ MKSTREAM",
        "XGROUP CREATE bar foo $ MKSTREAM", "XREADGROUP GROUP foo foo STREAMS bar >", "XINFO STREAM foo",
        "XINFO STREAM bar",
        "XADD foo * a 1", "XADD bar 1-1 foo foo", "XREAD STREAMS bar 0", "XACK foo g 1", "XPENDING bar foo",
    )  # fmt: skip
