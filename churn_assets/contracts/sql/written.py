"""The SQL, patterns and formats that a business declares, and what in them is not proven equal everywhere."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from churn_assets.contracts.mistakes import DeclarationErrors, Mistake
from churn_assets.contracts.place import Place
from churn_assets.contracts.sources import ReadContract
from churn_assets.contracts.validation import property_place
from churn_assets.counts import counted

Kind = Literal["expression", "pattern", "format"]
# The columns of a bronze table besides those of the contract; that of the extract's day is a date.
PROVENANCE = {
    "extract_date": "date",
    "extract_month": "string",
    "source_file": "string",
    "row_number": "bigint",
    "rescued": "string",
}


@dataclass(frozen=True)
class WrittenSql:
    """What a user wrote for an engine: an expression, a regular expression, or a format of days.

    Attributes:
        file, line, path: its place.
        names: of an expression: type of each column that it may read. Of a pattern: that of its column.
    """

    kind: Kind
    text: str
    file: Path
    line: int
    path: str
    names: Mapping[str, str] = field(default_factory=dict)


class Difference(Mistake):
    """What is not proven to mean the same on Spark and on Sail: its place, what stands there, what to write instead."""


class EngineDifferences(DeclarationErrors):
    """The setting `engine` demands Sail, and not all SQL of the business is proven to mean the same there."""

    def head(self, count: int) -> str:
        """Returns the first line of the message."""
        return f"{not_proven(count)}\n    write what is named below instead, or set CHURN_ENGINE=spark"


def written_at(place: Place, kind: Kind, names: Mapping[str, str] | None = None) -> Iterator[WrittenSql]:
    """Yields what stands at a place; nothing if there is no text."""
    text = place.content()
    if isinstance(text, str):
        line = place.document.line(place.steps)
        yield WrittenSql(kind, text, place.file, line, str(place), names or {})


def written_in(contract: ReadContract) -> Iterator[WrittenSql]:
    """Yields what the columns of a contract declare: transformLogic, patterns and formats."""
    source = contract.source
    if source is None:
        return
    bronze = {c.field: c.spark_type if source.format == "parquet" else "string" for c in source.columns}
    for place in contract.top.at("schema", 0, "properties").items():
        column = next((c for c in source.columns if c.name == place.at("name").content()), None)
        if column is None:  # it has a mistake
            continue
        options, own = place.at("logicalTypeOptions"), place.at("customProperties")
        yield from written_at(place.at("transformLogic"), "expression", bronze | PROVENANCE)
        yield from written_at(options.at("pattern"), "pattern", {column.name: column.spark_type})
        if column.formats:
            yield from written_at(options.at("format"), "format")
            for other in property_place(own, "alternativeFormats").items():
                yield from written_at(other, "format")


def differences_of(written: Iterable[WrittenSql]) -> tuple[Difference, ...]:
    """Returns what is not proven equal everywhere, in the order of the declarations."""
    from churn_assets.contracts.sql import meaning

    find = {
        "expression": lambda sql: meaning.differences(sql.text, sql.names),
        "pattern": lambda sql: meaning.differences_of_pattern(sql.text, *sql.names.values()),
        "format": lambda sql: meaning.differences_of_format(sql.text),
    }
    return tuple(
        Difference(sql.file, sql.line, sql.path, what, instead)
        for sql in written
        for what, instead in find[sql.kind](sql)
    )


def told(differences: Sequence[Difference], refused: bool = False) -> str:
    """Returns the differences as text, each with its place and what to write instead.

    Args:
        differences: at least one.
        refused: the setting `engine` demands Sail, so that no engine computes the tables.
    """
    so = "CHURN_ENGINE=sail refuses them" if refused else "Spark computes the tables"
    return "\n\n".join([f"{not_proven(len(differences))}, so {so}", *map(str, differences)])


def not_proven(count: int) -> str:
    """Returns how much of the SQL of a business is not proven to mean the same on both engines, in words."""
    what = counted(count, "expression is", "expressions are")
    return f"{what} not proven to mean the same on Sail as on Spark"
