"""When customers leave, in files whose hazards are known."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from churn_assets.study.errors import StudyError
from churn_assets.study.learners import LEARNERS
from churn_assets.study.pictures import pictures
from churn_assets.study.preparation import Request, prepare
from churn_assets.study.report import document, report
from churn_assets.study.study import Study, run_study
from churn_assets.study.survival import Hazards, NoCurve, SurvivalView, followed, retention, step_of
from churn_assets.study.survival_chapter import survival_chapter
from churn_assets_tests.study.files import write

pytestmark = pytest.mark.one_python(reason="fits models, mostly in scikit-learn")

ROWS = 2_400


def hazard_of(table: pd.DataFrame) -> NDArray[np.float64]:
    """Monthly hazard of each customer."""
    chance = np.where(table["plan"] == "rolling", 0.05, 0.015) * np.exp(0.5 * table["trouble"])
    return np.asarray(chance, dtype=np.float64)


def lives(rows: int = ROWS, seed: int = 1, says: float = 1.0) -> pd.DataFrame:
    """Customers who came in the last 60 months, all of them: plan, trouble, spent (runs with tenure), tenure, left.

    Args:
        says: share of the customers whose features are their own; the others have those of somebody else.
    """
    random = np.random.default_rng(seed)
    table = pd.DataFrame(
        {"plan": random.choice(["rolling", "bound"], rows), "trouble": np.round(random.normal(size=rows), 2)}
    )
    stays, came = random.geometric(hazard_of(table)), random.integers(1, 61, rows)
    tenure = np.minimum(stays, came)
    strange = random.random(rows) > says
    table[strange] = table[strange].sample(frac=1, random_state=seed).to_numpy()
    return table.assign(
        spent=np.round(20.0 * tenure * random.uniform(0.7, 1.3, rows), 2),
        tenure=tenure,
        left=np.where(stays <= came, "Yes", "No"),
    )


def studied(folder: Path, table: pd.DataFrame, **options: Any) -> Study:
    """The study by the simplest learner alone: the survival view does not depend on the others."""
    with pytest.MonkeyPatch.context() as quick:
        for name in [name for name in LEARNERS if name != "ridge_logistic_regression"]:
            quick.delitem(LEARNERS, name)
        return run_study(Request(write(folder, table.to_csv(index=False)), "left", **options))


def view_of(study: Study) -> tuple[SurvivalView, Hazards]:
    assert isinstance(study.survival, SurvivalView)
    assert isinstance(study.survival.hazards, Hazards)
    return study.survival, study.survival.hazards


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return studied(tmp_path_factory.mktemp("lives"), lives())


def test_the_curves_of_all_and_of_groups_cover_the_truth(study: Study) -> None:
    view, _ = view_of(study)
    table = lives()
    hazard = hazard_of(table)
    judged = 0
    for curve in view.curves:
        if curve.grouping not in ("", "plan"):
            continue
        of = (table["plan"] == curve.group) if curve.group else np.ones(ROWS, dtype=bool)
        for months in (6, 12, 24):
            truth = ((1 - hazard[of]) ** months).mean()
            share, low, high = curve.after(months) or (0.0, 0.0, 0.0)
            assert low <= share <= high
            # three curves at three tenures: a 95 % interval may miss by a little
            assert low - 0.01 <= truth <= high + 0.01, (curve.group, months)
            judged += 1
    assert judged == 9
    assert view.curves[0].half_gone() == pytest.approx(27, abs=6)


def test_the_expected_stay_is_that_of_the_hazards(study: Study) -> None:
    _, hazards = view_of(study)
    table = lives()
    hazard = hazard_of(table)
    survival = (1 - hazard[:, None]) ** np.arange(13)
    truth = (survival[:, :-1] + survival[:, 1:]).sum(axis=1) / 2
    known = ~np.isnan(hazards.stay[:, 0])
    active = (table["left"] == "No").to_numpy()
    assert hazards.horizon == 12
    assert (known == (active & (table["tenure"].to_numpy() + 12 <= hazards.until))).all()
    assert known.sum() > 400 and hazards.beyond == (active & ~known).sum()
    stay, low, high = hazards.stay[known].T
    assert np.corrcoef(stay, truth[known])[0, 1] > 0.95
    assert stay.mean() == pytest.approx(truth[known].mean(), abs=0.25)
    assert ((low <= stay) & (stay <= high) & (high <= 12)).all()


def test_it_is_judged_out_of_fold_and_without_what_runs_with_the_tenure(study: Study) -> None:
    _, hazards = view_of(study)
    assert hazards.running == ("spent",)
    assert 0.6 < hazards.judgement.concordance < 0.75
    assert hazards.judgement.is_better and hazards.judgement.brier < hazards.judgement.baseline
    assert study.figures()["survival_concordance"] == hazards.judgement.concordance


def test_the_scored_file_and_the_report_tell_it(study: Study) -> None:
    scored = study.scored
    assert list(scored)[-3:] == ["expected_months", "expected_months_low", "expected_months_high"]
    assert scored.loc[scored["outcome"] == "left", "expected_months"].isna().all()
    titles = [chapter.title for chapter in document(study).chapters]
    assert titles.index("What a campaign earns") + 1 == titles.index("When they leave")
    page = report(study)
    for said in (
        "Of all who came, these are still there: ",
        "Half are gone after ",
        "tenure is read as the months (--tenure-unit names another unit)",
        "If it holds only those who left lately",
        "Not used, because they grow with the tenure: spent.",
        "scored.csv has expected_months",
    ):
        assert said in page, said
    assert pictures(study)["retention"].startswith(b"\x89PNG")


def test_features_that_say_nothing_say_nothing_of_single_customers(tmp_path: Path) -> None:
    found = studied(tmp_path, lives(says=0.0).drop(columns="spent"))
    view, hazards = view_of(found)
    assert not hazards.judgement.is_better
    assert np.isnan(hazards.stay).all() and not hazards.groups
    assert "expected_months" not in found.scored
    text = str(survival_chapter(view, "customers"))
    assert "nothing is said about single customers" in text and "scored.csv" not in text


def test_several_moments_of_a_customer_have_no_curve(tmp_path: Path) -> None:
    table = lives(600)
    table["account"] = np.arange(600) // 2
    found = studied(tmp_path, table, id="account")
    assert isinstance(found.survival, NoCurve)
    assert "one row per customer" in report(found)


def test_without_a_tenure_there_is_no_chapter(tmp_path: Path) -> None:
    found = studied(tmp_path, lives(600).rename(columns={"tenure": "months"}))
    assert found.survival is None
    assert "When they leave" not in [chapter.title for chapter in document(found).chapters]
    assert "retention" not in pictures(found)


@pytest.mark.parametrize(
    ("column", "unit", "expected"),
    [
        ("tenure", None, ("months", True)),
        ("Tenure Months", None, ("months", False)),
        ("TenureInDays", None, ("days", False)),
        ("customer_tenure_years", None, ("years", False)),
        ("Months_on_book", None, ("months", False)),
        ("tenure", "weeks", ("weeks", False)),
        ("avg_charge_per_tenure", None, None),
        ("tenure_share", None, None),
    ],
)
def test_a_tenure_is_known_by_its_name(
    tmp_path: Path, column: str, unit: str | None, expected: tuple[str, bool] | None
) -> None:
    file = write(tmp_path, lives(300).rename(columns={"tenure": column}).to_csv(index=False))
    found = prepare(Request(file, "left", tenure_unit=unit)).tenure
    assert (found and (found.unit, found.is_unit_assumed)) == expected


@pytest.mark.parametrize(
    ("column", "said"), [("plan", "numbers, for example"), ("trouble", "numbers of at least 0")]
)
def test_a_named_column_must_be_a_tenure(tmp_path: Path, column: str, said: str) -> None:
    file = write(tmp_path, lives(300).to_csv(index=False))
    with pytest.raises(StudyError, match=f"--tenure {column} does not hold {said}"):
        prepare(Request(file, "left", tenure=column))
    with pytest.raises(StudyError, match="--tenure spend: the file has no such column"):
        prepare(Request(file, "left", tenure="spend"))


def test_a_column_named_tenure_with_negative_numbers_is_none(tmp_path: Path) -> None:
    table = lives(300)
    table.loc[3, "tenure"] = -1
    assert prepare(Request(write(tmp_path, table.to_csv(index=False)), "left")).tenure is None


@pytest.mark.parametrize("step", [1.0, 3.0, 7.0])
def test_wide_steps_do_not_move_the_curve(step: float) -> None:
    """Customers whose time ends inside a step count for half of it on average, else hazards would be too high."""
    random = np.random.default_rng(4)
    rows = 20_000
    stays, came = random.exponential(30.0, rows), random.uniform(0, 60, rows)
    curve = retention(followed(np.minimum(stays, came), stays <= came, step))
    assert curve is not None
    ages = step * np.arange(1, len(curve.retention) + 1)
    early = ages <= 50
    assert np.abs(curve.retention - np.exp(-ages / 30))[early].max() < 0.015


def test_a_step_follows_the_tenures() -> None:
    assert step_of(np.arange(73.0), 24) == 3
    assert step_of(np.arange(11.0), 24) == 1
    assert step_of(np.linspace(0, 4, 101), 24) == pytest.approx(0.165, abs=0.002)
    assert step_of(np.arange(1500.0), 120) == 13
