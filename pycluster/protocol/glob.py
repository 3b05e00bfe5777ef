"""Glob patterns as Redis matches them: `*`, `?`, `[a-z]`, `[^…]`, `\\x` (util.c, `stringmatchlen`).

The matcher is iterative and remembers only the last `*`: a pattern full of stars costs at most the product of both
lengths, never more (a recursive one, or a translation to `re`, can be made to run for ever: CVE-2024-31228).
"""


def glob_match(pattern: bytes, text: bytes, nocase: bool = False) -> bool:
    """Does the whole text match the pattern? (An empty text is matched by an empty pattern alone, not even by `*`.)"""
    if not text:
        return not pattern
    if nocase:
        pattern, text = pattern.lower(), text.lower()
    if b"\\" not in pattern and b"[" not in pattern and b"?" not in pattern:
        return _match_stars(pattern, text)
    at, here = 0, 0
    star, mark = -1, 0
    while here < len(text):
        if at < len(pattern) and pattern[at] == 42:
            star, mark = at, here
            at += 1
            continue
        if at < len(pattern):
            behind = _match_one(pattern, at, text[here])
            if behind:
                at = behind
                here += 1
                continue
        if star < 0:
            return False
        mark += 1
        at, here = star + 1, mark
    while at < len(pattern) and pattern[at] == 42:
        at += 1
    return at >= len(pattern)


def _match_stars(pattern: bytes, text: bytes) -> bool:
    """The ordinary pattern, literals and stars only: each piece is searched behind the one before it."""
    first, *others = pattern.split(b"*")
    if not others:
        return first == text
    last = others.pop()
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in others:
        at = text.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True


def _match_one(pattern: bytes, at: int, byte: int) -> int:
    """Matches one byte against the element at `at`: the place behind the element, or 0 if it does not match."""
    match pattern[at]:
        case 63:  # ?
            return at + 1
        case 91:  # [
            behind, matched = _match_class(pattern, at + 1, byte)
            return behind if matched else 0
        case 92 if at + 1 < len(pattern):  # backslash
            at += 1
    return at + 1 if pattern[at] == byte else 0


def _match_class(pattern: bytes, at: int, byte: int) -> tuple[int, bool]:
    """A class from behind its `[`: (the place behind it, does the byte belong). It may lack its end."""
    end = len(pattern)
    negated = at < end and pattern[at] == 94
    if negated:
        at += 1
    matched = False
    while at < end and pattern[at] != 93:
        if pattern[at] == 92 and at + 1 < end:
            matched |= pattern[at + 1] == byte
            at += 2
        elif at + 2 < end and pattern[at + 1] == 45:
            low, high = sorted((pattern[at], pattern[at + 2]))
            matched |= low <= byte <= high
            at += 3
        else:
            matched |= pattern[at] == byte
            at += 1
    return min(at + 1, end), matched != negated
