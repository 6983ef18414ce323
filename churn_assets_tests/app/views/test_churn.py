"""The page Churn."""

import pytest

from churn_assets.settings import Settings
from churn_assets_tests.app.conftest import Open
from churn_assets_tests.app.scored_months import rate_rows, status
from churn_assets_tests.app.views.conftest import Made
from churn_assets_tests.app.views.texts import boxes, figures, no_errors, text

pytestmark = pytest.mark.one_python(reason="Streamlit draws the page; other pages are drawn on each Python")


def test_it_shows_the_newest_settled_month_the_groups_and_the_triangle(
    months_home: Settings, opened: Open
) -> None:
    page = opened(months_home, "churn")
    no_errors(page)
    newest = rate_rows().query("dimension == 'all'")["churn_rate"].iloc[-1]
    assert figures(page)["Churn rate (% of customers)"][0] == f"{newest:.1%}"
    assert figures(page)["Unknown (people)"] == ("4", "")
    months, balance, groups, triangle = (part.value for part in page.dataframe)
    assert len(months) == 3
    assert balance["told"].tolist()[0] == "at the start"
    assert balance["told"].tolist()[-1] == "= at the end"
    assert groups["group"].tolist()[-1] == "not known"
    assert len(triangle) == 6
    assert "Who is unknown at the end of the month is taken out of both." in text(page)


def test_the_filters_of_the_address_choose_month_group_and_span(months_home: Settings, opened: Open) -> None:
    page = opened(months_home, "churn", by="tenure", month="2025-10", span="last month", of="revenue")
    no_errors(page)
    assert [box.value for box in page.selectbox] == ["2025-10", "tenure", "last month", "revenue"]
    assert page.dataframe[2].value["group"].tolist() == ["00 to 02 months"]
    assert page.dataframe[2].value["customer_months"].tolist() == [1194]
    assert "Of the revenue of each month of joining" in text(page)


def test_a_wrong_address_shows_the_first_choice(months_home: Settings, opened: Open) -> None:
    page = opened(months_home, "churn", by="shoe_size", month="1999-01")
    no_errors(page)
    assert [box.value for box in page.selectbox][:2] == ["2025-12", "plan"]


def test_choosing_another_month_changes_the_table(months_home: Settings, opened: Open) -> None:
    page = opened(months_home, "churn")
    before = page.dataframe[1].value["customers"].tolist()
    page.selectbox(key="month").select("2025-10").run()
    no_errors(page)
    assert page.dataframe[1].value["customers"].tolist() != before


def test_without_revenue_no_revenue_is_shown(made: Made, opened: Open) -> None:
    import pyarrow as pa

    from churn_assets_tests.app.scored_months import all_tables

    tables = {}
    for name in ("churn_rates", "retention_cohorts"):
        rows = all_tables()[name]
        for column in rows.column_names:
            if "revenue" in column:
                at = rows.column_names.index(column)
                rows = rows.set_column(at, column, pa.nulls(rows.num_rows, rows.schema.field(column).type))
        tables[name] = rows
    page = opened(made(status(), **tables), "churn")
    no_errors(page)
    assert figures(page)["Net revenue retention (% of revenue)"] == ("unknown", "")
    assert not [column for part in page.dataframe for column in part.value.columns if "revenue" in column]


@pytest.mark.parametrize(
    ("absent", "said"),
    [
        ("churn_rates", "There are no churn rates: monitoring/churn_rates was never materialised."),
        (
            "retention_cohorts",
            "There is no retention by month of joining: monitoring/retention_cohorts was never materialised.",
        ),
    ],
)
def test_absent_tables_are_told(made: Made, opened: Open, absent: str, said: str) -> None:
    page = opened(made(status(), without=[absent]), "churn")
    no_errors(page)
    assert boxes(page) == [said]


def test_no_settled_month_is_a_sentence(made: Made, opened: Open) -> None:
    from churn_assets_tests.app.scored_months import all_tables

    nothing = {name: all_tables()[name].slice(0, 0) for name in ("churn_rates", "retention_cohorts")}
    page = opened(made(status(), **nothing), "churn")
    no_errors(page)
    assert [told[:37] for told in boxes(page)] == [
        "No month has settled yet, so there is",
        "Nobody who joined can be followed yet",
    ]
