"""Every directive of Redis 7.2's redis.conf: its name, kind, default, bounds and traits. One line each, and only here.

The table is a dataclass, so that `config.maxclients` is a plain, typed attribute: the field's name is the directive's
with underscores for dashes, its metadata holds the Directive. How values are read and shown stands in
directive_kinds.py, what one can do with them (get, set, watch, load, rewrite) in config.py and config_file.py.
Which of them change anything here so far, the README says.
"""

import dataclasses
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Flag, auto
from typing import Any

from pycluster.server.directive_kinds import (
    INT_MAX,
    LONG_MAX,
    UINT_MAX,
    ULONG_MAX,
    Addresses,
    AnyOf,
    BadValue,
    Directory,
    EventClasses,
    HostAndPort,
    Kind,
    LimitPerClass,
    Memory,
    Number,
    Octal,
    OneOf,
    OomScores,
    OutputLimit,
    OutputLimits,
    Percentiles,
    Primary,
    SavePoint,
    SavePoints,
    Secret,
    Text,
    YesNo,
)


class Trait(Flag):
    IMMUTABLE = auto()  # only at start
    PROTECTED = auto()  # by CONFIG SET only with enable-protected-configs
    SECRET = auto()  # hidden in SLOWLOG and MONITOR
    HIDDEN = auto()  # answered by its whole name, never by a pattern
    NOT_WHILE_LOADING = auto()
    RELOAD = auto()  # names a file: setting the same name again is a change
    MANY_WORDS = auto()  # several words make the value; the kind counts them


NONE = Trait(0)
IMMUTABLE, PROTECTED, SECRET, HIDDEN, NOT_WHILE_LOADING, RELOAD, MANY_WORDS = Trait


@dataclass(frozen=True, slots=True)
class Directive:
    name: str
    attribute: str
    kind: Kind
    default: Any
    traits: Trait
    alias: str  # the name before Redis 5 or 7, or ""


def declare(kind: Kind, default: Any, traits: Trait = NONE, alias: str = "", name: str = "") -> Any:
    return dataclasses.field(default=default, metadata={"row": (kind, traits, alias, name)})


def yes_no(default: bool, traits: Trait = NONE, alias: str = "", allows: Callable[[bool], None] | None = None) -> Any:
    return declare(YesNo(allows), default, traits, alias)


def number(default: int, low: int = 0, high: int = INT_MAX, traits: Trait = NONE, alias: str = "") -> Any:
    return declare(Number(low, high), default, traits, alias)


def memory(default: int, low: int = 0, high: int = LONG_MAX, alias: str = "", or_percent: bool = False) -> Any:
    return declare(Memory(low, high, or_percent), default, alias=alias)


def text(default: str, traits: Trait = NONE, allows: Callable[[str], None] | None = None) -> Any:
    return declare(Text(unset_if_empty=False, allows=allows), default, traits)


def optional(traits: Trait = NONE, alias: str = "", name: str = "", allows: Callable[[str], None] | None = None) -> Any:
    return declare(Text(unset_if_empty=True, allows=allows), "", traits, alias, name)


def one_of(names: str, default: str, traits: Trait = NONE, shown_as: tuple[tuple[str, str], ...] = ()) -> Any:
    return declare(OneOf(tuple(names.split()), shown_as), default, traits)


# What some values must not be


def base_name(directive: str, what: str, may_be_empty: bool = False) -> Callable[[str], None]:
    def allows(value: str) -> None:
        if not value and not may_be_empty:
            raise BadValue(f"{directive} can't be empty")
        if "/" in value or "\\" in value:
            raise BadValue(f"{directive} can't be a path, just a {what}")

    return allows


def host_name(value: str) -> None:
    if len(os.fsencode(value)) >= 256:
        raise BadValue("Hostnames must be less than 256 characters")
    if not all(letter.isascii() and (letter.isalnum() or letter in "-.") for letter in value):
        raise BadValue("Hostnames may only contain alphanumeric characters, hyphens or dots")


