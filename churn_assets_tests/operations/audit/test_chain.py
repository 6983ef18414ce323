"""The audit: every change of its records is found, and no record is lost over a kill or between processes."""

import errno
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from churn_assets import trace
from churn_assets.cli.main import cli
from churn_assets.lakehouse.engine.processes import module_environment
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.audit import chain, verification
from churn_assets.operations.audit.chain import AuditError, record, store_files
from churn_assets.operations.audit.entry import AuditEntry
from churn_assets.operations.audit.verification import StoredEntry, stored, verify
from churn_assets.operations.changes.change import ProposedChange, recorded
from churn_assets.settings import Settings

WRITER = """
import sys
from churn_assets.operations.audit.chain import record
from churn_assets.settings import Settings
settings = Settings(home=sys.argv[1])
for n in range(int(sys.argv[3])):
    print(record(settings, "look_up", sys.argv[2], f"key{n}").sequence, flush=True)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=str(tmp_path / "home"))


def _fill(settings: Settings, number: int = 6) -> None:
    for n in range(number):
        record(settings, "look_up", "ann", f"key{n}", customers=1, why="a call", request=n)


def _entries(settings: Settings) -> list[AuditEntry]:
    return [line.content[0] for line in stored(settings) if line.content]


def _change_lines(settings: Settings, change: Callable[[list[bytes]], list[bytes]]) -> None:
    [file] = store_files(settings)
    file.write_bytes(b"".join(change(file.read_bytes().splitlines(keepends=True))))


def test_an_intact_chain_is_verified(settings: Settings) -> None:
    assert verify(settings).damage == [], "a home without acts"
    with trace.within("ab" * 16):
        _fill(settings)
    found = verify(settings)
    assert (found.records, found.damage) == (6, [])
    first, second, *_ = _entries(settings)
    assert (first.sequence, first.by, first.act, first.subject) == (1, "ann", "look_up", "key0")
    assert (first.customers, first.why, first.facts) == (1, "a call", {"request": 0})
    assert first.trace_id == "ab" * 16
    assert second.previous == first.hash


def test_an_edited_record_is_found(settings: Settings) -> None:
    _fill(settings)
    _change_lines(settings, lambda lines: [line.replace(b'"key2"', b'"key9"') for line in lines])
    assert [d for d in verify(settings).damage if "record 3 was edited" in d]


def test_an_edited_record_is_found_even_if_its_hash_fits(settings: Settings) -> None:
    """Without the key nobody can seal it again."""
    _fill(settings)

    def forge(lines: list[bytes]) -> list[bytes]:
        content = json.loads(lines[2])
        digest, seal = content.pop("hash"), content.pop("mac")
        forged = AuditEntry(**content | {"subject": "key9"})
        assert forged.hash != digest
        content = json.loads(lines[2]) | {"subject": "key9", "hash": forged.hash, "mac": seal}
        return [*lines[:2], json.dumps(content).encode() + b"\n", *lines[3:]]

    _change_lines(settings, forge)
    damage = verify(settings).damage
    assert [d for d in damage if "record 3 was added or rewritten without the key" in d]
    assert [d for d in damage if "record 4 does not follow" in d]


def test_a_line_that_is_no_record_is_found(settings: Settings) -> None:
    _fill(settings)
    _change_lines(settings, lambda lines: [lines[0], b"[1]\n", *lines[2:]])
    assert "the line is no record" in verify(settings).damage[0]


def test_a_removed_record_is_found(settings: Settings) -> None:
    _fill(settings)
    _change_lines(settings, lambda lines: lines[:2] + lines[4:])
    assert verify(settings).damage == ["Removed: 2 records, 3 to 4, are missing."]


def test_reordered_records_are_found(settings: Settings) -> None:
    _fill(settings)
    _change_lines(settings, lambda lines: [lines[0], lines[2], lines[1], *lines[3:]])
    assert verify(settings).damage == ["Reordered: record 2 stands after record 3."]


def test_a_repeated_record_is_found(settings: Settings) -> None:
    _fill(settings)
    _change_lines(settings, lambda lines: [lines[0], *lines])
    assert verify(settings).damage == ["Record 1 is there twice."]


@pytest.mark.parametrize("left", [0, 1, 5])
def test_a_truncated_chain_is_found_also_after_more_records(settings: Settings, left: int) -> None:
    _fill(settings)
    _change_lines(settings, lambda lines: lines[:left])
    missing = "1 to 6" if left == 0 else "2 to 6" if left == 1 else "6"
    [told] = verify(settings).damage
    assert told.startswith("The end was cut off") and f"{missing} " in f"{told.replace(',', ' ')}"
    _fill(settings, 2)
    [told] = verify(settings).damage
    assert told.startswith("Removed") and missing in told


def test_a_deleted_store_is_found(settings: Settings) -> None:
    _fill(settings)
    for file in store_files(settings):
        file.unlink()
    assert "6 records" in verify(settings).damage[0]


def test_a_cut_in_the_middle_of_the_last_line_is_found(settings: Settings) -> None:
    _fill(settings)
    _change_lines(settings, lambda lines: [*lines[:-1], lines[-1][:40]])
    assert verify(settings).damage == ["The end was cut off: record 6 is missing after record 5."]


def test_an_older_anchor_does_not_hide_a_cut(settings: Settings) -> None:
    """Whoever changes the anchor needs the key."""
    _fill(settings)
    anchor = settings.audit_anchor_path / "anchor.json"
    anchor.write_text(anchor.read_text().replace('"sequence":6', '"sequence":5'))
    assert "was changed" in verify(settings).damage[0]
    with pytest.raises(AuditError, match="was changed"):
        record(settings, "export", "ann", "file.csv")


@pytest.mark.parametrize("lost", ["anchor.json", "key"])
def test_a_lost_anchor_or_key_is_told_and_nothing_is_recorded_before_it_is_back(
    settings: Settings, lost: str
) -> None:
    _fill(settings)
    (settings.audit_anchor_path / lost).unlink()
    assert "is missing" in " ".join(verify(settings).damage)
    with pytest.raises(AuditError, match=f"{lost} is missing.*audit archive"):
        record(settings, "export", "ann", "file.csv")


def test_a_record_that_is_added_while_the_audit_is_verified_is_no_damage(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(settings)

    def slowly(settings: Settings) -> Iterator[StoredEntry]:
        yield from stored(settings)
        _fill(settings, 1)

    monkeypatch.setattr(verification, "stored", slowly)
    assert verify(settings).damage == []


def test_an_edited_number_is_found_however_large_it_is(settings: Settings) -> None:
    _fill(settings)
    large = str(10**12).encode()
    _change_lines(
        settings, lambda lines: [lines[0].replace(b'"sequence":1,', b'"sequence":%s,' % large), *lines[1:]]
    )
    damage = verify(settings).damage
    assert [d for d in damage if f"record {10**12} was edited" in d]
    assert [d for d in damage if d == "Removed: record 1 is missing."]


@pytest.mark.parametrize("left", ["anchor.json", "key"])
def test_an_audit_that_was_deleted_as_a_whole_is_found(settings: Settings, left: str) -> None:
    """What is left beside it tells that there were records."""
    _fill(settings)
    shutil.rmtree(chain.store_of(settings))
    lost = {"anchor.json": "key", "key": "anchor.json"}[left]
    (settings.audit_anchor_path / lost).unlink()
    assert "is missing" in " ".join(verify(settings).damage)
    with pytest.raises(AuditError, match=f"{lost} is missing"):
        record(settings, "export", "ann", "file.csv")


@pytest.mark.parametrize("lost", ["anchor.json", "key", "audit", "nothing"])
def test_a_damaged_audit_goes_to_an_archive_and_a_new_chain_tells_so(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    monkeypatch.setenv("CHURN_HOME", settings.home)
    _fill(settings)
    if lost == "audit":
        shutil.rmtree(chain.store_of(settings))
    elif lost != "nothing":
        (settings.audit_anchor_path / lost).unlink()
    else:
        _change_lines(settings, lambda lines: lines[2:])
    assert verify(settings).damage
    archive = tmp_path / "archive"
    command = ["audit", "archive", str(archive), "--why", "a disk broke"]
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 0, done.output
    assert verify(settings).damage == []
    _fill(settings, 2)
    assert verify(settings).damage == []
    first = _entries(settings)[0]
    assert (first.sequence, first.act, first.subject, first.why) == (1, "archiving", "audit", "a disk broke")
    kept = {file.name for file in archive.rglob("*") if file.is_file()}
    assert kept == {"anchor.json", "key", *(file.name for file in store_files(settings))} - {
        lost if lost != "audit" else store_files(settings)[0].name
    }
    again = CliRunner().invoke(cli, command)
    assert again.exit_code != 0 and "is there already" in again.output
    assert verify(settings).records == 3


def test_a_key_from_the_settings_is_used_and_kept_nowhere(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_AUDIT_KEY", "hunter2-hunter2")
    keyed = Settings(home=settings.home)
    _fill(keyed)
    assert verify(keyed).damage == []
    assert "hunter2" not in repr(keyed)
    assert not (keyed.audit_anchor_path / "key").exists()
    for file in Path(settings.home).rglob("*"):
        assert not file.is_file() or b"hunter2" not in file.read_bytes()
    monkeypatch.setenv("CHURN_AUDIT_KEY", "another")
    assert "another key" in verify(Settings(home=settings.home)).damage[0]


def test_only_the_owner_can_read_it(settings: Settings) -> None:
    _fill(settings, 1)
    for folder in (chain.store_of(settings), settings.audit_anchor_path):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in (
        *store_files(settings),
        settings.audit_anchor_path / "key",
        settings.audit_anchor_path / "anchor.json",
    ):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_anchor_may_lie_elsewhere(settings: Settings, tmp_path: Path) -> None:
    elsewhere = settings.model_copy(update={"audit_anchor": str(tmp_path / "vault")})
    _fill(elsewhere)
    assert sorted(f.name for f in (tmp_path / "vault").iterdir()) == ["anchor.json", "key", "lock"]
    assert verify(elsewhere).damage == []


def test_several_processes_write_one_chain(settings: Settings) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, settings.home, name, "40"],
            stdout=subprocess.DEVNULL,
            env=module_environment(),
        )
        for name in ("ann", "bob", "eve")
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert verify(settings).damage == []
    assert sorted(e.by for e in _entries(settings)) == ["ann"] * 40 + ["bob"] * 40 + ["eve"] * 40


@pytest.mark.one_python(reason="a killed writer is the same for each Python")
def test_no_record_is_lost_over_kill_9(settings: Settings) -> None:
    for _ in range(4):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, settings.home, "ann", "100000"],
            stdout=subprocess.PIPE,
            text=True,
            env=module_environment(),
        )
        assert writer.stdout is not None
        told = [writer.stdout.readline() for _ in range(20)]
        writer.send_signal(signal.SIGKILL)
        told += writer.stdout.readlines()
        writer.wait()
        writer.stdout.close()
        assert verify(settings).damage == []
        returned = {int(line) for line in told if line.endswith("\n")}
        assert len(returned) >= 20
        assert returned <= {entry.sequence for entry in _entries(settings)}
    _fill(settings, 1)
    found = verify(settings)
    assert found.damage == [] and found.anchor is not None and found.anchor.sequence == found.records


@pytest.mark.parametrize("written", [0, 40, None])
def test_a_death_before_the_anchor_leaves_an_intact_chain(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, written: int | None
) -> None:
    """The record is there in no byte, in part, or as a whole; the anchor does not know of it."""
    _fill(settings)
    before = (settings.audit_anchor_path / "anchor.json").read_bytes()
    _fill(settings, 1)
    [file] = store_files(settings)
    *kept, last = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(kept) + last[:written])
    (settings.audit_anchor_path / "anchor.json").write_bytes(before)
    shutil.rmtree(settings.log_path)  # which is told last
    assert verify(settings).damage == []
    _fill(settings, 2)
    found = verify(settings)
    assert (found.records, found.damage) == (9 if written is None else 8, [])


def test_a_full_disk_is_told_and_the_chain_stays_intact(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(settings, 2)
    whole = os.write

    def full(file: int, content: bytes) -> int:
        whole(file, content[:30])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(AuditError, match=r"No space left.*nothing was done"):
            record(settings, "export", "ann", "file.csv")
    assert verify(settings).damage == []
    _fill(settings, 1)
    assert (verify(settings).records, verify(settings).damage) == (3, [])


def test_a_clock_that_goes_back_a_month_does_not_break_the_chain(settings: Settings) -> None:
    _fill(settings, 2)
    [file] = store_files(settings)
    file.rename(file.with_name("2999-01.jsonl"))
    _fill(settings, 2)
    assert [f.name for f in store_files(settings)] == ["2999-01.jsonl"]
    assert verify(settings).damage == []


def test_an_unknown_act_and_an_endless_record_are_refused(settings: Settings) -> None:
    with pytest.raises(ValueError, match="knows no act stolen"):
        record(settings, "stolen", "ann", "file.csv")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at most"):
        record(settings, "export", "ann", "x" * 20_000)
    _fill(settings, 1)
    assert verify(settings).damage == []


def test_a_promotion_and_its_approval_are_acts(settings: Settings) -> None:
    change = ProposedChange(
        "normal", "promotion", "model", "1", "2", "It is better.", "", "rollback", "ann", "bob"
    )
    with recorded(Lakehouse(settings), change, "run"):
        told = [(e.act, e.by, e.subject, e.facts["change"]) for e in _entries(settings)]
        assert told == [("promotion", "ann", "model 2", "CHG-1"), ("approval", "bob", "model 2", "CHG-1")]


def test_nothing_is_promoted_without_its_record(settings: Settings) -> None:
    _fill(settings, 1)
    (settings.audit_anchor_path / "key").unlink()
    change = ProposedChange("emergency", "rollback", "model", "2", "1", "It is wrong.", "", "promote", "ann")
    with pytest.raises(AuditError), recorded(Lakehouse(settings), change, "run"):
        raise AssertionError("it was rolled back")


def test_the_commands_list_and_verify(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_HOME", settings.home)
    assert CliRunner().invoke(cli, ["audit", "list"]).output == "No such act is recorded.\n"
    assert CliRunner().invoke(cli, ["audit", "verify"]).output == "The audit is intact: 0 records.\n"
    _fill(settings, 3)
    record(settings, "export", "bob", "campaign.csv", customers=120, why="autumn")
    listed = CliRunner().invoke(cli, ["audit", "list"]).output.splitlines()
    assert len(listed) == 4
    assert listed[0].startswith("4 ") and listed[0].endswith(
        " bob export campaign.csv (120 customers): autumn"
    )
    assert (
        len(
            CliRunner().invoke(cli, ["audit", "list", "--by", "ann", "--subject", "key1"]).output.splitlines()
        )
        == 1
    )
    done = CliRunner().invoke(cli, ["audit", "verify"])
    assert done.exit_code == 0 and done.output.startswith(
        "The audit is intact: 4 records; the last one has the hash "
    )
    _change_lines(settings, lambda lines: lines[1:])
    done = CliRunner().invoke(cli, ["audit", "verify"])
    assert done.exit_code == 1
    assert done.output.splitlines()[-1] == "The audit is not intact: 3 records read, 1 finding."
