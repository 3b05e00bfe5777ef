"""A cluster of server processes: three masters with a replica each, or as asked.

The nodes need not meet: each gets a nodes.conf that names all of them, with slots and roles, and comes up as a member
of a cluster that seems to have existed before. With `formed=False` they come up as strangers, for tests of the meeting.
"""

import random
import re
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType

import hiredis

from pycluster.testing.node import PYCLUSTER, Directive, Node
from pycluster.testing.ports import BUS_OFFSET, ReservedPort, reserve_port
from pycluster.testing.waiting import wait_until

SLOTS = 16384


class Cluster:
    """`with Cluster() as cluster:` — up and ok inside, gone with its directory afterwards."""

    def __init__(
        self,
        masters: int = 3,
        replicas: int = 1,
        *,
        host: str = "127.0.0.1",
        ports: Sequence[int] | None = None,
        directory: Path | str | None = None,
        program: Sequence[str] = PYCLUSTER,
        directives: Iterable[Directive] = (),
        node_timeout_ms: int = 1000,
        formed: bool = True,
        daemon: bool = False,
    ):
        """`replicas` is per master. Without `ports` free ones are taken, without `directory` a temporary one."""
        count = masters * (1 + replicas)
        self.reserved: list[ReservedPort] = [] if ports else [reserve_port() for _ in range(count)]
        self.temporary = None if directory else tempfile.TemporaryDirectory(prefix="pycluster-")
        self.directory = Path(directory or self.temporary.name)  # type: ignore[union-attr]
        self.program = tuple(program)
        self.masters = masters
        self.formed = formed
        own: list[Directive] = [
            ("cluster-enabled", "yes"),
            ("cluster-config-file", "nodes.conf"),
            ("cluster-node-timeout", node_timeout_ms),
            ("repl-diskless-sync-delay", 0),  # a replica waits 5 s otherwise, in case others want the same snapshot
        ]
        self.nodes = [
            Node(
                port,
                self.directory / str(port),
                host=host,
                program=program,
                directives=[*own, *directives],
                daemon=daemon,
            )
            for port in ports or [reserved.number for reserved in self.reserved]
        ]
        assert len(self.nodes) == count, f"{count} nodes need {count} ports"

    def node(self, port: int) -> Node:
        return next(node for node in self.nodes if node.port == port)

    def start(self, timeout_s: float = 60.0) -> None:
        """Start every node that isn't running and wait until the cluster is well.

        Of a new one the masters come first: on a busy machine a replica that is up much earlier than its master would
        take its place.
        """
        if self.formed and self.write_nodes_conf():
            self._launch(self.nodes[: self.masters])
            for node in self.nodes[: self.masters]:
                node.wait_ready(timeout_s)
        self.launch()
        for node in self.nodes:
            node.wait_ready(timeout_s)
        if self.formed:
            self.wait_ok(timeout_s)

    def launch(self) -> None:
        if self.formed:
            self.write_nodes_conf()
        self._launch(self.nodes)

    def _launch(self, nodes: Iterable[Node]) -> None:
        for node in nodes:
            if not node.is_running:
                node.launch()

    def stop(self) -> None:
        """End all nodes in good order, side by side; they keep their directories."""
        _stop(self.nodes)

    def close(self) -> None:
        """Kill what runs, delete a temporary directory, give the ports back."""
        for node in self.nodes:
            node.kill()
        if self.temporary:
            self.temporary.cleanup()
        for reserved in self.reserved:
            reserved.release()
        self.reserved = []

    def __enter__(self) -> "Cluster":
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    # ---- is it well?

    def wait_ok(self, timeout_s: float = 60.0) -> None:
        wait_until(self.why_not_ok, timeout_s)

    def why_not_ok(self) -> str:
        """What keeps the running nodes from being one healthy cluster; an empty string if nothing does."""
        running = [node for node in self.nodes if node.is_running]
        if not running:
            return "no node is running"
        return next(filter(None, map(self.why_node_not_ok, running)), "")

    def why_node_not_ok(self, node: Node) -> str:
        try:
            state, replication = node.cluster_info(), node.info("replication")
        except hiredis.ReplyError as error:
            return f"{node.address} says {error}"
        if state["cluster_state"] != "ok":
            return f"{node.address} says cluster_state:{state['cluster_state']}"
        if int(state["cluster_known_nodes"]) < len(self.nodes):
            return f"{node.address} knows {state['cluster_known_nodes']} of {len(self.nodes)} nodes"
        if replication["role"] == "slave" and replication["master_link_status"] != "up":
            return f"the link of {node.address} to its master is {replication['master_link_status']}"
        return ""

    # ---- nodes that know each other from the start

    def write_nodes_conf(self) -> bool:
        """Give each node a nodes.conf that names all, unless they have been a cluster before; were they new?"""
        paths = [node.directory / "nodes.conf" for node in self.nodes]
        if any(path.exists() for path in paths):
            return False
        ids = [_random_id() for _ in self.nodes]
        shard_ids = [_random_id() for _ in range(self.masters)] if self._knows_shards() else []
        for me, path in enumerate(paths):
            lines = [self._nodes_conf_line(other, me, ids, shard_ids) for other in range(len(self.nodes))]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(lines) + f"vars currentEpoch {self.masters} lastVoteEpoch 0\n")
        return True

    def _nodes_conf_line(self, index: int, me: int, ids: list[str], shard_ids: list[str]) -> str:
        node, shard = self.nodes[index], index % self.masters
        is_master = index < self.masters
        place = f"{node.host}:{node.port}@{node.port + BUS_OFFSET}"
        if shard_ids:
            place += f",,tls-port=0,shard-id={shard_ids[shard]}"
        flags = ("myself," if index == me else "") + ("master" if is_master else "slave")
        line = f"{ids[index]} {place} {flags} {'-' if is_master else ids[shard]} 0 0 {shard + 1} connected"
        if is_master:
            first, after = (round(SLOTS * edge / self.masters) for edge in (shard, shard + 1))
            line += f" {first}-{after - 1}"
        return line + "\n"

    def _knows_shards(self) -> bool:
        """Redis up to 7.0 would take the fields behind the bus port for a hostname."""
        if self.program == PYCLUSTER:
            return True
        said = subprocess.run([*self.program, "--version"], capture_output=True, text=True).stdout
        return not re.match(r"Redis server v=([1-6]\.|7\.0)", said)


def _random_id() -> str:
    return random.randbytes(20).hex()


def _stop(nodes: Iterable[Node]) -> None:
    """SIGTERM to all first, then wait: a master that stops waits for its replicas, which should be stopping too."""
    running = [node for node in nodes if node.is_running]
    for node in running:
        node.terminate()
    for node in running:
        node.wait_gone()
