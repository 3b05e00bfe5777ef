"""The options that SCAN and its sisters share: cursor, MATCH, COUNT (db.c, `scanGenericCommand`)."""

from dataclasses import dataclass

from pycluster.protocol.errors import BadSyntax, InvalidCursor
from pycluster.protocol.glob import glob_match
from pycluster.protocol.numbers import parse_int

CURSOR_LIMIT = 1 << 64
CURSOR_DIGITS = 20


@dataclass(slots=True)
class ScanOptions:
    """What a step of a walk was asked for."""

    pattern: bytes | None = None
    count: int = 10
    type: bytes | None = None

    def matches(self, name: bytes) -> bool:
        """Does MATCH let this name pass?"""
        return self.pattern is None or glob_match(self.pattern, name)


def parse_cursor(text: bytes) -> int:
    """A cursor as strtoul reads it: an unsigned number of 64 bits."""
    text = text.split(b"\0", 1)[0]
    if not text:
        return 0
    digits = text[1:] if text[:1] in (b"+", b"-") else text
    if not digits.isdigit() or len(digits.lstrip(b"0")) > CURSOR_DIGITS:
        raise InvalidCursor
    value = int(text)
    if abs(value) >= CURSOR_LIMIT:
        raise InvalidCursor
    return value % CURSOR_LIMIT


def parse_scan_options(options: tuple[bytes, ...], with_type: bool = False) -> ScanOptions:
    """MATCH pattern, COUNT count and, for SCAN itself, TYPE type; in any order."""
    wanted = ScanOptions()
    if len(options) % 2:
        # The options before the odd one are read first: a bad COUNT among them is the complaint.
        parse_scan_options(options[:-1], with_type)
        raise BadSyntax
    for word, value in zip(options[::2], options[1::2], strict=True):
        match word.upper():
            case b"COUNT":
                wanted.count = parse_int(value)
                if wanted.count < 1:
                    raise BadSyntax
            case b"MATCH":
                wanted.pattern = None if value == b"*" else value
            case b"TYPE" if with_type:
                wanted.type = value.lower()
            case _:
                raise BadSyntax
    return wanted
