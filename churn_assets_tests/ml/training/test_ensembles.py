"""Ensembles: what is weighed on which rows, when one is kept, and that it explains and saves itself."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from churn_assets.ml.portable.calibration import logit, sigmoid
from churn_assets.ml.portable.model import FORMAT_VERSION, Blend, Linear, PortableModel, Scorer
from churn_assets.ml.portable.transformation import Transformation
from churn_assets.ml.portable.trees import Trees
from churn_assets.ml.training.ensembles import (
    STACKING,
    Ensemble,
    fit_ensembles,
    stacking_weights,
    weigh,
)
from churn_assets.ml.training.learner import fold_of
from churn_assets_tests.ml.synthetic import FEATURES, training_frame

pytestmark = pytest.mark.one_python(reason="fits models, mostly in scikit-learn")

FRAME = training_frame(customers=300)
TRANSFORMATION = Transformation.fit(FRAME, FEATURES)
WIDTH = len(TRANSFORMATION.columns)


def stump(column: int, threshold: float, low: float, high: float) -> Trees:
    """One question; a third of the training rows went left."""
    return Trees(
        roots=np.array([0]),
        column=np.array([column, -1, -1]),
        threshold=np.array([threshold, 0, 0]),
        left=np.array([1, -1, -1]),
        right=np.array([2, -1, -1]),
        value=np.array([0, low, high]),
        cover=np.array([300.0, 100.0, 200.0]),
    )


def mixed() -> Scorer:
    """A line, a tree on probabilities and a blend of trees: every form inside one."""
    line = Scorer(Linear(np.linspace(-0.2, 0.3, WIDTH), -1.0, np.full(WIDTH, 0.1)), "log_odds")
    tree = Scorer(stump(0, 20.0, 0.02, 0.3), "probability")
    inner = Scorer(Blend((stump(1, 0.0, 1.0, -0.5), stump(3, 1.0, 0.0, 0.8)), (0.5, 0.5), 0.1), "log_odds")
    ensemble = Ensemble(STACKING, {"line": 0.4, "tree": 0.7, "inner": 0.2}, -0.3)
    return ensemble.scorer({"line": line, "inner": inner, "tree": tree})


def test_contributions_of_a_blend_add_up_whatever_its_members_predict() -> None:
    model = PortableModel(STACKING, TRANSFORMATION, mixed())
    raw = model.score(FRAME)["raw"].to_numpy()
    parts = model.contributions(FRAME)
    assert np.abs(parts.sum(axis=1).to_numpy() + model.base_value() - logit(raw)).max() < 1e-9
    matrix = TRANSFORMATION.transform(FRAME)
    members = dict(zip(("line", "tree", "inner"), mixed().form.members, strict=True))  # type: ignore[attr-defined]
    probability = Ensemble(STACKING, {"line": 0.4, "tree": 0.7, "inner": 0.2}, -0.3).probability(
        {name: scorer.probability(matrix) for name, scorer in members.items()}
    )
    assert np.abs(probability - raw).max() < 1e-12 and len(np.unique(raw)) > 100


def test_a_blend_is_saved_and_read_back(tmp_path: Path) -> None:
    model = PortableModel(STACKING, TRANSFORMATION, mixed())
    model.save(tmp_path)
    loaded = PortableModel.load(tmp_path)
    pd.testing.assert_frame_equal(loaded.score(FRAME), model.score(FRAME))
    pd.testing.assert_frame_equal(loaded.contributions(FRAME), model.contributions(FRAME))
    loaded.save(tmp_path / "again")
    for name in ("model.json", "arrays.npz"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / name).read_bytes()


def test_models_of_the_first_format_are_read(tmp_path: Path) -> None:
    model = PortableModel("x", TRANSFORMATION, Scorer(stump(0, 20.0, 0.02, 0.3), "probability"))
    model.save(tmp_path)
    file = tmp_path / "model.json"
    file.write_text(file.read_text().replace(f'"format_version": {FORMAT_VERSION}', '"format_version": 1'))
    pd.testing.assert_frame_equal(PortableModel.load(tmp_path).score(FRAME), model.score(FRAME))


def test_a_form_without_a_kind_is_not_saved(tmp_path: Path) -> None:
    class Unknown:
        """Predicts, but cannot be told as arrays."""

    model = PortableModel("x", TRANSFORMATION, Scorer(Unknown(), "log_odds"))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Unknown cannot be saved"):
        model.save(tmp_path)


N = 4000


def selection(cohorts: int, seed: int = 0) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Rows whose log-odds are a sum of two halves, and two candidates that know one half each."""
    rng = np.random.default_rng(seed)
    halves = rng.normal(size=(2, N * cohorts))
    label = (rng.random(N * cohorts) < sigmoid(-2 + halves.sum(axis=0))).astype(int)
    days = [date(2026, month, 28) for month in range(1, cohorts + 1)]
    frame = pd.DataFrame(
        {
            "customer_key": np.tile([f"key{i}" for i in range(N)], cohorts),
            "as_of_date": np.repeat(days, N),
            "label": label,
        }
    )
    return frame, {"one": sigmoid(halves[0] - 2), "other": sigmoid(halves[1] - 2)}


