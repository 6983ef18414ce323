"""Edits of a contract for tests."""

from typing import Any


def promise(contract: dict[str, Any], name: str, value: object, unit: str | None = None) -> None:
    """Sets a promise of `slaProperties`."""
    others = [p for p in contract["slaProperties"] if p["property"] != name]
    contract["slaProperties"] = [*others, {"property": name, "value": value, "unit": unit}]
