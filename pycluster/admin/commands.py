"""COMMAND: what the server can do, told from the declarations (server.c, `commandCommand` and its sisters)."""

from typing import Any

from pycluster.commands.documentation import documentation
from pycluster.commands.entries import categories, entry
from pycluster.commands.table import Command, Group, KeySpec, commands_of
from pycluster.protocol.errors import (
    BadSyntax,
    InvalidArguments,
    InvalidCommand,
    InvalidNumberOfArguments,
    NoKeyArguments,
    ReplyError,
)
from pycluster.protocol.glob import glob_match
from pycluster.protocol.replies import Members
from pycluster.server.info_commands import with_subcommands

group = Group("server", "connection")
UNORDERED = ("nondeterministic_output_order",)


def command(server: Any) -> list[object]:
    """COMMAND

    Returns detailed information about all commands.
    Since 2.8.13. O(N) where N is the total number of Redis commands.
    """
    return [entry(command.declaration) for command in commands_of(server.table)]


command_ = group.container("command", "loading stale", alone=command, tips=UNORDERED)


@command_.command("loading stale")
def command_count(server: Any) -> int:
    """COMMAND COUNT

    Returns a count of commands.
    Since 2.8.13. O(1).
    """
    return len(commands_of(server.table))


@command_.command("loading stale", tips=UNORDERED)
def command_info(server: Any, *command_name: bytes) -> list[object]:
    """COMMAND INFO [command-name [command-name ...]]

    Returns information about one, multiple or all commands.
    Since 2.8.13. O(N) where N is the number of commands to look up.
    """
    if not command_name:
        return command(server)
    found = (named(server, name) for name in command_name)
    return [None if command is None else entry(command.declaration) for command in found]


@command_.command("loading stale", tips=UNORDERED)
def command_docs(server: Any, *command_name: bytes) -> dict[bytes, object]:
    """COMMAND DOCS [command-name [command-name ...]]

    Returns documentary information about one, multiple or all commands.
    Since 7.0.0. O(N) where N is the number of commands to look up.
    """
    found = [named(server, name) for name in command_name] if command_name else commands_of(server.table)
    return {command.name.encode(): documentation(command.declaration) for command in found if command is not None}


@command_.command("loading stale", tips=UNORDERED)
def command_list(server: Any, *filterby: bytes) -> list[bytes]:
    """COMMAND LIST [FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]

    Returns a list of command names.
    Since 7.0.0. O(N) where N is the total number of Redis commands.
    """
    commands = with_subcommands(commands_of(server.table))
    match [word.upper() for word in filterby]:
        case []:
            pass
        case [b"FILTERBY", b"MODULE", _]:
            commands = iter(())  # no command comes from a module
        case [b"FILTERBY", b"ACLCAT", _]:
            category = filterby[2].decode("latin-1").lower()
            commands = (command for command in commands if category in categories(command.declaration))
        case [b"FILTERBY", b"PATTERN", _]:
            commands = (command for command in commands if glob_match(filterby[2], command.name.encode(), nocase=True))
        case _:
            raise BadSyntax
    return [command.name.encode() for command in commands]


@command_.command("loading stale")
def command_getkeys(server: Any, command: bytes, *arg: bytes) -> list[bytes]:
    """COMMAND GETKEYS command [arg [arg ...]]

    Extracts the key names from an arbitrary command.
    Since 2.8.13. O(N) where N is the number of arguments to the command.
    """
    return [key for key, _ in keys_and_uses(server, [command, *arg])]


@command_.command("loading stale")
def command_getkeysandflags(server: Any, command: bytes, *arg: bytes) -> list[list[object]]:
    """COMMAND GETKEYSANDFLAGS command [arg [arg ...]]

    Extracts the key names and access flags for an arbitrary command.
    Since 7.0.0. O(N) where N is the number of arguments to the command.
    """
    return [[key, Members(use.split())] for key, use in keys_and_uses(server, [command, *arg])]


command_.help("""
(no subcommand)
    Return details about all Redis commands.
COUNT
    Return the total number of commands in this Redis server.
LIST
    Return a list of all commands in this Redis server.
INFO [<command-name> ...]
    Return details about multiple Redis commands.
    If no command names are given, documentation details for all
    commands are returned.
DOCS [<command-name> ...]
    Return documentation details about multiple Redis commands.
    If no command names are given, documentation details for all
    commands are returned.
GETKEYS <full-command>
    Return the keys from a full Redis command.
GETKEYSANDFLAGS <full-command>
    Return the keys and the access flags from a full Redis command.
""")


def named(server: Any, name: bytes) -> Command | None:
    """A command by its full name: `get`, `config`, `config|get`."""
    first, *others = name.lower().split(b"|")
    command: Command | None = server.table.get(first)
    match others:
        case []:
            return command
        case [sub] if command is not None:
            return command.subcommands.get(sub)
    return None


def keys_and_uses(server: Any, args: list[bytes]) -> list[tuple[bytes, str]]:
    """The keys of a command line with the flags of their key specs."""
    command: Command | None = server.table.get(args[0].lower())
    if command is not None and command.subcommands and len(args) > 1:
        command = command.subcommands.get(args[1].lower())
    if command is None:
        raise InvalidCommand
    declaration = command.declaration
    specs = [spec for spec in declaration.key_specs if "not_key" not in spec.use]
    if not specs and declaration.find_keys is None:
        raise NoKeyArguments
    if len(args) < abs(declaration.arity) or (declaration.arity > 0 and len(args) != declaration.arity):
        raise InvalidNumberOfArguments
    try:
        if declaration.find_keys is not None:
            use = specs[0].use if specs else ""
            found = [(args[place], use) for place in declaration.find_keys(args)]
        else:
            found = [(args[place], use_of(spec, args)) for spec in specs for place in spec.positions(args)]
    except ReplyError:
        found = []
    if not found and "no_mandatory_keys" not in declaration.flags:
        raise InvalidArguments
    return found


def use_of(spec: KeySpec, args: list[bytes]) -> str:
    """How a key is used, where the options decide: SET only overwrites it, unless it is to return the old value."""
    if "variable_flags" not in spec.use:
        return spec.use
    return "RW access update" if b"GET" in [word.upper() for word in args[3:]] else "OW update"
