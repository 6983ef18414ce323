"""The verdicts of the preview are those of silver: both judge the same dirty rows."""

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import yaml

from churn_assets.bronze.reading import read_extracts
from churn_assets.contracts.contract import load_source
from churn_assets.contracts.source import TIMES, Source
from churn_assets.silver.conform import conform
from churn_assets.sources.landing import list_extracts
from churn_assets.sources.preview.sampling import sample_file
from churn_assets.sources.preview.verdicts import judge_rows
from churn_assets_tests.lakes import extract_folder, write_csv, write_jsonl, write_parquet

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAY = "2025-03-31"
Verdicts = dict[int, dict[str, Any]]
TEXTS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "whole": (
        {"logicalType": "integer", "logicalTypeOptions": {"minimum": 0}},
        ["1", "+7", "007", " 12 ", "\t3", "1.0", "1e3", "-1", "12 000", "9223372036854775808", "x", "1_000"],
    ),
    "amount": (
        {"logicalType": "number"},
        [
            "1.5",
            ".5",
            "5.",
            "1e400",
            "NaN",
            "inf",
            "-Infinity",
            "1d",
            "2.5F",
            "1_0",
            *(["0x1p3"] if os.environ.get("CHURN_ENGINE") == "spark" else []),  # a notation of Java
            "1,5",
            "--1",
            "e3",
        ],
    ),
    "small": (
        {"logicalType": "number", "physicalType": "float"},
        ["1", "1e38", "1e39", "nan", "3.4028236e38"],
    ),
    "price": (
        {"logicalType": "number", "physicalType": "decimal(6,2)"},
        ["1", "9999.99", "9999.994", "9999.995", "10000", "1e3", "1e9", "1,0", "NaN", "5d"],
    ),
    "german": (
        {
            "logicalType": "number",
            "customProperties": [
                {"property": "decimal", "value": ","},
                {"property": "thousands", "value": "."},
            ],
        },
        ["1.234,50", "1234,5", "12.34", "1.2345,0", "-1,5", "1,", "1.5e3", "1.000", "1,5\n", "\u0661"],
    ),
    "flag": ({"logicalType": "boolean"}, ["true", "F", "yes", "N", "1", "0", "on", "2", "TRUE ", "j"]),
    "day": (
        {"logicalType": "date"},
        [
            "2025-02-28",
            "2025-02-29",
            "2024-02-29",
            "2025-2-3",
            "2025-01-01 noon",
            "0000-02-29",
            "31.12.2024",
            "2025-01-01\n",
        ],
    ),
    "day_formats": (
        {
            "logicalType": "date",
            "logicalTypeOptions": {"format": "dd.MM.yyyy"},
            "customProperties": [
                {"property": "alternativeFormats", "value": ["d MMM yyyy", "yy/M/d", "yyyyMMdd"]}
            ],
        },
        [
            *(
                "31.12.2024",
                "31.12.24",
                "1.2.2024",
                "01.02.2024 ",
                "5 Mar 2024",
                "05 mar 2024",
                "5 March 2024",
            ),
            *("24/1/5", "24/13/5", "20240229", "20250229", "2024-01-05", "31.04.2024"),
        ],
    ),
    "moment": (
        {"logicalType": "timestamp"},
        [
            *("2025-01-02T03:04", "2025-01-02 03:04:05", "2025-01-02 03:04:05.123456789", "2025-01-02"),
            *("2025-01-02T03:04:05Z", "2025-01-02T03:04:05+02:00", "2025-01-02 25:00", "2025-01-02 03:04:60"),
            *(
                "2025-01-02 03:04 Europe/Berlin",
                "2025-01-02 03:04 Europe/Atlantis",
                "2025-01-02T03:04:05.",
                "x",
            ),
        ],
    ),
    "moment_formats": (
        {
            "logicalType": "timestamp",
            "logicalTypeOptions": {"format": "dd/MM/yyyy HH:mm"},
            "customProperties": [
                {
                    "property": "alternativeFormats",
                    "value": ["MMM d, yyyy h:mm a", "yyyy-MM-dd'T'HH:mm:ss[.SSS][XXX]"],
                }
            ],
        },
        [
            *(
                "31/12/2024 23:59",
                "31/12/2024 24:00",
                "1/2/2024 10:00",
                "Jan 5, 2024 1:05 PM",
                "Jan 5, 2024 13:05 PM",
            ),
            *(
                "2024-01-05T10:00:00",
                "2024-01-05T10:00:00.5Z",
                "2024-01-05T10:00:00.1234",
                "2024-01-05T10:00:00+01:00",
            ),
        ],
    ),
    "code": (
        {"logicalType": "string", "logicalTypeOptions": {"pattern": "^[A-Z]{2}[0-9]+\\z"}},
        ["AB1", "ab1", " AB12 ", "AB", "\u00a0AB1"],
    ),
    "plan": (
        {
            "logicalType": "string",
            "quality": [
                {
                    "metric": "invalidValues",
                    "arguments": {"validValues": ["basic", "plus"]},
                    "mustBe": 0,
                    "severity": "quarantine",
                }
            ],
        },
        ["basic", "plus ", "Plus", "gold"],
    ),
    "at": ({"logicalType": "date"}, ["2025-03-31", "2025-04-01"]),
}


