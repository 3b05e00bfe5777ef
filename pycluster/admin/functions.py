"""FUNCTION: libraries of functions, kept as text (functions.c). There is no engine that could run them.

So what moves libraries about is here (DUMP, RESTORE, DELETE, FLUSH, LIST), and what would have to understand one is
not: LOAD takes only what somebody else has understood already, a primary or the writer of an append-only file.
"""

from pycluster.commands.table import Group
from pycluster.keyspace.functions import ENGINE, Functions, Library, read_library
from pycluster.protocol.errors import (
    BadFunctionFlushMode,
    EngineNotFound,
    FunctionPayloadCut,
    LibraryNotFound,
    LibraryPatternMissing,
    NoScriptRuns,
    NotAFunctionPayload,
    PreReleaseFunctionPayload,
    SubcommandMisused,
    UnknownRestorePolicy,
    unknown_function_list_argument,
    unknown_function_load_option,
)
from pycluster.protocol.glob import glob_match
from pycluster.rdb import opcodes
from pycluster.rdb.errors import Damaged
from pycluster.rdb.payload import seal, unseal
from pycluster.rdb.strings import Short, put_string, read_string
from pycluster.server.client import FROM_PRIMARY, Client

group = Group("scripting", "scripting")

function = group.container("function")

ON_ALL_SHARDS = ("request_policy:all_shards", "response_policy:all_succeeded")


@function.command("denyoom noscript write", arity=-3, tips=ON_ALL_SHARDS)
def function_load(client: Client, *arguments: bytes) -> bytes:
    """FUNCTION LOAD [REPLACE] function-code

    Creates a library.
    Since 7.0.0. O(1) (considering compilation time is redundant)
    """
    *options, source = arguments
    for option in options:
        if option.upper() != b"REPLACE":
            raise unknown_function_load_option(option)
    server = client.server
    if not client.gate & FROM_PRIMARY:
        read_library(source)
        raise EngineNotFound(source[2:].split(maxsplit=1)[0])
    library = server.keyspace.functions.load(source, replace=bool(options))
    server.journal.dirty += 1
    return library.name


@function.command("noscript write", tips=ON_ALL_SHARDS)
def function_delete(client: Client, library_name: bytes) -> str:
    """FUNCTION DELETE library-name

    Deletes a library and its functions.
    Since 7.0.0. O(1)
    """
    if client.server.keyspace.functions.libraries.pop(library_name, None) is None:
        raise LibraryNotFound
    client.server.journal.dirty += 1
    return "OK"


@function.command("noscript write", tips=ON_ALL_SHARDS)
def function_flush(client: Client, *mode: bytes) -> str:
    """FUNCTION FLUSH [ASYNC | SYNC]

    Deletes all libraries and functions.
    Since 7.0.0. O(N) where N is the number of functions deleted
    """
    if len(mode) > 1:
        raise SubcommandMisused
    if mode and mode[0].lower() not in (b"async", b"sync"):
        raise BadFunctionFlushMode
    client.server.keyspace.functions.clear()
    client.server.journal.dirty += 1
    return "OK"


@function.command("noscript", tips=("nondeterministic_output_order",))
def function_list(client: Client, *arguments: bytes) -> list[object]:
    """FUNCTION LIST [LIBRARYNAME library-name-pattern] [WITHCODE]

    Returns information about all libraries.
    Since 7.0.0. O(N) where N is the number of functions
    """
    pattern: bytes | None = None
    with_code = False
    words = iter(arguments)
    for word in words:
        if not with_code and word.lower() == b"withcode":
            with_code = True
        elif pattern is None and word.lower() == b"libraryname":
            pattern = next(words, None)
            if pattern is None:
                raise LibraryPatternMissing
        else:
            raise unknown_function_list_argument(word)
    libraries = client.server.keyspace.functions.libraries.values()
    return [
        _describe(library, with_code)
        for library in libraries
        if pattern is None or glob_match(pattern, library.name, nocase=True)
    ]


def _describe(library: Library, with_code: bool) -> dict[object, object]:
    """What is known of a library: not its functions."""
    shown: dict[object, object] = {b"library_name": library.name, b"engine": ENGINE.encode(), b"functions": []}
    if with_code:
        shown[b"library_code"] = library.source
    return shown


