"""The section `alerts`: each rule names one change, of what exists, and each CRM has what its kind needs."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from churn_assets.contracts.alerts import is_quiet
from churn_assets.contracts.loader import load_business
from churn_assets_tests.contracts.reports import only_mistake
from churn_assets_tests.lakes import business_copy

CHANNELS = [
    {"name": "files", "kind": "folder", "folder": "f"},
    {"name": "oncall", "kind": "folder", "folder": "g", "topics": ["incidents"]},
]
HUBSPOT = {
    "name": "hub",
    "kind": "hubspot",
    "token": "${HUB}",
    "object": "contacts",
    "id_field": "customer_no",
    "fields": {"churn_risk": "probability"},
}


def _rule(**keys: Any) -> dict[str, Any]:
    return {"name": "r", **keys}


@pytest.mark.parametrize(
    ("rule", "place", "told"),
    [
        (_rule(), "", "the rule names no change"),
        (_rule(rose=0.1, sql="tenure_days > 9"), ".sql", "the rule names more than one change"),
        (_rule(entered="high", within_days=3), ".within_days", "only `rose` looks back"),
        (_rule(rose=0.1, within_days=9), ".within_days", "the scores of 9 days ago are not kept"),
        (_rule(driver="netwrk"), ".driver", "no feature has the driver netwrk"),
        (_rule(driver="network", when={"driver": ["prise"]}), ".when.driver[0]", "no feature has the driver"),
        (_rule(sql="ticket_count_1m > 3"), ".sql", "there is no ticket_count_1m to read"),
        (_rule(sql="tenure_days > unix_timestamp()"), ".sql", "unix_timestamp differs from run to run"),
        (_rule(sql="tenure_days"), ".sql", "tenure_days is no condition: it compares nothing"),
        (_rule(sql="if(tenure_days > 9, 1, 0)"), ".sql", "is no condition: it gives int"),
        (_rule(sql="tenure_days >= 3 andd tenure_days < 9"), ".sql", "it cannot be parsed at `tenure_days`"),
        (_rule(sql="tenure_days > 9 and"), ".sql", "is no condition: it cannot be parsed at `and`"),
        (_rule(sql="tenure_days > '9"), ".sql", "is no condition: it cannot be parsed"),
        (_rule(sql=""), ".sql", "found ''; allowed: text"),
        (_rule(rose=0.1, when={"risk": []}), ".when.risk", "at least 1 item"),
        (_rule(entered="low"), ".entered", "found 'low'"),
        (_rule(rose=15), ".rose", "found 15; allowed: a number below 1"),
        (_rule(rose=0.1, channels=["file"]), ".channels[0]", "there is no channel file"),
        (_rule(rose=0.1, channels=["oncall"]), ".channels[0]", "the channel oncall tells no alerts"),
    ],
)
def test_a_mistake_in_a_rule_is_told_with_its_place(
    tmp_path: Path, rule: dict[str, Any], place: str, told: str
) -> None:
    edits: dict[str, Any] = {"alerts": {"rules": [rule]}, "channels": CHANNELS, "daily": {"keep_days": 9}}
    folder = business_copy(tmp_path, **edits)
    _, found, words = only_mistake(lambda: load_business(folder))
    assert (found, told in words) == (f"alerts.rules[0]{place}", True), words


def test_two_rules_of_one_name_and_hours_that_are_none(tmp_path: Path) -> None:
    rules = [_rule(rose=0.1), _rule(entered="high")]
    _, place, words = only_mistake(lambda: load_business(business_copy(tmp_path, alerts={"rules": rules})))
    assert (place, words.startswith("two rules are called r")) == ("alerts.rules[1].name", True)
    hours = {"quiet_hours": {"start": 6, "end": 6}}
    _, place, words = only_mistake(lambda: load_business(business_copy(tmp_path, alerts=hours)))
    assert (place, "quiet hours that end when they begin" in words) == ("alerts.quiet_hours", True)


@pytest.mark.parametrize(
    ("start", "end", "digest", "sent"),
    [
        (19, 6, 20, False),
        (19, 6, 19, False),
        (19, 6, 18, True),
        (19, 6, 3, True),
        (1, 23, 12, True),
        (22, 0, 22, False),
    ],
)
def test_a_digest_that_quiet_hours_would_hold_back_for_ever_is_refused(
    tmp_path: Path, start: int, end: int, digest: int, sent: bool
) -> None:
    mail = {"name": "team", "kind": "email", "host": "smtp.example.com", "sender": "churn@example.com"}
    mail |= {"recipients": ["a@example.com"], "digest_hour": digest}
    quiet = {"quiet_hours": {"start": start, "end": end}}
    folder = business_copy(tmp_path, channels=[mail], alerts=quiet)
    if sent:
        assert load_business(folder).file.alerts.quiet == (start, end)
        return
    _, place, words = only_mistake(lambda: load_business(folder))
    assert (place, "it would never send any" in words) == ("alerts.quiet_hours", True), words


@pytest.mark.parametrize(
    ("edit", "place", "told"),
    [
        ({"token": "pat-123"}, ".token", "a secret does not stand in a file"),
        ({"object": None}, "", "a CRM of the kind hubspot needs the key object"),
        ({"secret": "${S}"}, ".secret", "a CRM of the kind hubspot has no secret"),
        ({"url": "http://example.com"}, ".url", "messages would go unencrypted"),
        ({"object": "../x"}, ".object", "../x is no name of a field"),
        ({"fields": {"risk": "probabilty"}}, ".fields.risk", "no CRM is given probabilty"),
        ({"fields": {"risk": "customer_key"}}, ".fields.risk", "no CRM is given customer_key"),
        ({"fields": {"customer_no": "segment"}}, ".fields.customer_no", "customer_no names the customer"),
        ({"fields": {}}, ".fields", "at least 1"),
        ({"probability_step": 0}, ".probability_step", "found 0; allowed: a number above 0"),
    ],
)
def test_a_mistake_in_a_crm_is_told_with_its_place(
    tmp_path: Path, edit: dict[str, Any], place: str, told: str
) -> None:
    line = {key: value for key, value in (HUBSPOT | edit).items() if value is not None}
    folder = business_copy(tmp_path, alerts={"crm": [line]})
    _, found, words = only_mistake(lambda: load_business(folder))
    assert (found, told in words) == (f"alerts.crm[0]{place}", True), words
    assert "pat-123" not in words


def test_sql_of_a_rule_is_compared_between_the_engines(tmp_path: Path) -> None:
    rules = [_rule(sql="tenure_days > 9"), {"name": "odd", "sql": "hex(cast(tenure_days as int)) = 'A'"}]
    business = load_business(business_copy(tmp_path, alerts={"rules": rules}))
    assert [d.path for d in business.sql_differences] == ["alerts.rules[1].sql"]


def test_a_rule_is_told_by_the_channels_that_it_names_or_by_all_that_tell_alerts(tmp_path: Path) -> None:
    more = [*CHANNELS, {"name": "more", "kind": "folder", "folder": "h"}]
    rules = [_rule(rose=0.1), {"name": "s", "rose": 0.1, "channels": ["more"]}]
    file = load_business(business_copy(tmp_path, channels=more, alerts={"rules": rules})).file
    told = [[line.name for line in rule.told_by(file.channels)] for rule in file.alerts.rules]
    assert told == [["files", "more"], ["more"]]


@pytest.mark.parametrize(
    ("hours", "hour", "quiet"),
    [
        (None, 3, False),
        ((19, 6), 19, True),
        ((19, 6), 0, True),
        ((19, 6), 6, False),
        ((19, 6), 12, False),
        ((1, 5), 4, True),
        ((1, 5), 5, False),
        ((1, 5), 0, False),
    ],
)
def test_quiet_hours_may_go_over_midnight(hours: tuple[int, int] | None, hour: int, quiet: bool) -> None:
    assert is_quiet(hours, datetime(2026, 6, 30, hour, 59, tzinfo=UTC)) is quiet
