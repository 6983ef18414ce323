"""Values that a contract's `transformLogic` computes."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from churn_assets.contracts.contract import load_source
from churn_assets_tests.lakes import business_copy, edit_yaml

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

from churn_assets_tests.silver.conformed import GOOD, conformed_rows


def test_what_a_transformed_value_is_not_is_malformed_too(spark: "SparkSession", tmp_path: Path) -> None:
    file = business_copy(tmp_path) / "contracts" / "subscriptions.yaml"

    def in_words(contract: dict[str, Any]) -> None:
        months = next(p for p in contract["schema"][0]["properties"] if p["name"] == "contract_months")
        months["transformLogic"] = "replace(contract_months, ' months', '')"

    edit_yaml(file, in_words)
    cases = {m: GOOD | {"contract_months": m} for m in ("12 months", "many months", "12.5")}
    rows = conformed_rows(spark, load_source(file), cases)
    assert (rows["12 months"]["contract_months"], rows["12 months"]["refused_rule"]) == (12, None)
    assert rows["many months"]["refused_reason"] == "contract_months is not an integer: many"
    assert rows["12.5"]["refused_rule"] == "malformed:contract_months"


@pytest.mark.jvm(reason="Sail cannot tell which rows raise an error")
def test_what_raises_in_a_transformation_is_malformed(spark: "SparkSession", tmp_path: Path) -> None:
    """Also where two columns compute the same, which Spark would do before anything else."""
    file = business_copy(tmp_path) / "contracts" / "subscriptions.yaml"
    logic = {
        "monthly_price": "cast(monthly_price as double) / 100",
        "contract_months": "round(cast(monthly_price as double)) / contract_months",
        "expires_on": "to_date(expires_on, 'dd/MM/yyyy')",
        "ended_on": "date_add(to_date(expires_on, 'dd/MM/yyyy'), 1)",
    }

    def computed(contract: dict[str, Any]) -> None:
        for prop in contract["schema"][0]["properties"]:
            if prop["name"] in logic:
                prop["transformLogic"] = logic[prop["name"]]
                prop.pop("quality", None)

    edit_yaml(file, computed)
    good = GOOD | {"monthly_price": "2400"}
    cases = {
        "good": good | {"expires_on": "13/07/2025"},
        "a word": good | {"monthly_price": "Erika"},
        "by nothing": good | {"contract_months": "0"},
        "a day and more": good | {"expires_on": "13/07/2025 in Kiel"},
    }
    rows = conformed_rows(spark, load_source(file), cases)
    whole = rows["good"]
    assert (whole["refused_rule"], str(whole["monthly_price"]), whole["contract_months"]) == (
        None,
        "24.00",
        200,
    )
    assert (whole["expires_on"], whole["ended_on"]) == (date(2025, 7, 13), date(2025, 7, 14))
    told = {
        case: (row["refused_rule"], row["refused_reason"]) for case, row in rows.items() if case != "good"
    }
    cannot = "cannot be computed by its transformLogic from"
    assert told == {
        "a word": ("malformed:contract_months", f"contract_months {cannot} 12"),
        "by nothing": ("malformed:contract_months", f"contract_months {cannot} 0"),
        "a day and more": ("malformed:expires_on", f"expires_on {cannot} 13/07/2025 in Kiel"),
    }
    assert rows["a word"]["raw_row"]["monthly_price"] == "Erika"
