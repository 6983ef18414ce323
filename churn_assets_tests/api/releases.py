"""Releases for tests of the service: 150 customers with a score, others without one, and ten who objected."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from churn_assets.ml.portable.model import PortableModel
from churn_assets.ml.portable.scored import score_frame
from churn_assets.serving.release.identity import key_made_once, write_identity
from churn_assets.serving.release.manifest import Manifest
from churn_assets.settings import Settings
from churn_assets_tests.serving.release.alerts import alert_rows, alert_table
from churn_assets_tests.serving.release.campaigns import campaign_tables
from churn_assets_tests.serving.release.current import current_tables
from churn_assets_tests.serving.release.made import FEATURES, KEYS, model, publish

SCORED, FORMER, TOO_NEW, OBJECTED = KEYS[:150], KEYS[150:170], KEYS[170:190], KEYS[190:]
CURRENT = [*SCORED[:140], TOO_NEW[0]]  # ten have left since, and one is no longer too new
AS_OF = date(2025, 12, 31)
CANARY = "canary@example.com"


def snapshots(count: int = len(SCORED)) -> pd.DataFrame:
    """Values of the features, some of them missing, one of them a category that training has not seen."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "tickets_count_3m": rng.integers(0, 4, count).astype(float),
            "tenure_days": rng.uniform(30, 3000, count),
            "region": rng.choice(["north", "south", "west"], count),
        }
    )
    frame.loc[::9, "tenure_days"] = np.nan
    frame.loc[::11, "region"] = None
    return frame


def tables(shift: float = 0.0, keys: list[str] = SCORED) -> dict[str, pa.Table]:
    """The tables of a release; probabilities and reasons are those of its model."""
    frame = snapshots(len(keys))
    scored = score_frame(frame, model(shift), FEATURES)
    ranked = scored["raw"].rank(ascending=False, method="first")
    scored = scored.assign(
        customer_key=keys,
        status="scored",
        status_reason="Scored.",
        as_of_date=AS_OF,
        model_version="3",
        decile=np.ceil(ranked / len(keys) * 10).astype(int),
        risk_tier=np.where(ranked <= len(keys) / 10, "high", "low"),
        value_tier="middle",
        segment="=at risk",  # what a spreadsheet would take for a formula
        action="call",
        value=20.0,
        expected_months=9.5,
    )
    without = pd.DataFrame({"customer_key": [*FORMER, *TOO_NEW]}).assign(
        status=["former"] * len(FORMER) + ["too_new"] * len(TOO_NEW),
        status_reason=["Left on 2025-03-01."] * len(FORMER)
        + ["Is a customer for less than 90 days."] * len(TOO_NEW),
    )
    if keys is not SCORED:
        without = without.iloc[:0]
    columns = [
        *(
            "customer_key",
            "status",
            "status_reason",
            "as_of_date",
            "model_version",
            "raw",
            "probability",
            "decile",
        ),
        *(
            "risk_tier",
            "value_tier",
            "segment",
            "action",
            "value",
            "driver",
            "reason_1",
            "reason_2",
            "reason_3",
        ),
        "expected_months",
    ]
    texts = ("status", "model_version", "risk_tier", "segment", "reason_1", "reason_2", "reason_3")
    customers = pa.Table.from_pandas(pd.concat([scored, without])[columns], preserve_index=False)
    for name in texts:  # a column of nulls has no type of its own
        at = customers.column_names.index(name)
        customers = customers.set_column(at, name, customers[name].cast(pa.string()))
    at = customers.column_names.index("decile")
    customers = customers.set_column(at, "decile", customers["decile"].cast(pa.int32()))
    scores = scored[["customer_key", "as_of_date", "model_version", "raw", "probability", "decile", "driver"]]
    earlier = scores.assign(as_of_date=date(2025, 11, 30), probability=scores["probability"] / 2)
    history = pd.concat([scores, earlier]).sort_values(["customer_key", "as_of_date"])
    sizes = pd.DataFrame(
        {
            "as_of_date": [AS_OF, AS_OF],
            "segment": ["=at risk"] * 2,
            "action": ["call"] * 2,
            "driver": ["service", "loyalty"],
            "customers": [100, len(keys) - 100],
            "mean_probability": [0.3, 0.2],
        }
    )
    performance = pd.DataFrame({"as_of_date": [date(2025, 9, 30)], "model_version": ["3"], "auc": [0.81]})
    drift = pd.DataFrame({"as_of_date": [AS_OF], "subject": ["tickets_count_3m"], "psi": [0.02]})
    frames = {
        "scores": history,
        "snapshots": frame.assign(customer_key=keys, as_of_date=AS_OF),
        "objections": pd.DataFrame({"customer_key": OBJECTED}),
        "segment_sizes": sizes,
        "model_performance": performance,
        "drift": drift,
    }
    return {"customers": customers} | {
        name: pa.Table.from_pandas(one, preserve_index=False) for name, one in frames.items()
    }


def publish_release(
    settings: Settings,
    number: int = 0,
    shift: float = 0.0,
    current: bool = True,
    morning: pa.Table | None = None,
) -> Manifest:
    """Publishes a release for a service with these settings; `shift` moves its scores.

    Args:
        settings: of the service.
        number: later ones have greater numbers.
        shift: moves its scores.
        current: whether it tells of this morning (current scores and alerts) and of a campaign.
        morning: the snapshots of these; None: it does not hold them.
    """
    held = tables(shift)
    if current:
        held |= current_tables(CURRENT, morning) | {"risk_alerts": alert_table(alert_rows(CURRENT[:60]))}
        held |= campaign_tables(SCORED)
    return publish(settings.releases_uri, number, shift=shift, **held)


def publish_identities(settings: Settings) -> None:
    """Publishes the identity file: the id of a customer is C-<number>."""
    people = {
        "customer_id": [f"C-{number:04d}" for number in range(len(KEYS))],
        "customer_key": KEYS,
        "email": [CANARY] * len(KEYS),
    }
    Path(settings.home_path).mkdir(parents=True, exist_ok=True)
    write_identity(settings.releases_uri, pa.table(people), key_made_once(settings))


def champion(shift: float = 0.0) -> PortableModel:
    """The model of `publish_release`."""
    return model(shift)
