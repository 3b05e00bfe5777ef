"""Manual pages: the grammar of a synopsis, and every command's page against what a redis-server 7.2 documents."""

from typing import Any

import pytest

from pycluster.admin.catalogue import GROUPS
from pycluster.commands.documentation import Argument, describe, documentation, page, read_synopsis
from pycluster.commands.table import Declaration, Group, Int, ReadKey
from tests.reference import with_valkey

REFERENCE = with_valkey("command-docs")
DECLARATIONS = {
    declaration.full_name: declaration
    for group in GROUPS
    for command in group.declarations
    for declaration in (command, *command.subcommands.values())
}
every_command = pytest.mark.parametrize("declaration", DECLARATIONS.values(), ids=DECLARATIONS)

# A synopsis

group = Group("generic")


@group.command("readonly")
def look(client: object, key: ReadKey, amount: Int) -> None:
    """LOOK key amount

    Looks at a key
    for a while.
    Since 1.0.0. O(N) where N
    is the amount.
    Deprecated since 2.0.0, use `GLANCE`.
    """


LOOK = group.declarations[0]


def arguments(synopsis: str) -> str:
    """The arguments in one line: (a b) a block, {a|b} a choice, ? optional, * multiple, + with its token each time."""
    return " ".join(map(shape, read_synopsis(f"LOOK {synopsis}", LOOK)))


def shape(argument: Argument) -> str:
    match argument.type:
        case "pure-token":
            text = argument.token or argument.name.upper()
        case "oneof":
            text = f"{{{'|'.join(map(shape, argument.parts))}}}"
        case "block":
            text = f"({' '.join(map(shape, argument.parts))})"
        case _:
            text = argument.name
    if argument.token and argument.type != "pure-token":
        text = f"{argument.token} {text}"
    return text + "?" * argument.optional + "*" * argument.multiple + "+" * argument.multiple_token


@pytest.mark.parametrize(
    ("synopsis", "expected"),
    [
        ("key value", "key value"),
        ("key [value]", "key value?"),
        ("key [NX | XX] [GET]", "key {NX|XX}? GET?"),
        ("[EX seconds | KEEPTTL]", "{EX seconds|KEEPTTL}?"),
        ("key [key ...]", "key*"),
        ("key value [key value ...]", "(key value)*"),
        ("[GET pattern [GET pattern ...]]", "GET pattern?*+"),
        ("numkeys key [key ...] [WEIGHTS weight [weight ...]]", "numkeys key* WEIGHTS weight?*"),
        ("[LIMIT offset count]", "LIMIT (offset count)?"),
        ("[COUNT count [ANY]]", "(COUNT count ANY?)?"),
        ("<LEFT | RIGHT> <BEFORE | AFTER> pivot", "{LEFT|RIGHT} {BEFORE|AFTER} pivot"),
        ("[AGGREGATE <SUM | MIN>]", "AGGREGATE {SUM|MIN}?"),
        ("<host port | NO ONE>", "{(host port)|(NO ONE)}"),
        ("host port | LOOK NO ONE", "{(host port)|(NO ONE)}"),
        ("<MAXLEN | MINID> [= | ~] threshold", "{MAXLEN|MINID} {=|~}? threshold"),
        ("ip | <ID id | ME> ...", "{ip|{ID id|ME}*}"),
    ],
)
def test_a_synopsis_is_a_tree(synopsis: str, expected: str) -> None:
    assert arguments(synopsis) == expected


@pytest.mark.parametrize("synopsis", ["key [value", "key ]", "key [other ...]", "<a | b"])
def test_a_synopsis_that_makes_no_sense_is_found(synopsis: str) -> None:
    with pytest.raises(AssertionError):
        arguments(synopsis)


def test_a_page_has_its_parts() -> None:
    about = page(LOOK)
    assert about.summary == "Looks at a key for a while."
    assert (about.since, about.complexity) == ("1.0.0", "O(N) where N is the amount")
    assert (about.deprecated_since, about.replaced_by) == ("2.0.0", "`GLANCE`")


def test_types_come_from_key_specs_annotations_and_names() -> None:
    assert [(argument.type, argument.key_spec) for argument in page(LOOK).arguments] == [("key", 0), ("integer", None)]


def test_a_map_of_an_argument() -> None:
    assert describe(Argument("count", "integer", token="COUNT", optional=True)) == {
        b"name": b"count", b"type": b"integer", b"display_text": b"count", b"token": b"COUNT", b"flags": ["optional"]
    }  # fmt: skip


def test_a_container_documents_its_subcommands() -> None:
    shown: Any = documentation(DECLARATIONS["config"])
    assert shown[b"summary"] == b"A container for CONFIG commands."
    assert b"config|get" in shown[b"subcommands"]


# Every command


@every_command
def test_group_and_version(declaration: Declaration) -> None:
    theirs = REFERENCE[declaration.full_name]
    assert declaration.group == theirs["group"]
    if declaration.name != "help":
        assert page(declaration).since == theirs["since"]


@every_command
def test_deprecation(declaration: Declaration) -> None:
    about, theirs = page(declaration), REFERENCE[declaration.full_name]
    assert about.deprecated_since == theirs.get("deprecated_since", "")
    assert about.replaced_by == theirs.get("replaced_by", "")


@every_command
def test_complexity(declaration: Declaration) -> None:
    if declaration.name != "help":
        theirs = REFERENCE[declaration.full_name].get("complexity", "")
        assert page(declaration).complexity.rstrip(".") == theirs.rstrip(".")


def skeleton(argument: dict[bytes, Any] | dict[str, Any]) -> list[Any]:
    """What can be derived: the shape, the names, tokens and flags. Not the names of groups, nor the exact types."""
    fields = {name.decode() if isinstance(name, bytes) else name: value for name, value in argument.items()}
    fields = {name: value.decode() if isinstance(value, bytes) else value for name, value in fields.items()}
    kind = fields["type"] if fields["type"] in ("key", "oneof", "block", "pure-token") else "value"
    token = fields.get("token", fields["name"].upper() if kind == "pure-token" else "")
    name = fields["display_text"] if kind in ("key", "value") else ""
    parts = [skeleton(part) for part in fields.get("arguments", ())]
    return [kind, name, token, sorted(fields.get("flags", ())), fields.get("key_spec_index"), parts]


def apart(argument: list[Any]) -> list[Any]:
    """With each token as an argument of its own in front of what it announces: so Valkey writes some of its pages."""
    kind, name, _, flags, spec, parts = argument
    pieces = []
    for part in parts:
        if part[2]:
            pieces.append(["pure-token", "", part[2], [], None, []])
        pieces.append(apart(part))
    return [kind, name, "", flags, spec, pieces]


@every_command
def test_arguments(declaration: Declaration) -> None:
    ours = [skeleton(describe(argument)) for argument in page(declaration).arguments]
    if declaration.full_name == "cluster|migrateslots":
        ours = [apart(argument) for argument in ours]
    assert ours == [skeleton(argument) for argument in REFERENCE[declaration.full_name].get("arguments", [])]
