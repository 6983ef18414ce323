"""This morning, against an independent computation: figures, movers, values that changed, the list, and alerts."""

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from churn_assets.app.queries.alerts import AlertFilters, alert_list, counts_of, qualities_of, rules_of
from churn_assets.app.queries.at_risk import (
    ORDERS,
    ORDERS_OF_THE_MORNING,
    Filters,
    attributes,
    choices,
    orders,
    work_list,
)
from churn_assets.app.queries.morning import (
    changed_values,
    current_row,
    days,
    risers,
    this_morning,
    why_not,
)
from churn_assets.app.queries.what_if import present_values
from churn_assets.app.store import ReleaseHolder, ReleaseStore
from churn_assets.ml.metrics.classification import wilson
from churn_assets.settings import Settings
from churn_assets_tests.api.releases import CURRENT, SCORED, TOO_NEW, snapshots, tables
from churn_assets_tests.app.scored_months import (
    DAYS,
    MORNING_KEYS,
    morning_tables,
    opened_store,
    publish_months,
)
from churn_assets_tests.serving.release.alerts import alert_rows, alert_table
from churn_assets_tests.serving.release.current import (
    BEHIND,
    MORNING,
    current_day,
    current_rows,
    current_tables,
)
from churn_assets_tests.serving.release.made import publish

ROWS = pd.DataFrame(current_rows(CURRENT)).set_index("customer_key")
CHANGED = snapshots().assign(customer_key=SCORED, as_of_date=MORNING)
CHANGED.loc[5, "tickets_count_3m"] += 2.0
CHANGED.loc[5, "region"] = "south-west"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ReleaseStore:
    """A release of 150 customers of whom 141 are scored this morning; tests only read it."""
    settings = Settings(home=str(tmp_path_factory.mktemp("morning")))
    held = tables() | current_tables(CURRENT, pa.Table.from_pandas(CHANGED, preserve_index=False))
    held["risk_alerts"] = alert_table(alert_rows(CURRENT[:60]))
    publish(settings.releases_uri, **held)
    found = ReleaseHolder(settings).store()
    assert found is not None
    return found


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> ReleaseStore:
    root = tmp_path_factory.mktemp("months")
    publish_months(root, **morning_tables())
    return opened_store(root)


def test_the_figures_are_those_of_the_current_scores(store: ReleaseStore) -> None:
    found = this_morning(store)
    assert found is not None and (found.day, store.day) == (MORNING, MORNING)
    p, week, end = (
        ROWS[name] for name in ("probability", "probability_week_before", "probability_month_end")
    )
    assert found.scored == len(ROWS) and found.expected == pytest.approx(p.sum())
    assert found.spread == pytest.approx(((p * (1 - p)).sum()) ** 0.5)
    assert (found.compared, found.moved) == (140, pytest.approx((p - end).sum()))
    assert found.rose == int(((p - week) >= found.rise).sum()) and found.fell == int(
        ((p - week) <= -found.rise).sum()
    )
    before = tables()["customers"].to_pandas().set_index("customer_key")["risk_tier"]
    high = ROWS.index[ROWS["risk_tier"] == "high"]
    assert found.entered == int((before.reindex(high) != "high").sum())
    assert found.behind == {BEHIND: int(ROWS["behind"].notna().sum())}


def test_risers_are_those_whose_probability_rose_most(store: ReleaseStore) -> None:
    rise = (ROWS["probability"] - ROWS["probability_week_before"]).sort_values(ascending=False)
    found = risers(store, 10)
    assert found["customer_key"].tolist() == rise.index[:10].tolist()
    assert found["rise"].tolist() == pytest.approx(rise.iloc[:10].tolist())


def test_a_customer_has_a_row_and_days(store: ReleaseStore) -> None:
    row = current_row(store, CURRENT[5])
    assert row is not None and row["probability"] == ROWS.at[CURRENT[5], "probability"]
    assert current_row(store, SCORED[145]) is None
    told = days(store, CURRENT[5])
    assert told["as_of_date"].dt.date.tolist() == [date(2026, 1, day) for day in (12, 13, 14)]
    assert told["probability"].iloc[-1] == row["probability"]


