"""Strings are plain bytes. One that was written into (APPEND, SETRANGE, SETBIT) is a RawString: the same bytes in a
class of their own, so that OBJECT ENCODING can go on to say `raw` as Redis does.
"""


class RawString(bytes):
    """Bytes that a command has changed in place."""

    __slots__ = ()
