"""Groups of protected attributes: by hand, suppressed when small, and found when a model treats them differently."""

import numpy as np
import pandas as pd
import pytest

from churn_assets.contracts.protected import ProtectedAttribute
from churn_assets.ml.metrics.fairness import (
    COLUMNS,
    MINIMUM_GROUP,
    UNKNOWN,
    fairness,
    fairness_findings,
    fairness_rows,
)

AGE = ProtectedAttribute(source="people", column="age", words="age")


def cohort(sizes: dict[str | None, int], seed: int = 0) -> pd.DataFrame:
    """Probabilities that are right for everybody."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.array(list(sizes), dtype=object), list(sizes.values()))
    p = rng.beta(2, 6, len(groups))
    return pd.DataFrame(
        {
            "customer_key": [f"k{i}" for i in range(len(groups))],
            "label": (rng.random(len(groups)) < p).astype(int),
            "raw": p,
            "probability": p,
            AGE.name: groups,
        }
    )


def test_figures_of_a_group_are_those_of_its_customers() -> None:
    frame = cohort({"young": 600, "old": 400})
    old, young = fairness(frame, [AGE], 0.1)
    assert (old.attribute, old.group, young.group) == ("age", "old", "young")
    rows = frame[frame[AGE.name] == "old"]
    assert old.metrics and old.metrics.n == 400 and old.metrics.positives == rows["label"].sum()
    assert old.predicted == pytest.approx(rows["probability"].mean())
    top = frame.nlargest(100, "raw")
    assert old.selected == pytest.approx((top[AGE.name] == "old").sum() / 400)
    assert (old.selected or 0) * 400 + (young.selected or 0) * 600 == pytest.approx(100)
    assert fairness_findings([old, young]) == []


@pytest.mark.parametrize(("size", "told"), [(MINIMUM_GROUP - 1, False), (MINIMUM_GROUP, True)])
def test_a_small_group_is_named_without_any_figure(size: int, told: bool) -> None:
    frame = cohort({"many": 500, "few": size})
    few, _ = fairness(frame, [AGE], 0.1)
    assert (few.metrics is not None) == told
    row = dict(zip(COLUMNS, fairness_rows([few])[0], strict=True))
    if told:
        assert row["customers"] == str(size)
    else:
        assert row["customers"] == f"under {MINIMUM_GROUP}"
        assert not any(row[name] for name in COLUMNS[3:])


def test_missing_values_are_a_group() -> None:
    found = fairness(cohort({"a": 100, None: 80}), [AGE], 0.1)
    assert [g.group for g in found] == [UNKNOWN, "a"]


def test_a_group_with_too_few_churners_has_a_status_and_no_auc() -> None:
    frame = cohort({"a": 500, "b": 60})
    frame.loc[frame[AGE.name] == "b", "label"] = 0
    b = fairness(frame, [AGE], 0.1)[1]
    assert b.metrics and b.metrics.status == "one class"
    assert fairness_rows([b])[0][4] == "all did the same"


def test_a_group_whose_risks_are_understated_is_said() -> None:
    frame = cohort({"a": 1500, "b": 1500})
    at = frame[AGE.name] == "b"
    frame.loc[at, "probability"] /= 2
    said = fairness_findings(fairness(frame, [AGE], 0.1))
    assert [s.split(".")[0] for s in said] == ["Age a: risks are overstated", "Age b: risks are understated"]


def test_what_is_wrong_for_everybody_is_no_unfairness() -> None:
    frame = cohort({"a": 1500, "b": 1500})
    frame["probability"] /= 2
    found = fairness(frame, [AGE], 0.1)
    assert fairness_findings(found) == []
    assert found[0].level == pytest.approx(2 * (found[0].predicted or 0), rel=0.1)


def test_a_group_that_is_ranked_worse_is_said() -> None:
    frame = cohort({"a": 3000, "b": 3000})
    at = (frame[AGE.name] == "b").to_numpy()
    frame.loc[at, "raw"] = np.random.default_rng(1).permutation(frame.loc[at, "raw"])
    [said] = fairness_findings(fairness(frame, [AGE], 0.1))
    assert said.startswith("Age b: churners are ranked worse")
