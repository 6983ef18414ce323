"""Contacts that people mark on the page: what lies in the landing zone, what is told of them, and how they go again."""

import errno
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from churn_assets.app.contacts import (
    SOURCE,
    WITHDRAWN,
    Contacted,
    ContactError,
    Mark,
    mark,
    marks,
    withdraw,
)
from churn_assets.app.queries.contacts import fresh, was_read
from churn_assets.app.store import ReleaseHolder, ReleaseStore
from churn_assets.contracts.loader import load_business
from churn_assets.operations.audit.chain import AuditError
from churn_assets.operations.audit.verification import stored, verify
from churn_assets.serving.release.root import Root
from churn_assets.settings import SHIPPED_BUSINESSES, Settings
from churn_assets.sources.landing import list_everything
from churn_assets_tests.app.marking import crm, marked, publish_contacts
from churn_assets_tests.serving.release.made import KEYS

NOW = datetime(2026, 1, 9, 10, 30, tzinfo=UTC)
TODAY = NOW.date()
SCORED_ON = date(2025, 12, 31)


def settings_in(folder: Path) -> Settings:
    return Settings(home=str(folder))


def customer(number: int) -> Contacted:
    return Contacted(KEYS[number], f"C-{number:04d}", "at risk", True)


def marked_now(settings: Settings, *numbers: int, by: str = "Ada", now: datetime = NOW) -> list[str]:
    chosen = [customer(number) for number in numbers]
    return mark(settings, by, chosen, "declined", on=now.date(), scored_on=SCORED_ON, now=now)


def acts(settings: Settings) -> list[tuple[str, str, str]]:
    return [(e[0].act, e[0].by, e[0].subject) for _, e in stored(settings) if e is not None]


def files(settings: Settings) -> list[Path]:
    return sorted(Path(settings.landing_uri, SOURCE).rglob("*.csv"))


@pytest.mark.parametrize("business", ["telecom", "shop"])
def test_a_mark_is_an_extract_of_the_shipped_contract(tmp_path: Path, business: str) -> None:
    settings = settings_in(tmp_path)
    [first, second] = marked_now(settings, 1, 2)
    source = load_business(SHIPPED_BUSINESSES / business).source(SOURCE)
    listing = list_everything(settings.landing_uri, source)
    assert ([file.extract_date for file in listing.files], listing.refused) == ([TODAY], [])
    lines = files(settings)[0].read_text(encoding="utf-8").splitlines()
    assert lines[0].split(",") == [column.name for column in source.columns]
    assert lines[1:] == [
        f"{number},C-000{n},2026-01-09,declined,at risk,true,2025-12-31,Ada,made"
        for n, number in ((1, first), (2, second))
    ]
    assert {m.row.mark_id: m.row.state for m in marks(settings, TODAY)} == {first: "made", second: "made"}
    assert acts(settings) == [("contact_marked", "Ada", KEYS[1]), ("contact_marked", "Ada", KEYS[2])]


