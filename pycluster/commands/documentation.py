r"""The manual page of a command, read from the docstring of its function: what COMMAND DOCS answers.

    ZADD key [NX | XX] [CH] score member [score member ...]      the synopsis

    Adds members to a sorted set.                                 the summary
    Since 1.2.0. O(log(N)) for each item added.                   since when, and at what cost
    Deprecated since 6.2.0, use `ZRANGE`.                         if it is

The synopsis is Redis' notation, and its grammar gives the tree of arguments that clients complete from: small letters
are arguments, capitals are written as they stand and go with the argument behind them, […] may be left out, <…|…> is
a choice, `x [x ...]` and `<…> ...` may be repeated. The names of groups are ours: nobody types them.

Source: https://redis.io/docs/latest/commands/command-docs/
"""

import inspect
import re
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain, repeat
from typing import Annotated, get_args, get_origin

from pycluster.commands.table import Declaration
from pycluster.protocol.replies import Members

PAGE = re.compile(
    r"""
    (?P<synopsis>.+?)
    \n\n (?P<summary>.+?)
    (?: \n Since\ (?P<since>[\d.]+\d)\. (?: \ (?P<complexity>.+?)\.? )? )?
    (?: \n Deprecated\ since\ (?P<deprecated_since>[\d.]+\d),\ use\ (?P<replaced_by>.+?)\.? )?
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument, or a group of them."""

    name: str
    type: str  # key, string, integer, double, pattern, unix-time, pure-token; of a group: block, oneof
    token: str = ""  # the word that is written in front of it, or instead
    optional: bool = False
    multiple: bool = False
    multiple_token: bool = False  # with each repetition the token is written again
    key_spec: int | None = None
    parts: tuple["Argument", ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    summary: str
    since: str
    complexity: str
    deprecated_since: str
    replaced_by: str
    arguments: tuple[Argument, ...]


@cache
def page(declaration: Declaration) -> Page:
    """The manual page of a command. A container's is made of what its subcommands say."""
    if declaration.subcommands and not declaration.function.__doc__:
        return container_page(declaration)
    found = PAGE.fullmatch(inspect.getdoc(declaration.function) or "")
    assert found, f"{declaration.full_name} has no manual page"
    part = {name: " ".join((text or "").split()) for name, text in found.groupdict().items()}
    return Page(
        part["summary"],
        part["since"],
        part["complexity"],
        part["deprecated_since"],
        part["replaced_by"],
        with_types(read_synopsis(part["synopsis"], declaration), declaration),
    )


def container_page(declaration: Declaration) -> Page:
    oldest = min(
        (since for sub in declaration.subcommands.values() if (since := page(sub).since)),
        key=lambda since: [int(number) for number in since.split(".")],
        default="",
    )
    name = declaration.name.upper()
    return Page(f"A container for {name} commands.", oldest, "Depends on subcommand.", "", "", ())


# What COMMAND DOCS answers


def documentation(declaration: Declaration) -> dict[bytes, object]:
    about = page(declaration)
    shown: dict[bytes, object] = {b"summary": about.summary.encode()}
    if about.since:
        shown[b"since"] = about.since.encode()
    shown[b"group"] = declaration.group.encode()
    if about.complexity:
        shown[b"complexity"] = about.complexity.encode()
    if about.deprecated_since:
        shown[b"doc_flags"] = Members(["deprecated"])
        shown[b"deprecated_since"] = about.deprecated_since.encode()
        shown[b"replaced_by"] = about.replaced_by.encode()
    if about.arguments:
        shown[b"arguments"] = [describe(argument) for argument in about.arguments]
    if declaration.subcommands:
        shown[b"subcommands"] = {
            subcommand.full_name.encode(): documentation(subcommand) for subcommand in declaration.subcommands.values()
        }
    return shown


def describe(argument: Argument) -> dict[bytes, object]:
    name = argument.name if argument.name != EMPTY else "empty-string"
    shown: dict[bytes, object] = {b"name": name.encode(), b"type": argument.type.encode()}
    if not argument.parts:
        shown[b"display_text"] = name.encode()
    if argument.key_spec is not None:
        shown[b"key_spec_index"] = argument.key_spec
    if argument.token:
        shown[b"token"] = argument.token.encode()
    if argument.name == EMPTY:
        shown[b"token"] = b""
    flags = [flag for flag in ("optional", "multiple", "multiple_token") if getattr(argument, flag)]
    if flags:
        shown[b"flags"] = Members(flags)
    if argument.parts:
        shown[b"arguments"] = [describe(part) for part in argument.parts]
    return shown


# The grammar of a synopsis


def read_synopsis(text: str, declaration: Declaration) -> tuple[Argument, ...]:
    """The arguments behind the command's name (which may stand again behind a bar: two ways to say it)."""
    words = re.findall(r"\.\.\.|[\[\]<>|]|[^\s\[\]<>|]+", text)
    reader = Synopsis(without_name(words, declaration.full_name.upper().split("|")))
    ways = reader.choice()
    assert reader.at == len(reader.words), f"{text}: what is {reader.next()}?"
    return tuple(ways[0]) if len(ways) == 1 else (one(ways),)


def without_name(words: list[str], name: list[str]) -> list[str]:
    if words[0].upper() != name[0]:
        name = name[-1:]  # HELP, which all containers share
    length, at = len(name), 0
    kept: list[str] = []
    assert [word.upper() for word in words[:length]] == name, f"the page of {name} is about {words}"
    while at < len(words):
        if (not kept or kept[-1] == "|") and [word.upper() for word in words[at : at + length]] == name:
            at += length
        else:
            kept.append(words[at])
            at += 1
    return kept


class Synopsis:
    """The words of a synopsis behind the command's name, and how far they are read."""

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.at = 0

    def next(self) -> str:
        return self.words[self.at] if self.at < len(self.words) else ""

    def choice(self) -> list[list[Argument]]:
        """Sequences between bars."""
        ways = [self.sequence()]
        while self.next() == "|":
            self.at += 1
            ways.append(self.sequence())
        return ways

    def sequence(self) -> list[Argument]:
        """Arguments one behind the other, up to a closing bracket or a bar."""
        arguments: list[Argument] = []
        starts: list[int] = []  # where the words of each begin
        while (word := self.next()) not in ("", "]", ">", "|"):
            if word == "[" and (count := self.repeats(starts)):
                arguments[-count:] = [repeated(arguments[-count:])]
                starts[-count:] = starts[-count:][:1]
                continue
            if word == "...":
                arguments[-1] = replace(arguments[-1], multiple=True)
                self.at += 1
                continue
            starts.append(self.at)
            self.at += 1
            if word in "[<":
                argument = one(self.choice())
                self.at += 1  # the closing bracket
                arguments.append(replace(argument, optional=True) if word == "[" else argument)
            else:
                arguments.append(Argument(word.lower(), "pure-token" if is_token(word) else "string"))
        return join_tokens(arguments)

    def repeats(self, starts: list[int]) -> int:
        """`x [x ...]`: is this a bracket of that kind, and how many of the arguments before does it repeat?"""
        end = self.closing(self.at)
        if self.words[end - 1] != "...":
            return 0
        again = self.words[self.at + 1 : end - 1]
        for count, start in enumerate(reversed(starts), 1):
            if again in (self.words[start : self.at], self.words[start + 1 : self.at - 1]):
                self.at = end + 1
                return count
        raise AssertionError(f"nothing before is repeated by {' '.join(again)}")

    def closing(self, at: int) -> int:
        """The place of the bracket that closes the one at this place."""
        depth = 0
        for place in range(at, len(self.words)):
            depth += (self.words[place] == "[") - (self.words[place] == "]")
            if not depth:
                return place
        raise AssertionError(f"{' '.join(self.words)}: a bracket stays open")


EMPTY = '""'  # MIGRATE's key, when KEYS follows


def is_token(word: str) -> bool:
    """Words without small letters are written as they stand: LIMIT, =, *."""
    return word == word.upper()


def repeated(arguments: list[Argument]) -> Argument:
    """Arguments that may be said again, all of them each time."""
    parts = join_tokens(arguments)
    whole = parts[0] if len(parts) == 1 else Argument("data", "block", parts=tuple(parts))
    return replace(whole, multiple=True, multiple_token=bool(whole.token))


def join_tokens(arguments: list[Argument]) -> list[Argument]:
    """A token goes with the argument behind it; `LIMIT offset count`, if it is all there is, is one thing."""
    first = arguments[0] if arguments else None
    if first is not None and first.type == "pure-token" and not first.optional and len(arguments) > 2:
        rest = arguments[1:]
        if all(argument.type == "string" and not argument.optional for argument in rest):
            return [Argument(first.name, "block", token=first.name.upper(), parts=tuple(rest))]
    joined: list[Argument] = []
    for argument in arguments:
        before = joined[-1] if joined else None
        is_led = argument.type != "pure-token" and not argument.optional and not argument.token
        if before is not None and before.type == "pure-token" and not before.optional and is_led:
            joined[-1] = replace(argument, token=before.name.upper())
        else:
            joined.append(argument)
    return joined


def one(ways: list[list[Argument]]) -> Argument:
    """A bracket's content as one argument."""
    alternatives = [way[0] if len(way) == 1 else Argument("block", "block", parts=tuple(way)) for way in ways]
    return alternatives[0] if len(alternatives) == 1 else Argument("choice", "oneof", parts=tuple(alternatives))


# The types of arguments: what a name means throughout Redis' commands, unless the signature knows better

KEYS = frozenset("key newkey destination destkey source sourcekey src dst key1 key2 storekey storedistkey".split())
INTEGERS = frozenset(
    "bit bits client-id cluster-bus-port config-epoch count cursor db decrement destination-db end end-slot "
    "entries-added entries-read entriesread frequency index index1 index2 len limit milliseconds "
    "min-match-len ms num-matches numkeys numlocal numreplicas offset port protover rank seconds slot start start-slot "
    "stop ttl version weight".split()
)
DOUBLES = frozenset("height increment latitude longitude radius score timeout width".split())
PATTERNS = frozenset("pattern by-pattern get-pattern".split())
NUMBERS: dict[object, str] = {int: "integer", float: "double"}


def with_types(arguments: tuple[Argument, ...], declaration: Declaration) -> tuple[Argument, ...]:
    """The same tree, with a type for each argument, and for keys which of the key specs finds them."""
    last_spec = len(declaration.key_specs) - 1
    specs = chain(range(last_spec), repeat(last_spec))
    known = {
        parameter.name.replace("_", "-"): NUMBERS.get(base_of(parameter.annotation))
        for parameter in inspect.signature(declaration.function, eval_str=True).parameters.values()
    }

    def typed(argument: Argument) -> Argument:
        if argument.parts:
            return replace(argument, parts=tuple(typed(part) for part in argument.parts))
        if argument.type == "pure-token":
            return argument
        if argument.name in KEYS and last_spec >= 0:
            return replace(argument, type="key", key_spec=next(specs))
        return replace(argument, type=known.get(argument.name) or type_of(argument.name))

    return tuple(typed(argument) for argument in arguments)


def base_of(annotation: object) -> object:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def type_of(name: str) -> str:
    if name.startswith("unix-time-"):
        return "unix-time"
    return next((kind for kind, names in BY_NAME if name in names), "string")


BY_NAME = (("integer", INTEGERS), ("double", DOUBLES), ("pattern", PATTERNS))
