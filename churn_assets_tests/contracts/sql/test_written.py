"""All SQL of a business is found, with its place; the shipped businesses mean the same everywhere."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from churn_assets.contracts.loader import load_business
from churn_assets.contracts.sql.written import EngineDifferences, told
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets_tests.lakes import business_copy, edit_yaml


@pytest.mark.parametrize("name", ["telecom", "shop"])
def test_shipped_businesses_mean_the_same_on_both_engines(name: str) -> None:
    business = load_business(SHIPPED_BUSINESSES / name)
    assert business.sql_differences == ()
    files = [
        SHIPPED_BUSINESSES / name / "churn.yaml",
        *(SHIPPED_BUSINESSES / name / "contracts").glob("*.yaml"),
    ]
    declared = [text for file in files for text in _sql_in(yaml.safe_load(file.read_text(encoding="utf-8")))]
    assert sorted(written.text for written in business.written) == sorted(declared)


def _sql_in(content: object, key: str = "") -> list[str]:
    """All texts below the keys that hold SQL, patterns or formats."""
    if isinstance(content, dict):
        if content.get("property") == "alternativeFormats":
            return [str(text) for text in content["value"]]
        return [text for name, value in content.items() if name != "servers" for text in _sql_in(value, name)]
    if isinstance(content, list):
        return [text for item in content for text in _sql_in(item)]
    return (
        [str(content)] if key in ("where", "sql", "transformLogic", "pattern", "format") and content else []
    )


def test_each_place_is_told_with_its_line_and_what_to_write(tmp_path: Path) -> None:
    folder = business_copy(
        tmp_path, label={"policy": "cancellation", "source": "subscriptions", "renewal_days": 3}
    )
    edit_yaml(folder / "churn.yaml", _with_other_sql)
    edit_yaml(folder / "contracts" / "invoices.yaml", _with_other_rules)
    differences = load_business(folder).sql_differences
    assert {(d.file.name, d.path): d.problem.split(" ")[0] for d in differences} == {
        ("churn.yaml", "features[0].sql"): "rint",
        ("churn.yaml", "features[1].where"): "weekday",
        ("churn.yaml", "customer_months[0].where"): "*",
        ("invoices.yaml", "schema[0].properties[status].transformLogic"): "cast",
        ("invoices.yaml", "schema[0].properties[status].logicalTypeOptions.pattern"): "the",
        ("invoices.yaml", "schema[0].properties[paid_on].logicalTypeOptions.format"): "the",
    }
    for difference in differences:
        line = difference.file.read_text(encoding="utf-8").splitlines()[difference.line - 1]
        assert difference.path.rpartition(".")[2] in line
        assert difference.remedy
    text = told(differences)
    assert text.startswith("6 expressions are not proven to mean the same on Sail as on Spark")
    assert all(str(difference) in text for difference in differences)
    assert "CHURN_ENGINE=spark" in str(EngineDifferences(differences))


def _with_other_sql(content: dict[str, Any]) -> None:
    content["features"][:0] = [
        {"name": "rounded", "sql": "rint(tenure_days)"},
        {
            "source": "invoices",
            "aggregate": "count",
            "name": "sunday",
            "months": [1],
            "where": "weekday(issued_on) = 6",
        },
    ]
    content["customer_months"][:0] = [
        {"name": "many", "source": "tickets", "aggregate": "count", "where": "priority * priority > 4"}
    ]


def _with_other_rules(content: dict[str, Any]) -> None:
    columns = {column["name"]: column for column in content["schema"][0]["properties"]}
    columns["status"]["transformLogic"] = "cast(cast(payment as int) as string)"
    columns["status"]["logicalTypeOptions"] = {"pattern": "^[a-z]+$"}
    columns["paid_on"]["logicalTypeOptions"] = {"format": "dd.MM.yyyy HH:mm z"}


def test_sql_that_cannot_be_parsed_here_is_no_mistake(tmp_path: Path) -> None:
    """Spark may accept it: the business loads, and only Spark computes it."""
    folder = business_copy(tmp_path)
    edit_yaml(
        folder / "churn.yaml",
        lambda content: content["features"].insert(0, {"name": "odd", "sql": "substring(plan from 1 for 2)"}),
    )
    [difference] = load_business(folder).sql_differences
    assert difference.problem.startswith("could not be parsed")
