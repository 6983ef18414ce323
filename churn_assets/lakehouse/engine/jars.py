"""The two Delta jars: kept in one folder, verified by SHA-256, fetched once by Spark's own Ivy.

Run as `python -m churn_assets.lakehouse.engine.jars` to have them before the first session (installation, image build).

Two jars are enough for everything that this project does with Delta. The other 31 that a resolution with
dependencies brings are older copies of what Spark ships; on the driver's class path they break it.
"""

import logging
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from tempfile import TemporaryDirectory

from churn_assets.lakehouse.engine.java import prepare_java_home
from churn_assets.lakehouse.engine.processes import module_environment, only_one
from churn_assets.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Jar:
    """One artifact of group `io.delta`, named as in a Maven repository."""

    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """e.g. delta-storage-4.4.0.jar"""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def coordinate(self) -> str:
        """e.g. io.delta:delta-storage:4.4.0"""
        return f"io.delta:{self.artifact}:{self.version}"


DELTA_JARS = (
    Jar("delta-spark_4.2_2.13", "4.4.0", "27d4fd8b1f879535c573ed1c718177d6a27f24d3e626ba02e216369725721ead"),
    Jar("delta-storage", "4.4.0", "c46735481fa8e326b0957be02b4420cbcab4b325bb08009b7f2045a95133f1cc"),
)

# Where a user's mirror may be named in Spark's own terms. A resolution passes these on, and nothing else.
_IVY_CONFS = ("spark.jars.ivy", "spark.jars.ivySettings", "spark.jars.repositories")


class JarsError(RuntimeError):
    """The jars are neither kept nor resolvable; the message names files, folder and remedy."""


def jars_folder(settings: Settings) -> Path:
    """Where the jars lie."""
    return settings.jars_path / "jars"


def jar_problem(path: Path, jar: Jar) -> str:
    """What is wrong with a kept jar ("missing", or the hash that differs); empty when it is right."""
    try:
        with path.open("rb") as file:
            found = file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return "missing"
    return "" if found == jar.sha256 else f"SHA-256 is {found}, expected {jar.sha256}"


def delta_jars(settings: Settings) -> list[Path]:
    """The verified jars, fetched first when they are not kept. Any number of processes may call this at once.

    Raises:
        JarsError: not kept and not resolvable, or what was resolved is not what this release was tested with.
        JavaNotFoundError: a fetch is needed, and there is no Java for it.
    """
    folder = jars_folder(settings)
    if _wrong(folder):
        folder.mkdir(parents=True, exist_ok=True)
        # Ivy's cache is not safe for several writers: one process fetches, the others wait and find the files.
        with only_one(folder / ".lock"):
            if _wrong(folder):
                _fetch(settings, folder)
    return [folder / jar.file_name for jar in DELTA_JARS]


def _wrong(folder: Path) -> dict[str, str]:
    """File name -> what is wrong with it."""
    problems = {jar.file_name: jar_problem(folder / jar.file_name, jar) for jar in DELTA_JARS}
    return {name: problem for name, problem in problems.items() if problem}


def _fetch(settings: Settings, folder: Path) -> None:
    before = _wrong(folder)
    for name, problem in before.items():
        if problem != "missing":
            log.warning("%s: %s; fetching it again", folder / name, problem)
    log.info("Fetching %s (about 10 MB, once)", ", ".join(jar.coordinate for jar in DELTA_JARS))
    with TemporaryDirectory(dir=folder, prefix=".fetch-") as scratch:
        output = _resolve_in_subprocess(settings, Path(scratch))
        resolved = _wrong(Path(scratch))
        if resolved:
            raise JarsError(_help_text(folder, before, resolved, output))
        for jar in DELTA_JARS:
            (Path(scratch) / jar.file_name).replace(folder / jar.file_name)


def _help_text(folder: Path, before: dict[str, str], resolved: dict[str, str], output: str) -> str:
    wanted = "".join(f"\n  {jar.file_name} ({jar.coordinate}, SHA-256 {jar.sha256})" for jar in DELTA_JARS)
    return (
        f"The Delta jars are not usable and could not be fetched.\nIn {folder}: "
        f"{'; '.join(f'{name}: {problem}' for name, problem in before.items())}."
        f"\nResolution: {'; '.join(f'{name}: {problem}' for name, problem in resolved.items())}."
        f"\nRemedy: give this machine access to a Maven repository (a mirror: set DEFAULT_ARTIFACT_REPOSITORY to its"
        f" address, or spark.jars.ivySettings in CHURN_SPARK_CONF), or copy these files by hand into {folder}:{wanted}"
        f"\nLast lines of the resolution:\n{os.linesep.join(output.splitlines()[-15:])}"
    )


def _resolve_in_subprocess(settings: Settings, target: Path) -> str:
    """Let a short-lived Spark resolve the jars into `target`; its output, whether it succeeded or not.

    A process of its own, because the jars must be on the class path before the main JVM starts.
    """
    prepare_java_home(settings.jars_path / "java")
    confs = [f"{key}={settings.spark_conf[key]}" for key in _IVY_CONFS if key in settings.spark_conf]
    done = subprocess.run(
        [sys.executable, "-m", "churn_assets.lakehouse.engine.jars", "--resolve-into", str(target), *confs],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=900,
        env=module_environment(),
    )
    return done.stdout


def _resolve_into(target: Path, confs: list[str]) -> None:
    """In the subprocess: ask Spark's Ivy for each jar without its dependencies, and copy it to `target`."""
    from pyspark import SparkConf
    from pyspark.java_gateway import launch_gateway

    conf = SparkConf(loadDefaults=False)
    for setting in confs:
        key, _, value = setting.partition("=")
        conf.set(key, value)
    # The gateway alone is enough: no context, so neither ports nor scratch folders.
    jvm = launch_gateway(conf).jvm  # type: ignore[no-untyped-call]
    for jar in DELTA_JARS:
        address = jvm.java.net.URI.create(f"ivy://{jar.coordinate}?transitive=false")
        found = jvm.org.apache.spark.util.DependencyUtils.resolveMavenDependencies(address).mkString(",")
        shutil.copyfile(found, target / jar.file_name)


def main(arguments: list[str]) -> int:
    """Fetch the jars of the configured folder; the exit code."""
    if arguments[:1] == ["--resolve-into"]:
        _resolve_into(Path(arguments[1]), arguments[2:])
        return 0
    try:
        for path in delta_jars(Settings()):
            print(path)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
