"""The page of a month says what the tables say, in words that hold."""

import re
from base64 import b64decode
from dataclasses import replace
from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_assets.ml.metrics.classification import OK
from churn_assets.ml.metrics.rule_quality import RuleQuality
from churn_assets.monitoring.drift import MODERATE, SHIFT, STABLE
from churn_assets.monitoring.monthly_page import Facts, monthly_page, nobody_scored, outcome_days
from churn_assets.monitoring.performance import IMMATURE, INCOMPLETE
from churn_assets.monitoring.scored_month import ScoredMonth
from churn_assets.monitoring.segment_movements import movements
from churn_assets.months import month_end

MARGIN = 0.02
SEGMENT = st.sampled_from(["call", "watch", "steady", None])


def cohort(month: str, auc: float | None = None, half: float = 0.03, **facts: Any) -> ScoredMonth:
    """1,000 customers of version 1, which promised 0.80; immature without an AUC."""
    known = (
        {} if auc is None else {"positives": 50, "auc_low": auc - half, "auc_high": auc + half, "status": OK}
    )
    base = {
        "status": IMMATURE,
        "n": 1000,
        "expected_positives": 48.4,
        "auc_estimated": 0.79,
        "promised": 0.80,
    }
    told = {"day": month_end(month), "model_version": "1", "auc": auc} | base | known | facts
    return ScoredMonth(**({"scored": told["n"] + told.get("excluded", 0)} | told))


def segments(rows: dict[str, str | None]) -> pa.Table:
    """One row per customer who is in a segment; everybody leaves with 10 %."""
    inside = {key: name for key, name in rows.items() if name is not None}
    return pa.table(
        {
            "customer_key": pa.array(inside, pa.string()),
            "segment": pa.array(inside.values(), pa.string()),
            "action": pa.array([f"do {name}" for name in inside.values()], pa.string()),
            "probability": pa.array([0.1] * len(inside), pa.float64()),
        }
    )


def facts(*cohorts: ScoredMonth, **changed: Any) -> Facts:
    """A page of quiet months."""
    first, last = outcome_days(cohorts[-1].day, 7, 30)
    quiet = Facts(cohorts, date(2025, 3, 31), [], None, {"gb": "data used"}, MARGIN, first, last)
    return replace(quiet, **changed)


def markdown_of(told: Facts) -> str:
    """The page as Dagster shows it."""
    return monthly_page(told).markdown()


def drift_row(kind: str, feature: str, status: str, **figures: Any) -> dict[str, Any]:
    """A row of monitoring/drift for June 2025."""
    base = {"psi": 0.3, "missing_rate": 0.4, "reference_missing_rate": 0.02}
    return (
        {"kind": kind, "feature": feature, "status": status, "as_of_date": date(2025, 6, 30)} | base | figures
    )


def test_the_newest_settled_month_tells_who_left() -> None:
    row = {
        "month": "2025-04",
        "customers_start": 1001,
        "customers_unknown": 1,
        "customers_lost_by_choice": 20,
    }
    row |= {"customers_lost_otherwise": 5, "churn_rate": 0.025, "net_revenue_retention": 0.981}
    told = markdown_of(facts(cohort("2025-06"), churn=row))
    left = "In April 2025, 20 of 1,000 customers left by choice and 5 otherwise"
    assert (
        f"{left}: 2.5% in all. Those who were customers at its start now pay 98.1% of what they paid then."
        in told
    )
    told = markdown_of(facts(cohort("2025-06"), churn=row | {"net_revenue_retention": None}))
    assert left in told and "pay" not in told
    assert "settled" not in markdown_of(facts(cohort("2025-06")))


def test_whoever_was_scored_is_counted_also_when_they_have_no_label() -> None:
    """May has matured, June has not: as many were scored."""
    page = markdown_of(facts(cohort("2025-05", 0.85, n=970, excluded=30), cohort("2025-06")))
    assert "1,000 customers were scored, as many as the month before." in page
    assert "| May 2025 | 1 | 1,000 |" in page


