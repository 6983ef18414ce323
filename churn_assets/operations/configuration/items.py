"""The configuration items of a day, their record in the lake, and what differs between two days."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256
from importlib.metadata import version

from churn_assets.contracts.business import Business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse

PACKAGE = "churn-assets"


@dataclass(frozen=True)
class ConfigurationItem:
    """One item; the fields are the columns of operations/configuration_items.

    Attributes:
        day: the day on which it was in force.
        item: its name.
        kind: declaration, setting, asset, model or software.
        digest: of its content; two days with one digest have the same item.
        detail: what may be shown of it; a secret is hidden.
    """

    day: date
    item: str
    kind: str
    digest: str
    detail: str


def items_of(
    business: Business,
    settings: Mapping[str, object],
    assets: Mapping[str, Iterable[str]],
    champion: str | None,
    day: date,
) -> list[ConfigurationItem]:
    """The items of a day.

    Args:
        business: its files are declarations.
        settings: the settings in effect, with secrets hidden.
        assets: asset -> the assets it is made of.
        champion: the model version in charge.
        day: today.
    """
    found = [ConfigurationItem(day, n, "declaration", digest, "") for n, digest in business.digests]
    for name, value in settings.items():
        found.append(_item(day, f"CHURN_{name.upper()}", "setting", str(value)))
    for name, parents in assets.items():
        found.append(_item(day, name, "asset", f"after {', '.join(sorted(parents)) or 'nothing'}"))
    found.append(_item(day, "model", "model", f"version {champion}" if champion else "none"))
    found.append(_item(day, PACKAGE, "software", version(PACKAGE)))
    return sorted(found, key=lambda i: (i.kind, i.item))


def _item(day: date, name: str, kind: str, detail: str) -> ConfigurationItem:
    return ConfigurationItem(day, name, kind, sha256(json.dumps(detail).encode()).hexdigest(), detail)


def record_items(lakehouse: Lakehouse, items: Iterable[ConfigurationItem], run_id: str) -> None:
    """Replaces the items of their day."""
    rows = [asdict(item) for item in items]
    days = sorted({row["day"] for row in rows})
    table = tables.CONFIGURATION_ITEMS
    lakehouse.replace_rows(table, table.rows(rows), "day", days, run_id=run_id)


def recorded_days(lakehouse: Lakehouse) -> list[date]:
    """Days with items, ascending."""
    table = tables.CONFIGURATION_ITEMS
    return list(lakehouse.slices(table, "day")) if lakehouse.exists(table) else []


def items_on(lakehouse: Lakehouse, day: date) -> dict[str, ConfigurationItem]:
    """Name -> item of a recorded day."""
    rows = lakehouse.arrow(tables.CONFIGURATION_ITEMS, None, [("day", "=", day)]).to_pylist()
    return {row["item"]: ConfigurationItem(**row) for row in rows}


def difference_of_days(
    before: Mapping[str, ConfigurationItem], after: Mapping[str, ConfigurationItem]
) -> list[str]:
    """What differs, a line for each item."""
    lines = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old and new and old.digest != new.digest:
            lines.append(f"{new.kind} {name}: {_shown(old)} -> {_shown(new)}")
        elif old is None and new is not None:
            lines.append(f"{new.kind} {name}: new, {_shown(new)}")
        elif new is None and old is not None:
            lines.append(f"{old.kind} {name}: gone, was {_shown(old)}")
    return lines


def _shown(item: ConfigurationItem) -> str:
    return item.detail or item.digest[:12]
