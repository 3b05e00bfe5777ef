"""An application that reads and writes while slots move: it uses redis-py's cluster client, and may not notice.

Each write is numbered, each read must show the last number acknowledged; at the end everything acknowledged must be
there. Any error that comes out of the client is remembered, and ends the load.
"""

import random
import threading
from collections.abc import Sequence
from types import TracebackType

from redis.cluster import ClusterNode, RedisCluster

from pycluster.testing import Node, wait_until

KEYS = 300


class Application(threading.Thread):
    """`with Application(nodes) as application:` — it runs inside, and is content afterwards."""

    def __init__(self, nodes: Sequence[Node], acknowledged: dict[str, int] | None = None, seed: int = 1):
        """`acknowledged` is what another application left; this one goes on from there."""
        super().__init__(daemon=True)
        self.redis = RedisCluster(startup_nodes=[ClusterNode(node.host, node.port) for node in nodes])
        self.dice = random.Random(seed)
        self.acknowledged = {} if acknowledged is None else acknowledged
        self.rounds = 0
        self.ends = threading.Event()
        self.problem: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.ends.is_set():
                self.rounds += 1
                self.once(self.dice.randrange(KEYS))
        except BaseException as problem:
            self.problem = problem

    def once(self, number: int) -> None:
        """Writes a string, a hash and a pair of keys in one slot, and reads them back."""
        string, hash_, pair = f"string:{number}", f"hash:{number}", (f"{{{number}}}a", f"{{{number}}}b")
        for key in (string, hash_, *pair):
            known = self.acknowledged.get(key, 0)
            if key is hash_:
                found = self.redis.hget(key, "counter")
                assert int(found or 0) == known, f"{key} is {found!r}, not {known}"
                self.redis.hset(key, mapping={"counter": known + 1, f"field:{known % 20}": "x" * 50})
            elif key is string:
                found = self.redis.get(key)
                assert int(found or 0) == known, f"{key} is {found!r}, not {known}"
                assert self.redis.incr(key) == known + 1
            else:
                continue
            self.acknowledged[key] = known + 1
        known = self.acknowledged.get(pair[0], 0)
        assert [int(found or 0) for found in self.redis.mget(*pair)] == [known, known], f"{pair} are not {known}"
        self.redis.mset(dict.fromkeys(pair, known + 1))
        self.acknowledged |= dict.fromkeys(pair, known + 1)

    def wait_progress(self, rounds: int = 50) -> None:
        target = self.rounds + rounds
        wait_until(lambda: "" if self.rounds >= target or self.problem else "the application does not get on", 60)

    def why_not_content(self) -> str:
        """What is wrong with what is there now; nothing if all that was acknowledged is."""
        for key, number in self.acknowledged.items():
            found = self.redis.hget(key, "counter") if key.startswith("hash") else self.redis.get(key)
            if int(found or 0) != number:
                return f"{key} is {found!r}, not {number}"
        return ""

    def __enter__(self) -> "Application":
        self.start()
        self.wait_progress()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.ends.set()
        self.join(60)
        if kind is None:
            assert self.problem is None, repr(self.problem)
            assert not self.is_alive() and self.why_not_content() == ""
        self.redis.close()
