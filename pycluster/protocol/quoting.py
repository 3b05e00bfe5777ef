"""Words and quotes: how Redis splits a line into arguments and how it writes bytes so that they can be read back.

Inline commands, redis.conf and nodes.conf are split by the same rules (sds.c, `sdssplitargs`); CONFIG REWRITE,
MONITOR and the log quote by `sdscatrepr`.
"""

_SPACES = b" \t\n\v\f\r"
_ESCAPES = {ord("n"): 10, ord("r"): 13, ord("t"): 9, ord("b"): 8, ord("a"): 7}
_NAMES = {10: "\\n", 13: "\\r", 9: "\\t", 7: "\\a", 8: "\\b", 34: '\\"', 92: "\\\\"}
_HEX = b"0123456789abcdefABCDEF"


def split_arguments(line: bytes) -> list[bytes] | None:
    """The words of a line; None where a quote is not closed, or is closed in the middle of a word.

    Inside "…" the escapes \\n \\r \\t \\b \\a \\xHH and \\<any> hold; inside '…' only \\'.
    A zero byte ends the line, as it does in C.
    """
    line = line.split(b"\0", 1)[0]
    if b'"' not in line and b"'" not in line:
        return line.split()
    words: list[bytes] = []
    at, end = 0, len(line)
    while True:
        while at < end and line[at] in _SPACES:
            at += 1
        if at == end:
            return words
        word = bytearray()
        while at < end and line[at] not in _SPACES:
            if line[at] not in b"\"'":
                word.append(line[at])
                at += 1
                continue
            at = _read_quoted(line, at, word)
            if at < 0 or (at < end and line[at] not in _SPACES):
                return None
        words.append(bytes(word))


def _read_quoted(line: bytes, at: int, word: bytearray) -> int:
    """Appends what stands between the quote at `at` and its twin; returns the place behind the twin, -1 without one."""
    quote = line[at]
    at += 1
    end = len(line)
    while at < end:
        byte = line[at]
        if byte == quote:
            return at + 1
        if byte == 92 and quote == 34 and at + 1 < end:
            if line[at + 1] == 120 and at + 3 < end and line[at + 2] in _HEX and line[at + 3] in _HEX:
                word.append(int(line[at + 2 : at + 4], 16))
                at += 4
                continue
            at += 1
            byte = _ESCAPES.get(line[at], line[at])
        elif byte == 92 and line[at + 1 : at + 2] == b"'":
            at += 1
            byte = 39
        word.append(byte)
        at += 1
    return -1


def quote(value: bytes) -> str:
    """The bytes in double quotes, with everything unprintable escaped: split_arguments reads it back."""
    return '"' + "".join(_NAMES.get(b) or (chr(b) if 32 <= b < 127 else f"\\x{b:02x}") for b in value) + '"'
