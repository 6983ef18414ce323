"""Formats of days and moments are judged as Spark will judge them."""

from typing import TYPE_CHECKING

import pytest

from churn_assets.contracts.formats import contradiction, wrong_format

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

READ = {
    "yyyy-MM-dd": "2025-01-31",
    "dd.MM.yyyy": "31.01.2025",
    "d/M/yy": "31/1/25",
    "yyyyMMdd": "20250131",
    "yyyy-DDD": "2025-031",
    "MMM d, yyyy": "Jan 31, 2025",
    "yyyy-MM-dd'T'HH:mm[:ss]": "2025-01-31T00:00",
    "yyyy-MM-dd HH:mm:ss.SSS": "2025-01-31 00:00:00.000",
    "yyyy-MM-dd hh:mm a": "2025-01-31 12:00 AM",
    "yyyy-MM-dd HH:mm:ss XXX": "2025-01-31 02:00:00 +02:00",
    "yyyy-MM-dd VV": "2025-01-31 UTC",
    "'on 'yyyy-MM-dd": "on 2025-01-31",
}
NOT_UNDERSTOOD = [
    *("YYYY-MM-dd", "%Y-%m-%d", "jj.mm.aaaa", "yyyy{MM}dd", "yyyy#MM#dd", "yyyy]MM-dd", "yyyy-MM-dd'", "ISO"),
    *("yyyy-MM-ddd", "yyyy-MMMMM-dd", "yyyyyyy-MM-dd", "E dd.MM.yyyy", "yyyy-MM-dd V", "yyyy-MM-dd OO"),
]


def test_formats_that_spark_reads_are_accepted(spark: "SparkSession") -> None:
    from pyspark.sql import functions as F

    assert {pattern: wrong_format(pattern) for pattern in READ} == dict.fromkeys(READ)
    text = spark.createDataFrame([tuple(READ.values())], list(READ))
    row = text.select([F.try_to_timestamp(f"`{p}`", F.lit(p)).cast("string").alias(p) for p in READ]).first()
    assert row is not None
    assert row.asDict() == dict.fromkeys(READ, "2025-01-31 00:00:00")


@pytest.mark.jvm(reason="Sail takes some of them for text")
@pytest.mark.parametrize("pattern", NOT_UNDERSTOOD)
def test_formats_that_spark_does_not_know_are_refused(spark: "SparkSession", pattern: str) -> None:
    from pyspark.sql import functions as F

    assert wrong_format(pattern)
    text = spark.createDataFrame([("x",)], ["text"])
    with pytest.raises(Exception, match=r"(?i)pattern|illegal"):
        text.select(F.try_to_timestamp("text", F.lit(pattern))).collect()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("dd-MM-yyyy", "MM-dd-yyyy"),
        ("d/M/yyyy", "MM/dd/yyyy"),
        ("yy-MM-dd", "dd-MM-yy"),
        ("yyyyMMdd", "yyyyddMM"),
        ("dd-LL-yyyy HH:mm", "MM-dd-yyyy HH:mm"),
        ("yyyy-MM-dd'T'HH:mm[:ss]", "yyyy-dd-MM'T'HH:mm[:ss]"),
    ],
)
def test_formats_that_read_one_text_as_two_days_contradict(
    spark: "SparkSession", one: str, other: str
) -> None:
    from pyspark.sql import functions as F

    told = contradiction(one, other)
    assert told is not None and contradiction(other, one) is not None
    written = told.partition(" is ")[0]
    text = spark.createDataFrame([(written,)], ["text"])
    read = text.select(*(F.to_date(F.try_to_timestamp("text", F.lit(f))) for f in (one, other))).first()
    assert read is not None
    assert told == f"{written} is {read[0]} by {one}, but {read[1]} by {other}"
    assert read[0] != read[1]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("yyyy-MM-dd", "dd.MM.yyyy"),
        ("yyyyMMdd", "ddMMyyyy"),
        ("yyyy-MM-dd", "yyyy-MM-dd HH:mm:ss"),
        ("dd MMM yyyy", "dd MM yyyy"),
        ("yyyy-DDD", "yyyy-MM-dd"),
        ("dd-MM-yyyy", "dd-MM-yy"),
        ("d.M.yyyy", "dd.MM.yyyy"),
    ],
)
def test_formats_that_no_text_confuses_go_together(one: str, other: str) -> None:
    assert contradiction(one, other) is None and contradiction(other, one) is None
