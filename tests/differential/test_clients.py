"""CLIENT and its subcommands, compared with the real server.

Ids and addresses differ between two servers. Where they matter a test is a story, told to both: what it returns must be
the same.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import hiredis
import pytest

from pycluster.testing import Connection, Node, wait_until
from pycluster.testing.connection import Word
from tests.differential.comparing import Pair

SINCE_7_2 = "since 7.2"


class Scene:
    """One server and the clients of a story; asking gives errors as values."""

    def __init__(self, node: Node, stack: ExitStack) -> None:
        self.node = node
        self.stack = stack
        self.control = self.client()

    def client(self) -> Connection:
        return self.stack.enter_context(self.node.connect())

    def ask(self, client: Connection, *words: Word) -> object:
        client.send(*words)
        return self.hear(client)

    def hear(self, client: Connection) -> object:
        try:
            reply = client.receive()
        except ConnectionError:
            return "closed"
        return str(reply) if isinstance(reply, hiredis.ReplyError) else reply

    def waiting(self, *words: Word) -> tuple[Connection, int]:
        """A client for whom this request has no answer yet, and its id."""
        client = self.client()
        number = client.ask("CLIENT", "ID")
        before = self.count_waiting()
        client.send(*words)
        wait_until(lambda: "" if self.count_waiting() > before else "it does not wait")
        return client, number

    def count_waiting(self) -> int:
        found = re.search(rb"blocked_clients:(\d+)", self.control.ask("INFO", "clients"))
        assert found
        return int(found[1])


Story = Callable[[Scene], object]
Tell = Callable[[Story], None]


@pytest.fixture
def same(compare: Pair) -> Iterator[Tell]:
    """Tells both servers a story, from an empty database, and compares what it returns."""

    def tell(story: Story) -> None:
        results = []
        for node in (compare.redis, compare.ours):
            with ExitStack() as stack:
                scene = Scene(node, stack)
                scene.control.ask("FLUSHALL")
                results.append(story(scene))
        theirs, ours = results
        assert ours == theirs

    yield tell


def test_names(compare: Pair) -> None:
    compare(
        "CLIENT GETNAME", "CLIENT SETNAME me", "CLIENT GETNAME", "CLIENT SETNAME ''", "CLIENT GETNAME", "CLIENT SETNAME"
    )
    for name in ["a b", "a\\tb", "a\\nb", "\\x7f", "\\xff", "~!#", "{}"]:
        compare(f'CLIENT SETNAME "{name}"', "CLIENT GETNAME")
    compare("CLIENT SETNAME a b", "CLIENT GETNAME x", "CLIENT SETNAME me", "RESET", "CLIENT GETNAME")


def test_library_names(compare: Pair) -> None:
    if compare.redis_is_7_0:
        pytest.skip(f"CLIENT SETINFO is there {SINCE_7_2}")
    compare("CLIENT SETINFO", "CLIENT SETINFO lib-name", "CLIENT SETINFO lib-name a b", "CLIENT SETINFO lib-name 'a b'")
    compare(
        "CLIENT SETINFO LIB-NAME redis-py",
        "CLIENT SETINFO lib-ver 1.0",
        "CLIENT SETINFO Lib-Ver '1 0'",
        "CLIENT SETINFO FOO x",
    )
    compare("CLIENT NO-TOUCH on", "CLIENT NO-TOUCH OFF", "CLIENT NO-TOUCH x", "CLIENT NO-TOUCH")


def test_wrong_uses(compare: Pair) -> None:
    for subcommand in [
        "", "NOSUCH", "NOSUCH a", "ID x", "INFO x", "HELP x", "UNPAUSE x", "REPLY", "REPLY x", "REPLY ON x", "NO-EVICT",
        "NO-EVICT x", "PAUSE", "UNBLOCK", "KILL", "GETNAME x",
    ]:  # fmt: skip
        compare(f"CLIENT {subcommand}")
    compare("CLIENT NO-EVICT ON", "CLIENT NO-EVICT off", "client id x")


def test_help(compare: Pair) -> None:
    if compare.redis_is_7_0:
        pytest.skip("7.0 has fewer subcommands")
    compare("CLIENT HELP")


@pytest.mark.parametrize(
    "options",
    "FOO|TYPE|TYPE foo|TYPE normal x|TYPE master|TYPE replica|TYPE slave|TYPE PUBSUB|ID|ID x|ID 0|ID -1|ID 999999|"
    "ID 999999 x|ID 999999 888888|TYPE pubsub ID 1|ID 999999 TYPE normal".split("|"),
)
def test_list_options(compare: Pair, options: str) -> None:
    compare(f"CLIENT LIST {options}")


@pytest.mark.parametrize(
    "options",
    "a|1.2.3.4:5|ID|ID x|ID 0|ID -1|ID 999999|TYPE|TYPE foo|TYPE master|TYPE pubsub|TYPE replica|TYPE slave|USER|"
    "USER nobody|ADDR|ADDR 1.2.3.4:5|LADDR 1.2.3.4:5|SKIPME|SKIPME maybe|SKIPME yes ID 999999|ID 999999 FOO bar|"
    "ID 999999 FOO|FOO bar|TYPE pubsub SKIPME no|ID 999999 ID 888888".split("|"),
)
def test_kill_options(compare: Pair, options: str) -> None:
    compare(f"CLIENT KILL {options}")


def test_killing_oneself_is_answered_first(compare: Pair) -> None:
    compare("CLIENT KILL SKIPME no", "<-")
    compare("CLIENT KILL TYPE normal SKIPME no", "<-")
    compare(r'=> "CLIENT KILL SKIPME no\r\nSET a 1\r\n"', "<-", "b: EXISTS a")


def test_killing_by_id_address_and_type(same: Tell) -> None:
    def story(scene: Scene) -> object:
        victims = [scene.client() for _ in range(4)]
        ids = [victim.ask("CLIENT", "ID") for victim in victims]
        address = "{}:{}".format(*victims[1].socket.getsockname())
        victims[3].ask("SUBSCRIBE", "a")
        heard = [
            scene.ask(scene.control, "CLIENT", "KILL", "ID", ids[0]),
            scene.ask(scene.control, "CLIENT", "KILL", address),
            scene.ask(scene.control, "CLIENT", "KILL", address),
            scene.ask(
                scene.control,
                "CLIENT",
                "KILL",
                "ADDR",
                "{}:{}".format(*victims[2].socket.getsockname()),
                "TYPE",
                "pubsub",
            ),
            scene.ask(scene.control, "CLIENT", "KILL", "TYPE", "PUBSUB", "USER", "default"),
            scene.ask(
                scene.control, "CLIENT", "KILL", "LADDR", "{}:{}".format(*victims[2].socket.getpeername()), "ID", ids[2]
            ),
        ]
        return heard, [scene.hear(victim) for victim in victims]

    same(story)


def test_unblocking(same: Tell) -> None:
    def story(scene: Scene) -> object:
        heard: list[object] = []
        for words in (
            ["BLPOP", "l", 0],
            ["BZPOPMIN", "z", 0],
            ["BLMOVE", "l", "m", "LEFT", "LEFT", 0],
            ["BLMPOP", 0, 1, "l", "LEFT"],
        ):
            for reason in ([], ["TIMEOUT"], ["error"]):
                client, number = scene.waiting(*words)
                heard.append(scene.ask(scene.control, "CLIENT", "UNBLOCK", number, *reason))
                heard.append(scene.hear(client))
                heard.append(scene.ask(client, "PING"))
                heard.append(scene.ask(scene.control, "CLIENT", "UNBLOCK", number))
        return heard

    same(story)


def test_bad_requests_to_unblock(compare: Pair) -> None:
    compare(
        "CLIENT UNBLOCK x",
        "CLIENT UNBLOCK 999999",
        "CLIENT UNBLOCK 999999 FOO",
        "CLIENT UNBLOCK 999999 error x",
        "CLIENT UNBLOCK x FOO",
    )
    compare("CLIENT UNBLOCK 99999999999999999999", "CLIENT UNBLOCK -1", "CLIENT UNBLOCK 0 TIMEOUT")


FIELDS = ("name", "flags", "db", "sub", "psub", "multi", "cmd", "user", "redir", "resp")


def test_what_is_told_of_a_client(same: Tell) -> None:
    def told(client: Connection) -> dict[str, str]:
        line = client.ask("CLIENT", "INFO").decode()
        fields = dict(pair.split("=", 1) for pair in line.split())
        return {name: fields[name] for name in FIELDS}

    def story(scene: Scene) -> object:
        client = scene.client()
        heard = [told(client)]
        for words in (
            ["CLIENT", "SETNAME", "me"],
            ["SELECT", 3],
            ["HELLO", 3],
            ["SUBSCRIBE", "a"],
            ["PSUBSCRIBE", "p"],
            ["HELLO", 3],
        ):
            client.ask(*words)
            heard.append(told(client))
        client.ask("RESET")
        heard.append(told(client))
        client.ask("WATCH", "k")
        scene.control.ask("SET", "k", 1)
        return heard, told(client)

    same(story)


def test_a_listed_client_shows_what_it_does(same: Tell) -> None:
    def flags(scene: Scene, number: int) -> list[str]:
        line = scene.control.ask("CLIENT", "LIST", "ID", number).decode()
        fields = dict(pair.split("=", 1) for pair in line.split())
        return [fields["flags"], fields["multi"], fields["cmd"]]

    def story(scene: Scene) -> object:
        waiting, number = scene.waiting("BLPOP", "l", 0)
        heard = [flags(scene, number)]
        other = scene.client()
        number = other.ask("CLIENT", "ID")
        other.ask("MULTI")
        heard.append(flags(scene, number))
        other.ask("SET", "a", 1)
        heard.append(flags(scene, number))
        scene.ask(other, "NOSUCH")
        heard.append(flags(scene, number))
        other.ask("DISCARD")
        return [*heard, flags(scene, number)]

    same(story)


def test_fields_stand_in_the_order_of_7_2(compare: Pair) -> None:
    names = [re.findall(rb"(\S+?)=", node.ask("CLIENT", "INFO")) for node in (compare.redis, compare.ours)]
    new = [name for name in names[1] if name not in names[0]]
    assert [name for name in names[1] if name not in new] == names[0]
    assert new == ([b"lib-name", b"lib-ver"] if compare.redis_is_7_0 else [])


def test_replies_off_and_skipped(compare: Pair) -> None:
    compare(r'=> "CLIENT REPLY SKIP\r\nCLIENT REPLY FOO\r\nECHO 1\r\n"')
    compare(r'=> "CLIENT REPLY SKIP\r\nCLIENT REPLY SKIP\r\nECHO 1\r\nECHO 2\r\n"')
    compare(r'=> "CLIENT REPLY SKIP\r\nCLIENT REPLY ON\r\nECHO 3\r\n"', "<-")
    compare(r'=> "CLIENT REPLY OFF\r\nNOSUCH\r\nGET\r\nCLIENT REPLY SKIP\r\nECHO x\r\nCLIENT REPLY ON\r\n"', "PING")
    compare(r'=> "CLIENT REPLY SKIP\r\nNOSUCH\r\nECHO 4\r\n"')
    compare(r'=> "CLIENT REPLY OFF\r\nMULTI\r\nSET a 1\r\nEXEC\r\nCLIENT REPLY ON\r\nGET a\r\n"', "<-")
    compare(r'=> "CLIENT REPLY OFF\r\nRESET\r\nPING\r\n"', "<-")


def test_a_pause_of_writes(compare: Pair) -> None:
    compare("""
        c: MULTI
        c: SET b 1
        e: MULTI
        CLIENT PAUSE 100000 WRITE
        GET a
        a: SET a 1 &
        b: PUBLISH x y &
        c: EXEC &
        e: SET e 1 &
        d: MULTI
        d: GET a
        d: EXEC
        SUBSCRIBE x
        o: PING
        o: CLIENT UNPAUSE
        a: <-
        b: <-
        <-
        c: <-
        e: <-
        e: EXEC
        o: MGET a b e
    """)


def test_a_paused_pipeline_goes_on_where_it_stopped(compare: Pair) -> None:
    compare(
        "CLIENT PAUSE 100000 WRITE",
        r'a: => "SET a 1\r\nGET a\r\nINCR a\r\n" &',
        "CLIENT UNPAUSE",
        "a: <-",
        "a: <-",
        "a: <-",
    )


def test_a_pause_is_never_shortened(compare: Pair) -> None:
    compare(
        "CLIENT PAUSE 100000 WRITE",
        "CLIENT PAUSE 1 WRITE",
        "DEBUG SLEEP 0.01",
        "a: SET a 2 &",
        "CLIENT UNPAUSE",
        "a: <-",
    )


def test_a_pause_ends_by_itself(compare: Pair) -> None:
    compare("CLIENT PAUSE 30", "a: PING", "CLIENT PAUSE 30 WRITE", "a: SET a 1", "CLIENT PAUSE 30 ALL", "b: GET a")


def test_who_waits_for_a_key_is_served_behind_a_pause(compare: Pair) -> None:
    compare("a: BLPOP l 0 &", "CLIENT PAUSE 100000 WRITE", "b: RPUSH l 1 &", "CLIENT UNPAUSE", "b: <-", "a: <-")


def test_a_transaction_that_pauses_is_finished(compare: Pair) -> None:
    compare("MULTI", "CLIENT PAUSE 100000 WRITE", "SET a 1", "EXEC", "a: SET a 2 &", "GET a", "CLIENT UNPAUSE", "a: <-")


def test_nothing_expires_during_a_pause(compare: Pair) -> None:
    compare(
        "SET k v PX 20",
        "CLIENT PAUSE 100000 WRITE",
        "DEBUG SLEEP 0.03",
        "GET k",
        "DBSIZE",
        "CLIENT UNPAUSE",
        "GET k",
        "DBSIZE",
    )


def test_bad_requests_to_pause(compare: Pair) -> None:
    compare(
        "CLIENT PAUSE x",
        "CLIENT PAUSE -1",
        "CLIENT PAUSE 1.5",
        "CLIENT PAUSE 10 FOO",
        "CLIENT PAUSE x FOO",
        "CLIENT PAUSE 0",
    )
    compare("CLIENT PAUSE 10 WRITE x", "CLIENT PAUSE 99999999999999999999")
    if not compare.redis_is_7_0:
        compare("CLIENT PAUSE 9223372036854775807")
