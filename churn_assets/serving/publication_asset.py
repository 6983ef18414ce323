"""The asset serving/publication: each new release in the database that CHURN_PUBLISH_TO names."""

from typing import Any

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.graph.checks import CheckFailed, not_judged, passed
from churn_assets.graph.metadata import table_metadata
from churn_assets.graph.names import PUBLICATION, RELEASE
from churn_assets.graph.table_asset import table_asset
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.audit.chain import AuditError
from churn_assets.serving.publication.current import publish_current
from churn_assets.serving.publication.statements import PublicationError
from churn_assets.serving.release.manifest import ReleaseBroken
from churn_assets.serving.release.reading import current_release
from churn_assets.settings import Settings

ALL_ROWS = "database_holds_the_release"
STAYS = "The database holds the release before."


def publication_assets(business: Business, settings: Settings) -> list[dg.AssetsDefinition]:
    """The asset, if the settings name a database."""
    if settings.publish_to is None:
        return []
    target = settings.publish_to.get_secret_value()

    @table_asset(
        PUBLICATION,
        business,
        description=(
            "The tables of the newest release in the database that CHURN_PUBLISH_TO names, for tools of business "
            "intelligence. All rows are replaced in one transaction. docs/bi.md says how to read them."
        ),
        deps=[RELEASE.key],
        checks={ALL_ROWS: "The database holds as many rows of each table as the release."},
        kinds=("sql",),
        spark=False,
    )
    def publication(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        if current_release(settings.releases_uri) is None:
            why = "there is no release yet, so there is nothing to publish."
            return dg.MaterializeResult(
                metadata={"published": why}, check_results=[not_judged(ALL_ROWS, why)]
            )
        try:
            done = publish_current(settings, target, f"run {context.run.run_id}")
        except (PublicationError, ReleaseBroken, AuditError) as error:
            remedy = "Mend that, then run `churn-assets publish`."
            raise CheckFailed(ALL_ROWS, str(error), remedy, {"found": str(error)}, STAYS) from None
        if done.note:
            context.log.warning(done.note)
        return dg.MaterializeResult(
            metadata={
                "published to": done.target,
                "rows": table_metadata(["table", "rows"], sorted(done.rows.items())),
                "left out": table_metadata(["table", "why"], sorted(done.absent.items())),
                "read-only role": done.note or "may read",
            },
            check_results=[passed(ALL_ROWS, {"tables": len(done.rows), "rows": sum(done.rows.values())})],
        )

    return [publication]
