"""The assets serving/release and serving/status."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.graph.checks import CheckFailed, not_judged, passed
from churn_assets.graph.metadata import table_metadata
from churn_assets.graph.names import CHURN_MODEL, RELEASE, SERVING_STATUS
from churn_assets.graph.table_asset import table_asset
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.monitoring.people_balance_asset import counting_where
from churn_assets.serving.contents import COPIED, Inconsistent, NothingScored
from churn_assets.serving.publishing import publish
from churn_assets.serving.release.manifest import Manifest, ReleaseBroken
from churn_assets.serving.release.reading import read_status
from churn_assets.serving.release.root import Root
from churn_assets.serving.status import write_status
from churn_assets.settings import without_secrets
from churn_assets.tracking.errors import VersionGone
from churn_assets.tracking.tracking import Tracking

VERIFIES, REPRODUCES = "release_verifies", "release_reproduces_the_scores"
EVERY_SOURCE_TOLD = "every_source_is_told"
NOT_RELEASED = "No release was put in force; the former one stays."
MIB = 2**20
READ = (
    CHURN_MODEL,
    tables.CHURN_SCORES,
    tables.CUSTOMER_SEGMENTS,
    tables.EXPECTED_LIFETIMES,
    tables.CUSTOMER_SNAPSHOTS,
    tables.CURRENT_SCORES,
    tables.CURRENT_SNAPSHOT,
    tables.CUSTOMERS,
    tables.CUSTOMER_MONTHS,
    tables.CUSTOMER_KEYS,
    tables.CAMPAIGN_PLAN,
    tables.CAMPAIGN_RESULTS,
)
WRITTEN_BY_OTHERS = (tables.CHAMPIONS, tables.TRAINING_RUNS)  # models/churn_model writes them


def _release(business: Business) -> dg.AssetsDefinition:
    copied = [table for table, _ in COPIED if table not in WRITTEN_BY_OTHERS]
    treatments = [tables.silver(s) for s in business.of_role("treatment")]
    valued = [tables.LIFETIME_VALUES] if business.file.economics.lifetime else []
    campaigns = business.file.campaigns
    valued += [tables.OFFER_UPLIFT] if campaigns is not None and campaigns.has_control else []

    @table_asset(
        RELEASE,
        business,
        description=(
            "One immutable folder with all that services, pages and reports read: scores with reasons, segments, "
            "snapshot values, the current scores, months, contacts, curves, figures, the model and its card. It is "
            "proved before it is put in force. Beside it an encrypted file says who is behind each customer_key."
        ),
        deps=[table.key for table in (*READ, *valued, *copied, *treatments)],
        checks={
            VERIFIES: "Every file is what the manifest says, and the model answers the golden rows as it did.",
            REPRODUCES: "The model of the release gives the stored probabilities and reasons from the snapshots.",
        },
        kinds=("parquet",),
        spark=counting_where(business) is not None,
    )
    def release(
        context: dg.AssetExecutionContext,
        lakehouse: dg.ResourceParam[Lakehouse],
        tracking: dg.ResourceParam[Tracking],
    ) -> dg.MaterializeResult[Any]:
        try:
            manifest = publish(lakehouse, tracking, business, context.run.run_id)
        except NothingScored:
            why = "nobody has been scored yet, so there is nothing to release."
            unjudged = [not_judged(name, why) for name in (VERIFIES, REPRODUCES)]
            return dg.MaterializeResult(metadata={"release": why}, check_results=unjudged)
        except (Inconsistent, VersionGone, ReleaseBroken) as error:
            check = VERIFIES if isinstance(error, ReleaseBroken) else REPRODUCES
            found, _, remedy = str(error).rpartition(". ")
            remedy = remedy if found else "Score the newest cohort again."
            raise CheckFailed(
                check, f"{found or error}.", remedy, {"found": str(error)}, NOT_RELEASED
            ) from None
        return _published(lakehouse, manifest)

    return release


def _published(lakehouse: Lakehouse, manifest: Manifest) -> dg.MaterializeResult[Any]:
    about, size = manifest.about, sum(proof.bytes for proof in manifest.files.values())
    rows = [(path, proof.rows, proof.bytes) for path, proof in sorted(manifest.files.items())]
    place = Root(lakehouse.settings.releases_uri)
    return dg.MaterializeResult(
        metadata={
            "release": manifest.name,
            "as_of_date": about.as_of_date,
            "current scores as of": about.current.as_of_date if about.current else "none",
            "model version": about.model_version,
            "MiB": round(size / MIB, 2),
            "dagster/row_count": about.counts["customers"],
            "dagster/uri": without_secrets(place.location),
            "kept": ", ".join(place.names()),
            "customers": table_metadata(["status", "customers"], sorted(about.counts.items())),
            "absent": table_metadata(["table", "why"], sorted(manifest.absent.items())),
            "files": table_metadata(["file", "rows", "bytes"], rows),
        },
        check_results=[
            passed(VERIFIES, {"files": len(manifest.files), "release": manifest.name}),
            passed(REPRODUCES, {"scored customers": about.counts["scored"]}),
        ],
        data_version=dg.DataVersion(manifest.name),
    )


def _status(business: Business) -> dg.AssetsDefinition:
    @table_asset(
        SERVING_STATUS,
        business,
        description=(
            "The lights of the pipeline for those who read releases: until when each source is known, refused rows by "
            "source and rule, balances, open incidents. One JSON file, replaced after every run."
        ),
        deps=[
            RELEASE.key,
            tables.RECONCILIATION.key,
            tables.QUARANTINE.key,
            tables.PEOPLE_BALANCE.key,
            tables.INCIDENTS.key,
        ],
        checks={EVERY_SOURCE_TOLD: "The status that readers get names every source."},
        kinds=("json",),
        spark=False,
    )
    def status(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        write_status(lakehouse, business, datetime.now(UTC))
        told = read_status(lakehouse.settings.releases_uri) or {}
        names = sorted(source["source"] for source in told.get("sources", []))
        if names != sorted(source.name for source in business.sources):
            raise CheckFailed(
                EVERY_SOURCE_TOLD,
                f"The status names {len(names)} of {len(business.sources)} sources.",
                "Materialise serving/status again; if it persists, report it as a defect.",
                {"sources": ", ".join(names)},
                "It was replaced all the same.",
            )
        late = {s["source"]: ", ".join(s["missing_months"]) for s in told["sources"] if s["missing_months"]}
        return dg.MaterializeResult(
            metadata={
                "at": told["at"],
                "refused rows": sum(row["rows"] for row in told["refused_rows"]),
                "open incidents": len(told["incidents"]),
                "months not known": table_metadata(["source", "months"], sorted(late.items())),
            },
            check_results=[passed(EVERY_SOURCE_TOLD, {"sources": len(names)})],
        )

    return status


def serving_assets(business: Business) -> list[dg.AssetsDefinition]:
    """The assets of the release and of the status."""
    return [_release(business), _status(business)]
