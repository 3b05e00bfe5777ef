"""Hashes whose fields may expire, as files of Redis 7.4.5 and Valkey 9 have them."""

import pytest

from pycluster.datatypes.hash import Hash
from pycluster.rdb import opcodes
from pycluster.rdb.errors import Damaged, Unreadable, Unsupported
from pycluster.rdb.strings import Short
from pycluster.rdb.values import begin

# From files: three fields that expire in 2057 and five that never do; two and one; two that expire in 2046 and 2056,
# and one that never does.
OF_REDIS_7_4 = (
    "55158d8f81020000" + "08" + "80000f544e" + "0246320256320002463502563580001ea85e0246330256330102463102563100"
    "024636025636000246340256340002463702563700024638025638"
)
LISTPACK_OF_REDIS_7_4 = (
    "f5e68d8f81020000" + "35" + "350000000900824631038256310" + "3f4f5e68d8f8102000009824633038256330"
    "3f42681ac8f810200000982463203825632030001ff"
)
OF_VALKEY = "03" + "0246310256314038705178020000" + "024632025632408084e42e020000" + "024633025633ffffffffffffffff"
FILES = [  # with the time at which the last of their fields expires, as another reader understood it
    (opcodes.HASH_WITH_TTL, OF_REDIS_7_4, 2755484433842),
    (opcodes.LISTPACK_WITH_TTL, LISTPACK_OF_REDIS_7_4, 2755484483878),
    (opcodes.HASH_OF_VALKEY, OF_VALKEY, 2715785640000),
]
LONG_AGO, FAR_AHEAD = 0, 1 << 47


def read(kind: int, body: str, now_ms: int = LONG_AGO) -> Hash:
    is_valkey = kind == opcodes.HASH_OF_VALKEY
    unfinished = begin(kind % opcodes.OF_VALKEY, is_valkey=is_valkey, now_ms=now_ms)
    content = bytes.fromhex(body)
    assert unfinished.read(content, 0) == len(content)
    value = unfinished.value
    assert isinstance(value, Hash)
    return value


@pytest.mark.parametrize(("kind", "body", "last_ms"), FILES)
def test_fields_that_have_expired_are_left_out(kind: int, body: str, last_ms: int) -> None:
    left = {opcodes.HASH_WITH_TTL: "45678", opcodes.LISTPACK_WITH_TTL: "2", opcodes.HASH_OF_VALKEY: "3"}[kind]
    expected = {f"F{digit}".encode(): f"V{digit}".encode() for digit in left}
    assert dict(read(kind, body, FAR_AHEAD).fields.items()) == expected


@pytest.mark.parametrize(("kind", "body", "last_ms"), FILES)
def test_a_field_that_is_still_to_expire_refuses_the_file(kind: int, body: str, last_ms: int) -> None:
    with pytest.raises(Unsupported, match="A hash has the field 'F.' that is to expire"):
        read(kind, body, LONG_AGO)


@pytest.mark.parametrize(("kind", "body", "last_ms"), FILES)
def test_the_deadline_is_right_to_the_millisecond(kind: int, body: str, last_ms: int) -> None:
    with pytest.raises(Unsupported):
        read(kind, body, last_ms - 1)
    assert read(kind, body, last_ms) == read(kind, body, FAR_AHEAD)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (opcodes.HASH_WITH_TTL, "0000000000000100" + "01" + "00" + "0161" + "0131"),
        (opcodes.HASH_WITH_TTL_PRE_RELEASE, "01" + "00" + "0161" + "0131"),
        (opcodes.LISTPACK_WITH_TTL, "00" * 8 + "0e" + "0e0000000300" + "816102" + "0101" + "0001" + "ff"),
        (opcodes.LISTPACK_WITH_TTL_PRE_RELEASE, "0e" + "0e0000000300" + "816102" + "0101" + "0001" + "ff"),
        (opcodes.HASH_OF_VALKEY, "01" + "0161" + "0131" + "ff" * 8),
    ],
)
def test_without_any_deadline_it_is_a_hash_like_others(kind: int, body: str) -> None:
    assert read(kind, body) == Hash([(b"a", b"1")])


def test_before_release_deadlines_were_absolute() -> None:
    body = "01" + "42dc" + "0161" + "0131"
    assert not read(opcodes.HASH_WITH_TTL_PRE_RELEASE, body, 0x2DC)
    with pytest.raises(Unsupported):
        read(opcodes.HASH_WITH_TTL_PRE_RELEASE, body, 0x2DB)


@pytest.mark.parametrize(("kind", "body", "last_ms"), FILES)
def test_it_may_come_in_pieces_of_any_size(kind: int, body: str, last_ms: int) -> None:
    content, whole = bytes.fromhex(body), read(kind, body, FAR_AHEAD)
    for cut in range(len(content)):
        unfinished = begin(kind % opcodes.OF_VALKEY, is_valkey=kind == opcodes.HASH_OF_VALKEY, now_ms=FAR_AHEAD)
        with pytest.raises(Short) as short:
            unfinished.read(content[:cut], 0)
        unfinished.read(content[short.value.at :], 0)
        assert unfinished.value == whole


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (opcodes.HASH_WITH_TTL, "ff" * 8 + "01" + "00" + "0161" + "0131"),
        (opcodes.HASH_WITH_TTL, "0000000000000200" + "01" + "00" + "0161" + "0131"),
        (opcodes.HASH_WITH_TTL_PRE_RELEASE, "01" + "81" + "00ff" * 4 + "0161" + "0131"),
        (opcodes.HASH_WITH_TTL_PRE_RELEASE, "02" + ("00" + "0161" + "0131") * 2),
        (opcodes.HASH_OF_VALKEY, "02" + ("0161" + "0131" + "ff" * 8) * 2),
        (opcodes.HASH_OF_VALKEY, "01" + "0161" + "0131" + "ff" * 7 + "7f"),
        (opcodes.LISTPACK_WITH_TTL_PRE_RELEASE, "0c" + "0c0000000200" + "816102" + "0101" + "ff"),
        (opcodes.LISTPACK_WITH_TTL_PRE_RELEASE, "0f" + "0f0000000300" + "816102" + "0101" + "817802" + "ff"),
    ],
)
def test_damage_is_told(kind: int, body: str) -> None:
    with pytest.raises(Damaged):
        read(kind, body)


def test_the_number_of_valkey_means_something_else_in_redis() -> None:
    unfinished = begin(opcodes.HASH_WITH_TTL_PRE_RELEASE)
    with pytest.raises((Unreadable, Short)):
        unfinished.read(bytes.fromhex(OF_VALKEY), 0)