@function.command(
    "allow_busy noscript",
    tips=("nondeterministic_output", "request_policy:all_shards", "response_policy:special"),
)
def function_stats(client: Client) -> dict[object, object]:
    """FUNCTION STATS

    Returns information about a function during execution.
    Since 7.0.0. O(1)
    """
    libraries = len(client.server.keyspace.functions.libraries)
    counts = {b"libraries_count": libraries, b"functions_count": 0}
    return {b"running_script": None, b"engines": {ENGINE.encode(): counts}}


@function.command("allow_busy noscript", tips=("request_policy:all_shards", "response_policy:one_succeeded"))
def function_kill(client: Client) -> None:
    """FUNCTION KILL

    Terminates a function during execution.
    Since 7.0.0. O(1)
    """
    raise NoScriptRuns


@function.command("noscript")
def function_dump(client: Client) -> bytes:
    """FUNCTION DUMP

    Dumps all libraries into a serialized binary payload.
    Since 7.0.0. O(N) where N is the number of functions
    """
    server = client.server
    sources = server.keyspace.functions.sources()
    announced = bytes((opcodes.FUNCTION,))
    return seal(b"".join([announced + put_string(source, server.config.rdbcompression) for source in sources]))


@function.command("denyoom noscript write", tips=ON_ALL_SHARDS)
def function_restore(client: Client, serialized_value: bytes, *policy: bytes) -> str:
    """FUNCTION RESTORE serialized-value [FLUSH | APPEND | REPLACE]

    Restores all libraries from a payload.
    Since 7.0.0. O(N) where N is the number of functions on the payload
    """
    if len(policy) > 1:
        raise SubcommandMisused
    word = policy[0].lower() if policy else b"append"
    if word not in (b"flush", b"append", b"replace"):
        raise UnknownRestorePolicy
    restored = _read_payload(unseal(serialized_value))
    functions = client.server.keyspace.functions
    if word == b"flush":
        functions.replace(restored)
    else:
        functions.join(restored, replace=word == b"replace")
    client.server.journal.dirty += 1
    return "OK"


def _read_payload(body: bytes) -> Functions:
    """The libraries of a payload, all of which must be well formed."""
    found, at = Functions(), 0
    while at < len(body):
        match body[at]:
            case opcodes.FUNCTION:
                pass
            case opcodes.FUNCTION_PRE_RELEASE:
                raise PreReleaseFunctionPayload
            case _:
                raise NotAFunctionPayload
        try:
            source, at = read_string(body, at + 1)
        except (Short, Damaged):
            raise FunctionPayloadCut from None
        found.load(source)
    return found


function.help("""\
LOAD [REPLACE] <FUNCTION CODE>
    Create a new library with the given library name and code.
DELETE <LIBRARY NAME>
    Delete the given library.
LIST [LIBRARYNAME PATTERN] [WITHCODE]
    Return general information on all the libraries:
    * Library name
    * The engine used to run the Library
    * Library description
    * Functions list
    * Library code (if WITHCODE is given)
    It also possible to get only function that matches a pattern using LIBRARYNAME argument.
STATS
    Return information about the current function running:
    * Function name
    * Command used to run the function
    * Duration in MS that the function is running
    If no function is running, return nil
    In addition, returns a list of available engines.
KILL
    Kill the current running function.
FLUSH [ASYNC|SYNC]
    Delete all the libraries.
    When called without the optional mode argument, the behavior is determined by the
    lazyfree-lazy-user-flush configuration directive. Valid modes are:
    * ASYNC: Asynchronously flush the libraries.
    * SYNC: Synchronously flush the libraries.
DUMP
    Return a serialized payload representing the current libraries, can be restored using FUNCTION RESTORE command
RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]
    Restore the libraries represented by the given payload, it is possible to give a restore policy to
    control how to handle existing libraries (default APPEND):
    * FLUSH: delete all existing libraries.
    * APPEND: appends the restored libraries to the existing libraries. On collision, abort.
    * REPLACE: appends the restored libraries to the existing libraries, On collision, replace the old
      libraries with the new libraries (notice that even on this option there is a chance of failure
      in case of functions name collision with another library).
""")