@pytest.mark.parametrize("cohorts", [1, 2, 3])
def test_two_halves_are_joined(cohorts: int) -> None:
    frame, raws = selection(cohorts)
    verdict = weigh(raws, frame, 0.002)
    assert verdict.kept is not None and "beats its best member" in verdict.why
    assert verdict.rows.sum() == N and verdict.rows[-N:].all()
    if verdict.kept.name == STACKING:
        assert verdict.kept.weights == pytest.approx({"one": 1, "other": 1}, abs=0.2)
    assert weigh(raws, frame, 0.3).kept is None


@pytest.mark.parametrize("cohorts", [1, 2])
def test_rows_are_never_judged_by_weights_that_were_fitted_on_them(cohorts: int) -> None:
    """Turn every fifth label of a judged part (a quarter of the customers where all rows judge): its scores stay."""
    frame, raws = selection(cohorts)
    own = fold_of(frame["customer_key"]) == 2 if cohorts == 1 else np.arange(len(frame)) >= N
    fifth = own & (np.arange(len(frame)) % 5 == 0)
    turned = frame.assign(label=np.where(fifth, 1 - frame["label"], frame["label"]))
    before, after = (weigh(raws, f, 0.002) for f in (frame, turned))
    at = own[before.rows]
    assert STACKING in before.scores and STACKING in after.scores
    for name in before.scores.keys() & after.scores.keys():
        assert np.array_equal(before.scores[name][at], after.scores[name][at])
    if cohorts == 1:
        assert (before.scores[STACKING][~at] != after.scores[STACKING][~at]).all()


def test_a_twin_or_noise_adds_nothing() -> None:
    frame, raws = selection(1)
    known = sigmoid(logit(raws["one"]) + logit(raws["other"]))
    noise = sigmoid(np.random.default_rng(1).normal(size=N))
    for other in (known, noise, sigmoid(-2 - logit(known))):
        verdict = weigh({"known": known, "other": other}, frame, 0.0)
        assert verdict.kept is None and verdict.why.startswith("no ensemble is kept")
        assert all(len(scores) == N for scores in verdict.scores.values())
    assert not verdict.scores and verdict.why.endswith("no other candidate comes near known")


@pytest.mark.parametrize(("positives", "judged"), [(26, False), (400, True)])
def test_too_few_churners_weigh_nothing(positives: int, judged: bool) -> None:
    """Three quarters of 26 are less than 20."""
    frame, raws = selection(1)
    churners = np.flatnonzero(frame["label"] == 1)[:positives]
    frame = frame.assign(label=np.isin(np.arange(N), churners).astype(int))
    verdict = weigh(raws, frame, 0.002)
    assert bool(verdict.scores) == judged and ("too few churners" in verdict.why) != judged


def test_only_those_vote_that_chance_could_have_put_first() -> None:
    frame, raws = selection(1)
    best = logit(raws["one"]) + logit(raws["other"])
    rng = np.random.default_rng(0)
    table = {
        "best": best,
        "close": best + rng.normal(size=N) * 0.1,
        "weak": best + rng.normal(size=N) * 2,
        "contrary": -raws["one"],
    }
    voting, stacked = fit_ensembles(table, frame["label"].to_numpy(float))
    assert voting.weights == {"best": 0.5, "close": 0.5} and voting.intercept == 0
    assert stacked.name == STACKING and "contrary" not in stacked.weights


def test_stacking_finds_the_member_that_knows_and_bets_against_none() -> None:
    random = np.random.default_rng(0)
    truth = 2 * random.normal(size=1500)
    labels = (random.random(1500) < sigmoid(truth)).astype(float)
    weights, intercept = stacking_weights([truth / 2, random.normal(size=1500), -truth], labels)
    assert weights[0] == pytest.approx(2, abs=0.35)
    assert weights[1] == pytest.approx(0, abs=0.15)
    assert weights[2] == 0 and abs(intercept) < 0.2
