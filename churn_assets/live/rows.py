"""Rows in memory that are asked for by customer."""

from collections.abc import Collection, Iterable, Sequence, Set
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pyarrow as pa

KEY = "customer_key"
JoinKind = Literal["left semi", "left anti"]
MANY = 50  # chunks of a table


class ByCustomer:
    """Rows in the order of their customer, so that those of a few customers are found without a look at all others.

    Attributes:
        rows: all of them; texts may be encoded, see `encoded`.
    """

    def __init__(self, rows: "pa.Table") -> None:
        """Sorts the rows by customer_key."""
        import pyarrow.compute as pc

        self.rows = rows.sort_by(KEY).combine_chunks()
        self._plain = _plain(rows.schema)
        self._places: dict[str, tuple[int, int]] = {}
        start = 0
        counts = pc.value_counts(self.rows[KEY])  # in the order of the first of each
        for key, count in zip(
            counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True
        ):
            self._places[key] = (start, count)
            start += count

    def of(self, keys: Iterable[str]) -> "pa.Table":
        """The rows of these customers, with plain texts."""
        import numpy as np

        places = [self._places[key] for key in sorted({*keys}) if key in self._places]
        if not places:
            return self._plain.empty_table()
        found = self.rows.take(np.concatenate([np.arange(start, start + count) for start, count in places]))
        return found.cast(self._plain)


def encoded(rows: "pa.Table", but: Collection[str]) -> "pa.Table":
    """The rows with the texts of columns as numbers of a dictionary, which takes the tenth where they repeat.

    `but` are columns whose texts hardly do.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    for place, field in enumerate(rows.schema):
        if pa.types.is_string(field.type) and field.name not in but:
            texts = pc.dictionary_encode(rows[field.name])
            rows = rows.set_column(place, pa.field(field.name, texts.type), texts)
    return rows


def _plain(schema: "pa.Schema") -> "pa.Schema":
    import pyarrow as pa

    kinds = [(f, f.type.value_type if pa.types.is_dictionary(f.type) else f.type) for f in schema]
    return pa.schema([field.with_type(kind) for field, kind in kinds])


def where_in(rows: "pa.Table", column: str, values: Iterable[object]) -> "pa.Table":
    """The rows whose column has one of these values."""
    return rows.filter(_is_in(rows, column, values))


def where_not_in(rows: "pa.Table", column: str, values: Iterable[object]) -> "pa.Table":
    """The rows whose column has none of these values; a missing value is none of them."""
    import pyarrow.compute as pc

    return rows.filter(pc.invert(_is_in(rows, column, values)))


def _is_in(rows: "pa.Table", column: str, values: Iterable[object]) -> "pa.ChunkedArray":
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.is_in(rows[column], value_set=pa.array(sorted({*values}), rows.schema.field(column).type))  # type: ignore[type-var]


def nullable(rows: "pa.Table") -> "pa.Table":
    """The rows in columns that may be null: the engine calls those never null that are constant in one answer."""
    import pyarrow as pa

    return rows.cast(pa.schema([column.with_nullable(True) for column in rows.schema]))


def added(rows: "pa.Table", more: "pa.Table") -> "pa.Table":
    """Both, in the types of the first."""
    import pyarrow as pa

    both = pa.concat_tables([rows, more.select(rows.column_names).cast(rows.schema)])
    # a look at many chunks costs more than copying them now and then
    return both.combine_chunks() if both.num_columns and both[0].num_chunks > MANY else both


def same_keys(rows: "pa.Table", few: "pa.Table", key: Sequence[str]) -> "pa.Table":
    """The rows that have the key of one of a few; a key of which a part is missing is none of them."""
    return _by_keys(rows, few, key, "left semi")


def other_keys(rows: "pa.Table", few: "pa.Table", key: Sequence[str]) -> "pa.Table":
    """The rows that have the key of none of a few."""
    return _by_keys(rows, few, key, "left anti")


def _by_keys(rows: "pa.Table", few: "pa.Table", key: Sequence[str], how: JoinKind) -> "pa.Table":
    import numpy as np
    import pyarrow as pa

    names = list(key)
    numbered = rows.select(names).append_column("_row", pa.array(np.arange(rows.num_rows)))
    keys = few.select(names).cast(rows.select(names).schema).group_by(names).aggregate([])
    return rows.take(numbered.join(keys, keys=names, join_type=how)["_row"].sort())


def components(pairs: Iterable[tuple[str, str]]) -> dict[str, Set[str]]:
    """Member -> all that are connected with it by pairs, itself included."""
    groups: dict[str, set[str]] = {}
    for one, other in pairs:
        joined = groups.get(one, {one}) | groups.get(other, {other})
        groups |= dict.fromkeys(joined, joined)
    return dict(groups)
