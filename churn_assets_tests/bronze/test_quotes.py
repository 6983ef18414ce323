"""Quotes in CSV files, as Spark reads them: no row is lost in another, whatever quote is missing or too many."""

import csv
import io
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churn_assets.bronze.reading import read_extracts
from churn_assets.contracts.loader import load_business
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets.sources.landing import LandingError, list_extracts
from churn_assets.sources.quotes import check_quotes
from churn_assets_tests.lakes import extract_folder

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CONTACTS = load_business(SHIPPED_BUSINESSES / "telecom").source("retention_contacts")
COLUMNS = ["contact_id", "customer_id", "contacted_on", "arm", "offer"]
TEXT = st.text('ab ,"\n', max_size=9)
ROW = st.tuples(st.just("R"), TEXT.map("C{}".format), st.just("2025-01-03"), TEXT.map("t{}".format), TEXT)


def _written(rows: list[tuple[str, ...]], quoting: int) -> str:
    text = io.StringIO()
    writer = csv.writer(text, quoting=quoting, lineterminator="\n")  # type: ignore[arg-type]
    writer.writerows([COLUMNS, *rows])
    return text.getvalue()


FILE = st.builds(
    lambda rows, quoting: (rows, _written(rows, quoting)),
    st.lists(ROW, min_size=1, max_size=5),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)


@st.composite
def _mistaken(draw: st.DrawFn) -> tuple[int, str]:
    """How many rows were meant, and the file with one quote removed or added behind its header."""
    rows, text = draw(FILE)
    at = draw(st.integers(text.index("\n") + 1, len(text)))
    there = text.find('"', at)
    removed = draw(st.booleans()) and there >= 0
    return len(rows), text[:there] + text[there + 1 :] if removed else text[:at] + '"' + text[at:]


def _land(landing: str, texts: list[str]) -> None:
    folder = extract_folder(landing, "retention_contacts", "2025-01-31")
    for place, text in enumerate(texts):
        (folder / f"{place}.csv").write_text(text, encoding="utf-8", newline="")


# One look of Spark at many files costs as much as at one.
MANY = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))


@MANY
@given(files=st.lists(FILE, min_size=20, max_size=40))
def test_honest_quoted_fields_come_out_as_they_were_written(
    spark: "SparkSession", files: list[tuple[list[tuple[str, ...]], str]]
) -> None:
    with TemporaryDirectory() as landing:
        _land(landing, [text for _, text in files])
        frame = read_extracts(spark, CONTACTS, landing, list_extracts(landing, CONTACTS))
        found = {(Path(r["source_file"]).stem, r["row_number"]): r for r in frame.collect()}
    for place, (rows, _) in enumerate(files):
        for number, row in enumerate(rows, 1):
            read = found.pop((str(place), number))
            assert tuple(read[column] or "" for column in COLUMNS) == row
    assert not found


@MANY
@given(files=st.lists(_mistaken(), min_size=20, max_size=40))
def test_with_one_quote_missing_or_too_many_no_row_is_lost_without_an_error(
    spark: "SparkSession", files: list[tuple[int, str]]
) -> None:
    """There may be more rows than were meant: a field that lost its first quote is cut at its line breaks."""
    with TemporaryDirectory() as landing:
        _land(landing, [text for _, text in files])
        passed = []
        for file in list_extracts(landing, CONTACTS):
            try:
                check_quotes(CONTACTS, file)
                passed.append(file)
            except LandingError as error:
                assert str(error).startswith(f"{file.name}, line")
        frame = read_extracts(spark, CONTACTS, landing, passed)
        found = Counter(Path(row["source_file"]).stem for row in frame.select("source_file").collect())
    for file in passed:
        place = Path(file.name).stem
        assert found[place] >= files[int(place)][0], files[int(place)]
