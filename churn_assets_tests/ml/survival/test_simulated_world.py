"""The survival view in the simulator's world, whose true hazards and ends are known."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from churn_assets.ml.survival.follow_up import DAYS_A_MONTH, FollowUp, follow_up
from churn_assets.ml.survival.hazard_model import Landmarks, fit_hazards
from churn_assets.ml.survival.judgement import Judgement, judge, step_curve
from churn_assets.ml.survival.kaplan_meier import customer_steps, kaplan_meier
from churn_assets.ml.survival.lifetimes import Lifetimes, lifetimes
from churn_assets.simulator.forecast import GAP_DAYS, OUTCOME_DAYS
from churn_assets.simulator.plan import DirtRates, SimulationPlan
from churn_assets.simulator.truth import MINIMUM_TENURE_DAYS
from churn_assets_tests.simulator.worlds import World, make_world

pytestmark = pytest.mark.one_python(reason="fits models, mostly in scikit-learn")

SETTLED_AFTER = GAP_DAYS + OUTCOME_DAYS + 3
AHEAD = 6


@dataclass(frozen=True)
class Followed:
    """Snapshots of a world as the graph would settle them, with the truth, and who left when by the chained labels."""

    ends: pd.DataFrame
    snapshots: pd.DataFrame
    seen: FollowUp
    row: np.ndarray
    age: np.ndarray
    left: np.ndarray

    def ages(self) -> np.ndarray:
        """Whole months of tenure at each snapshot."""
        return (self.snapshots["tenure_days"] // DAYS_A_MONTH).to_numpy(np.int64)


def settled(world: World) -> Followed:
    """Labels by the windows of the demo. An end is told once it was decided, or happened without notice."""
    truth, ends = world.hazard(), pd.read_parquet(world.truth / "ends.parquet")
    table = truth.merge(ends, on="customer_id", how="left")
    day, ended = pd.to_datetime(table["as_of_date"]), pd.to_datetime(table["ended_on"])
    after = (ended - day).dt.days
    told_after = (pd.to_datetime(table["decided_on"]) - day).dt.days.fillna(after)
    own_choice = (table["voluntary"] == True).to_numpy(bool)  # noqa: E712 (missing for those who stay)
    late = after <= GAP_DAYS + OUTCOME_DAYS
    table["outcome"] = np.select(
        [after <= GAP_DAYS, late & own_choice, late], ["ended_in_gap", "churned", "involuntary"], "stayed"
    )
    table["label"] = table["outcome"].map({"churned": 1.0, "stayed": 0.0})
    table["told"] = table["ended_on"].where(told_after <= SETTLED_AFTER)
    table["month"] = day.dt.year * 12 + day.dt.month
    known = day + pd.Timedelta(days=SETTLED_AFTER) <= day.max()
    eligible = known & ~table["in_notice"] & (table["tenure_days"] >= MINIMUM_TENURE_DAYS)
    rows = table[eligible].reset_index(drop=True)
    labels = rows[["month", "label", "outcome"]].assign(
        customer_key=rows["customer_id"], ended_on=rows["told"]
    )
    seen = follow_up(labels, 1)
    found = Followed(ends, rows, seen, np.zeros(0), np.zeros(0), np.zeros(0))
    row, age, left = customer_steps(found.ages(), seen)
    return replace(found, row=row, age=age, left=left)


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Followed:
    plan = SimulationPlan(customers=2_000, months=12, dirt=DirtRates.none())
    return settled(make_world(tmp_path_factory.mktemp("world"), plan))


@pytest.fixture(scope="module")
def expected(followed: Followed) -> Lifetimes:
    """By a model that is given the true reasons at the snapshot, but not how they add up or go on."""
    rows = followed.snapshots
    features = ["tenure_days", *(name for name in rows if name.startswith("because_"))]
    past = Landmarks(rows[features], followed.seen, rows["customer_id"].to_numpy(object))
    model = fit_hazards(past, features, {"tenure_days": 1}, 1, 12, seed=7)
    assert model is not None
    return lifetimes(model, rows[features])


def test_everybody_who_left_by_choice_is_counted_as_leaving_and_nobody_who_stayed(followed: Followed) -> None:
    rows = followed.snapshots
    gone = rows["customer_id"][followed.row[followed.left]]
    at_risk = rows.loc[rows["label"].notna(), "customer_id"].unique()
    until = pd.Timestamp(rows["as_of_date"].max()) + pd.Timedelta(days=GAP_DAYS + OUTCOME_DAYS)
    ends = followed.ends[followed.ends["customer_id"].isin(at_risk)]
    ends = ends[pd.to_datetime(ends["ended_on"]) <= until]
    assert len(ends) > 500
    assert set(ends.loc[ends["voluntary"], "customer_id"]) <= set(gone) <= set(ends["customer_id"])
    # the label does not tell whose choice an end between two windows was
    assert len(set(gone) - set(ends.loc[ends["voluntary"], "customer_id"])) <= 0.01 * len(gone)
    # twice only where the windows of two cohorts overlap, as those of January and February by two days
    twice = gone[gone.duplicated()]
    windows = rows[(rows["label"] == 1) & rows["customer_id"].isin(twice)].groupby("customer_id").size()
    assert (windows == 2).all() and len(windows) == len(twice) <= 0.01 * len(gone)


def test_the_retention_curve_covers_that_of_the_true_hazards(followed: Followed) -> None:
    """Without the ends between two windows, which the true chance of a window does not hold."""
    seen = replace(followed.seen, left_between=np.zeros(len(followed.snapshots), dtype=bool))
    row, age, left = customer_steps(followed.ages(), seen)
    curve = kaplan_meier(age, left)
    assert curve is not None
    chance = followed.snapshots["churn_probability"].to_numpy()[row]
    mean = np.bincount(age, chance) / np.maximum(np.bincount(age), 1)
    truth = np.cumprod(1 - mean[curve.first_age : curve.first_age + len(curve.retention)])
    assert len(truth) >= 60
    for months in (6, 12, 24, 36, 60):
        at = months - 1 - curve.first_age
        assert curve.low[at] <= truth[at] <= curve.high[at], months
        assert curve.high[at] - curve.low[at] < 0.2


def test_expected_lifetimes_follow_the_true_hazards(followed: Followed, expected: Lifetimes) -> None:
    rows = followed.snapshots
    first = pd.Series(1 - expected.survival[:, 1])
    assert first.corr(rows["churn_probability"], method="spearman") > 0.85
    assert first.mean() == pytest.approx(followed.seen.left_in(0)[followed.seen.at_risk].mean(), rel=0.1)
    assert first.mean() == pytest.approx(rows["churn_probability"].mean(), rel=0.15)


def test_half_a_year_later_as_many_are_there_as_expected(followed: Followed, expected: Lifetimes) -> None:
    """The first cohort, by thirds of its true risk."""
    rows, cohort = followed.snapshots, followed.snapshots["month"] == followed.snapshots["month"].min()
    third = pd.qcut(rows["churn_probability"][cohort], 3, labels=False).reindex(rows.index)
    for number in range(3):
        of = (third == number).to_numpy()
        there = step_curve(followed.seen.at(of), AHEAD)[AHEAD]
        assert expected.survival[of, AHEAD].mean() == pytest.approx(there, abs=0.06), number


def test_it_ranks_customers_nearly_as_well_as_the_truth(followed: Followed, expected: Lifetimes) -> None:
    rows = followed.snapshots
    cohort = (rows["month"] == rows["month"].min()).to_numpy()
    seen, survival = followed.seen.at(cohort), expected.survival[cohort]

    def judged(months: np.ndarray) -> Judgement:
        return judge(survival, step_curve(seen, AHEAD), months, seen, AHEAD)

    own, true = judged(expected.months[cohort]), judged(-rows["churn_probability"].to_numpy()[cohort])
    assert own.is_better
    assert own.concordance > true.concordance - 0.03
