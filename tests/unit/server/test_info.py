"""The report of INFO: its form against a real server's, how parts fill it in, and what it says of commands."""

import pytest

from pycluster.commands.table import Group, build_table, commands_of
from pycluster.server.info import FORM, Info, human, merge, read_form, wanted
from pycluster.server.info_commands import command_fields, error_fields, latency_fields, percentile_usec
from tests.reference import redis_7_2

OUR_OWN = ["server_name", "pycluster_version"]


# The form


def test_the_form_has_the_sections_and_fields_of_redis_7_2_in_order() -> None:
    theirs = redis_7_2("info-fields")
    theirs["Server"].remove("listener0")  # there are as many as there are listeners
    ours = {title: [name for name in fields if name not in OUR_OWN] for title, fields in FORM.items()}
    assert ours == theirs
    assert list(ours) == list(theirs)


def test_no_section_named_means_the_default_ones() -> None:
    assert wanted([]) == wanted([b"default"]) == [
        "Server", "Clients", "Memory", "Persistence", "Stats", "Replication", "CPU", "Modules", "Errorstats", "Cluster",
        "Keyspace",
    ]  # fmt: skip


def test_all_and_everything_are_all_but_debug() -> None:
    assert wanted([b"ALL"]) == wanted([b"everything"]) == list(FORM)
    assert wanted([b"all", b"debug"]) == [*FORM, "Debug"]


def test_sections_come_in_redis_order_and_once() -> None:
    assert wanted([b"keyspace", b"SERVER", b"server", b"nosuch"]) == ["Server", "Keyspace"]


# Filling it in


def test_a_report_is_lines_under_titles() -> None:
    info = Info()
    info.add("Keyspace", lambda: {"db0": "keys=1,expires=0,avg_ttl=0"})
    expected = b"# Cluster\r\ncluster_enabled:0\r\n\r\n# Keyspace\r\ndb0:keys=1,expires=0,avg_ttl=0\r\n"
    assert info.report([b"cluster", b"keyspace"]) == expected
    assert info.report([b"nosuch"]) == b""


def test_a_report_can_be_read_back() -> None:
    assert read_form(Info().report([b"everything"]).decode()) == FORM


def test_parts_say_what_they_know() -> None:
    info = Info()
    info.add("Stats", lambda: {"keyspace_hits": 3, "instantaneous_input_kbps": 1.5})
    info.add("Stats", lambda: {"pubsub_channels": True})
    text = info.report([b"stats"]).decode()
    for line in ("keyspace_hits:3", "instantaneous_input_kbps:1.50", "pubsub_channels:1", "keyspace_misses:0"):
        assert f"\r\n{line}\r\n" in text


def test_a_new_field_stands_behind_what_it_stands_behind_in_its_part() -> None:
    form = {"role": "master", "connected_slaves": 0, "master_replid": "0"}
    replica = {"role": "slave", "master_host": "h", "connected_slaves": 1, "slave0": "x", "slave1": "y"}
    merged = merge(form, replica)
    assert list(merged) == ["role", "master_host", "connected_slaves", "slave0", "slave1", "master_replid"]
    assert merged["role"] == "slave"


def test_a_new_field_behind_nothing_stands_at_the_end() -> None:
    assert list(merge({"a": 1}, {"z": 1, "a": 2})) == ["a", "z"]


def test_what_is_no_field_has_no_section() -> None:
    with pytest.raises(KeyError):
        Info().add("Nosuch", dict)


@pytest.mark.parametrize(
    ("size", "text"), [(1023, "1023B"), (1024, "1.00K"), (1536, "1.50K"), (5 << 20, "5.00M"), (3 << 30, "3.00G")]
)
def test_sizes_for_people(size: int, text: str) -> None:
    assert human(size) == text


# Commands

group = Group("server")


@group.command("fast")
def ping(client: object) -> str:
    """PING"""
    return "PONG"


config = group.container("config")


@config.command("admin")
def config_get(client: object) -> str:
    """CONFIG GET"""
    return "OK"


def test_commands_that_ran_or_were_refused_are_told() -> None:
    table = build_table([group])
    table[b"ping"].histogram[12], table[b"ping"].nanoseconds = 4, 10_500
    table[b"config"].subcommands[b"get"].rejected = 1
    assert command_fields(commands_of(table)) == {
        "cmdstat_ping": "calls=4,usec=10,usec_per_call=2.50,rejected_calls=0,failed_calls=0",
        "cmdstat_config|get": "calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=0",
    }


def test_errors_are_told_by_name() -> None:
    assert error_fields({"WRONGTYPE": 2, "ERR": 1, "A:B": 3}) == {
        "errorstat_A_B": "count=3", "errorstat_ERR": "count=1", "errorstat_WRONGTYPE": "count=2"
    }  # fmt: skip


def test_latencies_are_told_by_percentile() -> None:
    table = build_table([group])
    table[b"ping"].histogram[11] = 2  # 1024 to 2048 ns
    told = latency_fields(commands_of(table), (50.0, 99.9))
    assert told == {"latency_percentiles_usec_ping": "p50=1.536,p99.9=2.047"}


def test_a_percentile_lies_in_the_bucket_that_reaches_it() -> None:
    histogram = [0] * 64
    histogram[11], histogram[21] = 99, 1
    assert 1.024 <= percentile_usec(histogram, 50) <= 2.048
    assert percentile_usec(histogram, 99) == 2.048
    assert 1048.576 <= percentile_usec(histogram, 99.9) <= 2097.152
