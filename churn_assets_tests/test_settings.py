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


def test_make_lets_pip_trust_what_the_machine_trusts_unless_pip_is_configured(tmp_path: Path) -> None:
    company, other, pip_conf, show = (tmp_path / name for name in ("ca.pem", "b.pem", "pip.conf", "show.mk"))
    company.touch()
    other.touch()
    pip_conf.write_text("[global]\nindex-url = https://mirror/simple\n")
    show.write_text('show:\n\t@echo "$$PIP_CERT"\n')
    names = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    clean = {name: value for name, value in os.environ.items() if name not in names}

    def told(**variables: object) -> str:
        return subprocess.check_output(
            ["make", "-s", "-f", "Makefile", "-f", show, f"PIP_CONFIGS={pip_conf}", "show"],
            cwd=CHECKOUT,
            env=clean | {name: str(value) for name, value in variables.items()},
            text=True,
        ).strip()

    assert told(SSL_CERT_FILE=company, REQUESTS_CA_BUNDLE=other) == str(company)
    assert told(SSL_CERT_FILE=tmp_path / "absent", REQUESTS_CA_BUNDLE=other) == str(other)
    assert told(SSL_CERT_FILE=company, PIP_CERT="/mine.pem") == "/mine.pem"
    system = told()
    assert system == "" or Path(system).is_file()
    pip_conf.write_text("[global]\ncert = /mine.pem\n")
    assert told(SSL_CERT_FILE=company) == ""
