"""A hash behaves as a dict of its fields, small or big, and remembers what decides its encoding."""

from hypothesis import given
from hypothesis import strategies as st

from pycluster.datatypes.big_dict import SMALL, BigDict
from pycluster.datatypes.hash import Hash

NAMES = st.binary(max_size=2)


def test_put_says_whether_the_field_is_new() -> None:
    fields = Hash()
    assert fields.put(b"a", b"1")
    assert not fields.put(b"a", b"2")
    assert fields.fields.get(b"a") == b"2"


def test_remove_says_whether_the_field_was_there() -> None:
    fields = Hash([(b"a", b"")])
    assert fields.remove(b"a")
    assert not fields.remove(b"a")
    assert len(fields) == 0


@given(st.lists(st.tuples(NAMES, st.one_of(st.none(), st.binary()))))
def test_it_is_a_dict_of_its_fields(changes: list[tuple[bytes, bytes | None]]) -> None:
    fields, plain = Hash(), {}
    for name, value in changes:
        if value is None:
            assert fields.remove(name) == (plain.pop(name, None) is not None)
        else:
            assert fields.put(name, value) == (name not in plain)
            plain[name] = value
    assert list(fields.fields.items()) == list(plain.items())


def test_it_grows_into_a_big_dict_and_stays_a_hash() -> None:
    fields = Hash((b"%d" % number, b"x") for number in range(SMALL))
    assert fields.fields.__class__ is dict
    assert fields.put(b"one more", b"x")
    assert fields.fields.__class__ is BigDict
    assert len(fields) == SMALL + 1
    assert not fields.put(b"0", b"y")
    assert fields.remove(b"1")
    assert not fields.remove(b"1")


def test_hashes_with_the_same_fields_are_equal_whatever_their_order_or_past() -> None:
    one = Hash([(b"a", b"1"), (b"b", b"2"), (b"c", b"3")])
    one.remove(b"c")
    assert one == Hash([(b"b", b"2"), (b"a", b"1")])
    assert one != Hash([(b"b", b"2"), (b"a", b"2")])


def test_a_copy_goes_its_own_way() -> None:
    fields = Hash([(b"a", b"1")])
    twin = fields.copy()
    twin.put(b"a", b"2")
    assert list(fields) == [b"a"]
    assert fields.fields.get(b"a") == b"1"


def test_the_longest_value_is_remembered_when_it_is_overwritten() -> None:
    fields = Hash([(b"a", b"x" * 100)])
    fields.put(b"a", b"x")
    assert fields.longest == 100
    assert fields.copy().longest == 100


def test_the_length_and_number_of_removed_fields_is_remembered() -> None:
    fields = Hash([(b"x" * 70, b""), (b"a", b""), (b"b", b"")])
    for name in list(fields):
        fields.remove(name)
    assert fields.longest == 70
    assert fields.most == 3
