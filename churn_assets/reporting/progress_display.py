"""Progress displays: one moving line in a terminal, lines of plain text in a file or a CI log."""

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column

from churn_assets import progress

HEARTBEAT_SECONDS = 10.0
REFRESH_SECONDS = 0.5
SHOWN_FROM_SECONDS = 3.0  # of a running step; nobody can read the seconds of a shorter one
REST_FROM_SECONDS = 5.0  # a shorter rest is not worth telling

# Returns the weight of a step (its usual time against other steps); 0 for one that tells nothing about the others.
Weigh = Callable[[str], float]


class Display:
    """The steps of one piece of work. `begin` and `end` report steps; `progress.note` reports what the step does.

    A context manager for one thread; notes may come from any thread. Steps that still run at its exit count as ended,
    unless an error ended it. This class shows nothing; see `display_on`.

    Args:
        name: name of the work, such as `ingest`.
        total: number of steps.
        weigh: weight of each step, and `weights` their sum, if the rest of the time is to be told.
    """

    def __init__(self, name: str, total: int, weigh: Weigh | None = None, weights: float = 0.0) -> None:
        self.name, self.total, self.done = name, total, 0
        self._weigh, self._weights_left = weigh, weights
        self._weighed, self._weighed_seconds = 0.0, 0.0
        self.started = time.monotonic()
        self._since = time.time()
        self._running: dict[str, float] = {}
        self._note, self._note_at = "", 0.0
        self._tasks = ""
        self._closed = threading.Event()
        self._refresher = threading.Thread(target=self._keep_fresh, name=f"display {name}", daemon=True)
        self._listener = _Listener(self)

    def __enter__(self) -> Self:
        progress.log.addHandler(self._listener)
        progress.log.setLevel(logging.INFO)
        self._refresher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._refresher.join()
        if kind is None:
            self._end_all()
        progress.log.removeHandler(self._listener)
        self._close(ok=kind is None)

    def begin(self, step: str, at: float | None = None) -> None:
        """Records that a step has started, now or at `at` (seconds since the epoch)."""
        at = time.time() if at is None else at
        self._running = {**self._running, step: at}
        self._forget_note_before(at)

    def end(self, step: str, at: float | None = None) -> None:
        """Records that a step has ended or failed, now or at `at` (seconds since the epoch)."""
        at = time.time() if at is None else at
        since = self._running.get(step, at)
        self._running = {name: began for name, began in self._running.items() if name != step}
        self._since = at
        self.done += 1
        self._learn(step, at - since)
        self._forget_note_before(at)
        self._finished(step, at - since)

    def _learn(self, step: str, seconds: float) -> None:
        weight = self._weigh(step) if self._weigh else 0.0
        if weight:
            self._weights_left -= weight
            self._weighed, self._weighed_seconds = self._weighed + weight, self._weighed_seconds + seconds

    def rest(self) -> float | None:
        """Seconds that are probably left, by the steps that have ended; None while no step with a weight has."""
        if not self._weighed:
            return None
        under_way = sum(
            time.time() - since for step, since in self._running.items() if self._weigh and self._weigh(step)
        )
        return max(0.0, self._weighed_seconds / self._weighed * self._weights_left - under_way)

    def rest_in_words(self) -> str:
        """`, about 40 s left`, or nothing."""
        rest = self.rest()
        if rest is None or rest < REST_FROM_SECONDS:
            return ""
        if rest < 90:
            return f", about {5 * round(rest / 5)} s left"
        return f", about {round(rest / 60)} min left"

    def go_on(self, step: str) -> None:
        """Ends the running steps, if any, and begins this one."""
        self._end_all()
        self.begin(step)

    def _end_all(self) -> None:
        for step in tuple(self._running):
            self.end(step)

    def reach(self, done: int, words: str) -> None:
        """Sets the number of steps that are done and the newest note, for steps too short to report one by one."""
        self.done = done
        self.hear(words)

    def hear(self, words: str) -> None:
        """Sets the note: what the running step does now."""
        self._note, self._note_at = words, time.time()
        if not self._running:
            self._since = self._note_at

    def count(self, tasks: str) -> None:
        """Sets the progress of the engine, such as `3 of 8 tasks`; empty while it does nothing."""
        self._tasks = tasks

    def _forget_note_before(self, at: float) -> None:
        # steps are reported late, so the note may already belong to the step that has just begun
        if self._note_at < at:
            self._note = ""

    def doing(self) -> str:
        """The running steps with their seconds, or the state between steps, and the newest note."""
        now = time.time()
        note = self._note
        if not self._running:
            return _with_seconds(note or ("going on" if self.done else "starting"), now - self._since)
        steps = ", ".join(_with_seconds(step, now - since) for step, since in self._running.items())
        for step in self._running:
            note = note.removesuffix(f" {step}")  # the step is shown already
        told = ": ".join(part for part in (steps, note) if part)
        return f"{told} ({self._tasks})" if self._tasks else told

    def _keep_fresh(self) -> None:
        while not self._closed.wait(REFRESH_SECONDS):
            self._refresh()

    def _refresh(self) -> None:
        """Called twice a second, in its own thread."""

    def _finished(self, step: str, seconds: float) -> None:
        """Called when a step has ended, with its seconds."""

    def _close(self, ok: bool) -> None:
        """Called at exit; `ok` is False if an error ended the work."""


