"""The fitted transformation: what it learns, what it meets later."""

import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from churn_assets.ml.portable.transformation import MISSING, OTHER, Transformation
from churn_assets_tests.ml.synthetic import FEATURES, training_frame


@pytest.fixture(scope="module")
def fitted() -> Transformation:
    return Transformation.fit(training_frame(), FEATURES)


def test_matrix_is_complete_and_in_natural_units(fitted: Transformation) -> None:
    frame = training_frame()
    matrix = fitted.transform(frame)
    assert matrix.shape == (600 * 7, len(fitted.columns)) and matrix.dtype == np.float64
    assert np.isfinite(matrix).all()
    column = dict(zip(fitted.columns, matrix.T, strict=True))
    assert np.array_equal(column["tickets__count_3m"], frame["tickets__count_3m"])
    assert np.allclose(column["invoices__amount__sum_3m"], np.log1p(frame["invoices__amount__sum_3m"]))
    missing = frame["usage__gb__trend"].isna()
    assert np.array_equal(column["usage__gb__trend is missing"], missing)
    assert np.unique(column["usage__gb__trend"][missing]).tolist() == [frame["usage__gb__trend"].median()]
    assert np.array_equal(
        sum(column[c] for c in fitted.columns if c.startswith("region =")), np.ones(len(frame))
    )


def test_columns_and_their_features(fitted: Transformation) -> None:
    assert fitted.features == FEATURES
    by_feature = dict.fromkeys(FEATURES, 0)
    for position in fitted.column_feature:
        by_feature[FEATURES[position]] += 1
    assert by_feature["usage__gb__trend"] == 2  # value and missing indicator
    assert by_feature["tickets__count_3m"] == 1  # never missing in training: no indicator
    assert [c for c in fitted.columns if c.startswith("region")] == [
        f"region = {value}" for value in ("north", "south", "centre", MISSING, OTHER)
    ]


def test_only_skewed_features_are_logged(fitted: Transformation) -> None:
    logged = {part.feature for part in fitted.parts if getattr(part, "log", False)}
    assert logged == {"invoices__amount__sum_3m"}


def test_json_round_trip_is_equal(fitted: Transformation) -> None:
    again = Transformation.from_dict(json.loads(json.dumps(fitted.as_dict(), allow_nan=False)))
    assert again == fitted
    assert np.array_equal(again.transform(training_frame(seed=5)), fitted.transform(training_frame(seed=5)))


def test_unseen_category_counts_as_other(fitted: Transformation) -> None:
    frame = training_frame().head(2).assign(region=["atlantis", "north"])
    matrix = fitted.transform(frame)
    other = fitted.columns.index(f"region = {OTHER}")
    assert matrix[0, other] > matrix[1, other]


def test_rare_categories_share_other() -> None:
    frame = pd.DataFrame({"plan": ["a"] * 100 + ["b"] * 60 + ["c"] * 3})
    assert Transformation.fit(frame, ["plan"]).columns == ["plan = a", "plan = b", f"plan = {OTHER}"]


def test_same_rows_in_another_order_give_the_same_columns() -> None:
    frame = pd.DataFrame({"plan": ["b", "a"] * 100})
    assert Transformation.fit(frame, ["plan"]).columns == Transformation.fit(frame[::-1], ["plan"]).columns


def test_feature_without_values_in_training_may_appear_later(fitted: Transformation) -> None:
    matrix = fitted.transform(training_frame().head(3).assign(nothing=[1.0, 2.0, np.nan]))
    assert np.isfinite(matrix).all()


@pytest.mark.parametrize("dtype", ["object", "string", "category"])
@pytest.mark.parametrize("rows", [10, 100])
def test_words_without_any_value_in_training_may_appear_later(dtype: str, rows: int) -> None:
    """A source that delivers a column from some month on, after the train cohorts."""
    fitted = Transformation.fit(pd.DataFrame({"plan": pd.Series([None] * rows, dtype=dtype)}), ["plan"])
    assert Transformation.from_dict(json.loads(json.dumps(fitted.as_dict()))) == fitted
    matrix = fitted.transform(pd.DataFrame({"plan": ["gold", None, "blue"]}))
    assert matrix[:, -1].tolist() == ([1, 0, 1] if rows == 100 else [1, 1, 1])
    assert np.isfinite(fitted.transform(fitted.example())).all()


def test_decimal_bool_object_nullable_and_infinite_values() -> None:
    frame = pd.DataFrame(
        {
            "price": [Decimal("1.50"), None, Decimal("2.50"), Decimal("3.50")],
            "flag": pd.array([True, None, False, True], dtype="boolean"),
            "mixed": [True, None, False, True],
            "ratio": [1.0, np.inf, 2.0, -np.inf],
            "kind": pd.Categorical(["x", "y", "x", None]),
        }
    )
    fitted = Transformation.fit(frame, list(frame.columns))
    matrix = fitted.transform(frame)
    assert np.isfinite(matrix).all()
    medians = {part.feature: getattr(part, "median", None) for part in fitted.parts}
    assert medians == {"price": 2.5, "flag": 1.0, "mixed": 1.0, "ratio": 1.5, "kind": None}


def test_absent_column_is_named(fitted: Transformation) -> None:
    with pytest.raises(KeyError, match="usage__gb__trend"):
        fitted.transform(training_frame().drop(columns="usage__gb__trend"))


def test_dates_and_changed_types_are_refused(fitted: Transformation) -> None:
    with pytest.raises(TypeError, match="as_of_date"):
        Transformation.fit(training_frame(), ["as_of_date"])
    with pytest.raises(TypeError, match="tickets__count_3m"):
        fitted.transform(training_frame().head(1).assign(tickets__count_3m=["many"]))


def test_example_is_synthetic_and_scorable(fitted: Transformation) -> None:
    example = fitted.example()
    assert list(example.columns) == FEATURES and len(example) == 1
    assert example["region"][0] == "north"
    assert np.isfinite(fitted.transform(example)).all()
