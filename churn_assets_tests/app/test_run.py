"""The page as users start it: it answers, it says who may read, and no address is printed or logged."""

from pathlib import Path

import httpx
import pytest

from churn_assets.access.keys import Keys, keys_file, now
from churn_assets.app.run import AppError, login_of, require_tls
from churn_assets.service_settings import AppSettings
from churn_assets.settings import Settings
from churn_assets_tests.app.running import running_page


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page of this machine is asked directly, whatever proxy is set."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1,localhost")


def test_the_page_answers_and_no_key_is_printed_or_logged(tmp_path: Path) -> None:
    settings, output = Settings(home=str(tmp_path)), list[str]()
    _, given = Keys(keys_file(settings)).create("anna", (), None, now(), lambda _: None, role="agent")
    with running_page(settings, output) as address:
        assert httpx.get(f"{address}/_stcore/health").text == "ok"
        assert httpx.get(address).status_code == 401
        taken = httpx.get(f"{address}/?access={given}", follow_redirects=False)
        assert taken.status_code == 303
        shown = httpx.get(f"{address}/at_risk", cookies=dict(taken.cookies))
        assert "<title>" in shown.text
        assert httpx.get(f"{address}/data?access={given[:-1]}x").status_code == 403
    secret = given.split("_", 2)[2]
    kept = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert "People open it by their personal links" in "".join(output)
    assert secret not in "".join(output)
    assert secret.encode() not in kept
    assert b"app.link_taken" in kept


def test_a_certificate_that_cannot_be_used_is_named_before_the_page_starts(tmp_path: Path) -> None:
    require_tls(AppSettings())
    broken = tmp_path / "broken.pem"
    for told in (f"{broken}: No such file", f"{broken} and {broken} are no"):
        with pytest.raises(AppError, match="CHURN_APP_TLS_CERTIFICATE") as raised:
            require_tls(AppSettings(tls_certificate=broken, tls_key=broken))
        assert told in str(raised.value)
        broken.write_text("no certificate")


def test_what_streamlit_must_know_of_the_provider() -> None:
    assert login_of(AppSettings()) == {}
    page = AppSettings(
        issuer="https://login.example.com/realm/",
        client_id="churn",
        client_secret="of the page",
        address="https://churn.example.com/",
        groups={"retention": "agent"},
    )
    login = login_of(page)["auth"]
    assert login["redirect_uri"] == "https://churn.example.com/oauth2callback"
    assert login["server_metadata_url"] == "https://login.example.com/realm/.well-known/openid-configuration"
    assert len(login["cookie_secret"]) == 64
    assert "of the page" not in login["cookie_secret"]
