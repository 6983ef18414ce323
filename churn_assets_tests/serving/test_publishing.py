"""Each writing of the identity file is recorded in the audit before it is done."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from churn_assets.serving.people import Objections

from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.audit.chain import AuditError, store_of
from churn_assets.operations.audit.verification import stored
from churn_assets.serving import publishing
from churn_assets.serving.release.identity import key_of, open_identity
from churn_assets.serving.release.root import IDENTITY
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets_tests.lakes import settings_for

PEOPLE = pa.table({"customer_id": ["C-1", "C-2"], "customer_key": ["0a", "0b"]})


@pytest.fixture
def lakehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lakehouse:
    """A lake of which only the people are read; what a release holds is tested elsewhere."""
    monkeypatch.setattr(publishing, "objections", lambda *_: Objections(frozenset(), 0))
    monkeypatch.setattr(publishing, "read_contents", lambda *_: None)
    monkeypatch.setattr(publishing, "require_reproduced", lambda _: None)
    monkeypatch.setattr(publishing, "identity_rows", lambda *_: PEOPLE)
    monkeypatch.setattr(publishing, "write_release", lambda *_, **__: None)
    return Lakehouse(settings_for(tmp_path))


def _publish(lakehouse: Lakehouse) -> None:
    tracking: Any = None
    publishing.publish(lakehouse, tracking, load_business(SHIPPED_BUSINESSES / "telecom"), "run1")


def test_the_identity_file_is_recorded_with_its_number_of_customers(lakehouse: Lakehouse) -> None:
    for _ in range(2):
        _publish(lakehouse)
    settings = lakehouse.settings
    acts = [entry.content[0] for entry in stored(settings) if entry.content]
    assert [(act.act, act.by, act.customers) for act in acts] == [
        ("identity_file", "release, Dagster run run1", 2)
    ] * 2
    assert acts[0].subject == f"{IDENTITY} in {settings.releases_uri}"
    assert open_identity(settings.releases_uri, key_of(settings)).equals(PEOPLE)


def test_without_its_record_the_identity_file_is_not_written(lakehouse: Lakehouse) -> None:
    store_of(lakehouse.settings).parent.mkdir(parents=True, exist_ok=True)
    store_of(lakehouse.settings).write_text("a file in the way of the audit's folder")
    with pytest.raises(AuditError):
        _publish(lakehouse)
    assert not Path(lakehouse.settings.releases_uri, IDENTITY).exists()
