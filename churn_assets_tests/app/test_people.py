"""Names are shown to those who may see them, and only after the audit has recorded the look."""

from pathlib import Path

import pyarrow as pa
import pytest

from churn_assets.app.people import IdentityBook, PeopleError
from churn_assets.app.reader import Reader
from churn_assets.operations.audit.chain import AuditError
from churn_assets.operations.audit.verification import stored
from churn_assets.serving.release.identity import key_made_once, write_identity
from churn_assets.settings import Settings

VIEWER, STEWARD = Reader("vera", "viewer"), Reader("stan", "steward")
ANNA, BEN = Reader("anna", "agent", "Anna Weber"), Reader("ben", "agent")
OWNERS = ["Anna Weber", "Carl", None, None]


def book(home: Path, owners: list[str | None] | None) -> IdentityBook:
    settings = Settings(home=str(home))
    people = {
        "customer_id": ["C-1", "C-2", "C-3", "C-4"],
        "customer_key": ["k1", "k2", "k3", "k4"],
        "full_name": [
            "Zoë Müller",
            "Zoe Muller",
            "Max Mustermann",
            None,
        ],  # the last one objected to profiling
        "email": ["zoe@example.com", None, "max@example.com", None],
        "consent": [True, None, False, None],
    } | ({} if owners is None else {"account_owner": owners})
    write_identity(settings.releases_uri, pa.table(people), key_made_once(settings))
    return IdentityBook(settings)


def acts(home: Path) -> list[tuple[str, str, str, int | None]]:
    entries = [one.content[0] for one in stored(Settings(home=str(home))) if one.content]
    return [(entry.act, entry.by, entry.subject, entry.customers) for entry in entries]


def test_a_look_is_recorded_with_keys_and_without_names(tmp_path: Path) -> None:
    people = book(tmp_path, None)
    assert [hit.customer_key for hit in people.find_by_id(ANNA, " C-3 ")] == ["k3"]
    assert [hit.customer_key for hit in people.find_by_name(ANNA, "zoe müller")] == ["k1", "k2"]
    assert people.find_by_id(STEWARD, "C-9") == []
    found = people.contact(STEWARD, "k1")
    assert found.hits[0].told == {"full_name": "Zoë Müller", "email": "zoe@example.com"}
    assert found.consent is True
    assert list(people.export(STEWARD, ["k3", "k1"])["customer_id"]) == ["C-1", "C-3"]
    assert acts(tmp_path) == [
        ("look_up", "anna", "k3", 1),
        ("look_up", "anna", "k1", 1),
        ("look_up", "anna", "k2", 1),
        ("look_up", "stan", "0 customers", 0),
        ("look_up", "stan", "k1", 1),
        ("export", "stan", "2 customers", 2),
    ]


def test_an_agent_sees_their_own_customers_only_where_the_business_names_owners(tmp_path: Path) -> None:
    people = book(tmp_path, OWNERS)
    assert [hit.customer_key for hit in people.find_by_name(ANNA, "muller")] == ["k1"]
    assert people.find_by_id(ANNA, "C-2") == []
    assert people.find_by_id(BEN, "C-1") == []
    assert list(people.export(ANNA, ["k1", "k2", "k3"])["customer_key"]) == ["k1"]
    with pytest.raises(PeopleError, match="This customer is not one of yours"):
        people.contact(ANNA, "k2")
    assert people.contact(Reader("mia", "manager"), "k2").owner == "Carl"


def test_while_no_owner_is_told_an_agent_sees_nobody(tmp_path: Path) -> None:
    """A feed that loses its owners opens nobody to everybody."""
    people = book(tmp_path, [None] * 4)
    assert people.find_by_id(ANNA, "C-1") == people.find_by_name(ANNA, "muller") == []
    assert people.export(ANNA, ["k1", "k2"]).empty
    assert people.natural_ids().has_owners
    assert len(people.find_by_id(Reader("mia", "manager"), "C-1")) == 1


def test_a_viewer_sees_nobody_and_nothing_is_recorded(tmp_path: Path) -> None:
    people = book(tmp_path, OWNERS)
    for look in (
        lambda: people.find_by_id(VIEWER, "C-1"),
        lambda: people.find_by_name(VIEWER, "zoe"),
        lambda: people.contact(VIEWER, "k1"),
        lambda: people.export(VIEWER, ["k1"]),
    ):
        with pytest.raises(PeopleError, match="for agents, managers and stewards"):
            look()
    assert acts(tmp_path) == []


def test_what_cannot_be_recorded_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    people = book(tmp_path, OWNERS)

    def full(*_: object, **__: object) -> None:
        raise AuditError("The audit cannot be written.")

    monkeypatch.setattr("churn_assets.app.people.record", full)
    with pytest.raises(PeopleError, match="cannot be recorded"):
        people.contact(STEWARD, "k1")


def test_an_identity_file_that_does_not_open_is_a_sentence(tmp_path: Path) -> None:
    people = book(tmp_path, OWNERS)
    key_made_once(Settings(home=str(tmp_path / "other")))
    (tmp_path / "identity.key").write_text((tmp_path / "other" / "identity.key").read_text())
    with pytest.raises(PeopleError, match="Names cannot be shown now"):
        people.contact(STEWARD, "k1")
