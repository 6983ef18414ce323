"""Whatever is wrong in churn.yaml is said with file, place and remedy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from churn_assets.contracts.errors import DeclarationError
from churn_assets.contracts.loader import load_business
from churn_assets_tests.lakes import business_copy, edit_yaml

Edit = Callable[[dict[str, Any]], object]

SPELL_OF_CUSTOMERS = {"source": "customers", "aggregate": "tenure"}
CHURN_YAML: dict[str, tuple[Edit, str, str]] = {
    "unknown key": (lambda c: c.update(colour="red"), "colour", "remove it, or check its spelling"),
    "unknown key inside": (lambda c: c["windows"].update(gap=7), "windows.gap", "remove it"),
    "missing key": (lambda c: c.pop("label"), "label", "add this key"),
    "silence of customers with a spell": (
        lambda c: c["eligibility"].update(active_within_days=90),
        "eligibility.active_within_days",
        "remove it",
    ),
    "missing key inside": (lambda c: c["label"].pop("policy"), "label.policy", "add this key"),
    "expression of no feature": (
        lambda c: c["features"].append({"name": "x", "sql": "tenure_days / usage_data_mb_sum_2m"}),
        ".sql: there is no usage_data_mb_sum_2m to read",
        "usage_data_mb_sum_6m is meant, perhaps",
    ),
    "expression of a later one": (
        lambda c: c["features"].insert(0, {"name": "x", "sql": "data_share_last_week + 1"}),
        "features[0].sql: there is no data_share_last_week to read",
        "",
    ),
    "condition on no column": (
        lambda c: c["features"].append(
            {
                "source": "invoices",
                "aggregate": "count",
                "name": "x",
                "where": "issued_at > due_on",
                "months": [1],
            }
        ),
        ".where: there is no issued_at to read",
        "issued_on is meant, perhaps",
    ),
    "condition on the day of the run": (
        lambda c: c["features"].append(
            {
                "source": "invoices",
                "aggregate": "count",
                "name": "x",
                "where": "due_on < now()",
                "months": [1],
            }
        ),
        ".where: now differs from run to run",
        "take it out",
    ),
    "condition of a month column": (
        lambda c: c["customer_months"][0].update(where="sta_tus = 'paid'"),
        "customer_months[0].where: there is no sta_tus to read",
        "",
    ),
    "misspelt candidate": (
        lambda c: c["training"].update(candidates=["random_forrest"]),
        "training.candidates[0]: Input should be 'logistic_regression', ",
        "found 'random_forrest'. Remedy: use one of the allowed values",
    ),
    "unknown engine": (
        lambda c: c["training"].update(engine="gpu"),
        "training.engine",
        "use one of the allowed values",
    ),
    "seconds without trials": (
        lambda c: c["training"].update(search={"seconds": 60}),
        "training.search",
        "search.seconds without search.trials",
    ),
    "unknown policy": (
        lambda c: c["label"].update(policy="gone"),
        "label.policy",
        "use one of the allowed values",
    ),
    "label source": (lambda c: c["label"].update(source="crm"), "label.source", "use one of customers"),
    "label role": (lambda c: c["label"].update(source="usage"), "at label", "spell"),
    "feature source": (
        lambda c: c["features"][0].update(source="crm"),
        "features[0].source",
        "use one of customers",
    ),
    "feature column": (
        lambda c: c["features"].append(
            {"source": "usage", "aggregate": "sum", "measure": "kilobytes", "months": [1]}
        ),
        "features[",
        "it has day, voice_minutes",
    ),
    "personal column": (
        lambda c: c["features"].append(
            {"source": "customers", "aggregate": "attribute", "column": "birth_date"}
        ),
        "features[",
        "birth_date is not a usable column",
    ),
    "natural id": (
        lambda c: c["features"].append(
            {"source": "customers", "aggregate": "attribute", "column": "customer_id"}
        ),
        "features[",
        "customer_id is not a usable column",
    ),
    "measure of text": (
        lambda c: c["features"].append(
            {"source": "tickets", "aggregate": "sum", "measure": "channel", "months": [1]}
        ),
        "features[",
        "not a number",
    ),
    "aggregate of another role": (
        lambda c: c["features"].insert(0, SPELL_OF_CUSTOMERS),
        "features[0]",
        "it has attribute",
    ),
    "window beyond W": (
        lambda c: c["features"].insert(0, {"source": "tickets", "aggregate": "count", "months": [12]}),
        "features[0]",
        "12 months of a count does not fit into 6",
    ),
    "trend needs two windows": (
        lambda c: c["features"].insert(
            0, {"source": "usage", "aggregate": "trend", "measure": "data_mb", "months": [6]}
        ),
        "features[0]",
        "does not fit into 6",
    ),
    "no window": (
        lambda c: c["features"].insert(0, {"source": "tickets", "aggregate": "count"}),
        "features[0]",
        "needs windows",
    ),
    "feature twice": (
        lambda c: c["features"].append({"source": "tickets", "aggregate": "count", "months": [3]}),
        "at features",
        "two features are called tickets_count_3m. Remedy: give one line a `name`",
    ),
    "last rule with when": (
        lambda c: c["segments"]["rules"].pop(),
        "segments",
        "the last segment rule must have no `when`",
    ),
    "protected feature": (
        lambda c: c["protected"].append({"source": "customers", "column": "device_class"}),
        "features[",
        "device_class of customers is protected, so no model may learn from it. Remedy: take the feature out",
    ),
    "protected inside an expression": (
        lambda c: c["features"].append(
            {"name": "old", "sql": "if(protected_customers_birth_decade < '1960s', 1, 0)"}
        ),
        "features[",
        "birth_decade of customers is protected",
    ),
    "protected and personal": (
        lambda c: c["protected"].append({"source": "customers", "column": "birth_date"}),
        "protected[2]",
        "birth_date is personal and stays in silver/customer_identity. Remedy: derive a coarse column",
    ),
    "protected number": (
        lambda c: c["protected"].append({"source": "customers", "column": "household_size"}),
        "protected[2]",
        "derive bands from it",
    ),
    "protected column unknown": (
        lambda c: c["protected"].append({"source": "customers", "column": "creed"}),
        "protected[2]",
        "customers has no column creed. Remedy: use one of birth_decade",
    ),
    "protected event": (
        lambda c: c["protected"].append({"source": "tickets", "column": "channel"}),
        "protected[2]",
        "name a source of role entity",
    ),
    "actionable expression": (
        lambda c: c["features"][-1].update(actionable=True),
        "features[",
        "an expression is not actionable",
    ),
    "offer dearer than the customer": (
        lambda c: c["economics"].update(offer=400),
        "economics",
        "an offer must cost less than the customer is worth",
    ),
    "negative cost": (
        lambda c: c["economics"].update(contact=-1),
        "economics.contact",
        "greater than or equal to 0",
    ),
    "unknown driver": (
        lambda c: c["segments"]["rules"][0]["when"].update(driver=["weather"]),
        "segments.rules[0]",
        "use one of ['contract'",
    ),
    "unknown value feature": (
        lambda c: c["segments"]["value"].update(feature="margin"),
        "segments.value.feature",
        "declare it under features",
    ),
    "value feature that is no number": (
        lambda c: c["segments"]["value"].update(feature="subscriptions_plan"),
        "segments.value.feature: subscriptions_plan is a category",
        "name a feature that is a number",
    ),
    "value tiers": (
        lambda c: c["segments"]["value"].update(high=0.33, middle=0.67),
        "segments.value",
        "below value.high",
    ),
    "risk tiers": (lambda c: c["segments"]["risk"].update(elevated=0.95), "segments.risk", "below risk.high"),
    "renewal after settlement": (
        lambda c: c["label"].update(renewal_days=10),
        "label.renewal_days",
        "raise windows.settlement_days to 10",
    ),
    "a change-over after settlement": (
        lambda c: (c["label"].update(renewal_days=0), c["windows"].update(settlement_days=0)),
        "label.renewal_days",
        "raise windows.settlement_days to 1",
    ),
    "short calendar": (
        lambda c: c.update(calendar={"start": "2025-01", "end": "2025-05"}),
        "calendar",
        "lengthen it or shorten the window",
    ),
    "calendar backwards": (
        lambda c: c.update(calendar={"start": "2025-05", "end": "2025-01"}),
        "calendar",
        "ends (2025-01) before it starts (2025-05)",
    ),
    "not a month": (lambda c: c.update(calendar={"start": "2025-13"}), "calendar.start", "2025-13"),
    "month column of an entity": (
        lambda c: c["customer_months"].append({"name": "x", "source": "customers", "aggregate": "count"}),
        "customer_months[6]",
        "no event time",
    ),
    "month column without column": (
        lambda c: c["customer_months"][0].update(measure="total"),
        "customer_months[0]",
        "invoices has no column total",
    ),
    "month column twice": (
        lambda c: c["customer_months"].append(dict(c["customer_months"][0])),
        "customer_months",
        "revenue",
    ),
    "month column of the table itself": (
        lambda c: c["customer_months"][0].update(name="month"),
        "customer_months[0]: month is a column of the table itself",
        "choose another name",
    ),
    "sum of days": (
        lambda c: c["customer_months"][0].update(measure="due_on"),
        "customer_months[0]: due_on of invoices is no number",
        "sum a number, or count",
    ),
    "sum without measure": (
        lambda c: c["customer_months"][0].pop("measure"),
        "customer_months[0]",
        "a sum needs a measure",
    ),
}


@pytest.mark.parametrize("case", CHURN_YAML)
def test_a_mistake_in_churn_yaml_is_told_with_file_place_and_remedy(tmp_path: Path, case: str) -> None:
    edit, place, remedy = CHURN_YAML[case]
    folder = business_copy(tmp_path)
    edit_yaml(folder / "churn.yaml", edit)
    with pytest.raises(DeclarationError) as caught:
        load_business(folder)
    message = str(caught.value)
    assert message.startswith(f"{folder / 'churn.yaml'}: at ")
    assert place in message and remedy in message, message
