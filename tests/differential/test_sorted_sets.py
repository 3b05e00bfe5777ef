"""Sorted set commands, compared with the real server. Ranges and the algebra have files of their own."""


from tests.differential.comparing import Difference, Pair

SHORT_DOUBLES = "redis 7.2 (#10587): doubles in as few digits as say the same"
WITHSCORE = "redis 7.2 (#11235): ZRANK and ZREVRANK take WITHSCORE"
INTEGER_SCORES = "redis 7.2 (#11779): doubles that are 64-bit integers are shown as such"


def test_add(compare: Pair) -> None:
    compare(
        "ZADD z 1 a", "ZADD z 1 a", "ZADD z 2 a", "ZADD z 1 a 2 b 3 c", "ZADD z 5 d 6 d",
        "ZRANGE z 0 -1 WITHSCORES", "TYPE z",
    )
    compare("ZADD z CH 1 a 2 b", "ZADD z CH 1 a 3 b 4 c", "ZADD z ch CH 1 a", "ZCARD z", "ZCARD none")
    compare("ZADD z 1 b 1 a 1 B 1 aa 0 z", "ZRANGE z 0 -1")


def test_add_conditions(compare: Pair) -> None:
    compare(
        "ZADD z XX 1 a", "EXISTS z", "ZADD z NX 1 a", "ZADD z NX 2 a", "ZADD z NX CH 2 a 3 b", "ZADD z XX 5 a 6 c",
        "ZADD z XX CH 7 a 6 c", "ZRANGE z 0 -1 WITHSCORES",
    )
    compare(
        "ZADD z 5 a", "ZADD z GT 3 a", "ZADD z GT CH 6 a 1 b", "ZADD z LT CH 4 a 9 b", "ZADD z GT XX 9 a 9 x",
        "ZADD z LT 9 x", "ZADD z GT CH 9 a", "ZRANGE z 0 -1 WITHSCORES", "ZADD z xx gt ch 10 a",
    )


def test_add_with_increment(compare: Pair) -> None:
    compare(
        "ZADD z INCR 1 a", "ZADD z INCR 1.5 a", "ZADD z NX INCR 1 a", "ZADD z XX INCR 1 b", "ZADD z GT INCR -1 a",
        "ZADD z LT INCR -1 a", "ZADD z LT INCR 1 a", "ZADD z XX INCR 1 a", "ZADD none XX INCR 1 a",
        "ZADD z INCR 0 a", "ZADD z INCR CH 1 a", "ZADD z NX INCR 3 c", "ZADD z GT INCR 5 new",
    )
    compare("ZADD z INCR inf a", "ZADD z INCR -inf a", "ZSCORE z a", "ZINCRBY z -inf a", "ZADD z NX INCR nan a")


def test_add_arguments(compare: Pair) -> None:
    compare(
        "ZADD z", "ZADD z 1", "ZADD z 1 a 2", "ZADD z a 1", "ZADD z x a", "ZADD z nan a", "ZADD z 1 a x b",
        "ZADD z NX 1", "ZADD z NX XX 1 a", "ZADD z NX GT 1 a", "ZADD z LT GT 1 a", "ZADD z NX LT x a",
        "ZADD z NX XX x a", "ZADD z INCR 1 a 2 b", "ZADD z INCR x a", "ZADD z NX", "ZADD z NX XX", "ZADD z CH INCR",
        "ZADD z '' a", "ZADD z ' 1' a", "ZADD z 1e400 a", "ZADD z FOO 1 a", "EXISTS z", "ZADD z NX XX INCR 1 a 2 b",
    )


def test_scores(compare: Pair) -> None:
    compare(
        "ZADD z inf a -inf b +inf c 1e3 d 0x10 e 1.5 f -0 g 123456789012 h", "ZRANGE z 0 -1 WITHSCORES",
        "ZSCORE z a", "ZSCORE z b", "ZSCORE z e", "ZSCORE z g", "ZSCORE z x", "ZSCORE none a", "ZMSCORE z a x f b",
        "ZMSCORE none a b", "ZADD z CH 0 g", "ZSCORE z g", "ZMSCORE z", "ZSCORE z", "ZADD z CH Infinity a 3.0 k",
        "ZSCORE z k",
    )


