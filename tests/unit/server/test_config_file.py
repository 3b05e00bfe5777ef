"""redis.conf and argv as Redis reads them, and the file as CONFIG REWRITE leaves it."""

from pathlib import Path

import pytest

from pycluster.files.writer import Disk
from pycluster.server.config import Config
from pycluster.server.config_file import CannotOpen, ConfigFileError, Loader, read_arguments
from pycluster.server.config_rewrite import rewrite_file, rewritten


def load(text: str, **values: object) -> Config:
    config = Config(**values)
    Loader(config, commands=[b"get", b"flushall"]).load(standard_input=text.encode())
    return config


def complaint(text: str) -> str:
    with pytest.raises(ConfigFileError) as refused:
        load(text)
    return str(refused.value)


def reason(text: str) -> str:
    return complaint(text).splitlines()[-1]


# Lines


def test_names_come_in_any_letter_case_and_blanks_anywhere() -> None:
    config = load("  PORT\t7001  \r\n\n# port 1\n   # timeout 1\ntimeout 30")
    assert (config.port, config.timeout) == (7001, 30)


def test_a_later_line_wins() -> None:
    assert load("pidfile /a.pid\npidfile /b.pid").pidfile == "/b.pid"


def test_a_cross_inside_a_line_is_no_comment() -> None:
    assert reason("port 7001 # the port") == "wrong number of arguments"


def test_words_are_quoted() -> None:
    config = load("requirepass \"a \\\"b\\\" \\x41\\n\"\nlogfile ''\nsyslog-ident 'it\\'s'")
    assert (config.requirepass, config.logfile, config.syslog_ident) == (b'a "b" A\n', "", "it's")


def test_words_that_belong_together_may_stand_in_one_pair_of_quotes() -> None:
    assert load('bind "127.0.0.1 ::1"').bind == ("127.0.0.1", "::1")
    assert load('bind ""').bind == ()


def test_save_points_of_several_lines_add_up() -> None:
    assert load("").save == ((3600, 1), (300, 100), (60, 10000))
    assert load("save 900 1\nsave 60 5").save == ((900, 1), (60, 5))
    assert load('save 900 1\nsave ""\nsave 60 5').save == ((60, 5),)
    assert load('save ""').save == ()


def test_directives_that_are_no_more_are_let_be() -> None:
    load("lua-replicate-commands yes\nlist-max-ziplist-entries 512")


def test_hz_is_made_to_fit() -> None:
    assert load("hz 9999").hz == 500


# What is wrong


def test_a_complaint_names_the_line() -> None:
    assert complaint("timeout 1\n  port  seven # x ") == (
        "\n*** FATAL CONFIG FILE ERROR (Redis 7.2.4) ***\n"
        "Reading the configuration file, at line 2\n"
        ">>> 'port  seven # x'\n"
        "wrong number of arguments\n"
    )


def test_lines_that_make_no_sense() -> None:
    assert reason("nosuch 1") == "Bad directive or wrong number of arguments"
    assert reason("include") == "Bad directive or wrong number of arguments"
    assert reason('port "7001') == "Unbalanced quotes in configuration line"
    assert reason("port") == "wrong number of arguments"
    assert reason("maxmemory much") == "argument must be a memory value"
    assert reason("sentinel monitor x") == "sentinel directive while not in sentinel mode"
    assert reason("search.x") == "Module config specified without value"


def test_a_user_is_never_skipped_in_silence() -> None:
    assert reason("user alice on nopass") == "Bad directive or wrong number of arguments"


def test_a_cluster_node_is_no_replica_by_directive() -> None:
    assert complaint("cluster-enabled yes\nreplicaof 127.0.0.1 6379") == (
        "\n*** FATAL CONFIG FILE ERROR (Redis 7.2.4) ***\nreplicaof directive not allowed in cluster mode\n"
    )


def test_a_log_file_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    assert reason(f"logfile {tmp_path}/nowhere/log") == "Can't open the log file: No such file or directory"


