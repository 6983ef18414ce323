"""What a release tells of campaigns."""

from dataclasses import replace
from pathlib import Path

import pytest

from churn_assets.contracts.business import Business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.retention.planning import plan_of
from churn_assets.serving.campaigns import HOLDOUT, OF_A_PLAN, campaign_tables, results_table, uplift_tables
from churn_assets.serving.columns import release_tables
from churn_assets.serving.contents import COPIED
from churn_assets_tests.lakes import settings_for
from churn_assets_tests.retention.planned_lakes import CUSTOMERS, LAST, MONTHS
from churn_assets_tests.retention.test_approval_and_export import ID, business, lake
from churn_assets_tests.serving.release.campaigns import campaign_tables as made_tables
from churn_assets_tests.serving.release.campaigns import result_rows
from churn_assets_tests.serving.release.campaigns import uplift_tables as made_uplift

__all__ = ["business", "lake"]  # fixtures


def test_it_holds_the_newest_plan_its_curve_its_offers_and_what_the_holdout_can_show(
    lake: Lakehouse, business: Business
) -> None:
    older = plan_of(lake, LAST).assign(as_of_date=MONTHS[-2] + "-30", campaign_id="retention-2025-09")
    older["as_of_date"] = older["as_of_date"].astype("datetime64[s]").dt.date
    rows = tables.CAMPAIGN_PLAN.rows(older.astype(object).where(older.notna(), None).to_dict("records"))
    lake.append_rows(tables.CAMPAIGN_PLAN, rows, run_id="older")
    found = campaign_tables(lake)
    assert not isinstance(found, str)
    plan = found["campaign_plan"]
    assert plan.num_rows == CUSTOMERS and set(plan["campaign_id"].to_pylist()) == {ID}
    assert tuple(plan.column_names) == OF_A_PLAN
    assert sum(row["declared"] for row in found["budget_curve"].to_pylist()) == 1
    power = found["campaign_holdout"].to_pylist()
    assert [row["months"] for row in power] == [3, 6, 12]
    held = [row for row in plan.to_pylist() if row["arm"] == "holdout" and row["offer"]]
    assert {row["compared"] for row in power} == {len(held)} != {0}


def test_without_a_plan_it_says_why(tmp_path: Path) -> None:
    house = Lakehouse(settings_for(tmp_path))
    assert campaign_tables(house) == "retention/campaign_plan was never materialised"
    assert results_table(house) == "retention/campaign_results was never materialised"


def test_effects_are_those_of_the_newest_knowledge(tmp_path: Path) -> None:
    house, held = Lakehouse(settings_for(tmp_path)), made_uplift()
    absent = uplift_tables(house)
    assert set(absent.values()) == {"retention/offer_uplift was never materialised"}
    older = [row | {"as_of_date": LAST} for row in held["offer_uplift"].to_pylist()]
    rows = [*older, *held["offer_uplift"].to_pylist()]
    house.append_rows(tables.OFFER_UPLIFT, tables.OFFER_UPLIFT.rows(rows), run_id="made")
    found = uplift_tables(house)
    assert found["effect_groups"] == "retention/effect_groups was never materialised"
    house.append_rows(tables.EFFECT_GROUPS, held["effect_groups"], run_id="made")
    found = uplift_tables(house)
    for name, table in held.items():
        told = found[name]
        assert not isinstance(told, str) and told.sort_by("offer").equals(table.sort_by("offer"))


def test_a_table_of_an_earlier_version_is_told_without_its_new_columns(tmp_path: Path) -> None:
    house, held = Lakehouse(settings_for(tmp_path)), made_uplift()["offer_uplift"]
    before = replace(
        tables.OFFER_UPLIFT, columns=tuple(c for c in tables.OFFER_UPLIFT.columns if c.name != "trust")
    )
    house.append_rows(before, before.rows(held.drop_columns(["trust"]).to_pylist()), run_id="earlier")
    found = uplift_tables(house)["offer_uplift"]
    assert not isinstance(found, str)
    assert found.num_rows == held.num_rows and "trust" not in found.column_names


def test_results_are_those_of_the_newest_knowledge(tmp_path: Path) -> None:
    house, table = Lakehouse(settings_for(tmp_path)), tables.CAMPAIGN_RESULTS
    newest = result_rows()
    older = [row | {"as_of_date": LAST} for row in newest]
    house.append_rows(table, table.rows([*older, *newest]), run_id="made")
    found = results_table(house)
    assert not isinstance(found, str)
    assert found.num_rows == len(newest) and set(found["as_of_date"].to_pylist()) == {newest[0]["as_of_date"]}


def test_no_name_of_a_person_is_in_it() -> None:
    dropped = dict(COPIED)[tables.CAMPAIGNS]
    assert {"by", "note"} <= set(dropped)
    assert not {"by", "note"} & set(made_tables(["k"])["campaigns"].column_names)


@pytest.mark.parametrize(
    "name", ["campaign_plan", "budget_curve", "offer_effects", "campaigns", HOLDOUT.name]
)
def test_every_column_has_a_meaning(business: Business, name: str) -> None:
    meanings = {column.name for column in release_tables(business)[name].columns}
    assert set(made_tables(["k"])[name].column_names) <= meanings
