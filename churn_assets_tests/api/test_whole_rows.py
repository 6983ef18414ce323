"""Rows that name every feature are read at once; all others as before, and both ways give the same columns."""

import json
from typing import Any

import numpy as np
import pytest

from churn_assets.api.whole_rows import WholeRows

NAMES = ["tickets_count_3m", "region", "class", "tenure_days"]
ROW: dict[str, Any] = {"tickets_count_3m": 2, "region": "north", "class": True, "tenure_days": None}
READER = WholeRows(NAMES, {"region"})


def body(*rows: object, **more: object) -> bytes:
    return json.dumps({"rows": rows} | more).encode()


def test_whole_rows_become_columns() -> None:
    found = READER.columns(body(ROW, {**ROW, "region": None, "tenure_days": 1e300}, unknown=1), 2)
    assert found is not None
    assert found.unknown == []
    assert found.missing == [[], []]
    assert found.columns["region"].tolist() == ["north", None]
    assert found.columns["tickets_count_3m"].tolist() == [2.0, 2.0]
    assert found.columns["class"].tolist() == [1.0, 1.0]
    np.testing.assert_array_equal(found.columns["tenure_days"], [np.nan, 1e300])
    assert {column.dtype.kind for name, column in found.columns.items() if name != "region"} == {"f"}


@pytest.mark.parametrize(
    "sent",
    [
        body(),
        body(ROW, ROW, ROW),
        body({name: value for name, value in ROW.items() if name != "region"}),
        body({**ROW, "other": 1}),
        body({**ROW, "region": 1}),
        body({**ROW, "tickets_count_3m": "2"}),
        body(ROW).replace(b"null", b"1e999"),
        body(ROW).replace(b"null", b"NaN"),
        body(ROW)[:-1],
        b"[]",
        b"\xff",
        b"",
    ],
)
def test_any_other_body_is_left_to_the_reader_of_all_bodies(sent: bytes) -> None:
    assert READER.columns(sent, 2) is None


def test_a_model_of_texts_alone_or_of_numbers_alone() -> None:
    texts = WholeRows(["region"], {"region"}).columns(body({"region": "north"}), 1)
    numbers = WholeRows(["n"], set()).columns(body({"n": 1}), 1)
    assert texts is not None
    assert numbers is not None
    assert texts.columns["region"].tolist() == ["north"]
    assert numbers.columns["n"].tolist() == [1.0]