def test_scores_in_few_digits(compare: Pair) -> None:
    differs = (
        Difference("ZSCORE z a", b"$3\r\n0.1\r\n", SHORT_DOUBLES),
        Difference("ZSCORE z b", b"$6\r\n1e+300\r\n", SHORT_DOUBLES),
        Difference("ZSCORE z c", b"$6\r\n5e-324\r\n", SHORT_DOUBLES),
        Difference("ZSCORE z d", b"$18\r\n123456789012345680\r\n", INTEGER_SCORES),
        Difference("ZSCORE z e", b"$21\r\n123456789012345680000\r\n", SHORT_DOUBLES),
    )
    compare(
        "ZADD z 0.1 a 1e300 b 5e-324 c 123456789012345678 d 123456789012345678901 e 1e-10 f", "ZSCORE z a",
        "ZSCORE z b", "ZSCORE z c", "ZSCORE z d", "ZSCORE z e", "ZSCORE z f", differs=differs, protocols=(2,),
    )


def test_increment(compare: Pair) -> None:
    compare(
        "ZINCRBY z 1 a", "ZINCRBY z 1.5 a", "ZINCRBY z -5 a", "ZINCRBY z x a", "ZINCRBY z nan a", "ZINCRBY z 0 a",
        "ZINCRBY z 1", "ZINCRBY z inf a", "ZINCRBY z -inf a", "ZINCRBY z 1 b", "ZRANGE z 0 -1 WITHSCORES",
    )


def test_remove(compare: Pair) -> None:
    compare("ZADD z 1 a 2 b 3 c", "ZREM z a x", "ZREM z a", "ZREM z b c c", "EXISTS z", "ZREM none a", "ZREM z")


def test_rank(compare: Pair) -> None:
    compare(
        "ZADD z 1 a 2 b 2 c 3 d", "ZRANK z a", "ZRANK z c", "ZRANK z x", "ZREVRANK z a", "ZREVRANK z d",
        "ZREVRANK z x", "ZRANK none a", "ZREVRANK none a", "ZRANK z", "ZREVRANK z",
    )


def test_rank_with_score(compare: Pair) -> None:
    replies = {
        "ZRANK z b WITHSCORE": b"*2\r\n:1\r\n$1\r\n2\r\n",
        "ZREVRANK z b withscore": b"*2\r\n:0\r\n$1\r\n2\r\n",
        "ZRANK z x WITHSCORE": b"*-1\r\n",
        "ZRANK none x WITHSCORE": b"*-1\r\n",
        "ZRANK z b FOO": b"-ERR syntax error\r\n",
    }
    differs = tuple(Difference(line, ours, WITHSCORE) for line, ours in replies.items())
    compare("ZADD z 1 a 2 b", *replies, "ZRANK z b WITHSCORE 1", differs=differs, protocols=(2,))


def test_pop(compare: Pair) -> None:
    compare(
        "ZADD z 1 a 2 b 3 c 4 d 5 e", "ZPOPMIN z", "ZPOPMAX z", "ZPOPMIN z 2", "ZPOPMAX z 0", "ZPOPMAX z 5",
        "EXISTS z", "ZPOPMIN z", "ZPOPMIN z 1", "ZPOPMAX none",
    )
    compare(
        "ZADD z 1 a", "ZPOPMIN z -1", "ZPOPMIN z x", "ZPOPMIN z 1 2", "ZPOPMAX z 9223372036854775808",
        "ZPOPMIN none x", "ZPOPMIN", "ZPOPMAX z 9223372036854775807",
    )
    compare("ZADD z 1 c 1 b 1 a", "ZPOPMAX z", "ZPOPMIN z", "ZADD z 2 x", "ZPOPMAX z 2")


