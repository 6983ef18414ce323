"""A release of three scored months with every table that the pages of the team's head read. Made without a lake."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from churn_assets.app.store import ReleaseStore
from churn_assets.contracts.feature import Feature
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.tables import Table
from churn_assets.serving.calibration import CALIBRATION
from churn_assets.serving.leaving_rates import LEAVING_RATES
from churn_assets.serving.release.manifest import About
from churn_assets.serving.release.reading import current_release, local_copy, open_release
from churn_assets.serving.release.words import FeatureWords
from churn_assets.serving.release.writing import write_release
from churn_assets_tests.serving.release.alerts import alert_rows, alert_table
from churn_assets_tests.serving.release.current import current_tables
from churn_assets_tests.serving.release.made import NOW, contents, words

DAYS = (date(2025, 10, 31), date(2025, 11, 30), date(2025, 12, 31))
MONTHS = ("2025-10", "2025-11", "2025-12")
SEGMENTS = ("valuable and at risk", "watch", "steady")
DRIVERS = ("price", "service", "unknown")
RULES = [{"name": name, "action": f"Do {name}.", "when": {}} for name in SEGMENTS]
BUSINESS: dict[str, Any] = {
    "name": "telecom",
    "currency": "EUR",
    "windows": {"observation_months": 6, "gap_days": 7, "outcome_days": 30, "settlement_days": 3},
    "segments": {
        "risk": {"high": 0.9, "elevated": 0.7},
        "value": {"feature": "invoices_amount_sum_3m", "high": 0.67, "middle": 0.33},
        "rules": RULES,
    },
}
WORTH = FeatureWords(
    Feature(
        "invoices_amount_sum_3m",
        "number",
        "price",
        "invoiced (EUR), last 3 months",
        aggregate="sum",
        months=3,
        unit="EUR",
    ),
    False,
    None,
    None,
    "EUR",
    "Sum of invoices.",
)
CARD = (
    "# Model card\n\nIt ranks.\n\n![Lift](plots/lift.png)\n\n## Fairness\n\nJudged by region.\n\n"
    "![Groups](plots/groups.png)\n\n## Limits\n\nIt knows little.\n"
)


def customers_of(day: int, count: int = 120) -> pd.DataFrame:
    """The segments of a scored day; every day some come, some go, and some move."""
    rng = np.random.default_rng(11 + day)
    keys = [f"{number:016x}" for number in range(5 * day, 5 * day + count)]
    probability = rng.beta(1, 12, count)
    rank = pd.Series(probability).rank(ascending=False)
    risk = np.where(rank <= count * 0.1, "high", np.where(rank <= count * 0.3, "elevated", "low"))
    value = np.round(rng.uniform(10, 200, count), 2)
    value[::17] = np.nan
    segment = np.where(risk == "high", SEGMENTS[0], np.where(risk == "elevated", SEGMENTS[1], SEGMENTS[2]))
    return pd.DataFrame(
        {
            "customer_key": keys,
            "as_of_date": DAYS[day],
            "segment": segment,
            "action": [f"Do {name}." for name in segment],
            "risk_tier": risk,
            "value_tier": "middle",
            "driver": rng.choice(DRIVERS, count),
            "probability": probability,
            "value": value,
            "model_version": "1" if day == 0 else "2",
        }
    )


MORNING_KEYS: list[str] = customers_of(2)["customer_key"].tolist()


def _sizes(rows: pd.DataFrame) -> pd.DataFrame:
    by = ["as_of_date", "segment", "action", "driver"]
    return rows.groupby(by, as_index=False).agg(
        customers=("customer_key", "size"), mean_probability=("probability", "mean")
    )


def _performance() -> list[dict[str, Any]]:
    figures = {
        "status": "ok",
        "n": 118,
        "positives": 9,
        "excluded": 2,
        "treated": 3,
        "untreated_positives": 8,
    }
    figures |= {"base_rate": 0.076, "auc": 0.81, "auc_low": 0.74, "auc_high": 0.88, "expected_positives": 9.4}
    figures |= {
        "calibration_slope": 0.93,
        "calibration_intercept": -0.1,
        "lift_top_decile": 4.1,
        "brier": 0.06,
    }
    figures |= {"precision": 0.3, "recall": 0.41, "auc_estimated": 0.8}
    waits = {"status": "immature", "n": 120, "expected_positives": 9.1, "auc_estimated": 0.8}
    return [
        {"as_of_date": DAYS[0], "model_version": "1"} | figures,
        {"as_of_date": DAYS[1], "model_version": "2"}
        | figures
        | {"auc": 0.79, "auc_low": 0.71, "auc_high": 0.87},
        {"as_of_date": DAYS[2], "model_version": "2"} | waits,
    ]


def _calibration() -> list[dict[str, Any]]:
    """Tenths of the newest judged cohort; the riskiest left more rarely than predicted."""
    common = {"as_of_date": DAYS[1], "model_version": "2", "customers": 12}
    riskiest = {"predicted": 0.9, "positives": 6, "observed": 0.5, "low": 0.25, "high": 0.75}
    safe = {"predicted": 0.05, "positives": 0, "observed": 0.0, "low": 0.0, "high": 0.24}
    return [common | {"tenth": n} | (riskiest if n == 1 else safe) for n in range(1, 11)]


def _trainings() -> list[dict[str, Any]]:
    found = {"status": "ok", "candidate": "histogram_boosting", "auc_low": 0.78, "auc_high": 0.86}
    return [
        found
        | {
            "model_version": version,
            "trained_as_of": day,
            "auc": auc,
            "test_as_of_date": day,
            "trained_at": NOW,
        }
        for version, day, auc in (("1", DAYS[0], 0.83), ("2", DAYS[1], 0.82))
    ]


def _champions() -> list[dict[str, Any]]:
    first = {"in_charge_from": DAYS[0], "model_version": "1", "trained_as_of": DAYS[0], "promoted": True}
    second = {"in_charge_from": DAYS[1], "model_version": "2", "trained_as_of": DAYS[1], "promoted": True}
    return [
        first | {"why": "first model: nobody was in charge", "decided_at": NOW},
        second
        | {
            "previous_version": "1",
            "why": "AUC +0.010 *better*",
            "auc_difference": 0.01,
            "auc_difference_low": -0.002,
            "auc_difference_high": 0.022,
            "decided_at": NOW.replace(day=4),
        },
    ]


def _drift() -> list[dict[str, Any]]:
    common = {
        "as_of_date": DAYS[2],
        "model_version": "2",
        "n": 120,
        "missing_rate": 0.1,
        "reference_missing_rate": 0.0,
    }
    features = (
        ("tickets_count_3m", "shift", 0.4),
        ("region", "stable", 0.01),
        ("tenure_days", "moderate", 0.15),
    )
    rows = [common | {"kind": "feature", "feature": f, "status": s, "psi": psi} for f, s, psi in features]
    score = {"kind": "score", "feature": "probability", "status": "stable", "psi": 0.02}
    volume = {
        "kind": "volume",
        "feature": "customers",
        "status": "stable",
        "value": 120.0,
        "reference_value": 118.0,
    }
    return [*rows, common | score, common | volume]


def rate_rows() -> pd.DataFrame:
    """Churn rates of three months: of all, by plan (one group is not known), and by tenure."""
    rng, rows = np.random.default_rng(5), []
    for month in MONTHS:
        parts = [
            {"dimension": "plan", "value": value} | _flows(rng, 400) for value in ("basic", "plus", None)
        ]
        total: dict[str, Any] = {
            "dimension": "all",
            "value": "all",
            "unknown_at_end": 4,
            "joined_and_left": 1,
        }
        total |= {
            name: sum(part[name] for part in parts) for name in parts[0] if name not in ("dimension", "value")
        }
        tenure = total | {"dimension": "tenure", "value": "00 to 02 months"}
        rows += [part | {"month": month} for part in [total, *parts, tenure]]
    frame = pd.DataFrame(rows).assign(settled_on=DAYS[2])
    known = frame["customers_start"] - frame["customers_unknown"]
    frame["churn_rate_by_choice"] = frame["customers_lost_by_choice"] / known
    frame["churn_rate"] = (frame["customers_lost_by_choice"] + frame["customers_lost_otherwise"]) / known
    frame["net_revenue_retention"] = frame["revenue_kept"] / (
        frame["revenue_start"] - frame["revenue_unknown"]
    )
    return frame


def _flows(rng: np.random.Generator, start: int) -> dict[str, Any]:
    counts = {"start": start, "new": 20, "returned": 2, "known_again": 1, "moved_in": 0, "moved_out": 0}
    counts |= {
        "lost_by_choice": int(rng.integers(8, 20)),
        "lost_otherwise": int(rng.integers(1, 4)),
        "unknown": 2,
    }
    lost = counts["lost_by_choice"] + counts["lost_otherwise"] + counts["unknown"]
    counts["end"] = start + 23 - lost
    people = {f"customers_{name}": number for name, number in counts.items()}
    money = {f"revenue_{name}": 30.0 * number for name, number in counts.items()}
    grown = {
        "revenue_expansion": 50.0,
        "revenue_contraction": 20.0,
        "revenue_kept": 30.0 * (start - lost) + 30.0,
    }
    money["revenue_end"] += 30.0
    return people | money | grown


def _cohorts() -> list[dict[str, Any]]:
    return [
        {
            "joined_month": joined,
            "months_since": since,
            "month": MONTHS[first + since],
            "settled_on": DAYS[2],
            "joined": 20,
            "customers": 20 - 3 * since,
            "unknown": since,
            "retention": (20 - 3 * since) / (20 - since),
            "revenue_joined": 600.0,
            "revenue": 600.0 - 80 * since,
            "revenue_retention": 1 - 80 * since / 600,
        }
        for first, joined in enumerate(MONTHS)
        for since in range(len(MONTHS) - first)
    ]


def _people() -> list[dict[str, Any]]:
    counted = {"former": 100, "new": 20, "now": 110, "ended": 8, "merged": 1, "disappeared": 0, "unknown": 1}
    return [
        counted | {"source": source, "as_of_date": day}
        for day in DAYS
        for source in ("customers", "all sources")
    ]


def _arrow(table: Table, rows: "Sequence[dict[str, Any]] | pd.DataFrame") -> pa.Table:
    """Rows with the types of the table in the lake; what they do not tell is null."""
    told: Sequence[Any] = rows.to_dict("records") if isinstance(rows, pd.DataFrame) else rows
    whole = [
        {name: None if value is None or value != value else value for name, value in row.items()}
        for row in told
    ]
    return table.rows(whole)


def all_tables() -> dict[str, pa.Table]:
    """Every table."""
    segments = pd.concat([customers_of(day) for day in range(len(DAYS))]).sort_values(
        ["customer_key", "as_of_date"]
    )
    return {
        "segments": pa.Table.from_pandas(segments, preserve_index=False),
        "segment_sizes": pa.Table.from_pandas(_sizes(segments), preserve_index=False),
        "model_performance": _arrow(tables.MODEL_PERFORMANCE, _performance()),
        "calibration": CALIBRATION.rows(_calibration()),
        "training_runs": _arrow(tables.TRAINING_RUNS, _trainings()),
        "champions": _arrow(tables.CHAMPIONS, _champions()),
        "drift": _arrow(tables.DRIFT, _drift()),
        "churn_rates": _arrow(tables.CHURN_RATES, rate_rows()),
        "retention_cohorts": _arrow(tables.RETENTION_COHORTS, _cohorts()),
        "people_balance": _arrow(tables.PEOPLE_BALANCE, _people()),
    }


def morning_tables() -> dict[str, pa.Table]:
    """What a release tells of this morning: of the customers of the newest month, and of no others."""
    keys = MORNING_KEYS
    rates = [{"as_of_date": day, "rate": rate} for day, rate in zip(DAYS, (0.08, 0.1, 0.05), strict=True)]
    return current_tables(keys) | {
        "risk_alerts": alert_table(alert_rows(keys[:60])),
        "leaving_rates": LEAVING_RATES.rows(rates),
    }


def publish_months(
    root: Path | str,
    *,
    without: Sequence[str] = (),
    business: dict[str, Any] | None = None,
    card: str = CARD,
    **edits: Any,
) -> None:
    """Publishes the release without some of its tables; `edits` replace tables (Arrow) or fields of `About`."""
    held = {
        **all_tables(),
        **{name: edits.pop(name) for name in list(edits) if isinstance(edits[name], pa.Table)},
    }
    about = About(
        "telecom",
        "2",
        str(DAYS[1]),
        str(DAYS[2]),
        [str(day) for day in DAYS],
        str(DAYS[2]),
        None,
        {"customers": 130},
    )
    made = contents(**({"current_scores": held["current_scores"]} if "current_scores" in held else {}))
    found = replace(
        made,
        about=replace(about, **({"current": made.about.current} | edits)),
        tables=dict(made.tables) | {name: rows for name, rows in held.items() if name not in without},
        absent={name: f"monitoring/{name} was never materialised" for name in without},
        words=[*words(), WORTH],
        business=business if business is not None else BUSINESS,
        card={"model_card.md": card, "model_card.html": "<h1>Model card</h1>"} if card else {},
    )
    write_release(str(root), found, now=NOW, run_id="run0", keep=3)


def opened_store(root: Path) -> ReleaseStore:
    """The store of the release in force below a root."""
    pointer = current_release(str(root))
    assert pointer is not None
    return ReleaseStore(open_release(local_copy(str(root), pointer, root)))


def status(**edits: Any) -> dict[str, Any]:
    """A status of a pipeline that runs well, of the day after the newest scores."""
    rows = [
        {
            "source": source,
            "extract_month": month,
            "delivered": 1000,
            "accepted": 985,
            "duplicate": 5,
            "quarantined": 10,
            "whole": True,
            "balances": True,
        }
        for source in ("customers", "usage")
        for month in MONTHS
    ]
    refused = [
        {"source": "usage", "extract_month": month, "rule": rule, "rows": count}
        for month in MONTHS
        for rule, count in (("range:data_mb", 7), ("required:customer_id", 3))
    ]
    refused += [
        {"source": "customers", "extract_month": "2025-12", "rule": "malformed:birth_date", "rows": 10}
    ]
    sources: list[dict[str, Any]] = [
        {
            "source": source,
            "newest_extract": str(DAYS[2]),
            "known_until": str(DAYS[2]),
            "missing_months": [],
            "refused_by": {},
        }
        for source in ("customers", "usage")
    ]
    told: dict[str, Any] = {
        "at": "2026-01-01T06:00:00+00:00",
        "business": "telecom",
        "release": None,
        "sources": sources,
        "refused_rows": refused,
        "rows": rows,
        "people": [],
        "incidents": [],
    }
    return told | edits


def incident(kind: str, **edits: Any) -> dict[str, Any]:
    """An open incident of a status."""
    told = {
        "incident_id": "INC-3",
        "priority": "P2",
        "state": "new",
        "kind": kind,
        "title": "The usage is late",
    }
    return (
        told | {"opened_at": "2025-12-30T08:00:00+00:00", "resolve_by": "2025-12-31T08:00:00+00:00"} | edits
    )
