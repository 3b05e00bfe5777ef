"""Files that are none: redis-server and we end with the same last words, and with the same status."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from pycluster.rdb.crc64 import crc64
from pycluster.testing.ports import reserve_port

KEY = b"\x00\x01k\x01v"


def rdb(records: bytes, *, magic: bytes = b"REDIS0010", end: bytes = b"\xff") -> bytes:
    content = magic + records + end
    return content + crc64(content).to_bytes(8, "little")


BAD_FILES = {
    "no rdb": b"HELLO WORLD HELLO",
    "another version": rdb(KEY, magic=b"REDIS0099"),
    "wrong checksum": rdb(KEY)[:-1] + b"\0",
    "cut": rdb(KEY)[:12],
    "cut in the checksum": rdb(KEY)[:-4],
    "unknown type": rdb(b"\x63\x01k\x01v"),
    "unknown length": rdb(b"\x00\xbf\x01"),
    "unknown encoding": rdb(b"\x00\x01k\xc7ab"),
    "more than there is": rdb(b"\x00\x01k\x81\x7f\xff\xff\xff\xff\xff\xff\xff"),
    "a hundred million members": rdb(b"\x02\x01k\x80\x06\x00\x00\x00\x01a"),
    "bad compression": rdb(b"\x00\x01k\xc3\x02\x05ab"),
    "bad listpack": rdb(b"\x10\x01h\x05aaaaa"),
    "bad ziplist": rdb(b"\x0d\x01h\x05aaaaa"),
    "bad intset": rdb(b"\x0b\x01s\x05aaaaa"),
    "bad quicklist": rdb(b"\x12\x01l\x01\x02\x05aaaaa"),
    "a member twice": rdb(b"\x02\x01s\x02\x01a\x01a"),
    "no score": rdb(b"\x05\x01z\x01\x01a\x00\x00\x00\x00\x00\x00\xf8\x7f"),
    "bad library": rdb(b"\xf5\x03abc"),
    "more databases": rdb(b"\xfe\x20" + KEY),
}

def last_words(program: Sequence[str], directory: Path, content: bytes) -> tuple[list[str], int]:
    """What a server says that starts with this file, and how it ends: without offsets, line numbers and reasons."""
    directory.mkdir()
    (directory / "dump.rdb").write_bytes(content)
    port = reserve_port()
    try:
        words = ["--port", str(port.number), "--bind", "127.0.0.1", "--dir", str(directory), "--save", ""]
        ended = subprocess.run([*program, *words], capture_output=True, text=True, timeout=60)
    finally:
        port.release()
    lines = re.findall(r"^\d+:M \d\d \w{3} \d{4} [\d:.]+ # (.*)", ended.stdout, re.M)
    shown = [re.sub(r"offset \d+(, function at rdb.c:\d+)? -> .*", "…", line) for line in lines]
    return [line for line in shown if not line.startswith(("WARNING", "Server initialized"))], ended.returncode


@pytest.mark.parametrize("name", BAD_FILES)
def test_the_last_words_are_redis(name: str, redis_server: list[str], our_server: list[str], tmp_path: Path) -> None:
    theirs, their_status = last_words(redis_server, tmp_path / "redis", BAD_FILES[name])
    ours, status = last_words(our_server, tmp_path / "ours", BAD_FILES[name])
    expected = list(map(without_7_0, theirs))
    if expected[-1].endswith("…"):  # redis-check-rdb, which it calls there, has ended the process by itself
        expected.append("Terminating server after rdb file reading failure.")
    assert ours == expected
    assert status == 1 and (their_status == 1 or name == "bad library")  # in which redis-check-rdb sees nothing wrong


def without_7_0(line: str) -> str:
    """7.2 has another reason for the end (server.c, loadDataFromDisk)."""
    return line.replace("DB: Invalid argument. Exiting.", "DB, check server logs. Exiting.")
