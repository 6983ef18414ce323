"""The checks of the doctor on the engine: which it is, Java, jars, class archive, a round trip through Delta."""

import time

from churn_assets.cli.doctor_finding import Finding
from churn_assets.contracts.sql.written import EngineDifferences
from churn_assets.lakehouse.engine import class_archive
from churn_assets.lakehouse.engine.choice import EngineError, choose_engine
from churn_assets.lakehouse.engine.jars import (
    DELTA_JARS,
    JarsError,
    check_source,
    jar_problems,
    jars_folder,
)
from churn_assets.lakehouse.engine.java import JavaNotFoundError, find_java
from churn_assets.lakehouse.engine.profiles import choose_profile, is_local
from churn_assets.lakehouse.engine.spark import session_confs, shims_folder
from churn_assets.settings import Settings

NOT_NEEDED = "not needed by Sail"


def check_engine(settings: Settings) -> Finding:
    """Tells the engine, and why it was chosen."""
    try:
        choice = choose_engine(settings)
    except EngineDifferences as error:
        return Finding(
            "engine", "fail", str(error), "Write what it names instead, or set CHURN_ENGINE=spark."
        )
    except EngineError as error:
        return Finding("engine", "fail", str(error), "Change the setting that it names.")
    return Finding("engine", "ok", f"{choice.name}: {choice.reason}")


def check_java(settings: Settings) -> Finding:
    """Checks for a Java that this Spark runs on."""
    if choose_engine(settings).name == "sail":
        return Finding("java", "ok", NOT_NEEDED)
    try:
        java = find_java(shims_folder(settings))
    except JavaNotFoundError as error:
        what, _, remedy = str(error).partition(" Remedy: ")
        return Finding("java", "fail", what, remedy)
    return Finding("java", "ok", f"Java {java.version} of {java.home} (from {java.origin})")


def check_jars(settings: Settings) -> Finding:
    """Checks the two Delta jars by hash; if they are missing or wrong, checks that they can be fetched."""
    if choose_engine(settings).name == "sail":
        return Finding("jars", "ok", NOT_NEEDED)
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
    if choose_engine(settings).name == "sail":
        return Finding(name, "ok", NOT_NEEDED)
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


def check_round_trip(settings: Settings) -> Finding:
    """Checks that the engine starts, and writes, replaces and reads a table in the lake."""
    from churn_assets.lakehouse.round_trip import round_trip

    started, engine = time.perf_counter(), choose_engine(settings).name
    name = "spark and delta" if engine == "spark" else "sail and delta"
    try:
        done = round_trip(settings)
    except JarsError:
        return Finding(name, "fail", "Spark does not start without the Delta jars", "See jars.")
    return Finding(
        name,
        "ok",
        f"{engine.title()} {done.version} started in {done.session_seconds:.1f} s; a table written, replaced and read "
        f"in {done.table_seconds:.1f} s ({time.perf_counter() - started:.1f} s in all)",
    )