def test_readers_mark_at_the_same_time_and_nothing_is_lost_or_half_written(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with ThreadPoolExecutor(8) as readers:
        found = list(readers.map(lambda n: marked_now(settings, n, by=f"reader {n}"), range(24)))
        list(readers.map(lambda n: withdraw_one(settings, found[n][0], f"reader {n}"), range(0, 24, 2)))
    left = {m.row.contacted_by for m in marks(settings, TODAY)}
    assert left == {f"reader {n}" for n in range(1, 24, 2)}
    folder = files(settings)[0].parent
    assert [p.name for p in folder.iterdir() if p.suffix != ".csv"] == [], "no draft is left"


def withdraw_one(settings: Settings, mark_id: str, by: str, was_read: bool = False, **more: bool) -> None:
    withdraw(settings, by, mark_id, KEYS[0], was_read=was_read, now=NOW, **more)


def test_a_mark_that_nobody_has_read_disappears(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    [first, second] = marked_now(settings, 1, 2)
    withdraw_one(settings, first, "Ada")
    assert [m.row.mark_id for m in marks(settings, TODAY)] == [second]
    withdraw_one(settings, second, "Ada")
    [file] = files(settings)
    assert file.read_text().splitlines() == [",".join(HEADER)], "an extract without rows, not a missing file"
    assert [act for act, *_ in acts(settings)] == ["contact_marked"] * 2 + ["contact_withdrawn"] * 2


HEADER = tuple(c.name for c in load_business(SHIPPED_BUSINESSES / "telecom").source(SOURCE).columns)


def test_a_mark_that_may_have_been_read_gets_a_correcting_row_that_comes_later(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    [number] = marked_now(settings, 1)
    withdraw_one(settings, number, "Ada", was_read=True)
    first, second = files(settings)
    assert first.name < second.name, "silver takes rows of one day by the names of their files"
    assert number in first.read_text()
    [found] = marks(settings, TODAY)
    assert (found.row.mark_id, found.row.state) == (number, WITHDRAWN)
    with pytest.raises(ContactError, match="taken back already"):
        withdraw_one(settings, number, "Ada", was_read=True)


def test_what_cannot_be_taken_back_stays(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    [number] = marked_now(settings, 1)
    with pytest.raises(ContactError, match="Somebody else marked"):
        withdraw_one(settings, number, "Grace")
    with pytest.raises(ContactError, match="on the day on which it was marked"):
        withdraw(settings, "Ada", number, KEYS[1], was_read=False, now=NOW + timedelta(days=1))
    with pytest.raises(ContactError, match="on the day on which it was marked"):
        withdraw_one(settings, "0" * 16, "Ada")
    assert len(marks(settings, TODAY)) == 1
    withdraw_one(settings, number, "Grace", of_anybody=True)
    assert marks(settings, TODAY) == []


def test_what_cannot_be_marked_is_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    tomorrow = TODAY + timedelta(days=1)
    for chosen, outcome, on, told in (
        ([], "declined", TODAY, "Nobody is chosen"),
        ([customer(1)], "", TODAY, "Say what came"),
        ([customer(1)], "declined", tomorrow, "within 31 days"),
        ([customer(1)], "declined", TODAY - timedelta(days=32), "within 31 days"),
    ):
        with pytest.raises(ContactError, match=told):
            mark(settings, "Ada", chosen, outcome, on=on, scored_on=SCORED_ON, now=NOW)
    assert files(settings) == [] and acts(settings) == []


def test_without_its_audit_record_nothing_is_marked(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    marked_now(settings, 1)
    (settings.audit_anchor_path / "key").unlink()
    with pytest.raises(AuditError):
        marked_now(settings, 2)
    assert len(marks(settings, TODAY)) == 1


def test_a_landing_zone_that_cannot_be_written_is_a_sentence_and_keeps_the_marks(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    [number] = marked_now(settings, 1)
    [file] = files(settings)
    (file.parent / f".{file.name}.draft").mkdir()  # where the next content of this file is drafted
    with pytest.raises(ContactError, match="cannot be written now, so nothing was done"):
        withdraw_one(settings, number, "Ada")
    [kept] = marks(settings, TODAY)
    assert kept.row.state == "made"


def test_files_of_others_are_not_taken_for_marks(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    marked_now(settings, 1)
    folder = files(settings)[0].parent
    (folder / "export.csv").write_text("a,b\n1,2\n")
    (folder / f".{files(settings)[0].name}.77").write_text("half")
    (folder.parent / "notes").mkdir()
    (folder.parent / "extract_date=2026-02-30").mkdir()
    assert len(marks(settings, TODAY)) == 1
    assert marks(settings, TODAY + timedelta(days=1)) == []


@pytest.fixture
def store(tmp_path: Path) -> ReleaseStore:
    settings = settings_in(tmp_path)
    rows = [crm(3, date(2025, 12, 5)), marked(4, date(2025, 12, 6), "held", "accepted")]
    publish_contacts(settings, rows)
    found = ReleaseHolder(settings).store()
    assert found is not None
    return found


def test_the_landing_zone_tells_what_the_release_does_not_hold_yet(
    tmp_path: Path, store: ReleaseStore
) -> None:
    settings = settings_in(tmp_path)
    [number] = marked_now(settings, 1)
    [new] = marks(settings, TODAY)
    held = Mark(replace(new.row, mark_id="held", customer_id="C-0004", state=WITHDRAWN), TODAY, "f", NOW)
    found = fresh(store, [new, held], {"C-0001": KEYS[1], "C-0004": KEYS[4]})
    assert [(p.customer_key, p.mark_id) for p in found.made] == [(KEYS[1], number)]
    assert found.withdrawn == {"held"}


def test_a_mark_counts_as_read_once_a_release_or_a_later_status_tells_of_its_day(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    [number] = marked_now(settings, 1)
    [found] = marks(settings, TODAY)

    def status(newest: str | None, at: datetime) -> dict[str, object]:
        return {"at": at.isoformat(), "sources": [{"source": SOURCE, "newest_extract": newest}]}

    later = found.written_at + timedelta(minutes=1)
    assert not was_read(found, set(), None)
    assert was_read(found, {number}, None)
    assert was_read(found, set(), status(str(TODAY), later))
    assert not was_read(found, set(), status(str(TODAY), found.written_at - timedelta(minutes=1)))
    assert not was_read(found, set(), status(str(TODAY - timedelta(days=1)), later))
    assert not was_read(found, set(), status(None, later))


def test_a_full_disk_is_a_sentence_and_leaves_no_half_of_a_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_in(tmp_path)
    marked_now(settings, 1)
    replace_whole = Root.replace

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def onto_a_full_disk(root: Root, name: str, content: bytes) -> None:
        with monkeypatch.context() as disk:  # the audit, on another disk, was written before
            disk.setattr("churn_assets.durable.os.fsync", full)
            replace_whole(root, name, content)

    monkeypatch.setattr(Root, "replace", onto_a_full_disk)
    with pytest.raises(ContactError, match="cannot be written now, so nothing was done"):
        marked_now(settings, 2)
    monkeypatch.undo()
    assert [m.row.customer_id for m in marks(settings, TODAY)] == ["C-0001"]
    assert [p.name for p in files(settings)[0].parent.iterdir()] == [files(settings)[0].name]


MARKING = """
import sys
from datetime import UTC, date, datetime
from churn_assets.app.contacts import Contacted, mark
from churn_assets.settings import Settings

while True:
    now = datetime.now(UTC)
    chosen = [Contacted(f"{number:016x}", f"C-{number:04d}", "at risk", True) for number in range(50)]
    told = mark(Settings(home=sys.argv[1]), "Ada", chosen, "declined", on=now.date(), scored_on=date(2025, 12, 31))
    print(len(told), flush=True)
"""


@pytest.mark.one_python(reason="a killed writer is the same for each Python")
def test_a_killed_page_leaves_whole_marks_and_the_next_one_goes_on(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    told = 0
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", MARKING, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        told += sum(int(process.stdout.readline()) for _ in range(2))
        process.kill()
        told += sum(map(int, process.stdout.read().split()))
        process.wait()
    found = marks(settings, datetime.now(UTC).date() - timedelta(days=1))
    assert told <= len(found) <= told + 100, "of each killed act all marks or none were written"
    assert len(found) % 50 == 0
    marked_now(settings, 1, now=datetime.now(UTC))
    assert len(marks(settings, TODAY)) == len(found) + 1
    assert verify(settings).damage == [], "the audit goes on, too"
