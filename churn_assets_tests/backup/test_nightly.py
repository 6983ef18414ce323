"""The records of backups, the asset of the night, its checks, the doctor and the commands."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner

from churn_assets.automation.schedules import schedules
from churn_assets.backup.assets import (
    COMPLETE,
    FORGOTTEN,
    STAY,
    TAKEN,
    VERIFIES,
    backup_assets,
    backup_checks,
)
from churn_assets.backup.nightly import Age, age_of, forget, part_of_the_day, take, too_old, verify
from churn_assets.backup.records import BACKUP, FORGETTING, VERIFICATION, acts
from churn_assets.backup.restic import BackupError, Repository
from churn_assets.cli.doctor_backup import check_backup
from churn_assets.cli.main import cli
from churn_assets.contracts.loader import load_business
from churn_assets.graph.names import BACKUP_IS_RECENT
from churn_assets.lakehouse import tables
from churn_assets.settings import BackupSettings, Settings
from churn_assets_tests.backup.conftest import PASSWORD, SmallHome

pytestmark = pytest.mark.one_python(
    reason="restic does the work; test_odd_names and test_taking back up and restore on each Python"
)

NOW = datetime(2026, 5, 1, 7, tzinfo=UTC)


def test_each_act_is_recorded_also_one_that_failed(mine: SmallHome, monkeypatch: pytest.MonkeyPatch) -> None:
    done = take(mine.house, mine.business, "anna")
    verify(mine.house, "100%", "anna")
    assert forget(mine.house, "anna") == 1  # two of one day: the newer one stays
    [taken] = acts(mine.house, BACKUP)
    assert (taken["snapshot"], taken["passed"], taken["by"]) == (done.name, True, "anna")
    assert taken["files"] == len(done.manifest.files) and taken["bytes"] == done.manifest.size
    assert acts(mine.house, VERIFICATION)[0]["evidence"] == "2 backups; structure and 100% of the data"
    assert [one.name for one in Repository(mine.settings).snapshots()] == [done.name]
    assert acts(mine.house, FORGETTING)[0]["passed"]
    monkeypatch.setattr(Repository, "store", lambda *_: (_ for _ in ()).throw(BackupError("no space")))
    with pytest.raises(BackupError):
        take(mine.house, mine.business, "anna")
    age = age_of(mine.house, datetime.now(UTC))
    assert age.failed == "BackupError: no space" and age.verified
    assert age.taken_at is not None and age.taken_at <= datetime.now(UTC)


def test_a_week_reads_all_of_the_data() -> None:
    days = [date(2026, 5, day) for day in range(1, 8)]
    assert {part_of_the_day(day) for day in days} == {f"{part}/7" for part in range(1, 8)}


@pytest.mark.parametrize(
    ("hours", "said"),
    [(None, "no backup was taken yet"), (20, None), (50, "the newest backup is 50 hours old")],
)
def test_the_age_of_the_newest_backup_is_judged(hours: int | None, said: str | None) -> None:
    taken = None if hours is None else NOW - timedelta(hours=hours)
    assert too_old(Age(taken, None, False, ""), NOW) == said


def run_night(
    home: SmallHome, settings: Settings | None = None
) -> tuple[dg.ExecuteInProcessResult, dict[str, Any]]:
    from churn_assets.lakehouse.lakehouse import Lakehouse

    done = dg.materialize(
        backup_assets(home.business),
        resources={"lakehouse": Lakehouse(settings or home.settings)},
        raise_on_error=False,
    )
    return done, {one.check_name: one for one in done.get_asset_check_evaluations()}


def test_the_night_takes_forgets_and_verifies(mine: SmallHome) -> None:
    done, checks = run_night(mine)
    assert done.success
    assert {name: one.passed for name, one in checks.items()} == dict.fromkeys(
        (TAKEN, VERIFIES, STAY, COMPLETE, FORGOTTEN), True
    )
    [told] = done.asset_materializations_for_node("operations__backups")
    assert told.metadata["files"].value and told.metadata["backup"].value


def test_a_backup_that_lacks_something_warns(mine: SmallHome) -> None:
    (mine.home / "mine.txt").touch()
    done, checks = run_night(mine)
    assert done.success and not checks[COMPLETE].passed
    assert "1 places are not in the backup" in (checks[COMPLETE].description or "")


def test_a_backup_that_cannot_be_taken_fails_its_check(mine: SmallHome) -> None:
    own = {name: getattr(mine.settings, name) for name in Settings.model_fields}
    nowhere = BackupSettings(repository=str(mine.repository), password="wrong")  # type: ignore[arg-type]
    done, checks = run_night(mine, Settings(**own | {"backup": nowhere}))
    assert not done.success and not checks[TAKEN].passed
    assert "The password does not open the repository" in (checks[TAKEN].description or "")
    assert checks[TAKEN].metadata["remedy"].value == "Set the one it was made with."
    assert not [r for r in acts(mine.house, BACKUP) if r["passed"]]


def _recent(home: SmallHome, set_up: bool) -> dg.AssetCheckEvaluation:
    [check] = backup_checks(home.business, set_up)
    spec = dg.AssetSpec(tables.BACKUPS.key)
    job = dg.define_asset_job("look", dg.AssetSelection.all_asset_checks())
    definitions = dg.Definitions(
        assets=[spec], asset_checks=[check], jobs=[job], resources={"lakehouse": home.house}
    )
    [found] = definitions.resolve_job_def("look").execute_in_process().get_asset_check_evaluations()
    return found


def test_whether_a_backup_is_recent_is_told_also_when_none_runs(mine: SmallHome) -> None:
    none = _recent(mine, set_up=False)
    assert none.check_name == BACKUP_IS_RECENT and not none.passed
    assert "Not judged: no backup is set up" in (none.description or "")
    assert "no backup was taken yet" in (_recent(mine, set_up=True).description or "")
    take(mine.house, mine.business, "anna")
    assert "no verification was made yet" in (_recent(mine, set_up=True).description or "")
    verify(mine.house, None, "anna")
    assert _recent(mine, set_up=True).passed


@pytest.mark.parametrize(("set_up", "asked"), [(True, dg.RunRequest), (False, dg.SkipReason)])
def test_the_schedule_asks_only_where_a_repository_is_set(
    backed_up: SmallHome, set_up: bool, asked: type
) -> None:
    [nightly] = [one for one in schedules(backed_up.business, set_up) if one.name == "nightly_backup"]
    context = dg.build_schedule_context(scheduled_execution_time=NOW)
    [found] = [nightly(context)]
    assert isinstance(found, asked)


def test_the_doctor_tells_the_backup(mine: SmallHome, monkeypatch: pytest.MonkeyPatch) -> None:
    without = check_backup(Settings(home=str(mine.home)))
    assert (without.status, without.what) == ("warn", "none is set up: what is lost stays lost")
    assert check_backup(mine.settings).what == "no backup was taken yet"
    own = {name: getattr(mine.settings, name) for name in Settings.model_fields}
    bucket = check_backup(Settings(**own | {"lake": "s3a://bucket/lake"}))
    assert bucket.status == "warn" and "no backup holds it" in bucket.what and "versioning" in bucket.remedy
    take(mine.house, mine.business, "anna")
    found = check_backup(mine.settings)
    assert found.status == "ok" and "never verified; restic 0." in found.what
    monkeypatch.setenv("PATH", "/nowhere")
    missing = check_backup(mine.settings)
    assert missing.what == "restic is not installed" and "apt install restic" in missing.remedy


def test_the_commands_do_what_they_say(
    mine: SmallHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    for name, value in (
        ("CHURN_HOME", mine.settings.home),
        ("CHURN_BUSINESS", mine.settings.business),
        ("CHURN_BACKUP_REPOSITORY", str(mine.repository)),
        ("CHURN_BACKUP_PASSWORD_FILE", str(password)),
    ):
        monkeypatch.setenv(name, value)
    run = CliRunner().invoke
    taken = run(cli, ["backup"])
    assert taken.exit_code == 0 and "2 tables, 0 models" in taken.output, taken.output
    listed = run(cli, ["backup", "list"])
    assert len(listed.output.splitlines()) == 2 and "hours old" in listed.output
    assert run(cli, ["backup", "verify", "--read-data-subset", "50%"]).output == (
        "The repository is sound; 50% of its data was read.\n"
    )
    assert run(cli, ["backup", "forget"]).output == "1 backup was deleted.\n"
    restored = run(cli, ["restore", "--to", str(tmp_path / "again"), "--only", "config"])
    assert restored.exit_code == 0 and "config of backup" in restored.output
    refused = run(cli, ["restore", "--to", str(mine.home)])
    assert isinstance(refused.exception, BackupError) and "is not empty" in str(refused.exception)
    assert "is no time" in run(cli, ["restore", "--to", str(tmp_path / "x"), "--as-of", "noon"]).output
    assert "lost-table: the folder of a table is deleted (never practised)" in run(cli, ["drill"]).output
    assert "There is no scenario flood" in run(cli, ["drill", "flood"]).output
    load_business(mine.settings.business_path)
