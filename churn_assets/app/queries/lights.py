"""Two lights: whether the model and the data can be trusted now, each with a sentence and the open incidents behind it.

Without a status, or with an old one, nobody knows whether something is wrong: such a light is never good.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from churn_assets.app.queries.data import row_balance
from churn_assets.app.queries.model import evidence
from churn_assets.app.store import ReleaseStore
from churn_assets.months import month_of

State = Literal["good", "look", "bad", "unknown"]
OLD = timedelta(hours=36)  # a nightly run writes the status; a day and a half later it has failed to
OF_THE_MODEL = frozenset({"model_degraded"})
GRAVE = frozenset({"balance_broken", "source_late", "run_failed", "model_degraded"})
UNDER_WAY = frozenset({"new", "acknowledged"})


@dataclass(frozen=True)
class OpenIncident:
    """An incident that nobody has resolved yet."""

    incident_id: str
    priority: str
    title: str
    opened: date
    kind: str

    def told(self, tell_day: Callable[[date], str]) -> str:
        """In a sentence."""
        return f"Incident {self.incident_id} ({self.priority}) is open since {tell_day(self.opened)}: {self.title}."


@dataclass(frozen=True)
class Light:
    """A light: its state, what it means in one sentence, and the open incidents behind it."""

    state: State
    sentence: str
    incidents: tuple[OpenIncident, ...] = ()


def model_light(
    store: ReleaseStore, status: Mapping[str, Any] | None, now: datetime, tell_day: Callable[[date], str]
) -> Light:
    """Whether the model can be trusted now."""
    found = evidence(store, tell_day)
    opened = tuple(i for i in open_incidents(status) if i.kind in OF_THE_MODEL)
    if opened:
        return Light("bad", opened[0].told(tell_day), opened)
    if found.verdict in ("bad", "look"):
        return Light("bad" if found.verdict == "bad" else "look", found.sentence)
    silent = silence(status, now, tell_day)
    if silent is not None:
        return Light("unknown", f"{silent} What was measured before: {found.sentence}")
    return Light("good" if found.verdict == "good" else "unknown", found.sentence)


def data_light(
    store: ReleaseStore, status: Mapping[str, Any] | None, now: datetime, tell_day: Callable[[date], str]
) -> Light:
    """Whether the data can be trusted now."""
    opened = tuple(i for i in open_incidents(status) if i.kind not in OF_THE_MODEL)
    grave = [incident for incident in opened if incident.kind in GRAVE]
    if grave:
        return Light("bad", grave[0].told(tell_day), opened)
    wrong = _wrong_rows(status) if status is not None else None
    if wrong is not None:
        return Light("bad", wrong, opened)
    behind = _behind(store, status, now, tell_day)
    if behind is not None:
        return Light("look", behind, opened)
    silent = silence(status, now, tell_day)
    if silent is not None or status is None:
        return Light("unknown", str(silent), opened)
    if opened:
        return Light("look", opened[0].told(tell_day), opened)
    return _all_well(status)


def silence(status: Mapping[str, Any] | None, now: datetime, tell_day: Callable[[date], str]) -> str | None:
    """Why the status says nothing about now; None while it does."""
    if status is None:
        return "Unknown: the pipeline has written no status, so nobody knows whether something is wrong."
    written = _moment(status["at"])
    if now - written <= OLD:
        return None
    return (
        f"Unknown: the last status is of {tell_day(written.date())}, which is too old to tell whether something is "
        "wrong now."
    )


def open_incidents(status: Mapping[str, Any] | None) -> list[OpenIncident]:
    """The incidents that nobody has resolved yet, the gravest first."""
    found = [
        OpenIncident(
            str(entry["incident_id"]),
            str(entry["priority"]),
            str(entry["title"]).rstrip("."),
            _moment(entry["opened_at"]).date(),
            str(entry["kind"]),
        )
        for entry in (status or {}).get("incidents", ())
        if entry["state"] in UNDER_WAY
    ]
    return sorted(found, key=lambda incident: (incident.priority, incident.opened, incident.incident_id))


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _wrong_rows(status: Mapping[str, Any]) -> str | None:
    """A source and month whose rows do not add up."""
    wrong = [row for row in status["rows"] if not row["balances"]]
    if not wrong:
        return None
    first = wrong[0]
    return (
        f"The rows of {first['source']} in {first['extract_month']} do not add up: delivered is not accepted, "
        f"duplicates and refused together{_and_more(wrong)}."
    )


def _behind(
    store: ReleaseStore, status: Mapping[str, Any] | None, now: datetime, tell_day: Callable[[date], str]
) -> str | None:
    """What is overdue: newer scores, or the extracts of a source."""
    about = store.manifest.about
    if about.stale_from is not None and now.date() >= date.fromisoformat(about.stale_from):
        since, day = tell_day(date.fromisoformat(about.stale_from)), tell_day(store.as_of)
        return f"Newer scores are overdue since {since}: these are as of {day}."
    current = store.current
    if current and current.stale_from and now.date() >= date.fromisoformat(current.stale_from):
        since = tell_day(date.fromisoformat(current.stale_from))
        day = tell_day(date.fromisoformat(current.as_of_date))
        return f"Newer scores of the day are overdue since {since}: these are as of {day}."
    if status is None:
        return None
    this_month = month_of(now.date())  # still open, so its extracts may yet come
    lacking = [
        (entry["source"], months)
        for entry in status["sources"]
        if (months := [month for month in entry["missing_months"] if month < this_month])
    ]
    if not lacking:
        return None
    source, months = lacking[0]
    return f"Of {source} no extract of {', '.join(months)} has passed{_and_more(lacking)}."


def _and_more(found: Sequence[object]) -> str:
    return f" (and {len(found) - 1} more)" if len(found) > 1 else ""


def _all_well(status: Mapping[str, Any]) -> Light:
    sources, rows = status["sources"], row_balance(status)
    if not sources or not rows["delivered"]:
        return Light("unknown", "Unknown: the status names no source that has delivered rows.")
    share = rows["quarantined"] / rows["delivered"]
    return Light(
        "good",
        f"None of the {len(sources)} sources lacks an extract. Of {rows['delivered']:,} delivered rows "
        f"{rows['quarantined']:,} ({share:.2%}) were refused; the page Data tells why.",
    )