def test_pop_from_several(compare: Pair) -> None:
    compare(
        "ZADD a 1 x 2 y 3 z", "ZADD b 1 w", "ZMPOP 2 none a MIN", "ZMPOP 2 a b MAX COUNT 9",
        "ZMPOP 2 a b min count 1", "ZMPOP 2 a b MIN", "EXISTS a b",
    )
    compare(
        "ZADD a 1 x", "ZMPOP 0 a MIN", "ZMPOP x a MIN", "ZMPOP 2 a MIN", "ZMPOP 1 a UP", "ZMPOP 1 a MIN COUNT 0",
        "ZMPOP 1 a MIN COUNT x", "ZMPOP 1 a MIN COUNT", "ZMPOP 1 a MIN COUNT 1 COUNT 1", "ZMPOP 1 a MIN FOO 1",
        "ZMPOP 1 a", "ZMPOP 1 a b MIN", "ZCARD a",
    )


def test_random_members(compare: Pair) -> None:
    compare(
        "ZRANDMEMBER none", "ZRANDMEMBER none 2", "ZRANDMEMBER none -2 WITHSCORES", "ZADD z 1.5 a", "ZRANDMEMBER z",
        "ZRANDMEMBER z 3", "ZRANDMEMBER z -3", "ZRANDMEMBER z 2 WITHSCORES", "ZRANDMEMBER z -2 withscores",
        "ZRANDMEMBER z 0",
    )
    compare(
        "ZADD z 1 a 2 b 3 c", "[shape] ZRANDMEMBER z", "[shape] ZRANDMEMBER z 2",
        "[shape] ZRANDMEMBER z -9 WITHSCORES", "[unordered] ZRANDMEMBER z 5", "ZRANDMEMBER z x",
        "ZRANDMEMBER z 1 FOO", "ZRANDMEMBER z 1 WITHSCORES x", "ZRANDMEMBER z 9223372036854775807 WITHSCORES",
        "ZRANDMEMBER z -9223372036854775808",
    )


def test_scan(compare: Pair) -> None:
    compare(
        "ZADD z 1.5 a1 2 b1 inf a2", "[unordered] ZSCAN z 0", "[unordered] ZSCAN z 0 MATCH a*",
        "ZSCAN z 0 MATCH x*", "ZSCAN none 0", "[unordered] ZSCAN z 0 COUNT 100", "ZSCAN z 0 COUNT 0",
        "ZSCAN z 0 FOO", "ZSCAN z x", "ZSCAN z", "ZSCAN none 0 FOO",
    )


def test_blocking_commands_that_need_not_wait(compare: Pair) -> None:
    compare(
        "ZADD z 1 a 2 b 3 c 4 d 5 e", "BZPOPMIN none z 0", "BZPOPMAX z none 1.5", "BZMPOP 0 2 none z MIN",
        "BZMPOP 0.1 1 z MAX COUNT 9", "EXISTS z",
    )
    compare(
        "BZPOPMIN z x", "BZPOPMIN z -1", "BZPOPMIN z 0.01", "BZPOPMAX a b 0.01", "BZMPOP 0.01 1 z MIN",
        "BZMPOP x 1 z MIN", "BZMPOP x 0 z MIN", "BZMPOP 0 1 z UP", "BZPOPMIN z", "BZMPOP 0 1 z",
    )
    compare("MULTI", "BZPOPMIN z 0", "BZMPOP 0 1 z MIN", "ZADD z 1 a", "BZPOPMAX z 0", "EXEC")


def test_waiting_for_a_member(compare: Pair) -> None:
    compare("b: BZPOPMIN z 0 &", "ZADD z 2 b 1 a", "b: <-", "ZRANGE z 0 -1")
    compare(
        "b: BZPOPMAX x z 0 &", "c: BZMPOP 0 2 z y MIN COUNT 5 &", "ZADD z 2.5 b 1 a 0 c", "b: <-", "c: <-",
        "EXISTS z",
    )
    compare("b: BZPOPMIN z 0 &", "RPUSH z a", "DEL z", "ZADD y 1 a", "ZUNIONSTORE z 1 y", "b: <-", "EXISTS z")


