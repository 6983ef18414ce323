"""The page Segments and drivers."""

import pyarrow as pa
import pytest

from churn_assets.settings import Settings
from churn_assets_tests.app.conftest import Open
from churn_assets_tests.app.scored_months import BUSINESS, DAYS, SEGMENTS, all_tables, status
from churn_assets_tests.app.views.conftest import Made
from churn_assets_tests.app.views.texts import boxes, figures, no_errors, text

pytestmark = pytest.mark.one_python(reason="Streamlit draws the page; other pages are drawn on each Python")


def test_it_shows_sizes_drivers_history_and_flows(months_home: Settings, opened: Open) -> None:
    page = opened(months_home, "segments")
    no_errors(page)
    sizes, drivers, history, flows = (part.value for part in page.dataframe)
    assert sizes["segment"].tolist() == list(SEGMENTS)
    assert int(sizes["customers"].sum()) == int(drivers["customers"].sum()) == 120
    assert history["day"].nunique() == 3
    assert (flows["was"] != flows["now"]).all()
    assert figures(page)["New (customers)"] == ("5", "")
    assert figures(page)["No longer scored (customers)"] == ("5", "")


def test_the_address_chooses_the_days_and_says_whose_lists_are_behind_the_rows(
    months_home: Settings, opened: Open
) -> None:
    page = opened(months_home, "segments", day=str(DAYS[1]), change="drivers")
    no_errors(page)
    assert "You look at 30 November 2025. The lists behind the rows are those of 31 December 2025" in text(
        page
    )
    assert "driver" in page.dataframe[2].value.columns
    page = opened(months_home, "segments", before=str(DAYS[0]))
    assert figures(page)["New (customers)"] == ("10", "")
    page = opened(months_home, "segments", day="1999-01-31")
    no_errors(page)
    assert page.selectbox(key="day").value == str(DAYS[2])


def test_the_first_scored_day_has_nothing_to_compare_with(months_home: Settings, opened: Open) -> None:
    page = opened(months_home, "segments", day=str(DAYS[0]))
    no_errors(page)
    assert "No month before 31 October 2025 was scored, so no move can be told." in boxes(page)


def test_without_a_declared_value_no_value_is_shown(made: Made, opened: Open) -> None:
    business = BUSINESS | {"segments": BUSINESS["segments"] | {"value": None}}
    page = opened(made(status(), business=business), "segments")
    no_errors(page)
    assert "This business declares no value of a customer" in text(page)
    assert not [name for part in page.dataframe for name in part.value.columns if name.startswith("value")]


def with_values(made: Made) -> Settings:
    """A home whose customers have lifetime values but for the first of them."""
    rows = all_tables()["segments"].to_pandas()
    newest = rows[rows["as_of_date"].astype(str) == str(DAYS[2])]
    values = [None, *([100.0] * (len(newest) - 1))]
    customers = newest.assign(status="scored", lifetime_value=values, value_horizon_months=24)
    return made(status(), customers=pa.Table.from_pandas(customers, preserve_index=False))


def test_the_newest_day_tells_what_the_customers_will_bring(made: Made, opened: Open) -> None:
    home = with_values(made)
    sizes = opened(home, "segments").dataframe[0].value
    assert sizes["lifetime_value"].sum() == 11_900
    earlier = opened(home, "segments", day=str(DAYS[1])).dataframe[0].value
    assert "lifetime_value" not in earlier.columns
    page = opened(home, "overview")
    no_errors(page)
    told = text(page)
    assert "In the next 24 months all scored customers are expected to bring **€11,900** of margin" in told
    assert "Customers whose value is not known: 1." in told


def with_a_list(made: Made) -> Settings:
    """A home whose customers are those of the newest segments."""
    rows = all_tables()["segments"].to_pandas()
    newest = rows[rows["as_of_date"].astype(str) == str(DAYS[2])]
    customers = newest.assign(status="scored", reason_1="two tickets", reason_2=None, reason_3=None)
    return made(status(), customers=pa.Table.from_pandas(customers, preserve_index=False))


def test_a_row_of_the_flows_opens_just_the_customers_that_moved(made: Made, opened: Open) -> None:
    home = with_a_list(made)
    flows = opened(home, "segments").dataframe[3].value
    arrived = flows[~flows["now"].isin(["no longer scored"])]
    assert {"not scored before"} < set(arrived["was"]), "moves, and some who came"
    for row in arrived.to_dict("records"):
        move = {"was": row["was"], "now": row["now"], "before": str(DAYS[1]), "until": str(DAYS[2])}
        page = opened(home, "at_risk", **move)
        no_errors(page)
        assert f"{row['customers']} customers, page 1 of" in text(page)
        assert set(page.dataframe[0].value["segment"]) == {row["now"]}
    page.button(key="without_move").click().run()
    assert "Only customers who moved" not in text(page)
    assert "120 customers, page 1 of" in text(page)


def test_an_address_that_names_no_move_is_told(made: Made, opened: Open) -> None:
    home = with_a_list(made)
    for wrong in ({"was": "a"}, {"was": "a", "now": "b", "before": "1999-01-31", "until": str(DAYS[2])}):
        page = opened(home, "at_risk", **wrong)
        no_errors(page)
        assert "The address names no move between two scored days" in text(page)
        assert "120 customers, page 1 of" in text(page)
