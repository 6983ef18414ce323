"""Acknowledgements that are given on the page."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from churn_assets.operations.acknowledgements.files import (
    Acknowledgement,
    AcknowledgementError,
    acknowledge,
    acknowledgements,
    forget,
)
from churn_assets.operations.audit.chain import AuditError
from churn_assets.operations.audit.verification import stored
from churn_assets.settings import Settings

NOW = datetime(2026, 1, 14, 8, tzinfo=UTC)
FIRST, SECOND = "0" * 15 + "1", "0" * 15 + "2"


def test_who_was_first_keeps_an_alert_and_each_act_is_in_the_audit(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    assert acknowledgements(settings) == {}
    acknowledge(settings, "anna", [(FIRST, "a")], NOW)
    acknowledge(settings, "ben", [(FIRST, "a"), (SECOND, "b")], NOW)
    assert acknowledgements(settings) == {
        FIRST: Acknowledgement(FIRST, "anna", NOW),
        SECOND: Acknowledgement(SECOND, "ben", NOW),
    }
    told = [entry[0] for _, entry in stored(settings) if entry is not None]
    assert [(one.act, one.by, one.subject, one.facts) for one in told] == [
        ("alert_acknowledged", "anna", "a", {"alert": FIRST}),
        ("alert_acknowledged", "ben", "b", {"alert": SECOND}),
    ]
    forget(settings, [FIRST, "unknown"])
    assert set(acknowledgements(settings)) == {SECOND}


@pytest.mark.parametrize("wrong", ["", "../../x", "0" * 17, "G" * 16, f"{FIRST}\n"])
def test_what_is_no_number_of_an_alert_is_refused(tmp_path: Path, wrong: str) -> None:
    settings = Settings(home=str(tmp_path))
    with pytest.raises(AcknowledgementError, match="no valid number"):
        acknowledge(settings, "anna", [(FIRST, "a"), (wrong, "b")], NOW)
    assert acknowledgements(settings) == {}


def test_what_cannot_be_recorded_is_not_noted(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    settings.audit_anchor_path.write_text("no folder")
    with pytest.raises(AuditError):
        acknowledge(settings, "anna", [(FIRST, "a")], NOW)
    assert acknowledgements(settings) == {}


def test_a_place_that_cannot_be_written_and_a_damaged_file_are_told_without_the_place(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    (tmp_path / "acknowledgements").write_text("no folder")
    with pytest.raises(AcknowledgementError) as told:
        acknowledge(settings, "anna", [(FIRST, "a")], NOW)
    assert str(tmp_path) not in str(told.value)
    (tmp_path / "acknowledgements").unlink()
    acknowledge(settings, "anna", [(FIRST, "a")], NOW)
    (tmp_path / "acknowledgements" / f"{SECOND}.json").write_text("{}")
    with pytest.raises(AcknowledgementError, match="cannot be read"):
        acknowledgements(settings)
