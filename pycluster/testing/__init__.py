"""Clusters for tests: real server processes on free ports of the loopback interface.

    from pycluster.testing import Cluster

    with Cluster(masters=3, replicas=1) as cluster:
        first = cluster.nodes[0]
        first.kill()                        # kill -9; its replica takes over
        cluster.wait_ok()
        first.restart()

The server program is a parameter: `Cluster(program=["redis-server"])` makes the same cluster of real Redis nodes,
which is how pycluster's own tests find out whether it is the test or the server that is wrong.
"""

from pycluster.testing.cluster import Cluster
from pycluster.testing.connection import Connection
from pycluster.testing.node import PYCLUSTER, Node, StartFailed
from pycluster.testing.ports import ReservedPort, reserve_port
from pycluster.testing.waiting import wait_until

__all__ = ["PYCLUSTER", "Cluster", "Connection", "Node", "ReservedPort", "StartFailed", "reserve_port", "wait_until"]
