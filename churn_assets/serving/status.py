"""serving/status: the lights of the pipeline for readers of a release, as one small JSON file."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from churn_assets.contracts.business import Business
from churn_assets.graph.partitions import last_ingest_month
from churn_assets.history.known_until import source_states
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.incidents.store import incidents
from churn_assets.serving.one_writer import one_writer
from churn_assets.serving.release.manifest import ReleaseBroken
from churn_assets.serving.release.reading import STATUS_ROWS, open_release, read_status
from churn_assets.serving.release.root import STATUS, Root
from churn_assets.silver.reconciliation import passed_extracts_of_all

OF_AN_INCIDENT = (
    "incident_id",
    "priority",
    "state",
    "kind",
    "title",
    "opened_at",
    "respond_by",
    "resolve_by",
)


def read_lights(lakehouse: Lakehouse, business: Business, now: datetime) -> dict[str, Any]:
    """What the lake, the records of operations and the releases say now; counts, months and names of rules only."""
    return {
        "at": now.isoformat(),
        "business": business.name,
        "release": _release(lakehouse),
        "sources": _sources(lakehouse, business),
        "refused_rows": _refused(lakehouse),
        "rows": _rows(lakehouse),
        "people": _people(lakehouse),
        "incidents": [
            {name: asdict(incident)[name] for name in OF_AN_INCIDENT}
            for incident in incidents(lakehouse)
            if incident.is_open
        ],
    }


def write_status(lakehouse: Lakehouse, business: Business, now: datetime) -> dict[str, Any]:
    """Replaces the status; returns it as readers will read it."""
    text = json.dumps(read_lights(lakehouse, business, now), indent=1, default=str, allow_nan=False)
    with one_writer(lakehouse.settings):
        Root(lakehouse.settings.releases_uri).replace(STATUS, text.encode())
    found: dict[str, Any] = json.loads(text)
    return found


def is_older(lakehouse: Lakehouse, moment: datetime) -> bool:
    """Whether there is no status that can be read, or one that was written before that moment."""
    try:
        told = read_status(lakehouse.settings.releases_uri)
        return told is None or datetime.fromisoformat(told["at"]) < moment
    except (ValueError, TypeError, KeyError):  # no JSON, or not of our form: it is written anew
        return True


def _release(lakehouse: Lakehouse) -> dict[str, Any] | None:
    """The release in force, or why it cannot be read; None before the first."""
    place = Root(lakehouse.settings.releases_uri)
    try:
        pointer = place.pointer()
        if pointer is None:
            return None
        if place.local is None:
            return {"name": pointer.name}
        about = open_release(place.folder(pointer.name, place.local)).manifest.about
    except ReleaseBroken as error:
        return {"broken": str(error)}
    days = {
        "as_of_date": about.as_of_date,
        "stale_from": about.stale_from,
        "current_as_of": about.current.as_of_date if about.current else None,
    }
    return {"name": pointer.name, "model_version": about.model_version, **days}


def _sources(lakehouse: Lakehouse, business: Business) -> list[dict[str, Any]]:
    """Of each source its newest extract, until when it is known, and what is missing or was refused."""
    found, passed = [], passed_extracts_of_all(lakehouse)
    for state in source_states(lakehouse, business, last_ingest_month(business)):
        extracts = passed.get(state.source)
        found.append(
            {
                "source": state.source,
                "newest_extract": extracts[-1] if extracts else None,
                "known_until": state.once_on or state.until,
                "missing_months": list(state.missing),
                "refused_by": dict(state.refused_by),
            }
        )
    return found


def _refused(lakehouse: Lakehouse) -> list[dict[str, Any]]:
    """Refused rows by source, month and rule."""
    if not lakehouse.exists(tables.QUARANTINE):
        return []
    by = ["source", "extract_month", "rule"]
    counts = lakehouse.aggregate(tables.QUARANTINE, by, [("row_number", "count")])
    order = [(name, "ascending") for name in by]
    return [
        {name: row[name] for name in by} | {"rows": row["row_number_count"]}
        for row in counts.sort_by(order).to_pylist()
    ]


def _rows(lakehouse: Lakehouse) -> list[dict[str, Any]]:
    """delivered = accepted + duplicate + quarantined, by source and month."""
    if not lakehouse.exists(tables.RECONCILIATION):
        return []
    found = lakehouse.arrow(tables.RECONCILIATION, list(STATUS_ROWS))
    rows: list[dict[str, Any]] = found.sort_by([(name, "ascending") for name in STATUS_ROWS[:2]]).to_pylist()
    return rows


def _people(lakehouse: Lakehouse) -> list[dict[str, Any]]:
    """The newest balance of people of each source."""
    if not lakehouse.exists(tables.PEOPLE_BALANCE):
        return []
    rows: list[dict[str, Any]] = lakehouse.arrow(tables.PEOPLE_BALANCE).to_pylist()
    newest = max((row["as_of_date"] for row in rows), default=None)
    return sorted((row for row in rows if row["as_of_date"] == newest), key=lambda row: str(row["source"]))
