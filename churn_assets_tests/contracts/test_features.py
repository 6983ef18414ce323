"""A feature line that says more than its aggregate reads, or less, is refused: half of it would mean nothing."""

from typing import Any

import pytest
from pydantic import ValidationError

from churn_assets.contracts.features import FeatureLine

COUNT = {"source": "tickets", "aggregate": "count", "months": [3]}
SUM = {"source": "usage", "aggregate": "sum", "measure": "data_mb", "months": [3]}
EXPRESSION = {"name": "ratio", "sql": "a / b"}
LINES: list[tuple[dict[str, Any], str]] = [
    (COUNT | {"category": "channel", "value": "mail"}, "the aggregate count does not read `category`"),
    (COUNT | {"measure": "satisfaction"}, "the aggregate count does not read `measure`"),
    (SUM | {"column": "data_mb"}, "the aggregate sum does not read `column`"),
    (SUM | {"value": "1"}, "the aggregate sum does not read `value`"),
    ({"source": "usage", "aggregate": "tenure", "where": "data_mb > 1"}, "tenure does not read `where`"),
    (EXPRESSION | {"measure": "data_mb"}, "an expression does not read `measure`"),
    (EXPRESSION | {"months": [3]}, "an expression has no windows"),
    (SUM | {"measure": None}, "the aggregate sum needs `measure`"),
    (COUNT | {"aggregate": "share", "category": "channel"}, "the aggregate share needs `value`"),
    (COUNT | {"months": [3, 1, 3]}, r"a window stands twice in `months`: \[3, 1, 3\]; remove one"),
    (SUM | {"days": [7, 7]}, "a window stands twice in `days`"),
]


@pytest.mark.parametrize(("line", "told"), LINES)
def test_what_an_aggregate_does_not_read_is_refused(line: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        FeatureLine(**line)
