"""The cluster of the tutorials: six nodes from six directories with a redis.conf each, run by hand.

Here are the hands: redis-cli, and reading what CLUSTER NODES shows. The story itself is test_story.py.
"""

import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pycluster.testing import Cluster, Node, wait_until

NODE_TIMEOUT_MS = 1000
PLAIN = os.environ | {"TERM": "dumb"}  # on an xterm redis-cli --cluster prints in colours, pipe or not

# As the tutorials write it, down to the pidfile that stands there twice: the later line wins.
REDIS_CONF = """\
bind {host}
port {port}
daemonize yes
pidfile /var/run/redis_6379.pid
logfile "{log}"
dir {directory}
timeout 300
cluster-enabled yes
cluster-config-file nodes-{port}.conf
cluster-node-timeout {node_timeout_ms}
appendonly yes
pidfile {pidfile}
"""
# Not theirs: a master waits 5 s before it sends a new replica everything, in case others want the same; and CLUSTER
# SLOTS lists a replica when its master has sent it something, a PING every 10 s for want of anything else.
HURRY = "repl-diskless-sync-delay 0\nrepl-ping-replica-period 1\n"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of CLUSTER NODES."""

    id: str
    address: str
    flags: tuple[str, ...]
    master: str
    ping_sent: int
    pong_received: int
    epoch: int
    link: str
    slots: tuple[str, ...]

    @property
    def role(self) -> str:
        return "master" if "master" in self.flags else "slave"


class Tutorial:
    """Nodes with a tutorial's redis.conf, not started yet. Numbers count from one, as the ports 7001, 7002 … do."""

    def __init__(self, program: Sequence[str], redis_cli: str, directory: Path, hosts: Sequence[str]):
        self.redis_cli = redis_cli
        self.cluster = Cluster(len(hosts), 0, program=program, directory=directory, formed=False, daemon=True)
        for node, host in zip(self.nodes, hosts, strict=True):
            node.host = host
            node.directory.mkdir(parents=True)
            conf = HURRY + REDIS_CONF.format(
                host=host,
                port=node.port,
                log=node.log_path,
                directory=node.directory,
                node_timeout_ms=NODE_TIMEOUT_MS,
                pidfile=node.pid_path,
            )
            if len(set(hosts)) > 1:
                # All of 127.0.0.0/8 is one machine: whoever calls, the other side sees 127.0.0.1.
                conf += f"cluster-announce-ip {host}\n"
            node.config_path.write_text(conf)

    @property
    def nodes(self) -> list[Node]:
        return self.cluster.nodes

    def node(self, number: int) -> Node:
        return self.nodes[number - 1]

    def close(self) -> None:
        self.cluster.close()

    # ---- redis-cli

    def cli(self, node: Node, *words: object, typed: str | None = None) -> str:
        """Run redis-cli on a node, with a command or with lines typed into it, and return what it prints."""
        done = self._run("-h", node.host, "-p", node.port, *words, typed=typed)
        return (done.stdout + done.stderr).strip()

    def cli_cluster(self, *words: object, fails: bool = False) -> str:
        done = self._run("--cluster", *words)
        said = (done.stdout + done.stderr).strip()
        assert done.returncode == int(fails), said
        return said

    def create(self, nodes: Sequence[Node], *, fails: bool = False) -> str:
        addresses = [node.address for node in nodes]
        return self.cli_cluster("create", "--cluster-replicas", 1, *addresses, "--cluster-yes", fails=fails)

    def converse(self, *words: object, answers: Iterable[tuple[str, object]]) -> None:
        """redis-cli --cluster asks, and is answered question by question: it reads whatever has been typed as one."""
        command = [self.redis_cli, "--cluster", *map(str, words)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=PLAIN) as process:
            assert process.stdin and process.stdout
            for question, answer in answers:
                said = b""
                while not said.endswith(question.encode()):
                    letter = process.stdout.read(1)
                    assert letter, f"redis-cli does not ask {question!r}: {said.decode()}"
                    said += letter
                    assert b"***" not in said, f"redis-cli is not content: {said.decode()}"
                process.stdin.write(f"{answer}\n".encode())
                process.stdin.flush()
            process.communicate(timeout=60)
        assert process.returncode == 0

    def _run(self, *words: object, typed: str | None = None) -> subprocess.CompletedProcess[str]:
        command = [self.redis_cli, *map(str, words)]
        return subprocess.run(command, input=typed or "", capture_output=True, text=True, timeout=600, env=PLAIN)

    def shutdown(self, *nodes: Node) -> None:
        """`redis-cli shutdown` of several nodes at once: nobody has the time to fail over meanwhile."""
        commands = [[self.redis_cli, "-h", node.host, "-p", str(node.port), "shutdown"] for node in nodes]
        running = [subprocess.Popen(command, stdin=subprocess.DEVNULL) for command in commands]
        assert [process.wait(60) for process in running] == [0] * len(nodes)
        for node in nodes:
            node.wait_gone()

    def start(self, *nodes: Node) -> None:
        for node in nodes:
            node.launch()
        for node in nodes:
            node.wait_ready()

    # ---- what the nodes say

    def rows(self, observer: Node) -> dict[str, Row]:
        """CLUSTER NODES as a table by address."""
        return {row.address: row for row in map(read_row, observer.ask("CLUSTER", "NODES").decode().splitlines())}

    def row(self, node: Node, observer: Node | None = None) -> Row:
        if observer is None or observer is node:
            # By its flag: a node that nobody has met doesn't know its own address.
            return next(row for row in self.rows(node).values() if "myself" in row.flags)
        return self.rows(observer)[node.address]

    def owner(self, slot: int, observer: Node) -> Node:
        return self._by_address(next(row for row in self.rows(observer).values() if covers(row, slot)).address)

    def replica_of(self, master: Node, observer: Node | None = None) -> Node:
        rows = self.rows(observer or master)
        mine = rows[master.address].id
        return self._by_address(next(row for row in rows.values() if row.master == mine).address)

    def masters(self, observer: Node) -> list[Node]:
        """Those with slots, in the order of their slots."""
        owners = [row for row in self.rows(observer).values() if row.slots]
        owners.sort(key=lambda row: int(row.slots[0].split("-")[0]))
        return [self._by_address(row.address) for row in owners]

    def other_than(self, *nodes: Node) -> list[Node]:
        return [node for node in self.nodes if node not in nodes and node.is_running]

    def _by_address(self, address: str) -> Node:
        return next(node for node in self.nodes if node.address == address)

    # ---- waiting

    def wait_ok(self) -> None:
        self.cluster.wait_ok()

    def wait_state(self, state: str, nodes: Sequence[Node]) -> None:
        def why_not() -> str:
            others = [node.address for node in nodes if node.cluster_info()["cluster_state"] != state]
            return f"not cluster_state:{state} on {others}" if others else ""

        wait_until(why_not, 60)

    def wait_role(self, node: Node, role: str, observers: Sequence[Node]) -> None:
        def why_not() -> str:
            others = [other.address for other in observers if self.row(node, other).role != role]
            return f"{node.address} is not yet {role} to {others}" if others else ""

        wait_until(why_not, 60)

    def wait_flag(self, node: Node, flag: str, observers: Sequence[Node]) -> None:
        def why_not() -> str:
            others = [other.address for other in observers if flag not in self.row(node, other).flags]
            return f"{node.address} is not {flag} to {others}" if others else ""

        wait_until(why_not, 60)

    def wait_keys(self, node: Node, keys: set[str]) -> None:
        wait_until(lambda: "" if set(self.cli(node, "keys", "*").split()) == keys else f"{node} has not {keys}")


def covers(row: Row, slot: int) -> bool:
    for text in row.slots:
        first, _, last = text.partition("-")
        if first.isdigit() and int(first) <= slot <= int(last or first):
            return True
    return False


def width(slots: str) -> int:
    """How many slots a word of CLUSTER NODES names: a slot or a range."""
    first, _, last = slots.partition("-")
    return int(last or first) - int(first) + 1


def read_row(line: str) -> Row:
    id_, where, flags, master, ping, pong, epoch, link, *slots = line.split()
    address = where.split("@")[0]
    return Row(id_, address, tuple(flags.split(",")), master, int(ping), int(pong), int(epoch), link, tuple(slots))
