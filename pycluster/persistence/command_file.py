"""Commands as they stand in a file: the wire form, one behind another, and annotations (`#TS:…`) between them.

`read_command` takes one from bytes that may end anywhere: in the middle of a command it raises Cut, and whoever reads
brings more. Nothing is believed of a claimed length but that so many bytes are needed.
"""

LONGEST_LINE = 1024


class Cut(Exception):
    """The bytes end before the command does."""


class BadFormat(Exception):
    """No server would have written this."""


def read_command(content: bytes, at: int) -> tuple[list[bytes] | None, int]:
    """The command at this place and the place behind it; None for an annotation. Raises Cut or BadFormat."""
    kind = content[at]
    end = content.find(b"\n", at)
    if kind == 35:  # '#'
        if end < 0:
            raise Cut
        return None, end + 1
    if kind != 42:  # '*'
        raise BadFormat
    if end < 0:
        raise _cut_line(content, at)
    count = _number(content[at + 1 : end])
    if count < 1:
        raise BadFormat
    at = end + 1
    size = len(content)
    args = []
    for _ in range(count):
        end = content.find(b"\n", at, at + LONGEST_LINE)
        if at < size and content[at] != 36:  # '$'
            raise BadFormat
        if end < 0:
            raise _cut_line(content, at)
        begin = end + 1
        end = begin + _number(content[at + 1 : end])
        at = end + 2
        if at > size:
            raise Cut
        args.append(content[begin:end])
    return args, at


def _number(digits: bytes) -> int:
    digits = digits.removesuffix(b"\r")
    if not digits.isdigit():
        raise BadFormat
    return int(digits)


def _cut_line(content: bytes, at: int) -> Exception:
    return Cut() if len(content) - at < LONGEST_LINE else BadFormat()
