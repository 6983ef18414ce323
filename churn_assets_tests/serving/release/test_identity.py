"""The identity file opens with its key alone, whole and unchanged."""

import base64
import os
from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import SecretStr

from churn_assets.serving.release import identity
from churn_assets.serving.release.identity import (
    KEY_FILE,
    IdentityError,
    key_made_once,
    key_of,
    open_identity,
    write_identity,
)
from churn_assets.serving.release.root import IDENTITY
from churn_assets_tests.lakes import settings_for

KEY, OTHER = bytes(range(32)), bytes(32)
PEOPLE = pa.table(
    {
        "customer_id": [f"C-{n:05d}" for n in range(25)],
        "customer_key": [f"{n:016x}" for n in range(25)],
        "email": [f"person{n}@mail.example" for n in range(25)],
    }
)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An identity file of three pieces."""
    monkeypatch.setattr(identity, "ROWS_OF_A_PIECE", 10)
    write_identity(str(tmp_path), PEOPLE, KEY)
    return str(tmp_path)


def test_it_is_read_back_and_shows_nobody(root: str) -> None:
    assert open_identity(root, KEY).equals(PEOPLE)
    content = Path(root, IDENTITY).read_bytes()
    assert not any(word in content for word in (b"C-000", b"mail.example", b"customer_id"))


def test_two_files_of_the_same_people_differ(root: str) -> None:
    before = Path(root, IDENTITY).read_bytes()
    write_identity(root, PEOPLE, KEY)
    assert Path(root, IDENTITY).read_bytes() != before


def test_nobody_is_a_table_too(tmp_path: Path) -> None:
    write_identity(str(tmp_path), PEOPLE.slice(0, 0), KEY)
    assert open_identity(str(tmp_path), KEY).schema == PEOPLE.schema


@pytest.mark.parametrize("how", ["other key", "one bit", "cut", "a piece less", "swapped", "empty"])
def test_what_was_changed_does_not_open(root: str, how: str) -> None:
    file, key = Path(root, IDENTITY), KEY
    content = file.read_bytes()
    pieces = identity._pieces(content)
    whole = [n + len(t).to_bytes(4, "big") + t for n, t in pieces]
    match how:
        case "other key":
            key = OTHER
        case "one bit":
            content = content[:-1] + bytes([content[-1] ^ 1])
        case "cut":
            content = content[:-1]
        case "a piece less":
            content = identity.MAGIC + whole[0] + whole[1]
        case "swapped":
            content = identity.MAGIC + whole[1] + whole[0] + whole[2]
        case "empty":
            content = b""
    file.write_bytes(content)
    with pytest.raises(IdentityError, match="Publish a release"):
        open_identity(root, key)


def test_without_a_file_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(IdentityError, match="There is no identity file yet"):
        open_identity(str(tmp_path), KEY)


def test_the_key_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    with pytest.raises(IdentityError, match="Set CHURN_IDENTITY_KEY, or publish a release"):
        key_of(settings)
    key = key_made_once(settings)
    assert len(key) == 32 and key_made_once(settings) == key == key_of(settings)
    file = tmp_path / KEY_FILE
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    with pytest.raises(IdentityError, match="chmod 600"):
        key_of(settings)


def test_a_key_of_the_settings_counts_before_the_file(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    key_made_once(settings)
    text = base64.b64encode(KEY).decode()
    given = settings.model_copy(update={"identity_key": SecretStr(text)})
    assert key_of(given) == key_made_once(given) == KEY
    assert text not in repr(given) and text not in str(given.model_dump())
    for wrong in ("", "short", base64.b64encode(os.urandom(16)).decode(), "!" * 44):
        bad = settings.model_copy(update={"identity_key": SecretStr(wrong)})
        with pytest.raises(IdentityError, match="CHURN_IDENTITY_KEY is no key") as told:
            key_of(bad)
        assert not wrong or wrong not in str(told.value)
