"""The page Data."""

from churn_assets.settings import Settings
from churn_assets_tests.app.conftest import Open
from churn_assets_tests.app.scored_months import incident, status
from churn_assets_tests.app.views.conftest import Made
from churn_assets_tests.app.views.texts import boxes, figures, no_errors, text


def test_it_tells_freshness_refused_rows_and_people(months_home: Settings, opened: Open) -> None:
    page = opened(months_home, "data")
    no_errors(page)
    assert figures(page)["Refused (rows)"] == ("60", "")
    assert [box.value for box in page.success][1:] == ["None.", "No extract is missing."]
    freshness, refused, rows, people = (part.value for part in page.dataframe)
    assert freshness["source"].tolist() == ["customers", "usage"]
    assert refused["rows"].tolist() == [21, 10, 9]
    assert len(rows) == 6
    assert people["difference"].tolist() == [0] * 6
    assert "110 customers = 100 before + 20 new - 8 ended - 1 merged - 1 unknown." in text(page)


def test_a_source_can_be_chosen_and_an_unknown_one_is_ignored(months_home: Settings, opened: Open) -> None:
    page = opened(months_home, "data", source="customers")
    no_errors(page)
    assert page.dataframe[1].value["rule"].tolist() == ["malformed:birth_date"]
    page = opened(months_home, "data", source="carrier_pigeons")
    no_errors(page)
    assert page.selectbox(key="source").value == "all sources"


def test_missing_extracts_and_incidents_are_listed(made: Made, opened: Open) -> None:
    source = status()["sources"][0] | {"missing_months": ["2025-12"], "known_until": None}
    told = status(sources=[source], incidents=[incident("message_undeliverable")])
    page = opened(made(told), "data")
    no_errors(page)
    assert page.warning[0].value.startswith(
        "**The data: look at it.** Of customers no extract of 2025-12 has passed."
    )
    incidents, _, missing, *_ = (part.value for part in page.dataframe)
    assert incidents["incident_id"].tolist() == ["INC-3"]
    assert missing["month"].tolist() == ["2025-12"]


def test_without_a_status_only_people_are_known(made: Made, opened: Open) -> None:
    page = opened(made(), "data")
    no_errors(page)
    assert "The pipeline has written no status, so freshness and refused rows are not known." in boxes(page)
    assert len(page.dataframe) == 1


def test_who_objected_is_counted(made: Made, opened: Open) -> None:
    page = opened(made(status(), counts={"customers": 130, "objected": 4}), "data")
    no_errors(page)
    assert "4 customers objected to profiling. They have no score and are in no list." in text(page)


def test_absent_balance_is_told(made: Made, opened: Open) -> None:
    page = opened(made(status(), without=["people_balance"]), "data")
    no_errors(page)
    assert "Nobody has counted: monitoring/people_balance was never materialised." in boxes(page)
