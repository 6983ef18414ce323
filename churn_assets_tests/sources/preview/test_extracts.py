"""What a preview says of the extracts of a source."""

from dataclasses import replace
from datetime import date

from churn_assets.contracts.database import SourceDatabase
from churn_assets.contracts.loader import load_business
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets.sources.landing import ExtractFile
from churn_assets.sources.preview.extracts import about_extracts

TELECOM = load_business(SHIPPED_BUSINESSES / "telecom")
TODAY = date(2025, 9, 1)


def told(name: str, *days: date) -> list[tuple[str, str]]:
    files = [ExtractFile("", f"{name}/{day}", day, 9) for day in days]
    source = TELECOM.source(name)
    found = about_extracts(source, files, ("2025-01", None), "2025-01", "2025-08", TODAY)
    return [(remark.severity, remark.found) for remark in found]


def test_a_source_that_delivers_as_needed_lacks_nothing() -> None:
    assert told("app_contacts") == [("note", "app_contacts/ holds no extract yet, and none is needed.")]
    assert told("app_contacts", date(2025, 2, 3), date(2025, 8, 3)) == []
    assert [severity for severity, _ in told("retention_contacts")] == ["block"]
    assert {severity for severity, _ in told("retention_contacts", date(2025, 2, 3))} == {"block"}


def test_a_database_is_asked_and_not_waited_for() -> None:
    database = SourceDatabase("sqlite", "sqlite:///crm.db", "customers", None, None, None)
    source = replace(TELECOM.source("customers"), origin=database)
    for begun, severity in ((True, "block"), (False, "note")):
        [remark] = about_extracts(source, [], ("2025-01", None), "2025-01", "2025-08", TODAY, begun)
        assert remark.remedy == "`churn-assets run extract --from 2025-01 --to 2025-09` asks the source."
        assert remark.severity == severity
