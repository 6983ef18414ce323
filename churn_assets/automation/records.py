"""The records of operations as assets that sensors and commands write, so that the page shows what they hold."""

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.graph.table_asset import told_of
from churn_assets.lakehouse import tables

RECORDS = (
    tables.INCIDENTS,
    tables.PROBLEMS,
    tables.CHANGES,
    tables.CAMPAIGNS,
    tables.CONFIGURATION_ITEMS,
    tables.SERVICE_LEVELS,
    tables.DRILLS,
)


def record_assets(business: Business) -> list[dg.AssetSpec]:
    """One asset for each table of records; no run writes it."""
    return [
        dg.AssetSpec(
            table.key,
            description=f"Written by sensors and commands, see docs/itil.md.\n\nGrain: {table.grain}.",
            group_name=table.layer,
            owners=[business.file.owner],
            tags={"layer": table.layer, "business": business.name},
            metadata={"grain": table.grain, "path": table.path} | told_of(table),
            kinds={"deltalake"},
        )
        for table in RECORDS
    ]
