"""Types of expressions as Spark writes them: `bigint`, `decimal(10,2)`, `array<struct<item:string,amount:double>>`."""

import re
from collections.abc import Sequence

INTEGERS = ("int", "bigint")
_NAMED = re.compile(r"\s*`?([A-Za-z_]\w*)`?\s*(?::|\s)\s*(.+)", re.DOTALL)
_SIMPLE = {
    "integer": "int",
    "long": "bigint",
    "real": "float",
    "text": "string",
    "varchar": "string",
    "timestamptz": "timestamp",
}


def canonical(written: str) -> str | None:
    """Returns a type without blanks and with one name each; None if it is none of those that are read here."""
    text = re.sub(r"\s*([<>,:()])\s*", r"\1", written.strip()).lower()
    text = _SIMPLE.get(text, text)
    if text in ("string", "double", "bigint", "int", "boolean", "date", "timestamp", "float"):
        return text
    if re.fullmatch(r"decimal\(\d+,\d+\)", text):
        return text
    if text.startswith("array<") and text.endswith(">"):
        inner = canonical(text[6:-1])
        return inner and f"array<{inner}>"
    if text.startswith("struct<") and text.endswith(">"):
        return fields_type(text[7:-1])
    return None


def fields_type(written: str) -> str | None:
    """Returns the struct of a list of fields: `item:string,amount double`; None if one of them is unknown."""
    found = []
    for field in _split(written):
        named = _NAMED.fullmatch(field)
        kind = canonical(named[2]) if named else None
        if named is None or kind is None:
            return None
        found.append(f"{named[1].lower()}:{kind}")
    return f"struct<{','.join(found)}>"


def element(kind: str) -> str | None:
    """Returns the type of the elements of an array; None if it is none."""
    return kind[6:-1] if kind.startswith("array<") else None


def field(kind: str, name: str) -> str | None:
    """Returns the type of a field of a struct; None if there is none."""
    if not kind.startswith("struct<"):
        return None
    fields = dict(f.split(":", 1) for f in _split(kind[7:-1]))
    return fields.get(name.lower())


def is_decimal(kind: str) -> bool:
    """Whether the type is a decimal."""
    return kind.startswith("decimal")


def digits(kind: str) -> tuple[int, int]:
    """Returns how many digits a decimal has, and how many of them stand behind the point."""
    precision, scale = re.findall(r"\d+", kind)
    return int(precision), int(scale)


def is_integer(kind: str) -> bool:
    """Whether the type is a whole number."""
    return kind in INTEGERS


def is_number(kind: str) -> bool:
    """Whether the type is a number."""
    return kind in INTEGERS or kind == "double" or is_decimal(kind)


def common(kinds: Sequence[str]) -> str | None:
    """Returns the type of a value that has one of these types; None if the engines choose different ones."""
    told = list(dict.fromkeys(kind for kind in kinds if kind != "null"))
    if len(told) <= 1:
        return told[0] if told else "null"
    if set(told) <= set(INTEGERS):
        return "bigint"
    return "double" if set(told) <= {"double", *INTEGERS} else None


def _split(text: str) -> list[str]:
    """Splits at the commas that stand outside of < > and ( )."""
    parts, depth = [""], 0
    for sign in text:
        depth += (sign in "<(") - (sign in ">)")
        if sign == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return parts
