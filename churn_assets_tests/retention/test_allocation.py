"""The allocation earns what the best of all possible ones earns, and never breaks a limit."""

import itertools
from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from churn_assets.retention.allocation import NOBODY, Allocation, Offered, allocate, like_planned

pytestmark = pytest.mark.one_python(reason="NumPy and SciPy count")

MONEY = st.integers(0, 12).map(float)


@st.composite
def problems(draw: st.DrawFn) -> Offered:
    """Up to five customers, three offers, a budget, and a capacity of a channel and of an offer."""
    customers, offers = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    profit = st.one_of(st.just(-np.inf), st.floats(-5, 20, allow_nan=False))
    rows = [[draw(profit) for _ in range(offers)] for _ in range(customers)]
    use = [
        [draw(MONEY) for _ in range(offers)],
        [draw(st.sampled_from([0.0, 1.0])) for _ in range(offers)],
        [1.0, *([0.0] * (offers - 1))],
    ]
    limits = [draw(st.one_of(MONEY, st.just(np.inf))), draw(st.integers(0, 4)), draw(st.integers(0, 4))]
    return Offered(np.array(rows), np.array(use), np.array(limits, dtype=float))


def best_of_all(offered: Offered) -> float:
    customers, offers = offered.profit.shape
    best = 0.0
    for choice in itertools.product(range(NOBODY, offers), repeat=customers):
        made = [(c, o) for c, o in enumerate(choice) if o != NOBODY]
        earned = sum(offered.profit[c, o] for c, o in made)
        used = sum((offered.use[:, o] for _, o in made), np.zeros(len(offered.limits)))
        if earned > best and (used <= offered.limits + 1e-9).all():
            best = earned
    return best


def require_valid(offered: Offered, found: Allocation) -> None:
    """One offer each at the most, only with a profit, within every limit; and the sums are right."""
    made = np.flatnonzero(found.offer != NOBODY)
    earned = offered.profit[made, found.offer[made]]
    assert (earned > 0).all()
    used = offered.use[:, found.offer[made]].sum(axis=1)
    assert (used <= offered.limits * (1 + 1e-9) + 1e-9).all()
    assert found.profit == pytest.approx(earned.sum())
    assert found.bound >= found.profit - 1e-6
    assert (found.prices >= 0).all()


def test_a_solution_that_breaks_a_limit_by_rounding_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    everybody = np.zeros(3, dtype=np.intp), 7.0
    monkeypatch.setattr("churn_assets.retention.allocation._exact", lambda *_: everybody)
    offered = Offered(np.array([[3.0], [2.5], [1.0]]), np.array([[2.0]]), np.array([5.999]))
    found = allocate(offered)
    require_valid(offered, found)
    assert found.method == "relaxed" and found.profit == 5.5


@given(problems())
@settings(max_examples=75)
def test_small_problems_are_solved_like_brute_force(offered: Offered) -> None:
    found = allocate(offered)
    require_valid(offered, found)
    assert found.profit == pytest.approx(best_of_all(offered), abs=1e-4)


@given(problems())
@settings(max_examples=75)
def test_the_bound_of_a_relaxed_allocation_holds(offered: Offered) -> None:
    found = allocate(offered, exact_pairs=0)
    require_valid(offered, found)
    best = best_of_all(offered)
    assert found.profit <= best + 1e-6
    assert best <= found.bound + 1e-6
    assert found.method == "relaxed"


def large(customers: int) -> Offered:
    rng = np.random.default_rng(5)
    cost = np.array([4.0, 6.0, 12.0])
    effect = np.array([0.1, 0.2, 0.3])
    profit = (rng.beta(0.5, 8, customers) * rng.lognormal(6, 0.5, customers))[:, None] * effect - cost
    use = np.array([cost, [0.0, 1.0, 1.0], [0.0, 0.0, 1.0]])
    return Offered(profit, use, np.array([customers * 0.4, customers * 0.04, customers * 0.005]))


def test_a_large_problem_misses_next_to_nothing() -> None:
    offered = large(30_000)
    found = allocate(offered)
    require_valid(offered, found)
    assert found.method == "relaxed"
    assert found.gap < 1e-3
    # prices are those of the resources that are scarce, and at them the customers choose nearly the same
    assert found.prices[2] > 0
    drawn = np.random.default_rng(1).random(30_000)
    alike = like_planned(offered.profit, offered.profit, offered.use, found, drawn) == found.offer
    assert alike.mean() > 0.999


def test_customers_who_are_worth_the_same_would_have_got_the_offers_in_the_same_shares() -> None:
    """All are alike, and two offers too: there are places for 15 % and for 25 % of the customers."""
    profit = np.full((2_000, 2), 5.0)
    offered = Offered(profit, np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([300.0, 500.0]))
    found = allocate(offered)
    planned = np.bincount(found.offer + 1) / 2_000
    assert planned.tolist() == pytest.approx([0.6, 0.15, 0.25])
    drawn = np.random.default_rng(4).random(5_000)
    would = (
        np.bincount(like_planned(profit[:1].repeat(5_000, 0), profit, offered.use, found, drawn) + 1) / 5_000
    )
    assert would.tolist() == pytest.approx(planned.tolist(), abs=0.03)


def test_nobody_to_compare_with_would_have_got_nothing() -> None:
    found = allocate(Offered(np.zeros((0, 2)), np.ones((1, 2)), np.array([9.0])))
    assert (
        like_planned(np.zeros((0, 2)), np.zeros((0, 2)), np.ones((1, 2)), found, np.zeros(0)).tolist() == []
    )
    alone = like_planned(
        np.array([[3.0, 2.0], [-1.0, 0.0]]), np.zeros((0, 2)), np.ones((1, 2)), found, np.zeros(2)
    )
    assert alone.tolist() == [0, NOBODY]


def test_more_budget_never_earns_less() -> None:
    offered = large(3_000)
    earned = [
        allocate(replace(offered, limits=np.array([budget, 120.0, 15.0])), exact_pairs=0).profit
        for budget in (0.0, 300.0, 600.0, 1200.0, 5000.0, np.inf)
    ]
    assert earned[0] == 0
    assert earned == sorted(earned)


def test_nobody_is_offered_what_earns_nothing() -> None:
    found = allocate(Offered(np.array([[-1.0], [0.0]]), np.ones((1, 1)), np.array([np.inf])))
    assert (found.offer == NOBODY).all()
    assert (found.profit, found.gap) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("offered", "told"),
    [
        (Offered(np.ones((2, 2)), np.ones((1, 3)), np.ones(1)), "do not fit"),
        (Offered(np.array([[np.nan]]), np.ones((1, 1)), np.ones(1)), "is missing"),
        (Offered(np.ones((1, 1)), -np.ones((1, 1)), np.ones(1)), "below 0"),
        (Offered(np.ones((1, 1)), np.ones((1, 1)), np.array([np.nan])), "below 0"),
    ],
)
def test_bad_problems_are_refused(offered: Offered, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        allocate(offered)
