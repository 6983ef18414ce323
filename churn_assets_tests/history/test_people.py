"""Who objects to profiling stays out, an unknown consent is none, and only declared columns tell who somebody is."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.history.people import Objections, identity_rows, objections
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.serving.contents import without
from churn_assets_tests.lakes import edit_yaml, settings_for, small_business, tell_merges

JANUARY, FEBRUARY = date(2025, 1, 31), date(2025, 2, 28)


def _declare(contract: dict[str, Any]) -> None:
    """Adds an answer in words, a person who looks after the customer, and an id of a merge."""
    contract["schema"][0]["properties"] += [
        {"name": "profiling", "logicalType": "string"},
        {"name": "agent", "logicalType": "string"},
    ]
    _ask(contract, {"column": "profiling", "values": ["no", "never"]}, owner="agent")
    tell_merges(contract)


def _ask(contract: dict[str, Any], objection: dict[str, Any] | None, owner: str | None = None) -> None:
    """Declares these in place of what the shipped contract declares."""
    own = [p for p in contract["customProperties"] if p["property"] not in ("objection", "accountOwner")]
    told = {"objection": objection, "accountOwner": owner}
    contract["customProperties"] = own + [{"property": k, "value": v} for k, v in told.items() if v]


@pytest.fixture
def business(tmp_path: Path) -> Business:
    folder = small_business(tmp_path)
    edit_yaml(folder / "contracts" / "customers.yaml", _declare)
    return load_business(folder)


def _version(key: str, day: date, sequence: int = 1, refused: bool = False, **values: Any) -> dict[str, Any]:
    own = {"known_at": day, "sequence": sequence, "extract_month": f"{day:%Y-%m}", "latest_in_month": True}
    return {"customer_key": key, "copies": 1, "refused": refused} | own | values


@pytest.fixture
def lake(tmp_path: Path, business: Business) -> Lakehouse:
    """a objected; b took it back; c did, then a row was refused; d never answered; e objected, and e and g are f."""
    house, source = Lakehouse(settings_for(tmp_path)), business.source("customers")
    months = ["2025-01", "2025-02"]
    rows = [
        _version("a", JANUARY, profiling="never", marketing_consent=True, agent="team north"),
        _version("b", JANUARY, profiling="no", marketing_consent=True),
        _version("b", FEBRUARY, profiling="yes", marketing_consent=False),
        _version("c", JANUARY, profiling="no", marketing_consent=True),
        _version("c", FEBRUARY, refused=True),
        _version("d", JANUARY, marketing_consent=True, agent="team south"),
        _version("d", FEBRUARY, refused=True),
        _version("e", JANUARY, profiling="no", merged_into_key="f"),
        _version("f", JANUARY, profiling="yes", marketing_consent=True),
    ]
    people = [
        {
            "customer_key": k,
            "known_at": day,
            "sequence": 1,
            "extract_month": f"{day:%Y-%m}",
            "source": "customers",
        }
        | {"full_name": f"Person {k}", "email": f"{k}@mail.example", "birth_date": date(1980, 1, 1)}
        for k, day in (("a", JANUARY), ("b", JANUARY), ("c", JANUARY), ("d", JANUARY), ("f", FEBRUARY))
    ]
    people.append(people[1] | {"known_at": FEBRUARY, "extract_month": "2025-02", "email": "new@mail.example"})
    for table, made in (
        (tables.silver(source), rows),
        (tables.customer_identity(business), people),
    ):
        house.replace_rows(table, table.rows(made), "extract_month", months, run_id="made")
    keys = [{"customer_id": f"C{i}", "customer_key": key} for i, key in enumerate("abcdefg")]
    house.append_rows(tables.CUSTOMER_KEYS, tables.CUSTOMER_KEYS.rows(keys), run_id="made")
    gold = tables.customers(business)
    told = [{"customer_key": key, "survivor_key": "f" if key in "eg" else None} for key in "abcdefg"]
    house.append_rows(gold, gold.rows([t | dict.fromkeys(_totals(business), 0) for t in told]), run_id="made")
    return house


def _totals(business: Business) -> list[str]:
    return [f"{source.name}_total" for source in business.of_role("event", "treatment")]


def test_an_objection_holds_until_another_answer_is_known(lake: Lakehouse, business: Business) -> None:
    found = objections(lake, business)
    assert found.keys == {"a", "c", "e", "f", "g"}  # e, f and g are one person
    assert found.unanswered == 1
    for key in "abcdefg":
        assert (key in objections(lake, business, about={key}).keys) == (key in found.keys)


def test_without_a_declared_objection_nobody_objects(lake: Lakehouse, tmp_path: Path) -> None:
    folder = small_business(tmp_path)
    edit_yaml(folder / "contracts" / "customers.yaml", lambda contract: _ask(contract, None))
    assert objections(lake, load_business(folder)) == Objections(frozenset(), 0)


@pytest.mark.parametrize("classified", [{}, {"classification": "personal"}])
def test_nobody_has_answered_in_a_lake_from_before_the_columns(
    lake: Lakehouse, tmp_path: Path, classified: dict[str, str]
) -> None:
    """A contract declares columns, and no extract has been loaded since."""
    folder = small_business(tmp_path)

    def declare(contract: dict[str, Any]) -> None:
        _declare(contract)
        _ask(contract, {"column": "asked", "values": ["no"]}, owner="minder")
        asked = [{"name": "asked"}, {"name": "minder"} | classified]
        contract["schema"][0]["properties"] += [{"logicalType": "string"} | column for column in asked]

    edit_yaml(folder / "contracts" / "customers.yaml", declare)
    later = load_business(folder)
    assert objections(lake, later) == Objections(frozenset(), 6)
    rows = identity_rows(lake, later, frozenset())
    assert rows["account_owner"].null_count == rows.num_rows == 7
    assert objections(Lakehouse(settings_for(tmp_path / "empty")), later) == Objections(frozenset(), 0)


def test_identity_holds_declared_columns_and_nothing_of_objectors(
    lake: Lakehouse, business: Business
) -> None:
    objected = objections(lake, business).keys
    rows = {row["customer_key"]: row for row in identity_rows(lake, business, objected).to_pylist()}
    assert list(rows) == list("abcdefg")
    assert rows["b"] == {
        "customer_id": "C1",
        "customer_key": "b",
        "full_name": "Person b",
        "email": "new@mail.example",
        "phone": None,
        "contact_known_at": FEBRUARY,
        "consent": False,
        "account_owner": None,
    }
    for key in objected:
        assert {v for name, v in rows[key].items() if name not in ("customer_id", "customer_key")} == {None}


def test_a_business_that_declares_no_owner_has_no_column_of_owners(lake: Lakehouse, tmp_path: Path) -> None:
    folder = small_business(tmp_path)
    edit_yaml(folder / "contracts" / "customers.yaml", lambda contract: _ask(contract, None))
    business = load_business(folder)
    assert "account_owner" not in identity_rows(lake, business, frozenset()).column_names


def test_a_consent_that_is_not_known_is_none(lake: Lakehouse, business: Business) -> None:
    rows = {row["customer_key"]: row for row in identity_rows(lake, business, frozenset()).to_pylist()}
    assert rows["d"]["consent"] is None and rows["d"]["account_owner"] == "team south"
    assert rows["d"]["contact_known_at"] == JANUARY
    assert (rows["a"]["consent"], rows["b"]["consent"]) == (True, False)
    assert rows["g"]["consent"] is None and rows["g"]["email"] is None


def test_a_boolean_that_is_never_empty_is_an_answer(tmp_path: Path) -> None:
    folder = small_business(tmp_path)

    def objects(contract: dict[str, Any]) -> None:
        _ask(contract, {"column": "autopay"})

    edit_yaml(folder / "contracts" / "customers.yaml", objects)
    house, other = Lakehouse(settings_for(tmp_path / "other")), load_business(folder)
    rows = [_version("a", JANUARY, autopay=True), _version("b", JANUARY, autopay=False)]
    table = tables.silver(other.source("customers"))
    house.replace_rows(table, table.rows(rows), "extract_month", ["2025-01"], run_id="made")
    assert objections(house, other).keys == {"a"}


def test_rows_of_objectors_are_left_out_of_every_table(lake: Lakehouse, business: Business) -> None:
    rows = lake.arrow(tables.silver(business.source("customers")), ["customer_key", "known_at"])
    assert set(without(rows, {"a", "c"})["customer_key"].to_pylist()) == {"b", "d", "e", "f"}
    assert without(rows, frozenset()).num_rows == rows.num_rows
    curves = rows.drop_columns(["customer_key"])
    assert without(curves, {"a"}) is curves
