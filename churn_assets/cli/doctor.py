"""Checks the machine and the settings, and says what is wrong and how to fix it. Changes nothing.

The exceptions: the round trip starts Spark (which fetches missing Delta jars), and writes and removes a small table in
the lake; runs whose process was killed are marked as failed.
"""

import os
import platform
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from churn_assets.lakehouse.engine import class_archive
from churn_assets.lakehouse.engine.jars import (
    DELTA_JARS,
    JarsError,
    check_source,
    jar_problems,
    jars_folder,
)
from churn_assets.lakehouse.engine.java import JavaNotFoundError, find_java
from churn_assets.lakehouse.engine.profiles import GIB, choose_profile, is_local, local_cores, machine_memory
from churn_assets.lakehouse.engine.session import session_confs, shims_folder
from churn_assets.settings import Settings, is_uri, without_secrets

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

# The packages whose versions must fit each other. A test compares them with constraints.txt, which has all packages.
TESTED = {
    "pyspark": "4.2.0",
    "delta-spark": "4.4.0",
    "deltalake": "1.6.6",
    "dagster": "1.13.27",
    "dagster-webserver": "1.13.27",
    "dagster-pyspark": "0.29.27",
    "dagster-mlflow": "0.29.27",
    "mlflow": "3.17.2",
    "scikit-learn": "1.9.1",
    "pandas": "2.3.3",
    "numpy": "2.4.6",
    "pyarrow": "25.0.1",
}
# The demo needs under 1 GB, jars and class archives 0.5 GB; below the first number a run is likely to fail midway.
DISK_FAIL, DISK_WARN = 1 * GIB, 5 * GIB
# Memory that a run needs besides the driver heap: other memory of the JVM (about 0.5 GB), Python with MLflow (1 GB).
BESIDE_HEAP = 3 * GIB // 2
SHOWN_FILES = 10  # of a source
# Variables of other Spark installations; they override the settings of this project.
TAKES_OVER = (
    "SPARK_HOME",
    "SPARK_CONF_DIR",
    "PYSPARK_SUBMIT_ARGS",
    "SPARK_LOCAL_DIRS",
    "PYSPARK_GATEWAY_PORT",
)


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        name: what was checked.
        status: "fail" stops a run, "warn" may stop one, "ok" does not.
        what: what was found.
        remedy: what to do; empty if there is nothing to do.
    """

    name: str
    status: Literal["ok", "warn", "fail"]
    what: str
    remedy: str = ""


def run_doctor(settings: Settings, quick: bool = False) -> list[Finding]:
    """Runs all checks. Raises nothing: a check that raises an error becomes a finding.

    Args:
        settings: the deployment to check.
        quick: leave out the round trip, which starts Spark (10 to 20 seconds).
    """
    checks: list[Callable[[Settings], Finding]] = [
        check_python,
        check_packages,
        check_settings,
        check_environment,
        check_business,
        check_landing,
        check_known,
        check_sources,
        check_runs,
        check_home,
        check_stores,
        check_findings,
        check_java,
        check_jars,
        check_class_archive,
        check_folders,
        check_disk,
        check_memory,
        check_cores,
    ]
    if not quick:
        checks.append(check_round_trip)
    return [_guarded(check, settings) for check in checks]


def findings_table(findings: list[Finding]) -> "Table":
    """The findings as a table for a terminal."""
    from rich.table import Table
    from rich.text import Text

    colours = {"ok": "green", "warn": "yellow", "fail": "bold red"}
    table = Table(box=None, pad_edge=False)
    for heading in ("", "checked", "found"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        found = Text(finding.what)
        if finding.remedy:
            found.append(f"\n-> {finding.remedy}", style="bold")
        table.add_row(Text(finding.status, style=colours[finding.status]), finding.name, found)
    return table


def render(findings: list[Finding], console: "Console") -> None:
    """Prints the findings in a terminal."""
    console.print(findings_table(findings))


def _guarded(check: Callable[[Settings], Finding], settings: Settings) -> Finding:
    try:
        return check(settings)
    except Exception as error:  # noqa: BLE001 (the doctor reports any error and continues)
        name = check.__name__.removeprefix("check_").replace("_", " ")
        return Finding(
            name, "fail", f"{type(error).__name__}: {error}", "Fix the problem that the message names."
        )


def check_python(_: Settings) -> Finding:
    """Checks that Python is 3.11, 3.12 or 3.13."""
    what = f"Python {platform.python_version()} ({sys.executable})"
    if (3, 11) <= sys.version_info < (3, 14):
        return Finding("python", "ok", what)
    return Finding("python", "fail", what, "Make the virtual environment with Python 3.11, 3.12 or 3.13.")


def check_packages(_: Settings) -> Finding:
    """Checks that packages have the versions that were tested together."""
    different, missing = [], []
    for package, tested in TESTED.items():
        try:
            if (found := version(package)) != tested:
                different.append(f"{package} {found} (tested: {tested})")
        except PackageNotFoundError:
            missing.append(package)
    if missing:
        return Finding(
            "packages", "fail", f"not installed: {', '.join(missing)}", "pip install -c constraints.txt ."
        )
    if different:
        return Finding("packages", "warn", ", ".join(different), "pip install -c constraints.txt .")
    return Finding("packages", "ok", f"{len(TESTED)} packages in the tested versions")


def check_settings(settings: Settings) -> Finding:
    """Lists all locations, with defaults applied and secrets hidden."""
    places = {
        "home": str(settings.home_path),
        "landing": settings.landing_uri,
        "lake": settings.lake_uri,
        "tracking": settings.mlflow_uri,
        "artifacts": settings.mlflow_artifacts,
        "master": settings.spark_master,
        "maven": settings.maven,
    }
    lines = [f"{name}: {without_secrets(place)}" for name, place in places.items()]
    return Finding("settings", "ok", "\n".join(lines))


def check_environment(_: Settings) -> Finding:
    """Checks for environment variables of another Spark installation."""
    if found := [name for name in TAKES_OVER if os.environ.get(name)]:
        return Finding(
            "environment",
            "warn",
            f"{', '.join(found)} set: Spark takes settings from them",
            "Unset them unless that is meant; give Spark settings in CHURN_SPARK_CONF.",
        )
    return Finding("environment", "ok", "no settings of another Spark installation")


def check_business(settings: Settings) -> Finding:
    """Checks that churn.yaml and the contracts can be read and fit each other."""
    from churn_assets.contracts.loader import load_business

    try:
        business = load_business(settings.business_path)
    except (FileNotFoundError, ValueError) as error:
        return Finding("business", "fail", str(error), "Correct the named file, or CHURN_BUSINESS.")
    return Finding("business", "ok", f"{settings.business_path}: {len(business.sources)} sources")


def check_landing(settings: Settings) -> Finding:
    """Checks for files that nothing reads: by their month, their name, or the folder that they are in."""
    from churn_assets.contracts.loader import load_business
    from churn_assets.sources.landing import list_everything, unclaimed

    landing = settings.landing_uri
    try:
        business = load_business(settings.business_path)
    except (FileNotFoundError, ValueError):
        return Finding("landing", "warn", "not checked: there is no valid business to compare it with")
    first, last = business.file.calendar.start, business.file.calendar.end
    refused: list[str] = []
    unread: list[str] = []
    remedies: dict[str, None] = {}
    count = 0
    for source in business.sources:
        listing = list_everything(landing, source)
        refused += [str(file.error) for file in listing.refused]
        count += len(listing.files)
        if outside := sum(f.month < first or (last is not None and f.month > last) for f in listing.files):
            span = f"{first} to {last}" if last else f"from {first} on"
            unread.append(
                f"{source.name}: {outside:,} of {len(listing.files):,} files lie outside the calendar, {span}"
            )
            remedies["Move calendar.start or calendar.end in churn.yaml, or remove the files."] = None
        if listing.not_read:
            unread += [f"{name}: {reason}" for name, _, reason in listing.not_read[:SHOWN_FILES]]
            if len(listing.not_read) > SHOWN_FILES:
                unread.append(f"... and {len(listing.not_read) - SHOWN_FILES:,} more of {source.name}")
            remedies[
                "Rename files that hold rows; such names are for files that are still being written."
            ] = None
    if unknown := unclaimed(landing, business.sources):
        unread.append(f"no contract names {', '.join(unknown)}")
        remedies["Rename folders as the contract of their source names them, or write a contract."] = None
    if refused:
        return Finding(
            "landing", "fail", "\n".join(refused + unread), "Fix the problems that the messages name."
        )
    if unread:
        return Finding(
            "landing",
            "warn",
            f"files that nothing reads, in {landing}:\n" + "\n".join(unread),
            " ".join(remedies),
        )
    return Finding("landing", "ok", f"{count:,} files in {landing}")


def check_known(settings: Settings) -> Finding:
    """Checks for months that have not passed silver, so that nothing is computed from them."""
    from churn_assets.cli.known_until import lines, not_known, remedy, states_of
    from churn_assets.contracts.loader import load_business
    from churn_assets.lakehouse.lakehouse import Lakehouse

    name = "known until"
    try:
        business = load_business(settings.business_path)
    except (FileNotFoundError, ValueError):
        return Finding(name, "warn", "not checked: there is no valid business, so its sources are unknown")
    states = states_of(Lakehouse(settings), business)
    if not states:
        return Finding(name, "ok", "nothing has passed silver yet")
    if missing := not_known(business, states):
        return Finding(name, "warn", "\n".join(lines(states, missing)), remedy(missing))
    until = min(state.until for state in states if state.until)
    return Finding(name, "ok", f"every source until {until}, or until its newest month that is due")


def check_sources(settings: Settings) -> Finding:
    """Checks a sample of each source as `churn-assets check` does; tells no delivered value."""
    from churn_assets.cli.check import in_short

    status, what = in_short(settings)
    remedy = "" if status == "ok" else "`churn-assets check` shows examples and remedies."
    return Finding("sources", status, what, remedy)


def check_runs(settings: Settings) -> Finding:
    """Checks for runs of killed processes, and marks them as failed: sensors wait for a run that seems to go on."""
    from churn_assets.abandoned_runs import end_abandoned_in, told

    if ended := end_abandoned_in(settings):
        return Finding("runs", "warn", "\n".join(told(run) for run in ended))
    return Finding("runs", "ok", "none was killed since the last look")


def check_home(settings: Settings) -> Finding:
    """Checks whether the home was moved or copied since MLflow wrote its paths down."""
    from churn_assets.tracking.places import former_roots

    if former := former_roots(settings.mlflow_uri, settings.mlflow_artifacts):
        what = f"moved or copied: MLflow names {', '.join(former)}; the next command that uses a model mends that"
        return Finding("home", "ok", what)
    return Finding("home", "ok", "all paths lead into this home")


def check_stores(settings: Settings) -> Finding:
    """Checks that everything in CHURN_HOME is in the catalogue."""
    from churn_assets.contracts.loader import load_business
    from churn_assets.lakehouse.stores import unregistered

    try:
        business = load_business(settings.business_path)
    except (FileNotFoundError, ValueError):
        return Finding("stores", "warn", "not checked: there is no valid business, so its tables are unknown")
    if unknown := unregistered(settings.home_path, business):
        return Finding(
            "stores",
            "warn",
            f"not in the catalogue, in {settings.home_path}: {', '.join(unknown)}",
            "Move your own files and the tables of another business elsewhere: no erasure and no backup covers them.",
        )
    return Finding("stores", "ok", f"all of {settings.home_path} is in the catalogue")


def check_findings(settings: Settings) -> Finding:
    """Lists what the checks of silver found in the last month."""
    from churn_assets.cli.findings import open_findings
    from churn_assets.lakehouse.lakehouse import Lakehouse
    from churn_assets.silver.findings import told

    if is_uri(settings.lake_uri):
        return Finding("findings", "ok", "not read: without Spark, only a lake on this machine can be read")
    month, found = open_findings(Lakehouse(settings))
    if not found:
        return Finding("findings", "ok", f"none in {month}" if month else "no month has passed silver yet")
    return Finding("findings", "warn", "\n".join(told(row) for row in found))


def check_java(settings: Settings) -> Finding:
    """Checks for a Java that this Spark runs on."""
    try:
        java = find_java(shims_folder(settings))
    except JavaNotFoundError as error:
        what, _, remedy = str(error).partition(" Remedy: ")
        return Finding("java", "fail", what, remedy)
    return Finding("java", "ok", f"Java {java.version} of {java.home} (from {java.origin})")


def check_jars(settings: Settings) -> Finding:
    """Checks the two Delta jars by hash; if they are missing or wrong, checks that they can be fetched."""
    folder = jars_folder(settings)
    problems = jar_problems(settings)
    if not problems:
        return Finding("jars", "ok", f"{' and '.join(jar.file_name for jar in DELTA_JARS)} in {folder}")
    try:
        source = check_source(settings)
    except JarsError as error:
        return Finding("jars", "fail", f"{error.reason}\nlooked in {error.looked}", error.remedy)
    wrong = "; ".join(f"{jar.file_name}: {problem}" for jar, problem in problems.items())
    return Finding(
        "jars",
        "warn",
        f"in {folder}: {wrong}\nthe next start can fetch them from {source}",
        "To fetch them now: python -m churn_assets.lakehouse.engine.jars",
    )


def check_class_archive(settings: Settings) -> Finding:
    """Checks the class archive of this environment."""
    name = "class archive"
    if not is_local(settings.spark_master):
        return Finding(name, "ok", "not used with a cluster")
    jars = [jars_folder(settings) / jar.file_name for jar in DELTA_JARS]
    confs = session_confs(settings, choose_profile(settings), jars)
    archive = class_archive.for_session(settings, find_java(shims_folder(settings)), confs)
    if archive is None:
        return Finding(name, "ok", "cannot be used with this class path; Spark starts slower without")
    state = archive.state()
    if state == "failed":
        last = archive.log.read_text(errors="replace").strip().splitlines()[-1:] or ["it was killed"]
        return Finding(
            name,
            "warn",
            f"the last build failed: {last[0]} (see {archive.log})",
            "Spark starts slower without. To build it now: python -m churn_assets.lakehouse.engine.class_archive_build",
        )
    if state == "absent":
        return Finding(name, "ok", "none yet; the first run builds it in the background")
    return Finding(name, "ok", f"{state} ({archive.path})")


def check_folders(settings: Settings) -> Finding:
    """Checks that the local folders can be written or made, and that the landing zone can be read."""
    wanted = [("write", path, os.W_OK | os.X_OK) for path in _local_folders(settings)]
    if not is_uri(settings.landing_uri):
        wanted.append(("read", Path(settings.landing_uri), os.R_OK | os.X_OK))
    if closed := [f"{verb} {path}" for verb, path, mode in wanted if not os.access(_existing(path), mode)]:
        remedy = "Change their owner, or the setting that names them."
        return Finding("folders", "fail", f"cannot {', '.join(closed)}", remedy)
    return Finding("folders", "ok", f"can {', '.join(f'{verb} {path}' for verb, path, _ in wanted)}")


def check_disk(settings: Settings) -> Finding:
    """Checks the free disk space for home, lake, artifacts and jars."""
    free = {path: shutil.disk_usage(_existing(path)).free for path in _local_folders(settings)}
    path, least = min(free.items(), key=lambda item: item[1])
    what = f"{least / GIB:.1f} GB free for {path}"
    if least >= DISK_WARN:
        return Finding("disk", "ok", what)
    status: Literal["warn", "fail"] = "warn" if least >= DISK_FAIL else "fail"
    return Finding(
        "disk",
        status,
        what,
        f"Free at least {DISK_WARN / GIB:g} GB, or move CHURN_HOME, CHURN_LAKE or CHURN_ARTIFACTS.",
    )


def check_memory(settings: Settings) -> Finding:
    """Checks that this machine or container has enough memory for the driver heap."""
    profile = choose_profile(settings)
    heap = settings.driver_memory or profile.driver_memory
    memory, needed = machine_memory(), _parse_memory(heap) + BESIDE_HEAP
    what = f"{memory / GIB:.1f} GB; profile {profile.name} with a heap of {heap} wants {needed / GIB:.1f} GB"
    if not is_local(settings.spark_master) or memory >= needed:
        return Finding("memory", "ok", what)
    return Finding("memory", "warn", what, "Set CHURN_ENGINE_PROFILE=small or a smaller CHURN_DRIVER_MEMORY.")


def check_cores(settings: Settings) -> Finding:
    """Checks the number of cores that local Spark uses."""
    if not is_local(settings.spark_master):
        return Finding("cores", "ok", f"decided by the cluster {settings.spark_master}")
    cores = local_cores(settings.spark_master)
    profile = choose_profile(settings)
    what = f"{cores}; profile {profile.name}: {profile.reason}"
    return Finding(
        "cores", "ok" if cores > 1 else "warn", what, "" if cores > 1 else "Two cores halve the time."
    )


def check_round_trip(settings: Settings) -> Finding:
    """Checks that Spark starts, and that Delta writes, replaces and reads a table in the lake."""
    from churn_assets.lakehouse.round_trip import round_trip

    started = time.perf_counter()
    try:
        done = round_trip(settings)
    except JarsError:
        return Finding("spark and delta", "fail", "Spark does not start without the Delta jars", "See jars.")
    return Finding(
        "spark and delta",
        "ok",
        f"Spark {done.spark_version} started in {done.session_seconds:.1f} s; a table written, replaced and read in "
        f"{done.table_seconds:.1f} s ({time.perf_counter() - started:.1f} s in all)",
    )


def _local_folders(settings: Settings) -> list[Path]:
    """The local folders that runs write to."""
    placed = [Path(uri) for uri in (settings.lake_uri, settings.mlflow_artifacts) if not is_uri(uri)]
    return [settings.home_path, *placed, settings.jars_path]


def _existing(path: Path) -> Path:
    """The path, or the closest folder above it that exists."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _parse_memory(text: str) -> int:
    """Bytes of a JVM size in the notation of Spark, e.g. "1g", "512m", "2gb".

    Raises:
        ValueError: not a whole number with a unit.
    """
    number = text.strip().lower().rstrip("b")
    factor = {"k": 1024, "m": 1024**2, "g": GIB, "t": 1024 * GIB}.get(number[-1:])
    if factor is None or not number[:-1].isdigit():
        raise ValueError(f"CHURN_DRIVER_MEMORY={text}: write a whole number and a unit, e.g. 1g or 1536m")
    return int(number[:-1]) * factor
