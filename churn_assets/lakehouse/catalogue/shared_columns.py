"""Columns that many tables share, and the columns of a contract as columns of the lake."""

from dataclasses import replace

from churn_assets.contracts.source import Column as ContractColumn
from churn_assets.lakehouse.catalogue.table import OF_DELTA, LakeColumn

CUSTOMER_KEY = LakeColumn(
    "customer_key",
    "string",
    "Random key of the customer, 16 hexadecimal digits; only silver/customer_keys joins it to a natural id.",
    required=True,
)
EXTRACT_MONTH = LakeColumn("extract_month", "string", "Month of the extract_date, YYYY-MM.", required=True)
EXTRACT_DATE = LakeColumn(
    "extract_date", "date", "Day of the extract, from the folder that it was delivered in.", required=True
)
SOURCE_FILE = LakeColumn(
    "source_file",
    "string",
    "Delivered file, relative to the landing zone; whoever names files may put a person's name into it.",
    personal=True,
    required=True,
)
ROW_NUMBER = LakeColumn(
    "row_number", "long", "Number of the row in its file, from 1; a CSV header is not counted.", required=True
)
SOURCE = LakeColumn("source", "string", "Name of the source contract.", required=True)
AS_OF_DATE = LakeColumn(
    "as_of_date", "date", "Observation date: the last day of a month, UTC.", required=True
)
CURRENT_DAY = LakeColumn(
    "as_of_date", "date", "Observation date: any day, the end of which is meant, UTC.", required=True
)
KNOWN_AT = LakeColumn(
    "known_at", "date", "Day at whose end the row became known: its extract_date.", required=True
)
SEQUENCE = LakeColumn(
    "sequence", "integer", "Order of the versions of a key within its extract_month, from 1.", required=True
)
MODEL_VERSION = LakeColumn(
    "model_version", "string", "Version of the registered MLflow model.", required=True
)

# What is told of the sources beside the rows of a day.
OF_SOURCES = (
    LakeColumn(
        "behind",
        "string",
        "Sources that are behind their promise, as `usage known until 2026-06-24`, several joined by `; `; null "
        "where every source is on time.",
    ),
    LakeColumn(
        "known_until",
        "date",
        "Day until which the oldest of the sources is known that deliver regularly; null while one of them is not "
        "known at all.",
    ),
    LakeColumn(
        "unknown_windows",
        "string",
        "Windows whose end is not known, as `usage: recency, 7d, 14d`, several sources joined by `; `; null where all "
        "are known. Rules of alerts compare days of the same value only.",
    ),
)

OF_THE_MONTH = "no limit; rows of a month are replaced when the month is materialised again"
OF_THE_COHORT = "no limit; rows of an as_of_date are replaced when its month is materialised again"
OF_THE_DAY = "the newest `daily.keep_days` days; rows of an as_of_date are replaced when it is computed again"


def lake_type(spark_type: str) -> str:
    """Delta's name of a Spark SQL type."""
    return OF_DELTA.get(spark_type, spark_type.replace(" ", ""))


def described(column: ContractColumn) -> LakeColumn:
    """A contract column as a column of silver; its name is its meaning when the contract does not describe it."""
    meaning = column.meaning or f"{column.name.replace('_', ' ').capitalize()}."
    return LakeColumn(
        column.name,
        lake_type(column.spark_type),
        meaning,
        unit=column.unit,
        personal=column.personal,
        required=column.required,
    )


def optional(column: LakeColumn) -> LakeColumn:
    """The same column, nullable."""
    return replace(column, required=False)
