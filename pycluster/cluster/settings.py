"""The directives of redis.conf that the cluster core reads, with Redis' defaults.

The server fills this from its configuration and hands over another one when CONFIG SET changes one of them.
"""

from dataclasses import dataclass

from pycluster.cluster.node import BUS_PORT_OFFSET


@dataclass(frozen=True, slots=True)
class Settings:
    port: int = 6379
    cluster_port: int = 0  # 0: port + 10000
    announce_ip: str = ""  # "": as seen on the socket
    announce_port: int = 0
    announce_bus_port: int = 0
    announce_hostname: str = ""
    announce_human_nodename: str = ""
    node_timeout_ms: int = 15000
    replica_validity_factor: int = 10
    replica_no_failover: bool = False
    require_full_coverage: bool = True
    allow_replica_migration: bool = True
    repl_ping_replica_period_s: int = 10
    manual_failover_timeout_ms: int = 5000  # cluster-manual-failover-timeout, which is Valkey's

    @property
    def bus_port(self) -> int:
        return self.cluster_port or self.port + BUS_PORT_OFFSET

    @property
    def public_port(self) -> int:
        return self.announce_port or self.port

    @property
    def public_bus_port(self) -> int:
        return self.announce_bus_port or self.bus_port
