"""Hashes whose fields may expire, as Redis 7.4 and later and Valkey 9 and later write them. Here no field can.

    HASH_WITH_TTL      <soonest: 8> <count> (<ttl> field value) …     ttl: 0 for none, else 1 + ms behind the soonest
    …_PRE_RELEASE                   <count> (<ttl> field value) …     ttl: 0 for none, else ms since 1970
    LISTPACK_WITH_TTL  <soonest: 8> listpack of (field value ttl)     as the pre-release, sorted by ttl
    …_PRE_RELEASE                   listpack of (field value ttl)
    HASH_OF_VALKEY                  <count> (field value <ttl: 8>) …  ttl: -1 for none, else ms since 1970

(The numbers of types collide: 22 is one thing behind Redis' magic, another behind Valkey's.) A hash of which no field
is to expire any more is a hash like any other; fields that have expired are left out. But a field that is still to
expire would stay forever: such a file is refused, and nothing is lost. Sources: files of Redis 7.4.5 in the test cases
of github.com/HDT3213/rdb (Apache licence), and what valkey-server 9.1 writes.
"""

from pycluster.datatypes.hash import Hash
from pycluster.rdb import opcodes
from pycluster.rdb.errors import Damaged, Unsupported
from pycluster.rdb.listpack import read_listpack
from pycluster.rdb.strings import Short, read_length, read_string

LATEST = (1 << 48) - 1  # no field expires behind this

WITH_SOONEST = (opcodes.HASH_WITH_TTL, opcodes.LISTPACK_WITH_TTL)
LISTPACKS = (opcodes.LISTPACK_WITH_TTL, opcodes.LISTPACK_WITH_TTL_PRE_RELEASE)


class UnfinishedVolatileHash:
    """Such a hash on its way, as values.Unfinished; `now_ms` decides which fields have expired."""

    __slots__ = ("value", "_kind", "_now_ms", "_soonest", "_left")

    def __init__(self, kind: int, now_ms: int) -> None:
        self.value = Hash()
        self._kind = kind
        self._now_ms = now_ms
        self._soonest = -1  # not read yet
        self._left = -1  # fields still to come; -1: their number too

    def read(self, received: bytes, at: int) -> int:
        """Reads on, to the end of the value: the place behind it. Raises Short where the bytes end before."""
        if self._soonest < 0 and self._kind in WITH_SOONEST:
            self._soonest, at = _read_eight(received, at)
            if not 0 <= self._soonest <= LATEST + 1:  # LATEST + 1: none of them expires
                raise Damaged("Hash read invalid minExpire value", at - 8)
        if self._kind in LISTPACKS:
            packed, at = read_string(received, at)
            self._take_listpack(packed)
            return at
        if self._left < 0:
            self._left, at = read_length(received, at)
        read = _read_of_valkey if self._kind == opcodes.HASH_OF_VALKEY else self._read_of_redis
        while self._left:
            try:
                field, content, deadline, behind = read(received, at)
            except Short as short:
                raise Short(at, short.need) from None
            self._take(field, content, deadline)
            self._left -= 1
            at = behind
        return at

    @property
    def packed(self) -> int:
        """Packed structures it is made of."""
        return int(self._kind in LISTPACKS)

    @property
    def is_empty(self) -> bool:
        return not self.value

    def _read_of_redis(self, received: bytes, at: int) -> tuple[bytes, bytes, int, int]:
        """One field: name, content, deadline or 0, the place behind."""
        ttl, at = read_length(received, at)
        field, at = read_string(received, at)
        content, at = read_string(received, at)
        is_relative = ttl and self._kind == opcodes.HASH_WITH_TTL
        return field, content, self._soonest + ttl - 1 if is_relative else ttl, at

    def _take_listpack(self, packed: bytes) -> None:
        entries = read_listpack(packed)
        if len(entries) % 3:
            raise Damaged("Hash listpack with a field that has no time to live")
        parts = iter(entries)
        for field, content, digits in zip(parts, parts, parts, strict=True):
            try:
                deadline = int(digits)
            except ValueError:
                raise Damaged("Hash listpack with a time to live that is no number") from None
            self._take(field, content, deadline)

    def _take(self, field: bytes, content: bytes, deadline: int) -> None:
        if deadline > LATEST:
            raise Damaged("Hash field with an invalid expire time")
        if deadline > self._now_ms:
            raise Unsupported(
                f"A hash has the field '{field.decode('latin-1')}' that is to expire, and fields cannot expire here"
            )
        if deadline > 0:
            return
        before = len(self.value)
        self.value.put(field, content)
        if len(self.value) == before:
            raise Damaged("Duplicate hash fields detected")


def _read_of_valkey(received: bytes, at: int) -> tuple[bytes, bytes, int, int]:
    field, at = read_string(received, at)
    content, at = read_string(received, at)
    deadline, at = _read_eight(received, at)
    return field, content, deadline, at


def _read_eight(received: bytes, at: int) -> tuple[int, int]:
    if at + 8 > len(received):
        raise Short(at, at + 8)
    return int.from_bytes(received[at : at + 8], "little", signed=True), at + 8
