"""The plan of the newest campaign, as the calls tell it of each customer."""

from typing import Any

import pyarrow as pa
from pydantic_core import from_json, to_json

from churn_assets.api.columns import find, fixed_width, in_one_piece
from churn_assets.serving.release.reading import Release

PLAN, CAMPAIGNS, OFFERS = "campaign_plan", "campaigns", "offer_effects"
COLUMNS = (
    "campaign_id",
    "campaign_state",
    "campaign_arm",
    "planned_offer",
    "planned_channel",
    "why_not_planned",
)
TOLD = "told"


def with_answers(release: Release) -> pa.Table:
    """Key and TOLD: what is told of each customer, as JSON. Made once, so that no call has to."""
    offers = {row["offer"]: row for row in _rows(release, OFFERS)}
    states = {row["campaign_id"]: row["state"] for row in sorted(_rows(release, CAMPAIGNS), key=_order)}
    rows = release.table(PLAN)
    told = [
        to_json(
            row | {"state": states.get(row["campaign_id"])} | _of_offer(offers.get(row["offer"])),
            inf_nan_mode="null",
        )
        for row in rows.drop_columns("customer_key").to_pylist()
    ]
    return rows.select(["customer_key"]).append_column(TOLD, pa.array(told, pa.binary()))


def _of_offer(offer: dict[str, Any] | None) -> dict[str, Any]:
    """What is told of the offer of a customer; null without one."""
    return {"offer_words": offer and offer["words"], "effect_rests_on": offer and offer["basis"]}


def _rows(release: Release, table: str) -> list[dict[str, Any]]:
    return release.table(table).to_pylist() if release.has(table) else []


def _order(record: dict[str, Any]) -> int:
    return int(record["record"])


class PlannedOffers:
    """The plan of the newest campaign, sorted by customer_key."""

    def __init__(self, rows: pa.Table) -> None:
        """Takes the rows of the local copy."""
        self._keys = fixed_width(rows["customer_key"])
        self._told = in_one_piece(rows[TOLD])

    def of(self, customer_key: str) -> dict[str, Any] | None:
        """What is planned for a customer, or why nothing; None of a customer who was not scored then."""
        place = find(self._keys, customer_key)
        return None if place is None else from_json(self._told[place].as_py())

    def columns_of(self, customer_key: str) -> list[Any]:
        """The values of COLUMNS."""
        row = self.of(customer_key)
        if row is None:
            return [None] * len(COLUMNS)
        return [row[name] for name in ("campaign_id", "state", "arm", "offer", "channel", "reason")]
