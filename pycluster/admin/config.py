"""CONFIG: looking at the server's configuration, changing it, writing it down (config.c)."""

import dataclasses
import os
from typing import Any

from pycluster.commands.table import Group, Some, Twos, commands_of
from pycluster.files.writer import Disk
from pycluster.protocol.errors import BadSyntax, NoConfigFile, config_rewrite_failed
from pycluster.server.client import Client
from pycluster.server.clients import is_local
from pycluster.server.config_rewrite import rewrite_file
from pycluster.server.info_commands import with_subcommands

group = Group("server")
config_ = group.container("config")


@config_.command("admin noscript loading stale")
def config_get(server: Any, *parameters: Some) -> dict[bytes, bytes]:
    """CONFIG GET parameter [parameter ...]

    Returns the effective values of configuration parameters.
    Since 2.0.0. O(N) when N is the number of configuration parameters provided.
    """
    return server.config.get(parameters)


@config_.command("admin noscript loading stale", tips=("request_policy:all_nodes", "response_policy:all_succeeded"))
def config_set(client: Client, *data: Twos) -> str:
    """CONFIG SET parameter value [parameter value ...]

    Sets configuration parameters in-flight.
    Since 2.0.0. O(N) when N is the number of configuration parameters provided.
    """
    if len(data) % 2:
        raise BadSyntax
    server, pairs = client.server, zip(data[::2], data[1::2], strict=True)
    server.config.set(pairs, is_local=is_local(client.link.address), is_loading=server.is_loading)
    return "OK"


@config_.command("admin noscript loading stale", tips=("request_policy:all_nodes", "response_policy:all_succeeded"))
def config_rewrite(server: Any) -> str:
    """CONFIG REWRITE

    Persists the effective configuration to file.
    Since 2.8.0. O(1).
    """
    if not server.config.file:
        raise NoConfigFile
    try:
        rewrite_file(server.config, Disk(), users=(), warn=server.log.warning)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        server.log.warning(f"CONFIG REWRITE failed: {reason}")
        raise config_rewrite_failed(reason) from None
    server.log.notice("CONFIG REWRITE executed with success.")
    return "OK"


@config_.command("admin noscript loading stale", tips=("request_policy:all_nodes", "response_policy:all_succeeded"))
def config_resetstat(server: Any) -> str:
    """CONFIG RESETSTAT

    Resets the server's statistics.
    Since 2.0.0. O(1).
    """
    for command in with_subcommands(commands_of(server.table)):
        command.reset()
    set_to_zero(server.statistics)
    set_to_zero(server.keyspace.statistics)
    set_to_zero(server.expiry)
    set_to_zero(server.turn.cycles)
    server.memory.reset_counters()
    server.slot_stats.reset()
    return "OK"


def set_to_zero(counters: Any) -> None:
    """Puts a dataclass of counters back to its beginning; a dict of them stays the same dict, others hold it."""
    fresh = type(counters)()
    for field in dataclasses.fields(counters):
        value = getattr(counters, field.name)
        if isinstance(value, dict):
            value.clear()
        else:
            setattr(counters, field.name, getattr(fresh, field.name))


config_.help("""
GET <pattern>
    Return parameters matching the glob-like <pattern> and their values.
SET <directive> <value>
    Set the configuration <directive> to <value>.
RESETSTAT
    Reset statistics reported by the INFO command.
REWRITE
    Rewrite the configuration file.
""")
