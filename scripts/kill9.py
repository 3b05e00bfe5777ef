#!/usr/bin/env python3
"""Kills a server again and again, at moments it does not choose, and looks whether it lost anything it had promised.

    scripts/kill9.py --rounds 100 --appendfsync everysec

Each round: clients write numbers that only grow, alone and in transactions, while the append-only file is rewritten
now and then; then kill -9, a new start, and the questions. Is each number at least the last one whose writing was
acknowledged, and at most the last one sent? Is each transaction there as a whole, or not at all?

A killed process loses nothing that it had written, synced or not: so this holds for every appendfsync. What a power cut
may take is another matter (tests/unit/persistence/test_power_cut.py).
"""

import argparse
import random
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import hiredis

from pycluster.testing import Node, reserve_port

CLIENTS = 4
PIPELINE = 10


@dataclass(slots=True)
class Writer:
    """One client's numbers: sent, and acknowledged."""

    name: int
    sent: int = 0
    acknowledged: int = 0

    def write(self, node: Node) -> None:
        """Writes until the server is gone."""
        try:
            with node.connect() as connection:
                while True:
                    before = self.sent
                    for _ in range(PIPELINE):
                        self.sent += 1
                        for words in self.commands(self.sent):
                            connection.send(*words)
                    for number in range(before + 1, self.sent + 1):
                        for _ in self.commands(number):
                            reply = connection.receive()
                            if isinstance(reply, hiredis.ReplyError):
                                raise AssertionError(f"a write was refused: {reply}")
                        self.acknowledged = number
        except OSError:
            pass  # as it was to be

    def commands(self, number: int) -> list[tuple[str | int, ...]]:
        if number % 3:
            return [("SET", f"alone:{self.name}", number)]
        left, right = ("SET", f"left:{self.name}", number), ("SET", f"right:{self.name}", number)
        return [("MULTI",), left, right, ("EXEC",)]

    def check(self, node: Node) -> None:
        found = node.ask("MGET", f"alone:{self.name}", f"left:{self.name}", f"right:{self.name}")
        alone, left, right = (int(value or 0) for value in found)
        assert left == right, f"half a transaction: {left} and {right}"
        last_alone = self.acknowledged - (self.acknowledged % 3 == 0)
        last_pair = self.acknowledged - self.acknowledged % 3
        assert last_alone <= alone <= self.sent, f"{last_alone} was acknowledged, {alone} is there"
        assert last_pair <= left <= self.sent, f"{last_pair} was acknowledged, {left} is there"
        self.sent = self.acknowledged = max(alone, left)


def rounds(node: Node, count: int, rng: random.Random) -> int:
    """Kills and asks so many times; how many writes were acknowledged in all. Raises AssertionError."""
    writers = [Writer(name) for name in range(CLIENTS)]
    acknowledged = 0
    node.start()
    try:
        for _ in range(count):
            before = sum(writer.acknowledged for writer in writers)
            threads = [threading.Thread(target=writer.write, args=(node,)) for writer in writers]
            for thread in threads:
                thread.start()
            time.sleep(rng.uniform(0, 0.3))
            if rng.random() < 0.5:
                node.ask("BGREWRITEAOF")
                time.sleep(rng.uniform(0, 0.1))
            node.kill()
            for thread in threads:
                thread.join()
            acknowledged += sum(writer.acknowledged for writer in writers) - before
            node.start()
            for writer in writers:
                writer.check(node)
    finally:
        node.kill()
    return acknowledged


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--appendfsync", choices=("always", "everysec", "no"), default="everysec")
    parser.add_argument("--seed", type=int, default=None, help="of the moments at which it is killed")
    asked = parser.parse_args()
    seed = asked.seed if asked.seed is not None else random.randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    directives = [("appendonly", "yes"), ("appendfsync", asked.appendfsync), ("save", "")]
    port = reserve_port()
    with tempfile.TemporaryDirectory(prefix="kill9-") as directory:
        node = Node(port.number, Path(directory), directives=directives)
        try:
            acknowledged = rounds(node, asked.rounds, random.Random(seed))
        except AssertionError as loss:
            print(f"LOST: {loss}\n{node.log_end()}", file=sys.stderr)
            return 1
        finally:
            port.release()
    print(f"{asked.rounds} times killed, {acknowledged} writes acknowledged, nothing lost")
    return 0


if __name__ == "__main__":
    sys.exit(main())
