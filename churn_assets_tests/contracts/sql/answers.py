"""Expressions, and what Spark answered to them over the rows of INPUTS.

`answers.jsonl` has a line for each expression: its type and its values (one value if all are equal), or that it raises,
as Spark 4.2.0 answered with ANSI on; and whether Sail 0.7.2 answered the same.
"""

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("answers.jsonl")
Answer = dict[str, Any]

# Column -> its type, and its values as SQL.
# fmt: off
INPUTS: dict[str, tuple[str, list[str]]] = {
    "word": ("string", [
        "'Anna'", "'paid'", "' x '", "''", "'Ärger\\n'", "'a,b,,c'", "'it''s'", "'STRASSE straße'", "'١٢'",
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
# fmt: on
TYPES = {name: kind for name, (kind, _) in INPUTS.items()}


def recorded() -> dict[str, Answer]:
    """The lines of the file, by expression."""
    lines = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
    assert len({line["sql"] for line in lines}) == len(lines), "an expression stands there twice"
    return {line.pop("sql"): line for line in lines}
