"""What the pages say of this morning: Overview, At risk, Customer and Alerts."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from churn_assets.app.views.acts_on_customers import UNRECORDED
from churn_assets.operations.acknowledgements.files import acknowledge, acknowledgements
from churn_assets.operations.audit.verification import stored
from churn_assets.serving.release.live import FoundToday, write_live
from churn_assets.settings import Settings
from churn_assets_tests.app.conftest import Open
from churn_assets_tests.app.opening import choose_rows
from churn_assets_tests.app.scored_months import MORNING_KEYS, morning_tables, publish_months, status
from churn_assets_tests.app.told import OBJECTED, WITHOUT, frames
from churn_assets_tests.app.views.conftest import Made
from churn_assets_tests.app.views.texts import boxes, figures, no_errors, text
from churn_assets_tests.serving.release.alerts import alert_rows, alert_table
from churn_assets_tests.serving.release.current import BEHIND, MORNING, current_rows

pytestmark = pytest.mark.one_python(reason="Streamlit draws the page; other pages are drawn on each Python")

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
OF_A_CUSTOMER = (
    "customers",
    "scores",
    "snapshots",
    "customer_months",
    "contacts",
    "churn_events",
    "objections",
)
WAITING = [row for row in alert_rows(MORNING_KEYS[:60]) if row["state"] in ("new", "delivered")]


def publish(home: Path, **edits: object) -> Settings:
    """A home whose release tells of this morning."""
    settings = Settings(home=str(home))
    told = frames()
    held = {name: pa.Table.from_pandas(told[name], preserve_index=False) for name in OF_A_CUSTOMER}
    held["current_snapshots"] = held["snapshots"]
    publish_months(settings.releases_uri, **(held | morning_tables() | edits))
    (Path(settings.releases_uri) / "STATUS.json").write_text(
        json.dumps(status() | {"at": datetime.now(UTC).isoformat()})
    )
    return settings


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Tests only read it."""
    return publish(tmp_path_factory.mktemp("morning"))


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("churn_assets.access.keys.now", lambda: NOON)


def test_overview_begins_with_this_morning(home: Settings, opened: Open) -> None:
    page = opened(home, "overview")
    no_errors(page)
    assert [part.value for part in page.subheader][:2] == ["This morning", "At the month end"]
    told = figures(page)
    rows = current_rows(MORNING_KEYS)
    assert told["Expected to leave now (customers)"][0] == f"{sum(row['probability'] for row in rows):.0f}"
    assert told["Alerts that wait"] == (str(len(WAITING)), "15 as of 14 January 2026")
    assert "This morning: as of 14 January 2026, model 4 · month end: 31 December 2025, model 2" in text(page)
    behind = sum(row["behind"] is not None for row in rows)
    assert f"Of {behind} customers not everything is known" in text(page)
    assert "119 customers both are known" in next(m.help for m in page.metric if m.label.startswith("Rose"))


def test_overview_without_current_scores_says_why_and_goes_on(months_home: Settings, opened: Open) -> None:
    page = opened(months_home, "overview")
    no_errors(page)
    assert "This morning is not scored" in text(page)
    assert "Customers at high risk" in figures(page)
    assert "The list is that of the month end." in text(opened(months_home, "at_risk")).replace("\\", "")


def test_old_scores_of_the_day_are_told(tmp_path: Path, opened: Open) -> None:
    from churn_assets_tests.serving.release.current import current_day

    settings = publish(tmp_path, current=current_day(120, stale_from="2026-01-15"))
    told = text(opened(settings, "at_risk"))
    assert "Newer scores of the day are overdue since 15 January 2026." in told
    assert "What is called this morning is as of 14 January 2026." in told


def test_the_list_is_that_of_this_morning(home: Settings, opened: Open) -> None:
    page = opened(home, "at_risk", sort="rise since 7 days before")
    no_errors(page)
    shown = page.dataframe[0].value
    rows = {row["customer_key"]: row for row in current_rows(MORNING_KEYS)}
    first = rows[shown["customer_key"].iloc[0]]
    assert shown["points_week"].iloc[0] == round(
        100 * (first["probability"] - first["probability_week_before"]), 1
    )
    assert shown["points_week"].is_monotonic_decreasing
    assert {"days", "moved_reason", "behind", "points_month_end"} <= set(shown.columns)
    assert "120 customers, page 1 of 5." in text(page)


