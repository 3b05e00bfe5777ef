"""A dataset with everything in it that an RDB file can hold so far, as commands: made the same way in any server."""

import random
from collections.abc import Iterator

from pycluster.testing.connection import Word

Command = tuple[Word, ...]

FAR = 4_102_444_800_000  # 2100, in ms

TEXT = b"It was the best of times, it was the worst of times; " * 50


def commands(seed: int = 1) -> Iterator[Command]:
    """Every type, small and large, in the sizes at which Redis changes its encodings; binary keys; deadlines."""
    dice = random.Random(seed)
    yield from _strings(dice)
    for size in (1, 2, 100, 128, 129, 512, 513, 3000):
        name = b"of:%d" % size
        integers = [b"%d" % number for number in dice.sample(range(-(2**40), 2**40), size)]
        words = [b"word:%d:%s" % (number, dice.randbytes(dice.randrange(12))) for number in range(size)]
        longs = [b"%d:" % number + bytes([dice.randrange(256)]) * dice.randrange(60, 90) for number in range(size)]
        for kind, members in ((b"integers", integers), (b"words", words), (b"longs", longs)):
            yield (b"RPUSH", b"list:" + kind + name, *members)
            yield (b"SADD", b"set:" + kind + name, *members)
            yield (b"HSET", b"hash:" + kind + name, *(part for m in members for part in (m, dice.choice(members))))
            # Quarters print the same in every version: 7.0 writes doubles with 17 digits, 7.2 as short as possible.
            scores = [b"%.2f" % (dice.randrange(-(10**6), 10**6) / 4) for _ in members]
            pairs = zip(scores, members, strict=True)
            yield (b"ZADD", b"sorted:" + kind + name, *(part for pair in pairs for part in pair))
    yield (b"ZADD", b"sorted:odd", "inf", "a", "-inf", "b", "0", "c", "1e100", "d")
    yield (
        b"SADD",
        b"set:edges",
        "32767",
        "32768",
        "-32768",
        "2147483648",
        "9223372036854775807",
        "-9223372036854775808",
    )
    yield (b"RPUSH", b"list:huge", b"x" * 20_000, "small", TEXT, b"", "1")
    yield (b"HSET", b"hash:huge", "text", TEXT, "", "", "zeros", bytes(100_000))
    yield (b"SADD", b"set:empty member", b"")
    for number, kind in enumerate((b"string", b"list:words", b"hash:words", b"set:words", b"sorted:words")):
        yield (b"PEXPIREAT", kind + (b"of:2" if b":" in kind else b""), FAR + number)
    yield from _streams(dice)
    yield (b"SELECT", 7)
    yield (b"SET", b"elsewhere", b"x")
    yield (b"SELECT", 0)


def _streams(dice: random.Random) -> Iterator[Command]:
    """Streams of several nodes, with deleted entries and groups whose consumers have acknowledged some of theirs."""
    for size in (1, 100, 101, 1000):
        key = b"stream:of:%d" % size
        for number in range(1, size + 1):
            names = (b"number", b"text") if number % 5 else (b"number", b"other", b"none")
            words = (b"%d" % dice.randrange(-(2**40), 2**40), dice.randbytes(dice.randrange(100)), b"")
            entry = (part for pair in zip(names, words, strict=False) for part in pair)
            yield (b"XADD", key, b"%d-%d" % (number * 1000, number % 3), *entry)
        yield (b"XDEL", key, *(b"%d-%d" % (n * 1000, n % 3) for n in range(7, size, 9)), b"0-1")
        for group in (b"early", b"late"):
            yield (b"XGROUP", b"CREATE", key, group, b"0" if group == b"early" else b"$")
            for consumer in (b"ann", b"bob", b""):
                yield (b"XREADGROUP", b"GROUP", group, consumer, b"COUNT", size // 4 + 1, b"STREAMS", key, b">")
        yield (b"XACK", key, b"early", *(b"%d-%d" % (n * 1000, n % 3) for n in range(1, size, 2)), b"0-1")
        yield (b"XTRIM", key, b"MINID", 3000)
    yield (b"XADD", b"stream:huge", b"18446744073709551615-18446744073709551615", TEXT, TEXT * 100)
    yield (b"XGROUP", b"CREATE", b"stream:empty", b"group", b"$", b"MKSTREAM")


def _strings(dice: random.Random) -> Iterator[Command]:
    yield (b"SET", b"string", b"value")
    yield (b"SET", b"", b"the empty key")
    yield (b"SET", bytes(range(256)), bytes(range(256)) * 3)
    yield (b"SET", b"empty", b"")
    for number in (0, -1, 127, 128, -129, 32767, 32768, -(2**31), 2**31, 2**63 - 1, -(2**63)):
        yield (b"SET", b"number:%d" % number, number)
    for length in (20, 21, 44, 45, 63, 64, 255, 256, 16383, 16384, 300_000):
        yield (b"SET", b"noise:%d" % length, dice.randbytes(length))
        yield (b"SET", b"zeros:%d" % length, bytes(length))
        yield (b"SET", b"text:%d" % length, (TEXT * (length // len(TEXT) + 1))[:length])
        yield (b"SET", bytes([dice.randrange(1, 256)]) * length, b"a long key")
