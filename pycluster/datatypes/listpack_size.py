"""How many bytes something would take in a listpack, Redis' compact row of strings and integers.

Ours are not held that way, but Redis decides by these sizes when a small collection becomes a large one and when a
stream begins a new block, and clients see what it decided.
"""

from pycluster.protocol.numbers import is_int

FRAME = 7  # bytes of a listpack without entries
LONGEST_INTEGER = 20  # -9223372036854775808
NINE = 57  # beyond this byte nothing begins that could be an integer


def size_of_string(string: bytes) -> int:
    """An entry's bytes: an integer takes as few as hold it, and the size stands once more behind."""
    length = len(string)
    if 0 < length <= LONGEST_INTEGER and string[0] <= NINE and is_int(string):
        return size_of_integer(int(string))
    size = length + (1 if length < 64 else 2 if length < 4096 else 5)
    return size + (1 if size < 128 else 2 if size < 16383 else 3 if size < 2097151 else 4 if size < 268435455 else 5)


def size_of_integer(number: int) -> int:
    if 0 <= number < 128:
        return 2
    bits = (number if number >= 0 else ~number).bit_length() + 1
    return 3 if bits <= 13 else 4 if bits <= 16 else 5 if bits <= 24 else 6 if bits <= 32 else 10
