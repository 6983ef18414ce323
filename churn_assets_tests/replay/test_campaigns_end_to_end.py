"""A replay with campaigns through the whole pipeline, at its smallest size and with few features."""

from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from rich.console import Console

from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.stores import unregistered
from churn_assets.operations.campaigns.record import campaign_records
from churn_assets.replay.campaign_world import CampaignPlan, make_campaign_home
from churn_assets.replay.campaigns import replay_campaigns
from churn_assets.replay.policies import OFF, ORACLE, PLAN, POLICIES
from churn_assets.retention.results_told import ALL
from churn_assets.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SMALLEST = CampaignPlan(customers=500, months=16, seed=3, candidates=("logistic_regression",))
# what offers, exclusions, values and a model that tells something need
KEPT = {
    ("subscriptions", "tenure"),
    ("subscriptions", "days_to_expiry"),
    ("subscriptions", "attribute"),
    ("subscriptions", "change"),
    ("tickets", "count"),
    ("invoices", "count"),
}
KEPT_MEASURES = {("usage", "outage_minutes"), ("usage", "data_mb"), ("invoices", "amount")}


def _with_few_features(file: Path) -> None:
    content: dict[str, Any] = yaml.safe_load(file.read_text())
    content["features"] = [
        line
        for line in content["features"]
        if (line.get("source"), line.get("aggregate")) in KEPT
        or (line.get("aggregate") == "sum" and (line["source"], line.get("measure")) in KEPT_MEASURES)
    ]
    file.write_text(yaml.safe_dump(content, sort_keys=False))


@pytest.mark.slow
@pytest.mark.one_engine
@pytest.mark.one_python
def test_a_replay_goes_on_after_an_interruption_and_tells_what_campaigns_brought(
    spark: "SparkSession", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, console = Settings(home=str(tmp_path)), Console(width=200, record=True, file=StringIO())
    own = make_campaign_home(settings, SMALLEST)
    _with_few_features(own.business_path / "churn.yaml")

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("churn_assets.replay.campaign_months.planning", interrupted)
        replay_campaigns(settings, SMALLEST, console)
    assert "Stopped in 2025-01. The same command goes on from there." in console.export_text(clear=False)

    ran: list[tuple[str, tuple[str, ...]]] = []
    from churn_assets.replay import campaign_months

    run_job = campaign_months.run_job

    def noted(instance: Any, own: Settings, job: str, months: Any, console: None) -> Any:
        ran.append((job, tuple(months)))
        return run_job(instance, own, job, months, console)

    monkeypatch.setattr(campaign_months, "run_job", noted)
    found = replay_campaigns(settings, SMALLEST, console)
    assert ran.count(("train", ("2025-01",))) == 1
    records = [
        (r.what, r.by, str(r.at.date())) for r in campaign_records(Lakehouse(own)) if r.what != "planned"
    ]
    assert records == [
        ("approved", "replay", "2025-02-01"),
        ("exported", "replay", "2025-02-02"),
        ("approved", "replay", "2025-03-01"),
        ("exported", "replay", "2025-03-02"),
    ]
    assert [one.policy for one in found.brought] == list(POLICIES)
    assert found.of(OFF).profit == 0 < found.of(PLAN).contacts
    assert found.of(ORACLE).profit >= found.of(PLAN).profit
    measured = {(one.campaign_id, one.days): one for one in found.campaigns}
    assert ("retention-2025-01", 30) in measured and (ALL, 30) in measured
    assert measured["retention-2025-01", 30].treated > 0
    assert measured["retention-2025-01", 30].truth is not None
    assert [one.month for one in found.left] == ["2025-02", "2025-03", "2025-04"]
    told = console.export_text()
    assert "By the truth our plans earn" in told and "campaigns.html" in told
    assert (own.home_path / "campaigns.html").is_file()
    assert unregistered(tmp_path, load_business(own.business_path)) == []

    ran.clear()
    assert replay_campaigns(settings, SMALLEST, console) == found, "nothing is left to run"
    assert ran == []
