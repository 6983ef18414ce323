"""The shipped shop: nothing but a log of purchases and YAML, from extracts to segments.

Once on a simulated shop, and once on CDNOW, the classic purchase log of Fader and Hardie (1997 to 1998), where it is at
hand; its published reference is a logistic regression on recency, frequency and value: temporal ROC-AUC .8066.
"""

import csv
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd
import pytest
import yaml

from churn_assets.automation.jobs import OF_THE_DAY
from churn_assets.contracts.loader import load_business
from churn_assets.definitions import tracking_of
from churn_assets.graph.names import DEGRADATION, REQUESTED_BY
from churn_assets.lakehouse import tables
from churn_assets.models.decisions import PromotionError, decided, promote, rollback
from churn_assets.months import month_end, month_range, month_start
from churn_assets.serving.current import OF_THIS_MORNING
from churn_assets.serving.release.reading import current_release, local_copy, open_release
from churn_assets.serving.release.verifying import verify
from churn_assets.simulator.plan import SimulationPlan
from churn_assets.simulator.shop import simulate_shop
from churn_assets.tracking.tracking import Tracking
from churn_assets_tests.lakes import business_copy, computed_tables, not_as_declared, settings_for, write_csv
from churn_assets_tests.worlds import Lake, failures

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CDNOW = Path(__file__).parents[3] / "shared" / "data" / "cdnow_transactions.csv"
GROUPS = dg.AssetSelection.groups
SCORES = GROUPS("scores") - OF_THE_DAY
pytestmark = pytest.mark.slow


def _run_all(lake: Lake, months: list[str]) -> None:
    """The jobs in their order; training and scores at the last month."""
    snapshots = months[5:]
    for selection, span in (
        (GROUPS("bronze", "silver", "gold"), months),
        (GROUPS("features") - OF_THE_DAY, snapshots),
        (GROUPS("models"), snapshots[-1:]),
        (SCORES | GROUPS("retention", "serving"), snapshots[-1:]),
    ):
        lake.succeed(selection, span)


def _balance(lake: Lake) -> dict[str, int]:
    rows = lake.frame(tables.RECONCILIATION)
    assert rows["balances"].all()
    return {name: int(rows[name].sum()) for name in ("delivered", "accepted", "duplicate", "quarantined")}


def _in_charge(tracking: Tracking) -> tuple[str, str]:
    found = tracking.champion()
    assert found
    return found.version, found.tags["decision"]


