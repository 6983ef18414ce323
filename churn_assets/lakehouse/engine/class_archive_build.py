"""Builds the class archive of this environment (see class_archive.py).

Run `python -m churn_assets.lakehouse.engine.class_archive_build` to build it before the first session (image build).
"""

import logging
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from churn_assets.lakehouse.engine.class_archive import ClassArchive, archives_folder, for_session
from churn_assets.lakehouse.engine.class_archive_workload import run_workload
from churn_assets.lakehouse.engine.jars import delta_jars
from churn_assets.lakehouse.engine.java import Java, prepare_java_home
from churn_assets.lakehouse.engine.processes import only_one
from churn_assets.lakehouse.engine.profiles import choose_profile
from churn_assets.lakehouse.engine.spark import (
    add_java_options,
    launch,
    session_confs,
    shims_folder,
    stop_session,
)
from churn_assets.settings import Settings

log = logging.getLogger(__name__)

# An archive is about 200 MB. Two are kept, so that an upgrade in one checkout does not remove another's archive.
_KEPT = 2
_BUILD_SECONDS = 900


def build(settings: Settings) -> ClassArchive | None:
    """Build the archive of this environment now, unless it exists or another process builds it.

    Returns:
        The archive; None when this environment cannot have one.

    Raises:
        RuntimeError: the JVM wrote no archive.
    """
    archives_folder(settings).mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=archives_folder(settings), prefix=".build-") as scratch:
        small = Settings(
            home=scratch,
            jars=str(settings.jars_path),
            engine_profile="small",
            spark_master="local[2]",
            driver_memory="768m",
            spark_conf=settings.spark_conf,
        )
        java = prepare_java_home(shims_folder(small))
        confs = session_confs(small, choose_profile(small), delta_jars(small))
        archive = for_session(small, java, confs)
        if archive is None or archive.path.is_file():
            return archive
        try:
            with only_one(archive.lock, wait=False):
                draft = Path(scratch) / "draft.jsa"
                if archive.needs_base:
                    _build_base(java, archive.base, Path(scratch))
                add_java_options(confs, archive.options_to_build(draft))
                run_workload(launch(confs, Path(scratch) / "spark"), Path(scratch))
                # The JVM writes the archive while it ends.
                stop_session()
                if not draft.is_file():
                    raise RuntimeError(f"Java {java.version} of {java.home} wrote no class archive")
                draft.rename(archive.path)
                _remove_old(archive.folder)
        except BlockingIOError:
            log.info("Another process builds %s", archive.path)
        return archive


def _build_base(java: Java, base: Path, scratch: Path) -> None:
    draft = scratch / "base.jsa"
    subprocess.run(
        [java.home / "bin" / "java", "-XX:+UseSerialGC", "-Xshare:dump", f"-XX:SharedArchiveFile={draft}"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    draft.rename(base)


def _remove_old(folder: Path) -> None:
    """Keep the archives used last, with their base archives and logs; remove the others, but no lock file."""
    archives = [path for path in folder.glob("*.jsa") if not path.name.endswith(".base.jsa")]
    kept = {path.stem for path in sorted(archives, key=lambda path: path.stat().st_mtime)[-_KEPT:]}
    for path in folder.glob("[!.]*.*"):
        if path.suffix != ".lock" and path.name.partition(".")[0] not in kept:
            path.unlink(missing_ok=True)


def _lowest_priority() -> None:
    os.nice(19)
    if hasattr(os, "SCHED_IDLE"):
        # Runs only on an idle core, so the foreground loses nothing. Sandboxes may forbid it.
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def main(arguments: list[str]) -> int:
    """Build the archive of the configured environment, with `--background` at lowest priority; return the exit code."""
    if arguments == ["--background"]:
        _lowest_priority()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    # Nobody watches this process, so it ends after a while even if the JVM hangs.
    signal.alarm(_BUILD_SECONDS)
    started = time.monotonic()
    archive = build(Settings())
    if archive is None:
        return 0
    log.info("Class archive %s: %s after %.0f s", archive.path, archive.state(), time.monotonic() - started)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
