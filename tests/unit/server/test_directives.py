"""The table of directives against what a real server says of its own, and each kind of value at its edges."""

import os
from pathlib import Path

import pytest

from pycluster.server.directive_kinds import BadValue
from pycluster.server.directives import DIRECTIVES, Directives, Trait
from tests.reference import redis_7_2

HIDDEN = {
    "aof-disable-auto-gc",
    "cluster-ping-interval",
    "key-load-delay",
    "loading-process-events-interval-bytes",
    "rdb-key-save-delay",
    "use-exit-on-panic",
    "watchdog-period",
}
VALKEYS = {
    "cluster-manual-failover-timeout",
    "cluster-slot-migration-log-max-len",
    "cluster-slot-stats-enabled",
    "slot-migration-max-failover-repl-bytes",
}


def read(name: str, *words: str) -> object:
    directive = DIRECTIVES[name]
    return directive.kind.read([os.fsencode(word) for word in words], directive.default)


def show(name: str, *words: str) -> str:
    return DIRECTIVES[name].kind.show(read(name, *words))


def lines(name: str, *words: str) -> list[str]:
    """What CONFIG REWRITE must say for this value."""
    directive = DIRECTIVES[name]
    said = directive.kind.lines(name, read(name, *words), directive.default)
    return [line for line, must_be_said in said if must_be_said]


def refusal(name: str, *words: str) -> str:
    with pytest.raises(BadValue) as refused:
        read(name, *words)
    return str(refused.value)


# The table


def test_every_directive_of_redis_7_2_has_its_default() -> None:
    theirs = redis_7_2("config-defaults") | {"databases": "16", "dir": os.getcwd()}  # the one asked was a cluster node
    values = Directives()
    ours = {name: d.kind.show(getattr(values, d.attribute)) for name, d in DIRECTIVES.items()}
    assert {name: ours.get(name) for name in theirs} == theirs


def test_the_table_has_nothing_that_redis_7_2_has_not() -> None:
    theirs = set(redis_7_2("config-defaults"))
    assert {name for name in DIRECTIVES if not name.startswith("tls-")} - theirs == HIDDEN | VALKEYS
    assert {name for name, d in DIRECTIVES.items() if d.traits & Trait.HIDDEN} == HIDDEN


def test_an_alias_is_the_directive_itself() -> None:
    assert DIRECTIVES["slave-priority"] is DIRECTIVES["replica-priority"]


def test_every_default_can_be_read_back() -> None:
    for name, directive in DIRECTIVES.items():
        if name != "dir":
            text = directive.kind.show(directive.default).encode()
            words = text.split() or [b""] if directive.traits & Trait.MANY_WORDS else [text]
            if name != "replicaof" and name != "slaveof":
                assert directive.kind.read(words, directive.default) == directive.default, name


# Numbers


def test_numbers_are_bounded() -> None:
    assert read("port", "7001") == 7001
    assert refusal("port", "65536") == "argument must be between 0 and 65535 inclusive"
    assert refusal("maxclients", "-1") == "argument must be between 1 and 4294967295 inclusive"


@pytest.mark.parametrize("word", ["", " 1", "+1", "01", "1.0", "1kb", "99999999999999999999", "-0"])
def test_a_number_has_no_frills(word: str) -> None:
    assert refusal("timeout", word) == "argument couldn't be parsed into an integer"


@pytest.mark.parametrize(
    ("word", "size"),
    [("0", 0), ("", 0), ("100", 100), ("2b", 2), ("1k", 1000), ("1KB", 1024), ("3m", 3_000_000), ("1Mb", 1 << 20),
     ("1g", 10**9), ("2gb", 2 << 30), ("18446744073709551615", 2**64 - 1)],
)  # fmt: skip
def test_memory_has_units(word: str, size: int) -> None:
    assert read("maxmemory", word) == size


