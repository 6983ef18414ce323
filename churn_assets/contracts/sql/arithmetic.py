"""Tells which arithmetic on numbers, dates and times is proven to mean the same on Spark and on Sail."""

import re
from collections.abc import Sequence

from sqlglot import exp

from churn_assets.contracts.sql.proven import MOMENTS, MOST_STEPS, STEPS, STEPS_OF_DATES
from churn_assets.contracts.sql.signatures import Found
from churn_assets.contracts.sql.types import digits, is_decimal, is_integer, is_number


def negative(kind: str, is_literal: bool) -> str | Found:
    """Returns the type of a number with a minus before it, or what is not proven."""
    if kind in ("double", "null") or is_decimal(kind) or (is_integer(kind) and is_literal):
        return kind
    return _overflow("-", [kind])


def computed(sign: str, one: str, other: str, right: exp.Expr) -> str | Found:
    """Returns the type of an operation, or what in it is not proven.

    Args:
        sign: its operator: + - * / % or div.
        one: type of what stands before the operator.
        other: type of what stands behind it.
        right: what stands behind it.
    """
    if one in MOMENTS or other in MOMENTS:
        return _between_moments(sign, one, other, right)
    if not all(is_number(kind) or kind == "null" for kind in (one, other)):
        return f"{sign} stands between a {one} and a {other}", "make numbers of both by try_cast"
    if sign in ("/", "%", "div"):
        return _division(sign, one, other, right)
    if "double" in (one, other):
        return "double"
    if is_decimal(one) or is_decimal(other):
        return _decimals(sign, one, other)
    return _overflow(sign, [one, other])


def moved(kind: str, size: str, unit: str) -> str | Found:
    """Returns the type of a date or time plus or minus an interval, or what is not proven."""
    steps = {"date": STEPS_OF_DATES, "timestamp": STEPS}.get(kind, frozenset())
    if unit in steps and re.fullmatch(r"\d{1,4}", size):
        return kind
    return f"this interval on a {kind} is not proven", "write date_add(day, 3) or day + interval 3 days"


def are_comparable(one: str, other: str) -> bool:
    """Returns whether two numbers of these types can be compared without an error.

    Sail compares a double with a decimal as decimals, and raises an error for a double that is too large for one.
    """
    if not is_decimal(one) and not is_decimal(other):
        return True
    if "double" in (one, other):
        return False
    (p, s), (q, t) = (digits(kind) if is_decimal(kind) else (19, 0) for kind in (one, other))
    return max(p - s, q - t) + max(s, t) <= 38


def as_one_type(one: str, other: str) -> str:
    """Returns what to write so that values of two types are compared as one."""
    if one in MOMENTS and other in MOMENTS:
        return "write cast(x as date) in place of the timestamp"
    if is_number(one) and is_number(other):
        return "write 2.5D in place of 2.5, or cast(x as double)"
    return "write both as one type; text becomes a number by try_cast(x as bigint)"


def _overflow(sign: str, kinds: Sequence[str]) -> Found:
    what = f"{sign} of whole numbers ({', '.join(dict.fromkeys(kinds))}) can overflow, which Sail does not report"
    return what, "write cast(x as double), or 2D in place of 2"


def _decimals(sign: str, one: str, other: str) -> str | Found:
    if not (is_decimal(one) and is_decimal(other)):
        return f"{sign} of a decimal and a whole number makes another type", "write 2.0 in place of 2"
    (p, s), (q, t) = (digits(kind) for kind in (one, other))
    scale = s + t if sign == "*" else max(s, t)
    precision = p + q + 1 if sign == "*" else max(p - s, q - t) + scale + 1
    if precision > 38:
        return f"{sign} of {one} and {other} has too many digits", "cast one to double"
    return f"decimal({precision},{scale})"


def _division(sign: str, one: str, other: str, divisor: exp.Expr) -> str | Found:
    if is_decimal(one) or (is_decimal(other) and one != "double"):
        return f"{sign} of decimals rounds differently", "write cast(x as double) for both"
    if not _is_never_zero(divisor):
        return f"{sign} by what may be 0 raises", f"write a {sign} nullif(b, 0)"
    if sign == "div" and not isinstance(divisor, exp.Literal):
        return _overflow(sign, [one, other])
    if sign == "/" or "double" in (one, other):
        return "double"
    return "bigint" if "bigint" in (one, other) else "int"


def _between_moments(sign: str, one: str, other: str, right: exp.Expr) -> str | Found:
    is_small = isinstance(right, exp.Literal) and other == "int" and int(right.name) <= MOST_STEPS
    if one == "date" and sign in "+-" and is_small:
        return "date"
    return f"{one} {sign} {other} makes another type", "use date_diff(later, earlier), date_add, date_sub"


def _is_never_zero(node: exp.Expr) -> bool:
    """Whether a divisor is a number other than 0, or nullif(x, 0)."""
    while isinstance(node, exp.Paren | exp.Neg):
        node = node.this
    if isinstance(node, exp.TryCast) and isinstance(node.this, exp.Literal):  # 3D
        node = node.this
    if isinstance(node, exp.Anonymous) and str(node.this).lower() == "nullif" and len(node.expressions) == 2:
        return _is_zero(node.expressions[1])
    return isinstance(node, exp.Literal) and not node.is_string and not _is_zero(node)


def _is_zero(node: exp.Expr) -> bool:
    node = node.this if isinstance(node, exp.TryCast) else node
    return isinstance(node, exp.Literal) and not node.is_string and float(node.name) == 0
