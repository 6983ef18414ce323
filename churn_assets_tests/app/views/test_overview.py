"""The page Overview."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from churn_assets.access.visits import visits_file
from churn_assets.settings import Settings
from churn_assets_tests.app.conftest import Open
from churn_assets_tests.app.scored_months import BUSINESS, DAYS, all_tables, incident, status
from churn_assets_tests.app.views.conftest import Made
from churn_assets_tests.app.views.texts import boxes, figures, no_errors, text
from churn_assets_tests.serving.release.campaigns import campaign_tables


def test_it_tells_what_is_at_stake_and_since_when_it_changed(months_home: Settings, opened: Open) -> None:
    page = opened(months_home, "overview")
    no_errors(page)
    told = figures(page)
    assert told["Customers at high risk"] == ("12", "unchanged since 30 November 2025")
    value, change = told["Value at stake (EUR per month)"]
    assert value.startswith("€")
    assert change.startswith(("+€", "-€"))
    [leaving] = [metric for metric in page.metric if metric.label == "Expected to leave (customers)"]
    assert "from 8 January 2026 to 6 February 2026" in leaving.help
    assert "95 % interval:" in leaving.help
    assert "divided by 3" in page.metric[1].help
    assert "Of 8 of them the value is not known; they are not in the sum." in page.metric[3].help
    assert page.dataframe[0].value["customers"].is_monotonic_decreasing
    good = [box.value for box in page.success]
    assert good[0].startswith("**The model: all well.** Yes. ")
    assert good[1].startswith("**The data: all well.** ")


def test_it_tells_what_offers_keep(made: Made, opened: Open, months_home: Settings) -> None:
    offers = campaign_tables([f"{number:016x}" for number in range(10)])["offer_effects"]
    page = opened(made(status(), offer_effects=offers), "overview")
    no_errors(page)
    said = text(page).replace("\\", "")
    keeps = "is expected to keep 20 (between 44 driven away and 56 kept), assumed"
    assert f"\u201c10 % off for 6 months\u201d {keeps}" in said
    assert "is expected to keep" not in text(opened(months_home, "overview"))


def test_a_first_scored_month_says_that_there_is_none_before(made: Made, opened: Open) -> None:
    page = opened(made(status(), as_of_dates=[str(DAYS[2])]), "overview")
    no_errors(page)
    assert {change for _, change in figures(page).values()} == {""}
    assert text(page).count("No earlier month was scored, so nothing can be said about what changed.") == 2


def test_without_a_declared_value_the_sums_are_unknown(made: Made, opened: Open) -> None:
    business = BUSINESS | {"segments": BUSINESS["segments"] | {"value": None}}
    page = opened(made(status(), business=business), "overview")
    no_errors(page)
    assert figures(page)["Value at stake"] == ("unknown", "")
    assert "declares no value of a customer" in page.metric[1].help
    assert "value" not in page.dataframe[0].value.columns


def test_a_light_names_the_incident_and_without_a_status_nothing_is_known(made: Made, opened: Open) -> None:
    page = opened(made(status(incidents=[incident("source_late")])), "overview")
    assert [box.value for box in page.error] == [
        "**The data: something is wrong.** Incident INC-3 (P2) is open since 30 December 2025: The usage is late."
    ]
    page = opened(made(), "overview")
    assert "good" not in " ".join(boxes(page))
    assert [
        told.startswith(f"**The {what}: not known.**")
        for told, what in zip(boxes(page), ("model", "data"), strict=True)
    ]


@pytest.mark.parametrize("edits", [{"at": None}, {"sources": 3}, {"rows": None}, {"incidents": "many"}])
def test_a_status_that_cannot_be_read_counts_as_none(made: Made, opened: Open, edits: dict[str, Any]) -> None:
    settings = made(status())
    file = Path(settings.releases_uri, "STATUS.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | edits))
    page = opened(settings, "overview")
    assert not page.error and not page.exception
    assert "The data: not known" in " ".join(boxes(page))


def test_an_opening_that_cannot_be_counted_hides_nothing(made: Made, opened: Open) -> None:
    settings = made(status())
    (settings.home_path / "app").mkdir(exist_ok=True)
    visits_file(settings).symlink_to(settings.home_path / "nowhere" / "visits.db")
    assert not opened(settings, "overview").error


def test_another_model_then_is_told(made: Made, opened: Open) -> None:
    page = opened(made(status(), as_of_dates=[str(DAYS[0]), str(DAYS[2])]), "overview")
    assert "Model 2 scored now and model 1 then" in text(page)
    assert "changes since 31 October 2025" in text(page)


def test_a_release_without_segments_says_so(made: Made, opened: Open) -> None:
    page = opened(made(status(), without=["segments"]), "overview")
    no_errors(page)
    assert boxes(page) == ["Nobody can be shown: monitoring/segments was never materialised."]


def test_a_newest_day_without_segments_is_a_sentence(made: Made, opened: Open) -> None:
    segments = all_tables()["segments"]
    former = segments.filter(pc.not_equal(segments["as_of_date"], pa.scalar(DAYS[2], pa.date32())))
    page = opened(made(status(), segments=former), "overview")
    no_errors(page)
    assert "The customers scored as of 31 December 2025 have no segments yet" in text(page)
    assert not page.metric
    assert "The model" in text(page) + " ".join(box.value for box in page.success)
