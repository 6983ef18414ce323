"""Alerts that were acknowledged on the page become acknowledged in the table."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from churn_assets.alerts.from_the_page import KEPT, take_in
from churn_assets.alerts.store import acknowledge as acknowledge_here
from churn_assets.alerts.store import alerts
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.acknowledgements.files import (
    AcknowledgementError,
    acknowledge,
    acknowledgements,
)
from churn_assets_tests.lakes import settings_for
from churn_assets_tests.serving.release.alerts import alert_rows
from churn_assets_tests.serving.release.made import KEYS

NOW = datetime(2026, 1, 15, 8, tzinfo=UTC)
ROWS = alert_rows(KEYS[:4])
DELIVERED, NEW, SUPPRESSED, ACKNOWLEDGED = (row["alert_id"] for row in ROWS)


@pytest.fixture
def house(tmp_path: Path) -> Lakehouse:
    """A lake with four alerts, one in each state."""
    made = Lakehouse(settings_for(tmp_path))
    before = {"acknowledged_by": "ben", "acknowledged_at": NOW - timedelta(days=1)}
    rows = [row | (before if row["state"] == "acknowledged" else {}) for row in ROWS]
    days = sorted({row["as_of_date"] for row in rows})
    made.replace_rows(tables.RISK_ALERTS, tables.RISK_ALERTS.rows(rows), "as_of_date", days, run_id="made")
    return made


def by(house: Lakehouse) -> dict[str, str | None]:
    return {row["alert_id"]: row["acknowledged_by"] for row in alerts(house)}


def test_who_acknowledged_on_the_page_is_noted_once(house: Lakehouse) -> None:
    given = [(alert_id, "key") for alert_id in (DELIVERED, NEW, SUPPRESSED, ACKNOWLEDGED, "f" * 16)]
    acknowledge(house.settings, "anna", given, NOW)
    assert take_in(house, NOW, "run") == 2
    assert by(house) == {DELIVERED: "anna", NEW: "anna", SUPPRESSED: None, ACKNOWLEDGED: "ben"}
    assert {row["acknowledged_at"] for row in alerts(house) if row["acknowledged_by"] == "anna"} == {NOW}
    assert len(acknowledgements(house.settings)) == 5, "the page still needs them until the next release"
    assert take_in(house, NOW + KEPT, "run") == 0
    assert len(acknowledgements(house.settings)) == 5
    assert take_in(house, NOW + KEPT + timedelta(seconds=1), "run") == 0
    assert set(acknowledgements(house.settings)) == {"f" * 16}, "what no table holds is not forgotten"


def test_who_was_first_by_command_keeps_the_alert(house: Lakehouse) -> None:
    acknowledge_here(house, [NEW], "carl", "", NOW)
    acknowledge(house.settings, "anna", [(NEW, "key")], NOW)
    assert take_in(house, NOW, "run") == 0
    assert by(house)[NEW] == "carl"


def test_without_alerts_or_acknowledgements_nothing_happens(house: Lakehouse, tmp_path: Path) -> None:
    assert take_in(house, NOW, "run") == 0
    empty = Lakehouse(settings_for(tmp_path / "empty"))
    acknowledge(empty.settings, "anna", [(NEW, "key")], NOW)
    assert take_in(empty, NOW, "run") == 0


def test_a_damaged_file_changes_nothing_and_is_told(house: Lakehouse) -> None:
    acknowledge(house.settings, "anna", [(NEW, "key"), (DELIVERED, "key")], NOW)
    next(house.settings.home_path.glob(f"acknowledgements/{NEW}.json")).write_text("[]")
    with pytest.raises(AcknowledgementError):
        take_in(house, NOW, "run")
    assert by(house)[DELIVERED] is None
