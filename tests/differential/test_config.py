"""CONFIG and INFO: what is answered, what is refused and in which words.

A dialogue puts back what it changes: the servers live on.
"""

import pytest

from tests.differential.comparing import Difference, Pair
from tests.differential.conftest import MakePair


def failed(name: str, reason: str) -> bytes:
    return f"-ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}\r\n".encode()


LEVELS = failed("loglevel", "argument(s) must be one of the following: debug, verbose, notice, warning, nothing")
NEW_VALUES = (
    Difference("CONFIG SET loglevel loud", LEVELS, "7.2 has the level nothing (config.c, loglevel_enum)"),
    Difference("CONFIG SET loglevel 'notice verbose'", LEVELS, "7.2 has the level nothing (config.c, loglevel_enum)"),
    Difference(
        "CONFIG SET cluster-announce-human-nodename a:b",
        failed("cluster-announce-human-nodename", "Announced human node name contained invalid character"),
        "7.2 has names of nodes for people (config.c)",
    ),
)


def test_get_by_name(compare: Pair) -> None:
    compare(
        "CONFIG GET timeout",
        "CONFIG GET TimeOut",
        "CONFIG GET nosuch",
        "CONFIG GET watchdog-period",
        "CONFIG GET",
        "CONFIG GET timeout TIMEOUT nosuch timeou?",
        "config get slave-priority",
    )


def test_get_by_pattern(compare: Pair) -> None:
    compare(
        "[pairs] CONFIG GET maxmemory*",
        "[pairs] CONFIG GET *-PRIORITY",
        "CONFIG GET [t]imeout",
        "CONFIG GET nosuch*",
        "CONFIG GET watchdo?-period",
        "[pairs] CONFIG GET tcp* repl-b* *-priority",
    )


def test_set_one_and_several(compare: Pair) -> None:
    compare(
        "CONFIG SET maxmemory-samples 7",
        "CONFIG SET MAXMEMORY-samples 8 slowlog-max-len 5 list-max-ziplist-size -1",
        "[pairs] CONFIG GET maxmemory-samples slowlog-max-len list-max-*",
        "CONFIG SET maxmemory-samples 5 slowlog-max-len 128 list-max-listpack-size -2",
    )


def test_set_is_all_or_nothing(compare: Pair) -> None:
    compare("CONFIG SET slowlog-max-len 5 maxmemory-samples 0 hz 20", "[pairs] CONFIG GET slowlog-max-len hz")


def test_set_refuses_what_is_no_directive_or_cannot_be_set(compare: Pair) -> None:
    compare(
        "CONFIG SET", "CONFIG SET timeout", "CONFIG SET timeout 1 hz", "CONFIG SET nosuch 1",
        "CONFIG SET timeout 1 NoSuch 2",
        "CONFIG SET databases 5", "CONFIG SET Databases 5 nosuch 1", "CONFIG SET nosuch 1 databases 5",
        "CONFIG SET dir /", "CONFIG SET timeout 1 dbfilename x timeout 2", "CONFIG SET timeout 0 TIMEOUT 0",
        "CONFIG SET hz 10 hz 10", "CONFIG SET slave-priority 100 replica-priority 100",
        ("CONFIG", "SET", "no\r\nsuch", "1"), ("CONFIG", "SET", b"\xff", "1"),
    )  # fmt: skip


@pytest.mark.parametrize(
    "value",
    [
        "appendonly maybe", "timeout -1", "timeout x", "timeout 1.5", "timeout ''", "timeout 99999999999999999999",
        "timeout +1", "timeout 01", "timeout ' 1'", "port 65536", "maxclients 0", "maxclients -1", "maxmemory -1",
        "maxmemory 1x", "maxmemory 1.5gb", "maxmemory 5%", "maxmemory-clients 101%", "maxmemory-clients x%",
        "maxmemory-clients -5%", "proto-max-bulk-len 10", "proto-max-bulk-len 18446744073709551615",
        "client-query-buffer-limit 0", "repl-backlog-size 0", "hll-sparse-max-bytes 9223372036854775808",
        "list-max-listpack-size 2147483648", "slowlog-log-slower-than -2", "active-expire-effort 11",
        "loglevel loud", "loglevel 'notice verbose'", "maxmemory-policy lru", "appendfsync ''",
        "repl-diskless-load yes",
        "shutdown-on-sigint 'save nosave'", "shutdown-on-sigint ''", "shutdown-on-sigterm 'now nosuch'",
        "save 900", "save '900 x'", "save '0 1'", "save '900  1'", "save '900 1 '", "save ' 900 1'", "save 'x 1'",
        "client-output-buffer-limit normal", "client-output-buffer-limit 'master 0 0 0'",
        "client-output-buffer-limit 'normal x 0 0'", "client-output-buffer-limit 'normal 0 0 -1'",
        "client-output-buffer-limit 'pubsub 1mb 512kb 5x'",
        "oom-score-adj-values '1 2'", "oom-score-adj-values '1 2 3000'", "oom-score-adj-values '1 2 x'",
        "notify-keyspace-events Kq", "latency-tracking-info-percentiles x",
        "latency-tracking-info-percentiles '50 101'",
        "latency-tracking-info-percentiles -1", "cluster-announce-hostname a_b",
        "cluster-announce-human-nodename a:b", "proc-title-template {nosuch}", "proc-title-template ''",
        "oom-score-adj perhaps",
    ],
)  # fmt: skip
def test_set_refuses_a_bad_value(compare: Pair, value: str) -> None:
    line = f"CONFIG SET {value}"
    compare(line, differs=tuple(difference for difference in NEW_VALUES if difference.line == line))


