"""`python -m benchmarks`: measures the cost of the pipeline and the quality of the model, and prints one table.

Parts: `demo` (and the model against the truth), `naive` (the same graph with a process and a default session per
step), `month` (one month more), `definitions` (loading the graph), `sensors` (a tick of the sensors on files and
events), `features` (against SQL for DuckDB), `study` (flat files, against untuned learners), `cdnow` (upper bound of
the ROC-AUC on CDNOW), `scoring` (a million snapshots), `training` (choosing a model), `candidates` (each kind of
model on one machine and on Spark), `days` (models by day of the month), `today` (scores of a day of the demo),
`mornings` (scores of each day of a month against those of the month end before, and what the rules of alerts find),
`campaigns` (our plans against others in worlds whose truth is known, and their measurement against it), `uplift`
(effects by customer in such worlds),
`ten` (ten times the customers), `log` (a record of the log), `loop` (retraining over many simulated worlds), `api` (the
HTTP service), `app` (the page of the retention team), `backup` (a first backup, that of the next night, a restore),
`live` (seconds from event to alert).
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex

import click
import yaml
from rich.console import Console
from rich.table import Table

from benchmarks.bench import Bench
from benchmarks.campaigns import FIGURES as FIGURES_OF_CAMPAIGNS
from benchmarks.campaigns import SEEDS as SEEDS_OF_CAMPAIGNS
from benchmarks.cdnow import CDNOW, within_the_test_cohort
from benchmarks.cost import Cost, churn_assets, measure
from benchmarks.days import JUDGED, MONTH_END
from benchmarks.demo_parts import demo_parts
from benchmarks.live import PROMISED as PROMISED_OF_LIVE
from benchmarks.log import PROMISED as PROMISED_OF_A_RECORD
from benchmarks.log import microseconds
from benchmarks.loop import worlds
from benchmarks.opponents import install
from benchmarks.public_files import FILES
from benchmarks.quality import quality
from benchmarks.study import PROMISED, SECONDS, TELCO, compare, study_of_telco
from benchmarks.uplift import FIGURES as FIGURES_OF_UPLIFT
from benchmarks.uplift import SEEDS as SEEDS_OF_UPLIFT
from churn_assets.graph.partitions import range_tags
from churn_assets.replay.world import business_between
from churn_assets.settings import Settings

FIRST, LAST, MORE = "2025-01", "2026-06", "2026-07"
FIRST_SNAPSHOT = "2025-06"
LANDED = 10_000
SCORED = 1_000_000
LEARNED = 200_000
PROMISED_OF_A_DAY = "at most 12 CPU s are wanted"
PROMISED_OF_A_BACKUP = {"first": "at most 20 s", "next": "at most 6 s", "restore": "at most 60 s"}
WORLDS_OF_DAYS = 7, 11
MONTHS_OF_LIVE = 12  # of which trainings need six before the first cohort
PAGE_CUSTOMERS = 50_000, 1_000_000


def demo(bench: Bench) -> None:
    """Measures the demo and its parts, and its model against the truth."""
    whole = bench.demo()
    for part in demo_parts(bench.home("demo"), whole.samples):
        bench.note(f"of it {part.name}", None, f"{part.wall:.1f} s wall, {part.cpu:.1f} s CPU")
    bench.note("ROC-AUC on the last mature cohort", None, str(quality(Settings(home=bench.home("demo")))))


def naive(bench: Bench) -> None:
    """Measures the jobs of the demo on the same extracts, with a process and a Spark session per step."""
    ours = bench.demo()
    home = bench.home("naive")
    shutil.copytree(Path(bench.home("demo")) / "landing", Path(home) / "landing")
    dagster_home = Path(home) / "dagster"
    dagster_home.mkdir()
    total = Cost(0, 0, 0)
    dagster = str(Path(sys.executable).with_name("dagster"))
    for job, first, last in (
        ("ingest", FIRST, LAST),
        ("snapshot", FIRST_SNAPSHOT, LAST),
        ("train", LAST, LAST),
        ("score", FIRST_SNAPSHOT, LAST),
    ):
        tags = json.dumps(range_tags([first, last]))
        command = [dagster, "job", "execute", "-m", "benchmarks.naive", "-j", job, "--tags", tags]
        variables = {"CHURN_HOME": home, "DAGSTER_HOME": str(dagster_home), "CHURN_ENGINE": "spark"}
        cost = measure(*command, **variables)
        bench.console.print(f"  naive {job}: {cost.wall:.0f} s wall, {cost.cpu:.0f} s CPU")
        total += cost
    bench.note(
        "the same jobs, naive graph", total, f"{total.wall / ours.wall:.1f} x the wall time of the demo"
    )


def month(bench: Bench) -> None:
    """Measures ingest, snapshots and scores of a 19th month in the lake of the demo."""
    whole = bench.demo()
    longer = bench.folder / "longer"
    home, env = Path(bench.home("demo")), {"CHURN_BUSINESS": str(business_between(longer, FIRST, MORE))}
    shutil.rmtree(home / "landing")
    env["CHURN_HOME"] = str(home)
    churn_assets("simulate", "--customers", str(bench.customers), "--months", "19", **env)
    cost = churn_assets("run", "ingest", "snapshot", "score", "--from", MORE, **env)
    bench.note("one month more", cost, f"{cost.cpu / whole.cpu:.0%} of the CPU of the demo")


def definitions(bench: Bench) -> None:
    """Measures the loading of the definitions, as a code server does it."""
    code = "from churn_assets.definitions import defs; defs()"
    cost = measure(sys.executable, "-c", code, CHURN_HOME=bench.home("none"))
    bench.note("loading the definitions", cost, "no JVM")


def sensors(bench: Bench) -> None:
    """Measures ticks of the sensors on files and events, in a process that has loaded the definitions."""
    home = bench.home("sensors")
    command = [sys.executable, "-m", "benchmarks.ticks", home, str(LANDED)]
    env = os.environ | {"CHURN_HOME": home}
    subprocess.run(command, env=env, check=True)  # delivers
    told = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE)
    for tick, cpu, added in json.loads(told.stdout):
        bench.note(tick, None, f"{cpu:.2f} s CPU, {max(added, 0):.0f} MiB, over {LANDED:,} files")


def study(bench: Bench) -> None:
    """Measures the study of IBM Telco, if its file is present, and of public files against untuned learners."""
    if TELCO.is_file():
        cost, figures = study_of_telco(bench.home("study"))
        found = ", ".join(f"{name} {figures[name]:.4f} ({promised})" for name, promised in PROMISED.items())
        bench.note("study of IBM Telco", cost, f"{found}; at most {SECONDS} s")
    else:
        bench.note(
            "study of IBM Telco", None, f"left out: {TELCO.name} is not beside this checkout (shared/data)"
        )
    install()
    compared = []
    for file in FILES:
        compared.append(compare(file, bench.folder / "public" / file.name))
        bench.note(f"study of {file.name}, {file.about}", compared[-1].cost, str(compared[-1]))
    gain = sum(one.gain[0] for one in compared) / len(compared)
    excess = sum(one.excess[0] for one in compared) / len(compared)
    below = [file.name for file, one in zip(FILES, compared, strict=True) if one.gain[2] < 0]
    bench.note(
        "study of public files, mean",
        None,
        f"AUC {gain:+.4f}, Brier {excess:+.1%} against the best opponent of each file; intervals wholly below: "
        f"{', '.join(below) or 'none'}",
    )


def cdnow(bench: Bench) -> None:
    """Measures the ROC-AUC of models cross-validated inside the test cohort of CDNOW, if its file is present."""
    if not CDNOW.is_file():
        bench.note("CDNOW", None, f"left out: {CDNOW.name} is not beside this checkout (shared/data)")
        return
    for name, auc in within_the_test_cohort().items():
        bench.note(f"CDNOW, {name}", None, f"ROC-AUC {auc:.4f}, cross-validated inside the test cohort")


def features(bench: Bench) -> None:
    """Measures the features of usage for all cohorts against SQL that was written by hand for DuckDB."""
    parts = bench.on_demo("features")
    started, ours, theirs = parts("start"), parts("churn_assets"), parts("duckdb")
    parts("compare")
    equal = (bench.folder / "features" / "equal").read_text()
    bench.note("features of usage by hand-written SQL, DuckDB", theirs, equal)
    remark = f"the same values; {ours.cpu / theirs.cpu:.1f} x its CPU, {started.cpu:.0f} s of it to start the engine"
    bench.note("features of usage by the graph", ours, remark)


def scoring(bench: Bench) -> None:
    """Measures scores of a million snapshots with reasons, against scikit-learn's probabilities of the same rows."""
    parts = bench.on_demo("scoring", str(SCORED))
    parts("prepare")
    for kind, suffix in (("shallow trees", ""), ("deep trees", "_deep")):
        plain, ours = parts(f"scikit_learn{suffix}"), parts(f"churn_assets{suffix}")
        bench.note(f"predict_proba of {SCORED:,} snapshots, {kind}", plain, "scikit-learn, a ready matrix")
        remark = f"{ours.cpu / plain.cpu:.1f} x its CPU"
        bench.note(f"scores of {SCORED:,} snapshots with reasons, {kind}", ours, remark)
    parts("row")
    spent = json.loads((bench.folder / "scoring" / "row.json").read_text())
    bench.note("one row with reasons in words, deep trees", None, f"{spent:.2f} ms; promised: below 1")


