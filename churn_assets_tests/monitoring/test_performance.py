"""What a scored cohort was worth, and what is said when that cannot be known."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from churn_assets.history.treated import NOBODY, Treated
from churn_assets.lakehouse import tables
from churn_assets.ml.metrics.classification import OK, ONE_CLASS, TOO_FEW
from churn_assets.monitoring.performance import IMMATURE, cohort_performance, not_yet

DAY = date(2025, 6, 30)


@pytest.fixture
def scores() -> pd.DataFrame:
    """400 customers, scored by two versions: the first well, the second at random."""
    rng = np.random.default_rng(1)
    keys = [f"k{i:03d}" for i in range(400)]
    good = np.linspace(-3, 3, 400)
    parts = [
        pd.DataFrame(
            {"customer_key": keys, "model_version": name, "raw": raw, "probability": 1 / (1 + np.exp(-raw))}
        )
        for name, raw in (("1", good), ("2", rng.normal(size=400)))
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def labels() -> pd.DataFrame:
    """The higher the number the likelier gone; every twentieth has no label."""
    rng = np.random.default_rng(2)
    left = (rng.random(400) < np.linspace(0, 0.8, 400)).astype(float)
    left[::20] = np.nan
    return pd.DataFrame({"customer_key": [f"k{i:03d}" for i in range(400)], "label": left})


def test_each_version_is_judged_on_everybody_with_a_label(scores: pd.DataFrame, labels: pd.DataFrame) -> None:
    first, second = cohort_performance(DAY, scores, labels, NOBODY, 0.1)
    known = labels["label"].notna()
    expected = roc_auc_score(labels["label"][known], scores["raw"][:400][known])
    assert (first["as_of_date"], first["model_version"], first["status"]) == (DAY, "1", OK)
    assert first["auc"] == pytest.approx(expected)
    assert first["auc_low"] < first["auc"] < first["auc_high"]
    assert (first["n"], first["excluded"], first["treated"]) == (380, 20, 0)
    assert first["positives"] == labels["label"].sum()
    assert second["auc"] < first["auc_low"]


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_the_rows_changes_no_bit(scores: pd.DataFrame, labels: pd.DataFrame, seed: int) -> None:
    shuffled = scores.sample(frac=1, random_state=seed)
    of_labels = labels.sample(frac=1, random_state=seed)
    assert cohort_performance(DAY, shuffled, of_labels, NOBODY, 0.1) == cohort_performance(
        DAY, scores, labels, NOBODY, 0.1
    )
    assert not_yet(DAY, shuffled, IMMATURE) == not_yet(DAY, scores, IMMATURE)


def test_treated_customers_are_reported_apart(scores: pd.DataFrame, labels: pd.DataFrame) -> None:
    """An offer that keeps those most at risk makes the score look wrong, though it was right."""
    treated = set(labels["customer_key"][340:])
    saved = labels.copy()
    saved.loc[340:, "label"] = 0.0
    row = cohort_performance(DAY, scores[:400], saved, Treated(treated), 0.1)[0]
    assert row["treated"] == saved["label"][340:].notna().sum()
    untreated = saved[:340].dropna()
    expected = roc_auc_score(untreated["label"], scores["raw"][:340][untreated.index])
    assert row["untreated_auc"] == pytest.approx(expected)
    assert row["auc"] < row["untreated_auc"] - 0.1
    [unsure] = cohort_performance(DAY, scores[:400], saved, Treated(frozenset(), treated), 0.1)
    assert (unsure["treated"], unsure["untreated_auc"]) == (0, row["untreated_auc"])


def test_what_cannot_be_judged_is_a_status(scores: pd.DataFrame, labels: pd.DataFrame) -> None:
    nobody = labels.assign(label=labels["label"] * 0)
    [row] = cohort_performance(DAY, scores[:400], nobody, NOBODY, 0.1)
    assert (row["status"], row["positives"], row["auc"]) == (ONE_CLASS, 0, None)
    few = labels.assign(label=(labels.index < 5).astype(float))
    [row] = cohort_performance(DAY, scores[:400], few, NOBODY, 0.1)
    assert (row["status"], row["positives"], row["auc"]) == (TOO_FEW, 5, None)
    rows = not_yet(DAY, scores, IMMATURE)
    assert [(r["model_version"], r["status"], r["n"]) for r in rows] == [
        ("1", IMMATURE, 400),
        ("2", IMMATURE, 400),
    ]
    # nobody has looked yet who was treated: that is not nobody
    assert {rows[0][name] for name in ("positives", "auc", "treated", "untreated_positives")} == {None}
    assert tables.MODEL_PERFORMANCE.rows(rows).column("treated").null_count == 2


def test_the_estimate_stays_beside_what_came_true(scores: pd.DataFrame, labels: pd.DataFrame) -> None:
    """One value for a cohort, from the day of its scores on; each version has its own."""
    before = not_yet(DAY, scores, IMMATURE)
    after = cohort_performance(DAY, scores, labels, NOBODY, 0.1)
    estimates = [row["auc_estimated"] for row in before]
    assert [row["auc_estimated"] for row in after] == estimates
    first = scores[:400]["probability"]
    assert before[0]["expected_positives"] == pytest.approx(first.sum())
    assert after[0]["expected_positives"] == pytest.approx(first[labels["label"].notna()].sum())
    assert 0.5 < estimates[1] < estimates[0] < 1
    assert (
        after[1]["auc_high"] < estimates[1]
    )  # scores at random, but sure of themselves: the estimate believes them
    assert tables.MODEL_PERFORMANCE.rows(before).column("auc_estimated").to_pylist() == estimates


def test_a_scored_customer_without_a_label_row_is_an_error(
    scores: pd.DataFrame, labels: pd.DataFrame
) -> None:
    with pytest.raises(ValueError, match="2 scored customers are not in churn_labels: version 1"):
        cohort_performance(DAY, scores, labels[2:], NOBODY, 0.1)
    with pytest.raises(ValueError, match="2 scored customers are not in churn_labels: version 2"):
        cohort_performance(DAY, scores, labels[2:], NOBODY, 0.1, in_charge="2")


def test_whom_late_data_took_out_of_the_cohort_an_earlier_version_has_still_scored(
    scores: pd.DataFrame, labels: pd.DataFrame
) -> None:
    rewritten = scores[(scores["model_version"] == "1") | (scores["customer_key"] >= "k002")]
    first, second = cohort_performance(DAY, rewritten, labels[2:], NOBODY, 0.1, in_charge="2")
    assert (first["n"], first["excluded"]) == (379, 21)
    assert (second["n"], second["excluded"]) == (379, 19)
