"""CSV files with mistakes become the rows that Spark's own CSV reader makes of them."""

import json
import random
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from churn_assets.bronze.reading import CORRUPT, read_extracts
from churn_assets.contracts.loader import load_business
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets.sources.landing import list_extracts
from churn_assets.sources.readers.staging import stage
from churn_assets_tests.lakes import extract_folder

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CONTACTS = load_business(SHIPPED_BUSINESSES / "telecom").source("retention_contacts")
COLUMNS = ["contact_id", "customer_id", "contacted_on", "arm"]
FILES = 300
# Not text behind a closing quote: Spark keeps the quotes of such a value, and we do not.
TOKENS = [
    "R1",
    "",
    "",
    " ",
    " x ",
    "ä\x00",
    'a"b',
    '5" pipe',
    ' "x"',
    "x\ry",
    '""',
    '"x"',
    '"a,b"',
    '"say ""hi"""',
    '""""',
    '"two\nlines"',
    '"a,\r\n\n"',
    '"a\rb"',
    "#",
    "\\",
    '"\\"',
]
Rows = dict[str, list[tuple[str | None, ...]]]


def _dirty(chance: random.Random) -> str:
    end = chance.choice(["\n", "\r\n"])
    lines = [",".join(COLUMNS)]
    for _ in range(chance.randint(0, 6)):
        values = chance.choice([4, 4, 4, 1, 3, 5, 6])
        lines.append(",".join(chance.choices(TOKENS, k=values)))
        lines += [""] * chance.choice([0, 0, 0, 1, 2])
    return end.join(lines) + chance.choice([end, ""])


def _of_spark(spark: "SparkSession", paths: list[str]) -> Rows:
    from pyspark.sql import functions as F

    schema = ", ".join(f"{name} string" for name in [*COLUMNS, CORRUPT])
    options = {"header": True, "quote": '"', "escape": '"', "multiLine": True, "mode": "PERMISSIVE"}
    frame = spark.read.schema(schema).options(columnNameOfCorruptRecord=CORRUPT, **options).csv(paths)
    found: Rows = defaultdict(list)
    for row in frame.select(F.col("_metadata.file_name"), "*").collect():
        found[row[0]].append(tuple(row[1:]))
    return found


def _ours(spark: "SparkSession", landing: Path) -> Rows:
    files = list_extracts(str(landing), CONTACTS)
    frame = read_extracts(spark, CONTACTS, files, str(landing / "staged"))
    found: Rows = defaultdict(list)
    for row in frame.orderBy("row_number").collect():
        broken = json.loads(row["rescued"] or "{}").get(CORRUPT)
        found[Path(row["source_file"]).name].append((*(row[name] for name in COLUMNS), broken))
    return found


def _line_breaks_as_spark_writes_them(rows: list[tuple[str | None, ...]]) -> list[tuple[str | None, ...]]:
    return [tuple(v and v.replace("\r\n", "\n") for v in row) for row in rows]


@pytest.mark.jvm(reason="compares with the reader of Spark")
def test_dirty_files_become_the_rows_that_spark_makes_of_them(spark: "SparkSession", tmp_path: Path) -> None:
    folder = extract_folder(tmp_path, "retention_contacts", "2025-01-31")
    chance = random.Random(1)
    for number in range(FILES):
        (folder / f"{number}.csv").write_bytes(_dirty(chance).encode())
    for refused in stage(CONTACTS, list_extracts(str(tmp_path), CONTACTS), str(tmp_path / "tried")).refused:
        (tmp_path / refused.name).unlink()  # its quotes are wrong, or it ends in the middle of a row
    left = sorted(str(file) for file in folder.iterdir())
    assert len(left) > 0.75 * FILES
    expected, read = _of_spark(spark, left), _ours(spark, tmp_path)
    assert sum(row[-1] is not None for rows in expected.values() for row in rows) > FILES / 2
    for name in (Path(path).name for path in left):
        rows = _line_breaks_as_spark_writes_them(read[name])
        assert rows == _line_breaks_as_spark_writes_them(expected[name]), (folder / name).read_bytes()
