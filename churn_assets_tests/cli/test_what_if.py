"""The what-if command over a small lake and a registered model; no Spark."""

import io
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from rich.console import Console

from churn_assets.cli.what_if import tell_what_if
from churn_assets.contracts.business import Business
from churn_assets.contracts.feature import Feature
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.portable.what_if import WhatIfError
from churn_assets.ml.training.settings import TrainingSettings
from churn_assets.ml.training.split import temporal_split
from churn_assets.ml.training.train import train
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets.tracking.tracking import Tracking
from churn_assets_tests.lakes import declaring, settings_for
from churn_assets_tests.ml.synthetic import COHORTS, FEATURES, no_spark, training_frame

pytestmark = pytest.mark.one_python(reason="fits models, mostly in scikit-learn")

TRAINED = date(2025, 11, 30)
ACTIONABLE = ("tickets__count_3m", "region")
WHO = "key00007"


class World:
    """A lake with snapshots and one champion."""

    def __init__(self, folder: Path) -> None:
        self.frame = training_frame(customers=400)
        self.frame["autopay"] = self.frame["autopay"].astype(float)
        self.lakehouse = Lakehouse(settings_for(folder))
        self.tracking = Tracking(
            f"sqlite:///{folder}/mlflow.db", str(folder / "artifacts"), "telecom", "churn-telecom"
        )
        shipped = load_business(SHIPPED_BUSINESSES / "telecom")
        declared = tuple(
            Feature(n, "number", "other", n.replace("_", " "), actionable=n in ACTIONABLE) for n in FEATURES
        )
        self.business: Business = replace(shipped, features=declared)
        split = temporal_split(COHORTS, 7, 30)
        self.result = train(self.frame, FEATURES, split, TrainingSettings(("histogram_boosting",)), no_spark)
        with self.tracking.training_run("dagster", TRAINED) as run:
            version = run.register(self.result.model).version
        snapshots = self.frame.drop(columns=["label"])
        rows = pa.Table.from_pandas(snapshots, preserve_index=False)
        self.lakehouse.append_rows(declaring(tables.CUSTOMER_SNAPSHOTS, rows), rows, run_id="r")
        decision = {
            "in_charge_from": TRAINED,
            "model_version": version,
            "trained_as_of": TRAINED,
            "promoted": True,
            "by": "training",
            "decided_at": datetime(2026, 1, 1, tzinfo=UTC),
        }
        self.lakehouse.append_rows(tables.CHAMPIONS, tables.CHAMPIONS.rows([decision]), run_id="r")

    def tell(self, key: str = WHO, month: str | None = None, **wishes: str) -> str:
        out = io.StringIO()
        console = Console(file=out, width=200)
        tell_what_if(self.lakehouse, self.tracking, self.business, key, month, wishes, console)
        return out.getvalue()

    def score(self, month_end: date, **values: object) -> float:
        at = (self.frame["customer_key"] == WHO) & (self.frame["as_of_date"] == month_end)
        return float(self.result.model.score(self.frame[at].assign(**values))["probability"].iloc[0])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("asking"))


def test_the_newest_month_is_asked_about(world: World) -> None:
    said = world.tell(tickets__count_3m="2")
    now, then = world.score(COHORTS[-1]), world.score(COHORTS[-1], tickets__count_3m=2.0)
    assert f"known on {COHORTS[-1]}, model version 1" in said
    assert f"Probability now {now:.1%}, then {then:.1%}" in said
    assert "only an experiment tells" in said


def test_a_month_can_be_named(world: World) -> None:
    said = world.tell(month="2025-11", region="south")
    assert f"now {world.score(TRAINED):.1%}, then {world.score(TRAINED, region='south'):.1%}" in said


def test_without_a_wish_it_lists_what_may_be_asked(world: World) -> None:
    said = world.tell()
    assert "north, south, centre" in said and "tickets__count_3m" in said
    assert "autopay" not in said


@pytest.mark.parametrize(
    ("key", "month", "wishes", "said"),
    [
        ("C0000001", None, {}, "no snapshot of this customer_key. Look for keys in scores/churn_scores"),
        (WHO, "2026-05", {}, "no snapshot of this customer_key on 2026-05-31"),
        (WHO, "2025-10", {}, "No model was in charge on 2025-10-31"),
        (WHO, None, {"autopay": "1"}, "autopay is not actionable"),
        (WHO, None, {"region": "moon"}, "outside of what the model has seen: north, south, centre"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    world: World, key: str, month: str | None, wishes: dict[str, str], said: str
) -> None:
    with pytest.raises(WhatIfError, match=said) as caught:
        world.tell(key, month, **wishes)
    assert "C0000001" not in str(caught.value)


def test_a_business_without_actionable_features_says_how_to_mark_them(world: World) -> None:
    bare = replace(
        world.business, features=tuple(replace(f, actionable=False) for f in world.business.features)
    )
    with pytest.raises(WhatIfError, match="mark what we can change by `actionable: true`"):
        tell_what_if(world.lakehouse, world.tracking, bare, WHO, None, {}, Console(file=io.StringIO()))


def test_snapshots_hold_the_wishes_of_nobody(world: World) -> None:
    world.tell(region="south")
    stored = world.lakehouse.arrow(tables.CUSTOMER_SNAPSHOTS).to_pandas()
    assert len(stored) == len(world.frame)
    assert stored["region"].value_counts().equals(pd.Series(world.frame["region"]).value_counts())


def test_a_newer_day_is_asked_about_unless_a_month_is_named(tmp_path: Path) -> None:
    world, day = World(tmp_path), date(2026, 1, 20)
    now = world.frame[(world.frame["customer_key"] == WHO) & (world.frame["as_of_date"] == COHORTS[-1])]
    now = now.drop(columns=["label"]).assign(as_of_date=day, tickets__count_3m=7.0)
    rows = pa.Table.from_pandas(now, preserve_index=False)
    world.lakehouse.append_rows(declaring(tables.CURRENT_SNAPSHOT, rows), rows, run_id="r")
    assert f"known on {day}, model version 1" in world.tell(tickets__count_3m="2")
    month = f"{COHORTS[-1]:%Y-%m}"
    assert f"known on {COHORTS[-1]}, model version 1" in world.tell(month=month, tickets__count_3m="2")
