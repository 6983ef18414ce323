"""Alerts of a lake: raised once, told through the outbox, and one notice of a changed model."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from churn_assets.alerts.delivery import note_deliveries, outdated
from churn_assets.alerts.store import AlertError, acknowledge, alerts
from churn_assets.contracts.business import Business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.channels.delivery import deliver
from churn_assets.operations.channels.outbox import Outbox
from churn_assets_tests.alerts.days import day, score
from churn_assets_tests.alerts.lake import FILES, RULES, business_of, lake, put_scores, raised, states
from churn_assets_tests.checks import evaluations
from churn_assets_tests.lakes import not_as_declared

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.one_python(
    reason="runs assets over a small lake, as tests of other modules do on each Python"
)

NOW = datetime(2026, 6, 12, 12, 0, tzinfo=UTC)
CALM = [score(name, 0) for name in "abcdef"]
HIGH = {"risk_tier": "high"}


def evidence(result: Any) -> dict[str, Any]:
    found = next(one for name, one in evaluations(result).items() if "limits" in str(name))
    return {key: value.value for key, value in found.metadata.items()} | {"passed": found.passed}


def test_without_scores_nothing_is_judged(tmp_path: Path) -> None:
    house = lake(tmp_path, [])
    assert evidence(raised(house, business_of(tmp_path)))["passed"] is False
    assert not house.exists(tables.RISK_ALERTS)


def test_the_first_day_floods_nobody(tmp_path: Path) -> None:
    rows = [score(name, 0, 0.9, probability_week_before=0.1, **HIGH) for name in "abcdef"]
    house = lake(tmp_path, rows)
    raised(house, business_of(tmp_path))
    assert alerts(house) == []


def test_a_morning_tells_what_changed_by_importance_and_again_nothing(tmp_path: Path) -> None:
    business = business_of(tmp_path)
    house = lake(tmp_path, CALM)
    raised(house, business)
    now = [score("a", 1, 0.5), score("b", 1, 0.6), score("c", 1, 0.4, **HIGH), score("d", 1, 0.12, **HIGH)]
    now += [score("e", 1, 0.3), score("f", 1, 0.1)]
    put_scores(house, now)
    assert evidence(raised(house, business)) == {
        "passed": True,
        "as_of_date": str(day(1)),
        "told": 3,
        "suppressed": 3,
    }
    assert states(house) == {
        ("b", "rose"): ("new", None),
        ("a", "rose"): ("new", None),
        ("c", "rose"): ("new", None),
        ("c", "high"): ("suppressed", f"cool-down: rose told of the customer on {day(1)}"),
        ("e", "rose"): ("suppressed", "cap: 3 are told a day"),
        ("d", "high"): ("suppressed", "cap: 3 are told a day"),
    }
    first = alerts(house)[0]
    assert (first["old_value"], first["new_value"], first["compared_with"]) == ("10.0%", "60.0%", day(0))
    assert (first["channel"], first["reason_1"], first["action"]) == ("files", "used no data", "Call.")
    assert not_as_declared(house, business) == {}

    before = alerts(house)
    assert evidence(raised(house, business))["told"] == 0
    assert alerts(house) == before, "the same day again changes nothing"
    assert Outbox(house.settings.home_path).state("files").waiting == 3
    put_scores(house, [row | {"as_of_date": day(2)} for row in now])
    raised(house, business)
    assert alerts(house) == before, "nobody is told the same every morning"


def test_a_changed_model_is_one_notice(tmp_path: Path) -> None:
    business = business_of(tmp_path)
    house = lake(tmp_path, CALM)
    put_scores(house, [score(name, 1, 0.9, model_version="2", **HIGH) for name in "abcdef"])
    raised(house, business)
    raised(house, business)
    assert alerts(house) == []
    [waiting] = Outbox(house.settings.home_path).waiting("files")
    assert waiting.message.title == "Model version 2 is in charge"
    assert "version 1 scored those of 2026-06-10. 6 customers are in another tier" in waiting.message.text


def test_alerts_go_through_the_outbox_and_are_noted_as_delivered(tmp_path: Path) -> None:
    business = business_of(tmp_path)
    house = lake(tmp_path, CALM)
    put_scores(house, [score("a", 1, 0.5), score("b", 1, 0.6)])
    raised(house, business)
    outbox = Outbox(house.settings.home_path)
    assert note_deliveries(house, business, outbox, datetime.now(UTC), "test") == 0
    deliver(outbox, business.file.channels, house.settings)
    assert note_deliveries(house, business, outbox, datetime.now(UTC), "test") == 2
    assert states(house) == {("b", "rose"): ("delivered", None), ("a", "rose"): ("delivered", None)}
    assert all(row["delivered_at"] is not None for row in alerts(house))
    [file] = (house.settings.home_path / "messages" / "f").glob("*.csv")
    told = file.read_text().splitlines()
    assert "The risk rose from 10.0% (2026-06-10) to 60.0%" in told[1]
    assert [line.count("alerts ack") for line in told] == [0, 1, 1]


def test_what_was_written_and_not_queued_is_queued_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    business = business_of(tmp_path)
    house = lake(tmp_path, CALM)
    put_scores(house, [score("a", 1, 0.5)])

    def killed(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("churn_assets.alerts.assets.tell_alerts", killed)
        with pytest.raises(KeyboardInterrupt):
            raised(house, business)
    assert states(house) == {("a", "rose"): ("new", None)}
    raised(house, business)
    assert Outbox(house.settings.home_path).state("files").waiting == 1


def test_what_changed_on_a_day_whose_alerts_failed_is_told_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    business = business_of(tmp_path)
    house, instance = lake(tmp_path, CALM), dg.DagsterInstance.ephemeral()
    raised(house, business, instance=instance)
    now = [score("a", 1, 0.5), score("b", 1, 0.1, **HIGH), score("c", 1)]
    put_scores(house, now)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("churn_assets.alerts.assets.raise_alerts", killed)
        with pytest.raises(KeyboardInterrupt):
            raised(house, business, instance=instance)
    put_scores(house, [row | {"as_of_date": day(2)} for row in now])
    raised(house, business, instance=instance)
    assert states(house) == {("a", "rose"): ("new", None), ("b", "high"): ("new", None)}
    assert {row["compared_with"] for row in alerts(house)} == {day(0)}
    before = alerts(house)
    put_scores(house, [row | {"as_of_date": day(3)} for row in now])
    for _ in range(2):
        raised(house, business, instance=instance)
        assert alerts(house) == before


def test_a_changed_model_is_told_also_if_its_first_day_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    business = business_of(tmp_path)
    house, instance = lake(tmp_path, CALM), dg.DagsterInstance.ephemeral()
    raised(house, business, instance=instance)

    def killed(*_: object) -> int:
        raise KeyboardInterrupt

    for number, broken_step in ((1, "tell_new_model"), (2, "tell_alerts"), (3, "")):
        put_scores(house, [score("a", number, 0.9, model_version="2", **HIGH)])
        with monkeypatch.context() as broken:
            if broken_step:
                broken.setattr(f"churn_assets.alerts.assets.{broken_step}", killed)
                with pytest.raises(KeyboardInterrupt):
                    raised(house, business, instance=instance)
            else:
                raised(house, business, instance=instance)
    [waiting] = Outbox(house.settings.home_path).waiting("files")
    assert waiting.message.title == "Model version 2 is in charge"


def test_without_a_channel_an_alert_is_only_shown(tmp_path: Path) -> None:
    business = business_of(tmp_path, channels=[])
    house = lake(tmp_path, CALM)
    put_scores(house, [score("a", 1, 0.5)])
    raised(house, business)
    [row] = alerts(house)
    assert (row["state"], row["channel"], row["outbox"]) == ("new", None, None)


def test_an_alert_is_acknowledged_once_and_a_suppressed_one_never(tmp_path: Path) -> None:
    business = business_of(tmp_path)
    house = lake(tmp_path, CALM)
    put_scores(house, [score("a", 1, 0.5, **HIGH)])
    raised(house, business)
    told, suppressed = alerts(house)
    assert suppressed["state"] == "suppressed"
    [done] = acknowledge(house, [told["alert_id"]], "anna", "calls today", NOW)
    [audit] = (house.settings.home_path / "audit").glob("*.jsonl")
    acts = [json.loads(line) for line in audit.read_text().splitlines()]
    assert [(a["by"], a["subject"]) for a in acts if a["act"] == "alert_acknowledged"] == [("anna", "a")]
    assert (done["state"], done["acknowledged_by"], done["note"]) == ("acknowledged", "anna", "calls today")
    outbox = Outbox(house.settings.home_path)
    deliver(outbox, business.file.channels, house.settings)
    note_deliveries(house, business, outbox, datetime.now(UTC), "test")
    [row] = alerts(house, [("alert_id", "=", told["alert_id"])])
    assert (row["state"], row["delivered_at"] is not None) == ("acknowledged", True)
    for one, why in (
        (told, "anna has acknowledged"),
        (suppressed, "was suppressed"),
        ({"alert_id": "x"}, "no alert x"),
    ):
        with pytest.raises(AlertError, match=why):
            acknowledge(house, [one["alert_id"]], "bert", "", NOW)


def test_nobody_is_told_of_who_objects_to_profiling(tmp_path: Path) -> None:
    business = business_of(tmp_path)
    house = lake(tmp_path, CALM)
    objecting(house, business, "a")
    put_scores(house, [score("a", 1, 0.9), score("b", 1, 0.5)])
    raised(house, business)
    assert states(house) == {("b", "rose"): ("new", None)}


def test_a_channel_for_personal_data_is_told_the_own_id_and_the_audit_has_it(tmp_path: Path) -> None:
    business = business_of(tmp_path, channels=[FILES | {"personal": True}])
    house = lake(tmp_path, CALM)
    keys = tables.CUSTOMER_KEYS
    own = dict.fromkeys(keys.types) | {"customer_id": "C-17", "customer_key": "a"}
    house.append_rows(keys, keys.rows([own]), run_id="test")
    put_scores(house, [score("a", 1, 0.5)])
    raised(house, business)
    deliver(Outbox(house.settings.home_path), business.file.channels, house.settings)
    [file] = (house.settings.home_path / "messages" / "f").glob("*.csv")
    assert "C-17" in file.read_text()
    [audit] = (house.settings.home_path / "audit").glob("*.jsonl")
    assert "personal_message" in audit.read_text()
    assert "C-17" not in audit.read_text()


def with_counts(
    tmp_path: Path, expression: str, counts: dict[str, tuple[int | None, ...]]
) -> tuple[Lakehouse, Business]:
    """A lake of customers with so many tickets on consecutive days, and one rule."""
    business = business_of(
        tmp_path, alerts=RULES | {"cap": 9, "rules": [{"name": "tickets", "sql": expression}]}
    )
    table = tables.current_snapshot(business)
    told = [(key, n, count) for key, of in counts.items() for n, count in enumerate(of)]
    house = lake(tmp_path, [score(key, n) for key, n, _ in told])
    blank = dict.fromkeys(table.types) | {"tenure_days": 9.0}
    rows = [
        blank | {"customer_key": key, "as_of_date": day(n), "known_at": day(n), "tickets_count_1m": count}
        for key, n, count in told
    ]
    house.replace_rows(table, table.rows(rows), "as_of_date", [day(n) for n in range(9)], run_id="test")
    return house, business


@pytest.mark.parametrize(
    "expression", ["tickets_count_1m >= 3", "tickets_count_1m > 2 and tenure_days / tenure_days = 1"]
)
def test_a_condition_is_told_when_it_becomes_true(
    tmp_path: Path, spark: "SparkSession", expression: str
) -> None:
    """What was unknown on the day before is compared with the last day on which it was known."""
    counts: dict[str, tuple[int | None, ...]] = {
        "changed": (0, 1, 3),
        "remained": (0, 3, 4),
        "fell": (0, 4, 1),
        "was unknown, false before": (2, None, 3),
        "was unknown, true before": (3, None, 3),
        "was never known": (None, None, 3),
        "became unknown": (0, 1, None),
    }
    house, business = with_counts(tmp_path, expression, counts)
    put_scores(house, [score(key, 2) for key in (*counts, "new")])
    raised(house, business)
    told = {row["customer_key"]: row["compared_with"] for row in alerts(house)}
    assert told == {"changed": day(1), "was unknown, false before": day(0)}


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("array(tickets_count_1m > 1)", "gives array<boolean>"),
        ("no_such_function(tickets_count_1m > 1)", "The engine cannot read the SQL of the rules"),
    ],
)
def test_sql_that_is_no_condition_fails_a_check(
    tmp_path: Path, spark: "SparkSession", sql: str, said: str
) -> None:
    """Sql whose type is proven is refused before."""
    house, business = with_counts(tmp_path, sql, {"a": (1, 3)})
    instance = dg.DagsterInstance.ephemeral()
    done = raised(house, business, raise_on_error=False, instance=instance)
    found = evaluations(done)["alerts/risk_alerts:rules_ask_conditions"]
    assert not done.success and not found.passed
    assert f"tickets: {sql}" in str(found.description) and said in str(found.description)
    assert "Write a condition, such as" in str(found.description)


def objecting(house: Lakehouse, business: Business, key: str) -> None:
    """A customer objects to profiling."""
    table = tables.silver(business.source("customers"))
    row = dict.fromkeys(table.types) | {"customer_key": key, "extract_month": "2026-06", "known_at": day(0)}
    row |= {"refused": False, "sequence": 1, "profiling_objection": True}
    house.replace_rows(table, table.rows([row]), "extract_month", ["2026-06"], run_id="test")


def test_what_became_outdated_in_the_outbox_does_not_go_out(tmp_path: Path) -> None:
    business = business_of(tmp_path)
    house = lake(tmp_path, CALM)
    put_scores(house, [score("a", 1, 0.5), score("b", 1, 0.6), score("c", 1, 0.4)])
    raised(house, business)
    objecting(house, business, "a")
    [of_b] = alerts(house, [("customer_key", "=", "b")])
    acknowledge(house, [of_b["alert_id"]], "anna", "", NOW)
    outbox = Outbox(house.settings.home_path)
    done = deliver(outbox, business.file.channels, house.settings, outdated=outdated(house, business))
    assert done["files"].messages == 1
    note_deliveries(house, business, outbox, datetime.now(UTC), "test")
    told = "\n".join(file.read_text() for file in (house.settings.home_path / "messages" / "f").glob("*.csv"))
    assert [name for name in "abc" if f",{name}," in told] == ["c"]
    assert states(house) == {
        ("a", "rose"): (
            "suppressed",
            "objection: the customer has objected to profiling before it was delivered",
        ),
        ("b", "rose"): ("acknowledged", None),
        ("c", "rose"): ("delivered", None),
    }
    assert outbox.state("files").waiting == 0
    assert outbox.retry("files") == 0, "what was withdrawn stays so"


def test_an_alert_whose_channel_was_removed_says_that_nobody_was_told(tmp_path: Path) -> None:
    more = {"name": "more", "kind": "folder", "folder": "g"}
    business = business_of(tmp_path, channels=[FILES, more])
    house = lake(tmp_path, CALM)
    put_scores(house, [score("a", 1, 0.5)])
    raised(house, business)
    outbox, now = Outbox(house.settings.home_path), datetime.now(UTC)
    deliver(outbox, business.file.channels[:1], house.settings)
    note_deliveries(house, business, outbox, now, "test")
    assert states(house) == {("a", "rose"): ("new", None)}, "the other one still has to be told"
    one = business_of(tmp_path / "one")
    assert note_deliveries(house, one, outbox, now, "test") == 1
    assert states(house) == {("a", "rose"): ("delivered", None)}


def test_an_alert_whose_only_channel_was_removed_is_suppressed(tmp_path: Path) -> None:
    business = business_of(tmp_path)
    house = lake(tmp_path, CALM)
    put_scores(house, [score("a", 1, 0.5)])
    raised(house, business)
    raised(house, business_of(tmp_path / "none", channels=[]))
    assert states(house) == {("a", "rose"): ("suppressed", "channel: files was removed before it was told")}


def test_a_former_day_that_is_computed_again_tells_what_it_did_not_know(tmp_path: Path) -> None:
    business = business_of(tmp_path)
    house, instance = lake(tmp_path, CALM), dg.DagsterInstance.ephemeral()
    raised(house, business, instance=instance)
    for number in (1, 2):
        put_scores(house, [score(name, number, 0.5 if name == "b" else 0.1) for name in "abc"])
        raised(house, business, instance=instance)
    assert [row["customer_key"] for row in alerts(house)] == ["b"]
    for number in (1, 2):  # a late file: the first customer had risen, too
        put_scores(house, [score(name, number, 0.5 if name in "ab" else 0.1) for name in "abc"])
        raised(house, business, instance=instance, asked=day(number))
    assert {(row["customer_key"], row["as_of_date"]) for row in alerts(house)} == {
        ("a", day(1)),
        ("b", day(1)),
    }
    before = alerts(house)
    raised(house, business, instance=instance, asked=day(1))
    assert alerts(house) == before


def test_what_is_recommended_is_something_to_do(tmp_path: Path) -> None:
    """A segment may recommend no contact; then the rule says what to do, or nobody is told."""
    rules = [
        {"name": "high", "entered": "high"},
        {"name": "rose", "rose": 0.15, "action": "Ask what is missing."},
    ]
    segments = {
        "risk": {"high": 0.9, "elevated": 0.7},
        "value": {"feature": "tickets_count_1m", "high": 0.67, "middle": 0.33},
        "rules": [{"name": "steady", "action": "Leave in peace.", "contact": False}],
    }
    business = business_of(tmp_path, alerts={"rules": rules}, segments=segments)
    [quiet] = business.file.segments.rules
    house = lake(tmp_path, CALM)
    silent = {"segment": quiet.name, "action": quiet.action}
    put_scores(
        house, [score("a", 1, 0.5, **silent), score("b", 1, 0.1, **HIGH, **silent), score("c", 1, 0.5)]
    )
    raised(house, business)
    told = {row["customer_key"]: (row["rule"], row["action"], row["why"]) for row in alerts(house)}
    assert told == {
        "a": ("rose", "Ask what is missing.", None),
        "b": ("high", quiet.action, f"no contact: the segment {quiet.name} recommends none"),
        "c": ("rose", "Call.", None),
    }
