"""LZF: the little compression of strings in RDB files (LibLZF's format, which has no header and no checksum).

A packed string is a row of instructions. `000nnnnn`: n + 1 literal bytes follow. `lllooooo [l] oooooooo`: copy
l + 2 bytes from o + 1 bytes back; l = 7 says that another length byte follows, to be added. A copy may overlap what
it writes: that is how runs are packed.
"""

from pycluster.rdb.errors import Damaged

LITERALS_MAX = 32
COPY_MAX = 264
DISTANCE_MAX = 1 << 13

PROBES = 8
PROBE_LENGTH = 12

# Three bytes of instruction make 264 bytes at the most: who claims more than that lies, and is found out at once.
EXPANSION_MAX = COPY_MAX // 3 + 1


def decompress(packed: bytes, size: int) -> bytes:
    """The string of `size` bytes that was packed."""
    if size > len(packed) * EXPANSION_MAX:
        raise Damaged("Invalid LZF compressed string")
    out = bytearray()
    at, end = 0, len(packed)
    try:
        while at < end and len(out) <= size:
            control = packed[at]
            at += 1
            if control < LITERALS_MAX:
                out += packed[at : at + control + 1]
                at += control + 1
                continue
            length = (control >> 5) + 2
            if length == 9:
                length += packed[at]
                at += 1
            distance = ((control & 31) << 8 | packed[at]) + 1
            at += 1
            start = len(out) - distance
            if start < 0:
                raise Damaged("Invalid LZF compressed string")
            if distance >= length:
                out += out[start : start + length]
            else:
                out += (out[start:] * (length // distance + 1))[:length]
    except IndexError:
        raise Damaged("Invalid LZF compressed string") from None
    if len(out) != size or at != end:
        raise Damaged("Invalid LZF compressed string")
    return bytes(out)


def repeats_itself(plain: bytes) -> bool:
    """Is compressing this likely to save most of it? Asks eight places whether what stands there comes again soon.

    Compressing is slow in Python (2 to 20 MB/s, the more repetition the faster), so strings that would give up a third
    of themselves are better left alone. This costs a microsecond or two, whatever the length.
    """
    step = len(plain) // (PROBES + 1)
    again = 0
    for start in range(0, step * PROBES, step or 1):
        probe = plain[start : start + PROBE_LENGTH]
        again += plain.find(probe, start + 1, start + DISTANCE_MAX) >= 0
    return again >= PROBES - 1


def compress(plain: bytes) -> bytes | None:
    """The string packed, or None where that does not save at least four bytes.

    Looks for the last place where the same three bytes stood. Where nothing repeats, the steps become longer (as in
    LZ4), so that noise costs little: this is Python, and a miss takes as long here as packing a hundred bytes in C.
    """
    limit = len(plain) - 4
    last = len(plain) - 3
    seen: dict[bytes, int] = {}
    out = bytearray()
    literals = at = misses = 0
    while at <= last:
        three = plain[at : at + 3]
        source = seen.get(three, -1)
        seen[three] = at
        if source < 0 or at - source > DISTANCE_MAX:
            misses += 1
            at += 1 + (misses >> 5)
            continue
        misses = 0
        length = _common_length(plain, source, at)
        _put_literals(out, plain, literals, at)
        _put_copy(out, length, at - source)
        at += length
        literals = at
        if len(out) > limit:
            return None
    _put_literals(out, plain, literals, len(plain))
    return bytes(out) if len(out) <= limit else None


def _common_length(plain: bytes, source: int, at: int) -> int:
    """How far the bytes at both places are the same: three are known to be."""
    length, most = 3, min(COPY_MAX, len(plain) - at)
    while (
        length + 16 <= most and plain[source + length : source + length + 16] == plain[at + length : at + length + 16]
    ):
        length += 16
    while length < most and plain[source + length] == plain[at + length]:
        length += 1
    return length


def _put_literals(out: bytearray, plain: bytes, start: int, end: int) -> None:
    for at in range(start, end, LITERALS_MAX):
        run = plain[at : min(at + LITERALS_MAX, end)]
        out.append(len(run) - 1)
        out += run


def _put_copy(out: bytearray, length: int, distance: int) -> None:
    distance -= 1
    if length < 9:
        out += bytes(((length - 2) << 5 | distance >> 8, distance & 255))
    else:
        out += bytes((7 << 5 | distance >> 8, length - 9, distance & 255))
