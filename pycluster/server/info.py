"""INFO: a report that every part of the server writes its lines in.

    info.add("Stats", pubsub.info)       # a function that returns {"pubsub_channels": 3, …}

The form stands in info_fields.py. A part says the fields that it knows, with values or instead of idle ones; a field
of its own that the form lacks (slave0, db0, aof_base_size) goes where the part puts it: behind the same neighbour.
"""

from collections.abc import Callable, Iterable, Mapping

from pycluster.server.info_fields import DEBUG, IDLE

Value = int | float | str | bytes
Fields = Mapping[str, Value]
Source = Callable[[], Fields]

BY_DEFAULT = (
    "server", "clients", "memory", "persistence", "stats", "replication", "cpu", "module_list", "errorstats",
    "cluster", "keyspace",
)  # fmt: skip


def read_form(text: str) -> dict[str, dict[str, str]]:
    """The text of an INFO reply, taken apart: title → fields."""
    sections: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        if line.startswith("# "):
            fields = sections[line[2:]] = {}
        elif line:
            name, _, value = line.partition(":")
            fields[name] = value
    return sections


FORM = read_form(IDLE)
ONLY_BY_NAME = read_form(DEBUG)


class Info:
    """The report of one server."""

    def __init__(self) -> None:
        self.sources: dict[str, list[Source]] = {title: [] for title in (*FORM, *ONLY_BY_NAME)}

    def add(self, title: str, source: Source) -> None:
        """From now on the source's fields are in this section."""
        self.sources[title].append(source)

    def section(self, title: str) -> dict[str, Value]:
        """The fields of one section, as they are now."""
        fields: dict[str, Value] = dict(FORM.get(title) or ONLY_BY_NAME.get(title, {}))
        for source in self.sources[title]:
            fields = merge(fields, source())
        return fields

    def report(self, names: Iterable[bytes] = ()) -> bytes:
        """The reply to INFO with these words: sections, `default`, `all`, `everything`, in any letter case."""
        titles = wanted(names)
        return b"\r\n".join(render(title, self.section(title)) for title in titles)


def wanted(names: Iterable[bytes]) -> list[str]:
    """The titles of the sections asked for, in order. A name that is none is no error: it might be a module's."""
    asked: set[str] = set()
    for name in [name.decode("latin-1").lower() for name in names] or ["default"]:
        match name:
            case "default":
                asked.update(BY_DEFAULT)
            case "all" | "everything":
                asked.update(title.lower() for title in FORM)
            case _:
                asked.add(name)
    if "module_list" in asked:
        asked.add("modules")
    return [title for title in (*FORM, *ONLY_BY_NAME) if title.lower() in asked]


def merge(fields: dict[str, Value], more: Fields) -> dict[str, Value]:
    """`more` over `fields`. What is known keeps its place; what is new goes behind what it follows in `more`."""
    followers: dict[str, list[str]] = {"": []}
    known = ""
    for name in more:
        if name in fields:
            known = name
            followers[known] = []
        else:
            followers[known].append(name)
    merged: dict[str, Value] = {}
    for name, value in fields.items():
        merged[name] = more.get(name, value)
        merged.update((new, more[new]) for new in followers.get(name, ()))
    merged.update((new, more[new]) for new in followers[""])
    return merged


def render(title: str, fields: Fields) -> bytes:
    lines = [f"# {title}".encode(), *(b"%b:%b" % (name.encode(), show(value)) for name, value in fields.items()), b""]
    return b"\r\n".join(lines)


def show(value: Value) -> bytes:
    """Truth is 1 or 0, a share or a rate has two digits behind the point."""
    match value:
        case bytes():
            return value
        case str():
            return value.encode("utf-8", "surrogateescape")
        case float():
            return b"%.2f" % value
        case _:
            return b"%d" % value


SAFE = bytes.maketrans(b"#:\n\r", b"____")


def safe(name: bytes) -> str:
    """A name that a user may have chosen, as it may stand in a field's name."""
    return name.translate(SAFE).decode("latin-1")


def human(size: int) -> str:
    """So many bytes for people: 512B, 1.50K, 3.00M."""
    amount = float(size)
    for unit in ("B", "K", "M", "G", "T", "P"):
        if amount < 1024:
            return f"{size}B" if unit == "B" else f"{amount:.2f}{unit}"
        amount /= 1024
    return f"{size}B"
