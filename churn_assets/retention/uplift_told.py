"""Rows of retention/offer_uplift, for people."""

from datetime import date
from typing import Any

from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.reporting.effects_in_words import uplift_in_words, woken_in_words


def newest_effects(lakehouse: Lakehouse, until: date | None = None) -> tuple[date, dict[str, str]] | None:
    """The newest as_of_date of which effects of offers were judged, up to a day if given, and a sentence per offer.

    None before anything was judged.
    """
    if not lakehouse.exists(tables.OFFER_UPLIFT):
        return None
    days = [
        day for day in lakehouse.slices(tables.OFFER_UPLIFT, "as_of_date") if until is None or day <= until
    ]
    if not days:
        return None
    of_day: list[tuple[str, str, object]] = [("as_of_date", "=", max(days))]
    rows: list[dict[str, Any]] = lakehouse.arrow(tables.OFFER_UPLIFT, None, of_day).to_pylist()
    known = lakehouse.exists(tables.EFFECT_GROUPS)
    groups = lakehouse.arrow(tables.EFFECT_GROUPS, None, of_day).to_pylist() if known else []
    told = {}
    for row in sorted(rows, key=lambda one: str(one["offer"])):
        woken = woken_in_words([group for group in groups if group["offer"] == row["offer"]])
        told[str(row["offer"])] = f"{uplift_in_words(row)}{f' {woken}' if woken else ''}"
    return max(days), told