def node_name(value: str) -> None:
    if any(letter in "!#$%&()*+:;<>?@[]^{|}~" for letter in value):
        raise BadValue("Announced human node name contained invalid character")


def no_defragmentation(wanted: bool) -> None:
    if wanted:
        raise BadValue(
            "Active defragmentation cannot be enabled: it requires a Redis server compiled with a modified Jemalloc "
            "like the one shipped by default with the Redis source distribution"
        )


def save_or_not(chosen: tuple[str, ...]) -> None:
    if "save" in chosen and "nosave" in chosen:
        raise BadValue("shutdown options SAVE and NOSAVE can't be used simultaneously")


TITLE_VARIABLE = re.compile(r"\{(title|listen-addr|server-mode|config-file|port|tls-port|unixsocket)\}")


def process_title(template: str) -> None:
    is_broken = "{" in TITLE_VARIABLE.sub("", template.replace("{{", ""))
    is_silent = not template.replace("{title}", "").replace("{unixsocket}", "").strip(" ")
    if is_broken or is_silent:
        raise BadValue("template format is invalid or contains unknown variables")


WHO_MAY = "no yes local"
ON_SIGNAL = AnyOf(("default", "save", "nosave", "now", "force"), save_or_not)


@dataclass(slots=True)
class Directives:
    """The table."""

    # Network
    port: int = number(6379, 0, 65535)
    bind: tuple[str, ...] = declare(Addresses(), ("*", "-::*"), MANY_WORDS)
    bind_source_addr: str = optional()
    protected_mode: bool = yes_no(True)
    tcp_backlog: int = number(511, traits=IMMUTABLE)
    tcp_keepalive: int = number(300)
    timeout: int = number(0)
    unixsocket: str = optional(IMMUTABLE)
    unixsocketperm: int = declare(Octal(0, 0o777), 0, IMMUTABLE)
    socket_mark_id: int = number(0, 0, UINT_MAX, IMMUTABLE)
    io_threads: int = number(1, 1, 128, IMMUTABLE)
    io_threads_do_reads: bool = yes_no(False, IMMUTABLE)

    # TLS
    tls_port: int = number(0, 0, 65535)
    tls_cluster: bool = yes_no(False)
    tls_replication: bool = yes_no(False)
    tls_auth_clients: str = one_of("no yes optional", "yes")
    tls_cert_file: str = optional(RELOAD)
    tls_key_file: str = optional(RELOAD)
    tls_key_file_pass: str = optional()
    tls_client_cert_file: str = optional(RELOAD)
    tls_client_key_file: str = optional(RELOAD)
    tls_client_key_file_pass: str = optional()
    tls_dh_params_file: str = optional(RELOAD)
    tls_ca_cert_file: str = optional(RELOAD)
    tls_ca_cert_dir: str = optional(RELOAD)
    tls_protocols: str = optional()
    tls_ciphers: str = optional()
    tls_ciphersuites: str = optional()
    tls_prefer_server_ciphers: bool = yes_no(False)
    tls_session_caching: bool = yes_no(True)
    tls_session_cache_size: int = number(20 * 1024)
    tls_session_cache_timeout: int = number(300)

    # The process
    daemonize: bool = yes_no(False, IMMUTABLE)
    supervised: str = one_of("upstart systemd auto no", "no", IMMUTABLE)
    pidfile: str = optional(IMMUTABLE)
    dir: str = dataclasses.field(
        default_factory=os.getcwd, metadata={"row": (Directory(), PROTECTED | NOT_WHILE_LOADING, "", "")}
    )
    loglevel: str = one_of("debug verbose notice warning nothing", "notice")
    logfile: str = text("", IMMUTABLE)
    syslog_enabled: bool = yes_no(False, IMMUTABLE)
    syslog_ident: str = text("redis", IMMUTABLE)
    syslog_facility: str = one_of("user local0 local1 local2 local3 local4 local5 local6 local7", "local0", IMMUTABLE)
    crash_log_enabled: bool = yes_no(True)
    crash_memcheck_enabled: bool = yes_no(True)
    use_exit_on_panic: bool = yes_no(False, HIDDEN)
    watchdog_period: int = number(0, traits=HIDDEN)
    always_show_logo: bool = yes_no(False, IMMUTABLE)
    set_proc_title: bool = yes_no(True, IMMUTABLE)
    proc_title_template: str = text("{title} {listen-addr} {server-mode}", allows=process_title)
    locale_collate: str = text("")
    shutdown_on_sigint: tuple[str, ...] = declare(ON_SIGNAL, (), MANY_WORDS)
    shutdown_on_sigterm: tuple[str, ...] = declare(ON_SIGNAL, (), MANY_WORDS)
    shutdown_timeout: int = number(10)
    ignore_warnings: str = text("")
    disable_thp: bool = yes_no(True, IMMUTABLE)
    jemalloc_bg_thread: bool = yes_no(True)
    oom_score_adj: str = one_of("no yes relative absolute", "no", shown_as=(("relative", "yes"),))
    oom_score_adj_values: tuple[int, ...] = declare(OomScores(), (0, 200, 800), MANY_WORDS)
    server_cpulist: str = optional(IMMUTABLE, name="server_cpulist")
    bio_cpulist: str = optional(IMMUTABLE, name="bio_cpulist")
    aof_rewrite_cpulist: str = optional(IMMUTABLE, name="aof_rewrite_cpulist")
    bgsave_cpulist: str = optional(IMMUTABLE, name="bgsave_cpulist")
    hz: int = number(10)
    dynamic_hz: bool = yes_no(True)

    # Who may do what
    requirepass: bytes = declare(Secret(), b"", SECRET)
    aclfile: str = text("", IMMUTABLE)
    acl_pubsub_default: str = one_of("allchannels resetchannels", "resetchannels")
    acllog_max_len: int = number(128, 0, LONG_MAX)
    enable_protected_configs: str = one_of(WHO_MAY, "no", IMMUTABLE)
    enable_debug_command: str = one_of(WHO_MAY, "no", IMMUTABLE)
    enable_module_command: str = one_of(WHO_MAY, "no", IMMUTABLE)

    # Clients
    maxclients: int = number(10000, 1, UINT_MAX)
    maxmemory_clients: int = memory(0, -100, or_percent=True)
    client_query_buffer_limit: int = memory(1 << 30, 1 << 20)
    client_output_buffer_limit: OutputLimits = declare(
        LimitPerClass(),
        OutputLimits(
            normal=OutputLimit(0, 0, 0),
            replica=OutputLimit(256 << 20, 64 << 20, 60),
            pubsub=OutputLimit(32 << 20, 8 << 20, 60),
        ),
        MANY_WORDS,
    )
    proto_max_bulk_len: int = memory(512 << 20, 1 << 20)
    tracking_table_max_keys: int = number(1000000, 0, LONG_MAX)

    # What is watched
    slowlog_log_slower_than: int = number(10000, -1, LONG_MAX)
    slowlog_max_len: int = number(128, 0, LONG_MAX)
    latency_monitor_threshold: int = number(0, 0, LONG_MAX)
    latency_tracking: bool = yes_no(True)
    latency_tracking_info_percentiles: tuple[float, ...] = declare(Percentiles(), (50.0, 99.0, 99.9), MANY_WORDS)
    notify_keyspace_events: frozenset[str] = declare(EventClasses(), frozenset())

    # Keys and memory
    databases: int = number(16, 1, traits=IMMUTABLE)
    maxmemory: int = memory(0, 0, ULONG_MAX)
    maxmemory_policy: str = one_of(
        "volatile-lru volatile-lfu volatile-random volatile-ttl allkeys-lru allkeys-lfu allkeys-random noeviction",
        "noeviction",
    )
    maxmemory_samples: int = number(5, 1)
    maxmemory_eviction_tenacity: int = number(10, 0, 100)
    lfu_log_factor: int = number(10)
    lfu_decay_time: int = number(1)
    active_expire_effort: int = number(1, 1, 10)
    lazyfree_lazy_eviction: bool = yes_no(False)
    lazyfree_lazy_expire: bool = yes_no(False)
    lazyfree_lazy_server_del: bool = yes_no(False)
    lazyfree_lazy_user_del: bool = yes_no(False)
    lazyfree_lazy_user_flush: bool = yes_no(False)
    activerehashing: bool = yes_no(True)
    activedefrag: bool = yes_no(False, allows=no_defragmentation)
    active_defrag_ignore_bytes: int = memory(100 << 20, 1)
    active_defrag_threshold_lower: int = number(10, 0, 1000)
    active_defrag_threshold_upper: int = number(100, 0, 1000)
    active_defrag_cycle_min: int = number(1, 1, 99)
    active_defrag_cycle_max: int = number(25, 1, 99)
    active_defrag_max_scan_fields: int = number(1000, 1, LONG_MAX)

    # How types are encoded
    hash_max_listpack_entries: int = number(512, 0, LONG_MAX, alias="hash-max-ziplist-entries")
    hash_max_listpack_value: int = memory(64, alias="hash-max-ziplist-value")
    list_max_listpack_size: int = number(-2, -INT_MAX - 1, alias="list-max-ziplist-size")
    list_compress_depth: int = number(0)
    set_max_intset_entries: int = number(512, 0, LONG_MAX)
    set_max_listpack_entries: int = number(128, 0, LONG_MAX)
    set_max_listpack_value: int = number(64, 0, LONG_MAX)
    zset_max_listpack_entries: int = number(128, 0, LONG_MAX, alias="zset-max-ziplist-entries")
    zset_max_listpack_value: int = memory(64, alias="zset-max-ziplist-value")
    hll_sparse_max_bytes: int = memory(3000)
    stream_node_max_bytes: int = memory(4096)
    stream_node_max_entries: int = number(100, 0, LONG_MAX)

    # Snapshots
    save: tuple[SavePoint, ...] = declare(
        SavePoints(), (SavePoint(3600, 1), SavePoint(300, 100), SavePoint(60, 10000)), MANY_WORDS
    )
    dbfilename: str = text("dump.rdb", PROTECTED, base_name("dbfilename", "filename", may_be_empty=True))
    rdbcompression: bool = yes_no(True)
    rdbchecksum: bool = yes_no(True, IMMUTABLE)
    rdb_save_incremental_fsync: bool = yes_no(True)
    rdb_del_sync_files: bool = yes_no(False)
    rdb_key_save_delay: int = number(0, -INT_MAX - 1, traits=HIDDEN)
    key_load_delay: int = number(0, -INT_MAX - 1, traits=HIDDEN)
    loading_process_events_interval_bytes: int = number(2 << 20, 1024, traits=HIDDEN)
    stop_writes_on_bgsave_error: bool = yes_no(True)
    sanitize_dump_payload: str = one_of("no yes clients", "no")

    # The append-only file
    appendonly: bool = yes_no(False, NOT_WHILE_LOADING)
    appendfilename: str = text("appendonly.aof", IMMUTABLE, base_name("appendfilename", "filename"))
    appenddirname: str = text("appendonlydir", IMMUTABLE, base_name("appenddirname", "dirname"))
    appendfsync: str = one_of("everysec always no", "everysec")
    no_appendfsync_on_rewrite: bool = yes_no(False)
    auto_aof_rewrite_percentage: int = number(100)
    auto_aof_rewrite_min_size: int = memory(64 << 20)
    aof_load_truncated: bool = yes_no(True)
    aof_use_rdb_preamble: bool = yes_no(True)
    aof_timestamp_enabled: bool = yes_no(False)
    aof_rewrite_incremental_fsync: bool = yes_no(True)
    aof_disable_auto_gc: bool = yes_no(False, HIDDEN)

    # Replication
    replicaof: HostAndPort | None = declare(Primary(), None, IMMUTABLE | MANY_WORDS, "slaveof")
    masteruser: bytes = declare(Secret(), b"", SECRET)
    masterauth: bytes = declare(Secret(), b"", SECRET)
    replica_serve_stale_data: bool = yes_no(True, alias="slave-serve-stale-data")
    replica_read_only: bool = yes_no(True, alias="slave-read-only")
    replica_ignore_maxmemory: bool = yes_no(True, alias="slave-ignore-maxmemory")
    replica_lazy_flush: bool = yes_no(False, alias="slave-lazy-flush")
    replica_priority: int = number(100, alias="slave-priority")
    replica_announced: bool = yes_no(True)
    replica_announce_ip: str = optional(alias="slave-announce-ip")
    replica_announce_port: int = number(0, 0, 65535, alias="slave-announce-port")
    replica_ignore_disk_write_errors: bool = yes_no(False)
    propagation_error_behavior: str = one_of("ignore panic panic-on-replicas", "ignore")
    repl_diskless_sync: bool = yes_no(True)
    repl_diskless_sync_delay: int = number(5)
    repl_diskless_sync_max_replicas: int = number(0)
    repl_diskless_load: str = one_of("disabled on-empty-db swapdb", "disabled", NOT_WHILE_LOADING)
    repl_ping_replica_period: int = number(10, 1, alias="repl-ping-slave-period")
    repl_timeout: int = number(60, 1)
    repl_disable_tcp_nodelay: bool = yes_no(False)
    repl_backlog_size: int = memory(1 << 20, 1)
    repl_backlog_ttl: int = number(3600, 0, LONG_MAX)
    min_replicas_to_write: int = number(0, alias="min-slaves-to-write")
    min_replicas_max_lag: int = number(10, alias="min-slaves-max-lag")

    # The cluster
    cluster_enabled: bool = yes_no(False, IMMUTABLE)
    cluster_config_file: str = text("nodes.conf", IMMUTABLE)
    cluster_port: int = number(0, 0, 65535, IMMUTABLE)
    cluster_node_timeout: int = number(15000, 0, LONG_MAX)
    cluster_ping_interval: int = number(0, 0, LONG_MAX, HIDDEN)
    cluster_announce_ip: str = optional()
    cluster_announce_port: int = number(0, 0, 65535)
    cluster_announce_tls_port: int = number(0, 0, 65535)
    cluster_announce_bus_port: int = number(0, 0, 65535)
    cluster_announce_hostname: str = optional(allows=host_name)
    cluster_announce_human_nodename: str = optional(allows=node_name)
    cluster_preferred_endpoint_type: str = one_of("ip hostname unknown-endpoint", "ip")
    cluster_replica_validity_factor: int = number(10, alias="cluster-slave-validity-factor")
    cluster_replica_no_failover: bool = yes_no(False, alias="cluster-slave-no-failover")
    cluster_migration_barrier: int = number(1)
    cluster_allow_replica_migration: bool = yes_no(True)
    cluster_require_full_coverage: bool = yes_no(True)
    cluster_allow_reads_when_down: bool = yes_no(False)
    cluster_allow_pubsubshard_when_down: bool = yes_no(True)
    cluster_link_sendbuf_limit: int = memory(0, 0, ULONG_MAX)
    cluster_slot_stats_enabled: bool = yes_no(False)  # these four are Valkey's
    cluster_manual_failover_timeout: int = number(5000, 1, INT_MAX)
    cluster_slot_migration_log_max_len: int = number(1000, 0, LONG_MAX)
    slot_migration_max_failover_repl_bytes: int = memory(0, -1, LONG_MAX)

    # Scripts
    busy_reply_threshold: int = number(5000, 0, LONG_MAX, alias="lua-time-limit")


def read_table() -> dict[str, Directive]:
    """The table by name, an alias beside the name that it stands for."""
    table = {}
    for column in dataclasses.fields(Directives):
        kind, traits, alias, odd_name = column.metadata["row"]
        default = "" if column.default is dataclasses.MISSING else column.default
        name = odd_name or column.name.replace("_", "-")
        directive = Directive(name, column.name, kind, default, traits, alias)
        table[name] = directive
        if alias:
            table[alias] = directive
    return table


DIRECTIVES = read_table()