def training(bench: Bench) -> None:
    """Measures choosing and fitting a model on many snapshots, against MLlib's CrossValidator on similar models."""
    parts = bench.on_demo("training", str(LEARNED), LAST)

    def auc(name: str) -> float:
        return float((bench.folder / "training" / f"{name}.auc").read_text())

    parts("prepare")
    ours = parts("churn_assets")
    remark = f"AUC {auc('churn_assets'):.3f} on the last mature cohort"
    bench.note(f"training on {LEARNED:,} snapshots", ours, remark)
    plain = parts("mllib")
    remark = f"AUC {auc('mllib'):.3f}; {plain.cpu / ours.cpu:.1f} x the CPU"
    bench.note("CrossValidator over MLlib's models, 3 folds, 4 settings", plain, remark)


def candidates(bench: Bench) -> None:
    """Measures each candidate that has two engines on both: its ROC-AUC and the CPU of its fit."""
    folder = bench.folder / "candidates"
    folder.mkdir()
    bench.demo()
    measure(sys.executable, "-m", "benchmarks.candidates", str(folder), LAST, CHURN_HOME=bench.home("demo"))
    for line in json.loads((folder / "candidates.json").read_text()):
        difference, low, high = line["difference"]
        remark = (
            f"AUC {line['auc']['local']:.3f} on one machine, {line['auc']['spark']:.3f} on Spark: {difference:+.3f} "
            f"({low:+.3f} to {high:+.3f}); {line['cpu']['local']:.1f} against {line['cpu']['spark']:.1f} s of CPU"
        )
        bench.note(line["candidate"], None, remark)


