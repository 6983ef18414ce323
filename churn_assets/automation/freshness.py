"""Freshness policies: how old each asset may be, by its cadence.

A policy checks only the newest materialisation of an asset, of any month. `punctuality` checks that every month is
there.
"""

from collections.abc import Sequence
from datetime import timedelta

import dagster as dg

from churn_assets.automation.schedules import GRACE
from churn_assets.contracts.business import Business
from churn_assets.lakehouse import tables

OF_A_DAY = (
    tables.EVENTS,
    tables.AUDIT_ACTS,
    tables.BACKUPS,
    tables.CURRENT_SNAPSHOT,
    tables.CURRENT_SCORES,
    tables.RISK_ALERTS,
)
DAY, MONTH = timedelta(days=1), timedelta(days=31)


def freshness_policies(business: Business) -> dict[str, dg.FreshnessPolicy]:
    """Layer or `layer/source` -> freshness policy: the cadence of the asset plus grace."""
    monthly = dg.FreshnessPolicy.time_window(fail_window=MONTH + 2 * GRACE, warn_window=MONTH + GRACE)
    policies: dict[str, dg.FreshnessPolicy] = {}
    policies |= dict.fromkeys(
        ("silver", "gold", "features", "scores", "retention", "monitoring", "serving"), monthly
    )
    policies["models"] = dg.FreshnessPolicy.time_window(fail_window=12 * MONTH, warn_window=6 * MONTH)
    daily = dg.FreshnessPolicy.time_window(fail_window=2 * DAY, warn_window=DAY + timedelta(hours=1))
    policies |= {table.path: daily for table in OF_A_DAY}
    for source in business.sources:
        if source.delivery == "as_needed":  # each ingest writes its table, whether it delivered or not
            policies[f"bronze/{source.name}"] = monthly
    for source in (s for s in business.sources if s.comes_regularly):
        late = timedelta(days=source.frequency_days + source.latency_days)
        policies[f"bronze/{source.name}"] = dg.FreshnessPolicy.time_window(
            fail_window=late + GRACE, warn_window=late
        )
    return policies


def with_freshness(
    assets: Sequence[dg.AssetsDefinition | dg.AssetSpec], business: Business
) -> Sequence[dg.AssetsDefinition | dg.AssetSpec]:
    """The assets, each with the policy of its key, else of its layer."""
    policies = freshness_policies(business)

    def apply(spec: dg.AssetSpec) -> dg.AssetSpec:
        policy = policies.get(spec.key.to_user_string()) or policies.get(spec.key.path[0])
        return dg.apply_freshness_policy(spec, policy) if policy else spec

    return list(dg.map_asset_specs(apply, assets))
