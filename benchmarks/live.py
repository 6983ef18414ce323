"""`python -m benchmarks.live FOLDER`: events at constant rates, from each event to the end of the step that scored it.

The home is that of CHURN_HOME, on the day after the newest of its mornings, which its calendar must have. It can be
measured again: the events are removed at the end. Tickets and invoices of random customers come into the landing zone
as one file a second and source, as topics land them. An event happens at any moment of its second, so half a second on
average passes before its file is there.
"""

import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path

import numpy as np
import psutil

from churn_assets.contracts.loader import load_business
from churn_assets.definitions import tracking_of
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.engine.profiles import for_few_rows
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.live.figures import LiveFigures
from churn_assets.live.following import Follower, LiveStep
from churn_assets.settings import Settings

RATES, SECONDS = (200, 1_000), 60
STEPS, EVENTS = 6, 200  # one after the other, before the rates: what a step costs
PATIENCE = 120.0  # seconds after the last event
PROMISED = {
    "start": "at most 30 s",
    200: "p95 at most 5 s",
    1_000: "no growing lag",
    "memory": "at most 1.5 GiB",
}
SEED = 5


@dataclass
class Run:
    """What one rate gave.

    Attributes:
        rate: events a second.
        files: name -> the moment at which its second began, and number of events.
        done: name -> the moment at which the step that took it ended.
        drained: seconds from the last event until everything was scored.
        cpu: seconds of all processes.
    """

    rate: int
    files: dict[str, tuple[float, int]] = field(default_factory=dict)
    done: dict[str, float] = field(default_factory=dict)
    drained: float = 0.0
    cpu: float = 0.0

    def told(self) -> str:
        """The figures, for the table."""
        of_files = [self._of(name) for name in sorted(self.files, key=lambda n: self.files[n][0])]
        every = np.concatenate(of_files)
        middle, high, most = np.quantile(every, [0.5, 0.95, 1.0])
        quarter = len(of_files) // 4
        early, late = (
            np.concatenate(part).mean() for part in (of_files[quarter : 2 * quarter], of_files[-quarter:])
        )
        missing = len(self.files) - len(self.done)
        return (
            f"event to the end of its step: p50 {middle:.1f} s, p95 {high:.1f} s, at most {most:.1f} s; the last "
            f"quarter {late - early:+.1f} s against the second; {self.drained:.1f} s to the end after the last event; "
            f"{self.cpu / SECONDS:.2f} s of CPU a second"
            + (f"; {missing} FILES WERE NOT SCORED" if missing else "")
        )

    def _of(self, name: str) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        begin, count = self.files[name]
        end = self.done.get(name, np.inf)
        return end - begin - (np.arange(count) + 0.5) / count


