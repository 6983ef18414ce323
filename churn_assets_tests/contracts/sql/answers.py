"""Expressions, and what Spark answers to them; Sail must answer the same to all that are called equal.

`answers.jsonl` has a line for each expression: its type and its values over the rows of INPUTS (one value if all are
equal), or that it raises; and whether Sail answered the same when it was recorded. To add expressions, add lines such
as {"sql": "upper(word)"}, and record all anew, on both engines:

    python -m churn_assets_tests.contracts.sql.answers record
"""

import json
import sys
import tempfile
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

FILE = Path(__file__).with_name("answers.jsonl")
BATCH = 60  # expressions of one query
Answer = dict[str, Any]
# Column -> its type, and its values as SQL.
# fmt: off
INPUTS: dict[str, tuple[str, list[str]]] = {
    "word": ("string", [
        "'Anna'", "'paid'", "' x '", "''", "'Ärger\\n'", "'a,b,,c'",
        "concat('it', chr(39), 's')", "'STRASSE straße'", "'١٢'",
        'null',
    ]),
    "other": ("string", ["'anna'", "'open'", "'x'", "'b'", "'ä'", "','", 'null', "'ss'", "'%_'", "''"]),
    "digits": ("string", [
        "'12'", "'007'", "' 42 '", "'3.50'", "'1e2'", "'-5'", "'n/a'", "'9999999999999999999'", "''", 'null',
    ]),
    "lines": ("string", [
        '\'[{"item":"late_fee","amount":1.5},{"item":"plan","amount":20}]\'', "'[]'",
        '\'{"a":1,"b":{"c":"x"},"d":[1,2]}\'', "'no json'", '\'{"a":1.50}\'', '\'{"a":null}\'', "'[1,2,3]'",
        '\'["x","y"]\'', "''", 'null',
    ]),
    "stamp": ("string", [
        "'2025-01-31'", "'2025-01-31 10:20:30'", "'31.01.2025'", "'2025-01-31T10:20:30'", "'2025-1-3'",
        "' 2025-01-03 '", "'2025-02-30'", "'0000-00-00'", "''", 'null',
    ]),
    "whole": ("bigint", ['0', '1', '-7', '42', '2147483648', '9223372036854775806', '100', '3', '-1', 'null']),
    "small": ("int", ['0', '1', '-7', '42', '2147483646', '5', '100', '3', '-1', 'null']),
    "number": ("double", ['0', '1.5', '-2.5', '0.1', '1e10', '123456.789', '1e-5', '-0.0', '2.5', 'null']),
    "base": ("double", ['0', '3', '2', '0.3', '-4', '7', '1e300', '5', '0.5', 'null']),
    "money": ("decimal(10,2)", ['0', '1.50', '-2.50', '19.99', '12345678.90', '0.01', '100', '3', '2.5', 'null']),
    "yes": ("boolean", ['true', 'false', 'true', 'null', 'false', 'true', 'true', 'false', 'true', 'null']),
    "no": ("boolean", ['true', 'true', 'null', 'null', 'false', 'false', 'false', 'true', 'false', 'true']),
    "day": ("date", [
        "'2025-01-31'", "'2024-02-29'", "'1969-12-31'", "'2025-12-31'", "'2025-03-30'", "'2000-01-01'",
        "'1900-01-01'", "'2025-01-05'", "'2024-12-30'", 'null',
    ]),
    "since": ("date", [
        "'2025-01-01'", "'2025-02-28'", "'1970-01-01'", "'2024-12-31'", "'2025-03-30'", "'2025-07-15'",
        "'2025-06-30'", 'null', "'2023-11-30'", 'null',
    ]),
    "moment": ("timestamp", [
        "'2025-01-31 10:20:30'", "'2024-02-29 23:59:59.999999'", "'1969-12-31 12:00:00'",
        "'2025-12-31 00:00:00'", "'2025-03-30 02:30:00'", "'2000-01-01 00:00:00.5'", "'1900-01-01 01:02:03'",
        "'2025-01-05 18:00:00'", "'2024-12-30 06:07:08'", 'null',
    ]),
    "until": ("timestamp", [
        "'2025-02-28 10:20:30'", "'2024-03-29 00:00:00'", "'1970-01-01 00:00:00'", "'2026-01-31 00:00:00'",
        "'2025-03-30 02:30:01'", "'2001-01-01 00:00:00'", "'1900-01-01 01:02:04'", 'null',
        "'2024-12-30 06:07:07'", 'null',
    ]),
}
# The edges of what a value can be, such as 9999-12-31, which many systems write for `never`.
EDGES = {
    "word": [
        "concat('a', char(0), 'b')", "repeat('x', 500)", "'😀é'", "'İK'", "'\\r\\n'", "'ﬀ Ǆ'", "'A%_b'", "'-'",
    ],
    "other": ["''", "'x'", "'😀'", "'i'", "'\\n'", "'ǆ'", "'%'", "'--'"],
    "digits": [
        "'+5'", "'2147483648'", "'-2147483649'", "'-9223372036854775808'", "'9223372036854775808'", "'٣'", "'0x1F'",
        "'1.'",
    ],
    "lines": [
        "'['", '\'[{"item":\'', "'[1'", '\'[{"item":1,"amount":"x"}]\'', "'[null]'", "'[}'",
        '\'[{"item":{"a":1},"amount":true}]\'', '\'[{"amount":12345678901234567890}]\'',
    ],
    "stamp": [
        "'9999-12-31 23:59:59'", "'1000-01-01'", "'2025-06-15 24:00:00'", "'2025-06-15 23:59:60'", "'2025-13-01'",
        "'x2025-01-01'", "'31.12.9999'", "'2025-02-29 10:00:00'",
    ],
    "whole": [
        "-9223372036854775808", "9223372036854775807", "-9223372036854775807", "-1", "2147483647", "-2147483648", "10",
        "-10",
    ],
    "small": ["-2147483648", "2147483647", "-2147483647", "-1", "0", "7", "10", "-1"],
    "number": ["'NaN'", "'Infinity'", "'-Infinity'", "1e300", "-1e300", "4.9e-324", "9.3e18", "9007199254740993"],
    "base": ["'NaN'", "'NaN'", "'Infinity'", "1e300", "'-Infinity'", "4.9e-324", "-0.0", "-0.5"],
    "money": ["99999999.99", "-99999999.99", "0.005", "-0.01", "1", "-1", "12.34", "-0.00"],
    "yes": ["true", "false", "null", "true", "false", "true", "true", "false"],
    "no": ["null", "true", "false", "false", "true", "true", "false", "null"],
    "day": [
        "'9998-12-31'", "'0002-01-01'", "'1582-10-04'", "'1582-10-15'", "'2024-12-31'", "'2021-01-03'", "'2262-05-01'",
        "'1677-01-01'",
    ],
    "since": [
        "'0001-01-01'", "'9999-12-30'", "'1582-10-15'", "'1500-02-28'", "'2024-02-29'", "'2021-01-01'", "'9999-12-01'",
        "'2025-01-31'",
    ],
    "moment": [
        "'9999-12-31 23:59:59.999999'", "'0001-01-02 00:00:00'", "'1582-10-04 00:00:00'",
        "'1969-12-31 23:59:59.999999'", "'1677-01-01 00:00:00'", "'2262-05-01 00:00:00.000001'",
        "'1970-01-01 00:00:00'", "'2025-03-31 23:00:00'",
    ],
    "until": [
        "'0001-01-02 00:00:00'", "'9999-12-31 23:59:59.999999'", "'1582-10-15 00:00:00'", "'1970-01-01 00:00:00'",
        "'2025-02-28 23:59:59'", "'1900-01-01 00:00:00'", "'1969-12-31 23:59:59.5'", "'2025-02-28 22:00:00'",
    ],
}
INPUTS = {name: (kind, [*values, *EDGES[name]]) for name, (kind, values) in INPUTS.items()}
# fmt: on
TYPES = {name: kind for name, (kind, _) in INPUTS.items()}


