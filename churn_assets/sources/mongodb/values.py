"""Values of MongoDB as values of JSON."""

from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any
from uuid import UUID

from churn_assets.sources.json_text import Number


def as_json(value: Any) -> Any:
    """Returns a value as JSON has it: ids and UUIDs as text, moments in ISO 8601 and UTC, bytes in hex digits."""
    from bson import Decimal128

    match value:
        case None | bool() | str():
            return value if value is None or isinstance(value, bool) else str(value)
        case int():
            return Number(int(value))
        case float():
            return (
                value
                if isfinite(value)
                else Number({"inf": "Infinity", "-inf": "-Infinity"}.get(str(value), "NaN"))
            )
        case datetime():
            moment = value if value.tzinfo else value.replace(tzinfo=UTC)
            return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case Mapping():
            return {str(name): as_json(part) for name, part in value.items()}
        case list() | tuple():
            return [as_json(part) for part in value]
        case bytes():
            return value.hex()
        case Decimal128():
            return Number(f"{value.to_decimal():f}") if value.to_decimal().is_finite() else None
        case UUID():
            return str(value)
    return str(value)
