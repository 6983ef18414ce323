"""What is held in memory to score any customer as of now, loaded from the lake, and kept up with what arrives."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from churn_assets.alerts.raising import SCORES_READ, days_read
from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.features.current_snapshot import SourcesTold, sources_told
from churn_assets.features.snapshots import SnapshotParts
from churn_assets.graph.as_of_day import newest_day
from churn_assets.history.known_days import passed_until_now
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.live.overlay import Overlay
from churn_assets.live.parts import HeldParts
from churn_assets.live.rows import KEY, ByCustomer, components, encoded, nullable
from churn_assets.live.source_rows import SourceRows, Taken
from churn_assets.months import month_end, month_of
from churn_assets.silver.audit import DeliveredFile, is_whole, rows_by_extract, rows_by_month
from churn_assets.silver.load import delivered_files
from churn_assets.silver.reconciliation import first_extracts
from churn_assets.sources.landing import ExtractFile, list_everything, newest_extract

if TYPE_CHECKING:
    import pyarrow as pa

DAY = "as_of_date"
WORD = re.compile(r"\w+")


def live_day(lakehouse: Lakehouse, business: Business, clock: date) -> date | None:
    """The day that scores of now are as of: today, which is not over yet; None before the first extract.

    Of a calendar that has ended it is the day of the newest extract.
    """
    end = business.file.calendar.end
    newest = newest_extract(
        lakehouse.settings.landing_uri, business.sources, month_end(end) if end else clock
    )
    return newest_day(business.file.calendar, [newest] if newest else [], clock + timedelta(days=1))


@dataclass
class Arrived:
    """What some files of all sources brought.

    Attributes:
        by_source: source -> what its files brought.
        files: the files.
    """

    by_source: dict[str, Taken]
    files: list[ExtractFile]

    @property
    def rows(self) -> int:
        """Rows that were read."""
        return sum(sum(one.rows.values()) for one in self.by_source.values())

    @property
    def refused(self) -> int:
        """Rows that break their contract."""
        return sum(sum(one.refused.values()) for one in self.by_source.values())

    @property
    def strangers(self) -> int:
        """Customers of each source who have no key yet, so that they are not scored."""
        return sum(one.strangers for one in self.by_source.values())

    @property
    def touched(self) -> set[str]:
        """Customers whom the rows are about."""
        return {key for one in self.by_source.values() for key in one.touched}


class Now(NamedTuple):
    """What depends on the extracts that have passed silver: what is told of the sources, and how snapshots are made."""

    told: SourcesTold
    parts: SnapshotParts


class LiveState:
    """The rows of a lake that a day needs, and those that have arrived since.

    A new day needs a new state: what the lake has ingested meanwhile is read again, and windows move.
    No frame of the engine is held, here and in what else is kept between steps: its server may be replaced meanwhile.

    Attributes:
        lakehouse: the lake.
        business: whose sources.
        day: the day that scores are as of.
    """

    def __init__(self, lakehouse: Lakehouse, business: Business, day: date) -> None:
        """Loads what the day needs.

        Raises:
            LakehouseError: a table does not exist yet; the message names it.
        """
        self.lakehouse, self.business, self.day = lakehouse, business, day
        keys = lakehouse.arrow(tables.CUSTOMER_KEYS)
        self._keys: Mapping[str, str] = dict(
            zip(keys["customer_id"].to_pylist(), keys[KEY].to_pylist(), strict=True)
        )
        self._sources = {s.name: SourceRows.load(lakehouse, business, s, day) for s in business.sources}
        self._delivered = {
            s.name: {f.name: f for f in delivered_files(lakehouse, s, [self.month])} for s in business.sources
        }
        self._groups: Mapping[str, Set[str]] = {}
        self._connect()
        self._scored_days = self._days_of_snapshots()
        self._told = self._read_by_rules()
        self._read, self._of_days = self._read_by_alerts()
        self.reconciliation = self._reconciled()
        self._now: Now | None = None
        self._parts = HeldParts(business)
        # of everybody at once, which costs little more than of those whom a step touches
        self._parts.refresh(self.customers, self.now.parts, lambda _: self._whole)

    @property
    def customers(self) -> set[str]:
        """Everybody who has a key."""
        return {*self._keys.values()}

    @property
    def month(self) -> str:
        """The open month."""
        return month_of(self.day)

    @property
    def scored_day(self) -> date | None:
        """The newest day before this one of which there are snapshots."""
        return max(self._scored_days, default=None)

    @property
    def now(self) -> "Now":
        """What has passed silver, as if what arrived had passed, and what follows from it."""
        if self._now is None:
            lake, business = self._whole, self.business
            passed = passed_until_now(lake, business)
            parts = SnapshotParts(business, [self.day], passed, first_extracts(lake))
            self._now = Now(sources_told(business, passed, self.day), parts)
        return self._now

    @property
    def _whole(self) -> Overlay:
        """The lake, as if what arrived had passed silver; without its rows."""
        return Overlay(self.lakehouse, {tables.RECONCILIATION.path: self.reconciliation})

    def waiting(self) -> dict[str, list[ExtractFile]]:
        """Source -> files of the open month in the landing zone that are not in here yet, and of no later day."""
        found = {}
        for name, held in self._sources.items():
            listing = list_everything(self.lakehouse.settings.landing_uri, held.source, [self.month])
            known = held.files | self._delivered[name].keys()
            new = [file for file in listing.files if file.name not in known]
            if new := [f for f in new if f.extract_date <= self.day]:
                found[name] = new
        return found

    def broken(self, source: str) -> "pa.Table":
        """The refused rows of the open month of a source, see `SourceRows.broken`."""
        return self._sources[source].broken()

    def take(self, files: Mapping[str, Sequence[ExtractFile]]) -> Arrived:
        """Adds the rows of files; what it returns tells whom they touch."""
        arrived = Arrived({}, [file for some in files.values() for file in some])
        for name, some in files.items():
            held = self._sources[name]
            taken = held.take(self.lakehouse, some, self._keys)
            arrived.by_source[name] = taken
            read = {n: DeliveredFile(n, self.month, rows) for n, rows in taken.rows.items()}
            self._delivered[name] |= read
            if taken.connected:
                self._connect()
            self._parts.outdate(name, self.related(taken.touched))
        reconciled = self._reconciled()
        if not reconciled.equals(self.reconciliation):
            self.reconciliation, self._now = reconciled, None
        return arrived

    def related(self, keys: Iterable[str]) -> set[str]:
        """These customers, and all whose rows are read with theirs, see `SourceRows.connected`."""
        return {other for key in keys for other in self._groups.get(key, {key})}

    def lake_of(self, keys: Set[str]) -> Overlay:
        """The lake as of now, narrowed to these customers."""
        held: dict[str, pa.Table | Callable[[], pa.Table]] = {
            tables.silver(one.source).path: partial(one.of, keys) for one in self._sources.values()
        }
        held[tables.RECONCILIATION.path] = self.reconciliation
        if self._told is not None:
            held[tables.CURRENT_SNAPSHOT.path] = partial(self._told.of, keys)
        return Overlay(self.lakehouse, held)

    def earlier_scores(self, keys: Set[str]) -> "pa.Table":
        """What alerts read of the scores of earlier days: of these customers, and of one of each day.

        Without the latter, a customer who had no score on the newest day would be compared with a day before it.
        """
        return self._read.of(keys | self._of_days)

    def current_snapshots(self, keys: Set[str]) -> "pa.Table":
        """Snapshots as of now, with what is told of sources, of those of these customers who are eligible.

        Args:
            keys: customers, and all who are `related`.
        """
        now = self.now
        self._parts.refresh(keys, now.parts, self.lake_of)
        built = self._parts.snapshots(keys, now.parts, self.lakehouse.spark)
        return nullable(now.told.beside(built).toArrow())

    def _connect(self) -> None:
        self._groups = components(pair for held in self._sources.values() for pair in held.connected())

    def _days_of_snapshots(self) -> list[date]:
        """The earlier days of which the lake holds current snapshots."""
        table = tables.CURRENT_SNAPSHOT
        return (
            [d for d in self.lakehouse.slices(table, DAY) if d < self.day]
            if self.lakehouse.exists(table)
            else []
        )

    def _read_by_rules(self) -> "ByCustomer | None":
        """What the SQL of rules can read of the snapshots of earlier days; None without a table of them.

        It stands for the table, which may hold snapshots of this day, too.
        """
        table = tables.CURRENT_SNAPSHOT
        if not self.lakehouse.exists(table):
            return None
        asked = " ".join(rule.sql for rule in self.business.file.alerts.rules if rule.sql)
        words = {word.lower() for word in WORD.findall(asked)}
        names = [
            name for name in self.lakehouse.columns(table) if name in (KEY, DAY) or name.lower() in words
        ]
        days = self._scored_days if asked else []
        return ByCustomer(self.lakehouse.arrow(table, names, [(DAY, "in", [*days, date.min])]))

    def _read_by_alerts(self) -> tuple[ByCustomer, set[str]]:
        """What alerts compare with, scores of earlier days; and a customer of each day."""
        import pyarrow as pa

        lake, table = self.lakehouse, tables.CURRENT_SCORES
        there = lake.slices(table, DAY) if lake.exists(table) else []
        if not (days := days_read(self.business, there, self.day)):
            return ByCustomer(table.rows([])), set()
        here = {*lake.columns(table)}  # those of an older release are fewer
        names = [name for name in SCORES_READ if name in here]
        parts = [encoded(lake.arrow(table, names, [(DAY, "=", day)]), {KEY}) for day in days]
        rows = pa.concat_tables(parts, promote_options="default").unify_dictionaries()
        return ByCustomer(rows), {part[KEY][0].as_py() for part in parts}

    def _reconciled(self) -> "pa.Table":
        """silver/reconciliation as it will be when silver has taken what arrived.

        A month that silver has refused stays refused.
        """
        table, month = tables.RECONCILIATION, self.month
        rows = self.lakehouse.arrow(table).to_pylist()
        others = [row for row in rows if row["extract_month"] != month]
        here = {row["source"]: row for row in rows if row["extract_month"] == month}
        for held in self._sources.values():
            source: Source = held.source
            before = here.get(source.name)
            files = list(self._delivered[source.name].values())
            mine = [f for f in files if f.month == month]
            if not mine or (before is not None and before["refused_by"]):
                continue
            volumes = rows_by_month(files)
            row: dict[str, Any] = before or {
                "source": source.name,
                "extract_month": month,
                "refused_by": None,
            }
            counts = {
                "delivered": volumes[month],
                "accepted": volumes[month],
                "duplicate": 0,
                "quarantined": 0,
            }
            here[source.name] = (
                row
                | counts
                | {
                    "extract_dates": sorted({f.extract_date for f in mine}),
                    "whole": is_whole(source, month, volumes, rows_by_extract(files)),
                    "balances": True,
                }
            )
        return table.rows([*others, *here.values()])