@pytest.mark.parametrize("word", ["-1", "1x", "1.5gb", "1 gb", "5%", "gb1"])
def test_other_words_are_no_memory(word: str) -> None:
    assert refusal("maxmemory", word) == "argument must be a memory value"


def test_memory_is_written_with_the_largest_unit_that_fits() -> None:
    assert lines("maxmemory", "104857600") == ["maxmemory 100mb"]
    assert lines("maxmemory", "1025") == ["maxmemory 1025"]


def test_memory_may_be_a_percentage_where_redis_allows_it() -> None:
    assert read("maxmemory-clients", "5%") == -5
    assert show("maxmemory-clients", "5%") == "5%"
    assert lines("maxmemory-clients", "5%") == ["maxmemory-clients 5%"]
    assert refusal("maxmemory-clients", "101%") == "percentage argument must be less or equal to 100"
    assert refusal("maxmemory-clients", "x%") == "argument must be a memory or percent value"


def test_a_permission_is_octal() -> None:
    assert read("unixsocketperm", "0700") == 0o700
    assert show("unixsocketperm", "700") == "700"
    assert refusal("unixsocketperm", "1000") == "argument must be between 0 and 777 inclusive"
    assert refusal("unixsocketperm", "800") == "argument couldn't be parsed as an octal number"


# Words


def test_yes_and_no_come_in_any_letter_case() -> None:
    assert read("appendonly", "YES") is True
    assert read("appendonly", "nO") is False
    assert refusal("appendonly", "true") == "argument must be 'yes' or 'no'"


def test_one_of_several_names_is_told_which_there_are() -> None:
    assert read("loglevel", "Verbose") == "verbose"
    expected = "argument(s) must be one of the following: debug, verbose, notice, warning, nothing"
    assert refusal("loglevel", "loud") == expected


def test_of_two_names_for_one_thing_the_first_is_shown() -> None:
    assert show("oom-score-adj", "relative") == "yes"


def test_shutdown_flags_add_up() -> None:
    assert read("shutdown-on-sigint", "now", "NOSAVE") == ("nosave", "now")
    assert show("shutdown-on-sigint", "default") == "default"
    assert show("shutdown-on-sigint", "default", "force") == "force"
    assert refusal("shutdown-on-sigterm", "save", "nosave") == (
        "shutdown options SAVE and NOSAVE can't be used simultaneously"
    )


def test_file_names_are_no_paths() -> None:
    assert refusal("dbfilename", "a/b") == "dbfilename can't be a path, just a filename"
    assert refusal("appendfilename", "") == "appendfilename can't be empty"
    assert refusal("appenddirname", "a/b") == "appenddirname can't be a path, just a dirname"
    assert read("dbfilename", "") == ""


def test_names_that_are_announced_are_looked_at() -> None:
    assert read("cluster-announce-hostname", "node-1.example") == "node-1.example"
    wrong_letter = "Hostnames may only contain alphanumeric characters, hyphens or dots"
    assert refusal("cluster-announce-hostname", "node_1") == wrong_letter
    assert refusal("cluster-announce-hostname", "x" * 256) == "Hostnames must be less than 256 characters"
    invalid = "Announced human node name contained invalid character"
    assert refusal("cluster-announce-human-nodename", "a:b") == invalid


@pytest.mark.parametrize("template", ["{nosuch}", "{title", "", "  ", "{title}"])
def test_a_process_title_must_say_something_known(template: str) -> None:
    assert refusal("proc-title-template", template) == "template format is invalid or contains unknown variables"


def test_bytes_that_are_no_text_pass_unharmed() -> None:
    directive = DIRECTIVES["dbfilename"]
    value = directive.kind.read([b"\xff.rdb"], "")
    assert os.fsencode(directive.kind.show(value)) == b"\xff.rdb"
    assert directive.kind.lines("dbfilename", value, "dump.rdb") == [('dbfilename "\\xff.rdb"', True)]


# The kinds that only one directive has