def test_a_customer_is_told_today_against_the_month_end(home: Settings, opened: Open) -> None:
    key = MORNING_KEYS[2]
    row = current_rows(MORNING_KEYS)[2]
    page = opened(home, "customer", customer=key)
    no_errors(page)
    told = figures(page)
    assert told["Chance to leave, as of this morning"][0] == f"{row['probability'] + 1e-9:.1%}"
    points = round(100 * (row["probability"] - row["probability_week_before"]), 1)
    assert told["Since 7 days before"][0] == f"{points:+.1f} points"
    said = text(page).replace("\\", "")
    assert "**What moved it since 7 January 2026:** had no network for 5 hours in the last week." in said
    assert BEHIND in said and "No value changed since the month end." in said
    headings = [part.value for part in page.subheader]
    assert headings[:3] == [f"Customer · {key}", "This morning", "At the month end, 31 December 2025"]


def test_a_customer_without_a_former_score_reads_unknown_and_not_zero(home: Settings, opened: Open) -> None:
    told = figures(opened(home, "customer", customer=MORNING_KEYS[0]))
    assert {
        told[f"Since {since}"][0] for since in ("the day before", "7 days before", "the last month end")
    } == {"unknown"}


def test_who_is_not_scored_this_morning_is_told_so(home: Settings, opened: Open) -> None:
    page = opened(home, "customer", customer=WITHOUT["former"])
    no_errors(page)
    assert f"Not scored as of {MORNING.day} January 2026" in text(page)
    assert not page.metric


def test_of_who_objected_nothing_is_told(home: Settings, opened: Open) -> None:
    page = opened(home, "alerts", customer=OBJECTED)
    assert "objected to profiling" in text(page) and len(page.dataframe) == 1, (
        "the quality of the rules alone"
    )


def test_alerts_of_today_are_shown_as_they_happen(tmp_path: Path, opened: Open) -> None:
    settings, day = publish(tmp_path), MORNING + timedelta(days=1)
    rows = alert_table(alert_rows(MORNING_KEYS[:3])).to_pylist()
    write_live(settings.releases_uri, FoundToday(NOON.isoformat(), str(day), "3", [], rows))
    page = opened(settings, "alerts")
    no_errors(page)
    assert "2 alerts until 12:00:00 UTC" in text(page), "the third one was suppressed"
    shown = page.dataframe[0].value
    assert list(shown["customer_key"]) == MORNING_KEYS[:2] and set(shown["found_at"]) == {"06:00:00"}
    assert f"{len(WAITING)} alerts, page 1 of 1" in text(page)
    write_live(settings.releases_uri, FoundToday(NOON.isoformat(), str(MORNING), "3", [], rows))
    assert "Today, as it happens" not in text(opened(settings, "alerts")), "the release is as new"
    (Path(settings.releases_uri) / "LIVE.json").write_text("{")
    no_errors(opened(settings, "alerts"))


def test_alerts_wait_until_somebody_acknowledges_them(tmp_path: Path, opened: Open) -> None:
    settings = publish(tmp_path)
    page = opened(settings, "alerts")
    no_errors(page)
    assert f"{len(WAITING)} alerts, page 1 of 1" in text(page)
    shown = page.dataframe[0].value
    assert set(shown["state"]) == {"waits"}
    key = shown["customer_key"].iloc[0]
    wanted = {row["alert_id"] for row in WAITING if row["customer_key"] == key}
    choose_rows(page, 0, 0)
    page.button(key="acknowledge").click().run()
    no_errors(page)
    assert "1 alert acknowledged." in text(page) and f"{len(WAITING) - 1} alerts, page 1 of 1" in text(page)
    assert set(acknowledgements(settings)) == wanted
    [entry] = [e[0] for _, e in stored(settings) if e is not None]
    assert (entry.act, entry.subject) == ("alert_acknowledged", key)
    assert figures(opened(settings, "overview"))["Alerts that wait"][0] == str(len(WAITING) - 1)


