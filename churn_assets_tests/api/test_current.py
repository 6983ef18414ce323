"""What the calls tell of this morning: current scores, their changes, and alerts."""

import csv
import io
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from churn_assets.serving.release.live import FoundToday, write_live
from churn_assets.settings import Settings
from churn_assets_tests.api.releases import (
    CURRENT,
    OBJECTED,
    SCORED,
    TOO_NEW,
    champion,
    publish_release,
    snapshots,
)
from churn_assets_tests.api.running import running
from churn_assets_tests.serving.release.alerts import alert_rows, alert_table
from churn_assets_tests.serving.release.current import BEHIND, MORNING, current_rows

ROWS = {row["customer_key"]: row for row in current_rows(CURRENT)}
ALERTS = alert_rows(CURRENT[:60])


def change(key: str, before: str) -> float | None:
    was = ROWS[key][f"probability_{before}"]
    return None if was is None else ROWS[key]["probability"] - was


def pages(client: httpx.Client, address: str, name: str, **asked: Any) -> list[dict[str, Any]]:
    """The rows of all pages."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        answer = client.get(address, params=asked | ({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        found += answer.json()[name]
        cursor = answer.json()["next"]
        if cursor is None:
            assert answer.json()["matching"] == len(found)
            return found


def test_what_was_found_live_is_told_until_the_release_is_as_new(
    client: httpx.Client, settings: Settings
) -> None:
    nothing = {"at": None, "as_of_date": None, "model_version": None, "scores": [], "alerts": []}
    about = {"release": client.get("/v1/alerts").json()["release"], "current_as_of_date": str(MORNING)}
    assert client.get("/v1/live").json() == about | nothing
    now, day = f"{MORNING + timedelta(days=1)}T08:00:00+00:00", str(MORNING + timedelta(days=1))
    score = {
        "customer_key": SCORED[0],
        "scored_at": now,
        "probability": 0.3,
        "decile": 1,
        "risk_tier": "high",
    }
    score |= {"segment": "at risk", "action": "call"}
    reasons = {"reason_1": "had no network", "reason_2": None, "reason_3": None}
    alerts = alert_table(ALERTS[:1]).to_pylist()
    root = settings.releases_uri
    write_live(root, FoundToday(now, day, "3", [score | reasons], alerts))
    told = client.get("/v1/live").json()
    assert (told["at"], told["as_of_date"], told["model_version"]) == (now, day, "3")
    assert told["scores"] == [score | {"reasons": ["had no network"]}]
    [same] = [a for a in pages(client, "/v1/alerts", "alerts") if a["alert_id"] == alerts[0]["alert_id"]]
    assert told["alerts"] == [same | {"created_at": alerts[0]["created_at"].isoformat()}]
    write_live(root, FoundToday(now, str(MORNING), "3", [score | reasons], alerts))
    assert client.get("/v1/live").json() == about | nothing
    (Path(root) / "LIVE.json").write_text("{")
    broken = client.get("/v1/live")
    (Path(root) / "LIVE.json").unlink()
    assert broken.status_code == 503 and "cannot be read now" in broken.text


def test_a_customer_has_a_current_score_beside_that_of_the_month_end(client: httpx.Client) -> None:
    for key in SCORED[:7]:
        found = client.get(f"/v1/customers/{key}").json()
        now, row = found["current"], ROWS[key]
        assert (found["as_of_date"], now["as_of_date"]) == ("2025-12-31", str(MORNING))
        assert now["probability"] == row["probability"] and now["reasons"] == [row["reason_1"]]
        for name in ("decile", "risk_tier", "segment", "action", "moved_reason", "behind", "model_version"):
            assert now[name] == row[name]
        assert now["changes"] == {
            "day": change(key, "day_before"),
            "week": change(key, "week_before"),
            "month_end": change(key, "month_end"),
        }
        assert not {"reason_1", "probability_day_before", "customer_key"} & now.keys()
        assert (found["current_reason"], found["current_stale"]) == (None, False)
    assert client.get(f"/v1/customers/{SCORED[0]}").json()["current"]["changes"] == dict.fromkeys(
        ("day", "week", "month_end")
    )
    assert client.get(f"/v1/customers/{SCORED[2]}").json()["current"]["behind"] == BEHIND


def test_who_is_no_longer_too_new_is_scored_this_morning(client: httpx.Client) -> None:
    found = client.get(f"/v1/customers/{TOO_NEW[0]}").json()
    assert (found["status"], found["probability"]) == ("too_new", None)
    assert found["current"]["probability"] == ROWS[TOO_NEW[0]]["probability"]


def test_who_left_since_has_none_and_the_answer_says_so(client: httpx.Client) -> None:
    found = client.get(f"/v1/customers/{SCORED[145]}").json()
    assert found["status"] == "scored" and found["current"] is None
    assert found["current_reason"] == (
        f"Not scored as of {MORNING}: the customer left, gave notice, or cannot be scored yet."
    )


@pytest.mark.parametrize(
    ("sort", "value"),
    [
        ("-current_probability", lambda key: ROWS[key]["probability"]),
        ("-change_day", lambda key: change(key, "day_before")),
        ("-change_week", lambda key: change(key, "week_before")),
        ("-change_month_end", lambda key: change(key, "month_end")),
    ],
)
def test_pages_by_current_values_hold_everybody_with_a_current_score_once(
    client: httpx.Client, sort: str, value: Callable[[str], float | None]
) -> None:
    keys = [row["customer_key"] for row in pages(client, "/v1/customers", "customers", sort=sort, limit=40)]
    assert sorted(keys) == sorted(CURRENT)
    values = [value(key) for key in keys]
    known = [v for v in values if v is not None]
    assert known == sorted(known, reverse=True)
    assert values[len(known) :] == [None] * (len(values) - len(known)), "what is not known comes last"


def test_filters_are_about_the_current_score_where_the_sort_is(client: httpx.Client) -> None:
    asked = {"sort": "-current_probability", "risk_tier": "high", "limit": 1000}
    found = client.get("/v1/customers", params=asked).json()
    assert {row["customer_key"] for row in found["customers"]} == {
        key for key, row in ROWS.items() if row["risk_tier"] == "high"
    }
    by_month_end = client.get("/v1/customers", params={"risk_tier": "high"}).json()
    assert by_month_end["matching"] == 15
    nobody = {"sort": "-change_week", "segment": "=at risk"}
    assert client.get("/v1/customers", params=nobody).json()["matching"] == 0


def test_streams_tell_the_current_score(client: httpx.Client) -> None:
    rows = csv.DictReader(io.StringIO(client.get("/v1/customers", params={"format": "csv"}).text))
    told = {row["customer_key"]: row for row in rows}
    assert float(told[SCORED[3]]["current_probability"]) == ROWS[SCORED[3]]["probability"]
    assert float(told[SCORED[3]]["change_week"]) == pytest.approx(change(SCORED[3], "week_before"))
    assert told[SCORED[145]]["current_probability"] == told[SCORED[0]]["change_day"] == ""
    lines = client.get("/v1/customers", params={"format": "jsonl"}).text.splitlines()
    current = {row["customer_key"]: row["current"] for row in map(json.loads, lines)}
    assert current[SCORED[3]]["probability"] == ROWS[SCORED[3]]["probability"]
    assert current[SCORED[145]] is None


def test_answers_about_the_release_say_of_which_day_they_are(client: httpx.Client) -> None:
    for address in ("/v1/segments", "/v1/model", "/v1/monitoring"):
        found = client.get(address).json()
        assert (found["current_as_of_date"], found["current_model_version"]) == (str(MORNING), "4")
    assert client.get("/v2/health/ready").json()["current_as_of_date"] == str(MORNING)
    assert "churn_api_current_stale 0.0" in client.get("/metrics").text


def test_alerts_are_told_the_newest_and_most_important_first(client: httpx.Client) -> None:
    found = pages(client, "/v1/alerts", "alerts", limit=7)
    expected = sorted(ALERTS, key=lambda a: (-a["as_of_date"].toordinal(), -a["importance"], a["alert_id"]))
    assert [alert["alert_id"] for alert in found] == [alert["alert_id"] for alert in expected]
    assert found[0]["reasons"] == ["had no network for 5 hours in the last week"]
    assert not {"acknowledged_by", "note", "outbox", "reason_1"} & found[0].keys()


@pytest.mark.parametrize(
    "asked",
    [
        {"state": "suppressed"},
        {"rule": "rose_fast", "state": "new"},
        {"customer_key": CURRENT[4]},
        {"since": str(MORNING)},
        {"rule": "nothing"},
    ],
)
def test_alerts_by_state_rule_customer_and_day(client: httpx.Client, asked: dict[str, str]) -> None:
    def fits(alert: dict[str, Any]) -> bool:
        since = asked.get("since", "0")
        return str(alert["as_of_date"]) >= since and all(
            alert[name] == value for name, value in asked.items() if name != "since"
        )

    found = pages(client, "/v1/alerts", "alerts", limit=5, **asked)
    assert {alert["alert_id"] for alert in found} == {alert["alert_id"] for alert in ALERTS if fits(alert)}


@pytest.mark.parametrize("cursor", ["x", "AAAA", "é", "WzFd", "WyIyMDI2LTAxLTE0IiwxLjUsMV0"])
def test_what_is_no_cursor_of_alerts_is_refused(client: httpx.Client, cursor: str) -> None:
    answer = client.get("/v1/alerts", params={"cursor": cursor})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["where"] == "query.cursor"


def test_who_objected_is_in_no_alert(client: httpx.Client) -> None:
    told = client.get("/v1/alerts", params={"limit": 1000}).text
    assert not [key for key in OBJECTED if key in told]


def test_a_release_without_current_scores_says_so_and_answers_as_before(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    publish_release(settings, current=False)
    with running(settings) as client:
        found = client.get(f"/v1/customers/{SCORED[0]}").json()
        assert found["probability"] and found["current"] is None and found["current_stale"] is None
        assert found["current_reason"].startswith("The release holds no current scores: ")
        for address in ("/v1/customers?sort=-change_week", "/v1/alerts"):
            answer = client.get(address)
            assert answer.status_code == 409
            assert answer.json()["detail"].startswith("The release holds no ")
        assert client.get("/v1/model").json()["current_as_of_date"] is None
        assert "churn_api_current_stale" not in client.get("/metrics").text
        assert "current_probability" not in client.get("/v1/customers", params={"format": "csv"}).text


def test_live_scores_and_what_if_answers_rest_on_the_newest_snapshot(tmp_path: Path) -> None:
    """One customer has a snapshot of this morning, the others only that of the month end."""
    settings = Settings(home=str(tmp_path))
    now = snapshots().assign(customer_key=SCORED, as_of_date=MORNING).iloc[[5]]
    now = now.assign(tickets_count_3m=now["tickets_count_3m"] + 2.0)
    publish_release(settings, morning=pa.Table.from_pandas(now, preserve_index=False))
    expected = float(champion().score(now)["probability"].iloc[0])
    with running(settings) as client:
        live, old = (client.get(f"/v1/customers/{SCORED[n]}", params={"live": True}).json() for n in (5, 6))
        assert (live["as_of_date"], live["score_source"]) == (str(MORNING), "live")
        assert live["probability"] == pytest.approx(expected, abs=1e-12)
        assert old["as_of_date"] == "2025-12-31"
        asked = {"changes": {"tickets_count_3m": 0}}
        answer = client.post(f"/v1/customers/{SCORED[5]}/what-if", json=asked).json()
        assert (answer["as_of_date"], answer["before"]) == (str(MORNING), pytest.approx(expected, abs=1e-12))
