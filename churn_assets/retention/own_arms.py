"""Contacts of our own campaigns, in the arms that chance gave them: what the effects of offers are measured on.

A holdout is told to nobody, so no source of contacts tells of it: the plan does.
"""

from datetime import date
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.contracts.campaigns import Campaigns
from churn_assets.history.people import survivors
from churn_assets.history.treatments import DAY
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.campaigns.record import exported_until
from churn_assets.retention.arms import CONTACTED, DRAWN, EXPLORATION, HOLDOUT
from churn_assets.retention.contacts import CONTACT_COLUMNS, KEY

if TYPE_CHECKING:
    import pandas as pd

OF_PLANS = [KEY, "campaign_id", "holdout_id", "arm", "offer", "listed_on"]


def own_plans(lakehouse: Lakehouse, business: Business, section: Campaigns, day: date) -> "pd.DataFrame":
    """OF_PLANS of everybody in an arm of the campaigns that were exported up to the day; survivors of the merged."""
    import pandas as pd

    parts = [pd.DataFrame(columns=OF_PLANS)]
    names = [name for name in OF_PLANS if name != "listed_on"]
    for listed_on, told in exported_until(lakehouse, section.name, day):
        wanted: list[tuple[str, str, object]] = [("as_of_date", "=", told)]
        rows = lakehouse.arrow(tables.CAMPAIGN_PLAN, names, wanted).to_pandas()
        parts.append(rows[rows["arm"].notna()].assign(listed_on=listed_on))
    found = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    heirs = survivors(lakehouse, business, (day, day))
    return found.assign(**{KEY: found[KEY].map(lambda key: heirs.get(key, key))})


def with_own_arms(contacts: "pd.DataFrame", plans: "pd.DataFrame") -> "pd.DataFrame":
    """Contacts, those of our campaigns replaced by everybody who was in an arm of them.

    Whoever was to be contacted counts as treated, reached or not. Planned customers are compared with those of the
    holdout who would have got the same offer; whoever was drawn at random with the whole holdout. Each customer counts
    once in a draw of the holdout, until an offer was planned for them: after it the arms are no longer alike. A
    campaign of which no contact came back is left out: it may never have been carried out.

    Args:
        contacts: CONTACT_COLUMNS.
        plans: OF_PLANS of the customers in an arm of exported campaigns; listed_on: the day of the export.
    """
    import pandas as pd

    carried_out = plans["campaign_id"].isin(contacts.loc[contacts["treated"], "campaign"].dropna())
    rows = plans[carried_out].sort_values(["listed_on", KEY], kind="stable")
    if rows.empty:
        return contacts
    told = rows["offer"].notna().astype(int)
    draw = [rows["holdout_id"], rows[KEY]]
    rows = rows[(told.groupby(draw).cumsum() - told) == 0]
    ours = contacts["campaign"].isin(rows["campaign_id"])
    answers = contacts.loc[ours & contacts["treated"], [KEY, "campaign", "accepted"]]
    answers = answers.drop_duplicates([KEY, "campaign"], keep="last")
    rows = rows.merge(
        answers.rename(columns={"campaign": "campaign_id"}), on=[KEY, "campaign_id"], how="left"
    )
    rows = rows.rename(columns={"campaign_id": "campaign", "listed_on": DAY})
    drawn = rows["campaign"] + DRAWN
    treated, held = rows["arm"].isin(CONTACTED), rows["arm"] == HOLDOUT
    own = rows.assign(campaign=rows["campaign"].where(rows["arm"] != EXPLORATION, drawn))
    parts = [
        own[treated].assign(treated=True, control=False),
        own[held & rows["offer"].notna()].assign(treated=False, control=True, accepted=None),
        rows[held].assign(treated=False, control=True, accepted=None, campaign=drawn[held], offer=None),
    ]
    arms = [part.assign(refused=False, source="plan")[CONTACT_COLUMNS] for part in parts if len(part)]
    return pd.concat([contacts[~ours], *arms], ignore_index=True)
