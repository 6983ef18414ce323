"""What is held of one source: its silver rows, and the typed rows of the open month that its versions are made of."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from churn_assets.bronze.reading import bronze_frame
from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.history.periods import Periods
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.engine.frames import frame_of
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.live.rows import (
    KEY,
    ByCustomer,
    added,
    encoded,
    nullable,
    other_keys,
    same_keys,
    where_in,
)
from churn_assets.months import month_of
from churn_assets.silver.conform import conform
from churn_assets.silver.customer_keys import MERGED_INTO, with_customer_key
from churn_assets.silver.load import silver_columns
from churn_assets.silver.versions import to_versions, with_known_keys
from churn_assets.sources.landing import ExtractFile, RefusedFile
from churn_assets.sources.readers.staging import stage

if TYPE_CHECKING:
    import pyarrow as pa

LIVE = "live"  # who writes, where the lake names a run
MONTH = "extract_month"


@dataclass
class Taken:
    """What some files of a source brought.

    Attributes:
        rows: files -> rows that were read.
        unread: files that cannot be read, each with the reason; bronze leaves them out, too.
        refused: rule -> rows that break the contract by it; silver will put them into the quarantine.
        touched: customers whom the rows are about, or were about before.
        strangers: number of ids that have no customer_key yet; the next ingest gives them one.
        broken: the refused rows, see `SourceRows.broken`.
    """

    rows: dict[str, int] = field(default_factory=dict)
    unread: list[RefusedFile] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    strangers: int = 0
    broken: "pa.Table | None" = None


class SourceRows:
    """Silver of one source in memory, with what has arrived since.

    Attributes:
        source: whose rows.
        files: names of the files that are in it, of the open month.
    """

    def __init__(
        self, source: Source, earlier: "pa.Table", opened: "pa.Table", conformed: "pa.Table"
    ) -> None:
        """Holds the rows.

        Args:
            source: whose rows.
            earlier: silver rows of the months before the open one, as far back as features look.
            opened: silver rows of the open month.
            conformed: the rows of the open month as `silver.conform` makes them of bronze.
        """
        self.source = source
        self.files: set[str] = {str(name) for name in conformed["source_file"].unique().to_pylist()}
        self._earlier, self._opened, self._conformed = ByCustomer(earlier), opened, conformed

    @classmethod
    def load(cls, lakehouse: Lakehouse, business: Business, source: Source, day: date) -> "SourceRows":
        """Reads from the lake what the features of a day need."""
        month, silver = month_of(day), tables.silver(source)
        known: list[tuple[str, str, object]] = [(MONTH, "<", month)]
        if (reach := business.history_months(source)) is not None and source.role in ("event", "treatment"):
            periods = Periods.that_end_on(day)
            begin = periods.end(periods.index(day) - reach) + timedelta(days=1)
            known.append((MONTH, ">=", month_of(begin)))
        bronze = lakehouse.read(tables.bronze(source)).where(f"{MONTH} = '{month}'")
        return cls(
            source,
            _earlier(lakehouse, source, known),
            lakehouse.arrow(silver, filters=[(MONTH, "=", month)]),
            nullable(conform(bronze, source).toArrow()),
        )

    def of(self, keys: Set[str]) -> "pa.Table":
        """The silver rows of these customers."""
        return added(self._earlier.of(keys), where_in(self._opened, KEY, keys))

    def merged(self) -> list[tuple[str, str]]:
        """Pairs of customers of whom one was ever merged into the other."""
        if self.source.merged_into is None:
            return []
        both = [rows.select([KEY, MERGED_INTO]).drop_null() for rows in (self._earlier.rows, self._opened)]
        return [(str(r[KEY]), str(r[MERGED_INTO])) for rows in both for r in rows.to_pylist()]

    def broken(self) -> "pa.Table":
        """source_file, row_number and refused_rule of the rows of the open month that break the contract."""
        return _broken(self._conformed)

    def take(self, lakehouse: Lakehouse, files: Sequence[ExtractFile], keys: Mapping[str, str]) -> Taken:
        """Adds the rows of files of the open month; `keys`: id -> customer_key.

        Versions are made anew of the keys that the rows are about. A row may tell that its key belongs to somebody else
        now; then both are touched.
        """
        with lakehouse.staging(tables.bronze(self.source), run_id=LIVE) as folder:
            staged = stage(self.source, files, folder)
            new = nullable(conform(bronze_frame(lakehouse.spark, self.source, staged), self.source).toArrow())
        self.files |= {file.name for file in files}
        taken = Taken(dict(staged.rows), list(staged.refused), broken=_broken(new))
        for rule in new["refused_rule"].drop_null().to_pylist():
            taken.refused[rule] = taken.refused.get(rule, 0) + 1
        self._conformed = added(self._conformed, new)
        of_keys = same_keys(self._conformed, new, self.source.key)
        ids = {
            str(i)
            for rows in (new, of_keys)
            for i in rows[self.source.customer].drop_null().unique().to_pylist()
        }
        taken.touched = {str(keys[i]) for i in ids if i in keys}
        taken.strangers = len(ids) - len(taken.touched)
        if taken.touched:
            others = other_keys(self._opened, *self._keys_in_silver(new, keys))
            self._opened = added(others, self._versions(lakehouse, of_keys, keys))
        return taken

    def _keys_in_silver(self, rows: "pa.Table", keys: Mapping[str, str]) -> "tuple[pa.Table, list[str]]":
        """The keys of these rows as silver has them, with the customer_key in place of the id; and their columns."""
        import pyarrow as pa

        customer, names = self.source.customer, list(self.source.key)
        if customer in names:
            known = [None if i is None else keys.get(str(i)) for i in rows[customer].to_pylist()]
            rows = rows.append_column(KEY, pa.array(known, pa.string()))
            names[names.index(customer)] = KEY
        return rows, names

    def _versions(self, lakehouse: Lakehouse, rows: "pa.Table", keys: Mapping[str, str]) -> "pa.Table":
        """Silver of these rows: all that the open month has of some keys."""
        import pyarrow as pa

        source, spark = self.source, lakehouse.spark
        named = [source.customer, *([source.merged_into] if source.merged_into else [])]
        ids = sorted(
            {str(i) for name in named for i in rows[name].drop_null().unique().to_pylist()} & keys.keys()
        )
        texts = pa.schema([("customer_id", pa.string()), (KEY, pa.string())])
        known = pa.Table.from_arrays(
            [pa.array(ids, pa.string()), pa.array([keys[i] for i in ids], pa.string())], schema=texts
        )
        versions = to_versions(with_known_keys(frame_of(spark, rows), source), source)
        silver = with_customer_key(versions, frame_of(spark, known), source)
        return silver.select(silver_columns(source)).toArrow()


def _earlier(lakehouse: Lakehouse, source: Source, known: list[tuple[str, str, object]]) -> "pa.Table":
    """Silver rows of earlier months, encoded month by month: as plain texts they take several times as much."""
    import pyarrow as pa

    silver, plain = tables.silver(source), {KEY, *source.key}
    asked = lakehouse.arrow(silver, [MONTH], known)[MONTH].unique().to_pylist()
    parts = [encoded(lakehouse.arrow(silver, None, [(MONTH, "=", one)]), plain) for one in sorted(asked)]
    if not parts:
        return encoded(lakehouse.arrow(silver, filters=known), plain)
    return pa.concat_tables(parts, promote_options="default").unify_dictionaries()


def _broken(conformed: "pa.Table") -> "pa.Table":
    import pyarrow.compute as pc

    told = conformed.select(["source_file", "row_number", "refused_rule"])
    return told.filter(pc.is_valid(told["refused_rule"]))
