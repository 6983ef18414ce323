"""Everything that a plan rests on, as known at the as_of_date."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.contracts.campaigns import Campaigns
from churn_assets.contracts.expressions import names_read
from churn_assets.history.people import consents, objections
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end, month_of
from churn_assets.operations.campaigns.record import PLANNED as IS_PLANNED
from churn_assets.operations.campaigns.record import campaigns, exported_until
from churn_assets.retention.arms import HOLDOUT
from churn_assets.retention.contacts import (
    AS_OF,
    KEY,
    by_offer,
    contacts_known,
    last_contacts,
    with_outcomes,
)
from churn_assets.retention.draws import holdout_months
from churn_assets.retention.effects import OfferEffect, effects_of
from churn_assets.retention.own_arms import own_plans, with_own_arms

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import Column, DataFrame

SCORED = [KEY, "probability", "value", "risk_tier", "value_tier", "segment", "model_version"]


@dataclass(frozen=True)
class Basis:
    """What a plan rests on.

    Attributes:
        day: the as_of_date.
        cohort: one row per scored customer: SCORED; a column per offer, whether it may go to the customer by its
            condition; `excluded` and `consent` (bool, or null: unknown); `objected` (bool); `contacted_on` (date or
            null: the last contact, or the export of a list that names the customer).
        effects: offer -> what is expected of it.
        strata: customer_key -> tiers of risk and value when the holdout was drawn.
        holdout_id: of the draw.
        consent_declared: False where no contract tells of consent, so that nobody is left out for want of it.
        assigned: customer_key -> in the holdout, of everybody who was in an arm of a campaign since the draw.
        kept: customer_key -> what is lost if the customer leaves, NaN where unknown; None: only the constant is known,
            or nothing shows that own values are better.
        own_effects: offer -> customer_key -> fall of the churn probability, of offers whose effects by customer were
            judged better than the constant one.
    """

    day: date
    cohort: "pd.DataFrame"
    effects: dict[str, OfferEffect]
    strata: dict[str, str]
    holdout_id: str
    consent_declared: bool
    assigned: Mapping[str, bool] = field(default_factory=dict)
    kept: Mapping[str, float] | None = None
    own_effects: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def campaign_id(section: Campaigns, day: date) -> str:
    """The id of the campaign after an as_of_date; within a month a campaign is only tried, and named by the day."""
    return f"{section.name}-{month_of(day) if day == month_end(month_of(day)) else day}"


def read_basis(
    lakehouse: Lakehouse, business: Business, section: Campaigns, day: date, *, current: bool = False
) -> Basis:
    """Reads what a plan rests on; nothing that became known after `day`.

    Args:
        lakehouse: whose tables are read.
        business: whose customers.
        section: `campaigns` of churn.yaml.
        day: the as_of_date.
        current: by the current scores and snapshots of the day, in place of those of a month end.

    Raises:
        LakehouseError: a table does not exist yet.
    """
    of_day: list[tuple[str, str, object]] = [("as_of_date", "=", day)]
    scores = tables.CURRENT_SCORES if current else tables.CUSTOMER_SEGMENTS
    cohort: pd.DataFrame = lakehouse.arrow(scores, SCORED, of_day).to_pandas()
    cohort = cohort.sort_values(KEY, ignore_index=True)
    contacts = contacts_known(lakehouse, business, day)
    arms = with_own_arms(contacts, own_plans(lakehouse, business, section, day))
    judged = with_outcomes(lakehouse, arms, day, business.file.windows.gap_days)
    offers = business.file.offers
    snapshots = _snapshots(lakehouse, business, section, day, judged, current)
    rules = _rules(business, section, snapshots)
    now = rules[rules[AS_OF] == day].drop(columns=AS_OF)
    cohort = cohort.merge(now, on=KEY, how="left")
    cohort["objected"] = cohort[KEY].isin(list(objections(lakehouse, business, day).keys))
    agreed = consents(lakehouse, business, day)
    cohort["consent"] = True if agreed is None else cohort[KEY].map(agreed).astype(object)
    cohort["contacted_on"] = _contacted_on(lakehouse, section, cohort[KEY], last_contacts(contacts), day)
    names = [offer.name for offer in offers]
    effects = effects_of(offers, by_offer(judged, names, rules[[KEY, AS_OF, *names]]))
    first, _ = holdout_months(month_of(day), section.holdout_months)
    holdout_id = f"{section.name}-{first}"
    return Basis(
        day,
        cohort,
        effects,
        _strata(lakehouse, month_end(first), day),
        holdout_id,
        agreed is not None,
        _assigned(lakehouse, section, holdout_id, day),
        _kept(lakehouse, business, day),
        _own_effects(lakehouse, section, day),
    )


def _snapshots(
    lakehouse: Lakehouse,
    business: Business,
    section: Campaigns,
    day: date,
    judged: "pd.DataFrame",
    current: bool,
) -> "DataFrame":
    """The snapshots of the day, and those of the judged contacts of earlier days."""
    from pyspark.sql import functions as F

    cohorts = _with_declared(lakehouse.read(tables.CUSTOMER_SNAPSHOTS), business, section)
    newest = cohorts
    if current:
        newest = _with_declared(lakehouse.read(tables.CURRENT_SNAPSHOT), business, section)
    newest = newest.where(F.col(AS_OF) == day)
    if not len(judged):
        return newest
    days = [told for told in judged[AS_OF].unique() if told != day]
    pairs = F.broadcast(_pairs(lakehouse, judged))
    of_contacts = cohorts.where(F.col(AS_OF).isin(days)).join(pairs, [KEY, AS_OF], "left_semi")
    names = [KEY, AS_OF, *_read_by(business, section)]
    return newest.select(names).unionByName(of_contacts.select(names))


def rules_of_contacts(
    lakehouse: Lakehouse, business: Business, section: Campaigns, day: date, judged: "pd.DataFrame"
) -> "pd.DataFrame":
    """The same of the cohort of a day and of the judged contacts of earlier days."""
    return _rules(business, section, _snapshots(lakehouse, business, section, day, judged, False))


def _rules(business: Business, section: Campaigns, snapshots: "DataFrame") -> "pd.DataFrame":
    """customer_key, as_of_date, a column per offer (its condition) and `excluded`, of these snapshots."""
    from pyspark.sql import functions as F

    conditions = [
        F.coalesce(F.expr(offer.where), F.lit(False)).alias(offer.name)
        if offer.where
        else F.lit(True).alias(offer.name)
        for offer in business.file.offers
    ]
    excluded: Column = F.lit(False)
    for name in section.exclude:
        excluded = excluded | _is_true(business, name)
    rows = snapshots.select(KEY, AS_OF, *conditions, excluded.alias("excluded")).toArrow()
    found: pd.DataFrame = rows.to_pandas(date_as_object=True)
    return found


def _read_by(business: Business, section: Campaigns) -> list[str]:
    """The columns of snapshots that the conditions of offers and `exclude` read."""
    read = [
        *section.exclude,
        *(n for o in business.file.offers if o.where for n in sorted(names_read(o.where))),
    ]
    return list(dict.fromkeys(read))


def _pairs(lakehouse: Lakehouse, judged: "pd.DataFrame") -> "DataFrame":
    import pyarrow as pa

    distinct = judged[[KEY, AS_OF]].drop_duplicates()
    schema = pa.schema([(KEY, pa.string()), (AS_OF, pa.date32())])
    return lakehouse.spark.createDataFrame(pa.Table.from_pandas(distinct, schema, preserve_index=False))


def _with_declared(snapshots: "DataFrame", business: Business, section: Campaigns) -> "DataFrame":
    """The snapshots with a null column for each feature that was declared after they were made."""
    from pyspark.sql import functions as F

    read = _read_by(business, section)
    for feature in business.features:
        if feature.name in read and feature.name not in snapshots.columns:
            snapshots = snapshots.withColumn(feature.name, F.lit(None).cast(feature.spark_type))
    return snapshots


def _is_true(business: Business, name: str) -> "Column":
    """True where a number is above 0 or a column of true and false is true; null where it is unknown."""
    from pyspark.sql import functions as F

    kind = next(f.kind for f in business.features if f.name == name)
    return F.col(name) > 0 if kind == "number" else F.lower(F.col(name)) == "true"


def _contacted_on(
    lakehouse: Lakehouse, section: Campaigns, keys: "pd.Series", last: "pd.Series", day: date
) -> "pd.Series":
    """The last contact of each customer, by a source of contacts or by an exported list.

    A customer of the holdout counts as contacted when they would have been: else the two arms would differ in who is
    left out after a contact.
    """
    found = keys.map(last).astype(object)
    found = found.where(found.notna(), None)
    for exported_on, told in exported_until(lakehouse, section.name, day):
        named: list[tuple[str, str, object]] = [("as_of_date", "=", told)]
        rows = lakehouse.arrow(tables.CAMPAIGN_PLAN, [KEY, "offer"], named).to_pandas()
        listed = keys.isin(rows.loc[rows["offer"].notna(), KEY]).to_numpy()
        earlier = found.map(lambda d, on=exported_on: d is None or d < on).to_numpy(dtype=bool)
        found = found.where(~(listed & earlier), exported_on)
    return found


def holdout_draw(section: Campaigns) -> str:
    """What decides over the draw of a holdout besides its id: share and seed, as a plan keeps them."""
    return f"{section.holdout:g} by seed {section.seed}"


def _assigned(lakehouse: Lakehouse, section: Campaigns, holdout_id: str, day: date) -> dict[str, bool]:
    """Whether customers are in the holdout, by the campaigns up to the day; the first one counts.

    Tiers of a month can change when it is scored again. Without this a few customers would then change the arm. Of
    campaigns that nobody has approved only those with the share and the seed of now count: until an approval both can
    be changed in churn.yaml.
    """
    found: dict[str, bool] = {}
    names = [KEY, "arm", "holdout_id", "holdout_draw"]
    known = lakehouse.columns(tables.CAMPAIGN_PLAN) if lakehouse.exists(tables.CAMPAIGN_PLAN) else []
    planned = campaigns(lakehouse).values() if set(names) <= set(known) else ()  # older plans tell no draw
    for record in planned:
        if record.as_of_date > day:
            continue
        wanted: list[tuple[str, str, object]] = [("as_of_date", "=", record.as_of_date)]
        rows = lakehouse.arrow(tables.CAMPAIGN_PLAN, names, wanted).to_pandas()
        here = rows["arm"].notna() & (rows["holdout_id"] == holdout_id)
        if record.state == IS_PLANNED:
            here &= rows["holdout_draw"] == holdout_draw(section)
        found = dict(zip(rows.loc[here, KEY], rows.loc[here, "arm"] == HOLDOUT, strict=True)) | found
    return found


def _own_effects(lakehouse: Lakehouse, section: Campaigns, day: date) -> dict[str, dict[str, float]]:
    """Effects by customer of the offers for which they were judged better."""
    if not section.has_control or not lakehouse.exists(tables.CUSTOMER_EFFECTS):
        return {}
    wanted: list[tuple[str, str, object]] = [("as_of_date", "=", day)]
    rows = lakehouse.arrow(tables.CUSTOMER_EFFECTS, [KEY, "offer", "effect"], wanted).to_pandas()
    return {
        str(offer): dict(zip(part[KEY], part["effect"], strict=True)) for offer, part in rows.groupby("offer")
    }


def _kept(lakehouse: Lakehouse, business: Business, day: date) -> dict[str, float] | None:
    """Own values of the customers of a cohort, if values like these came out better than the constant."""
    if business.file.economics.lifetime is None or not lakehouse.exists(tables.LIFETIME_VALUES):
        return None
    wanted: list[tuple[str, str, object]] = [("as_of_date", "=", day), ("better_than_constant", "=", True)]
    rows = lakehouse.arrow(tables.LIFETIME_VALUES, [KEY, "value_if_kept"], wanted).to_pandas()
    return dict(zip(rows[KEY], rows["value_if_kept"], strict=True)) if len(rows) else None


def _strata(lakehouse: Lakehouse, first: date, day: date) -> dict[str, str]:
    """Tiers of risk and value in the first scored cohort of the holdout's months."""
    days = [d for d in lakehouse.slices(tables.CUSTOMER_SEGMENTS, "as_of_date") if first <= d <= day]
    if not days:
        return {}
    wanted: list[tuple[str, str, object]] = [("as_of_date", "=", days[0])]
    rows = lakehouse.arrow(tables.CUSTOMER_SEGMENTS, [KEY, "risk_tier", "value_tier"], wanted)
    return {
        key: f"{risk} {value}"
        for key, risk, value in zip(*(column.to_pylist() for column in rows.columns), strict=True)
    }
