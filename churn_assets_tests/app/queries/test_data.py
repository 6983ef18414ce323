"""What the status says of sources, refused rows and missing extracts, and the balance of people."""

from churn_assets.app.queries import data
from churn_assets.app.store import ReleaseStore
from churn_assets_tests.app.scored_months import DAYS, incident, status


def test_refused_rows_are_summed_by_source_and_reason() -> None:
    found = data.refused(status())
    assert found[["source", "rule", "rows", "months"]].values.tolist() == [
        ["usage", "range:data_mb", 21, 3],
        ["customers", "malformed:birth_date", 10, 1],
        ["usage", "required:customer_id", 9, 3],
    ]
    assert (found.loc[0, "first"], found.loc[0, "last"]) == ("2025-10", "2025-12")
    assert data.refused(status(), "customers")["rows"].tolist() == [10]
    assert data.refused(status(refused_rows=[])).empty


def test_reasons_are_told_in_words_and_unknown_rules_by_their_names() -> None:
    assert data.refused(status())["why"].tolist() == [
        "data mb is below or above its bounds",
        "birth date cannot be read as what it should be",
        "customer id is missing",
    ]
    assert data.in_words("unreadable") == "the row cannot be read"
    assert data.in_words("date_order:ended_on") == "date_order:ended_on"


def test_rows_add_up_and_a_source_without_rows_has_no_share() -> None:
    assert data.row_balance(status()) == {
        "delivered": 6000,
        "accepted": 5910,
        "duplicate": 30,
        "quarantined": 60,
        "unbalanced": 0,
    }
    nothing = status()["rows"][0] | {"delivered": 0, "quarantined": 0, "balances": False}
    told = data.refused_by_month(status(rows=[nothing]))
    assert told["share"].isna().all()
    assert data.row_balance(status(rows=[nothing]))["unbalanced"] == 1


def test_missing_extracts_are_told_with_the_rule_that_refused_them() -> None:
    source = status()["sources"][1] | {
        "missing_months": ["2025-11", "2025-12"],
        "refused_by": {"2025-12": "row_volume"},
        "known_until": None,
    }
    told = status(sources=[source])
    assert data.missing(told).values.tolist() == [
        ["usage", "2025-11", "no extract has passed"],
        ["usage", "2025-12", "refused by the rule row_volume"],
    ]
    [row] = data.freshness(told).to_dict("records")
    assert (row["missing"], row["missing_months"]) == (2, "2025-11, 2025-12")
    assert data.freshness(told)["known_until"].isna().all()
    assert data.missing(status()).empty


def test_incidents_begin_with_the_most_urgent() -> None:
    told = status(
        incidents=[incident("run_failed"), incident("source_late", priority="P1", incident_id="INC-4")]
    )
    assert data.incidents(told)["incident_id"].tolist() == ["INC-4", "INC-3"]
    assert data.incidents(status()).empty


def test_everybody_is_accounted_for_in_each_month(months_store: ReleaseStore) -> None:
    found = data.people(months_store)
    assert found["source"].tolist() == ["all sources", "customers"] * 3
    assert found["as_of_date"].dt.date.tolist()[::2] == list(DAYS[::-1])
    assert found["difference"].tolist() == [0] * 6
