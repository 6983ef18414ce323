"""Draws come out the same again, are balanced in every stratum, and do not depend on who else is there."""

import numpy as np
import pandas as pd
import pytest

from churn_assets.retention.draws import holdout_months, in_holdout, uniform

KEYS = pd.Series([f"{n:016x}" for n in range(4000)])
STRATA = {key: ("high", "low")[n % 4 == 0] for n, key in enumerate(KEYS)}


def test_a_draw_is_uniform_and_depends_on_nothing_but_what_is_drawn() -> None:
    found = uniform(KEYS, 7, "retention-2026-01", "holdout")
    assert 0.48 < found.mean() < 0.52
    assert 0.07 < found.var() < 0.096  # 1 / 12
    again = uniform(KEYS[::-1].iloc[:100], 7, "retention-2026-01", "holdout")
    assert (again == found[::-1][:100]).all()
    for other in (
        (8, "retention-2026-01", "holdout"),
        (7, "retention-2026-07", "holdout"),
        (7, "x", "offer"),
    ):
        assert abs(np.corrcoef(found, uniform(KEYS, *other))[0, 1]) < 0.06


@pytest.mark.parametrize("share", [0.05, 0.1, 0.33])
def test_the_holdout_has_its_share_of_each_stratum(share: float) -> None:
    held = in_holdout(KEYS, STRATA, share, 7, "retention-2026-01")
    for stratum in ("high", "low"):
        of_it = np.array([STRATA[key] == stratum for key in KEYS])
        assert abs(held[of_it].sum() - share * of_it.sum()) < 1


def test_a_customer_stays_in_the_holdout_as_long_as_it_lasts() -> None:
    """Whoever leaves or joins later changes nothing for the others, whatever their tier is now."""
    first = in_holdout(KEYS, STRATA, 0.1, 7, "retention-2026-01")
    later = pd.Series([*KEYS[500:][::-1], *(f"new{n}" for n in range(3000))])
    then = in_holdout(later, STRATA, 0.1, 7, "retention-2026-01")
    was, now = dict(zip(KEYS, first, strict=True)), dict(zip(later, then, strict=True))
    assert all(was[key] == now[key] for key in KEYS[500:])
    new = [now[key] for key in later if key.startswith("new")]
    assert 0.08 < np.mean(new) < 0.12


def test_small_strata_are_rounded_by_chance_and_not_always_down() -> None:
    strata = {key: f"stratum {n // 4}" for n, key in enumerate(KEYS)}  # 0.4 customers each
    held = in_holdout(KEYS, strata, 0.1, 7, "retention-2026-01")
    assert 0.08 < held.mean() < 0.12


@pytest.mark.parametrize(
    ("month", "months", "first", "last"),
    [
        ("2026-06", 6, "2026-01", "2026-06"),
        ("2026-07", 6, "2026-07", "2026-12"),
        ("2026-06", 1, "2026-06", "2026-06"),
        ("2025-12", 12, "2025-01", "2025-12"),
    ],
)
def test_a_holdout_lasts_for_whole_spans_of_the_year(month: str, months: int, first: str, last: str) -> None:
    assert holdout_months(month, months) == (first, last)