def today(bench: Bench) -> None:
    """Measures the job `daily` in the lake of the demo, after the files of one day: its first and its second run."""
    bench.demo()
    env = {"CHURN_HOME": bench.home("demo")}
    for figure in ("scores of the newest day", "the same day again"):
        bench.note(figure, churn_assets("daily", **env), PROMISED_OF_A_DAY)


def days(bench: Bench) -> None:
    """Measures models that learned from month ends alone, and from other days too, by day of the month."""
    for seed in WORLDS_OF_DAYS:
        home = bench.home(f"days {seed}")
        file = business_between(bench.folder / f"business of days {seed}", FIRST, LAST) / "churn.yaml"
        content = yaml.safe_load(file.read_text())
        content["training"]["as_of_days"] = list(JUDGED)
        file.write_text(yaml.safe_dump(content, sort_keys=False))
        env = {"CHURN_HOME": home, "CHURN_BUSINESS": str(file.parent)}
        churn_assets("simulate", "--customers", str(bench.customers), "--seed", str(seed), **env)
        churn_assets("run", "ingest", "--from", FIRST, "--to", LAST, **env)
        churn_assets("run", "snapshot", "--from", FIRST_SNAPSHOT, "--to", LAST, **env)
        measure(sys.executable, "-m", "benchmarks.days", home, **env)
        for line in json.loads((Path(home) / "days.json").read_text()):
            learned = (
                f"month ends and day {', '.join(map(str, line['learned']))}"
                if line["learned"]
                else "month ends"
            )
            day = "the month end" if line["day"] == MONTH_END else f"day {line['day']}"
            told = (
                f"{name} {{:.3f}} ({{:.3f}} to {{:.3f}})".format(*line[name])
                for name in ("auc", "slope", "ratio")
            )
            bench.note(f"world {seed}, as of {day}, learned from {learned}", None, ", ".join(told))


