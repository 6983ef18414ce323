"""Channels are declared whole, with nothing that does not belong to their kind and with no secret in the file."""

from pathlib import Path
from typing import Any

import pytest

from churn_assets.contracts.channels import NEEDS
from churn_assets.contracts.loader import load_business
from churn_assets_tests.contracts.reports import only_mistake
from churn_assets_tests.lakes import business_copy

GOOD: dict[str, dict[str, Any]] = {
    "webhook": {"url": "https://example.com/hook", "secret": "${HOOK_SECRET}"},
    "email": {"host": "smtp.example.com", "sender": "churn@example.com", "recipients": ["a@example.com"]},
    "slack": {"url": "${SLACK_URL}"},
    "teams": {"url": "${TEAMS_URL}"},
    "folder": {"folder": "alerts"},
}


def _line(kind: str, **more: Any) -> dict[str, Any]:
    return {"name": kind, "kind": kind} | GOOD[kind] | more


def test_every_kind_can_be_declared(tmp_path: Path) -> None:
    business = load_business(business_copy(tmp_path, channels=[_line(kind) for kind in NEEDS]))
    assert [line.kind for line in business.file.channels] == list(GOOD)


@pytest.mark.parametrize(
    ("line", "place", "told"),
    [
        (_line("webhook", secret="hunter2"), "channels[0].secret", "a secret does not stand in a file"),
        (_line("slack", url="https://hooks.example.com/T1/x"), "channels[0].url", "a secret does not stand"),
        (_line("email", username="me", password="x"), "channels[0].password", "a secret does not stand"),
        (_line("email", username="me"), "channels[0]", "a login needs both username and password"),
        (_line("webhook", url="http://example.com"), "channels[0].url", "messages would go unencrypted"),
        (
            _line("webhook", url="https://me:pw@example.com"),
            "channels[0].url",
            "the address holds a password",
        ),
        (_line("webhook", host="x"), "channels[0].host", "a channel of the kind webhook has no host"),
        ({"name": "f", "kind": "folder"}, "channels[0]", "a channel of the kind folder needs the key folder"),
        (
            {"name": "f", "kind": "foldr", "folder": "f"},
            "channels[0].kind",
            "found 'foldr'; did you mean folder?",
        ),
        (_line("email", recipients=["a", "a"]), "channels[0].recipients", "a is listed twice"),
    ],
)
def test_a_mistake_is_told_with_its_place(
    tmp_path: Path, line: dict[str, Any], place: str, told: str
) -> None:
    folder = business_copy(tmp_path, channels=[line])
    _, found, words = only_mistake(lambda: load_business(folder))
    assert found == place
    assert words.startswith(told)
    assert "hunter2" not in words


def test_two_channels_of_one_name(tmp_path: Path) -> None:
    lines = [_line("folder"), _line("folder")]
    folder = business_copy(tmp_path, channels=lines)
    _, place, words = only_mistake(lambda: load_business(folder))
    assert place == "channels[1].name"
    assert words.startswith("two channels are called folder")