def _source(folder: Path, source_format: str, without: Sequence[str] = ()) -> Source:
    """A spell whose columns have every type; `code` is filled in each row that the tests write."""
    properties = [
        {"name": "id", "logicalType": "string", "primaryKey": True, "required": True},
        {"name": "started", "logicalType": "date", "required": True},
        {"name": "ended", "logicalType": "date"},
        *({"name": name} | kind for name, (kind, _) in TEXTS.items() if name not in without),
    ]
    contract = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "zoo",
        "name": "zoo",
        "version": "1.0.0",
        "status": "active",
        "servers": [{"server": "landing", "type": "local", "path": "zoo", "format": source_format}],
        "schema": [{"name": "zoo", "properties": properties}],
        "customProperties": [
            {"property": "role", "value": "spell"},
            {"property": "delivery", "value": "changes"},
            {"property": "customer", "value": "id"},
            {"property": "eventTime", "value": "at"},
            {"property": "spell", "value": {"startedOn": "started", "endedOn": "ended"}},
        ],
    }
    file = folder / f"{source_format}.yaml"
    file.write_text(yaml.safe_dump(contract, sort_keys=False), encoding="utf-8")
    return load_source(file)


def _rows() -> list[dict[str, str]]:
    """One value out of the ordinary in each row."""
    good = {"id": "C1", "started": "2025-01-01", "ended": ""}
    rows = [good, good | {"id": " "}, good | {"started": "soon"}, good | {"started": ""}]
    rows += [good | {"ended": "2024-12-31"}, good | {"ended": "2025-01-01"}]
    rows += [good | {name: text} for name, (_, texts) in TEXTS.items() for text in texts]
    rows.append(good | {"whole": "x", "day": "y", "started": "", "plan": "gold"})
    return [dict.fromkeys(TEXTS, "") | row for row in rows]


def _both(spark: "SparkSession", tmp_path: Path, source: Source) -> tuple[Verdicts, Verdicts]:
    """Row number -> the rule that refuses the row, and its typed values: by silver, and by the preview."""
    from pyspark.sql import functions as F

    [file] = list_extracts(str(tmp_path), source)
    frame = read_extracts(spark, source, [file], str(tmp_path / "staged"))
    typed = conform(frame, source).select(
        "row_number",
        "refused_rule",
        *(
            (F.date_trunc("second", F.col(c.name)) if c.type == "timestamp" else F.col(c.name))
            .cast("string")
            .alias(c.name)
            if c.type in TIMES
            else c.name
            for c in source.columns
        ),
    )
    silver = {row["row_number"]: row.asDict() for row in typed.collect()}
    sample = sample_file(source, file, 10_000)
    judged = judge_rows(source, sample.names, sample.rows, file.extract_date)
    refused = judged.refused()
    preview = {
        number: {"row_number": number, "refused_rule": refused.get(at)}
        | {name: _told(values[at]) for name, values in judged.typed.items()}
        for at, number in enumerate(judged.row_numbers)
    }
    return silver, preview


def _told(value: Any) -> Any:
    """A day or moment as Spark writes it; Python has no year 0."""
    return str(value).replace("0004-", "0000-") if isinstance(value, date) else value


