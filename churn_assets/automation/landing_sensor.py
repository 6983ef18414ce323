"""The sensor that requests an ingest of new extracts. It reads no file, only names, sizes and modification times."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import blake2s
from typing import NamedTuple

import dagster as dg

from churn_assets.automation.traced_requests import traced
from churn_assets.automation.under_way import job_under_way
from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.counts import form
from churn_assets.graph.names import INGEST
from churn_assets.graph.partitions import ingest_months, range_tags
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import add_months, spans, spoken
from churn_assets.silver.audit import USUAL_MONTHS
from churn_assets.silver.known_ids import RULE as NO_KEYS
from churn_assets.silver.reconciliation_rows import rules_digest
from churn_assets.sources.arrivals import Arrivals, look, touched
from churn_assets.sources.landing import LandingError, list_everything

NAME = "ingest_new_files_sensor"
EVERY_SECONDS = 60
TINY = 4096  # bytes; a file of this size holds a header at most
# The mark of a month that was requested for another source while it waited. Silver refuses it for this source. No file
# has this mark, so the sensor requests the month again.
AGAIN = ""


class Remembered(NamedTuple):
    """The state of the sensor between ticks: the files it found last, and how many times it has requested runs.

    `requests` makes run keys unique. Without it, a landing zone that returns to an earlier state (a wrong file was
    withdrawn) would give the same run key again, and Dagster launches a run key only once. `day` is the day of the
    newest request. `rules` is a digest of the rules by which silver judges months.
    """

    requests: int
    arrivals: Arrivals
    day: str = ""
    rules: str = ""

    def cursor(self) -> str:
        """The state as the text of the Dagster cursor."""
        return json.dumps(self._asdict(), sort_keys=True)

    @classmethod
    def of(cls, cursor: str) -> "Remembered":
        """The inverse of `cursor`; also reads cursors of earlier releases, which contain only the arrivals."""
        content = json.loads(cursor)
        return cls(**content) if isinstance(content.get("requests"), int) else cls(0, content)


def loaded(lakehouse: Lakehouse, sources: Iterable[Source], present: Arrivals) -> Arrivals:
    """The part of `present` that bronze already holds, for these sources: the starting point of a first look.

    An extract without rows adds nothing to bronze. It counts as loaded if it has at most TINY bytes and is older than
    the last commit of the bronze table.
    """
    found: Arrivals = {}
    for source in sources:
        table, months = tables.bronze(source), present.get(source.name, {})
        found[source.name] = {}
        if not lakehouse.exists(table):
            continue
        rows = lakehouse.aggregate(table, ["extract_month", "source_file"], [("row_number", "count")])
        month_of_file = {row["source_file"]: row["extract_month"] for row in rows.to_pylist()}
        written = lakehouse.committed_at(table)
        lying = list_everything(lakehouse.settings.landing_uri, source).files
        gone = {month_of_file[name] for name in month_of_file.keys() - {f.name for f in lying}}
        new = {
            f.month
            for f in lying
            if f.name not in month_of_file and (f.size > TINY or f.modified_ns > written.timestamp() * 1e9)
        }
        found[source.name] = {m: mark for m, mark in months.items() if m not in new | gone}
    return found


class Verdicts(NamedTuple):
    """What silver says of the months of a landing zone.

    Attributes:
        unjudged: months with files that silver has not judged as they lie: their run failed before.
        refused: source -> months that silver refused, with the files that lie there.
        without_keys: source -> months that silver refused because ids had no key, changed since or not.
        outdated: months that silver refused by rules that were edited since.
    """

    unjudged: set[str]
    refused: dict[str, set[str]]
    without_keys: dict[str, set[str]]
    outdated: set[str]


def verdicts(
    lakehouse: Lakehouse, sources: Iterable[Source], present: Arrivals, rules: Mapping[str, str]
) -> Verdicts:
    """What silver/reconciliation says of the files of these sources that are `present`, and are judged by `rules`."""
    found = Verdicts(set(), {}, {}, set())
    some = lakehouse.exists(tables.RECONCILIATION)
    rows = lakehouse.arrow(tables.RECONCILIATION).to_pylist() if some else []
    told = {(row["source"], row["extract_month"]): row for row in rows}
    for source in sources:
        for month, mark in present.get(source.name, {}).items():
            row = told.get((source.name, month))
            if row and NO_KEYS in (row.get("refused_by") or "").split(", "):
                found.without_keys.setdefault(source.name, set()).add(month)
            # earlier releases stored no digest, and refused months had no row
            if row is None or row.get("files") not in (mark, None):
                found.unjudged.add(month)
            elif row.get("refused_by"):
                found.refused.setdefault(source.name, set()).add(month)
                if row.get("rules") not in (rules[source.name], None):
                    found.outdated.add(month)
    return found


def asked_again(told: Verdicts, before: Arrivals, after: Arrivals) -> set[str]:
    """Months to request again since something has changed: what a failed run left out, and what may pass now.

    A refused month may pass when its source delivers again what the rules `volume` and `gap` compare it with. A month
    with ids that have no key may be refused because of a month of another source.
    """
    found = told.unjudged | told.outdated
    for name, months in told.refused.items():
        changed = touched({name: before.get(name, {})}, {name: after.get(name, {})})
        for month in months:
            if any(add_months(month, -USUAL_MONTHS) <= other <= month for other in changed):
                found.add(month)
    for name, months in told.without_keys.items():
        if months & {*touched({name: before.get(name, {})}, {name: after.get(name, {})})}:
            found.update(*told.without_keys.values())
    return found


def ingest_new_files_sensor(business: Business) -> dg.SensorDefinition:
    """A sensor that requests an ingest of exactly the months whose extracts were added, changed or removed."""

    @dg.sensor(
        name=NAME,
        job_name=INGEST,
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Ingests the months whose files in the landing zone were added, changed or removed since the last tick. "
            "Files younger than 30 s and *.part wait; so does the month of a file that its contract does not "
            "expect, and the tick names the file."
        ),
    )
    def sensor(
        context: dg.SensorEvaluationContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.SensorResult | dg.SkipReason:
        landing = lakehouse.settings.landing_uri
        last = Remembered.of(context.cursor) if context.cursor else Remembered(0, {})
        requested, before, before_day, before_rules = last
        after, refused, waiting_months = look(landing, business, before)
        if not context.cursor:
            before = loaded(lakehouse, business.sources, after)
        months = touched(before, after)
        known = set(ingest_months(business).get_partition_keys())
        # months outside the calendar are not remembered, so that they are new once the calendar includes them
        inside = {name: {m: d for m, d in seen.items() if m in known} for name, seen in after.items()}
        rules = {source.name: rules_digest(business, source) for source in business.sources}
        told = verdicts(lakehouse, business.sources, inside, rules)
        by_rules = blake2s(json.dumps(rules).encode(), digest_size=8).hexdigest()
        edited = before_rules not in ("", by_rules)
        today, busy = f"{datetime.now(UTC):%Y-%m-%d}", job_under_way(context.instance)
        # a failed run is tried again when something changes, else once a day
        waiting = told.unjudged | told.outdated
        if not busy and (months or (waiting and (edited or today != before_day))):
            months = sorted({*months, *asked_again(told, before, after)})
        outside = [m for m in months if m not in known]
        asked = spans(m for m in months if m in known)
        if refused and not asked:
            raise LandingError("\n".join(map(str, refused.values())))
        for name, error in refused.items():
            waits = spoken(waiting_months[name]) or "no month, since the names tell none,"
            context.log.warning(f"{name}: {waits} waits: {error}")
            inside[name] |= {
                month: AGAIN for month in waiting_months[name].intersection(months) if month in known
            }
        kept_rules = before_rules if edited and busy else by_rules
        cursor = Remembered(
            requested + bool(asked), inside, today if asked else before_day, kept_rules
        ).cursor()
        if not asked:
            are = form(len(outside), "is no month", "are no months")
            why = f"; {', '.join(outside)} {are} of the calendar in churn.yaml" if outside else ""
            context.update_cursor(cursor)
            return dg.SkipReason(f"Nothing new in {landing}{why}.{_not_passed(told, busy)}")
        mark = blake2s(cursor.encode(), digest_size=8).hexdigest()
        requests = [
            traced(
                dg.RunRequest(run_key=f"landing-{first}-{last}-{mark}", tags=range_tags([first, last])),
                NAME,
            )
            for first, last in asked
        ]
        return dg.SensorResult(run_requests=requests, cursor=cursor)

    return sensor


def _not_passed(told: Verdicts, busy: str | None) -> str:
    """What a tick without requests says of months that have not passed silver; empty when all have."""
    parts = [f"{name} {spoken(months)} was refused" for name, months in sorted(told.refused.items())]
    if told.unjudged and not busy:
        again = "requested again when a file changes, else tomorrow"
        parts.append(f"{spoken(told.unjudged)} did not reach silver, {again}")
    return f" Not passed: {'; '.join(parts)}." if parts else ""
