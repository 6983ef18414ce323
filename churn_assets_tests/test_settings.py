"""Where things lie, by the environment: for the commands, and for make, which passes it on."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from churn_assets.automation.daily_records import _settings
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.resources import SettingsResource
from churn_assets.settings import Settings

CHECKOUT = Path(__file__).parent.parent


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would place the lake in the working directory."""
    for name in ("CHURN_HOME", "CHURN_LANDING", "CHURN_KEEP_DAYS"):
        monkeypatch.setenv(name, "")
    assert Settings() == Settings(home=".churn", landing=None, keep_days=30)


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: int) -> None:
        raise KeyError

    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", unknown)
    with pytest.raises(RuntimeError, match=r"no home folder to keep jars in\. Set CHURN_JARS"):
        _ = Settings(jars=None).jars_path


@pytest.mark.parametrize(
    ("home", "place"),
    [
        ("/tmp/my home", "/tmp/my home"),
        ("my /home", f"{CHECKOUT}/my /home"),
        ("here", f"{CHECKOUT}/here"),
        ("", f"{CHECKOUT}/.churn"),
    ],
)
def test_make_passes_the_home_on_as_one_path(home: str, place: str) -> None:
    told = subprocess.check_output(
        ["make", "-s", "help"], cwd=CHECKOUT, env=os.environ | {"CHURN_HOME": home}, text=True
    )
    assert f"Data lies in CHURN_HOME ({place})." in told


def test_no_secret_of_the_settings_is_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not by their text, not on the page, not in the configuration items of a day."""
    secret = "hunter2"
    given = {
        "CHURN_HOME": str(tmp_path),
        "CHURN_LANDING": f"s3a://key:{secret}@bucket/landing",
        "CHURN_LAKE": f"s3a://bucket/lake?token={secret}",
        "CHURN_ARTIFACTS": f"s3a://key:{secret}@bucket/artifacts",
        "CHURN_TRACKING_URI": f"postgresql://churn:{secret}@db/mlflow",
        "CHURN_MAVEN": f"https://churn:{secret}@mirror.example.com/maven2",
        "CHURN_OTLP_ENDPOINT": f"https://churn:{secret}@collector/v1/logs",
        "CHURN_AUDIT_KEY": secret,
        "CHURN_SPARK_CONF": json.dumps({"spark.hadoop.fs.s3a.secret.key": secret}),
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert "spark.hadoop.fs.s3a.secret.key" in repr(settings) and "db/mlflow" in repr(settings)
    items = _settings(Lakehouse(settings))
    for shown in (
        repr(settings),
        str(settings),
        repr(SettingsResource.of(settings)._resolved_config_dict),
        repr(items),
    ):
        assert secret not in shown


def test_a_folder_that_delta_would_take_for_another_is_refused(tmp_path: Path) -> None:
    for given in ({"home": str(tmp_path / "a%20b")}, {"lake": str(tmp_path / "a%2Fb")}):
        with pytest.raises(ValueError, match=r"Rename the folder"):
            _ = Settings(**given).lake_uri  # type: ignore[arg-type]
    assert Settings(lake="s3a://bucket/a%20b").lake_uri == "s3a://bucket/a%20b"