def mornings(bench: Bench) -> None:
    """Measures the scores of each day of a month against those of the month end before, and the rules of alerts."""
    folder = bench.folder / "mornings"
    folder.mkdir()
    cost = measure(sys.executable, "-m", "benchmarks.mornings", str(folder), *map(str, WORLDS_OF_DAYS))
    found = json.loads((folder / "mornings.json").read_text())
    bench.note("worlds of daily deliveries", cost, f"{len(WORLDS_OF_DAYS)} worlds")
    gain = "{:+.4f} ({:+.4f} to {:+.4f})".format(*found["gain"])
    bench.note("AUC of a morning less that of the month end before", None, gain)
    for line in json.loads((folder / "rules.json").read_text()):
        if not line["known"]:
            bench.note(f"rule {line['rule']}", None, "no change with a known outcome")
            continue
        told = (
            "{a_day:.1f} customers a day, {left:.0f} of {known:.0f} left: {precision:.1%} "
            "({low:.1%} to {high:.1%}), lift {lift:.1f}"
        ).format(**line)
        bench.note(f"rule {line['rule']}", None, told)


def campaigns(bench: Bench) -> None:
    """Measures our campaigns in worlds whose truth is known, against other policies with the same budget."""
    folder = bench.folder / "campaigns"
    cost = measure(sys.executable, "-m", "benchmarks.campaigns", str(folder), *map(str, SEEDS_OF_CAMPAIGNS))
    bench.note("campaigns", cost, f"{len(SEEDS_OF_CAMPAIGNS)} worlds, and as many in which offers do nothing")
    bench.notes(folder / FIGURES_OF_CAMPAIGNS)


def uplift(bench: Bench) -> None:
    """Measures effects by customer in worlds whose truth is known, against one effect for everybody and the risk."""
    folder = bench.folder / "uplift"
    cost = measure(sys.executable, "-m", "benchmarks.uplift", str(folder), *map(str, SEEDS_OF_UPLIFT))
    bench.note("uplift", cost, f"{len(SEEDS_OF_UPLIFT)} worlds, with offers as declared and to everybody")
    bench.notes(folder / FIGURES_OF_UPLIFT)


def ten(bench: Bench) -> None:
    """Measures the demo with ten times the customers."""
    ours, customers = bench.demo(), 10 * bench.customers
    cost = churn_assets("demo", "--customers", str(customers), CHURN_HOME=bench.home("ten"))
    remark = f"{cost.wall / ours.wall:.1f} x the wall time of the demo"
    bench.note(f"demo, {customers:,} customers x 18 months", cost, remark)
    bench.note("ROC-AUC with ten times the customers", None, str(quality(Settings(home=bench.home("ten")))))


def log(bench: Bench) -> None:
    """Measures a record of the log."""
    for kind, each in microseconds(bench.folder / "log").items():
        remark = f"{each:.0f} microseconds of CPU; promised: at most {PROMISED_OF_A_RECORD}"
        bench.note(f"log: {kind}", None, remark)


def loop(bench: Bench) -> None:
    """Measures the retraining loop in simulated worlds with and without a change."""
    found = worlds(bench.folder, bench.seeds, bench.console)
    bench.note(f"loop over seeds {bench.seeds[0]} to {bench.seeds[-1]}", None, str(found))


def api(bench: Bench) -> None:
    """Measures the HTTP service of the demo's release, beside `mlflow models serve` with the same model and rows."""
    parts = bench.on_demo("api")
    parts("measure")
    bench.notes(bench.folder / "api" / "api.json")


