"""Roles: of a key, of a login's groups, or of the settings."""

from dataclasses import replace
from datetime import timedelta

import pytest

from churn_assets.access.keys import Key, now
from churn_assets.app.reader import Reader
from churn_assets.app.sign_in import of_claims, of_key
from churn_assets.service_settings import AppSettings

KEY = Key("00000001", "anna", (), "", now().isoformat(), role="agent")
PAGE = AppSettings(
    issuer="https://login.example.com",
    client_id="churn",
    client_secret="secret",
    address="https://churn.example.com",
    groups={"retention": "agent", "heads": "manager"},
)


@pytest.mark.parametrize(
    ("key", "reader"),
    [
        (None, None),
        (KEY, Reader("anna", "agent", "anna")),
        (replace(KEY, owner="Anna Weber"), Reader("anna", "agent", "Anna Weber")),
        (replace(KEY, role=None, scopes=("scores",)), None),
        (replace(KEY, revoked=now().isoformat()), None),
        (replace(KEY, expires=(now() - timedelta(hours=1)).isoformat()), None),
    ],
)
def test_a_key_opens_the_page_while_it_is_active_and_has_a_role(
    key: Key | None, reader: Reader | None
) -> None:
    assert of_key(key) == reader


@pytest.mark.parametrize(
    ("claims", "reader"),
    [
        (
            {"email": "a@example.com", "groups": ["retention", "heads"]},
            Reader("a@example.com", "manager", "a@example.com"),
        ),
        ({"sub": "42", "groups": "retention"}, Reader("42", "agent", None)),
        ({"email": "a@example.com", "groups": ["cooks"]}, None),
        ({"email": "a@example.com"}, None),
        (
            {"email": "b@example.com", "email_verified": False, "sub": "42", "groups": "retention"},
            Reader("42", "agent", None),
        ),
    ],
)
def test_the_highest_role_of_the_groups_counts(claims: dict[str, object], reader: Reader | None) -> None:
    assert of_claims(claims, PAGE) == reader


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"issuer": "https://login.example.com"}, "CHURN_APP_CLIENT_ID"),
        ({"address": "churn.example.com"}, "CHURN_APP_ADDRESS must begin with https://"),
        ({"tls_key": "key.pem"}, "go together"),
    ],
)
def test_half_a_setting_is_refused(fields: dict[str, str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        AppSettings(**fields)


def test_each_role_may_do_what_those_before_it_may_do() -> None:
    viewer, agent, manager = Reader("v", "viewer"), Reader("a", "agent", "a"), Reader("m", "manager")
    assert not viewer.may_see_people
    assert not viewer.may_see("v", has_owners=False)
    assert agent.may_mark
    assert agent.may_see(None, has_owners=False)
    assert agent.may_see("a", has_owners=True)
    assert not agent.may_see("b", has_owners=True)
    assert not agent.may_see(None, has_owners=True)
    assert manager.may_see(None, has_owners=True)
