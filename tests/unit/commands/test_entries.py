"""What COMMAND says of each command, derived from its declaration, against what a redis-server 7.2 says of its own."""

from typing import Any

import pytest

from pycluster.admin.catalogue import GROUPS
from pycluster.commands.entries import entry
from pycluster.commands.table import Declaration
from tests.reference import with_valkey

REFERENCE = with_valkey("commands")
DECLARATIONS = {
    declaration.full_name: declaration
    for group in GROUPS
    for command in group.declarations
    for declaration in (command, *command.subcommands.values())
}
every_command = pytest.mark.parametrize("declaration", DECLARATIONS.values(), ids=DECLARATIONS)


def text(value: Any) -> Any:
    """A reply as the reference has it: str for bytes, keys of maps too."""
    match value:
        case bytes():
            return value.decode()
        case dict():
            return {text(name): text(part) for name, part in value.items()}
        case list():
            return [text(part) for part in value]
    return value


def test_no_command_is_unknown_to_redis() -> None:
    assert set(DECLARATIONS) <= set(REFERENCE)


@every_command
def test_arity_flags_and_categories(declaration: Declaration) -> None:
    name, arity, flags, _, _, _, categories, *_ = entry(declaration)
    theirs = REFERENCE[declaration.full_name]
    assert (arity, sorted(flags), sorted(categories)) == (
        theirs["arity"],
        theirs.get("flags", []),
        theirs["acl_categories"],
    )


@every_command
def test_key_positions(declaration: Declaration) -> None:
    _, _, _, first, last, step, *_ = entry(declaration)
    theirs = REFERENCE[declaration.full_name]
    assert (first, last, step) == (theirs["first_key"], theirs["last_key"], theirs["step"])


@every_command
def test_tips(declaration: Declaration) -> None:
    tips = entry(declaration)[7]
    assert sorted(text(tips)) == sorted(REFERENCE[declaration.full_name].get("tips", []))


@every_command
def test_key_specs(declaration: Declaration) -> None:
    specs = text(entry(declaration)[8])
    for spec in specs:
        spec["flags"].sort()
    theirs = REFERENCE[declaration.full_name].get("key_specs", [])
    assert specs == [{name: part for name, part in spec.items() if name != "notes"} for spec in theirs]


def test_subcommands_are_entries_inside_an_entry() -> None:
    names = [subcommand[0] for subcommand in entry(DECLARATIONS["config"])[9]]  # type: ignore[attr-defined]
    assert names == [b"config|get", b"config|set", b"config|rewrite", b"config|resetstat", b"config|help"]