def test_a_directory_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert read("dir", str(tmp_path)) == str(tmp_path)
    assert refusal("dir", str(tmp_path / "nowhere")) == "No such file or directory"
    assert refusal("dir", str(tmp_path / "file")) == "Not a directory"
    assert refusal("dir", "") == "No such file or directory"


def test_a_directory_is_seen_from_the_present_one(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert DIRECTIVES["dir"].kind.read([b"data"], str(tmp_path)) == str(tmp_path / "data")


def test_save_points_are_pairs() -> None:
    assert read("save", "900", "1", "60", "10000") == ((900, 1), (60, 10000))
    assert read("save", "") == ()
    for wrong in (["900"], ["0", "1"], ["1", "-1"], ["x", "1"], ["1", "1", ""]):
        assert refusal("save", *wrong) == "Invalid save parameters"


def test_save_points_are_always_written() -> None:
    assert lines("save", "900", "1", "60", "5") == ["save 900 1", "save 60 5"]
    assert lines("save", "") == ['save ""']


def test_output_limits_of_classes_not_named_stay() -> None:
    assert show("client-output-buffer-limit", "slave", "1mb", "512kb", "5") == (
        "normal 0 0 0 slave 1048576 524288 5 pubsub 33554432 8388608 60"
    )
    assert lines("client-output-buffer-limit", "Replica", "1mb", "512kb", "5") == [
        "client-output-buffer-limit replica 1mb 512kb 5"
    ]


def test_output_limits_are_refused_as_a_whole() -> None:
    name = "client-output-buffer-limit"
    assert refusal(name, "normal", "0") == "Wrong number of arguments in buffer limit configuration."
    wrong_class = "Invalid client class specified in buffer limit configuration."
    assert refusal(name, "master", "0", "0", "0") == wrong_class
    wrong_number = "Error in hard, soft or soft_seconds setting in buffer limit configuration."
    assert refusal(name, "normal", "0", "0", "-1") == wrong_number


def test_oom_scores_are_three() -> None:
    assert read("oom-score-adj-values", "0", "200", "800") == (0, 200, 800)
    assert refusal("oom-score-adj-values", "1", "2") == "wrong number of arguments"
    assert refusal("oom-score-adj-values", "1", "2", "2001") == (
        "Invalid oom-score-adj-values, elements must be between -2000 and 2000."
    )


@pytest.mark.parametrize(
    ("letters", "shown"), [("KEA", "AKE"), ("Kg$lshzxetd", "AK"), ("xE", "xE"), ("", ""), ("nm", "nm"), ("AnK", "AK")]
)
def test_event_classes_are_shown_in_redis_order(letters: str, shown: str) -> None:
    assert show("notify-keyspace-events", letters) == shown


def test_an_event_class_must_be_known() -> None:
    assert refusal("notify-keyspace-events", "Kq") == "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."


def test_addresses_are_at_most_sixteen() -> None:
    assert read("bind", "127.0.0.1", "-::1") == ("127.0.0.1", "-::1")
    assert read("bind", "") == ()
    assert refusal("bind", *["::1"] * 17) == "Too many bind addresses specified."


def test_a_primary_is_a_host_and_a_port() -> None:
    assert read("replicaof", "10.0.0.1", "6379") == ("10.0.0.1", 6379)
    assert read("replicaof", "NO", "one") is None
    assert refusal("replicaof", "10.0.0.1", "65536") == "Invalid master port"
    assert refusal("replicaof", "10.0.0.1") == "wrong number of arguments"


def test_percentiles_lie_between_0_and_100() -> None:
    assert show("latency-tracking-info-percentiles", "50", "99.90", "100") == "50 99.9 100"
    assert read("latency-tracking-info-percentiles", "") == ()
    name = "latency-tracking-info-percentiles"
    assert refusal(name, "101") == f"{name} parameters should sit between [0.0,100.0]"
    assert refusal(name, "x") == f"Invalid {name} parameters"
