"""Text in the type of a column: the same value on every engine, whose casts differ.

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

    if spark_type.startswith(("double", "float", "decimal")):
        number = F.when(text.rlike(NUMBER), text)
        if not spark_type.startswith("decimal"):
            return number.try_cast(spark_type)
        # not every engine reads an exponent as a decimal
        scaled = number.try_cast("double").try_cast(spark_type)
        return F.when(number.rlike("[eE]"), scaled).otherwise(number.try_cast(spark_type))
    if spark_type == "boolean":
        return F.when(text.rlike(BOOLEAN), text).try_cast(spark_type)
    if spark_type == "date":
        day = F.when(text.rlike(DAY_AND_MORE), F.regexp_extract(text, DAY_AND_MORE, 1))
        return F.coalesce(day, text).try_cast(spark_type)
    return text.try_cast(spark_type)