def test_a_cohort_of_which_nobody_has_a_label_has_a_page() -> None:
    nobody = cohort("2025-05", n=0, excluded=0, expected_positives=0.0)
    assert "0 customers were scored." in markdown_of(facts(nobody))
    assert "1,000 customers were scored, 1,000 more than the month before." in markdown_of(
        facts(nobody, cohort("2025-06"))
    )


@pytest.mark.parametrize(
    ("auc", "half", "said"),
    [
        (0.80, 0.03, "is still good"),
        (0.781, 0.01, "is still good"),
        (0.779, 0.002, "may have become weaker"),  # upper end 0.781: chance may have done it
        (0.77, 0.009, "has become weaker"),
        (0.75, 0.04, "may have become weaker"),
    ],
)
def test_the_verdict_gives_chance_its_due(auc: float, half: float, said: str) -> None:
    page = markdown_of(facts(cohort("2025-05", 0.85), cohort("2025-06", auc, half), cohort("2025-07")))
    assert f"- **The model {said}.** For June 2025" in page
    assert f"right in {100 * auc:.0f} of 100 pairs; the training promised 80." in page


def test_the_verdict_is_on_the_model_in_charge_and_on_months_that_can_be_judged() -> None:
    old = cohort("2025-05", 0.60)
    page = markdown_of(facts(old, cohort("2025-06", model_version="2", status=INCOMPLETE)))
    assert "too early to say whether the model is good" in page and "about 79 of 100 pairs" in page
    assert "| June 2025 | 2 | 1,000 | 48 |  | estimated 79 | 80 | deliveries are missing |" in page
    assert "| May 2025 | 1 | 1,000 | 48 | 50 | 60 (57 to 63) | 80 | weaker |" in page
    unsure = cohort("2025-06", 0.70, status=INCOMPLETE)
    assert unsure.judgement(MARGIN) is None


def test_the_month_is_told_in_numbers_and_dates() -> None:
    page = markdown_of(facts(cohort("2025-05", n=800), cohort("2025-06")))
    assert page.startswith("# Customers at risk, June 2025\n\nAs of 30 June 2025. Model version 1")
    assert "- 1,000 customers were scored, 25.0% more than the month before." in page
    assert "- About 48 of them (4.8%) are expected to leave between 8 July 2025 and 6 August 2025." in page
    assert "The segments of this month have not been computed." in page


def test_a_month_is_compared_with_the_last_scored_one_by_its_name() -> None:
    page = markdown_of(facts(cohort("2025-03", n=800), cohort("2025-06")))
    assert "- 1,000 customers were scored, 25.0% more than in March 2025." in page
    page = markdown_of(facts(cohort("2024-12"), cohort("2025-01")))
    assert "- 1,000 customers were scored, as many as the month before." in page


def test_of_a_sample_the_page_tells_about_everybody_and_names_the_sample() -> None:
    """A quarter of June's customers was looked at; so was a quarter of May's, 30 of whom have no label."""
    may = cohort("2025-05", 0.85, n=970, excluded=30, scored=4000)
    page = markdown_of(facts(may, cohort("2025-06", scored=4000)))
    assert "- 4,000 customers were scored, as many as the month before." in page
    assert "- About 194 of them (4.8%) are expected to leave between" in page
    assert "6 August 2025. This comes from a random sample of 1,000." in page
    assert "| May 2025 | 1 | 4,000 (sample: 1,000) | 194 | 200 | 85 (82 to 88) |" in page
    assert "sample" not in markdown_of(facts(cohort("2025-06")))


def test_the_picture_is_inside() -> None:
    found = re.search(
        r"!\[.*\]\(data:image/png;base64,([A-Za-z0-9+/=]+)\)", markdown_of(facts(cohort("2025-06")))
    )
    assert found and b64decode(found[1]).startswith(b"\x89PNG")


