"""Numbers as Redis reads and writes them: 64-bit integers without frills, doubles, long doubles.

Python's `int` and `float` are too kind (b" 1", b"+1", b"1_0", b"01" are no integers here), and its `repr` lays a
double out in another way.
"""

import math
import re
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from pycluster.protocol.errors import NotAFloat, NotAnInteger, OutOf32Bits, ReplyError

INT_MIN = -(1 << 63)
INT_MAX = (1 << 63) - 1


def parse_int(digits: bytes, error: type[ReplyError] = NotAnInteger) -> int:
    """A 64-bit signed integer: optional minus, no leading zeros, nothing else (util.c, `string2ll`)."""
    if digits.isdigit():
        if len(digits) < 19 and digits[0] != 48:
            return int(digits)
        if (digits[0] != 48 or digits == b"0") and (len(digits), digits) <= (19, b"9223372036854775807"):
            return int(digits)
    elif digits[:1] == b"-" and digits[1:].isdigit() and digits[1] != 48 and len(digits) <= 20:
        value = int(digits)
        if value >= INT_MIN:
            return value
    raise error


def parse_int32(digits: bytes, error: type[ReplyError] | None = None) -> int:
    """An integer of 32 bits; where the caller has no error of its own, too large a one hears what the limits are."""
    value = parse_int(digits, error or NotAnInteger)
    if not -(1 << 31) <= value < 1 << 31:
        raise error or OutOf32Bits
    return value


def is_int(digits: bytes) -> bool:
    """Would `parse_int` take it?"""
    try:
        parse_int(digits)
    except NotAnInteger:
        return False
    return True


_SOME_DIGIT = re.compile(rb"[+-]?(?:0[xX][0.]*[1-9a-fA-F]|[0.]*[1-9])").match  # beside zeros, before an exponent
_FLOAT_BYTES = frozenset(b"0123456789+-.eEinfatyINFATYxXabcdABCDpP")


def parse_float(text: bytes, error: type[ReplyError] = NotAFloat) -> float:
    """A double as strtod reads it, decimal or hexadecimal, `inf` too, but no spaces and no NaN."""
    if not text or not _FLOAT_BYTES.issuperset(text):
        raise error
    try:
        value = float.fromhex(text.decode()) if text.lstrip(b"+-")[:2] in (b"0x", b"0X") else float(text)
    except OverflowError:
        value = math.copysign(math.inf, -1 if text[:1] == b"-" else 1)
    except ValueError:
        raise error from None
    if value != value:
        raise error
    if (math.isinf(value) and b"n" not in text.lower()) or (not value and _SOME_DIGIT(text)):
        raise error  # strtod says ERANGE: too large, or too near to zero
    return value


def format_float(value: float) -> bytes:
    """A double in a reply: the shortest digits that read back to the same double, laid out as 7.2 does.

    (util.c, `d2string` and fpconv's layout; 7.0 wrote `%.17g`.) Integers of up to 62 bits stand in full.
    """
    if -(1 << 62) < value < (1 << 62) and value == (whole := int(value)):
        return b"-0" if whole == 0 and math.copysign(1, value) < 0 else b"%d" % whole
    if value != value:
        return b"nan"
    if math.isinf(value):
        return b"inf" if value > 0 else b"-inf"
    sign, digit_tuple, last = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(last, int)
    digits = "".join(map(str, digit_tuple))
    return (("-" if sign else "") + _lay_out(digits, last)).encode()


def _lay_out(digits: str, last: int) -> str:
    """Digits whose last one counts 10^last: plain where that is not long, else with an exponent."""
    exponent = len(digits) + last - 1
    if last >= 0 and abs(exponent) < len(digits) + 7:
        return digits + "0" * last
    if last < 0 and (last > -7 or abs(exponent) < 4):
        point = len(digits) + last
        return digits[:point] + "." + digits[point:] if point > 0 else "0." + "0" * -point + digits
    return digits[0] + ("." + digits[1:] if len(digits) > 1 else "") + f"e{exponent:+d}"


_LONG_DOUBLE_BITS = 64  # the mantissa of x86's long double, in which INCRBYFLOAT and HINCRBYFLOAT reckon
_LONG_DOUBLE_INFINITY = 1 << 16384
_LONG_DOUBLE_ZERO = Fraction(1, 1 << 16446)  # half of the smallest: what is not more than this is rounded to zero
_LONG_DOUBLE_EXPONENTS = 5000  # decimal ones beyond this are not worth a look: out of range, and large to reckon with


def parse_long_double(text: bytes, error: type[ReplyError] = NotAFloat) -> Fraction | float:
    """A long double: an exact fraction, rounded as the processor would, or plus or minus infinity."""
    if not text or not _FLOAT_BYTES.issuperset(text):
        raise error
    if b"n" in text.lower():
        return parse_float(text, error)
    exact = _read_hexadecimal(text) if b"x" in text.lower() else _read_decimal(text)
    if exact is None:
        raise error
    rounded = _round_to_long_double(exact)
    if exact and not _LONG_DOUBLE_ZERO < abs(rounded) < _LONG_DOUBLE_INFINITY:
        raise error  # strtold says ERANGE
    return rounded


def _read_decimal(text: bytes) -> Fraction | None:
    try:
        number = Decimal(text.decode())
    except InvalidOperation:
        return None
    if not number:
        return Fraction(0)
    return Fraction(number) if abs(number.adjusted()) <= _LONG_DOUBLE_EXPONENTS else None


_HEXADECIMAL = re.compile(rb"([+-]?)0x(?=\.?[0-9a-f])([0-9a-f]*)\.?([0-9a-f]*)(?:p([+-]?[0-9]{1,9}))?", re.I).fullmatch


def _read_hexadecimal(text: bytes) -> Fraction | None:
    found = _HEXADECIMAL(text)
    if found is None:
        return None
    sign, whole, fraction, power = found.groups()
    digits, exponent = int(whole + fraction, 16), int(power or 0) - 4 * len(fraction)
    if not digits:
        return Fraction(0)
    if abs(exponent + digits.bit_length()) > 4 * _LONG_DOUBLE_EXPONENTS:
        return None
    return (-1 if sign == b"-" else 1) * digits * Fraction(2) ** exponent


def add_long_doubles(first: Fraction | float, second: Fraction | float) -> bytes | None:
    """The sum as INCRBYFLOAT stores it: 17 decimals at the most, no zeros at the end; None if it is no number."""
    if isinstance(first, float) or isinstance(second, float):
        return None  # one is an infinity
    total = _round_to_long_double(first + second)
    if abs(total) >= _LONG_DOUBLE_INFINITY:
        return None
    scaled = round(total * 10**17)  # half to even, as printf rounds an exact tie
    whole, decimals = divmod(abs(scaled), 10**17)
    # Not str(whole): Python refuses to write out more than 4300 digits of an int.
    text = f"{Decimal(whole):f}.{decimals:017d}".rstrip("0").rstrip(".")
    return (text if scaled >= 0 or text == "0" else "-" + text).encode()


def _round_to_long_double(value: Fraction) -> Fraction:
    if not value:
        return value
    size = abs(value.numerator).bit_length() - value.denominator.bit_length()
    unit = Fraction(2) ** (size - _LONG_DOUBLE_BITS)
    while abs(value) / unit >= 1 << _LONG_DOUBLE_BITS:
        unit *= 2
    return round(value / unit) * unit