def test_a_cluster_with_many_databases_gets_one_and_a_warning() -> None:
    warnings: list[str] = []
    config = Config()
    Loader(config, warn=warnings.append).load(standard_input=b"cluster-enabled yes")
    assert config.databases == 1
    assert warnings == ["WARNING: Changing databases number from 16 to 1 since we are in cluster mode"]


# Lines that are no directives


def test_commands_are_renamed() -> None:
    config = load('rename-command GET fetch\nrename-command fetch take\nrename-command FLUSHALL ""')
    assert config.renamed_commands == [(b"get", b"fetch"), (b"fetch", b"take"), (b"flushall", b"")]


def test_a_command_to_rename_must_be_there_and_its_new_name_free() -> None:
    assert reason("rename-command nosuch x") == "No such command in rename-command"
    assert reason("rename-command get FLUSHALL") == "Target command name already exists"


def test_an_included_file_is_read_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "more.conf").write_text("timeout 5\nport 1")
    config = load("timeout 1\ninclude more.conf\nport 7001", dir=str(tmp_path))
    assert (config.timeout, config.port) == (5, 7001)


def test_a_pattern_includes_all_files_in_order_or_none(tmp_path: Path) -> None:
    (tmp_path / "b.conf").write_text("timeout 2\n")
    (tmp_path / "a.conf").write_text("timeout 1\n")
    assert load("include *.conf\ninclude none*.conf", dir=str(tmp_path)).timeout == 2


def test_a_file_that_is_not_there_cannot_be_included() -> None:
    with pytest.raises(CannotOpen) as refused:
        load("include /nowhere/redis.conf")
    assert str(refused.value) == "Fatal error, can't open config file '/nowhere/redis.conf': No such file or directory"


def test_a_complaint_about_an_included_file_counts_its_own_lines(tmp_path: Path) -> None:
    (tmp_path / "more.conf").write_text("\nport x\n")
    assert "at line 2\n>>> 'port x'" in complaint(f"timeout 1\ntimeout 1\ntimeout 1\ninclude {tmp_path}/more.conf")


def test_a_file_that_includes_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text("include a.conf")
    with pytest.raises(ConfigFileError, match="include goes round in a circle"):
        load("include a.conf", dir=str(tmp_path))


def test_paths_behind_dir_are_seen_from_there(tmp_path: Path) -> None:
    (tmp_path / "more.conf").write_text("timeout 5")
    assert load(f"dir {tmp_path}\ninclude more.conf").timeout == 5


# argv


def options(*words: str) -> str:
    return read_arguments(list(words)).options


def test_words_of_argv_become_lines() -> None:
    assert options("--port", "7001", "--bind", "127.0.0.1", "::1") == 'port "7001" \nbind "127.0.0.1" "::1" '
    assert options("--port 7001", "--appendonly", "yes") == 'port 7001 \nappendonly "yes" '


def test_the_first_word_without_dashes_is_the_file() -> None:
    arguments = read_arguments(["redis.conf", "--port", "1"])
    assert arguments.path == str(Path("redis.conf").absolute())
    assert arguments.options == 'port "1" '


def test_a_dash_at_either_end_is_standard_input() -> None:
    assert read_arguments(["-"]).from_standard_input
    assert read_arguments(["redis.conf", "--port", "1", "-"]).from_standard_input
    assert not read_arguments(["redis.conf", "-", "--port", "1"]).from_standard_input


def test_a_value_may_begin_with_dashes() -> None:
    assert options("--requirepass", "--secret") == 'requirepass "--secret" '


def test_save_without_a_value_means_the_empty_one() -> None:
    assert options("--save", "--port", "1") == 'save ""\nport "1" '
    assert options("--save") == 'save ""'
    assert options("--save", "", "--port", "1") == 'save "" \nport "1" '
    assert options("--save", "60", "1", "--save", "") == 'save "60" "1" \nsave "" '