def test_a_viewer_acknowledges_nothing(home: Settings, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_APP_ROLE", "viewer")
    page = choose_rows(opened(home, "alerts"), 0, 0)
    assert "You read as viewer." in text(page)
    assert "acknowledge" not in [button.key for button in page.button]


def test_an_alert_that_was_told_has_no_reason_of_suppression(home: Settings, opened: Open) -> None:
    told = WAITING[0]
    assert set(opened(home, "alerts").dataframe[0].value["why"]) == {""}
    shown = opened(home, "customer", customer=told["customer_key"]).dataframe
    alerts = next(part.value for part in shown if "why" in part.value)
    assert alerts.loc[alerts["state"] == "waits", "why"].eq("").all()


def test_changes_that_read_the_same_are_left_out(tmp_path: Path, opened: Open) -> None:
    held = frames()["snapshots"]
    now = held.assign(tenure_days=held["tenure_days"] + 1, tickets_count_3m=held["tickets_count_3m"] + 2)
    settings = publish(tmp_path, current_snapshots=pa.Table.from_pandas(now, preserve_index=False))
    page = opened(settings, "customer", customer=MORNING_KEYS[2])
    no_errors(page)
    changed = next(part.value for part in page.dataframe if "effect" in part.value)
    assert "Support tickets" in changed["what"].tolist(), changed
    assert (changed["before"] != changed["now"]).all()


def test_suppressed_alerts_say_why_and_cannot_be_acknowledged(home: Settings, opened: Open) -> None:
    page = opened(home, "alerts", state="suppressed")
    assert set(page.dataframe[0].value["why"]) == {"20 alerts of the day were told"}
    choose_rows(page, 0, 0, 1)
    assert "2 chosen alerts cannot be acknowledged" in text(page)
    assert page.button(key="acknowledge").disabled


def test_what_cannot_be_recorded_is_not_acknowledged(tmp_path: Path, opened: Open) -> None:
    settings = publish(tmp_path)
    page = choose_rows(opened(settings, "alerts"), 0, 0)
    settings.audit_anchor_path.write_text("no folder")
    page.button(key="acknowledge").click().run()
    assert [box.value for box in page.error] == [UNRECORDED]
    assert acknowledgements(settings) == {}


def test_acknowledgements_that_cannot_be_read_are_told(tmp_path: Path, opened: Open) -> None:
    settings = publish(tmp_path)
    acknowledge(settings, "anna", [(WAITING[0]["alert_id"], "a")], NOON)
    next((tmp_path / "acknowledgements").glob("*.json")).write_text("{")
    page = opened(settings, "alerts")
    no_errors(page)
    assert "are shown as waiting" in text(page) and f"{len(WAITING)} alerts" in text(page)


def test_each_rule_is_shown_with_its_precision(home: Settings, opened: Open) -> None:
    rules = opened(home, "alerts").dataframe[1].value.set_index("rule")
    assert rules.loc["rose fast", ["known", "left", "precision", "base_rate", "lift"]].tolist() == [
        10,
        5,
        50.0,
        10.0,
        5.0,
    ]


@pytest.mark.parametrize(
    "filters", [{"state": "<script>"}, {"rule": "x" * 5000}, {"customer": "' OR 1=1"}, {"page": "99"}]
)
def test_a_wrong_address_of_alerts_is_a_sentence(
    home: Settings, opened: Open, filters: dict[str, str]
) -> None:
    page = opened(home, "alerts", **filters)
    no_errors(page)
    assert page.title[0].value == "Alerts"


def test_without_alerts_the_page_says_why(made: Made, opened: Open) -> None:
    page = opened(made(status()), "alerts")
    no_errors(page)
    assert [told.replace("\\", "") for told in boxes(page)] == [
        "There are no alerts: the release was made without them."
    ]