class Sender(threading.Thread):
    """Lands events at each rate in turn, and sets `stop` when all were scored."""

    def __init__(
        self, landing: Path, day: date, customers: Sequence[str], runs: Sequence[Run], stop: threading.Event
    ) -> None:
        super().__init__(name="sender", daemon=True)
        self._landing, self._day, self._customers = landing, day, customers
        self._runs, self._ended = runs, stop
        self._random, self._number = np.random.default_rng(SEED), 0
        self._call = f"{time.time():.0f}"  # a file of an earlier call has another name
        self._sent = list[Path]()

    def run(self) -> None:
        """Sends."""
        try:
            for run in self._runs:
                self._send(run)
        finally:
            self._ended.set()

    def _send(self, run: Run) -> None:
        begin, cpu = time.time(), cpu_seconds()
        for second in range(SECONDS):
            time.sleep(max(0.0, begin + second + 1 - time.time()))
            for source in ("tickets", "invoices"):
                name = self.name(source, f"{run.rate}-{second:04}")
                run.files[name] = begin + second, run.rate // 2
                self.land(source, name, run.rate // 2)
        sent = time.time()
        while run.done.keys() != run.files.keys() and time.time() - sent < PATIENCE:
            time.sleep(0.1)
        run.drained, run.cpu = time.time() - sent, cpu_seconds() - cpu

    def name(self, source: str, named: str) -> str:
        """Name of a file below the landing zone."""
        return f"{source}/extract_date={self._day}/{self._call}-{named}.jsonl"

    def land(self, source: str, name: str, events: int) -> None:
        """Lands a file with so many events."""
        make = self._ticket if source == "tickets" else self._invoice
        file = self._landing / name
        file.parent.mkdir(parents=True, exist_ok=True)
        hidden = file.with_name(f".{file.name}")
        hidden.write_text("".join(json.dumps(make()) + "\n" for _ in range(events)))
        self._sent.append(file)
        hidden.rename(file)

    def remove(self) -> None:
        """Removes what was landed, so that the home is as before."""
        for file in self._sent:
            file.unlink(missing_ok=True)

    def _who(self) -> str:
        self._number += 1
        return self._customers[self._random.integers(len(self._customers))]

    def _ticket(self) -> dict[str, object]:
        who = self._who()
        return {
            "ticket_id": f"TB{self._number:09}",
            "customer_id": who,
            "opened_at": f"{self._day}T08:00:00Z",
            "issue": {"category": "network", "priority": 2},
            "channel": "email",
        }

    def _invoice(self) -> dict[str, object]:
        who = self._who()
        return {
            "invoice_id": f"IB{self._number:09}",
            "customer_id": who,
            "issued_on": str(self._day),
            "due_on": str(self._day + timedelta(days=14)),
            "amount": 27.1,
            "payment": {"status": "failed", "method": "transfer"},
            "lines": [{"item": "plan", "amount": 27.1}],
        }


def cpu_seconds() -> float:
    """CPU seconds of this process and those it has started, also of those that have ended."""
    own = psutil.Process()
    children = sum(sum(one.cpu_times()[:2]) for one in own.children(recursive=True))
    return float(sum(own.cpu_times()[:4]) + children)


def follow(folder: Path, settings: Settings, note: Callable[[str, str], None]) -> None:
    """Follows the events of all rates, and notes the figures."""
    begin = time.monotonic()
    business, lakehouse = load_business(settings.business_path), Lakehouse(for_few_rows(settings))
    day = max(lakehouse.slices(tables.CURRENT_SNAPSHOT, "as_of_date")) + timedelta(days=1)
    noon = datetime.combine(day, clock_time(12), UTC)
    customers = lakehouse.arrow(tables.CUSTOMER_KEYS)["customer_id"].to_pylist()
    follower = Follower(lakehouse, business, tracking_of(settings, business), LiveFigures(), lambda: noon)
    scorer = follower.scorer
    started, runs, stop = time.monotonic() - begin, [Run(rate) for rate in RATES], threading.Event()
    note(
        "live: start, after Python",
        f"{started:.1f} s for {len(scorer.state.customers):,} customers; {PROMISED['start']}",
    )
    alerts = 0

    def tell(step: LiveStep) -> None:
        nonlocal alerts
        alerts += len(step.alerts)
        for run in runs:
            mine = {file.name for file in step.arrived.files} & run.files.keys()
            run.done |= dict.fromkeys(mine, step.at.timestamp())

    sender = Sender(Path(settings.landing_uri), day, customers, runs, stop)
    try:
        note(f"live: a step of {EVENTS} events", _steps(follower, sender))
        sender.start()
        follower.run(stop, tell)
        sender.join()
    finally:
        sender.remove()
    for run in runs:
        note(f"live: {run.rate:,} events a second for {SECONDS} s", f"{run.told()}; {PROMISED[run.rate]}")
    note("live: alerts", f"{alerts:,}")


def _steps(follower: Follower, sender: Sender) -> str:
    """What steps cost, one after the other."""
    cpu, touched = list[float](), list[int]()
    for number in range(STEPS):
        for source in ("tickets", "invoices"):
            sender.land(source, sender.name(source, f"step-{number}"), EVENTS // 2)
        before = cpu_seconds()
        step = follower.step()
        cpu.append(cpu_seconds() - before)
        touched.append(len(step.scores) if step is not None else 0)
    return (
        f"{cpu[0]:.1f} s of CPU for the first, then {min(cpu[1:]):.1f} to {max(cpu[1:]):.1f} s; {min(touched)} to "
        f"{max(touched)} customers scored"
    )


def main() -> None:
    """Writes the figures into live.json in the folder."""
    folder, found = Path(sys.argv[1]), list[dict[str, str]]()
    folder.mkdir(exist_ok=True)
    follow(folder, Settings(), lambda figure, remark: found.append({"figure": figure, "remark": remark}))
    (folder / "live.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
