"""RESP2 and RESP3 replies as trees and as byte counts: where one reply ends, what its parts are.

It shares nothing with the server's own encoder or with hiredis, since it is to catch the mistakes of both.
"""

from dataclasses import dataclass, field


class Incomplete(Exception):
    """The bytes end before the reply does."""


@dataclass(slots=True, order=True)
class Frame:
    """A reply: its type byte, its own text, its parts (a map's are keys and values in turn)."""

    type: str
    text: bytes
    parts: list["Frame"] = field(default_factory=list)


def frame_end(received: bytes | bytearray) -> int:
    return _parse(bytes(received), 0)[1]


def parse_frame(raw: bytes) -> Frame:
    frame, end = _parse(raw, 0)
    assert end == len(raw), f"more than one reply: {raw!r}"
    return frame


def _parse(raw: bytes, start: int) -> tuple[Frame, int]:
    line_end = raw.find(b"\r\n", start)
    if line_end < 0:
        raise Incomplete
    kind, head, position = chr(raw[start]), raw[start + 1 : line_end], line_end + 2
    match kind:
        case "+" | "-" | ":" | "_" | "#" | "," | "(":
            return Frame(kind, head), position
        case "$" | "=" | "!":
            return _parse_bulk(raw, kind, int(head), position)
        case "*" | "~" | ">" | "%" | "|":
            count = int(head) * (2 if kind in "%|" else 1)
            if count < 0:
                return Frame(kind, b"null"), position
            frame = Frame(kind, b"")
            for _ in range(count):
                part, position = _parse(raw, position)
                frame.parts.append(part)
            if kind != "|":
                return frame, position
            annotated, position = _parse(raw, position)
            return Frame(kind, b"", [*frame.parts, annotated]), position
    raise ValueError(f"no reply starts like this: {raw[start : start + 40]!r}")


def _parse_bulk(raw: bytes, kind: str, length: int, position: int) -> tuple[Frame, int]:
    if length < 0:
        return Frame(kind, b"null"), position
    end = position + length
    if len(raw) < end + 2:
        raise Incomplete
    assert raw[end : end + 2] == b"\r\n", f"no end of line after {length} bytes: {raw[position : end + 2]!r}"
    return Frame(kind, raw[position:end]), end + 2
