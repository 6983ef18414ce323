"""Where things lie, by the environment: for the commands, and for make, which passes it on."""

import os
import subprocess
from pathlib import Path

import pytest

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
    with pytest.raises(RuntimeError, match=r"no home folder to keep the Delta jars in\. Set CHURN_JARS"):
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