def test_options_come_behind_the_file(tmp_path: Path) -> None:
    (tmp_path / "redis.conf").write_text("port 1\ntimeout 9")
    config = Config()
    Loader(config).load(str(tmp_path / "redis.conf"), b"", options("--port", "7001"))
    assert (config.port, config.timeout) == (7001, 9)


# CONFIG REWRITE


def rewrite(text: str, *said: tuple[bytes, bytes]) -> str:
    config = load(text, dir="/")
    config.set(said)
    return rewritten(config, text.encode()).decode()


ALWAYS = 'dir "/"\nlatency-tracking-info-percentiles 50 99 99.9\nsave 3600 1\nsave 300 100\nsave 60 10000\n'
SIGNATURE = "# Generated by CONFIG REWRITE\n"


def test_an_empty_file_says_what_must_be_said() -> None:
    assert rewrite("") == SIGNATURE + ALWAYS


def test_comments_order_and_letter_case_of_values_stay() -> None:
    text = "# mine\nport 7001\n\n# yours\nTIMEOUT 5\n"
    assert rewrite(text) == "# mine\nport 7001\n\n# yours\ntimeout 5\n\n" + SIGNATURE + ALWAYS


def test_what_is_said_twice_is_said_once() -> None:
    assert rewrite("timeout 1\n# between\ntimeout 2").startswith("timeout 2\n# between\n\n")


def test_a_default_is_said_where_it_was_said_before() -> None:
    assert rewrite("timeout 5", (b"timeout", b"0")).startswith("timeout 0\n")
    assert "hz" not in rewrite("timeout 5")


def test_what_is_new_goes_to_the_end_under_the_signature_once() -> None:
    once = rewrite("timeout 5", (b"hz", b"20"))
    assert SIGNATURE in once and "\nhz 20\n" in once
    assert rewrite(once).count(SIGNATURE) == 1


def test_an_alias_is_written_as_its_directive() -> None:
    assert rewrite("slave-priority 5").startswith("replica-priority 5\n")


def test_what_is_unset_is_said_no_more() -> None:
    assert "requirepass" not in rewrite("requirepass secret", (b"requirepass", b""))


def test_runs_of_empty_lines_become_one() -> None:
    assert rewrite("port 7001\n\n\n\ntimeout 1\n").startswith("port 7001\n\ntimeout 1\n\n")


def test_lines_that_nobody_understands_become_comments() -> None:
    assert rewrite("lua-replicate-commands yes\n").startswith("# ??? lua-replicate-commands yes\n")


def test_save_points_take_the_lines_of_the_old_ones() -> None:
    text = "save 1 1\n# a\nsave 2 2\nsave 3 3"
    assert rewrite(text, (b"save", b"9 9 8 8")).startswith("save 9 9\n# a\nsave 8 8\n\n")


def test_a_rewritten_file_means_the_same() -> None:
    said = ((b"maxmemory", b"1gb"), (b"bind", b"127.0.0.1 -::1"), (b"masterauth", b'a "b\xff'), (b"save", b""))
    config = load(rewrite("port 7001", *said))
    assert (config.maxmemory, config.bind, config.masterauth) == (1 << 30, ("127.0.0.1", "-::1"), b'a "b\xff')
    assert config.save == ()


def test_the_file_is_replaced(tmp_path: Path) -> None:
    config = load("port 7001")
    config.file = str(tmp_path / "redis.conf")
    rewrite_file(config, Disk(), ["default on nopass"], warn=print)
    text = (tmp_path / "redis.conf").read_text()
    assert "port 7001\n" in text and "user default on nopass\n" in text
    assert [path.name for path in tmp_path.iterdir()] == ["redis.conf"]


def test_a_file_that_cannot_be_replaced_is_told_by_step() -> None:
    config, warnings = load("port 7001"), []
    config.file = "/nowhere/redis.conf"
    with pytest.raises(FileNotFoundError):
        rewrite_file(config, Disk(), [], warnings.append)
    assert warnings == ["Could not create tmp config file (No such file or directory)"]
