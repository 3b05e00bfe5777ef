"""Libraries of functions as text: what the first line says, and how two sets of them come together."""

import pytest

from pycluster.keyspace.functions import Functions, read_library
from pycluster.protocol.errors import BadLibrary, BadLibraryName

CODE = b"\nredis.register_function('f', function() end)"


@pytest.mark.parametrize("first_line", [b"#!lua name=mylib", b"#!LUA  NAME=mylib ", b'#!lua "name=mylib"'])
def test_the_first_line_names_engine_and_library(first_line: bytes) -> None:
    assert read_library(first_line + CODE).name == b"mylib"


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        (b"return 1", "Missing library metadata"),
        (b"#!lua name=a", "Invalid library metadata"),
        (b"#!lua name=a\0\n", "Invalid library metadata"),
        (b"#!lua 'name=a\n", "Invalid library metadata"),
        (b"#!lua\n", "Library name was not given"),
        (b"#!lua name=a name=b\n", "Invalid metadata value, name argument was given multiple times"),
        (b"#!lua name=a x\n", "Invalid metadata value given: x"),
        (b"#!lua name=a-b\n", BadLibraryName().reason),
        (b"#!lua name=\n", BadLibraryName().reason),
        (b"#!js name=a\n", "Engine 'js' not found"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_first_line(source: bytes, complaint: str) -> None:
    with pytest.raises(BadLibrary) as raised:
        read_library(source)
    assert raised.value.reason == complaint


def libraries(*names: bytes, code: bytes = CODE) -> Functions:
    functions = Functions()
    for name in names:
        functions.load(b"#!lua name=" + name + code)
    return functions


def test_a_library_is_not_replaced_unasked() -> None:
    functions = libraries(b"a")
    with pytest.raises(BadLibrary):
        functions.load(b"#!lua name=a\nnew")
    functions.load(b"#!lua name=a\nnew", replace=True)
    assert functions.sources() == [b"#!lua name=a\nnew"]


def test_a_set_joins_another_as_a_whole_or_not_at_all() -> None:
    functions = libraries(b"a")
    with pytest.raises(BadLibrary):
        functions.join(libraries(b"b", b"a"), replace=False)
    assert list(functions.libraries) == [b"a"]
    functions.join(libraries(b"b", b"a", code=b"\nnew"), replace=True)
    assert set(functions.sources()) == {b"#!lua name=a\nnew", b"#!lua name=b\nnew"}