def recorded() -> dict[str, Answer]:
    """The lines of the file, by expression."""
    lines = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
    assert len({line["sql"] for line in lines}) == len(lines), "an expression stands there twice"
    return {line.pop("sql"): line for line in lines}


def answers(spark: "SparkSession", expressions: "dict[str, Answer]") -> dict[str, Answer]:
    """What an engine answers to expressions: `type` and `rows`, or `raises`.

    Those of which it is known that they raise are asked one by one, since one of them fails its whole query.
    """
    frame = _inputs(spark)
    calm = [sql for sql, known in expressions.items() if "raises" not in known]
    parts = [calm[at : at + BATCH] for at in range(0, len(calm), BATCH)]
    parts += [[sql] for sql in expressions if sql not in set(calm)]
    found: dict[str, Answer] = {}
    for part in parts:
        found |= _ask(frame, part)
    return {sql: found[sql] for sql in expressions}


def _ask(frame: "DataFrame", part: list[str]) -> dict[str, Answer]:
    """Asks all in one query; halves it as long as it fails, to find the expression that fails."""
    from pyspark.sql import functions as F

    try:
        asked = frame.select("at", *(F.expr(sql).alias(f"v{i}") for i, sql in enumerate(part)))
        types = [field.dataType.simpleString() for field in asked.schema.fields[1:]]
        rows = sorted(asked.collect())
    except Exception as error:  # noqa: BLE001 (any error is an answer)
        if len(part) == 1:
            return {part[0]: {"raises": type(error).__name__}}
        half = len(part) // 2
        return _ask(frame, part[:half]) | _ask(frame, part[half:])
    return {
        sql: {"type": kind, "rows": _short([_plain(row[i + 1]) for row in rows])}
        for i, (sql, kind) in enumerate(zip(part, types, strict=True))
    }


