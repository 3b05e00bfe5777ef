"""Two or three servers in a row, ours or real ones, for the tests of replication: started, filled, compared."""

import random
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from pycluster.testing.connection import Connection, Word
from pycluster.testing.node import Directive, Node
from pycluster.testing.ports import reserve_port
from pycluster.testing.waiting import wait_until

QUICK: tuple[Directive, ...] = (("save", ""), ("enable-debug-command", "yes"), ("repl-diskless-sync-delay", 0))


class Servers:
    """Starts servers in directories of their own and ends them all."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stack = ExitStack()

    def start(self, program: list[str], *directives: Directive) -> Node:
        port = reserve_port()
        self._stack.callback(port.release)
        node = Node(port.number, self._directory / str(port.number), program=program, directives=[*QUICK, *directives])
        node.start()
        self._stack.callback(lambda: node.kill() if node.is_running else None)
        return node

    def stop(self) -> None:
        self._stack.close()


def follow(replica: Node, primary: Node) -> None:
    """Makes a server a replica and waits until it has everything."""
    replica.ask("REPLICAOF", primary.host, primary.port)
    wait_in_step(replica, primary)
    wait_until(lambda: "" if all_are_online(primary) else f"{primary} does not know yet that {replica} has all")


def all_are_online(primary: Node) -> bool:
    """Have all its replicas said that they have everything? (After a diskless sync, some time behind the link.)"""
    known = [said for name, said in primary.info("replication").items() if re.fullmatch(r"slave\d+", name)]
    return bool(known) and all(",state=online," in said for said in known)


def wait_in_step(replica: Node, primary: Node) -> None:
    """Until the replica's link is up and it is where its primary is in the stream."""

    def why_not() -> str:
        mine, its = replica.info("replication"), primary.info("replication")
        if mine.get("master_link_status") != "up":
            return f"{replica} has no link to its primary: {mine}"
        if mine["slave_repl_offset"] != its["master_repl_offset"]:
            return f"{replica} is at {mine['slave_repl_offset']} of {its['master_repl_offset']}"
        return ""

    wait_until(why_not)


def digest(node: Node) -> bytes:
    found: bytes = node.ask("DEBUG", "DIGEST")
    return found if isinstance(found, bytes) else str(found).encode()


def assert_same(replica: Node, primary: Node) -> None:
    wait_in_step(replica, primary)
    assert digest(replica) == digest(primary)


def pending(node: Node) -> dict[bytes, tuple[bytes, list[object]]]:
    """What is pending for whom in the streams of `random_writes`: the digest says nothing of groups."""
    found: dict[bytes, tuple[bytes, list[object]]] = {}
    with node.connect() as connection:
        for key in connection.ask("KEYS", "x*"):
            for group in connection.ask("XINFO", "GROUPS", key):
                told = connection.ask("XPENDING", key, b"readers", "-", "+", 1_000_000)
                last_id = group[group.index(b"last-delivered-id") + 1]
                found[key] = last_id, [(id, consumer, deliveries) for id, consumer, _, deliveries in told]
    return found


def full_syncs(node: Node) -> int:
    return int(node.info("stats")["sync_full"])


def partial_syncs(node: Node) -> int:
    return int(node.info("stats")["sync_partial_ok"])


def write_at_random(connection: Connection, count: int, seed: int = 1) -> None:
    """Random changes of every type, some of them in transactions, pipelined."""
    sent = 0
    for command in random_writes(seed):
        if sent == count:
            break
        connection.send(*command)
        sent += 1
    for _ in range(sent):
        connection.receive()


def random_writes(seed: int) -> Iterator[tuple[Word, ...]]:
    """What can be written, over few enough keys that much of it meets something."""
    dice = random.Random(seed)
    while True:
        key = b"%d" % dice.randrange(40)
        member, other = b"m%d" % dice.randrange(30), dice.randbytes(dice.randrange(20))
        number = dice.randrange(-1000, 1000)
        half = dice.randrange(-(10**4), 10**4) / 2
        match dice.randrange(32):
            case 0:
                yield ("SET", b"s" + key, other)
            case 1:
                yield ("SET", b"s" + key, other, "PX", 10_000_000 + number)
            case 2:
                yield ("INCRBY", b"n" + key, number)
            case 3:
                yield ("APPEND", b"s" + key, other)
            case 4:
                yield ("SETRANGE", b"s" + key, abs(number), other)
            case 5:
                yield ("INCRBYFLOAT", b"f" + key, half)
            case 6:
                yield ("RPUSH", b"l" + key, member, other, number)
            case 7:
                yield ("LPUSH", b"l" + key, other)
            case 8:
                yield ("LPOP", b"l" + key)
            case 9:
                yield ("LMOVE", b"l" + key, b"l1", "LEFT", "RIGHT")
            case 10:
                yield ("LTRIM", b"l" + key, 0, 50)
            case 11:
                yield ("SADD", b"t" + key, member, number)
            case 12:
                yield ("SREM", b"t" + key, member)
            case 13:
                yield ("SPOP", b"t" + key, 2)
            case 14:
                yield ("SUNIONSTORE", b"t" + key, b"t1", b"t2")
            case 15:
                yield ("HSET", b"h" + key, member, other, number, number)
            case 16:
                yield ("HDEL", b"h" + key, member)
            case 17:
                yield ("HINCRBY", b"h" + key, "count", number)
            case 18:
                yield ("ZADD", b"z" + key, half, member, number, "x")
            case 19:
                yield ("ZINCRBY", b"z" + key, half, member)
            case 20:
                yield ("ZPOPMIN", b"z" + key)
            case 21:
                yield (dice.choice(("DEL", "UNLINK")), dice.choice((b"s", b"l", b"t", b"h", b"z")) + key)
            case 22:
                yield ("PEXPIRE", dice.choice((b"s", b"l", b"t", b"h", b"z")) + key, 10_000_000)
            case 23:
                yield ("PERSIST", b"s" + key)
            case 24:
                yield ("RENAME", b"s" + key, b"s1")
            case 25:
                yield ("MULTI",)
                yield ("INCR", b"n" + key)
                yield ("SADD", b"t" + key, other)
                yield ("EXEC",)
            case 26 | 27:
                yield ("XADD", b"x" + key, "MAXLEN", "~", 150, "*", member, other, "n", number)
            case 28:
                yield ("XGROUP", "CREATE", b"x" + key, "readers", 0, "MKSTREAM")
                yield ("XREADGROUP", "GROUP", "readers", member, "COUNT", 3, "STREAMS", b"x" + key, ">")
            case 29:
                yield ("XAUTOCLAIM", b"x" + key, "readers", member, 0, 0, "COUNT", 2)
            case 30:
                yield ("XTRIM", b"x" + key, "MAXLEN", abs(number))
            case 31:
                yield ("XREADGROUP", "GROUP", "readers", member, "NOACK", "COUNT", 1, "STREAMS", b"x" + key, ">")
