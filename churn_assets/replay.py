"""`churn-assets replay`: the months of a simulated world one by one, as time would bring them, and what the loop did.

The same jobs and the same decisions as in operation; only the clock is ours: a month is over when the next is taken.
Afterwards three curves over the cohorts: the realised AUC of who was in charge, of the first model had nobody ever
retrained, and of the true hazard.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.definitions import tracking_of
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.models.assets import DEGRADATION, REQUESTED_BY
from churn_assets.models.champions import champion_at
from churn_assets.models.decisions import decided
from churn_assets.models.sample import mature_cohorts
from churn_assets.models.split import NotEnoughHistory, temporal_split
from churn_assets.monitoring.sensors import degradation_decision, new_data_decision
from churn_assets.months import add_months, month_end, month_range
from churn_assets.runs import dagster_instance, run_job
from churn_assets.settings import SHIPPED_BUSINESSES, Settings
from churn_assets.simulation import simulate

if TYPE_CHECKING:
    from dagster import DagsterInstance

START = "2024-01"


class ReplayError(ValueError):
    """The replay cannot start; the message says why and what to change."""


@dataclass(frozen=True)
class Training:
    """A training that happened: when, what called for it, and who was in charge afterwards."""

    month: str
    called_by: str
    champion: str


@dataclass(frozen=True)
class Cohort:
    """A matured cohort with its churners; each AUC is None where it cannot be judged."""

    as_of_date: date
    positives: int
    in_charge: str
    auc: float | None
    auc_of_first: float | None
    auc_of_hazard: float | None


@dataclass
class Replay:
    """What happened."""

    drift_from: str | None
    trainings: list[Training] = field(default_factory=list)
    cohorts: list[Cohort] = field(default_factory=list)


def prepare(settings: Settings, months: int) -> Settings:
    """Settings of an own home below CHURN_HOME, with the telecom business over so many months from START.

    Raises:
        ReplayError: a replay of earlier lies there, or the months are too few for a first training.
    """
    home = settings.home_path / "replay"
    if home.exists():
        raise ReplayError(f"{home} holds an earlier replay; remove it first.")
    folder = home / "telecom"
    shutil.copytree(SHIPPED_BUSINESSES / "telecom", folder)
    file = folder / "churn.yaml"
    content = yaml.safe_load(file.read_text())
    content["calendar"] = {"start": START, "end": add_months(START, months - 1)}
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    first_training = content["windows"]["observation_months"] + 6
    if months < first_training + 3:
        raise ReplayError(
            f"{months} months leave nothing to watch: the first training comes after about {first_training}. "
            f"Ask for at least {first_training + 3}."
        )
    return Settings(home=str(home), business=str(folder), jars=settings.jars)


def replay(
    settings: Settings, customers: int, months: int, drift_from: str | None, seed: int, console: Console
) -> Replay:
    """Simulates the world, lives through it month by month, and tells what the loop did.

    Raises:
        ReplayError: see `prepare`.
        RunError: a job failed.
    """
    own = prepare(settings, months)
    business = load_business(own.business_path)
    simulate(
        own, business, customers=customers, months=months, seed=seed, console=console, drift_from=drift_from
    )
    told = Replay(drift_from)
    every = month_range(START, add_months(START, months - 1))
    with dagster_instance(own) as instance, _progress(console, every) as advance:
        for month in every:
            _live(own, business, instance, month, told, advance)
    told.cohorts = _cohorts(own, business)
    return told


@contextmanager
def _progress(console: Console, every: Sequence[str]) -> "Iterator[Progress]":
    columns = (
        TextColumn("[bold]replay {task.fields[month]}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console) as progress:
        progress.add_task("", total=len(every), month=every[0])
        yield progress


def _live(
    settings: Settings,
    business: Business,
    instance: "DagsterInstance",
    month: str,
    told: Replay,
    progress: Progress,
) -> None:
    """One month: what arrived, what it says about customers, what has matured, and what follows for the model."""
    [task] = progress.task_ids

    def job(name: str, months: Sequence[str], called_by: str | None = None) -> None:
        progress.update(task, month=month, description=name)
        tags = {} if called_by is None else {REQUESTED_BY: called_by}
        run_job(instance, settings, name, months, None, tags)

    lakehouse = Lakehouse(settings)
    job("ingest", [month])
    first_snapshot = add_months(business.file.calendar.start, business.file.windows.observation_months - 1)
    if month >= first_snapshot:
        recent = month_range(max(first_snapshot, add_months(month, -2)), month)
        job("snapshot", recent)
        if lakehouse.exists(tables.CHAMPIONS):
            job("score", [month])
            job("monitor", recent)
        called_by = _called_by(lakehouse, business, month)
        if called_by:
            job("train", [month], called_by)
            told.trainings.append(Training(month, called_by, decided(lakehouse)[-1].model_version))
            job("score", [month])
    progress.advance(task)


def _called_by(lakehouse: Lakehouse, business: Business, month: str) -> str | None:
    """What calls for a training as of this month, as the sensors would find it; None if nothing does."""
    if not lakehouse.exists(tables.CHAMPIONS):
        windows = business.file.windows
        days = mature_cohorts(lakehouse, month_end(month))
        try:
            split = temporal_split(days, windows.gap_days, windows.outcome_days, 1)
        except NotEnoughHistory:
            return None
        return None if split.held_out else "first model"
    if degradation_decision(lakehouse, business, month)[0].retrain:
        return DEGRADATION
    return "new data" if new_data_decision(lakehouse, business)[0].retrain else None


def _cohorts(settings: Settings, business: Business) -> list[Cohort]:
    """Every matured cohort since the first champion, judged three ways on the same customers."""
    import pandas as pd

    from churn_assets.models.evaluation import OK, evaluate

    lakehouse, tracking = Lakehouse(settings), tracking_of(settings, business)
    line = decided(lakehouse)
    if not line:
        return []
    first = tracking.load_version(line[0].model_version)
    keys = lakehouse.arrow(tables.CUSTOMER_KEYS).to_pandas()
    truth = pd.read_parquet(settings.home_path / "truth" / "hazard.parquet")
    truth["as_of_date"] = pd.to_datetime(truth["as_of_date"])
    found = []
    for row in lakehouse.arrow(tables.MODEL_PERFORMANCE).sort_by("as_of_date").to_pylist():
        day, champion = row["as_of_date"], champion_at(line, row["as_of_date"])
        if row["positives"] is None or champion is None or row["model_version"] != champion.model_version:
            continue
        chosen: list[tuple[str, str, object]] = [("as_of_date", "=", day)]
        labels = lakehouse.arrow(tables.CHURN_LABELS, ["customer_key", "label"], chosen).to_pandas().dropna()
        frame = labels.merge(
            lakehouse.arrow(tables.CUSTOMER_SNAPSHOTS, None, chosen).to_pandas(), on="customer_key"
        )
        frame = frame.merge(keys, on="customer_key").merge(
            truth[truth["as_of_date"] == pd.Timestamp(day)][["customer_id", "churn_probability"]],
            on="customer_id",
        )
        raw = first.score(frame)["raw"]
        by = {"first": raw, "hazard": frame["churn_probability"]}
        judged = {
            name: evaluate(frame["label"], score, frame["churn_probability"], frame["customer_key"])
            for name, score in by.items()
        }
        auc = {name: metrics.auc if metrics.status == OK else None for name, metrics in judged.items()}
        found.append(
            Cohort(day, row["positives"], champion.model_version, row["auc"], auc["first"], auc["hazard"])
        )
    return found


def tell(told: Replay, picture: Path, console: Console) -> None:
    """The table of cohorts and trainings, and where the picture lies."""
    grid = Table("cohort", "churners", "in charge", "AUC", "never retrained", "true hazard", "event")
    trainings = {month_end(t.month): t for t in told.trainings}
    days = sorted({c.as_of_date for c in told.cohorts} | set(trainings))
    cohorts = {c.as_of_date: c for c in told.cohorts}
    for day in days:
        cohort, training = cohorts.get(day), trainings.get(day)
        event = f"training ({training.called_by}): version {training.champion} in charge" if training else ""
        if told.drift_from and day == month_end(told.drift_from):
            event = f"the world changes; {event}".rstrip("; ")
        values = [cohort.auc, cohort.auc_of_first, cohort.auc_of_hazard] if cohort else [None] * 3
        grid.add_row(
            str(day),
            str(cohort.positives) if cohort else "",
            cohort.in_charge if cohort else "",
            *("" if value is None else f"{value:.3f}" for value in values),
            event,
        )
    console.print(grid)
    _draw(told, picture)
    console.print(f"Picture: {picture}")


def _draw(told: Replay, picture: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    days = [c.as_of_date for c in told.cohorts]
    for name, values, style in (
        ("true hazard", [c.auc_of_hazard for c in told.cohorts], {"color": "0.6", "linestyle": "--"}),
        ("never retrained", [c.auc_of_first for c in told.cohorts], {"color": "tab:red"}),
        ("in charge", [c.auc for c in told.cohorts], {"color": "tab:blue", "marker": "o"}),
    ):
        points = [float("nan") if value is None else value for value in values]
        axes.plot(days, points, label=name, **style)  # type: ignore[arg-type]
    for training in told.trainings:
        axes.axvline(month_end(training.month), color="tab:green", alpha=0.4)  # type: ignore[arg-type]
        axes.annotate(training.called_by, (month_end(training.month), axes.get_ylim()[0]), rotation=90)  # type: ignore[arg-type]
    if told.drift_from:
        changed = month_end(told.drift_from)
        axes.axvline(changed, color="black", linestyle=":", label="the world changes")  # type: ignore[arg-type]
    axes.set_ylabel("ROC-AUC of the matured cohort")
    axes.legend()
    figure.savefig(picture, dpi=120)
