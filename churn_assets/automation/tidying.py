"""The weekly job that deletes files no table needs any more: without it the lake grows with every nightly write."""

from datetime import UTC, datetime

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.graph.names import TIDY
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse

WHAT = (
    "Deletes files that no table version of the last CHURN_KEEP_DAYS days needs, files that killed runs left, and "
    "expired lists of campaigns."
)


def tidy_job(business: Business) -> dg.JobDefinition:
    """The job, for all tables of the lake. A local lake needs no JVM. Tables written meanwhile are not harmed."""

    @dg.op(description=WHAT)
    def delete_old_files(
        context: dg.OpExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.Output[None]:
        from churn_assets.retention.export import delete_expired

        deleted = {t.path: lakehouse.vacuum(t) for t in tables.catalogue(business) if lakehouse.exists(t)}
        deleted["staging"] = lakehouse.remove_leftovers()
        deleted["exports"] = delete_expired(lakehouse.settings, datetime.now(UTC).date())
        for path, files in deleted.items():
            if files:
                context.log.info("%s: %d files", path, files)
        return dg.Output(None, metadata={"files": sum(deleted.values())})

    @dg.job(name=TIDY, description=WHAT)
    def tidy() -> None:
        delete_old_files()

    return tidy
