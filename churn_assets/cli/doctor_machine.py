"""The checks of the doctor on this machine: Python, packages, settings, folders, disk, memory, cores."""

import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from churn_assets.cli.doctor_finding import Finding
from churn_assets.lakehouse.engine.profiles import GIB, choose_profile, is_local, local_cores, machine_memory
from churn_assets.lakehouse.engine.sail import query_memory
from churn_assets.settings import Settings, is_uri, without_secrets

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
    "pysail": "0.7.2",
}
# The demo needs under 1 GB, jars a few MB; below the first number a run is likely to fail midway.
DISK_FAIL, DISK_WARN = 1 * GIB, 5 * GIB
# Memory that a run needs besides the driver heap: other memory of the JVM (about 0.5 GB), Python with MLflow (1 GB).
BESIDE_HEAP = 3 * GIB // 2
# Variables of other Spark installations; they override the settings of this project.
TAKES_OVER = (
    "SPARK_HOME",
    "SPARK_CONF_DIR",
    "PYSPARK_SUBMIT_ARGS",
    "SPARK_LOCAL_DIRS",
    "PYSPARK_GATEWAY_PORT",
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
            f"{', '.join(found)} set, so Spark takes settings from there",
            "Unset them unless that is meant. Use CHURN_SPARK_CONF for settings of Spark.",
        )
    return Finding("environment", "ok", "no settings of another Spark installation")


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


def check_memory(settings: Settings, engine: str) -> Finding:
    """Checks that this machine or container has enough memory for the engine."""
    if engine == "sail":
        enough = f"{machine_memory() / GIB:.1f} GB; queries of Sail may take {query_memory() / GIB:.1f} GB"
        return Finding("memory", "ok", enough)
    profile = choose_profile(settings)
    heap = settings.driver_memory or profile.driver_memory
    memory, needed = machine_memory(), _parse_memory(heap) + BESIDE_HEAP
    what = f"{memory / GIB:.1f} GB; profile {profile.name} with a heap of {heap} wants {needed / GIB:.1f} GB"
    if not is_local(settings.spark_master) or memory >= needed:
        return Finding("memory", "ok", what)
    return Finding("memory", "warn", what, "Set CHURN_ENGINE_PROFILE=small or a smaller CHURN_DRIVER_MEMORY.")


def check_cores(settings: Settings, engine: str) -> Finding:
    """Checks the number of cores that the engine uses on this machine."""
    if not is_local(settings.spark_master):
        return Finding("cores", "ok", f"decided by the cluster {settings.spark_master}")
    cores = local_cores(settings.spark_master)
    what = str(cores)
    if engine == "spark":
        profile = choose_profile(settings)
        what += f"; profile {profile.name}: {profile.reason}"
    return Finding(
        "cores", "ok" if cores > 1 else "warn", what, "" if cores > 1 else "Two cores halve the time."
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
