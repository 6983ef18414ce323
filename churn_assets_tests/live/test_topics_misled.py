"""What misleads who follows a topic: messages that are gone, and an extract around midnight."""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.live import topics
from churn_assets.live.figures import LiveFigures
from churn_assets.live.topics import TopicThread
from churn_assets.operations.incidents.store import incidents
from churn_assets.sources.live.documents import DocumentDraft
from churn_assets.sources.live.extract import Extract
from churn_assets.sources.live.records import Record
from churn_assets.sources.topics.reader import TopicExtract
from churn_assets_tests.lakes import settings_for
from churn_assets_tests.sources.topics.events import topic_contract

MIDNIGHT = datetime(2026, 3, 10, tzinfo=UTC)


class Reader:
    """Always has a message, and lands it nowhere."""

    waiting = 1
    made: list["Reader"]
    landing_hook: Any = staticmethod(lambda: None)
    poll_hook: Any = staticmethod(lambda: None)

    def __init__(self, _source: object, landing: str, *_: object) -> None:
        self.landing, self.landed = Path(landing), list[datetime]()
        self.made.append(self)

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def poll(self, seconds: float) -> None:
        """Waits for nothing."""
        self.poll_hook()

    def land(self, now: datetime) -> TopicExtract:
        """Tells that messages were lost."""
        self.landed.append(now)
        name = f"calls/extract_date={now.date()}/{len(self.landed)}.jsonl.gz"
        record = Record("a", now, 1, None, None, {}, lost={"0": 5, "1": 2})
        write_file(self.landing / name, record)
        self.landing_hook()
        return TopicExtract(Extract(name, 1, 0.0, record), 0, {0: 5, 1: 2})

    def lost_since(self, moment: datetime) -> Counter[int]:
        """What the files tell."""
        return Counter({0: 1} if any(self.landing.rglob("*.gz")) else {})


def write_file(file: Path, record: Record) -> None:
    """A file of a topic without a row."""
    drafted = DocumentDraft(str(file.parent / ".draft")).finish(record.to_json())
    Path(drafted).rename(file)


@pytest.fixture
def thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TopicThread:
    """A thread that was not started; its clock is after midnight once something has landed."""
    Reader.made, Reader.landing_hook, Reader.poll_hook = (
        [],
        staticmethod(lambda: None),
        staticmethod(lambda: None),
    )
    monkeypatch.setattr(topics, "TopicReader", Reader)
    monkeypatch.setattr(topics, "EVERY_SECONDS", 0.0)
    source = topic_contract(tmp_path, "127.0.0.1:1", "calls")

    def now() -> datetime:
        return MIDNIGHT + timedelta(seconds=1 if any(one.landed for one in Reader.made) else -1)

    return TopicThread(Lakehouse(settings_for(tmp_path)), source, now, LiveFigures(), threading.Event())


def test_messages_that_were_deleted_are_told(thread: TopicThread, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, int]] = []
    monkeypatch.setattr(topics, "event", lambda kind, *_, offsets, **__: told.append((kind, offsets)))
    Reader.landing_hook = staticmethod(thread._stopped.set)
    thread._read()
    assert told == [("live.lost", 7)]
    assert b'churn_live_offsets_lost_total{source="calls"} 7.0' in thread._figures.text()
    [incident] = incidents(thread._lakehouse)
    assert (incident.kind, incident.dedup_key, incident.state) == ("messages_lost", "topic:calls", "new")
    assert incident.note.startswith(
        "The topic had deleted 7 offsets before they were read. Have their events"
    )


def test_a_loss_that_a_killed_process_did_not_note_is_noted_by_the_next(
    thread: TopicThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reader, "waiting", 0)
    before = thread._now() - timedelta(hours=1)
    record = Record("a", before, 1, None, None, {}, lost={"0": 3})
    write_file(tmp_path / "landing" / "calls" / f"extract_date={before.date()}" / "1.jsonl.gz", record)
    Reader.poll_hook = staticmethod(thread._stopped.set)
    for _ in range(2):
        thread._stopped.clear()
        thread._read()
        [incident] = incidents(thread._lakehouse)
        assert (incident.kind, incident.events) == ("messages_lost", 1)
        assert incident.note.startswith("The topic had deleted 3 offsets")


def test_what_the_job_lands_before_midnight_is_seen_after_it(thread: TopicThread, tmp_path: Path) -> None:
    def by_the_job() -> None:
        folder = tmp_path / "landing" / "calls" / "extract_date=2026-03-09"
        (folder / "changes.jsonl.gz").write_bytes(b"")

    Reader.landing_hook = staticmethod(by_the_job)
    thread._read()  # ends, so that a new reader begins where the file of the job ends
    assert [one.landed for one in Reader.made] == [[MIDNIGHT - timedelta(seconds=1)]]
