"""A cluster and redis-cli --cluster, for tests of what people run a cluster with."""

import os
import subprocess

from pycluster.testing import Cluster, Node, wait_until
from tests.integration.loads import Application
from tests.integration.shards import id_of, row, rows
from tests.integration.tutorial import width


class Tools:
    """A cluster and redis-cli --cluster."""

    def __init__(self, cluster: Cluster, redis_cli: str):
        self.cluster = cluster
        self.redis_cli = redis_cli
        # What applications got acknowledged up to now: the next one begins there.
        self.acknowledged: dict[str, int] = {}

    @property
    def nodes(self) -> list[Node]:
        return self.cluster.nodes

    def application(self) -> Application:
        return Application(self.nodes[:3], self.acknowledged)

    def __call__(self, what: str, *words: object, status: int = 0) -> str:
        """Runs a subcommand on a node's address and returns what it prints."""
        return self.run("--cluster", what, self.nodes[0].address, *words, status=status)

    def run(self, *words: object, status: int = 0) -> str:
        command = [self.redis_cli, *map(str, words)]
        env = os.environ | {"TERM": "dumb"}
        done = subprocess.run(command, input="yes\n" * 3, capture_output=True, text=True, timeout=180, env=env)
        said = done.stdout + done.stderr
        assert done.returncode == status, said
        return said

    def reshard(self, source: Node, target: Node, slots: int) -> str:
        options = ("--cluster-from", id_of(source), "--cluster-to", id_of(target), "--cluster-slots", slots)
        return self("reshard", *options, "--cluster-yes")

    def slots_of(self, node: Node) -> int:
        return sum(map(width, row(node).slots))

    def wait_agreed(self) -> None:
        """Until every node shows the same owners, and nobody an open slot."""
        wait_until(self._why_not_agreed, 60)

    def _why_not_agreed(self) -> str:
        pictures = [{id_: row.slots for id_, row in rows(node).items()} for node in self.nodes]
        if any("[" in slot for picture in pictures for slots in picture.values() for slot in slots):
            return "a slot is open"
        return "" if all(picture == pictures[0] for picture in pictures) else f"nodes do not agree: {pictures}"

    def check(self) -> None:
        self.wait_agreed()
        said = self("check")
        assert "[OK] All nodes agree about slots configuration." in said, said
        assert "[OK] All 16384 slots covered." in said and "[WARNING]" not in said, said
