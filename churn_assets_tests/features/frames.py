"""Hand-made silver frames: versions of keys with the bookkeeping that silver adds to them."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.feature import Feature, FeatureLine, expand
from churn_assets.contracts.source import Source
from churn_assets.months import month_index

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

REFUSED = "refused"
MAY, JUNE, JULY = (month_index(m) for m in ("2025-05", "2025-06", "2025-07"))


def day(text: str) -> date:
    """`06-30` is a day of 2025; a whole ISO date is itself."""
    return date.fromisoformat(text if len(text) == 10 else f"2025-{text}")


def silver(
    spark: "SparkSession", source: Source, schema: str, rows: Sequence[tuple[Any, ...]]
) -> "DataFrame":
    """Versions of a source: each row is known_at followed by the columns of `schema`; later rows of a day are newer.

    A row that is one element longer and ends with REFUSED is a refused version. Adds sequence, latest_in_month,
    refused and extract_month as silver would.
    """
    wide = len(schema.split(", ")) + 1
    refused = [len(row) > wide and row[-1] == REFUSED for row in sorted(rows, key=lambda r: r[0])]
    rows = [row[:wide] for row in rows]
    names = [part.split()[0] for part in schema.split(", ")]
    position = [names.index(k) for k in source.silver_key]

    def slot(row: tuple[Any, ...]) -> tuple[Any, ...]:
        return (row[0].strftime("%Y-%m"), *(row[1 + p] for p in position))

    ordered = sorted(rows, key=lambda r: r[0])
    last = {slot(row): i for i, row in enumerate(ordered)}
    counts = Counter[tuple[Any, ...]]()
    full = []
    for i, row in enumerate(ordered):
        counts[slot(row)] += 1
        latest = last[slot(row)] == i
        full.append((*row, counts[slot(row)], latest, refused[i], row[0].strftime("%Y-%m")))
    bookkeeping = "sequence int, latest_in_month boolean, refused boolean, extract_month string"
    return spark.createDataFrame(full, f"known_at date, {schema}, {bookkeeping}")


def declared(source: Source, *lines: dict[str, Any]) -> list[Feature]:
    """The features of some lines of churn.yaml over this source."""
    return [f for line in lines for f in expand(FeatureLine(source=source.name, **line), source, 6)]


def by_key(frame: "DataFrame", *key: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    """All rows of a small frame by their key columns."""
    return {tuple(r[k] for k in key): r.asDict() for r in frame.collect()}
