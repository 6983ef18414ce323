"""Keys: shown once, kept as a hash, refused once they are revoked or expired."""

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from churn_assets.access.keys import SHAPE, Key, Keys, KeysError, keys_file, lifetime
from churn_assets.cli.main import cli
from churn_assets.operations.audit.verification import stored
from churn_assets.settings import Settings

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def ignore(_: Key) -> None:
    """Records nothing."""


def test_a_key_is_kept_as_its_hash_only(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "api" / "keys.json")
    key, given = keys.create("crm", ["scores"], timedelta(days=90), NOW, ignore)
    assert SHAPE.fullmatch(given)
    content = keys.file.read_text()
    assert given.split("_", 2)[2] not in content
    assert stat.S_IMODE(keys.file.stat().st_mode) == 0o600
    assert Keys(keys.file).find(given) == key


def test_two_keys_differ_in_256_random_bits(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    given = {keys.create("crm", ["scores"], None, NOW, ignore)[1].partition("_")[2][9:] for _ in range(20)}
    assert len(given) == 20
    assert {len(secret) for secret in given} == {43}  # 32 bytes as base64


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "churn_",
        "Bearer",
        "churn_00000000_" + "A" * 43,
        "id-only",
        "\x00",
        "churn_" + "é" * 8 + "_" + "A" * 43,
    ],
)
def test_what_is_no_key_is_not_found(tmp_path: Path, wrong: str) -> None:
    keys = Keys(tmp_path / "keys.json")
    keys.create("crm", ["scores"], None, NOW, ignore)
    assert keys.find(wrong) is None


def test_a_right_id_with_another_secret_is_not_found(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    _, given = keys.create("crm", ["scores"], None, NOW, ignore)
    other = given[:-1] + ("A" if given[-1] != "A" else "B")
    assert keys.find(other) is None


def test_another_process_sees_a_revocation_at_once(tmp_path: Path) -> None:
    one, other = Keys(tmp_path / "keys.json"), Keys(tmp_path / "keys.json")
    _, given = one.create("crm", ["scores"], None, NOW, ignore)
    seen = other.find(given)
    assert seen is not None
    assert seen.state(NOW) == "active"
    one.revoke("crm", NOW, ignore)
    seen = other.find(given)
    assert seen is not None
    assert seen.state(NOW) == "revoked"


def test_a_key_expires(tmp_path: Path) -> None:
    key, _ = Keys(tmp_path / "keys.json").create("crm", ["scores"], timedelta(hours=1), NOW, ignore)
    assert key.state(NOW + timedelta(minutes=59)) == "active"
    assert key.state(NOW + timedelta(hours=1)) == "expired"


def test_a_name_that_two_keys_have_revokes_none(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    for _ in range(2):
        keys.create("crm", ["scores"], None, NOW, ignore)
    with pytest.raises(KeysError, match="Several keys have this id or name"):
        keys.revoke("crm", NOW, ignore)
    assert [key.revoked for key in keys.all()] == [None, None]


def test_what_cannot_be_recorded_is_not_done(tmp_path: Path) -> None:
    def refuse(_: Key) -> None:
        raise RuntimeError("the audit is full")

    keys = Keys(tmp_path / "keys.json")
    with pytest.raises(RuntimeError, match="the audit is full"):
        keys.create("crm", ["scores"], None, NOW, refuse)
    assert keys.all() == []


def test_a_broken_file_is_no_empty_one(tmp_path: Path) -> None:
    """An empty list would open the service to everybody on this machine."""
    file = tmp_path / "keys.json"
    file.write_text("[{]")
    with pytest.raises(KeysError, match=r"cannot be read .* Restore it from a backup"):
        Keys(file).all()


@pytest.mark.parametrize(
    ("text", "found"), [("90d", timedelta(90)), ("12h", timedelta(hours=12)), ("never", None)]
)
def test_lifetimes(text: str, found: timedelta | None) -> None:
    assert lifetime(text) == found


@pytest.mark.parametrize("text", ["", "0d", "90", "1w", "-1d", "d", "123456d"])
def test_what_is_no_lifetime(text: str) -> None:
    with pytest.raises(ValueError, match="write 90d, 12h or never"):
        lifetime(text)


def test_the_commands_tell_the_key_once_and_record_what_they_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_HOME", str(tmp_path))
    made = CliRunner().invoke(cli, ["keys", "create", "crm", "--scopes", "scores,identity"])
    given = made.stdout.strip()
    assert SHAPE.fullmatch(given)
    listed = CliRunner().invoke(cli, ["keys", "list"]).output
    identifier = given.split("_")[1]
    assert identifier in listed
    assert "active" in listed
    assert given.split("_", 2)[2] not in listed
    assert "is revoked" in CliRunner().invoke(cli, ["keys", "revoke", identifier]).output
    assert "revoked" in CliRunner().invoke(cli, ["keys", "list"]).output
    acts = [(one.content[0].act, one.content[0].subject) for one in stored(Settings()) if one.content]
    assert acts == [("key_created", identifier), ("key_revoked", identifier)]
    kept = json.loads((tmp_path / "api" / "keys.json").read_text())
    assert [entry["name"] for entry in kept] == ["crm"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["crm", "--scopes", "scores,everything"], "everything is no scope"),
        (["crm", "--expires", "soon"], "soon is no lifetime"),
        (["two words"], "letters, digits"),
    ],
)
def test_a_wrong_command_makes_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: str
) -> None:
    monkeypatch.setenv("CHURN_HOME", str(tmp_path))
    result = CliRunner().invoke(cli, ["keys", "create", *arguments])
    assert result.exit_code == 2
    assert told in " ".join(result.output.split())
    assert not (tmp_path / "api").exists()