def _assert_equal(silver: Verdicts, preview: Verdicts) -> None:
    assert len(silver) == len(preview) > 50
    floats = {"small", "amount", "german"}
    different = {
        number: told
        for number, row in silver.items()
        if (
            told := {
                name: (value, preview[number][name])
                for name, value in row.items()
                if value
                != (pytest.approx(preview[number][name]) if name in floats else preview[number][name])
            }
        )
    }
    assert not different


@pytest.mark.parametrize("source_format", ["csv", "jsonl"])
def test_every_row_of_text_is_judged_as_silver_judges_it(
    spark: "SparkSession", tmp_path: Path, source_format: str
) -> None:
    source = _source(tmp_path, source_format)
    if source_format == "csv":
        file = write_csv(tmp_path, "zoo", DAY, _rows())
        with file.open("a", encoding="utf-8") as handle:
            handle.write("C1,2025-01-01\n")
            handle.write("C1,2025-01-01," + "," * len(TEXTS) + "surplus\n")
        with file.open("ab") as handle:
            handle.write(b"K\xf6the,2025-01-01," + b"," * (len(TEXTS) - 1) + b"\n")
    else:
        rows = [{k: v for k, v in row.items() if v} for row in _rows()]
        write_jsonl(
            tmp_path,
            "zoo",
            DAY,
            [*rows, "{", '{"id":"C1","id":"C2"}', "[]", '{"id":7,"started":"2025-01-01","whole":7}'],
        )
    _assert_equal(*_both(spark, tmp_path, source))


def test_every_row_of_parquet_is_judged_as_silver_judges_it(spark: "SparkSession", tmp_path: Path) -> None:
    texts = ("german", "day_formats", "moment_formats", "moment", "at")  # what Parquet never holds as text
    source = _source_of_parquet(tmp_path, texts)
    kept = [name for name in TEXTS if name not in texts]
    rows = [
        {name: row[name] or None for name in ("id", *kept)}
        | {name: date.fromisoformat(row[name]) if row[name] else None for name in ("started", "ended")}
        for row in _rows()
        if row["started"] != "soon"
    ]
    days = {"started": pa.date32(), "ended": pa.date32()}
    write_parquet(
        tmp_path, "zoo", DAY, rows, schema=pa.schema({name: pa.string() for name in ("id", *kept)} | days)
    )
    silver, preview = _both(spark, tmp_path, source)
    assert _refused(silver) == _refused(preview)


def _refused(verdicts: Verdicts) -> dict[int, Any]:
    return {number: row["refused_rule"] for number, row in verdicts.items()}


def _source_of_parquet(tmp_path: Path, without: Sequence[str]) -> Source:
    source = _source(tmp_path, "csv")
    return replace(
        source,
        format="parquet",
        event_time=None,
        columns=tuple(c for c in source.columns if c.name not in without),
    )


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1.0, 1.5, float("nan"), 2.0**53, None], pa.float64()),
        ([1.0, 0.5, 2.0**24], pa.float32()),
        ([1, -1, None, 2**40], pa.int64()),
        ([True, False], pa.bool_()),
        ([date(2025, 1, 1)], pa.date32()),
    ],
)
def test_typed_values_of_parquet_are_judged_as_silver_judges_them(
    spark: "SparkSession", tmp_path: Path, values: list[Any], kind: pa.DataType
) -> None:
    source = _source_of_parquet(
        tmp_path, ("german", "day_formats", "moment_formats", "moment", "at", "code", "plan")
    )
    names = [c.name for c in source.columns if c.name not in ("started", "ended")]
    rows = [
        {"id": "C1", "started": date(2025, 1, 1), "ended": None} | dict.fromkeys(names) | {name: value}
        for name in names
        for value in values
    ]
    for name in names:  # one column of this type at a time, a file each
        folder = tmp_path / name
        extract_folder(folder, "zoo", DAY)
        own = [row for row in rows if row[name] is not None]
        schema = pa.schema({"id": pa.string(), "started": pa.date32(), "ended": pa.date32()} | {name: kind})
        write_parquet(folder, "zoo", DAY, [{k: row[k] for k in schema.names} for row in own], schema=schema)
        silver, preview = _both(spark, folder, source)
        assert _refused(silver) == _refused(preview), name