def is_equal(one: Answer, other: Answer) -> bool:
    """Whether two answers are equal, to the bit; a whole number may be an int here and a bigint there."""
    if "raises" in one or "raises" in other or one["rows"] != other["rows"]:
        return False
    return one["type"].replace("bigint", "int") == other["type"].replace("bigint", "int")


def _inputs(spark: "SparkSession") -> "DataFrame":
    """The rows of INPUTS as an inline table: Spark interprets expressions over it, and compiles no class for them."""
    columns = [[f"cast({value} as {kind})" for value in values] for kind, values in INPUTS.values()]
    rows = [f"({at}, {', '.join(row)})" for at, row in enumerate(zip(*columns, strict=True))]
    return spark.sql(f"select * from values {', '.join(rows)} as t(at, {', '.join(INPUTS)})")


def _short(values: list[Any]) -> list[Any]:
    return values[:1] if all(value == values[0] for value in values) else values


def _plain(value: Any) -> Any:
    """A value as JSON; floats as text to the last bit, so that -0.0 and NaN are told apart."""
    match value:
        case float():
            return f"{value!r} double"
        case Decimal():
            return f"{value} decimal"
        case date() | datetime():
            return value.isoformat()
        case list() | tuple():
            return [_plain(item) for item in value]
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case None | bool() | int() | str():
            return value
    return repr(value)


def session_of(engine: Literal["sail", "spark"], folder: Path) -> "SparkSession":
    """A session on an engine; a process has one."""
    from churn_assets.lakehouse.engine.session import start_session
    from churn_assets.settings import Settings

    return start_session(
        Settings(home=str(folder), engine=engine, engine_profile="small", spark_master="local[2]")
    )


def main() -> None:
    """`sail FILE` or `spark FILE` writes the answers of an engine; `record` writes those of both into answers.jsonl."""
    import subprocess

    engine: Any = sys.argv[1]
    folder = Path(tempfile.mkdtemp())
    if engine != "record":
        found = answers(session_of(engine, folder), recorded())
        Path(sys.argv[2]).write_text(json.dumps(found), encoding="utf-8")
        return
    told: dict[str, dict[str, Answer]] = {}
    for name in ("spark", "sail"):
        place = folder / f"{name}.json"
        subprocess.run([sys.executable, "-m", __spec__.name, name, str(place)], check=True, timeout=600)
        told[name] = json.loads(place.read_text(encoding="utf-8"))
    lines = [
        {"sql": sql, "equal": is_equal(answer, told["sail"][sql]), **answer}
        for sql, answer in told["spark"].items()
    ]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    FILE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
