"""Progress: a word changes at least every ten seconds, in a terminal and in a log; a log holds plain lines only."""

import io
import re
import threading
import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from rich.console import Console

from churn_assets.progress import log, note
from churn_assets.reporting import progress_display
from churn_assets.reporting.progress_display import Display, display_on


def _until(found: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not found():
        assert time.monotonic() < deadline, "did not happen in 20 s"
        time.sleep(0.01)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds take a twentieth."""
    monkeypatch.setattr(progress_display, "HEARTBEAT_SECONDS", 0.5)
    monkeypatch.setattr(progress_display, "REFRESH_SECONDS", 0.02)
    monkeypatch.setattr(progress_display, "SHOWN_FROM_SECONDS", 0.0)


def test_a_log_gets_a_line_per_step_and_a_heartbeat_that_says_what_runs(quick: None) -> None:
    out = io.StringIO()
    with display_on(Console(file=out, width=40), "ingest", 2) as shown:
        shown.begin("silver/[red]usage")
        note("computing silver/[red]usage")
        beat = re.escape("ingest 0/2 ... silver/[red]usage ") + r"\d s: computing\n"
        _until(lambda: re.search(beat, out.getvalue()) is not None)
        shown.end("silver/[red]usage")
        shown.go_on("gold/customers")
    lines = out.getvalue().splitlines()
    assert re.fullmatch(r"ingest 1/2 silver/\[red\]usage, \d\.\d s", lines[-3])
    assert re.fullmatch(r"ingest 2/2 gold/customers, \d\.\d s", lines[-2])
    assert re.fullmatch(r"ingest 2/2 done after \d s", lines[-1])
    assert "\x1b" not in out.getvalue() and "\r" not in out.getvalue()


def test_a_log_is_never_silent_for_longer_than_a_heartbeat(quick: None) -> None:
    out, written = io.StringIO(), [time.monotonic()]

    class Watched(io.StringIO):
        def write(self, text: str) -> int:
            written.append(time.monotonic())
            return out.write(text)

    with display_on(Console(file=Watched()), "ingest", 1) as shown:
        shown.begin("a long step")
        _until(lambda: out.getvalue().count("a long step") >= 4)
    gaps = [later - earlier for earlier, later in pairwise(written)]
    assert max(gaps) < 10  # half a second, and what a busy machine takes


def test_a_terminal_shows_the_step_its_seconds_and_its_note(quick: None) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, force_interactive=True, width=100)
    with display_on(console, "train", 1) as shown:
        shown.begin("models/[red]churn_model")
        note("fitting histogram_boosting, 3 of 5")
        seen = re.escape("models/[red]churn_model ") + r"\d s: fitting histogram_boosting, 3 of 5"
        _until(lambda: re.search(seen, out.getvalue()) is not None)
        shown.end("models/[red]churn_model")
    assert "1/1" in out.getvalue()


def test_a_long_note_is_cut_and_leaves_the_rest_of_the_line_as_it_is(quick: None) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, force_interactive=True, width=100)
    with display_on(console, "train", 1) as shown:
        shown.begin("models/churn_model")
        note("words " * 40)
        _until(lambda: "…" in out.getvalue())
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())
    shown_line = next(line for line in re.split(r"[\r\n]", plain) if "…" in line)
    assert "━━━━━━━━━━━━ 0/1 0:00:0" in shown_line and len(shown_line) <= 100


def test_what_failed_is_shown_as_failed() -> None:
    out = io.StringIO()
    with pytest.raises(ZeroDivisionError), display_on(Console(file=out), "score", 2) as shown:
        shown.begin("scores")
        raise ZeroDivisionError
    assert out.getvalue() == "score 0/2 failed after 0 s\n"


def test_a_note_belongs_to_the_step_that_wrote_it_also_when_steps_are_told_late() -> None:
    """Steps are read from Dagster's events, up to half a second after they began."""
    shown = Display("ingest", 2)
    shown.begin("first", at=time.time() - 5)
    shown.hear("of the first")
    shown.end("first", at=time.time())
    assert shown.doing() == "going on"
    shown.hear("computing")
    shown.begin("second", at=time.time() - 1)
    assert shown.doing() == "second: computing"


def test_notes_of_other_threads_are_heard_while_somebody_watches_and_by_nobody_else() -> None:
    before = list(log.handlers)
    with display_on(None, "train", 1) as shown:
        shown.begin("models/churn_model")
        thread = threading.Thread(target=note, args=("fitting",))
        thread.start()
        thread.join()
        assert shown.doing() == "models/churn_model: fitting"
    note("unheard")
    assert shown.doing() == "going on" and log.handlers == before and not log.propagate


def test_short_steps_are_told_by_the_newest_of_them(quick: None) -> None:
    out = io.StringIO()
    with display_on(Console(file=out, width=40), "simulate", 18) as shown:
        assert shown.doing() == "starting 0 s"
        shown.reach(3, "telecom 2025-03")
        _until(lambda: re.search(r"simulate 3/18 \.\.\. telecom 2025-03 \d s", out.getvalue()) is not None)
    assert "simulate 3/18 done after" in out.getvalue()


def test_the_tasks_of_the_engine_stand_behind_the_note() -> None:
    shown = Display("ingest", 1)
    shown.begin("silver/usage")
    shown.hear("computing silver/usage")
    shown.count("3 of 8 tasks")
    assert shown.doing() == "silver/usage: computing (3 of 8 tasks)"
    shown.count("")
    shown.hear("publishing silver/quarantine")
    assert shown.doing() == "silver/usage: publishing silver/quarantine"


def test_the_rest_of_the_time_is_told_from_the_steps_that_have_ended() -> None:
    shown = Display("study", 5, lambda step: {"fold": 1.0, "final": 0.5}.get(step, 0.0), weights=4.5)
    assert shown.rest_in_words() == ""
    shown.begin("reading", at=0.0)
    shown.end("reading", at=100.0)
    assert shown.rest() is None, "reading tells nothing about the folds"
    for at in (0.0, 20.0):
        shown.begin("fold", at=at)
        shown.end("fold", at=at + 20.0)
    assert shown.rest() == pytest.approx(50.0)
    assert shown.rest_in_words() == ", about 50 s left"
    shown.begin("fold", at=time.time() - 15)
    assert shown.rest() == pytest.approx(35.0, abs=1)
    assert shown.rest_in_words() == ", about 35 s left"


def test_a_long_rest_is_told_in_minutes_and_a_short_one_not_at_all() -> None:
    for seconds, words in ((2.0, ""), (200.0, ", about 3 min left")):
        shown = Display("study", 2, lambda step: 1.0, weights=2.0)
        shown.begin("a", at=0.0)
        shown.end("a", at=seconds)
        assert shown.rest_in_words() == words
