"""An audit that was deleted as a whole, put back or rewritten with its key is told by the log and by the lake."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from churn_assets.cli.doctor_data import check_audit
from churn_assets.cli.main import cli
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.audit import chain
from churn_assets.operations.audit.chain import AuditError, anchor_of, key_of, record
from churn_assets.operations.audit.entry import START
from churn_assets.operations.audit.verification import stored, verify
from churn_assets.operations.audit.witnesses import told_by_lake, told_by_log
from churn_assets.operations.events.audit_rows import add_acts, new_acts
from churn_assets.operations.log import writing
from churn_assets.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setenv("CHURN_HOME", str(tmp_path / "home"))
    found = Settings()
    writing.start(found)
    yield found
    writing.stop()


def _fill(settings: Settings, number: int = 3) -> str:
    """Records acts and returns the name of their chain."""
    return [record(settings, "look_up", "ann", f"key{n}", customers=1) for n in range(number)][-1].chain


def _take(settings: Settings) -> Lakehouse:
    lakehouse = Lakehouse(settings)
    add_acts(lakehouse, new_acts(lakehouse), "run")
    return lakehouse


def _delete_all(settings: Settings) -> None:
    shutil.rmtree(chain.store_of(settings))
    shutil.rmtree(settings.audit_anchor_path)


def _rewrite(settings: Settings) -> None:
    """Makes another chain of the same name with the real key, as who can write the anchor can do."""
    key = key_of(settings)
    assert key is not None
    anchor = anchor_of(settings, key)
    assert anchor is not None
    shutil.rmtree(chain.store_of(settings))
    chain._write_anchor(settings, key, chain.Anchor(anchor.chain, 0, START))
    kept = {file: file.read_bytes() for file in settings.log_path.iterdir()}
    for n in range(anchor.sequence):
        record(settings, "look_up", "ann", f"other{n}", customers=1)
    writing.stop()
    for file in settings.log_path.iterdir():
        file.write_bytes(kept.get(file, b""))


def test_the_log_tells_number_and_hash_of_each_record(settings: Settings) -> None:
    name = _fill(settings)
    hashes = {
        (e.content[0].chain, e.content[0].sequence): e.content[1] for e in stored(settings) if e.content
    }
    told = told_by_log(settings)
    assert told.hashes == hashes and told.end_of(name) == 3
    assert verify(settings).damage == []


def test_an_audit_deleted_with_anchor_and_key_is_told_and_no_other_begins(settings: Settings) -> None:
    name = _fill(settings)
    _delete_all(settings)
    [told] = verify(settings).damage
    assert told.startswith(f"An audit is gone: the log tells of 3 records of the chain {name}, the last of 2")
    with pytest.raises(AuditError, match=r"tells of an audit of this home, which is gone.*audit archive"):
        record(settings, "look_up", "eve", "key1")
    done = CliRunner().invoke(cli, ["audit", "verify"])
    assert done.exit_code == 1 and told in done.output
    assert check_audit(settings).status == "fail"


def test_an_archive_names_the_chains_before_it_and_ends_the_alarm(settings: Settings, tmp_path: Path) -> None:
    names = [_fill(settings)]
    for folder in ("first", "second"):
        if folder == "second":
            _delete_all(settings)
        done = CliRunner().invoke(cli, ["audit", "archive", str(tmp_path / folder), "--why", "a disk broke"])
        assert done.exit_code == 0, done.output
        first = next(stored(settings)).content
        assert first is not None and first[0].act == "archiving"
        assert first[0].facts["former"] == " ".join(sorted(names))
        assert verify(settings).damage == [] and check_audit(settings).status == "ok"
        names.append(first[0].chain)


def test_an_archive_names_the_chains_of_the_archive_before_it(settings: Settings, tmp_path: Path) -> None:
    """The log forgets after 90 days, the lake does not."""
    names = [_fill(settings)]
    for folder in ("first", "second"):
        lakehouse = _take(settings)
        writing.stop()
        shutil.rmtree(settings.log_path)
        names.append(chain.archive(settings, tmp_path / folder, "ann", "a disk broke").chain)
    first = next(stored(settings)).content
    assert first is not None and first[0].facts["former"] == " ".join(sorted(names[:2]))
    assert verify(settings, told_by_lake(lakehouse)).unknown == []


def test_an_audit_put_back_to_an_earlier_state_is_told(settings: Settings, tmp_path: Path) -> None:
    _fill(settings)
    for place in (chain.store_of(settings), settings.audit_anchor_path):
        shutil.copytree(place, tmp_path / "earlier" / place.name)
    _fill(settings, 2)
    _delete_all(settings)
    for place in (chain.store_of(settings), settings.audit_anchor_path):
        shutil.copytree(tmp_path / "earlier" / place.name, place)
    assert verify(settings).damage == ["The end was cut off: 2 records, 4 to 5, are missing after record 3."]


def test_a_chain_rewritten_with_its_key_is_told(settings: Settings) -> None:
    _fill(settings)
    lakehouse = _take(settings)
    _rewrite(settings)
    damage = verify(settings).damage
    assert [d.partition(": ")[2] for d in damage] == [
        f"the log tells of another record {n}." for n in (1, 2, 3)
    ]
    shutil.rmtree(settings.log_path)
    assert verify(settings).damage == []
    damage = verify(settings, told_by_lake(lakehouse)).damage
    assert [d.partition(": ")[2] for d in damage] == [
        f"the lake tells of another record {n}." for n in (1, 2, 3)
    ]


def test_what_the_lake_tells_of_other_chains_is_unknown_and_no_damage(settings: Settings) -> None:
    name = _fill(settings)
    lakehouse = _take(settings)
    assert verify(settings, told_by_lake(lakehouse)).unknown == []
    writing.stop()
    _delete_all(settings)
    shutil.rmtree(settings.log_path)
    _fill(settings, 1)
    found = verify(settings, told_by_lake(lakehouse))
    assert found.damage == []
    [told] = found.unknown
    assert f"the lake tells of 3 records of the chain {name}" in told and "was deleted here" in told
    done = CliRunner().invoke(cli, ["audit", "verify"])
    assert done.exit_code == 0 and told in done.output


def test_a_lake_that_cannot_be_read_is_told_and_the_chain_is_verified(settings: Settings) -> None:
    _fill(settings)
    log = Path(_take(settings).settings.lake_uri) / "operations" / "audit" / "_delta_log"
    for file in log.glob("*.json"):
        file.write_text("no JSON")
    done = CliRunner().invoke(cli, ["audit", "verify"])
    assert done.exit_code == 0, done.output
    assert "cannot be read" in done.output and "intact: 3 records" in done.output
    finding = check_audit(settings)
    assert (finding.status, "not compared" in finding.what) == ("warn", True)


def test_a_record_is_told_to_the_log_of_its_own_home(settings: Settings, tmp_path: Path) -> None:
    other = Settings(home=str(tmp_path / "other"))
    name = record(other, "look_up", "ann", "key1").chain
    assert (told_by_log(settings).last, list(told_by_log(other).last)) == ({}, [name])


def test_a_log_that_cannot_be_read_is_told_and_stops_no_act(settings: Settings) -> None:
    _fill(settings, 1)
    writing.stop()
    shutil.rmtree(settings.log_path)
    settings.log_path.write_text("a file in the way")
    assert record(settings, "look_up", "ann", "key1").sequence == 2
    found = verify(settings)
    assert (found.records, found.damage) == (2, [])
    [told] = found.unread
    assert told == "The log cannot be read (Not a directory), so it was not compared."
    finding = check_audit(settings)
    assert (finding.status, told in finding.what) == ("warn", True)
    done = CliRunner().invoke(cli, ["audit", "verify"])
    assert (done.exit_code, told in done.output) == (0, True)