def test_wrong_type(compare: Pair) -> None:
    compare(
        "SET s x", "ZADD z 1 a", "ZADD s 1 a", "ZADD s x a", "ZADD s XX 1 a", "ZADD s INCR 1 a", "ZINCRBY s 1 a",
        "ZINCRBY s x a", "ZREM s a", "ZSCORE s a", "ZMSCORE s a", "ZCARD s", "ZRANK s a", "ZREVRANK s a",
        "ZPOPMIN s", "ZPOPMAX s 0", "ZPOPMIN s x", "ZMPOP 2 none s MIN", "ZMPOP 2 z s MIN", "BZPOPMIN s 0",
        "BZMPOP 0 1 s MAX", "ZRANDMEMBER s", "ZRANDMEMBER s 0", "ZSCAN s 0", "ZSCAN s x", "GET s",
    )


def test_encodings(compare: Pair) -> None:
    compare(
        "ZADD z 1 a", "OBJECT ENCODING z", f"ZADD z 1 {'x' * 65}", "OBJECT ENCODING z", f"ZREM z {'x' * 65}",
        "OBJECT ENCODING z",
    )
    members = " ".join(f"1 m{number}" for number in range(128))
    compare(
        f"ZADD z {members}", "OBJECT ENCODING z", "ZADD z 1 more", "OBJECT ENCODING z", "ZREM z more",
        "OBJECT ENCODING z", "ZUNIONSTORE y 1 z", "OBJECT ENCODING y",
    )


def test_big_sorted_sets(compare: Pair) -> None:
    members = " ".join(f"{number * 7919 % 100} m{number}" for number in range(2000))
    compare(
        f"ZADD z {members}", "ZCARD z", "ZRANGE z 0 -1 WITHSCORES", "ZRANK z m1234", "ZREVRANK z m1234",
        "ZSCORE z m7", "ZADD z 55.5 m7", "ZRANK z m7", "ZRANGE z 1000 1010", "ZREVRANGE z 700 720 WITHSCORES",
        "ZCOUNT z 20 (30", "ZPOPMIN z 30", "ZPOPMAX z 30", "ZREMRANGEBYSCORE z 40 50", "ZREMRANGEBYRANK z 100 900",
        "ZRANGE z 0 -1", "ZREM z m7 m8 m9", "ZRANGEBYSCORE z 60 70 LIMIT 10 20",
        "ZREVRANGEBYSCORE z 70 60 LIMIT 10 20",
    )


def test_events(compare: Pair) -> None:
    compare(
        "CONFIG SET notify-keyspace-events KEA", "b: PSUBSCRIBE __keyevent@0__:*", "ZADD z 1 a 2 b 3 c 4 d",
        "b: <-", "ZADD z 1 a", "ZADD z CH 9 a", "b: <-", "ZINCRBY z 1 a", "b: <-", "ZADD z INCR 1 a", "b: <-",
        "ZINCRBY z 0 a", "ZREM z a", "b: <-", "ZPOPMIN z", "b: <-", "ZPOPMAX z 1", "b: <-", "ZRANGESTORE y z 0 -1",
        "b: <-", "ZREMRANGEBYRANK y 5 6", "ZREMRANGEBYRANK y 0 0", "b: <-", "b: <-", "ZUNIONSTORE y 1 z", "b: <-",
        "ZINTERSTORE y 2 z none", "b: <-", "ZDIFFSTORE y 1 z", "b: <-", "ZMPOP 1 y MIN", "b: <-", "b: <-",
        "ZINTERSTORE y 1 z", "b: <-", "BZPOPMAX y 0", "b: <-", "b: <-", "ZREMRANGEBYSCORE z 0 inf", "b: <-",
        "b: <-", "ZADD z 1 a", "b: <-", "ZREMRANGEBYLEX z - +", "b: <-", "b: <-",
        "CONFIG SET notify-keyspace-events ''",
    )