@pytest.mark.parametrize(
    ("name", "values", "usual"),
    [
        ("maxmemory", ["100mb", "1GB", "1k", "5b", "", "kb", "18446744073709551615", "36893488147419103232"], "0"),
        ("maxmemory-clients", ["5%", "100%", "0%", "1mb"], "0"),
        ("proto-max-bulk-len", ["1mb", "1048576"], "536870912"),
        ("hz", ["0", "100", "501"], "10"),
        ("loglevel", ["DEBUG", "Verbose"], "notice"),
        ("lfu-log-factor", ["0", "2147483647"], "10"),
        ("save", ["900 1 60 5", "5 0", "+5 1", "07 1"], ""),
        ("shutdown-on-sigint", ["now", "NOSAVE force", "default now", "save"], "default"),
        ("client-output-buffer-limit", ["slave 1mb 512kb 5", "replica 1gb 5k 0 PubSub 0 0 0", ""],
         "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"),
        ("oom-score-adj-values", ["-1 0 1", "+5 6 7"], "0 200 800"),
        ("notify-keyspace-events", ["KEA", "Kg$lshzxetd", "E", "Kn", "Am", "KExe"], ""),
        ("latency-tracking-info-percentiles", ["", "50 99.90 100.0", "0.001", "1e1"], "50 99 99.9"),
        ("ignore-warnings", ["a b", "ARM64-COW-BUG"], ""),
        ("cluster-announce-hostname", ["node-1.example"], ""),
        ("proc-title-template", ["{title} {{x", "x", "{port} {tls-port} {config-file} {unixsocket}"],
         "{title} {listen-addr} {server-mode}"),
        ("masterauth", ["a b", "\\xff"], ""),
    ],
)  # fmt: skip
def test_set_takes_a_good_value(compare: Pair, name: str, values: list[str], usual: str) -> None:
    for value in [*values, usual]:
        compare(f'CONFIG SET {name} "{value}"', f"CONFIG GET {name}", protocols=(2,))


def test_protected_directives_with_leave(make_pair: MakePair) -> None:
    compare = make_pair(("enable-protected-configs", "yes"))
    compare(
        "CONFIG SET dbfilename other.rdb", "CONFIG GET dbfilename", "CONFIG SET dbfilename a/b",
        "CONFIG SET dir /nowhere",
        "CONFIG SET dir /dev/null", "CONFIG SET dir ''", "CONFIG SET dir /", "CONFIG GET dir", "CONFIG SET dir usr",
        "CONFIG GET dir",
    )  # fmt: skip


def test_a_local_client_may_be_trusted(make_pair: MakePair) -> None:
    compare = make_pair(("enable-protected-configs", "local"))
    compare("CONFIG SET dbfilename other.rdb", "CONFIG GET dbfilename")


def test_rewrite_and_resetstat(compare: Pair) -> None:
    compare(
        "CONFIG RESETSTAT", "CONFIG RESETSTAT x", "CONFIG REWRITE x", "[shape] CONFIG HELP", "CONFIG NOSUCH", "CONFIG"
    )


def test_info_has_the_sections_asked_for(compare: Pair) -> None:
    compare(
        "INFO nosuch",
        "INFO cluster",
        "INFO CLUSTER Keyspace",
        "SET a 1",
        "INFO keyspace",
        "INFO keyspace nosuch cluster",
        "INFO modules",
    )


def test_info_counts_errors(compare: Pair) -> None:
    compare(
        "CONFIG RESETSTAT", "NOSUCH", "SET a", "INCRBY a x", "SETRANGE a -1 x", "SET a b", "INCR a", "INFO errorstats"
    )
