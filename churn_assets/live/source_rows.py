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
        connected: whether customers may belong together who did not before, see `SourceRows.connected`.
        broken: the refused rows, see `SourceRows.broken`.
    """

    rows: dict[str, int] = field(default_factory=dict)
    unread: list[RefusedFile] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    strangers: int = 0
    connected: bool = False
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
        self._moved = _moved(source, opened)

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

    def connected(self) -> list[tuple[str, str]]:
        """Pairs of customers whose rows are read together.

        One was ever merged into the other; or a key of the open month, such as a ticket, moved from one to the other:
        by the rows of the first alone, it would still be the first's.
        """
        return [*self._merged(), *self._moved]

    def _merged(self) -> list[tuple[str, str]]:
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
            names = self.source.silver_key
            rows = self._with_customer_key(new, keys) if KEY in names else new
            others = other_keys(self._opened, rows, names)
            made = self._versions(lakehouse, of_keys, keys)
            self._opened = added(others, made)
            moved = _moved(self.source, made) - self._moved
            self._moved |= moved
            taken.connected = bool(moved) or self.source.merged_into is not None
        return taken

    def _with_customer_key(self, rows: "pa.Table", keys: Mapping[str, str]) -> "pa.Table":
        """These rows with the customer_key beside the id; null where there is none."""
        import pyarrow as pa

        known = [None if i is None else keys.get(str(i)) for i in rows[self.source.customer].to_pylist()]
        return rows.append_column(KEY, pa.array(known, pa.string()))

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


def _moved(source: Source, silver: "pa.Table") -> set[tuple[str, str]]:
    """Pairs of customers who have versions of the same key in these silver rows."""
    import pyarrow.compute as pc

    names = list(source.silver_key)
    if KEY in names:
        return set()
    owners = silver.select([*names, KEY]).group_by([*names, KEY]).aggregate([])
    counts = owners.group_by(names).aggregate([([], "count_all")])
    several = same_keys(owners, counts.filter(pc.field("count_all") > 1), names)
    first: dict[tuple[object, ...], str] = {}
    found = set()
    for row in several.to_pylist():
        one, other = first.setdefault(tuple(row[name] for name in names), row[KEY]), row[KEY]
        if one != other:
            found.add((min(one, other), max(one, other)))
    return found


def _broken(conformed: "pa.Table") -> "pa.Table":
    import pyarrow.compute as pc

    told = conformed.select(["source_file", "row_number", "refused_rule"])
    return told.filter(pc.is_valid(told["refused_rule"]))
