"""Numbers as text, and text as numbers: what each engine does in its own way, here always in that of Spark.

Spark writes 9.0E9 and 1.0E-5 where Sail writes 9000000000.0 and 0.00001, and reads other words as true.
"""

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from churn_assets.lakehouse.engine.sail import CONNECT_MODE

if TYPE_CHECKING:
    from pyspark.sql import Column

FLOATING = frozenset({"double", "float"})
# Patterns keep to what every engine reads alike: [0-9] for \d, and \z for the end, since $ also stands before a last
# line break.
BLANKS = r"[\x00-\x20]*"  # casts remove them
NUMBER = rf"^{BLANKS}[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?{BLANKS}\z"
BOOLEAN = rf"(?i)^{BLANKS}(t|true|y|yes|1|f|false|n|no|0){BLANKS}\z"  # else `on` and `tru` may be true
DAY_AND_MORE = rf"^{BLANKS}([0-9]{{4}}-[0-9]{{1,2}}-[0-9]{{1,2}})[T ]"
# Around a number in JSON text, so that its quotes can be taken away; as JSON writes this control character.
MARK, MARK_IN_JSON = "\x01", "\\\\u0001"
MOMENTS_IN_JSON = {
    "timestamp": "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'",
    "timestamp_ntz": "yyyy-MM-dd'T'HH:mm:ss.SSS",
}


def number_as_text(value: "Column") -> "Column":
    """A double or float as text."""
    from pyspark.sql import functions as F

    text = value.cast("string")
    if CONNECT_MODE not in os.environ:
        return text
    size, plain = F.abs(value), F.replace(text, F.lit("-"), F.lit(""))
    sign = F.when(value < 0, "-").otherwise("")
    whole = F.substring_index(plain, ".", 1)
    digits = F.regexp_replace(F.replace(plain, F.lit("."), F.lit("")), "0+$", "")
    small = F.regexp_replace(plain, r"^0\.0*", "")
    zeros = F.length(plain) - F.length(small) - F.lit(1)
    parts = F.substring_index(text, "e", 1), F.substring_index(text, "e", -1)
    written = (
        F.when(F.isnan(value), text)
        .when(size == float("inf"), F.concat(sign, F.lit("Infinity")))
        .when(F.contains(text, F.lit("e")), F.concat(_with_point(parts[0]), F.lit("E"), parts[1]))
        .when(
            size >= 1e7, F.concat(sign, _mantissa(digits), F.lit("E"), (F.length(whole) - 1).cast("string"))
        )
        .when((size < 1e-3) & (size > 0), F.concat(sign, _mantissa(small), F.lit("E-"), zeros.cast("string")))
        .otherwise(text)
    )
    return _as_string(written)


def json_object(parts: Mapping[str, "Column"], kinds: Mapping[str, str]) -> "Column":
    """A JSON object of the parts; null parts are left out.

    Args:
        parts: name -> value.
        kinds: name -> type of those parts that are no text.
    """
    from pyspark.sql import functions as F

    written = {name: _in_json(value, kinds.get(name, "string")) for name, value in parts.items()}
    text = F.to_json(F.struct(*(value.alias(name) for name, (value, _) in written.items())))
    if not any(is_marked for _, is_marked in written.values()):
        return text
    return F.regexp_replace(text, f'"{MARK_IN_JSON}([^"]*?){MARK_IN_JSON}"', "$1")


def _in_json(value: "Column", kind: str) -> "tuple[Column, bool]":
    """What stands for a value in the struct that becomes JSON, and whether it is a number as marked text."""
    from pyspark.sql import functions as F

    if kind.startswith("decimal"):  # Spark writes 0E-10, Sail makes a double of it
        return F.concat(F.lit(MARK), value.cast("string"), F.lit(MARK)), True
    if CONNECT_MODE not in os.environ:
        return value, False
    if kind in FLOATING:
        number = number_as_text(value)
        finite = ~F.isnan(value) & (F.abs(value) != float("inf"))
        return F.when(finite, F.concat(F.lit(MARK), number, F.lit(MARK))).otherwise(number), True
    if kind in MOMENTS_IN_JSON:
        return F.date_format(value, MOMENTS_IN_JSON[kind]), False
    return value, False


def in_document(document: "Column", path: str) -> "Column":
    """What stands at a path such as `$.a.b` of a JSON document without blanks, as text; null when nothing does."""
    from pyspark.sql import functions as F

    text = F.get_json_object(document, path)
    if CONNECT_MODE not in os.environ:
        return text
    # Sail leaves numbers as they are in the document, Spark writes them anew; text in quotes both leave alone
    member = F.concat(F.lit(json.dumps(path.rpartition(".")[2], ensure_ascii=False) + ":"), text)
    bare = [F.contains(document, F.concat(member, F.lit(end))) for end in (",", "}")]
    number = number_as_text(F.when(text.rlike(NUMBER), text).try_cast("double"))
    read = (
        F.when(~text.rlike(r"^-?[0-9]+[.eE][0-9eE.+-]*\z|^-0\z") | ~(bare[0] | bare[1]), text)
        .when(text == "-0", "0")
        .when(F.contains(number, F.lit("Infinity")), F.concat(F.lit('"'), number, F.lit('"')))
        .otherwise(number)
    )
    return _as_string(read)


def _as_string(text: "Column") -> "Column":
    """Text of Sail in the type that every use of it knows: `distinct` may give it another, which no client reads."""
    return text.cast("string")


def _with_point(mantissa: "Column") -> "Column":
    """1 -> 1.0, and 1.5 as it is."""
    from pyspark.sql import functions as F

    return F.when(F.contains(mantissa, F.lit(".")), mantissa).otherwise(F.concat(mantissa, F.lit(".0")))


def _mantissa(digits: "Column") -> "Column":
    """15 -> 1.5, 9 -> 9.0."""
    from pyspark.sql import functions as F

    others = F.substring(digits, 2, 400)
    return F.concat(F.substring(digits, 1, 1), F.lit("."), F.when(others == "", "0").otherwise(others))


def from_text(text: "Column", spark_type: str) -> "Column":
    """A text in another type, the same on every engine; null when it is none.

    Blanks around it do not count. Not a number is `1d`, which Spark reads as Java's notation.
    """
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
    if spark_type in ("date", "timestamp") and CONNECT_MODE in os.environ:
        text = F.regexp_replace(text, rf"^{BLANKS}|{BLANKS}\z", "")
    if spark_type == "date":
        day = F.when(text.rlike(DAY_AND_MORE), F.regexp_extract(text, DAY_AND_MORE, 1))
        return F.coalesce(day, text).try_cast(spark_type)
    return text.try_cast(spark_type)


def moment(text: "Column", form: str) -> "Column":
    """A timestamp written in this format of Spark; null when it is written otherwise."""
    from pyspark.sql import functions as F

    parsed = F.try_to_timestamp(text, F.lit(form))
    if CONNECT_MODE not in os.environ or "MMM" not in form or "MMMM" in form:
        return parsed
    # Sail takes March for Mar, too
    return F.when(text.rlike("(^|[^A-Za-z])[A-Za-z]{3}([^A-Za-z]|$)"), parsed)