@pytest.fixture(scope="module")
def shop(spark: "SparkSession", tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A simulated shop, everything run; two of the candidates, which cost most of the time."""
    folder = tmp_path_factory.mktemp("shop")
    training = {
        "candidates": ["decision_tree", "histogram_boosting"],
        "validation_cohorts": 1,
        "row_limit": 10_000,
    }
    calendar = {"start": "2024-07", "end": "2025-12"}
    edits = {"calendar": calendar, "training": training, "retraining": {"new_data": {"matured_months": 8}}}
    settings = settings_for(folder, business_copy(folder, "shop", **edits))
    business = load_business(settings.business_path)
    months = month_range(calendar["start"], calendar["end"])
    plan = SimulationPlan(customers=600, start=month_start(months[0]), months=len(months), seed=5)
    simulate_shop(plan, Path(settings.landing_uri), folder / "truth")
    lake = Lake(settings, business)
    _run_all(lake, months)
    return lake


def test_a_simulated_shop(shop: Lake) -> None:
    assert _balance(shop)["duplicate"] > 0
    training = shop.frame(tables.TRAINING_RUNS).iloc[0]
    assert training["auc"] > 0.7
    segments = shop.frame(tables.CUSTOMER_SEGMENTS)
    people = shop.frame(tables.CUSTOMER_SNAPSHOTS, ["customer_key", "as_of_date"])
    assert len(segments) == int((people["as_of_date"] == people["as_of_date"].max()).sum())
    assert not segments["customer_key"].duplicated().any()
    assert set(segments["segment"]) <= {rule.name for rule in shop.business.file.segments.rules}


def test_the_scored_cohort_is_compared_with_the_training(shop: Lake) -> None:
    last = [str(shop.business.file.calendar.end)]
    shop.succeed(GROUPS("monitoring"), last)
    rows = shop.frame(tables.DRIFT)
    names = {f.name for f in shop.business.features}
    assert set(rows["feature"]) == names | {"raw", "probability", "customers"}
    assert set(rows["model_version"]) == {"1"}
    binned = rows[rows["kind"] != "volume"]
    assert binned["psi"].between(0, 5).all() and binned["js_distance"].between(0, 1).all()
    [size] = rows[rows["kind"] == "volume"].to_dict("records")
    assert 0.5 < size["value"] / size["reference_value"] < 2
    assert shop.frame(tables.MODEL_PERFORMANCE)["status"].tolist() == ["immature"]


def test_its_release_is_whole_and_names_everybody(shop: Lake) -> None:
    """Without entities, contracts and contacts: what is absent is told."""
    root = shop.settings.releases_uri
    pointer = current_release(root)
    assert pointer is not None
    release = open_release(local_copy(root, pointer, Path(root)))
    verify(release, pointer)
    not_looked_at_yet = {"drift", "model_performance", "calibration", "people_balance"}
    never_run = {"risk_alerts", *OF_THIS_MORNING}  # by the job `daily`
    of_offers = {"contacts", "campaign_results", "offer_uplift", "effect_groups"}
    assert set(release.manifest.absent) == of_offers | not_looked_at_yet | never_run
    assert "holds no result" in release.manifest.absent["campaign_results"]  # no campaign is approved yet
    people = release.table("customers").to_pandas()
    assert set(people["customer_key"]) == set(shop.frame(tables.CUSTOMERS, ["customer_key"])["customer_key"])
    assert release.manifest.about.counts["scored"] == len(shop.frame(tables.CUSTOMER_SEGMENTS)) > 100
    assert people.loc[people["status"] != "scored", "status_reason"].notna().all()


def test_tables_hold_what_the_catalogue_says(shop: Lake) -> None:
    assert not_as_declared(shop.lakehouse, shop.business) == {}
    assert all(shop.lakehouse.exists(table) for table in computed_tables(shop.business))


def test_a_training_without_mlflow_fails_soon_and_changes_nothing(shop: Lake) -> None:
    """The next one, with MLflow back, is in the next test."""
    settings = shop.settings.model_copy(update={"tracking_uri": "http://127.0.0.1:9"})
    tracked, before = tracking_of(shop.settings, shop.business), shop.frame(tables.CHAMPIONS)
    started = time.monotonic()
    result = Lake(settings, shop.business).run(GROUPS("models"), [str(shop.business.file.calendar.end)])
    assert time.monotonic() - started < 60
    [said] = failures(result).values()
    assert "MLflow at http://127.0.0.1:9 does not answer. Start it" in said
    pd.testing.assert_frame_equal(shop.frame(tables.CHAMPIONS), before)
    assert len(shop.frame(tables.TRAINING_RUNS)) == 1
    assert _in_charge(tracked) == ("1", "promoted")


def test_scores_of_another_version_stay_as_they_are(shop: Lake) -> None:
    """An equal challenger keeps the champion; put in charge by hand, what the champion said remains on record."""
    last = [str(shop.business.file.calendar.end)]
    before = shop.frame(tables.CHURN_SCORES)
    assert set(before["model_version"]) == {"1"}
    shop.succeed(GROUPS("models"), last)
    first, second = shop.lakehouse.arrow(tables.CHAMPIONS).sort_by("decided_at").to_pylist()
    assert (first["promoted"], first["why"]) == (True, "first model: nobody was in charge")
    assert (second["promoted"], second["previous_version"], second["auc_difference"]) == (False, "1", 0.0)
    tracking = tracking_of(shop.settings, shop.business)
    assert _in_charge(tracking) == ("1", "promoted")
    with pytest.raises(PromotionError, match="Choose a month from 2025-12 on"):
        promote(shop.lakehouse, tracking, "2", month_end("2025-11"), "too early", "a test")
    with pytest.raises(PromotionError, match="There is no earlier champion"):
        rollback(shop.lakehouse, tracking, month_end(last[0]), "no", "a test")
    with pytest.raises(PromotionError, match="There is no version 7; models/training_runs has 1, 2"):
        promote(shop.lakehouse, tracking, "7", month_end(last[0]), "unknown", "a test")
    promote(shop.lakehouse, tracking, "2", month_end(last[0]), "looks better", "a test")
    assert _in_charge(tracking) == ("2", "promoted")
    shop.succeed(SCORES, last)
    after = shop.frame(tables.CHURN_SCORES)
    assert set(after["model_version"]) == {"1", "2"}
    kept = after[after["model_version"] == "1"].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, before)
    assert set(shop.frame(tables.CUSTOMER_SEGMENTS)["model_version"]) == {"2"}
    shop.succeed(SCORES, last)
    pd.testing.assert_frame_equal(shop.frame(tables.CHURN_SCORES), after)
    rollback(shop.lakehouse, tracking, month_end(last[0]), "it was not", "a test")
    assert _in_charge(tracking)[0] == "1"


def test_the_last_decision_counts_also_when_the_clock_was_set_back(shop: Lake) -> None:
    """The newest decision so far was written a day ahead of now."""
    tracking, day = tracking_of(shop.settings, shop.business), month_end(str(shop.business.file.calendar.end))
    [newest] = shop.lakehouse.arrow(tables.CHAMPIONS).sort_by("decided_at").to_pylist()[-1:]
    assert (newest["model_version"], newest["in_charge_from"]) == ("1", day)
    ahead = newest | {"decided_at": newest["decided_at"] + timedelta(days=1)}
    shop.lakehouse.append_rows(tables.CHAMPIONS, tables.CHAMPIONS.rows([ahead]), run_id="a test")
    promote(shop.lakehouse, tracking, "2", day, "still better", "a test")
    assert decided(shop.lakehouse)[-1].model_version == "2"
    assert tracking.champion().version == "2"  # type: ignore[union-attr]
    rollback(shop.lakehouse, tracking, day, "no", "a test")
    assert decided(shop.lakehouse)[-1].model_version == "1"


def test_a_model_made_after_a_degradation_is_provisional_and_learns_on(shop: Lake) -> None:
    """It learns up to the newest cohort; so does its successor, whoever asks for it, and no less is forgotten.

    Whether it is promoted depends on the customers' keys, which are random: by hand if not by itself.
    """
    last = [str(shop.business.file.calendar.end)]

    def newest(table: tables.Table, by: str) -> dict[str, Any]:
        return max(shop.lakehouse.arrow(table).to_pylist(), key=lambda row: row[by])

    shop.succeed(GROUPS("models"), last, **{REQUESTED_BY: DEGRADATION})
    made = newest(tables.TRAINING_RUNS, "trained_at")
    assert made["learned_until"] == made["test_as_of_date"] >= made["learned_from"]
    version, judged = made["model_version"], newest(tables.CHAMPIONS, "decided_at")
    if judged["promoted"]:
        assert decided(shop.lakehouse)[-1].model_version == version
    else:
        assert "the champion, which has degraded" in judged["why"]
        tracking, day = tracking_of(shop.settings, shop.business), month_end(last[0])
        promote(shop.lakehouse, tracking, version, day, "a changed world", "a test")
    shop.succeed(GROUPS("models"), last)
    successor = newest(tables.TRAINING_RUNS, "trained_at")
    assert successor["model_version"] != version
    assert successor["learned_until"] == made["learned_until"] == successor["test_as_of_date"]
    assert successor["learned_from"] >= made["learned_from"]
    judged = newest(tables.CHAMPIONS, "decided_at")
    assert not judged["promoted"] and judged["auc_difference"] is None
    assert "nothing has matured since" in judged["why"]


def test_features_may_be_taken_out_and_added_while_a_model_is_in_charge(shop: Lake, tmp_path: Path) -> None:
    """Old snapshots are scored as before; rebuilt ones wait for a model that does without, which then takes over."""
    calendar = shop.business.file.calendar
    last = [str(calendar.end)]
    lines = yaml.safe_load((shop.settings.business_path / "churn.yaml").read_text())["features"]
    spent = next(line for line in lines if line.get("measure") == "amount" and line["aggregate"] == "sum")
    spent["months"] = [2, 6]  # instead of one, three and six
    kept = {"calendar": calendar.model_dump(), "training": shop.business.file.training.model_dump()}
    edited = business_copy(tmp_path, "shop", features=lines, **kept)
    lake = Lake(shop.settings.model_copy(update={"business": str(edited)}), load_business(edited))
    in_charge = decided(lake.lakehouse)[-1].model_version
    shop.succeed(SCORES, last)

    def raw() -> "pd.Series[float]":
        scores = lake.frame(tables.CHURN_SCORES, ["customer_key", "as_of_date", "model_version", "raw"])
        return scores.set_index(["customer_key", "as_of_date", "model_version"])["raw"].sort_index()

    before = raw()
    lake.succeed(SCORES, last)
    pd.testing.assert_series_equal(raw(), before)
    lake.succeed(GROUPS("features") - OF_THE_DAY, month_range("2024-12", last[0]))
    [said] = failures(lake.run(SCORES, last)).values()
    assert f"Version {in_charge} is in charge of {month_end(last[0])} and needs transactions" in said
    assert "which churn.yaml no longer declares" in said
    lake.succeed(GROUPS("models"), last)
    newest = max(lake.lakehouse.arrow(tables.CHAMPIONS).to_pylist(), key=lambda row: row["decided_at"])
    assert newest["promoted"] and "the champion needs transactions" in newest["why"]
    lake.succeed(SCORES, last)
    assert newest["model_version"] in set(lake.frame(tables.CHURN_SCORES)["model_version"])


@pytest.mark.skipif(not CDNOW.is_file(), reason=f"{CDNOW.name} is not beside this checkout (shared/data)")
def test_cdnow(spark: "SparkSession", tmp_path: Path) -> None:
    """As of 1997-12-31, trained on 1997-06-30 alone: all that half a year of outcome leaves of 18 months."""
    windows = {"observation_months": 6, "gap_days": 0, "outcome_days": 180, "settlement_days": 1}
    business = business_copy(
        tmp_path, "shop", calendar={"start": "1997-01", "end": "1998-06"}, windows=windows
    )
    settings = settings_for(tmp_path, business)
    delivered: dict[str, list[dict[str, str]]] = {}
    with CDNOW.open() as file:
        for row in csv.DictReader(file):
            delivered.setdefault(row["date"][:7], []).append(row)
    for month, rows in delivered.items():
        write_csv(settings.landing_uri, "transactions", str(month_end(month)), rows)
    lake = Lake(settings, load_business(business))
    months = month_range("1997-01", "1998-06")
    assert sorted(delivered) == months
    _run_all(lake, months)
    balance = _balance(lake)
    assert balance["delivered"] == 69_659
    training = lake.frame(tables.TRAINING_RUNS).iloc[0]
    assert str(training["test_as_of_date"]) == "1997-12-31"
    labels = lake.frame(tables.CHURN_LABELS, ["as_of_date", "label"])
    tested = labels[labels["as_of_date"].astype(str) == "1997-12-31"]
    assert len(tested) == 23_570
    assert tested["label"].mean() == pytest.approx(0.772, abs=0.01)
    assert training["auc"] >= 0.80, training
