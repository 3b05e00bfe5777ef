"""Libraries of functions in files and on their way to replicas, between a real server and ours in both directions."""


import pytest

from pycluster.testing.node import Node
from pycluster.testing.waiting import wait_until
from tests.integration.replicas import Servers, follow, wait_in_step

SOURCE = b"#!lua name=greetings\nredis.register_function('hello', function(keys, args) return 'hello' end)"
OTHER = SOURCE.replace(b"greetings", b"others").replace(b"'hello', ", b"'other', ")


@pytest.fixture
def payload(servers: Servers, redis_server: list[str]) -> bytes:
    """What FUNCTION RESTORE takes."""
    node = servers.start(redis_server)
    node.ask("FUNCTION", "LOAD", SOURCE)
    dumped: bytes = node.ask("FUNCTION", "DUMP")
    node.stop()
    return dumped


def sources(node: Node) -> set[bytes]:
    return {entry[entry.index(b"library_code") + 1] for entry in node.ask("FUNCTION", "LIST", "WITHCODE")}


SAVE = ("save", "3600 1")
AOF = ("appendonly", "yes")
AS_COMMANDS = ("aof-use-rdb-preamble", "no")


@pytest.mark.parametrize("directives", [[SAVE], [AOF], [AOF, AS_COMMANDS]], ids=["rdb", "aof", "commands"])
@pytest.mark.parametrize("rewritten", [False, True], ids=["as it is", "rewritten"])
def test_they_are_there_after_a_restart_of_either_server(
    servers: Servers,
    our_server: list[str],
    redis_server: list[str],
    payload: bytes,
    directives: list[tuple[str, str]],
    rewritten: bool,
) -> None:
    node = servers.start(our_server, *directives)
    node.ask("FUNCTION", "RESTORE", payload)
    if rewritten:
        node.ask("BGREWRITEAOF")
        wait_until(lambda: "" if node.info("persistence")["aof_rewrite_in_progress"] == "0" else "it is rewriting")
    for program in (our_server, redis_server, our_server):
        node.stop()
        node.program = program
        node.start()
        assert sources(node) == {SOURCE}
    assert b"greetings" in node.ask("FUNCTION", "DUMP")


@pytest.mark.parametrize("ours_leads", [True, False])
def test_they_follow_to_replicas_at_first_and_later(
    servers: Servers, our_server: list[str], redis_server: list[str], payload: bytes, ours_leads: bool
) -> None:
    programs = [our_server, redis_server] if ours_leads else [redis_server, our_server]
    primary, replica = map(servers.start, programs)
    primary.ask("FUNCTION", "RESTORE", payload)
    follow(replica, primary)
    assert sources(replica) == {SOURCE}
    primary.ask("FUNCTION", "DELETE", "greetings")
    wait_in_step(replica, primary)
    assert sources(replica) == set()


def test_a_replica_takes_what_its_primary_has_loaded(
    servers: Servers, our_server: list[str], redis_server: list[str]
) -> None:
    primary, replica = servers.start(redis_server), servers.start(our_server)
    follow(replica, primary)
    primary.ask("FUNCTION", "LOAD", SOURCE)
    primary.ask("FUNCTION", "LOAD", OTHER)
    primary.ask("FUNCTION", "LOAD", "REPLACE", OTHER + b"--")
    wait_in_step(replica, primary)
    assert sources(replica) == {SOURCE, OTHER + b"--"}


def test_those_of_a_replica_give_way_to_its_primary(
    servers: Servers, our_server: list[str], payload: bytes
) -> None:
    primary, replica = servers.start(our_server), servers.start(our_server)
    replica.ask("FUNCTION", "RESTORE", payload)
    follow(replica, primary)
    assert sources(replica) == set()


def test_debug_reload_keeps_them(servers: Servers, our_server: list[str], payload: bytes) -> None:
    node = servers.start(our_server)
    node.ask("FUNCTION", "RESTORE", payload)
    for options in ([], ["NOSAVE"], ["NOSAVE", "NOFLUSH", "MERGE"]):
        node.ask("DEBUG", "RELOAD", *options)
        assert sources(node) == {SOURCE}