def test_a_personal_link_has_a_role_and_opens_nothing_of_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_HOME", str(tmp_path))
    monkeypatch.setenv("CHURN_APP_ADDRESS", "")
    made = CliRunner().invoke(cli, ["keys", "create", "anna", "--role", "agent", "--owner", "Anna Weber"])
    place, _, given = made.stdout.strip().partition("/?access=")
    assert place == "http://127.0.0.1:8501"
    keys = Keys(keys_file(Settings()))
    key = keys.find(given)
    assert key is not None
    assert (key.role, key.owner, key.scopes) == ("agent", "Anna Weber", ())
    assert keys.of_page() == [key]
    assert keys.of_service() == []
    assert "agent" in CliRunner().invoke(cli, ["keys", "list"]).output
    [entry] = [one.content[0] for one in stored(Settings()) if one.content]
    assert entry.facts == {"name": "anna", "role": "agent"}


@pytest.mark.parametrize(
    ("variables", "address", "told"),
    [
        ({"ADDRESS": "https://churn.example.com/"}, "https://churn.example.com", None),
        (
            {},
            "http://127.0.0.1:8501",
            "The link is right if readers reach the page at http://127.0.0.1:8501.",
        ),
        ({"HOST": "::1", "PORT": "8502"}, "http://[::1]:8502", "reach the page at http://[::1]:8502."),
        (
            {"HOST": "0.0.0.0"},
            "http://HOST:8501",
            "Replace HOST by the name by which readers reach this machine. The link",
        ),
        ({"PORT": "0"}, "http://127.0.0.1:PORT", "Replace PORT by that which the page tells. The link"),
        (
            {"HOST": "::", "PORT": "0"},
            "http://HOST:PORT",
            "this machine and PORT by that which the page tells.",
        ),
    ],
)
def test_a_personal_link_names_the_address_of_the_page_or_says_what_to_check(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    address: str,
    told: str | None,
) -> None:
    monkeypatch.setenv("CHURN_HOME", str(tmp_path))
    for name in ("ADDRESS", "HOST", "PORT"):
        monkeypatch.setenv(f"CHURN_APP_{name}", variables.get(name, ""))
    made = CliRunner().invoke(cli, ["keys", "create", "anna", "--role", "agent"])
    assert made.stdout.strip().partition("/?access=")[0] == address
    if told is None:
        assert "The link is right if" not in made.stderr
    else:
        assert told in made.stderr
        assert "CHURN_APP_ADDRESS" in made.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--role", "agent", "--scopes", "scores"], "make two"),
        (["--owner", "Anna Weber"], "--owner goes with --role"),
        (["--role", "king"], "is not one of"),
    ],
)
def test_a_key_is_for_the_service_or_for_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: str
) -> None:
    monkeypatch.setenv("CHURN_HOME", str(tmp_path))
    result = CliRunner().invoke(cli, ["keys", "create", "anna", *arguments])
    assert result.exit_code == 2
    assert told in " ".join(result.output.split())
