"""Files and DUMP payloads between a real redis-server and us: what one writes, the other reads, digests equal."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import hiredis
import pytest

from pycluster.keyspace.database import Database
from pycluster.keyspace.digest import digest_all, digest_value
from pycluster.rdb.payload import dump, restore
from pycluster.rdb.reader import FileReader
from pycluster.rdb.writer import write_file
from pycluster.testing.connection import Connection
from pycluster.testing.node import Node
from pycluster.testing.ports import reserve_port
from tests.differential.rdb_dataset import commands

PIECE = 10_000

# As it is out of the box, and with every compact encoding or compression turned the other way.
AS_IT_IS = ()
LARGE_ONLY = (
    ("hash-max-listpack-entries", 0),
    ("zset-max-listpack-entries", 0),
    ("set-max-intset-entries", 0),
    ("rdbcompression", "no"),
    ("rdbchecksum", "no"),
)
COMPACT_ONLY = (
    ("hash-max-listpack-entries", 100_000),
    ("hash-max-listpack-value", 1_000_000),
    ("zset-max-listpack-entries", 100_000),
    ("zset-max-listpack-value", 1_000_000),
    ("set-max-intset-entries", 100_000),
    ("list-max-listpack-size", 100),
    ("list-compress-depth", 1),
)


@pytest.fixture(scope="module", params=[AS_IT_IS, LARGE_ONLY, COMPACT_ONLY], ids=["default", "large", "compact"])
def redis(
    request: pytest.FixtureRequest, redis_server: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Node]:
    """A real server that holds the dataset and has just written it to its dump.rdb."""
    port = reserve_port()
    directives = [("save", ""), ("enable-debug-command", "yes"), *request.param]
    node = Node(port.number, tmp_path_factory.mktemp("redis"), program=redis_server, directives=directives)
    node.start()
    with node.connect() as connection:
        connection.ask_all(commands())
    node.ask("SAVE")
    yield node
    node.kill()
    port.release()


@pytest.fixture(scope="module")
def databases(redis: Node) -> dict[int, Database]:
    """What we read from that dump.rdb."""
    reader, found = FileReader(), {}
    file = dump_of(redis).read_bytes()
    for at in range(0, len(file), PIECE):
        for index, key, value, deadline in reader.feed(file[at : at + PIECE]):
            db = found.setdefault(index, Database(index))
            db.put(key, value)
            if deadline is not None:
                db.set_deadline(key, deadline)
    reader.end()
    return found


def dump_of(node: Node) -> Path:
    return node.directory / "dump.rdb"


def test_what_redis_wrote_we_read(redis: Node, databases: dict[int, Database]) -> None:
    assert digest_all(databases.values()) == redis.ask("DEBUG", "DIGEST").decode()


def test_deadlines_are_read_to_the_millisecond(redis: Node, databases: dict[int, Database]) -> None:
    deadlines = databases[0].deadlines[0]
    assert len(deadlines) == 5
    assert all(redis.ask("PEXPIRETIME", key) == deadline for key, deadline in deadlines.items())


def test_what_we_write_redis_reads_and_encodes_as_its_own(redis: Node, databases: dict[int, Database]) -> None:
    with redis.connect() as connection:
        digest, encodings = connection.ask("DEBUG", "DIGEST"), all_encodings(connection)
        dump_of(redis).write_bytes(b"".join(write_file(databases.values(), {"redis-ver": "7.2.4"})))
        connection.ask("DEBUG", "RELOAD", "NOSAVE")
        assert connection.ask("DEBUG", "DIGEST") == digest
        assert all_encodings(connection) == encodings


def all_encodings(connection: Connection) -> dict[bytes, bytes]:
    return {key: connection.ask("OBJECT", "ENCODING", key) for key in connection.ask("KEYS", "*")}


def test_redis_check_rdb_accepts_what_we_write(databases: dict[int, Database], tmp_path: Path) -> None:
    program = shutil.which("redis-check-rdb") or pytest.skip("there is no redis-check-rdb")
    path = tmp_path / "ours.rdb"
    path.write_bytes(b"".join(write_file(databases.values(), {"redis-ver": "7.2.4"})))
    verdict = subprocess.run([program, path], capture_output=True, text=True)
    assert verdict.returncode == 0 and "Checksum OK" in verdict.stdout, verdict.stdout


def test_a_value_has_the_same_digest_on_both_sides(redis: Node, databases: dict[int, Database]) -> None:
    db = databases[0]
    with redis.connect() as connection:
        for key in db.keys():
            theirs = connection.ask("DEBUG", "DIGEST-VALUE", key)[0].decode()
            assert digest_value(db.peek(key), db.deadline(key) is not None) == theirs, key


def test_payloads_of_dump_are_understood_on_both_sides(redis: Node, databases: dict[int, Database]) -> None:
    db = databases[0]
    with redis.connect() as connection:
        for key in list(db.keys())[:200]:
            value = db.peek(key)
            theirs = connection.ask("DUMP", key)
            assert restore(theirs) == value
            assert connection.ask("RESTORE", b"restored", 0, dump(value), "REPLACE") in (b"OK", "OK")
            assert connection.ask("DEBUG", "DIGEST-VALUE", "restored")[0].decode() == digest_value(value, False), key


def test_redis_refuses_a_payload_of_ours_that_was_changed(redis: Node) -> None:
    payload = bytearray(dump(b"value"))
    payload[2] ^= 1
    with pytest.raises(hiredis.ReplyError, match="DUMP payload version or checksum are wrong"):
        redis.ask("RESTORE", b"spoiled", 0, bytes(payload))
