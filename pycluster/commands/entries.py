"""What COMMAND INFO says of a command, derived from its declaration: flags, categories, keys.

Source: https://redis.io/docs/latest/commands/command/ and, for the first, last and step of old clients, server.c,
`populateCommandLegacyRangeSpec`.
"""

from pycluster.commands.table import Declaration, KeyCount, KeySpec, Range
from pycluster.protocol.replies import Members

# In the order in which Redis names them. A flag that is missing here is for our own use and nobody is told.
FLAGS = (
    "write", "readonly", "denyoom", "module", "admin", "pubsub", "noscript", "blocking", "loading", "stale",
    "skip_monitor", "skip_slowlog", "asking", "fast", "no_auth", "no_mandatory_keys", "no_async_loading", "no_multi",
    "movablekeys", "allow_busy",
)  # fmt: skip

CATEGORIES = (
    "keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap", "hyperloglog", "geo", "stream",
    "pubsub", "admin", "fast", "slow", "blocking", "dangerous", "connection", "transaction", "scripting",
)  # fmt: skip

# The categories that a flag brings along.
IMPLIED = {
    "write": ("write",),
    "readonly": ("read",),
    "admin": ("admin", "dangerous"),
    "pubsub": ("pubsub",),
    "fast": ("fast",),
    "blocking": ("blocking",),
}


def entry(declaration: Declaration) -> list[object]:
    """One command as COMMAND and COMMAND INFO show it."""
    return [
        declaration.full_name.encode(),
        declaration.arity,
        Members(flag for flag in FLAGS if flag in declaration.flags),
        *key_range(declaration),
        Members(f"@{category}" for category in categories(declaration)),
        Members(tip.encode() for tip in declaration.tips),
        Members(key_spec(spec) for spec in declaration.key_specs),
        [entry(subcommand) for subcommand in declaration.subcommands.values()] or Members(),  # Redis: none are a set
    ]


def categories(declaration: Declaration) -> list[str]:
    """The categories of ACL that a command is in: its own, and those that its flags bring along."""
    found = set(declaration.categories)
    for flag in declaration.flags:
        if flag != "readonly" or "scripting" not in found:
            found.update(IMPLIED.get(flag, ()))
    if "fast" not in found:
        found.add("slow")
    return [category for category in CATEGORIES if category in found]


def key_range(declaration: Declaration) -> tuple[int, int, int]:
    """First key, last key and step, for clients that know no key specs: as much as can be said in three numbers."""
    specs = declaration.key_specs
    match specs:
        case (KeySpec(_, int(begin), Range(last, step)),):
            return begin, begin + last if last >= 0 else last, step
    plain: list[tuple[int, int]] = []  # ranges of step 1, each right behind the one before
    for spec in specs:
        match spec:
            case KeySpec(_, int(begin), Range(last, 1)) if not plain or plain[-1][1] == begin - 1:
                plain.append((begin, begin + last if last >= 0 else last))
    return (plain[0][0], plain[-1][1], 1) if plain else (0, 0, 0)


def key_spec(spec: KeySpec) -> dict[bytes, object]:
    """Where keys begin, and how they go on."""
    begin: dict[bytes, object]
    match spec.begin:
        case int(index):
            begin = {b"type": b"index", b"spec": {b"index": index}}
        case (keyword, start):
            begin = {b"type": b"keyword", b"spec": {b"keyword": keyword.encode(), b"startfrom": start}}
    match spec.find:
        case Range(last, step, limit):
            find = {b"type": b"range", b"spec": {b"lastkey": last, b"keystep": step, b"limit": limit}}
        case KeyCount(at, first, step):
            find = {b"type": b"keynum", b"spec": {b"keynumidx": at, b"firstkey": first, b"keystep": step}}
    return {b"flags": Members(spec.use.split()), b"begin_search": begin, b"find_keys": find}
