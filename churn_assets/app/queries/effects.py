"""What offers change, and for whom, as the release tells it."""

from typing import TYPE_CHECKING, Any

from churn_assets.app.store import ReleaseStore
from churn_assets.reporting.effects_in_words import effect_in_words, prevented_in_words

if TYPE_CHECKING:
    import pandas as pd

BY_CUSTOMER = "effects by customer"


def uplift_of(store: ReleaseStore) -> list[dict[str, Any]]:
    """Rows of retention/offer_uplift with the words of the offer, by offer; empty where the release holds none."""
    if not store.has("offer_uplift"):
        return []
    words = "o.words" if store.has("offer_effects") else "NULL"
    joined = "LEFT JOIN offer_effects o USING (offer)" if store.has("offer_effects") else ""
    return store.rows(
        f"SELECT u.*, coalesce({words}, u.offer) AS words FROM offer_uplift u {joined} ORDER BY offer"
    )


def best_offers(store: ReleaseStore) -> list[str]:
    """A clause for each offer of the newest campaign: how many of 100 who would leave it keeps or drives away.

    Only offers that somebody gets, those for most customers first; empty without a campaign.
    """
    if not store.has("offer_effects"):
        return []
    rows = store.rows(
        "SELECT words, prevented, low, high, basis FROM offer_effects WHERE contacted > 0 "
        "ORDER BY contacted DESC, offer"
    )
    return [
        f"\u201c{row['words']}\u201d is expected to {prevented_in_words(row['prevented'], row['low'], row['high'])}, "
        f"{'measured' if row['basis'].startswith('measured') else 'assumed'}"
        for row in rows
    ]


def groups_of(store: ReleaseStore) -> "pd.DataFrame":
    """Rows of retention/effect_groups, by offer, kinds before segments, the largest estimated effect first."""
    return store.frame("SELECT * FROM effect_groups ORDER BY offer, grouping, estimated DESC")


def expected_of_plan(store: ReleaseStore, row: dict[str, Any]) -> str | None:
    """What the planned offer is expected to change for a customer, as a sentence; None without an offer.

    Args:
        store: of the release.
        row: of the customer in `campaign_plan`.
    """
    told = effect_in_words(row["expected_effect"])
    if told is None:
        return None
    rows = store.rows("SELECT basis FROM offer_effects WHERE offer = ?", [row["offer"]])
    basis = rows[0]["basis"] if rows else "assumed"
    if BY_CUSTOMER in basis:
        why = "by what is known of this customer"
    elif basis.startswith("measured"):
        why = "the measured effect of the offer at this customer's risk"
    else:
        why = "an assumed effect of the offer at this customer's risk"
    return f"The offer is {told} ({why})."
