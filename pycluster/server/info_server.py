"""INFO's fields about the server as a whole: who it is, its clients, its counters, its keys.

What belongs to one part (replication, the cluster, persistence) that part adds itself.
"""

import os
import sys
from typing import Any

from pycluster.commands.table import Command, commands_of
from pycluster.server.client import IS_REPLICA
from pycluster.server.info import Info, Value
from pycluster.server.info_commands import command_fields, error_fields, latency_fields, with_subcommands
from pycluster.server.info_host import machine, processor_fields
from pycluster.server.info_memory import memory_fields
from pycluster.server.version import REDIS_VERSION, SERVER_NAME, VERSION

LRU_CLOCK_BITS = 24


def build_info(server: Any) -> Info:
    """The report of this server, with all that needs no other part."""
    config = server.config
    info = Info()
    info.add("Server", lambda: server_fields(server))
    info.add("Clients", lambda: client_fields(server))
    info.add("Memory", lambda: memory_fields(server))
    info.add("Persistence", lambda: {"rdb_last_save_time": server.started_ms // 1000})
    info.add("Stats", lambda: counter_fields(server))
    info.add("Stats", lambda: rate_fields(server))
    info.add("Stats", server.expiry.info)
    info.add("Stats", server.memory.counters)
    info.add("CPU", processor_fields)
    info.add("Commandstats", lambda: command_fields(commands_of(server.table)))
    info.add("Errorstats", lambda: error_fields(server.statistics.errors))
    info.add("Latencystats", lambda: latencies(server))
    info.add("Cluster", lambda: {"cluster_enabled": config.cluster_enabled})
    info.add("Keyspace", lambda: key_fields(server))
    return info


def server_fields(server: Any) -> dict[str, Value]:
    config = server.config
    now_ms = server.wall_ms()
    uptime = (now_ms - server.started_ms) // 1000
    return {
        "redis_version": REDIS_VERSION,
        "server_name": SERVER_NAME,
        "pycluster_version": VERSION,
        "redis_mode": "cluster" if server.clustered else "standalone",
        "os": machine(),
        "process_id": os.getpid(),
        "run_id": server.run_id,
        "tcp_port": config.port or config.tls_port,
        "server_time_usec": now_ms * 1000,
        "uptime_in_seconds": uptime,
        "uptime_in_days": uptime // 86400,
        "hz": config.hz,
        "configured_hz": config.hz,
        "lru_clock": now_ms // 1000 % (1 << LRU_CLOCK_BITS),
        "executable": os.path.abspath(sys.argv[0]),
        "config_file": config.file,
    }


def client_fields(server: Any) -> dict[str, Value]:
    clients = server.clients.values()
    waiters = server.blocking.clients
    return {
        "connected_clients": sum(not client.gate & IS_REPLICA for client in clients),
        "maxclients": server.config.maxclients,
        "client_recent_max_input_buffer": max((client.link.held_input() for client in clients), default=0),
        "client_recent_max_output_buffer": max((client.link.held_output() for client in clients), default=0),
        "blocked_clients": len(waiters) + server.pause.postponed,
        "clients_in_timeout_table": sum(waiter.timer is not None for waiter in waiters),
        "total_blocking_keys": len(server.blocking.waiters),
    }


def counter_fields(server: Any) -> dict[str, Value]:
    counted, keys, pubsub = server.statistics, server.keyspace.statistics, server.pubsub
    cycles = server.turn.cycles
    return {
        "total_connections_received": counted.connections,
        "total_commands_processed": server.commands_processed,
        "total_net_input_bytes": counted.net_input + counted.replication_input,
        "total_net_output_bytes": counted.net_output + counted.replication_output,
        "total_net_repl_input_bytes": counted.replication_input,
        "total_net_repl_output_bytes": counted.replication_output,
        "rejected_connections": counted.rejected_connections,
        "sync_full": counted.full_syncs,
        "sync_partial_ok": counted.partial_syncs,
        "sync_partial_err": counted.refused_partial_syncs,
        "expired_keys": keys.expired,
        "evicted_keys": keys.evicted,
        "dump_payload_sanitizations": keys.sanitized,
        "keyspace_hits": keys.hits,
        "keyspace_misses": keys.misses,
        "pubsub_channels": len(pubsub.channels),
        "pubsub_patterns": len(pubsub.patterns),
        "pubsubshard_channels": len(pubsub.shard_channels),
        "unexpected_error_replies": counted.unexpected_errors,
        "total_error_replies": sum(counted.errors.values()),
        "total_reads_processed": counted.reads,
        "total_writes_processed": cycles.writes,
        "eventloop_cycles": cycles.count,
        "eventloop_duration_sum": cycles.nanoseconds // 1000,
        "eventloop_duration_cmd_sum": sum(command.nanoseconds for command in every_command(server)) // 1000,
        "acl_access_denied_auth": counted.auth_failures,
    }


def rate_fields(server: Any) -> dict[str, Value]:
    counted = server.statistics
    return {
        "instantaneous_ops_per_sec": int(counted.commands.rate),
        "instantaneous_input_kbps": counted.input_rate.rate / 1024,
        "instantaneous_output_kbps": counted.output_rate.rate / 1024,
        "instantaneous_eventloop_cycles_per_sec": int(counted.cycles.rate),
        "instantaneous_eventloop_duration_usec": int(counted.cycle_us.rate / max(1, counted.cycles.rate)),
        "instantaneous_input_repl_kbps": counted.replication_input_rate.rate / 1024,
        "instantaneous_output_repl_kbps": counted.replication_output_rate.rate / 1024,
    }


def every_command(server: Any) -> list[Command]:
    return list(with_subcommands(commands_of(server.table)))


def latencies(server: Any) -> dict[str, Value]:
    if not server.config.latency_tracking:
        return {}
    return latency_fields(commands_of(server.table), server.config.latency_tracking_info_percentiles)


def key_fields(server: Any) -> dict[str, Value]:
    """A line for each database that has keys."""
    fields: dict[str, Value] = {}
    for db in server.databases:
        if keys := db.shown_size():
            expires = sum(len(db.deadlines[slot]) for slot in db.volatile_slots())
            fields[f"db{db.index}"] = f"keys={keys},expires={expires},avg_ttl=0"
    return fields
