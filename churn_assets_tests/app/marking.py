"""Releases with contacts, for tests of the work list."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pyarrow as pa

from churn_assets.serving.release.writing import write_release
from churn_assets.settings import Settings
from churn_assets_tests.api.releases import SCORED, publish_identities, tables
from churn_assets_tests.serving.release.made import KEYS, NOW, contents

RULES = [
    {"name": "=at risk", "action": "call", "when": {}, "contact": True},
]
BUSINESS: Mapping[str, Any] = {
    "name": "telecom",
    "currency": "EUR",
    "calendar": {"start": "2025-01", "end": None},
    "treatments": ["app_contacts", "retention_contacts"],
    "treated": [
        {"source": "retention_contacts", "column": "arm", "values": ["treated"]},
        {"source": "app_contacts", "column": "state", "values": ["made"]},
    ],
    "segments": {"rules": RULES},
}
SCHEMA = pa.schema(
    [
        ("customer_key", pa.string()),
        ("source", pa.string()),
        ("happened_on", pa.date32()),
        ("mark_id", pa.string()),
        ("outcome", pa.string()),
        ("state", pa.string()),
        ("arm", pa.string()),
        ("left_on", pa.date32()),
    ]
)


def crm(number: int, day: date, arm: str = "treated", left_on: date | None = None) -> dict[str, Any]:
    """A contact of the CRM with the customer of that number."""
    row = {"customer_key": KEYS[number], "source": "retention_contacts", "happened_on": day, "arm": arm}
    return row | {"left_on": left_on}


def marked(number: int, day: date, mark_id: str, outcome: str, state: str = "made") -> dict[str, Any]:
    """A contact that was marked on the page and ingested."""
    row = {"customer_key": KEYS[number], "source": "app_contacts", "happened_on": day, "mark_id": mark_id}
    return row | {"outcome": outcome, "state": state}


CONTACTS = [
    crm(0, date(2025, 12, 20)),
    crm(1, date(2025, 12, 21), arm="control"),
    crm(2, date(2025, 10, 1), left_on=date(2025, 11, 3)),
    crm(3, date(2025, 12, 2), left_on=date(2025, 12, 30)),
    marked(4, date(2025, 12, 22), "m4", "accepted"),
    marked(5, date(2025, 12, 22), "m5", "declined", state="withdrawn"),
    marked(6, date(2025, 12, 23), "m6", "declined"),
]


def publish_contacts(
    settings: Settings,
    rows: Sequence[Mapping[str, Any]],
    business: Mapping[str, Any] = BUSINESS,
    keys: Sequence[str] = SCORED,
) -> None:
    """A release of scored customers and these contacts, and the identity file of the customers of `made`."""
    held = tables(keys=[*keys]) if keys is not SCORED else tables()
    catalogue = {
        "contacts": {"grain": "", "columns": [{"name": n, "meaning": "", "unit": None} for n in SCHEMA.names]}
    }
    if rows:
        held["contacts"] = pa.Table.from_pylist([dict(row) for row in rows], SCHEMA)
    made = replace(contents(**held), business=business, catalogue=catalogue)
    write_release(settings.releases_uri, made, now=NOW, run_id="contacts", keep=3)
    publish_identities(settings)