def test_changes_are_named_in_the_words_of_the_business() -> None:
    rows = [
        drift_row("feature", "gb", SHIFT),
        drift_row("feature", "unnamed", MODERATE, psi=0.2),
        drift_row("feature", "quiet", STABLE),
        drift_row("score", "raw", SHIFT),
        drift_row("volume", "customers", SHIFT, value=500.0, reference_value=1000.0),
        drift_row("base rate", "churn rate", STABLE, value=0.05, reference_value=0.04),
    ]
    page = markdown_of(facts(cohort("2025-06"), drift=rows))
    assert "- 2 of 3 facts about the customers look different" in page
    assert "| data used | very different | 40%, in the training 2% |\n| unnamed | different |" in page
    assert "- Customers: 500; in a month of the training 1,000. **That is unusual.**" in page
    assert (
        "- Left: 5.0% of the customers of June 2025, the newest month with results; in the training 4.0%.\n"
        in page
    )
    many = [drift_row("feature", f"f{i}", SHIFT) for i in range(11)]
    assert "And 3 more." in markdown_of(facts(cohort("2025-06"), drift=many))
    calm = markdown_of(facts(cohort("2025-06"), drift=rows[2:3]))
    assert "None of 1 facts" in calm and "customers looks as it did in the training" in calm
    assert "has not been compared with the training" in markdown_of(facts(cohort("2025-06")))


def test_who_moved_is_counted_from_both_months() -> None:
    before = segments({"a": "call", "b": "call", "c": "watch", "d": "watch", "e": "left behind"})
    now = segments({"a": "call", "b": "watch", "c": "steady", "e": "steady", "f": "call", "g": "steady"})
    found = movements(now, before, ["call", "watch", "steady"])
    assert [(s.name, s.before, s.customers, s.stayed, s.joined, s.new) for s in found.segments] == [
        ("call", 2, 2, 1, 0, 1),
        ("watch", 2, 1, 0, 1, 0),
        ("steady", 0, 3, 0, 2, 1),
        ("left behind", 1, 0, 0, 0, 0),
    ]
    assert [s.action for s in found.segments] == ["do call", "do watch", "do steady", None]
    assert found.segments[2].expected == pytest.approx(0.3)
    assert found.moves == (("call", "watch", 1), ("left behind", "steady", 1), ("watch", "steady", 1))
    assert (found.moved, found.gone) == (3, 1)
    page = markdown_of(facts(cohort("2025-06"), movements=found))
    assert "| steady | 0 | 3 | +3 | 0 | 2 | 1 | 0 | do steady |" in page
    assert "| call | watch | 1 |" in page and "1 customer of the month before is no longer scored" in page


def test_the_order_of_the_customers_changes_no_bit_of_what_is_expected() -> None:
    now = segments({f"{key:04}": "call" for key in range(1000)})
    now = now.set_column(3, "probability", pa.array([0.1 + key / 7 % 0.9 for key in range(1000)]))
    orders = now, now.sort_by([("probability", "descending")]), now.sort_by("probability")
    expected = {movements(table, segments({}), ["call"]).segments[0].expected for table in orders}
    assert len(expected) == 1


def test_without_the_month_before_nothing_is_compared() -> None:
    found = movements(segments({"a": "call"}), segments({}), ["call"])
    page = markdown_of(facts(cohort("2025-06"), movements=found))
    assert "no segments of the month before to compare with" in page and "another segment" not in page
    assert "| segment | customers | expected to leave | what to do |" in page
    assert "| call | 1 | 0 | do call |" in page and "new customers" not in page


@given(st.lists(st.tuples(SEGMENT, SEGMENT), max_size=30))
def test_nobody_is_lost_between_two_months(people: list[tuple[str | None, str | None]]) -> None:
    before = segments({str(i): was for i, (was, _) in enumerate(people)})
    now = segments({str(i): to for i, (_, to) in enumerate(people)})
    found = movements(now, before, ["call"])
    assert sum(s.customers for s in found.segments) == now.num_rows
    assert sum(s.before for s in found.segments) == before.num_rows
    assert sum(s.stayed + s.joined for s in found.segments) + found.gone == before.num_rows
    assert all(s.stayed + s.joined + s.new == s.customers for s in found.segments)
    assert found.moved == sum(s.joined for s in found.segments)


