"""The footer of payloads: what is whole and of a known version is opened, anything else is not."""

import pytest

from pycluster.protocol.errors import PayloadSpoiled
from pycluster.rdb.crc64 import crc64
from pycluster.rdb.payload import seal, unseal

EMPTY_OF_REDIS_7_0 = bytes.fromhex("0a005d9b5c400f7fa2da")  # FUNCTION DUMP where there is no library


def test_an_empty_body_is_sealed_as_redis_seals_it() -> None:
    assert seal(b"") == EMPTY_OF_REDIS_7_0


@pytest.mark.parametrize("body", [b"", b"\0", b"\0\x03abc", bytes(1000)])
def test_what_was_sealed_is_opened(body: bytes) -> None:
    assert unseal(seal(body)) == body


@pytest.mark.parametrize("at", range(14))
def test_no_byte_can_change_unnoticed(at: int) -> None:
    payload = bytearray(seal(b"body"))
    payload[at] ^= 1
    with pytest.raises(PayloadSpoiled):
        unseal(bytes(payload))


@pytest.mark.parametrize("length", range(10))
def test_what_is_too_short_for_a_footer_is_spoiled(length: int) -> None:
    with pytest.raises(PayloadSpoiled):
        unseal(bytes(length))


@pytest.mark.parametrize(("version", "is_known"), [(1, True), (11, True), (12, True), (13, False), (80, True)])
def test_only_versions_that_are_read_are_opened(version: int, is_known: bool) -> None:
    closed = b"body" + version.to_bytes(2, "little")
    payload = closed + crc64(closed).to_bytes(8, "little")
    if is_known:
        assert unseal(payload) == b"body"
    else:
        with pytest.raises(PayloadSpoiled):
            unseal(payload)
