"""Publishes the release in force, proved and with a record of it."""

from pathlib import Path
from tempfile import TemporaryDirectory

from churn_assets.operations.audit.chain import record
from churn_assets.serving.publication.publishing import Published, publish
from churn_assets.serving.publication.statements import PublicationError
from churn_assets.serving.release.reading import current_release, local_copy, open_release
from churn_assets.serving.release.verifying import verify
from churn_assets.settings import Settings, without_secrets


def publish_current(settings: Settings, target: str, by: str) -> Published:
    """Publishes the release in force to a database, and records in the audit who asked for it.

    Raises:
        PublicationError: there is no release, or the target cannot be written.
        ReleaseBroken: the release is not what its manifest says; nothing was written.
        AuditError: the publication cannot be recorded; nothing was written.
    """
    pointer = current_release(settings.releases_uri)
    if pointer is None:
        raise PublicationError("There is no release to publish yet. Run `churn-assets run score` first.")
    with TemporaryDirectory(prefix="publication_") as cache:
        release = open_release(local_copy(settings.releases_uri, pointer, Path(cache)))
        verify(release, pointer)
        proof = release.manifest.files.get("tables/customers.parquet")
        customers = None if proof is None else proof.rows
        subject = without_secrets(target)
        record(settings, "publication", by=by, subject=subject, customers=customers, release=release.name)
        return publish(release, target)
