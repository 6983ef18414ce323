"""The event log costs less than Dagster's own and is the same to everybody who reads it."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from sqlalchemy import text

from churn_assets.deployment import event_log
from churn_assets.deployment.dagster_home import prepare_dagster_home
from churn_assets.deployment.event_log import EventLog
from churn_assets.settings import Settings

JUDGED = dg.DagsterEventType.ASSET_CHECK_EVALUATION
MONTHS = dg.StaticPartitionsDefinition([f"2025-{month:02}" for month in range(1, 13)])


with warnings.catch_warnings():
    warnings.simplefilter("ignore", dg.BetaWarning)  # of `backfill_policy`; see graph/table_asset.py

    @dg.asset(
        partitions_def=MONTHS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[dg.AssetCheckSpec("fits", asset="numbers")],
    )
    def numbers(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = prepare_dagster_home(Settings(home=str(tmp_path)))
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    return folder


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.get() as instance:
        yield instance


def run(instance: dg.DagsterInstance, last: str = "2025-12") -> dg.ExecuteInProcessResult:
    tags = {"dagster/asset_partition_range_start": "2025-01", "dagster/asset_partition_range_end": last}
    job = dg.Definitions([numbers], jobs=[dg.define_asset_job("all")]).resolve_job_def("all")
    return job.execute_in_process(instance=instance, tags=tags, run_id=str(uuid4()))


def test_dagster_itself_reads_and_continues_the_same_files(home: Path, instance: dg.DagsterInstance) -> None:
    before = run(instance)
    (home / "dagster.yaml").unlink()
    with dg.DagsterInstance.from_config(str(home)) as plain:
        assert not isinstance(plain.event_log_storage, EventLog)
        assert len(plain.all_logs(before.run_id)) == len(instance.all_logs(before.run_id)) > 30
        run(plain)
    assert len(instance.get_runs()) == 2
    found = instance.fetch_materializations(dg.AssetKey("numbers"), limit=100).records
    assert len(found) == 24
    assert len({record.run_id for record in found}) == 2


@pytest.mark.one_python(reason="SQLite keeps the events; others of this module ask it on each Python")
def test_more_events_make_no_more_engines(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    for module in (event_log, sqlite_event_log):
        create = module.create_engine
        monkeypatch.setattr(
            module,
            "create_engine",
            lambda url, create=create, **settings: made.append(url) or create(url, **settings),
        )
    run(instance)  # makes the engine of the index
    counts = []
    for last in ("2025-02", "2025-12"):
        made.clear()
        counts.append((len(run(instance, last=last).all_events), len(made)))
    (few, engines), (many, more_engines) = counts
    assert many == few + 10
    assert engines == more_engines


def test_the_index_takes_all_of_an_event_or_nothing(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, storage = run(instance, last="2025-01"), _sqlite(instance.event_log_storage)
    [judged] = [e for e in instance.all_logs(done.run_id) if e.dagster_event_type == JUDGED]
    begun, transaction = list[str](), storage._transaction

    def counted(shard: str) -> Any:
        begun.append(shard)
        return transaction(shard)

    monkeypatch.setattr(storage, "_transaction", counted)
    storage.store_event(judged)
    assert begun == [done.run_id, INDEX_SHARD_NAME]

    def held() -> int:
        with storage.index_connection() as connection:
            return int(connection.execute(text("SELECT count(*) FROM event_logs")).scalar_one())

    before = held()

    def fail(*_: Any) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(storage, "store_asset_check_event", fail)
    with pytest.raises(RuntimeError, match="the disk is full"):
        storage.store_event(judged)
    assert held() == before


def test_threads_lose_no_event(instance: dg.DagsterInstance) -> None:
    runs = [run(instance, last="2025-01").dagster_run for _ in range(3)]
    before = [len(instance.all_logs(done.run_id)) for done in runs]

    def tell(done: dg.DagsterRun) -> None:
        for number in range(20):
            instance.report_engine_event(f"event {number}", done)

    threads = [Thread(target=tell, args=(done,)) for done in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(instance.all_logs(done.run_id)) for done in runs] == [count + 20 for count in before]


@pytest.mark.one_python(reason="SQLite keeps the events; others of this module ask it on each Python")
def test_after_a_wipe_and_with_more_runs_than_engines_events_are_kept(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "MOST_ENGINES", 2)
    first = run(instance)
    instance.wipe()
    assert instance.all_logs(first.run_id) == []
    kept = [run(instance).run_id for _ in range(3)]
    assert all(len(instance.all_logs(run_id)) > 30 for run_id in kept)


def test_the_file_of_a_run_changes_with_its_events(instance: dg.DagsterInstance) -> None:
    """Dagster's page watches this file: a connection that stayed open would leave the events in the file beside it."""
    result = run(instance)
    storage = instance.event_log_storage
    file = Path(SqliteEventLogStorage.path_for_shard(_sqlite(storage), result.run_id))
    assert file.is_file()
    before = file.stat().st_mtime_ns
    instance.report_engine_event("one more", result.dagster_run)
    assert file.stat().st_mtime_ns > before
    assert not file.with_suffix(".db-wal").exists()


def _sqlite(storage: Any) -> Any:
    """The storage behind Dagster's composite."""
    return getattr(storage, "event_log_storage", storage)
