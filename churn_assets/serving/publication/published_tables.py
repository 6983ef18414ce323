"""Which tables of a release are published, with their comments. No column identifies a person but `customer_key`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from churn_assets.serving.release.reading import Release

REASONS = ("reason_1", "reason_2", "reason_3")
RELEASE = "release"


@dataclass(frozen=True)
class PublishedTable:
    """A table to publish: its rows, what a row is, and what each column means."""

    name: str
    rows: pa.Table
    comment: str
    columns: Mapping[str, str]


# Name in the database -> the table of the release that it is made of.
TABLES = {
    "customers": "customers",
    "scores": "scores",
    "reasons": "scores",
    "segments": "segments",
    "current_scores": "current_scores",
    "risk_alerts": "risk_alerts",
    "customer_months": "customer_months",
    "churn_rates": "churn_rates",
    "retention_cohorts": "retention_cohorts",
    "model_performance": "model_performance",
    "drift": "drift",
    "people_balance": "people_balance",
}


def published_tables(release: Release) -> Iterator[PublishedTable]:
    """The tables of a release, one after the other, those that it holds; the last one describes the release itself."""
    for name, source in TABLES.items():
        if release.has(source):
            yield _table(release, name, source)
    yield _release(release)


def absent_tables(release: Release) -> dict[str, str]:
    """Name -> why the release does not hold what the table is made of."""
    why = release.manifest.absent
    return {
        name: why.get(source, "the release does not hold it")
        for name, source in TABLES.items()
        if not release.has(source)
    }


def _table(release: Release, name: str, source: str) -> PublishedTable:
    told = release.catalogue.get(source, {})
    columns = {c["name"]: _meaning(c) for c in told.get("columns", [])}
    rows, comment = release.table(source), str(told.get("grain", ""))
    change = CHANGES.get(name)
    if change is not None:
        rows, comment, columns = change(rows, comment, columns)
    return PublishedTable(name, rows, comment, {c: columns.get(c, "") for c in rows.column_names})


def _meaning(column: Mapping[str, str | None]) -> str:
    unit = f" Unit: {column['unit']}." if column.get("unit") else ""
    return f"{column.get('meaning') or ''}{unit}"


Changed = tuple[pa.Table, str, dict[str, str]]


def _without_reasons(rows: pa.Table, comment: str, columns: dict[str, str]) -> Changed:
    return rows.drop_columns([c for c in REASONS if c in rows.column_names]), comment, columns


def _reasons(rows: pa.Table, comment: str, columns: dict[str, str]) -> Changed:
    """One row per reason, because tools count and filter rows, not columns."""
    key = ["customer_key", "as_of_date", "model_version"]
    parts = [
        pa.table(
            {
                **{name: rows[name] for name in key},
                "place": pa.array([place] * rows.num_rows, pa.int32()),
                "reason": rows[name],
            }
        )
        for place, name in enumerate(REASONS, start=1)
        if name in rows.column_names
    ]
    found = pa.concat_tables(parts)
    told = found.filter(found["reason"].is_valid()).sort_by([(c, "ascending") for c in (*key, "place")])
    meanings = {"place": "1 for the reason that raises the risk most.", "reason": "The reason in words."}
    return told, "one row per score and reason", {name: columns.get(name, "") for name in key} | meanings


CHANGES: Mapping[str, Callable[[pa.Table, str, dict[str, str]], Changed]] = {
    "scores": _without_reasons,
    "reasons": _reasons,
}


def _release(release: Release) -> PublishedTable:
    manifest, about = release.manifest, release.manifest.about
    values = {
        "release": (manifest.name, "Name of the release that all tables come from."),
        "created_at": (manifest.created_at, "When the release was made, UTC, as ISO 8601."),
        "business": (about.business, "Name of the business."),
        "model_version": (about.model_version, "Version of the model of the newest scores."),
        "as_of_date": (about.as_of_date, "Date of the newest scores."),
        "known_until": (about.known_until, "Day up to which every source is known."),
        "current_as_of_date": (
            about.current.as_of_date if about.current else None,
            "Date of the current scores; null where there are none.",
        ),
    }
    rows = pa.table({name: pa.array([_or_none(value)], pa.string()) for name, (value, _) in values.items()})
    comment = "one row: the release that all tables come from"
    return PublishedTable(RELEASE, rows, comment, {name: told for name, (_, told) in values.items()})


def _or_none(value: object) -> str | None:
    return None if value is None else str(value)
