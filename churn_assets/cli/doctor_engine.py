"""The checks of the doctor on the engine: which it is, Java, jars, a round trip through Delta."""

import time
from collections.abc import Sequence
from importlib.metadata import version

from churn_assets.cli.doctor_finding import Finding
from churn_assets.contracts.sql.written import EngineDifferences, not_proven
from churn_assets.contracts.words import listed
from churn_assets.lakehouse.engine.choice import EngineError, topics_of_spark
from churn_assets.lakehouse.engine.jars import (
    DELTA,
    DELTA_JARS,
    Jar,
    JarsError,
    check_source,
    jar_problems,
    jars_folder,
)
from churn_assets.lakehouse.engine.java import JavaNotFoundError, find_java
from churn_assets.lakehouse.engine.kafka_connector import CONNECTOR, CONNECTOR_JARS
from churn_assets.lakehouse.engine.spark import shims_folder
from churn_assets.settings import Settings

NOT_NEEDED = "not needed by Sail"


def without_engine(error: Exception) -> list[Finding]:
    """Why no engine can be chosen, and what was therefore not checked."""
    if isinstance(error, EngineDifferences):
        what, remedy = not_proven(len(error.mistakes)), "See sql, or set CHURN_ENGINE=spark."
    elif isinstance(error, EngineError):
        what, remedy = str(error), "Change the setting that it names."
    else:
        what, remedy = f"{type(error).__name__}: {error}", "Fix the problem that the message names."
    return [
        Finding("engine", "fail", what, remedy),
        Finding("java, jars, memory, cores, round trip", "warn", "not checked: they depend on the engine"),
    ]


def check_java(settings: Settings, engine: str) -> Finding:
    """Checks for a Java that this Spark runs on."""
    if engine == "sail":
        return Finding("java", "ok", NOT_NEEDED)
    try:
        java = find_java(shims_folder(settings))
    except JavaNotFoundError as error:
        what, _, remedy = str(error).partition(" Remedy: ")
        return Finding("java", "fail", what, remedy)
    return Finding("java", "ok", f"Java {java.version} of {java.home} (from {java.origin})")


def check_jars(settings: Settings, engine: str) -> Finding:
    """Checks the two Delta jars by hash; if they are missing or wrong, checks that they can be fetched."""
    if engine == "sail":
        return Finding("jars", "ok", NOT_NEEDED)
    return _jars(settings, "jars", DELTA_JARS, DELTA, "jars")


def check_topic_jars(settings: Settings, engine: str) -> Finding:
    """Checks the jars of Spark's connector of Kafka, if a topic is read by a job of Spark."""
    from churn_assets.contracts.loader import load_business

    name = "topic jars"
    try:
        topics = topics_of_spark(load_business(settings.business_path))
    except (FileNotFoundError, ValueError):
        return Finding(name, "warn", "not checked: there is no valid business")
    if not topics:
        return Finding(name, "ok", "not needed: no topic has engine: spark")
    if engine == "sail":
        told = f"engine: spark of {listed(topics)} cannot be done: Sail reads no topics"
        return Finding(name, "fail", told, "Set CHURN_ENGINE=spark or auto.")
    return _jars(settings, name, CONNECTOR_JARS, CONNECTOR, "kafka_connector")


def _jars(settings: Settings, name: str, wanted: Sequence[Jar], what: str, module: str) -> Finding:
    """What is known of jars that are needed; `module` of the engine fetches them."""
    folder = jars_folder(settings)
    problems = jar_problems(settings, wanted)
    if not problems:
        return Finding(name, "ok", f"{listed([jar.file_name for jar in wanted])} in {folder}")
    try:
        source = check_source(settings, wanted, what)
    except JarsError as error:
        return Finding(name, "fail", f"{error.reason}\nlooked in {error.looked}", error.remedy)
    wrong = "; ".join(f"{jar.file_name}: {problem}" for jar, problem in problems.items())
    return Finding(
        name,
        "warn",
        f"in {folder}: {wrong}\nthe next start can fetch them from {source}",
        f"To fetch them now: python -m churn_assets.lakehouse.engine.{module}",
    )


def check_round_trip(settings: Settings, engine: str) -> Finding:
    """Checks that the engine starts, and writes, replaces and reads a table in the lake."""
    from churn_assets.lakehouse.round_trip import round_trip

    started = time.perf_counter()
    name = "spark and delta" if engine == "spark" else "sail and delta"
    try:
        done = round_trip(settings)
    except JarsError:
        return Finding(name, "fail", "Spark does not start without the Delta jars", "See jars.")
    number = done.version if engine == "spark" else version("pysail")
    return Finding(
        name,
        "ok",
        f"{engine.title()} {number} started in {done.session_seconds:.1f} s; a table written, replaced and read "
        f"in {done.table_seconds:.1f} s ({time.perf_counter() - started:.1f} s in all)",
    )
