"""Commands about replication as a client sees them, told by a server that has replicas, or is one, or neither."""

from tests.differential.comparing import Pair


def test_failover_without_replicas(compare: Pair) -> None:
    compare(
        "FAILOVER",
        "FAILOVER ABORT",
        "failover abort",
        "FAILOVER TO 127.0.0.1 7001",
        "FAILOVER TIMEOUT 100",
        "FAILOVER TO 127.0.0.1 7001 FORCE",
        "FAILOVER FORCE",
    )


def test_failover_with_options_that_are_none(compare: Pair) -> None:
    compare(
        "FAILOVER NOW",
        "FAILOVER TO",
        "FAILOVER TO 127.0.0.1",
        "FAILOVER TO 127.0.0.1 port",
        "FAILOVER TO 127.0.0.1 7001 TO 127.0.0.1 7002",
        "FAILOVER TIMEOUT",
        "FAILOVER TIMEOUT 0",
        "FAILOVER TIMEOUT -5",
        "FAILOVER TIMEOUT soon",
        "FAILOVER TIMEOUT 5 TIMEOUT 6",
        "FAILOVER FORCE FORCE",
        "FAILOVER ABORT NOW",
        "FAILOVER ABORT TIMEOUT 5",
    )


def test_failover_in_a_cluster(compare_in_cluster: Pair) -> None:
    compare_in_cluster("FAILOVER", "FAILOVER ABORT", "FAILOVER NONSENSE", "REPLICAOF NO ONE")


def test_failover_in_a_transaction_and_as_a_replica(compare: Pair) -> None:
    compare(
        "MULTI",
        "FAILOVER",
        "EXEC",
        "REPLICAOF 127.0.0.1 1",
        "FAILOVER",
        "FAILOVER ABORT",
        "WAIT 0 0",
        "REPLICAOF NO ONE",
    )


def test_psync_failover_is_for_replicas(compare: Pair) -> None:
    compare("PSYNC ? -1 FAILOVER", "PSYNC 0123456789012345678901234567890123456789 1 failover")


def test_wait_and_its_arguments(compare: Pair) -> None:
    compare(
        "WAIT 0 0",
        "SET k v",
        "WAIT 0 0",
        "WAIT 1 1",
        "WAIT -1 1",
        "WAIT one 1",
        "WAIT 1 -1",
        "WAIT 1 soon",
        "MULTI",
        "WAIT 1 0",
        "EXEC",
    )


def test_replconf(compare: Pair) -> None:
    compare(
        "REPLCONF",
        "REPLCONF listening-port",
        "REPLCONF listening-port 7002 capa eof capa psync2 capa nonsense",
        "REPLCONF listening-port port",
        "REPLCONF ip-address 127.0.0.1",
        "REPLCONF rdb-only 1",
        "REPLCONF rdb-only 2",
        "REPLCONF rdb-only yes",
        'REPLCONF rdb-filter-only ""',
        'REPLCONF rdb-filter-only "functions"',
        'REPLCONF rdb-filter-only "keys"',
        "REPLCONF rdb-filter-only '\"'",
        "REPLCONF nonsense 1",
        "REPLCONF ACK",
    )


def test_replicaof_and_its_arguments(compare: Pair) -> None:
    compare(
        "REPLICAOF NO",
        "REPLICAOF NO ONE",
        "REPLICAOF 127.0.0.1 port",
        "REPLICAOF 127.0.0.1 -1",
        "REPLICAOF 127.0.0.1 65536",
        "REPLICAOF 127.0.0.1 1",
        "SLAVEOF 127.0.0.1 1",
        "replicaof no one",
    )
