"""Whatever is wrong in churn.yaml is said with file, place and remedy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from churn_assets.contracts.loader import load_business
from churn_assets_tests.contracts.reports import only_mistake
from churn_assets_tests.lakes import business_copy, edit_yaml

Edit = Callable[[dict[str, Any]], object]

SPELL_OF_CUSTOMERS = {"source": "customers", "aggregate": "tenure"}
CHURN_YAML: dict[str, tuple[Edit, str, str]] = {
    "unknown key": (
        lambda c: c.update(colour="red"),
        "colour",
        "there is no key 'colour'; allowed: name, owner, calendar, windows, label, eligibility, people, ",
    ),
    "unknown key inside": (
        lambda c: c["windows"].update(gap=7),
        "windows.gap",
        "there is no key 'gap'; allowed: observation_months, gap_days, outcome_days, settlement_days",
    ),
    "missing key": (lambda c: c.pop("label"), "label", "the key label is missing; add it"),
    "silence of customers with a spell": (
        lambda c: c["eligibility"].update(active_within_days=90),
        "eligibility.active_within_days",
        "under the policy cancellation a customer is active as long as a spell runs; remove it",
    ),
    "missing key inside": (
        lambda c: c["label"].pop("policy"),
        "label.policy",
        "the key policy is missing; add it",
    ),
    "expression of no feature": (
        lambda c: c["features"].append({"name": "x", "sql": "tenure_days / usage_data_mb_sum_2m"}),
        "features[..].sql",
        "there is no usage_data_mb_sum_2m to read; did you mean usage_data_mb_sum_6m?",
    ),
    "expression of a later one": (
        lambda c: c["features"].insert(0, {"name": "x", "sql": "data_share_last_week + 1"}),
        "features[0].sql",
        "there is no data_share_last_week to read",
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
        "features[..].where",
        "there is no issued_at to read; did you mean issued_on?",
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
        "features[..].where",
        "now differs from run to run, and a month computed again must come out the same; take it out; use an aggregate",
    ),
    "condition of a month column": (
        lambda c: c["customer_months"][0].update(where="sta_tus = 'paid'"),
        "customer_months[0].where",
        "there is no sta_tus to read; did you mean status?",
    ),
    "misspelt candidate": (
        lambda c: c["training"].update(candidates=["random_forrest"]),
        "training.candidates[0]",
        "found 'random_forrest'; did you mean random_forest?; allowed: one of logistic_regression",
    ),
    "unknown engine": (
        lambda c: c["training"].update(engine="gpu"),
        "training.engine",
        "found 'gpu'; allowed: one of auto, local, spark",
    ),
    "seconds without trials": (
        lambda c: c["training"].update(search={"seconds": 60}),
        "training.search",
        "search.seconds has no effect without search.trials: set search.trials, too",
    ),
    "unknown policy": (
        lambda c: c["label"].update(policy="gone"),
        "label.policy",
        "found 'gone'; allowed: one of cancellation, lapse, inactivity",
    ),
    "label source": (
        lambda c: c["label"].update(source="crm"),
        "label.source",
        (
            "there is no source crm; "
            "use one of app_contacts, customers, invoices, retention_contacts, subscriptions, tickets"
        ),
    ),
    "condition of a label without events": (
        lambda c: c["label"].update(where="monthly_price > 0"),
        "label.where",
        "the policy cancellation reads no events; remove it",
    ),
    "label role": (
        lambda c: c["label"].update(source="usage"),
        "label.source",
        "the policy cancellation cannot read usage, a source of role event; name a source of role spell",
    ),
    "feature source": (
        lambda c: c["features"][0].update(source="crm"),
        "features[0].source",
        (
            "there is no source crm; "
            "use one of app_contacts, customers, invoices, retention_contacts, subscriptions, tickets"
        ),
    ),
    "feature column": (
        lambda c: c["features"].append(
            {"source": "usage", "aggregate": "sum", "measure": "kilobytes", "months": [1]}
        ),
        "features[..].measure",
        "usage has no column kilobytes; use one of day, voice_minutes, sms_count, data_mb, roaming_mb",
    ),
    "personal column": (
        lambda c: c["features"].append(
            {"source": "customers", "aggregate": "attribute", "column": "birth_date"}
        ),
        "features[..].column",
        "birth_date of customers is personal, and no table after silver may read it; did you mean",
    ),
    "natural id": (
        lambda c: c["features"].append(
            {"source": "customers", "aggregate": "attribute", "column": "customer_id"}
        ),
        "features[..].column",
        "customer_id of customers is personal, and no table after silver may read it; use one of birth_decade",
    ),
    "measure of text": (
        lambda c: c["features"].append(
            {"source": "tickets", "aggregate": "sum", "measure": "channel", "months": [1]}
        ),
        "features[..].measure",
        "channel of tickets is of type string, not a number",
    ),
    "aggregate of another role": (
        lambda c: c["features"].insert(0, SPELL_OF_CUSTOMERS),
        "features[0].aggregate",
        "a source of role entity has no aggregate tenure; use one of attribute",
    ),
    "window beyond W": (
        lambda c: c["features"].insert(0, {"source": "tickets", "aggregate": "count", "months": [12]}),
        "features[0].months[0]",
        "a count over 12 months does not fit into 6 months",
    ),
    "trend needs two windows": (
        lambda c: c["features"].insert(
            0, {"source": "usage", "aggregate": "trend", "measure": "data_mb", "months": [6]}
        ),
        "features[0].months[0]",
        "a trend over 6 months does not fit into 6 months",
    ),
    "no window": (
        lambda c: c["features"].insert(0, {"source": "tickets", "aggregate": "count"}),
        "features[0]",
        "the aggregate count needs windows",
    ),
    "feature twice": (
        lambda c: c["features"].append({"source": "tickets", "aggregate": "count", "months": [3]}),
        "features[..]",
        "two features are called tickets_count_3m; give one line a `name`",
    ),
    "last rule with when": (
        lambda c: c["segments"]["rules"].pop(),
        "segments.rules",
        "the last segment rule must have no `when`, so that every customer is in exactly one segment",
    ),
    "protected feature": (
        lambda c: c["protected"].append({"source": "customers", "column": "device_class"}),
        "features[..].column",
        "device_class of customers is protected, so no model may learn from it; take the feature out, or set",
    ),
    "protected inside an expression": (
        lambda c: c["features"].append(
            {"name": "old", "sql": "if(protected_customers_birth_decade < '1960s', 1, 0)"}
        ),
        "features[..].sql",
        "birth_decade of customers is protected, so no model may learn from it; take the feature out, or set",
    ),
    "protected and personal": (
        lambda c: c["protected"].append({"source": "customers", "column": "birth_date"}),
        "protected[2].column",
        "birth_date is personal and stays in silver/customer_identity; derive a coarse column (a decade of",
    ),
    "protected number": (
        lambda c: c["protected"].append({"source": "customers", "column": "household_size"}),
        "protected[2].column",
        "household_size is of type integer, which makes no groups; derive bands from it in the contract",
    ),
    "protected column unknown": (
        lambda c: c["protected"].append({"source": "customers", "column": "creed"}),
        "protected[2].column",
        "customers has no column creed; use one of birth_decade, region, segment, acquisition_channel",
    ),
    "protected event": (
        lambda c: c["protected"].append({"source": "tickets", "column": "channel"}),
        "protected[2].source",
        "tickets holds no attributes of customers; name a source of role entity",
    ),
    "actionable expression": (
        lambda c: c["features"][-1].update(actionable=True),
        "features[..]",
        "an expression is not actionable: what it is made of may be",
    ),
    "offer dearer than the customer": (
        lambda c: c["economics"].update(offer=400),
        "economics",
        "the offer costs 400 and the customer is worth 400: an offer must cost less than the customer is",
    ),
    "negative cost": (
        lambda c: c["economics"].update(contact=-1),
        "economics.contact",
        "found -1; allowed: 0 or more",
    ),
    "unknown driver": (
        lambda c: c["segments"]["rules"][0]["when"].update(driver=["weather"]),
        "segments.rules[0].when.driver[0]",
        "no feature has the driver weather; use one of loyalty, contract, price, profile, payment, usage",
    ),
    "unknown value feature": (
        lambda c: c["segments"]["value"].update(feature="margin"),
        "segments.value.feature",
        "there is no feature margin; use one of tenure_days, subscriptions_days_to_expiry",
    ),
    "value feature that is no number": (
        lambda c: c["segments"]["value"].update(feature="subscriptions_plan"),
        "segments.value.feature",
        "subscriptions_plan is a category, which has no tiers; name a feature that is a number",
    ),
    "value tiers": (
        lambda c: c["segments"]["value"].update(high=0.33, middle=0.67),
        "segments.value",
        "value.middle must lie below value.high",
    ),
    "risk tiers": (
        lambda c: c["segments"]["risk"].update(elevated=0.95),
        "segments.risk",
        "risk.elevated must lie below risk.high",
    ),
    "renewal after settlement": (
        lambda c: c["label"].update(renewal_days=10),
        "label.renewal_days",
        "a renewal may come after the label is settled; raise windows.settlement_days to 10 or more",
    ),
    "a change-over after settlement": (
        lambda c: (c["label"].update(renewal_days=0), c["windows"].update(settlement_days=0)),
        "label.renewal_days",
        "a renewal may come after the label is settled; raise windows.settlement_days to 1 or more",
    ),
    "short calendar": (
        lambda c: c.update(calendar={"start": "2025-01", "end": "2025-05"}),
        "calendar",
        "it holds no full observation window of 6 months; lengthen it or shorten the window",
    ),
    "calendar backwards": (
        lambda c: c.update(calendar={"start": "2025-05", "end": "2025-01"}),
        "calendar",
        "the calendar ends (2025-01) before it starts (2025-05)",
    ),
    "not a month": (
        lambda c: c.update(calendar={"start": "2025-13"}),
        "calendar.start",
        "found '2025-13'; allowed: a month, 2025-01",
    ),
    "month column of an entity": (
        lambda c: c["customer_months"].append({"name": "x", "source": "customers", "aggregate": "count"}),
        "customer_months[6].source",
        "customers has no event time, so its rows belong to no month; name a source of role event or treatment",
    ),
    "month column without column": (
        lambda c: c["customer_months"][0].update(measure="total"),
        "customer_months[0].measure",
        "invoices has no column total; use one of invoice_id, issued_on, due_on, amount, status, paid_on",
    ),
    "month column twice": (
        lambda c: c["customer_months"].append(dict(c["customer_months"][0])),
        "customer_months[6].name",
        "two columns are called revenue; rename one",
    ),
    "month column of the table itself": (
        lambda c: c["customer_months"][0].update(name="month"),
        "customer_months[0].name",
        "month is a column of the table itself; choose another name",
    ),
    "sum of days": (
        lambda c: c["customer_months"][0].update(measure="due_on"),
        "customer_months[0].measure",
        "due_on of invoices is of type date, not a number; sum a number, or count",
    ),
    "a candidate twice": (
        lambda c: c["training"]["candidates"].append("decision_tree"),
        "training.candidates",
        "decision_tree is listed twice; remove one",
    ),
    "an attribute protected twice": (
        lambda c: c["protected"].append(dict(c["protected"][0])),
        "protected[2]",
        "birth_decade of customers is protected twice; remove one",
    ),
    "a value that a column never has": (
        lambda c: c["features"].append(
            {
                "source": "invoices",
                "aggregate": "share",
                "category": "status",
                "value": "payed",
                "months": [3],
            }
        ),
        "features[..].value",
        "status is never 'payed'; did you mean paid?; use one of its validValues:",
    ),
    "a condition on a value that a column never has": (
        lambda c: c["customer_months"][1].update(where="status not in ('paid', 'faild')"),
        "customer_months[1].where",
        "status is never 'faild'; did you mean failed?",
    ),
    "a treatment that is none": (
        lambda c: c["monitoring"]["treated"][0].update(values=["treatd"]),
        "monitoring.treated[0].values",
        "arm is never 'treatd'; did you mean treated?",
    ),
    "no such revenue": (
        lambda c: c["churn_rates"].update(revenue="turnover"),
        "churn_rates.revenue",
        "there is no revenue turnover; use one of revenue, unpaid, data_mb, voice_minutes, outage_minutes",
    ),
    "a count as revenue": (
        lambda c: c["churn_rates"].update(revenue="tickets"),
        "churn_rates.revenue",
        "tickets counts rows, which is no revenue; name a sum of customer_months",
    ),
    "a group of events": (
        lambda c: c["churn_rates"]["by"].append({"source": "tickets", "column": "category"}),
        "churn_rates.by[2].source",
        "tickets does not tell what a customer is like at the end of a month; name the spell source of the label",
    ),
    "a group that is a day": (
        lambda c: c["churn_rates"]["by"].append({"source": "subscriptions", "column": "started_on"}),
        "churn_rates.by[2].column",
        "started_on of subscriptions is of type date, which makes no groups; derive bands from it in the contract",
    ),
    "a group twice": (
        lambda c: c["churn_rates"]["by"].append({"source": "subscriptions", "column": "plan"}),
        "churn_rates.by[2].column",
        "two lines are called plan; remove or rename one",
    ),
    "bands that fall": (
        lambda c: c["churn_rates"].update(tenure_months=[6, 3]),
        "churn_rates.tenure_months",
        "tenure_months must rise from 1 on",
    ),
    "sum without measure": (
        lambda c: c["customer_months"][0].pop("measure"),
        "customer_months[0]",
        "revenue: a sum needs a measure, and a count must not have one",
    ),
}


@pytest.mark.parametrize("case", CHURN_YAML)
def test_a_mistake_in_churn_yaml_is_told_with_file_place_and_remedy(tmp_path: Path, case: str) -> None:
    edit, place, words = CHURN_YAML[case]
    folder = business_copy(tmp_path)
    edit_yaml(folder / "churn.yaml", edit)
    told = only_mistake(lambda: load_business(folder))
    assert told[:2] == (folder / "churn.yaml", place)
    assert told[2].startswith(words), told


def test_the_condition_of_a_label_reads_columns_of_its_source(tmp_path: Path) -> None:
    label = {"policy": "inactivity", "source": "transactions", "where": "unit_price > 0"}
    folder = business_copy(tmp_path, "shop", label=label)
    _, place, words = only_mistake(lambda: load_business(folder))
    assert (place, words) == ("label.where", "there is no unit_price to read")


def test_a_price_that_may_be_missing_is_no_revenue(tmp_path: Path) -> None:
    folder = business_copy(tmp_path)

    def forget(contract: dict[str, Any]) -> None:
        [price] = [p for p in contract["schema"][0]["properties"] if p["name"] == "monthly_price"]
        price["required"] = False

    edit_yaml(folder / "contracts" / "subscriptions.yaml", forget)
    _, place, words = only_mistake(lambda: load_business(folder))
    assert place == "churn_rates.revenue"
    assert words.startswith(
        "monthly_price may be missing in a row, and then the revenue of the customer is unknown;"
    )
