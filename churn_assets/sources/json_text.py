"""JSON in which numbers stay as they were written: 1.50 stays 1.50, and a long id keeps all digits."""

import json
from collections.abc import Mapping
from typing import Any

LONGEST_LINE = 64 * 2**20  # bytes of a document


class Number(str):
    """A number as it was written."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("it has the same name twice")
    return found


CONSTANTS = {None: "null", True: "true", False: "false"}
quoted = json.encoder.encode_basestring  # type: ignore[attr-defined]
_decoder = json.JSONDecoder(
    parse_int=Number, parse_float=Number, parse_constant=Number, object_pairs_hook=_object
)


def parsed(text: str) -> Any:
    """Returns the value of a JSON text; numbers are `Number`.

    Raises:
        ValueError: it is no JSON, or an object has a name twice.
        RecursionError: it is nested too deeply.
    """
    return _decoder.decode(text)


def json_text(value: Any) -> str:
    """Returns a value as JSON, without blanks."""
    if type(value) is str:
        return str(quoted(value))
    if isinstance(value, Mapping):
        return "{" + ",".join([f"{quoted(name)}:{json_text(part)}" for name, part in value.items()]) + "}"
    if isinstance(value, list):
        return "[" + ",".join([json_text(part) for part in value]) + "]"
    if type(value) in (int, float):
        return repr(value)
    return value if type(value) is Number else CONSTANTS[value]
