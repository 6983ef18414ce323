"""A table and its columns, as the catalogue describes them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

NO_LIMIT = "no limit"
# Spark SQL type, as in a contract -> Delta type, where the names differ.
OF_DELTA = {"bigint": "long", "int": "integer"}


@dataclass(frozen=True)
class LakeColumn:
    """One column of a table.

    Attributes:
        name: as in the lake.
        type: Delta type: string, long, integer, double, decimal(10,2), boolean, date, timestamp, array<date> ...
        meaning: what a value means, as a sentence.
        unit: of a number.
        personal: contains natural ids or other values that identify a person.
        required: never null.
        time: the time that a value refers to, where it differs from the table's.
    """

    name: str
    type: str
    meaning: str
    unit: str | None = None
    personal: bool = False
    required: bool = False
    time: str = ""


@dataclass(frozen=True)
class Table:
    """A Delta table. Tables of one path are equal, whatever columns a business gives them.

    Attributes:
        layer, name: its path below the lake's root, and its asset key.
        grain: what one row represents.
        partition_by: its partition columns.
        columns: all columns, in the table's order. Empty in a constant that is only for reading, because the columns
            depend on the business, and for assets that are no Delta table; such a table cannot be written.
        row_key: columns that identify a row; empty where rows may be equal.
        time: the time that the values of a row refer to.
        retention: how long rows are kept.
    """

    layer: str
    name: str
    grain: str
    partition_by: tuple[str, ...] = ()
    columns: tuple[LakeColumn, ...] = field(default=(), compare=False, repr=False)
    row_key: tuple[str, ...] = ()
    time: str = ""
    retention: str = NO_LIMIT

    @property
    def key(self) -> list[str]:
        """The Dagster asset key."""
        return [self.layer, self.name]

    @property
    def path(self) -> str:
        """Path below the lake's root."""
        return f"{self.layer}/{self.name}"

    @property
    def personal(self) -> tuple[str, ...]:
        """Names of the columns with personal values, for scans and for erasure."""
        return tuple(c.name for c in self.columns if c.personal)

    @property
    def types(self) -> dict[str, str]:
        """Column -> type."""
        return {c.name: c.type for c in self.columns}

    @property
    def ddl(self) -> str:
        """The columns as a DDL string for a Spark schema."""
        return ", ".join("`{}` {}".format(c.name.replace("`", "``"), c.type) for c in self.columns)

    def rows(self, rows: "list[dict[str, Any]]") -> "pa.Table":
        """Rows as an Arrow table with the declared types, also when there are none. A missing column is null.

        Raises:
            ValueError: a row has a column that the table does not have.
        """
        import pyarrow as pa
        from deltalake import Schema

        unknown = sorted({name for row in rows for name in row} - self.types.keys())
        if unknown:
            raise ValueError(f"{self.path} has no column {', '.join(unknown)}")
        fields = [
            {"name": c.name, "type": _json_type(c.type), "nullable": True, "metadata": {}}
            for c in self.columns
        ]
        schema = Schema.from_json(json.dumps({"type": "struct", "fields": fields}))
        return pa.Table.from_pylist(rows, schema=pa.schema(schema))


def difference(table: Table, found: Mapping[str, str]) -> str | None:
    """How the columns of a frame (name -> type) differ from those of the catalogue, in words; None when they agree."""
    if not table.columns:
        return "the catalogue declares no columns for it"
    declared = table.types
    parts = [
        ("missing", [f"{name} ({kind})" for name, kind in declared.items() if name not in found]),
        ("unexpected", [f"{name} ({kind})" for name, kind in found.items() if name not in declared]),
        (
            "of another type",
            [f"{n} ({found[n]}, not {t})" for n, t in declared.items() if n in found and found[n] != t],
        ),
    ]
    told = [f"{what}: {', '.join(names)}" for what, names in parts if names]
    return f"its columns differ from the catalogue; {'; '.join(told)}" if told else None


def types_of_frame(frame: "DataFrame") -> dict[str, str]:
    """Column -> type of a Spark frame, without computing it."""
    return {f["name"]: _type_name(f["type"]) for f in json.loads(frame.schema.json())["fields"]}


def types_of_rows(rows: "pa.Table") -> dict[str, str]:
    """Column -> type of Arrow rows."""
    from deltalake import Schema

    return types_of_schema(Schema.from_arrow(rows.schema).to_json())


def types_of_schema(text: str) -> dict[str, str]:
    """Column -> type of a Delta schema in JSON."""
    return {f["name"]: _type_name(f["type"]) for f in json.loads(text)["fields"]}


def _type_name(kind: str | dict[str, Any]) -> str:
    """Name of a type in Delta's or Spark's JSON schema."""
    if isinstance(kind, str):
        return kind
    if kind["type"] == "array":
        return f"array<{_type_name(kind['elementType'])}>"
    return str(kind["type"])


def _json_type(kind: str) -> str | dict[str, Any]:
    if not kind.startswith("array<"):
        return kind
    return {"type": "array", "elementType": _json_type(kind[6:-1]), "containsNull": True}
