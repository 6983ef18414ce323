"""Nothing comes into force without its record; edits of the declarations are found before a table is made by them."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from churn_assets.cli.main import cli
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.changes.change import (
    ChangeError,
    ProposedChange,
    change_records,
    in_force,
    recorded,
)
from churn_assets.operations.changes.edits import PACKAGE, edits, record_edits
from churn_assets_tests.lakes import business_copy, edit_yaml, settings_for

CHANGE = ProposedChange(
    "normal", "promotion", "model", "1", "2", "It is better.", "AUC +0.01", "rollback", "ann"
)


@pytest.fixture
def lakehouse(tmp_path: Path) -> Lakehouse:
    return Lakehouse(settings_for(tmp_path / "home"))


def test_the_record_is_there_before_the_change_and_the_result_after(lakehouse: Lakehouse) -> None:
    with recorded(lakehouse, CHANGE, "run"):
        [begun] = change_records(lakehouse)
        assert (begun.change_id, begun.record, begun.result, begun.by) == ("CHG-1", 1, "begun", "ann")
        assert in_force([begun]) == {}
    records = change_records(lakehouse)
    assert [(r.record, r.result) for r in records] == [(1, "begun"), (2, "done")]
    assert in_force(records) == {"model": "2"}


def test_a_change_that_fails_says_so_and_is_not_in_force(lakehouse: Lakehouse) -> None:
    with pytest.raises(OSError), recorded(lakehouse, CHANGE, "run"):
        raise OSError("Ann Canary")
    records = change_records(lakehouse)
    assert [r.result for r in records] == ["begun", "failed: OSError"]
    assert in_force(records) == {}


def test_nobody_approves_the_own_change(lakehouse: Lakehouse) -> None:
    own = ProposedChange(**vars(CHANGE) | {"approved_by": "ann"})
    with pytest.raises(ChangeError, match="somebody else must approve it"), recorded(lakehouse, own, "run"):
        raise AssertionError("the change was made")
    assert change_records(lakehouse) == []
    with recorded(lakehouse, ProposedChange(**vars(CHANGE) | {"approved_by": "bob"}), "run"):
        pass
    assert change_records(lakehouse)[-1].approved_by == "bob"


def test_edits_are_told_from_what_was_in_force() -> None:
    before = {"churn.yaml": "a", "contracts/x.yaml": "b", "contracts/y.yaml": "c", PACKAGE: "1", "model": "7"}
    now = {"churn.yaml": "A", "contracts/y.yaml": "c", "contracts/z.yaml": "d", PACKAGE: "2"}
    found = {(c.what, c.item): (c.before, c.after) for c in edits(before, now)}
    assert found == {
        ("edit", "churn.yaml"): ("a", "A"),
        ("edit", "contracts/x.yaml"): ("b", "removed"),
        ("declaration", "contracts/z.yaml"): (None, "d"),
        ("new version", PACKAGE): ("1", "2"),
    }
    assert edits(before | {"contracts/x.yaml": "removed"}, before | {}) != []
    assert edits(now, now) == []
    assert {c.type for c in edits({}, now)} == {"standard"}, "the first declaration replaces nothing"


def test_an_edit_of_a_file_is_recorded_once(lakehouse: Lakehouse, tmp_path: Path) -> None:
    folder = business_copy(tmp_path)
    first = record_edits(lakehouse, load_business(folder), "run")
    assert {change.item for change in first} >= {"churn.yaml", "contracts/usage.yaml", PACKAGE}
    assert record_edits(lakehouse, load_business(folder), "run") == []
    edited = business_copy(tmp_path)
    edit_yaml(edited / "churn.yaml", lambda c: c["economics"].update(offer=11))
    second = record_edits(lakehouse, load_business(edited), "run")
    assert [(c.what, c.item, c.type) for c in second] == [("edit", "churn.yaml", "normal")]
    assert second[0].before == dict(load_business(folder).digests)["churn.yaml"]


def test_changes_are_shown_the_newest_first(lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_HOME", lakehouse.settings.home)
    assert CliRunner().invoke(cli, ["changes"]).output == "No change is recorded.\n"
    for after in ("2", "3"):
        with recorded(lakehouse, ProposedChange(**vars(CHANGE) | {"after": after}), "run"):
            pass
    lines = CliRunner().invoke(cli, ["changes", "--item", "model"]).output.splitlines()
    assert lines[0].startswith("CHG-2 ") and lines[0].endswith("normal promotion of model: 1 -> 3, done")
    assert lines[1] == "  by ann, approved by nobody else; It is better. Back out: rollback"
    assert len(lines) == 4