def _with_seconds(step: str, seconds: float) -> str:
    return f"{step} {seconds:.0f} s" if seconds >= SHOWN_FROM_SECONDS else step


class _Listener(logging.Handler):
    """Passes the messages of `progress.note` to a display."""

    def __init__(self, display: Display) -> None:
        super().__init__()
        self._display = display

    def emit(self, record: logging.LogRecord) -> None:
        self._display.hear(record.getMessage())


class _Moving(Display):
    """One moving line in a terminal, by rich; the line stays when the work is done."""

    def __init__(
        self, console: Console, name: str, total: int, weigh: Weigh | None = None, weights: float = 0.0
    ) -> None:
        super().__init__(name, total, weigh, weights)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("[bold]{task.fields[job]:<9}"),
            BarColumn(bar_width=12),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
            console=console,
            expand=True,
        )
        self._task = self._progress.add_task("starting", total=total, job=name)

    def __enter__(self) -> Self:
        self._progress.start()
        return super().__enter__()

    def _refresh(self) -> None:
        self._progress.update(
            self._task, completed=self.done, description=escape(self.doing() + self.rest_in_words())
        )

    def _close(self, ok: bool) -> None:
        self._progress.update(self._task, completed=self.done, description="" if ok else "[red]failed")
        self._progress.stop()


class _Lines(Display):
    """A line per finished step, and one after ten seconds without a line; no control characters."""

    def __init__(
        self, console: Console, name: str, total: int, weigh: Weigh | None = None, weights: float = 0.0
    ) -> None:
        super().__init__(name, total, weigh, weights)
        self._console = console
        self._printed_at = self.started

    def _print(self, words: str) -> None:
        self._printed_at = time.monotonic()
        self._console.print(f"{self.name} {self.done}/{self.total} {words}", markup=False, soft_wrap=True)

    def _refresh(self) -> None:
        if time.monotonic() - self._printed_at >= HEARTBEAT_SECONDS:
            self._print(f"... {self.doing()}{self.rest_in_words()}")

    def _finished(self, step: str, seconds: float) -> None:
        self._print(f"{step}, {seconds:.1f} s{self.rest_in_words()}")

    def _close(self, ok: bool) -> None:
        self._print(f"{'done' if ok else 'failed'} after {time.monotonic() - self.started:.0f} s")


def display_on(
    console: Console | None, name: str, total: int, weigh: Weigh | None = None, weights: float = 0.0
) -> Display:
    """The display for this console; for None, one that shows nothing. Arguments as in `Display`."""
    if console is None:
        return Display(name, total, weigh, weights)
    return (_Moving if console.is_interactive else _Lines)(console, name, total, weigh, weights)