def test_a_month_without_scores_says_so() -> None:
    assert "no model was in charge on 30 June 2025" in nobody_scored(date(2025, 6, 30)).markdown()


def test_the_html_page_says_the_same() -> None:
    before, now = segments({"a": "call", "b": "watch"}), segments({"a": "watch", "b": "watch"})
    told = facts(
        cohort("2025-05", 0.85), cohort("2025-06"), movements=movements(now, before, ["call", "watch"])
    )
    page = monthly_page(told).html()
    for said in (
        "<h1>Customers at risk, June 2025</h1>",
        "<strong>The model is still good.</strong> For May 2025",
        "<td>85 (82 to 88)</td>",
        "<td>do watch</td>",
    ):
        assert said in page, said
    assert page.count('<img src="data:image/png;base64,') == 1
    assert "no model was in charge on 30 June 2025" in nobody_scored(date(2025, 6, 30)).html()


def test_names_of_segments_and_features_are_words_and_no_markup() -> None:
    name = "<script>alert(1)</script>|x"
    before, now = segments({"a": name, "b": "call"}), segments({"a": name, "b": name})
    told = facts(
        cohort("2025-06"),
        drift=[drift_row("feature", "gb", SHIFT)],
        words={"gb": name},
        movements=movements(now, before, []),
    )
    page = monthly_page(told)
    assert "<script" not in page.html() + page.markdown()
    assert page.html().count("&lt;script&gt;alert(1)&lt;/script&gt;|x") == 4
    assert "| &lt;script>alert(1)&lt;/script>\\|x | 1 | 2 | +1 |" in page.markdown()


def test_the_page_accounts_for_everybody() -> None:
    counts = {
        "former": 1000,
        "new": 40,
        "now": 1012,
        "ended": 20,
        "merged": 1,
        "disappeared": 3,
        "unknown": 4,
    }
    page = markdown_of(facts(cohort("2025-06"), people=[{"source": "all sources"} | counts]))
    assert "Is everybody accounted for?" in page
    assert "| all sources | 1,000 | 40 | 1,012 | 20 | 1 | 3 | 4 |" in page
    assert "accounted for" not in markdown_of(facts(cohort("2025-06")))


def test_the_page_tells_how_good_each_rule_of_alerts_was() -> None:
    known = RuleQuality("rose", told=40, suppressed=9, acknowledged=30, known=20, left=5, base_rate=0.05)
    young = RuleQuality("entered", told=3, suppressed=0, acknowledged=0, known=0, left=0, base_rate=None)
    page = markdown_of(facts(cohort("2025-06"), alerts=[known, young]))
    assert "Were the alerts right?" in page
    assert re.search(r"rose \| 40 \| 9 \| 30 \| 20 \| 5 \| 25% \(11% to 47%\) \| 5\.0", page)
    assert re.search(r"entered \| 3 \| 0 \| 0 \| 0 \| 0 \| not known yet \| not known yet", page)
    assert "Were the alerts right?" not in markdown_of(facts(cohort("2025-06")))


def test_the_page_tells_whom_offers_change() -> None:
    page = markdown_of(facts(cohort("2025-06"), effects={"discount_10": "The same for everybody."}))
    assert "## Whom does an offer change?" in page and "- **discount 10**: The same for everybody." in page
    assert "Whom does an offer change?" not in markdown_of(facts(cohort("2025-06")))


def test_the_page_tells_what_campaigns_brought() -> None:
    row = {"origin": "plan", "campaign_id": "retention-2025-04", "days": 30, "treated": 1200, "control": 130}
    rows = [
        row | {"told": "Not decidable yet: too few left."},
        row | {"campaign_id": "all", "told": "20 fewer left."},
    ]
    page = markdown_of(facts(cohort("2025-06"), campaigns=rows))
    assert "What did campaigns bring?" in page
    assert re.search(r"retention-2025-04 \| 30 \| 1,200 \| 130 \| Not decidable yet: too few left\.", page)
    assert "all of plan | 30" in page
    assert "What did campaigns bring?" not in markdown_of(facts(cohort("2025-06")))
