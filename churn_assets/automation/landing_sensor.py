"""The sensor that takes in what arrives in the landing zone; it reads no file, only names, sizes and times."""

import json
from collections.abc import Iterable
from hashlib import blake2s
from typing import NamedTuple

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.graph.names import INGEST
from churn_assets.graph.partitions import ingest_months, range_tags
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import spans
from churn_assets.sources.arrivals import Arrivals, look, touched
from churn_assets.sources.landing import LandingError, list_extracts

EVERY_SECONDS = 60
TINY = 4096  # bytes; no more than a header
# The mark of a month that was requested while the source waited. Its run may have failed at this source, which holds up
# the keys of all; no look finds this mark, so the month is asked for again.
AGAIN = ""


class Remembered(NamedTuple):
    """What the sensor keeps from look to look: what lay there, and how often it has requested.

    Without `requests` a landing zone that is again as it once was, as a wrong file was withdrawn, would give the run
    key of then, and Dagster launches a run key once.
    """

    requests: int
    arrivals: Arrivals

    def cursor(self) -> str:
        """As the cursor keeps it."""
        return json.dumps(self._asdict(), sort_keys=True)

    @classmethod
    def of(cls, cursor: str) -> "Remembered":
        """The inverse of `cursor`; earlier releases kept the arrivals alone."""
        content = json.loads(cursor)
        return cls(**content) if isinstance(content.get("requests"), int) else cls(0, content)


def loaded(lakehouse: Lakehouse, sources: Iterable[Source], present: Arrivals) -> Arrivals:
    """Of the landing zone, the months of these sources whose files bronze holds: where a first look starts from.

    An extract without rows leaves no trace in bronze; it is taken as loaded when it is tiny and older than bronze.
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
        lying = list_extracts(lakehouse.settings.landing_uri, source)
        gone = {month_of_file[name] for name in month_of_file.keys() - {f.name for f in lying}}
        new = {
            f.month
            for f in lying
            if f.name not in month_of_file and (f.size > TINY or f.modified_ns > written.timestamp() * 1e9)
        }
        found[source.name] = {m: mark for m, mark in months.items() if m not in new | gone}
    return found


def ingest_new_files_sensor(business: Business) -> dg.SensorDefinition:
    """Requests an ingest of exactly the months whose extracts came, changed or went since the last look."""

    @dg.sensor(
        name="ingest_new_files_sensor",
        job_name=INGEST,
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Ingests the months whose files in the landing zone came, changed or went since the last look; files "
            "younger than 30 s and *.part wait. A source with a file that its contract does not expect waits too, and "
            "the tick names the file."
        ),
    )
    def sensor(
        context: dg.SensorEvaluationContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.SensorResult | dg.SkipReason:
        landing = lakehouse.settings.landing_uri
        requested, before = Remembered.of(context.cursor) if context.cursor else Remembered(0, {})
        after, refused = look(landing, business, before)
        if not context.cursor:
            before = loaded(lakehouse, (s for s in business.sources if s.name not in refused), after)
        months = touched(before, after)
        known = set(ingest_months(business).get_partition_keys())
        outside = [m for m in months if m not in known]
        # months outside stay unseen: once the calendar reaches them, they are new
        inside = {name: {m: d for m, d in seen.items() if m in known} for name, seen in after.items()}
        asked = spans(m for m in months if m in known)
        if refused and not asked:
            raise LandingError("\n".join(map(str, refused.values())))
        for name, error in refused.items():
            context.log.warning(f"{name} waits: {error}")
            inside[name] |= {month: AGAIN for month in months if month in known}
        cursor = Remembered(requested + bool(asked), inside).cursor()
        if not asked:
            why = f"; {', '.join(outside)} are no months of the calendar in churn.yaml" if outside else ""
            context.update_cursor(cursor)
            return dg.SkipReason(f"Nothing new in {landing}{why}.")
        mark = blake2s(cursor.encode(), digest_size=8).hexdigest()
        requests = [
            dg.RunRequest(run_key=f"landing-{first}-{last}-{mark}", tags=range_tags([first, last]))
            for first, last in asked
        ]
        return dg.SensorResult(run_requests=requests, cursor=cursor)

    return sensor
