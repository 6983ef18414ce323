"""Text in the type of a column, and values as text: the same on every engine, whose casts differ.

Patterns keep to what every engine reads alike: `[0-9]` for `\\d`, and `\\z` for the end, since `$` may stand before the
line break of a last line.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column

BLANKS = r"[\x00-\x20]*"  # casts remove them
NUMBER = rf"^{BLANKS}[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?{BLANKS}\z"
BOOLEAN = rf"(?i)^{BLANKS}(t|true|y|yes|1|f|false|n|no|0){BLANKS}\z"  # else `on` and `tru` may be true
DAY_AND_MORE = rf"^{BLANKS}([0-9]{{4}}-[0-9]{{1,2}}-[0-9]{{1,2}})[T ]"


def from_text(text: "Column", spark_type: str) -> "Column":
    """A text in another type, null when it is none. Not a number is `1d`, which some read as Java's notation."""
    from pyspark.sql import functions as F

    if spark_type in ("double", "float"):
        return F.when(text.rlike(NUMBER), text).try_cast(spark_type)
    if spark_type.startswith("decimal"):
        # not every engine reads an exponent as a decimal
        scaled = text.try_cast("double").try_cast(spark_type)
        plain = F.when(text.rlike(NUMBER), text).try_cast(spark_type)
        return F.when(text.rlike("[eE]"), scaled).otherwise(plain)
    if spark_type == "boolean":
        return F.when(text.rlike(BOOLEAN), text).try_cast(spark_type)
    if spark_type == "date":
        day = F.when(text.rlike(DAY_AND_MORE), F.regexp_extract(text, DAY_AND_MORE, 1))
        return F.coalesce(day, text).try_cast(spark_type)
    return text.try_cast(spark_type)


def in_json(value: "Column", spark_type: str) -> "Column":
    """A value for `to_json`, as text where engines write different numbers or moments: 1.50 and 1.5."""
    differs = spark_type.startswith(("double", "float", "decimal", "timestamp"))
    return as_text(value, spark_type) if differs else value


def as_text(value: "Column", spark_type: str) -> "Column":
    """A value as text. A double has an exponent below 1e-15 and from 1e18 on: 1.0E18."""
    from pyspark.sql import functions as F

    plain = value.cast("string")
    if spark_type != "double":
        return plain
    size = F.abs(value)
    usual = ((size >= 1e-3) & (size < 1e7)) | (size == 0)
    # Spark writes 1.0E7 here, Sail 10000000.0
    large, small = (
        F.regexp_replace(value.try_cast(kind).cast("string"), r"(\.[0-9]*?[1-9]|\.0)0*\z", "$1")
        for kind in ("decimal(38,6)", "decimal(38,18)")
    )
    return (
        F.when(usual, plain)
        .when((size >= 1e7) & (size < 1e18), large)
        .when((size >= 1e-15) & (size < 1e-3), small)
        .otherwise(F.regexp_replace(F.upper(plain), r"^(-?[0-9]+)E", "$1.0E"))
    )
