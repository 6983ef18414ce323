"""Learners find effects that differ, claim nothing where they do not, and say when contacts are too few."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_info, threadpool_limits  # type: ignore[import-untyped]

from churn_assets.ml.uplift.choice import JudgedOffer, judged_offer
from churn_assets.ml.uplift.judgement import judge_effects, qini_curve, weighted_outcomes
from churn_assets.ml.uplift.learners import LEARNERS, fold_chances, folds_of, robust_effects
from churn_assets.ml.uplift.shrinking import CONSTANT, chosen_learner
from churn_assets.ml.uplift.trial import (
    NoTrial,
    RandomisedContacts,
    later_part,
    require_learnable,
    shares_of_campaigns,
)
from churn_assets_tests.ml.uplift.worlds import contacts

pytestmark = pytest.mark.one_python(reason="fits models, mostly in scikit-learn")


def judged(trial: RandomisedContacts) -> JudgedOffer:
    """Where risk and constant effect are known beforehand."""
    return judged_offer(trial, lambda part: trial, 7)


@pytest.mark.parametrize("name", LEARNERS)
def test_each_learner_finds_effects_that_differ(name: str) -> None:
    trial, _ = contacts(4_000, differ=1.8)
    new, true = contacts(2_000, seed=2, differ=1.8)
    estimated = LEARNERS[name](trial, fold_chances(trial, 7).by_others(), 7)(new)
    assert spearmanr(estimated, true).statistic > 0.5
    assert estimated.mean() == pytest.approx(true.mean(), abs=0.04)


def test_small_fits_leave_the_other_cores_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Begun(Exception):
        pass

    def fit(*_: object, **__: object) -> None:
        raise Begun({pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"})

    monkeypatch.setattr(HistGradientBoostingClassifier, "fit", fit)
    with threadpool_limits(2, user_api="openmp"), pytest.raises(Begun, match=r"\{1\}"):
        judged(contacts(2_000)[0])


def test_effects_that_differ_are_used_and_earn_more_than_by_risk() -> None:
    trial, _ = contacts(4_000, differ=1.8)
    found = judged(trial)
    assert found.is_used
    assert found.judgement.qini.is_above_zero
    assert found.later.time.min() > found.learned_until
    assert found.chosen.losses[found.chosen.name] == min(found.chosen.losses.values())
    assert found.model is not None and found.model.name == found.chosen.name
    assert found.later.time.tolist() == trial.time[found.judged_by].tolist()
    earned = found.values(np.full(len(found.later), 400.0), 5.0, 0.2)
    assert earned.difference.is_above_zero
    assert earned.by_effect.robust.value > earned.by_constant.robust.value
    wide = earned.by_effect.weighted.high - earned.by_effect.weighted.low
    assert earned.by_effect.robust.high - earned.by_effect.robust.low < wide


def test_effects_are_believed_as_far_as_they_hold_for_other_customers() -> None:
    names = ["two models", "doubly robust, linear"]
    strong = chosen_learner(contacts(3_000, differ=1.8)[0], 7, names)
    assert strong.trust > 0.6 and strong.losses[strong.name] < strong.losses[CONSTANT]
    weak = [chosen_learner(contacts(1_000, seed, differ=0.0)[0], 7, names) for seed in range(2)]
    assert max(one.trust for one in weak) < 0.5


def test_without_trust_the_effects_are_the_constant_ones() -> None:
    trial, _ = contacts(1_500, 0, differ=0.0)
    model = replace(chosen_learner(trial, 7, ["two models"]), trust=0.0).fit(trial, 7)
    assert np.array_equal(model.predict(trial), trial.constant)


def test_a_linear_learner_needs_fewer_contacts_than_trees() -> None:
    """Its penalty follows from the data, and it looks in shares of the risk for what differs."""
    trial, _ = contacts(3_000, seed=5, differ=0.8)
    new, true = contacts(3_000, seed=6, differ=0.8)
    chances = fold_chances(trial, 7).by_others()
    order = {name: spearmanr(fit(trial, chances, 7)(new), true).statistic for name, fit in LEARNERS.items()}
    assert order["doubly robust, linear"] == max(order.values()) > 0.5


@pytest.mark.slow
def test_where_effects_follow_the_risk_the_constant_stays() -> None:
    used = [judged(contacts(2_000, seed, differ=0.0)[0]).is_used for seed in range(6)]
    assert sum(used) <= 1


def test_two_thousand_customers_are_too_few_and_it_says_how_many_it_would_take() -> None:
    """Churn of 4 %: of 2,000 customers some 40 leave in each arm."""
    trial, _ = contacts(2_000, seed=3, differ=0.4)
    rare = replace(trial, churned=trial.churned & (np.random.default_rng(1).random(len(trial)) < 0.5))
    found = judged(rare)
    assert not found.is_used
    needed = found.judgement.contacts_needed
    assert needed is None or needed > len(found.later)


def test_what_cannot_be_learned_is_told() -> None:
    trial, _ = contacts(2_000)
    with pytest.raises(NoTrial, match="have no control arm"):
        require_learnable(trial.at(trial.treated))
    with pytest.raises(NoTrial, match="are known; 100 of each are needed"):
        require_learnable(trial.at(np.arange(len(trial)) < 150))
    with pytest.raises(NoTrial, match="of the contacted and 0 of the controls left"):
        require_learnable(replace(trial, churned=trial.churned & trial.treated))
    with pytest.raises(NoTrial, match="All contacts follow one date"):
        later_part(replace(trial, time=np.zeros(len(trial), dtype=np.int64)))


def test_an_order_is_not_judged_by_a_handful_of_churners() -> None:
    """The bootstrap of so few says nothing: all that left could stand in the right place by chance."""
    trial, _ = contacts(4_000, differ=1.8)
    later = trial.at(later_part(trial))
    few = np.cumsum(later.churned & later.treated) <= 6
    left = np.where(trial.time >= later.time.min(), trial.churned & ~trial.treated, trial.churned)
    left[np.flatnonzero(trial.time >= later.time.min())[few & later.churned & later.treated]] = True
    with pytest.raises(NoTrial, match=r"Of the later contacts 6 and of their controls \d+ left; 10 of each"):
        judged(replace(trial, churned=left))


def test_no_customer_helps_to_predict_their_own_chance() -> None:
    trial, _ = contacts(1_000)
    fold = folds_of(trial.customer, 7)
    assert all(len(set(fold[trial.customer == customer])) == 1 for customer in range(0, 500, 17))
    other = replace(trial, churned=np.where(trial.customer == 3, ~trial.churned, trial.churned))
    own = trial.customer == 3
    one, two = fold_chances(trial, 7).by_others(), fold_chances(other, 7).by_others()
    assert np.array_equal(one.treated[own], two.treated[own]) and not np.array_equal(one.treated, two.treated)
    for held in {0, 1, 2} - set(fold[own]):
        one, two = (fold_chances(of, 7).by_others(held) for of in (trial, other))
        assert np.array_equal(one.treated[own], two.treated[own])
    hidden = int(fold[own][0])
    one, two = (fold_chances(of, 7).by_others(hidden) for of in (trial, other))
    assert np.array_equal(one.treated, two.treated) and np.array_equal(one.control, two.control)


def test_unbiased_estimates_agree_with_the_true_mean() -> None:
    trial, true = contacts(20_000, share=0.3)
    robust = robust_effects(trial, fold_chances(trial, 7).by_others())
    error = robust.std() / len(robust) ** 0.5
    assert abs(robust.mean() - true.mean()) < 3 * error
    plain = weighted_outcomes(trial)
    assert abs(plain.mean() - true.mean()) < 3 * plain.std() / len(plain) ** 0.5
    assert robust.std() < plain.std()


def test_the_qini_curve_ends_at_the_mean_effect_whatever_the_order() -> None:
    trial, true = contacts(3_000)
    unbiased = weighted_outcomes(trial)
    for score in (true, -true):
        shares, curve = qini_curve(score, unbiased)
        assert (shares[0], shares[-1], curve[0]) == (0, 1, 0)
        assert curve[-1] == pytest.approx(unbiased.mean())


def test_a_perfect_order_has_a_better_qini_than_the_risk() -> None:
    trial, true = contacts(10_000)
    robust = robust_effects(trial, fold_chances(trial, 7).by_others())
    found = judge_effects(trial, true, trial.constant, robust, 7)
    assert found.qini_gain.is_above_zero and found.loss_gain.is_above_zero
    assert found.at[0.1].value > found.at[0.3].value
    worst = judge_effects(trial, -true, trial.constant, robust, 7)
    assert worst.qini.high < 0 and worst.contacts_needed is None


def test_shares_of_campaigns_tell_a_missing_arm() -> None:
    campaign = np.array(["a", "a", "a", "b", "b"], dtype=object)
    treated = np.array([True, True, False, True, True])
    assert shares_of_campaigns(campaign, treated).tolist() == [2 / 3, 2 / 3, 2 / 3, 1.0, 1.0]
