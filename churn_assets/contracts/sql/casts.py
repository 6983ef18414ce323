"""Tells which casts, and which dates and times written as text, are proven to mean the same on Spark and on Sail."""

import re
from datetime import date

from churn_assets.contracts.sql.proven import CASTS, TRY_CASTS
from churn_assets.contracts.sql.signatures import Found
from churn_assets.contracts.sql.types import digits, is_decimal

_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")


def cast(kind: str, wanted: str, tried: bool) -> str | Found:
    """Returns the type of a cast, or what in it is not proven.

    Args:
        kind: type of the value.
        wanted: type to which it is cast.
        tried: True for try_cast.
    """
    if kind in (wanted, "null"):
        return wanted
    base = "decimal" if is_decimal(kind) else kind
    if wanted in (TRY_CASTS if tried else CASTS).get(base, ()) or _fits(kind, wanted):
        return wanted
    if not tried and wanted in TRY_CASTS.get(base, ()):
        return f"cast from {kind} to {wanted} raises", f"use try_cast(x as {wanted})"
    return _other_cast(kind, wanted, tried)


def moment_literal(text: str, wanted: str) -> str | Found:
    """Returns the type of a literal such as date '2025-01-31', or what in it is not proven."""
    if is_day(text) or (wanted == "timestamp" and _is_moment(text)):
        return wanted
    return f"{wanted} {text!r} is not proven", "write date '2025-01-31'"


def is_day(text: str) -> bool:
    """Whether a text is a date such as 2025-01-31."""
    try:
        return bool(_ISO_DAY.match(text)) and date.fromisoformat(text) is not None
    except ValueError:
        return False


def _is_moment(text: str) -> bool:
    return re.fullmatch(r"[012]\d:[0-5]\d:[0-5]\d", text[11:]) is not None and is_day(text[:10])


def _fits(kind: str, wanted: str) -> bool:
    """Whether each value of a number fits a decimal."""
    if not is_decimal(wanted):
        return False
    precision, scale = digits(wanted)
    if is_decimal(kind):
        before, behind = digits(kind)
        return precision - scale >= before - behind and scale >= behind
    return precision - scale >= {"int": 10, "bigint": 19}.get(kind, 99)


def _other_cast(kind: str, wanted: str, tried: bool) -> Found:
    word = "try_cast" if tried else "cast"
    if kind == "string" and wanted in ("date", "timestamp"):
        return f"{word} from string to {wanted} accepts different texts on each engine", (
            f"write cast(try_to_timestamp(x, 'yyyy-MM-dd') as {wanted})"
        )
    if wanted == "string" and kind in ("double", "float", "timestamp"):
        return (
            f"the engines write a {kind} as different texts",
            "use date_format(x, 'yyyy-MM-dd HH:mm:ss'), or no text",
        )
    if kind == "string" and (wanted in ("double", "float") or is_decimal(wanted)):
        return (
            f"{word} from string to {wanted} is not proven",
            "in transformLogic leave it a text, which the column's type reads; elsewhere write try_cast(x as bigint)",
        )
    if kind == "string" and wanted == "boolean":
        return (
            f"{word} from string to boolean accepts different texts on each engine",
            "write x in ('true', 'yes', '1')",
        )
    return f"{word} from {kind} to {wanted} is not proven", "cast to double or bigint"
