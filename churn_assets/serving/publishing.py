"""Publishes a release and the identity file from the lake as it is now."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.history.people import identity_rows, objections
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.portable.scored import REASON_NAMES, score_frame
from churn_assets.operations.audit.chain import record
from churn_assets.serving.contents import Inconsistent, read_contents
from churn_assets.serving.current import SCORES, SNAPSHOTS
from churn_assets.serving.one_writer import one_writer
from churn_assets.serving.release.golden import TOLERANCE
from churn_assets.serving.release.identity import key_made_once, write_identity
from churn_assets.serving.release.manifest import Manifest
from churn_assets.serving.release.root import IDENTITY
from churn_assets.serving.release.writing import Contents, write_release
from churn_assets.settings import without_secrets
from churn_assets.tracking.tracking import Tracking

if TYPE_CHECKING:
    import pandas as pd

COMPARED = 20_000  # customers whose stored answer is computed again


def publish(lakehouse: Lakehouse, tracking: Tracking, business: Business, run_id: str) -> Manifest:
    """Writes a release of the newest scores, puts it in force, and replaces the identity file.

    Raises:
        NothingScored: there are no scores.
        Inconsistent: tables do not fit each other, or the model does not give the stored scores.
        VersionGone: MLflow no longer has the model of the newest scores.
        ReleaseBroken: what was written does not verify.
        AuditError: the identity file cannot be recorded; nothing was written.
    """
    settings = lakehouse.settings
    with one_writer(settings):
        objected = objections(lakehouse, business)
        contents = read_contents(lakehouse, tracking, business, objected)
        require_reproduced(contents)
        people = identity_rows(lakehouse, business, objected.keys)
        # the file first, so that it holds no contact of who has objected since, whatever happens to the release
        place, by = without_secrets(settings.releases_uri), f"release, Dagster run {run_id}"
        record(settings, "identity_file", by, f"{IDENTITY} in {place}", customers=people.num_rows)
        write_identity(settings.releases_uri, people, key_made_once(settings))
        return write_release(
            settings.releases_uri,
            contents,
            now=datetime.now(UTC),
            run_id=run_id,
            keep=settings.keep_releases,
        )


def require_reproduced(contents: Contents) -> None:
    """Raises Inconsistent unless the model gives the stored probabilities and reasons from the snapshots.

    Current scores by another version than that of the newest cohort are left out: the release has no model for them.
    """
    about = contents.about
    found = _others(contents, "snapshots", "customers")
    if found is not None:
        day = about.as_of_date
        raise Inconsistent(
            f"Version {about.model_version} does not give the stored scores and reasons of {day}: {found}. "
            f"Run `churn-assets run score --from {day[:7]}`."
        )
    if about.current is None or about.current.model_version != about.model_version:
        return
    found = _others(contents, SNAPSHOTS, SCORES)
    if found is not None:
        raise Inconsistent(
            f"Version {about.model_version} does not give the current scores and reasons of "
            f"{about.current.as_of_date}: {found}. Run the job `daily` again."
        )


def _others(contents: Contents, snapshots: str, scores: str) -> str | None:
    """How many answers of the model differ from the stored ones, in words; None if all are the same."""
    frame: pd.DataFrame = contents.tables[snapshots].slice(0, COMPARED).to_pandas()
    scored = score_frame(frame, contents.model, [w.feature for w in contents.words])
    told = contents.tables[scores].to_pandas().set_index("customer_key").reindex(frame["customer_key"])
    wrong = (
        scored["probability"].to_numpy() - told["probability"].to_numpy(dtype=float, na_value=9.0)
    ).__abs__()
    others = int((wrong > TOLERANCE).sum())
    for name in (*REASON_NAMES, "driver"):
        ours, theirs = scored[name].to_numpy(), told[name].to_numpy()
        others += sum((a or None) != (b or None) for a, b in zip(ours, theirs, strict=True))
    return f"{others:,} answers of {len(frame):,} customers differ" if others else None
