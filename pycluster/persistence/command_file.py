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
    args: list[bytes] = []
    find, size = content.find, len(content)
    try:
        count = int(content[at + 1 : end])
        if count < 1:
            raise BadFormat
        at = end + 1
        for _ in range(count):
            end = find(b"\n", at, at + LONGEST_LINE)
            if at < size and content[at] != 36:  # '$'
                raise BadFormat
            if end < 0:
                raise _cut_line(content, at)
            begin = end + 1
            end = begin + int(content[at + 1 : end])
            at = end + 2
            if end < begin:
                raise BadFormat
            if at > size:
                raise Cut
            args.append(content[begin:end])
    except ValueError:  # a length that is no number
        raise BadFormat from None
    if content[at - 2 : at] != b"\r\n":
        raise BadFormat
    return args, at


def is_cut_by_zeros(content: bytes) -> bool:
    """Does it begin with a command, or with nothing, that goes over into zeros before it is whole?

    So a file system may leave a file that it had made longer, without the time to write what was to be there.
    """
    written = content.rstrip(b"\0")
    if len(written) == len(content):
        return False
    try:
        if written:
            read_command(written, 0)
    except Cut:
        return True
    except BadFormat:
        return False
    return not written


def _cut_line(content: bytes, at: int) -> Exception:
    return Cut() if len(content) - at < LONGEST_LINE else BadFormat()
