"""What the shipped businesses say about every feature: `read_sentences/*.txt` are read by people and kept up to date.

After a wanted change of the words run this file with WRITE_SENTENCES=1, and read every changed line aloud.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from churn_assets.contracts.business import Business
from churn_assets.contracts.feature import Feature
from churn_assets.contracts.loader import load_business
from churn_assets.contracts.source import Column
from churn_assets.ml.portable.reasons_in_words import reasons
from churn_assets.settings import SHIPPED_BUSINESSES

FOLDER = Path(__file__).with_name("read_sentences")
BUSINESSES = sorted(path.name for path in SHIPPED_BUSINESSES.iterdir() if (path / "churn.yaml").is_file())
WRITE = "WRITE_SENTENCES" in os.environ
NOT_SAID = "-"
# what a customer does a day, by the names of features; and states that do not depend on a window
A_DAY = {
    "data_mb": 400.0, "voice_minutes": 12.0, "sms_count": 2.3, "roaming_mb": 1.0, "outage_minutes": 1.7,
    "dropped_calls": 0.14, "invoices_amount_sum": 1.0, "invoices_open_amount": 0.1, "late_fee": 0.05,
    "transactions_amount": 0.9, "quantity": 0.2, "transactions_count": 0.05, "tickets": 0.001, "failed": 0.001,
    "overdue": 0.001, "retention_contacts": 0.001,
}  # fmt: skip
STATES = {
    "tenure_days": 700.0, "days_to_expiry": 275.0, "contract_months": 12.0, "monthly_price_change_recency": 80.0,
    "monthly_price_change": 0.0, "price_rise": 0.0, "monthly_price": 30.0, "household_size": 2.0, "satisfaction": 4.0,
    "mean": 31.5, "recency_share": 0.1, "paid_share": 0.95, "_share_6m": 0.2, "count_ever": 6.0, "trend": 0.0,
    "recency_days": 60.0, "per_gb": 2.5, "per_100": 1.2, "share_last_month": 0.167, "share_last_fortnight": 0.077,
    "share_last_week": 0.233,
}  # fmt: skip


KINDS = {
    "acquisition_channel": ("shop", "online", "partner", "telesales", "referral"),
    "payment_method": ("card", "debit", "transfer", "wallet"),
    "device_class": ("basic", "standard", "premium"),
}
ONE_OF_MANY = re.compile(
    r"(?<![.,\d])1 (?:days|months|years|minutes|hours|calls|messages|tickets|purchases|items|people)\b"
)


@dataclass(frozen=True)
class Case:
    """A value of a feature that raises the risk of a customer who else is as usual."""

    feature: Feature
    name: str
    value: float | str | None

    def __str__(self) -> str:
        return f"{self.name} ({self.value:,g})" if isinstance(self.value, float) else self.name


def usual_value(feature: Feature) -> float:
    for part, value in STATES.items():
        if part in feature.name:
            return value
    days = feature.days or 30.4375 * (feature.months or 0)
    return next(round(a_day * days) for part, a_day in A_DAY.items() if part in feature.name)


def cases(feature: Feature, business: Business) -> Iterator[Case]:
    source = business.source(feature.source) if feature.source else None
    read = feature.measure or feature.column
    column = source.column(read) if source and read else None
    if (
        column is not None
        and column.valid_values
        and feature.kind == "number"
        and feature.aggregate == "attribute"
    ):
        yield from (Case(feature, "allowed", float(value)) for value in column.valid_values)
    elif column is not None and feature.kind == "category":
        values = column.valid_values or (
            ("true", "false") if column.type == "boolean" else KINDS[column.name]
        )
        yield from (Case(feature, str(value), str(value)) for value in values)
    elif feature.aggregate == "trend":
        named = {
            "low": -0.35,
            "a little lower": -0.01,
            "nearly gone": -0.995,
            "nothing left": -1.0,
            "usual": 0.0,
            "high": 0.35,
        }
        yield from (Case(feature, name, value) for name, value in {**named, "from nothing": 1.0}.items())
    else:
        usual = usual_value(feature)
        counted = feature.aggregate in (
            "count",
            "count_ever",
            "recency",
            "tenure",
            "days_to_expiry",
            "change_recency",
        )
        whole = counted or (column is not None and column.type == "integer" and feature.aggregate != "mean")
        named = {"low": 0.38 * usual, "usual": usual, "high": 3.3 * usual or 7.5, "one": 1.0, "zero": 0.0}
        if feature.unit == "%":
            named |= {"high": min(usual + 0.456, 1.0)}
        elif feature.measure != "satisfaction":
            named |= {"thousands": 12345.6}
        if not (counted and feature.aggregate != "days_to_expiry") and feature.aggregate != "share":
            least = column.minimum if column is not None and feature.aggregate != "change" else None
            named |= {"negative": -(usual or 3.26)} if not isinstance(least, float | int) or least < 0 else {}
        if column is not None and feature.aggregate in ("attribute", "mean"):
            named = {name: value for name, value in named.items() if _is_allowed(value, column)}
        for name, value in named.items():
            yield Case(feature, name, float(round(value)) if whole else round(value, 3))
    yield Case(feature, "missing", None)


def _is_allowed(value: float, column: Column) -> bool:
    least, most = (
        bound if isinstance(bound, float | int) else None for bound in (column.minimum, column.maximum)
    )
    return (least is None or value >= least) and (most is None or value <= most)


def together(told: list[tuple[Case, str]]) -> list[str]:
    """A sentence of each topic: a customer may have any of them side by side."""
    found: dict[str | None, str] = {}
    for case, sentence in told:
        if sentence != NOT_SAID and case.value is not None:
            found.setdefault(case.feature.about, sentence)
    return list(found.values())


def spoken(business: Business) -> list[tuple[Case, str]]:
    """Each case and its reason, NOT_SAID without one."""
    numbers = {f.name: float(usual_value(f)) for f in business.features if f.kind == "number"}
    usual: dict[str, float | str | None] = dict.fromkeys((f.name for f in business.features), "as usual")
    usual.update(numbers)
    told = [case for feature in business.features for case in cases(feature, business)]
    rows = [usual | {case.feature.name: case.value} for case in told]
    for row, case in zip(rows, told, strict=True):
        if case.feature.speaks_of is not None and isinstance(case.value, float):
            row[case.feature.speaks_of] = round(
                numbers[case.feature.speaks_of] * case.value / numbers[case.feature.name], 1
            )
    frame = pd.DataFrame(rows).astype(dict.fromkeys(numbers, "float64"))
    raised = pd.DataFrame([dict.fromkeys(usual, 0.0) | {case.feature.name: 1.0} for case in told])
    said = reasons(frame, raised, business.features, numbers)[:, 0]
    return [(case, sentence or NOT_SAID) for case, sentence in zip(told, said, strict=True)]


@pytest.mark.parametrize("name", BUSINESSES)
def test_every_sentence_has_been_read(name: str) -> None:
    found, feature = [], None
    told = spoken(load_business(SHIPPED_BUSINESSES / name))
    for case, sentence in told:
        if case.feature is not feature:
            feature = case.feature
            found.append(feature.name)
        found.append(f"    {case!s:<24}{sentence}")
    found += ["together", *(f"    {sentence}" for sentence in together(told))]
    file = FOLDER / f"{name}.txt"
    if WRITE:
        file.write_text("\n".join(found) + "\n", encoding="utf-8")
    assert found == file.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", BUSINESSES)
def test_every_sentence_is_well_formed(name: str) -> None:
    ever_said = set()
    for case, sentence in spoken(load_business(SHIPPED_BUSINESSES / name)):
        place = f"{case.feature.name}, {case}: {sentence}"
        assert not re.search(r"[{}]|\bnan\b|\binf\b|  |-\d", sentence), place
        assert not ONE_OF_MANY.search(sentence), place
        assert len(sentence) <= 95, place
        ever_said |= {case.feature.name} if sentence != NOT_SAID else set()
        assert not (case.name == "usual" and sentence != NOT_SAID), f"{place}: what is usual is no reason"
    assert ever_said == {f.name for f in load_business(SHIPPED_BUSINESSES / name).features if f.nameable}