def app(bench: Bench) -> None:
    """Measures the page of the retention team over the demo's release, with many more customers."""
    parts = bench.on_demo("app")
    for customers in PAGE_CUSTOMERS:
        parts(str(customers))
        bench.notes(bench.folder / "app" / "app.json")


def backup(bench: Bench) -> None:
    """Measures the first backup of the demo, one after a day's job, and a restore with all its checks."""
    bench.demo()
    folder = bench.folder / "backup"
    folder.mkdir()
    password = folder / "password"
    password.write_text(token_hex(16))
    env = {
        "CHURN_HOME": bench.home("demo"),
        "CHURN_BACKUP_REPOSITORY": str(folder / "repository"),
        "CHURN_BACKUP_PASSWORD_FILE": str(password),
    }
    bench.note("first backup", churn_assets("backup", **env), PROMISED_OF_A_BACKUP["first"])
    churn_assets("daily", **env)
    bench.note("backup after a day's job", churn_assets("backup", **env), PROMISED_OF_A_BACKUP["next"])
    cost = churn_assets("restore", "--to", str(folder / "back"), **env)
    bench.note("restore, all verified", cost, PROMISED_OF_A_BACKUP["restore"])


def live(bench: Bench) -> None:
    """Measures `churn-assets live` with events at constant rates, in a home that has lived through one morning."""
    folder, home = bench.folder / "live", bench.home("live home")
    folder.mkdir()
    words = ("--customers", str(bench.customers), "--months", str(MONTHS_OF_LIVE), "--days", "1")
    cost = churn_assets("demo", *words, CHURN_HOME=home)
    bench.note(f"demo, {bench.customers:,} customers x {MONTHS_OF_LIVE} months and a day", cost)
    cost = measure(sys.executable, "-m", "benchmarks.live", str(folder), CHURN_HOME=home)
    bench.note("live", cost, f"both processes; {PROMISED_OF_LIVE['memory']}")
    bench.notes(folder / "live.json")


PARTS: dict[str, Callable[[Bench], None]] = {
    "demo": demo,
    "definitions": definitions,
    "sensors": sensors,
    "naive": naive,
    "month": month,  # after naive, which uses the unchanged extracts of the demo
    "study": study,
    "cdnow": cdnow,
    "features": features,
    "scoring": scoring,
    "training": training,
    "api": api,
    "app": app,
    "candidates": candidates,
    "days": days,
    "today": today,
    "mornings": mornings,
    "campaigns": campaigns,
    "uplift": uplift,
    "backup": backup,
    "live": live,
    "ten": ten,
    "log": log,
    "loop": loop,
}


@click.command()
@click.option("--customers", default=5000, show_default=True)
@click.option(
    "--only", multiple=True, type=click.Choice(list(PARTS)), help="Parts to measure; all without it."
)
@click.option(
    "--seeds",
    type=(click.IntRange(1), click.IntRange(1)),
    default=(1, 20),
    show_default=True,
    help="First and last seed of the part loop: each a world that changes and one that does not.",
)
def main(customers: int, only: tuple[str, ...], seeds: tuple[int, int]) -> None:
    """Measure side by side, and print one table. All parts take an hour on two cores, and `loop` some hours more."""
    if seeds[1] < seeds[0]:
        raise click.BadParameter("the last seed comes after the first", param_hint="--seeds")
    console = Console()
    with tempfile.TemporaryDirectory(prefix="churn_bench_") as folder:
        bench = Bench(Path(folder), customers, range(seeds[0], seeds[1] + 1), console)
        for name, part in PARTS.items():
            if not only or name in only:
                part(bench)
    grid = Table("figure", "wall s", "CPU s", "GiB", "remark")
    for figure, cost, remark in bench.rows:
        numbers = (f"{cost.wall:.1f}", f"{cost.cpu:.1f}", f"{cost.memory:.2f}") if cost else ("", "", "")
        grid.add_row(figure, *numbers, remark)
    console.print(grid)


if __name__ == "__main__":
    main()
