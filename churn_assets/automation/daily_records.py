"""What the incidents sensor records once a day: the configuration items and the service levels."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg
from pydantic import SecretStr

from churn_assets.automation.failed_runs import EndedRun
from churn_assets.contracts.business import Business
from churn_assets.graph.names import MONTH_END
from churn_assets.graph.partitions import snapshot_months
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.models.champions import champion_at
from churn_assets.models.decisions import decided
from churn_assets.months import month_end
from churn_assets.operations.configuration.items import items_of, record_items
from churn_assets.operations.service_levels.levels import measure, record_levels, recorded_levels
from churn_assets.settings import HIDDEN, without_secrets


def record_day(
    lakehouse: Lakehouse,
    business: Business,
    repository: dg.RepositoryDefinition | None,
    runs: Sequence[EndedRun],
    today: date,
    by: str,
) -> None:
    """Records the day; what was recorded of it before is replaced."""
    earlier = recorded_levels(lakehouse)
    month_ends = [(run.ended.date(), run.succeeded) for run in runs if run.work == MONTH_END]
    fresh = scores_fresh(lakehouse, business, today)
    record_levels(lakehouse, measure(business.file.service_levels, earlier, fresh, month_ends, today), by)
    champion = champion_at(decided(lakehouse), today)
    version = champion.model_version if champion else None
    items = items_of(business, _settings(lakehouse), _assets(repository), version, today)
    record_items(lakehouse, items, by)


def scores_fresh(lakehouse: Lakehouse, business: Business, today: date) -> bool | None:
    """Whether the newest month that is due has scores; None if none is due, as before the first scores."""
    if not lakehouse.exists(tables.CHURN_SCORES):
        return None
    due = today - timedelta(days=business.file.service_levels.score_days)
    months = [m for m in snapshot_months(business).get_partition_keys() if month_end(m) <= due]
    if not months:
        return None
    return month_end(months[-1]) <= max(lakehouse.slices(tables.CHURN_SCORES, "as_of_date"), default=date.min)


def _settings(lakehouse: Lakehouse) -> Mapping[str, Any]:
    """The settings as written, with secrets hidden."""
    found = lakehouse.settings.model_dump()
    found["backup"]["repository"] = lakehouse.settings.backup.place
    shown = {name: _shown(value) for name, value in found.items()}
    return shown | {"spark_conf": sorted(found["spark_conf"])}  # only the names: a value may be a secret


def _shown(value: object) -> object:
    if isinstance(value, SecretStr):
        return HIDDEN
    return without_secrets(value) if isinstance(value, str) else value


def _assets(repository: dg.RepositoryDefinition | None) -> Mapping[str, Sequence[str]]:
    """Asset -> the assets it is made of."""
    if repository is None:
        return {}
    graph = repository.asset_graph
    return {
        key.to_user_string(): [parent.to_user_string() for parent in graph.get(key).parent_keys]
        for key in graph.get_all_asset_keys()
    }
