"""The live configuration: what CONFIG GET finds, and CONFIG SET as all or nothing."""

from pathlib import Path

import pytest

from pycluster.protocol.errors import Loading, ReplyError
from pycluster.server.config import Config
from pycluster.server.directive_kinds import BadValue


def refusal(config: Config, *pairs: bytes, **asked: bool) -> str:
    with pytest.raises(ReplyError) as refused:
        set_(config, *pairs, **asked)
    return refused.value.text


def set_(config: Config, *pairs: bytes, **asked: bool) -> None:
    config.set(zip(pairs[::2], pairs[1::2], strict=True), **asked)


def failed(name: str, reason: str) -> str:
    return f"ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}"


# Reading


def test_values_are_attributes() -> None:
    config = Config(port=7001, cluster_enabled=True)
    assert (config.port, config.timeout, config.maxmemory_policy) == (7001, 0, "noeviction")


def test_a_cluster_has_one_database() -> None:
    assert Config(cluster_enabled=True).databases == 1


def test_paths_are_seen_from_dir(tmp_path: Path) -> None:
    assert Config(dir=str(tmp_path)).path("dump.rdb") == str(tmp_path / "dump.rdb")


# CONFIG GET


def test_get_finds_names_and_patterns() -> None:
    config = Config(timeout=5)
    assert config.get([b"timeout", b"maxmemory-s*"]) == {b"timeout": b"5", b"maxmemory-samples": b"5"}


def test_get_finds_nothing_without_complaint() -> None:
    assert Config().get([b"nosuch", b"nosuch*"]) == {}


def test_get_answers_a_name_as_it_was_written() -> None:
    assert Config().get([b"TimeOut"]) == {b"TimeOut": b"0"}
    assert Config().get([b"TIMEOUT*"]) == {b"timeout": b"0"}


def test_get_answers_each_name_once() -> None:
    assert list(Config().get([b"timeout", b"TIMEOUT", b"timeou?"])) == [b"timeout"]


def test_get_finds_aliases_beside_their_directives() -> None:
    assert list(Config().get([b"*-priority"])) == [b"replica-priority", b"slave-priority"]


def test_get_shows_a_hidden_directive_only_by_its_whole_name() -> None:
    assert Config().get([b"watchdog*"]) == {}
    assert Config().get([b"watchdog-period"]) == {b"watchdog-period": b"0"}


# CONFIG SET


def test_set_sets_several() -> None:
    config = Config()
    set_(config, b"maxmemory", b"1gb", b"TIMEOUT", b"7")
    assert (config.maxmemory, config.timeout) == (1 << 30, 7)


def test_set_sets_all_or_nothing() -> None:
    config = Config()
    assert refusal(config, b"timeout", b"7", b"maxmemory", b"much") == failed(
        "maxmemory", "argument must be a memory value"
    )
    assert config.timeout == 0


def test_set_takes_a_value_of_several_words() -> None:
    config = Config()
    set_(config, b"save", b"900 1 60 100", b"bind", b"127.0.0.1 ::1")
    assert (config.save, config.bind) == (((900, 1), (60, 100)), ("127.0.0.1", "::1"))
    set_(config, b"save", b"")
    assert config.save == ()


def test_set_splits_at_each_single_blank() -> None:
    assert refusal(Config(), b"save", b"900  1") == failed("save", "Invalid save parameters")


def test_set_works_through_an_alias() -> None:
    config = Config()
    set_(config, b"slave-priority", b"5")
    assert config.replica_priority == 5
    assert refusal(config, b"SLAVE-priority", b"x") == failed(
        "slave-priority", "argument couldn't be parsed into an integer"
    )


def test_set_of_something_unknown() -> None:
    expected = "ERR Unknown option or number of arguments for CONFIG SET - 'NoSuch'"
    assert refusal(Config(), b"timeout", b"1", b"NoSuch", b"1") == expected


def test_set_of_what_is_fixed_at_start() -> None:
    assert refusal(Config(), b"Daemonize", b"yes") == failed("Daemonize", "can't set immutable config")


def test_set_tells_the_first_of_two_errors() -> None:
    assert refusal(Config(), b"databases", b"1", b"nosuch", b"1").endswith("can't set immutable config")
    assert refusal(Config(), b"nosuch", b"1", b"databases", b"1").startswith("ERR Unknown option")


def test_set_twice_in_one_command() -> None:
    assert refusal(Config(), b"timeout", b"1", b"Timeout", b"2") == failed("Timeout", "duplicate parameter")


def test_protected_directives_need_leave(tmp_path: Path) -> None:
    pair = (b"dir", bytes(tmp_path))
    assert refusal(Config(), *pair) == failed("dir", "can't set protected config")
    assert refusal(Config(enable_protected_configs="local"), *pair) == failed("dir", "can't set protected config")
    set_(Config(enable_protected_configs="local"), *pair, is_local=True)
    set_(Config(enable_protected_configs="yes"), *pair)


def test_some_directives_wait_until_loading_is_over() -> None:
    with pytest.raises(Loading):
        set_(Config(), b"appendonly", b"yes", is_loading=True)


def test_hz_is_made_to_fit() -> None:
    config = Config()
    set_(config, b"hz", b"100000")
    assert config.hz == 500
    set_(config, b"hz", b"0")
    assert config.hz == 1


def test_tls_is_refused() -> None:
    config = Config()
    assert refusal(config, b"tls-port", b"7000").endswith("Unable to update TLS configuration. Check server logs.")
    assert config.tls_port == 0


# Hooks


def test_a_hook_runs_behind_a_change() -> None:
    config, seen = Config(), []
    config.on_change("maxmemory", lambda config: seen.append(config.maxmemory))
    set_(config, b"maxmemory", b"5")
    assert seen == [5]


def test_a_hook_is_silent_where_nothing_changes() -> None:
    config, seen = Config(), []
    config.on_change("timeout", lambda config: seen.append(config.timeout))
    set_(config, b"timeout", b"0", b"hz", b"20")
    assert seen == []


def test_the_name_of_a_file_is_news_even_if_it_is_the_same() -> None:
    config, seen = Config(), []
    config.on_change("tls-cert-file", lambda config: seen.append(config.tls_cert_file))
    set_(config, b"tls-cert-file", b"")
    assert seen == [""]


def test_a_hook_of_two_directives_runs_once() -> None:
    config, seen = Config(), []
    config.on_change("min-replicas-to-write min-slaves-max-lag", lambda config: seen.append("counted"))
    set_(config, b"min-replicas-to-write", b"1", b"min-replicas-max-lag", b"2")
    assert seen == ["counted"]


def test_a_hook_that_refuses_puts_everything_back() -> None:
    def listen(config: Config) -> None:
        ports.append(config.port)
        if config.port == 80:
            raise BadValue("Unable to listen on this port. Check server logs.")

    config, ports, warnings = Config(), [], []
    config.on_change("port", listen)
    config.warn = warnings.append
    assert "Unable to listen on this port." in refusal(config, b"timeout", b"9", b"port", b"80")
    assert (config.port, config.timeout, ports) == (6379, 0, [80, 6379])
    assert warnings == [
        "Failed applying new configuration. Possibly related to new port setting. Restoring previous settings."
    ]