def test_values_that_changed_are_told_and_no_others(store: ReleaseStore) -> None:
    found = changed_values(store, SCORED[5])
    assert found is not None
    told = {value.words: (value.before, value.now) for value in found}
    tickets = snapshots().loc[5, "tickets_count_3m"]
    assert told == {
        "support tickets": (tickets, tickets + 2),
        "region": (snapshots().loc[5, "region"], "south-west"),
    }
    assert [value.unit for value in found] == [None, None], "nobody counts tickets in rows"
    assert {value.effect for value in found} == {None}, "another model gave the scores of this morning"
    assert changed_values(store, SCORED[6]) == []
    assert changed_values(store, TOO_NEW[0]) is None, "the month end does not hold this customer"


def test_the_effect_of_a_change_is_that_of_the_model(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    rows = [row | {"model_version": "3"} for row in current_rows(CURRENT)]
    held = tables() | current_tables(CURRENT, pa.Table.from_pandas(CHANGED, preserve_index=False), rows)
    publish(settings.releases_uri, **held)
    store = ReleaseHolder(settings).store()
    assert store is not None
    found = changed_values(store, SCORED[5])
    assert found is not None
    model = store.release.model
    key = [5]
    (_, then), (_, now) = (model.score_and_explain(f.loc[key]) for f in (snapshots(), CHANGED))
    for value in found:
        name = {"support tickets": "tickets_count_3m", "region": "region"}[value.words]
        assert value.effect == pytest.approx((now - then).iloc[0][name])
    assert [abs(v.effect or 0) for v in found] == sorted((abs(v.effect or 0) for v in found), reverse=True)


@pytest.mark.parametrize("order", list(ORDERS_OF_THE_MORNING))
def test_the_list_is_that_of_this_morning_in_every_order(store: ReleaseStore, order: str) -> None:
    assert orders(store) == ORDERS_OF_THE_MORNING
    found = [work_list(store, Filters(), order=order, page=page, size=50) for page in (1, 2, 3)]
    assert [page.total for page in found] == [len(CURRENT)] * 3
    keys = [key for page in found for key in page.rows["customer_key"]]
    assert sorted(keys) == sorted(CURRENT)
    p = ROWS["probability"]
    by = {
        "probability": p,
        "stake": p * ROWS["value"],
        "rise": p - ROWS["probability_month_end"],
        "week": p - ROWS["probability_week_before"],
        "day": p - ROWS["probability_day_before"],
    }.get(order)
    if by is not None:
        told = by.reindex(keys)
        known = told.dropna()
        assert known.is_monotonic_decreasing and told.isna().tolist() == [False] * 140 + [True] * (
            0 if order in ("probability", "stake") else 1
        ) + [False] * (1 if order in ("probability", "stake") else 0)


def test_a_row_of_the_list_tells_the_change_and_the_days(store: ReleaseStore) -> None:
    rows = work_list(store, Filters(), order="key").rows.set_index("customer_key")
    key, of = CURRENT[5], ROWS.loc[CURRENT[5]]
    assert rows.at[key, "change_week"] == pytest.approx(of["probability"] - of["probability_week_before"])
    assert rows.at[key, "change_month_end"] == pytest.approx(of["probability"] - of["probability_month_end"])
    assert rows.at[key, "days"] == pytest.approx([of["probability"] * share for share in (0.8, 0.9, 1)])
    assert (rows.at[key, "moved_reason"], rows.at[key, "behind"]) == (of["moved_reason"], of["behind"])
    assert pd.isna(rows.at[CURRENT[0], "change_week"]), "nothing to compare with is not a change of zero"


def test_filters_are_those_of_this_morning(store: ReleaseStore) -> None:
    high = set(ROWS.index[ROWS["risk_tier"] == "high"])
    listed = work_list(store, Filters(risk=["high"]), size=100).rows
    assert set(listed["customer_key"]) == high
    assert choices(store, "segment") == ["steady", "valuable and at risk"]
    by_region = work_list(store, Filters(categories={"region": ["south-west"]}), size=100).rows
    assert by_region["customer_key"].tolist() == [SCORED[5]], "the values are those of this morning"
    assert next(attribute.name for attribute in attributes(store)) == "region"


def test_without_current_scores_all_is_as_at_the_month_end(months_store: ReleaseStore) -> None:
    assert months_store.morning is None and months_store.day == DAYS[2]
    assert this_morning(months_store) is None and current_row(months_store, CURRENT[0]) is None
    assert why_not(months_store).startswith("This morning is not scored: ")
    assert orders(months_store) == ORDERS
    assert counts_of(months_store) is None and rules_of(months_store) == []
    assert qualities_of(months_store) == []


def test_alerts_are_listed_and_counted_with_those_acknowledged_since(store: ReleaseStore) -> None:
    of = pd.DataFrame(alert_rows(CURRENT[:60]))
    waits = of[of["state"].isin(["new", "delivered"])]
    today = of[(of["as_of_date"] == MORNING) & (of["state"] != "suppressed")]
    counts = counts_of(store)
    assert counts is not None and (counts.waiting, counts.of_today) == (len(waits), len(today))
    fresh = {waits["alert_id"].iloc[0]}
    less = counts_of(store, fresh)
    assert less is not None and less.waiting == len(waits) - 1
    pages = [alert_list(store, AlertFilters(), page=page, size=25) for page in (1, 2, 3)]
    listed = pd.concat([page.rows for page in pages])
    assert listed["alert_id"].is_unique and len(listed) == pages[0].total == 60
    expected = of.sort_values(["as_of_date", "importance", "alert_id"], ascending=[False, False, True])
    assert listed["alert_id"].tolist() == expected["alert_id"].tolist()
    for filters, wanted in (
        (AlertFilters(states=["open"]), waits),
        (AlertFilters(states=["suppressed"], rules=["entered_high"]), of[of["state"] == "suppressed"]),
        (AlertFilters(customer_key=CURRENT[7]), of.iloc[[7]]),
        (AlertFilters(rules=["nothing"]), of.iloc[:0]),
    ):
        assert set(alert_list(store, filters, size=100).rows["alert_id"]) == set(wanted["alert_id"])
    assert fresh & set(
        alert_list(store, AlertFilters(states=["acknowledged"]), size=100, fresh=fresh).rows["alert_id"]
    )


def test_a_rule_is_judged_by_what_became_of_told_alerts(months: ReleaseStore) -> None:
    keys = [f"{number:016x}" for number in range(10, 70)]
    of = pd.DataFrame(alert_rows(keys))
    found = {one.rule: one for one in qualities_of(months)}
    for rule, one in found.items():
        told = of[(of["rule"] == rule) & (of["state"] != "suppressed")]
        known = told.dropna(subset="outcome")
        left = known[known["outcome"] == "churned"]
        assert (one.told, one.known, one.left) == (len(told), len(known), len(left))
        assert one.precision == len(left) / len(known)
        assert one.interval == wilson(len(left), len(known))
        assert one.base_rate == pytest.approx(0.1), "of the month end before 5 December"
        assert one.lift == pytest.approx(one.precision / 0.1)
    assert set(found) == {"entered_high", "rose_fast"}


def test_without_rates_or_outcomes_a_rule_has_no_lift(store: ReleaseStore, tmp_path: Path) -> None:
    for one in qualities_of(store):
        assert one.precision is not None and one.base_rate is None and one.lift is None
    rows: list[dict[str, Any]] = [row | {"outcome": None} for row in alert_rows(CURRENT[:12])]
    publish_months(tmp_path, **(morning_tables() | {"risk_alerts": alert_table(rows)}))
    for one in qualities_of(opened_store(tmp_path)):
        assert (one.known, one.precision, one.interval, one.lift) == (0, None, None, None)


def test_on_the_day_of_the_month_end_nothing_is_compared_with_itself(tmp_path: Path) -> None:
    rows = [row | {"as_of_date": DAYS[2]} for row in current_rows(MORNING_KEYS)]
    held = morning_tables() | current_tables(MORNING_KEYS, rows=rows)
    held["customers"] = tables()["customers"]
    publish_months(tmp_path, **held, current=current_day(120, as_of_date=str(DAYS[2])))
    found = this_morning(opened_store(tmp_path))
    assert found is not None and found.entered is None
    assert found.month_end_before == DAYS[1]


def test_a_what_if_question_is_about_this_morning(store: ReleaseStore) -> None:
    present = present_values(store, SCORED[5])
    assert present is not None and present.day == MORNING
    assert present.values["tickets_count_3m"] == CHANGED.loc[5, "tickets_count_3m"]
