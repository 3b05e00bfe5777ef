"""A server's table of commands: what each says of its arguments."""

import pytest

from pycluster.admin.catalogue import GROUPS
from pycluster.commands.table import Command, build_table
from pycluster.protocol.errors import ReplyError

TABLE = build_table(GROUPS)
KEYED = [command for command in TABLE.values() if command.declaration.key_specs]


@pytest.mark.parametrize("command", KEYED, ids=lambda command: command.name)
def test_the_keys_are_the_arguments_at_their_places(command: Command) -> None:
    for count in range(command.min_args, min(command.max_args, command.min_args + 5) + 1):
        args = [b"2" if place == 1 else b"%d" % place for place in range(count)]
        try:
            places = command.declaration.key_positions(args)
        except ReplyError as problem:
            with pytest.raises(type(problem)):
                command.keys(args)
        else:
            assert command.keys(args) == [args[place] for place in places]
