"""Pinned jars, such as the two of Delta: kept in one folder, verified by SHA-256, fetched once from Maven or a folder.

Run `python -m churn_assets.lakehouse.engine.jars` to fetch those of Delta before the first session (installation, image
build).

The lakehouse needs only these two. Resolving their dependencies would add 31 older copies of jars that Spark ships; on
the driver's class path they break Spark.
"""

import logging
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import file_digest
from pathlib import Path
from urllib.parse import unquote, urlsplit

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from churn_assets.lakehouse.engine.download import DownloadError, Watch, download, looked, probe
from churn_assets.lakehouse.engine.processes import only_one
from churn_assets.progress import note
from churn_assets.settings import Settings, is_uri

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Jar:
    """One artifact, named as in a Maven repository."""

    artifact: str
    version: str
    sha256: str
    group: str = "io.delta"

    @property
    def file_name(self) -> str:
        """e.g. delta-storage-4.4.0.jar"""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def path(self) -> str:
        """Path in a Maven repository, e.g. io/delta/delta-storage/4.4.0/delta-storage-4.4.0.jar"""
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{self.file_name}"


DELTA_JARS = (
    Jar("delta-spark_4.2_2.13", "4.4.0", "27d4fd8b1f879535c573ed1c718177d6a27f24d3e626ba02e216369725721ead"),
    Jar("delta-storage", "4.4.0", "c46735481fa8e326b0957be02b4420cbcab4b325bb08009b7f2045a95133f1cc"),
)


DELTA = "Delta"  # what the jars are of, for messages
FEW = 3  # jars that a message names one by one


class JarsError(RuntimeError):
    """The jars are not in their folder and cannot be fetched. The message has three lines and no credentials.

    Attributes:
        reason: what failed.
        looked: where the jars were looked for.
        remedy: what to do.
    """

    def __init__(self, reason: str, looked: str, remedy: str, what: str = DELTA) -> None:
        super().__init__(f"No {what} jars: {reason}.\nLooked in: {looked}.\nRemedy: {remedy}.")
        self.reason, self.looked, self.remedy = reason, looked, remedy


def jars_folder(settings: Settings) -> Path:
    """Folder of the jars."""
    return settings.jars_path / "jars"


def jar_problem(path: Path, jar: Jar) -> str:
    """What is wrong with a jar ("missing", not readable, another hash); empty when it is right."""
    try:
        with path.open("rb") as file:
            found = file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"not readable ({error.strerror})"
    return "" if found == jar.sha256 else f"SHA-256 is {found}, expected {jar.sha256}"


def jar_problems(settings: Settings, wanted: Sequence[Jar]) -> dict[Jar, str]:
    """The jars that are missing or wrong in their folder -> what is wrong."""
    problems = {jar: jar_problem(jars_folder(settings) / jar.file_name, jar) for jar in wanted}
    return {jar: problem for jar, problem in problems.items() if problem}


def delta_jars(settings: Settings, console: Console | None = None) -> list[Path]:
    """Paths of the verified jars of Delta; see `verified_jars`."""
    return verified_jars(settings, DELTA_JARS, DELTA, console)


def verified_jars(
    settings: Settings, wanted: Sequence[Jar], what: str, console: Console | None = None
) -> list[Path]:
    """Paths of the verified jars; fetches those that are missing or wrong. Safe to call from many processes at once.

    Args:
        settings: the folder, and where to fetch from.
        wanted: the jars.
        what: they are of, for messages.
        console: shows the progress; None for a line in the log.

    Raises:
        JarsError: a jar cannot be fetched, or the fetched file is not the one that this release was tested with.
    """
    folder = jars_folder(settings)
    if jar_problems(settings, wanted):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # one process fetches, the others wait and find the files
            with only_one(folder / ".lock"):
                problems = jar_problems(settings, wanted)
                with _failures(settings, problems, wanted, what):
                    _fetch(settings, problems, console)
        except OSError as error:
            reason = f"{folder} cannot be written ({error.strerror or error})"
            raise JarsError(
                reason, f"{folder}", "set CHURN_JARS to a folder that can be written", what
            ) from None
    return [folder / jar.file_name for jar in wanted]


def check_source(settings: Settings, wanted: Sequence[Jar], what: str) -> str:
    """Check that missing or wrong jars can be fetched, without fetching them.

    Args: see `verified_jars`.

    Returns:
        Where they can be fetched from.

    Raises:
        JarsError: they cannot be fetched.
    """
    with _failures(settings, problems := jar_problems(settings, wanted), wanted, what):
        for jar in problems:
            if folder := _source_folder(settings.maven):
                _found_in(folder, jar)
            else:
                probe(_address(settings.maven, jar))
        return _source(settings.maven)


def _fetch(settings: Settings, problems: dict[Jar, str], console: Console | None) -> None:
    """Fetch each jar into the folder; it gets its name only when it is complete and verified."""
    with _progress(console) as progress:
        for jar, problem in problems.items():
            kept = jars_folder(settings) / jar.file_name
            if problem != "missing":
                log.warning("%s: %s; fetching it again", kept, problem)
            said = f"Fetching {jar.file_name}"
            log.info("%s", said)
            if console and progress.disable:
                console.print(said, soft_wrap=True)
            task = progress.add_task(said, total=None)
            show = partial(_show, progress, task, jar.file_name)
            part = kept.with_name(f".{jar.file_name}.part")
            try:
                _bring(settings.maven, jar, part, show)
                part.replace(kept)
            finally:
                part.unlink(missing_ok=True)


def _bring(maven: str, jar: Jar, target: Path, watch: Watch) -> None:
    """Copy or download a jar, and verify it."""
    if folder := _source_folder(maven):
        shutil.copyfile(_found_in(folder, jar), target)
    else:
        download(_address(maven, jar), target, watch)
    if problem := jar_problem(target, jar):
        with target.open("rb") as file:
            html = file.read(200).lstrip().lower().startswith((b"<!doctype html", b"<html"))
        if html:
            raise DownloadError(
                f"what came as {jar.file_name} is an HTML page, such as the login or the refusal of a proxy",
                "open the address in a browser, and have the proxy let it through",
            )
        raise DownloadError(f"what came as {jar.file_name} is not the file that was tested: its {problem}")


def _source_folder(maven: str) -> Path | None:
    """The folder that the setting names; None when it is an address."""
    if not is_uri(maven):
        return Path(maven).expanduser().absolute()
    return Path(unquote(urlsplit(maven).path)) if maven.startswith("file://") else None


def _found_in(folder: Path, jar: Jar) -> Path:
    """The jar in a folder that is flat, or laid out as a Maven repository; DownloadError when it is not there."""
    problems = {path: jar_problem(path, jar) for path in (folder / jar.file_name, folder / jar.path)}
    if right := [path for path, problem in problems.items() if not problem]:
        return right[0]
    told = "; ".join(f"{path}: {problem}" for path, problem in problems.items())
    raise DownloadError(f"{jar.file_name} is not in the folder that CHURN_MAVEN names ({told})")


def _address(maven: str, jar: Jar) -> str:
    return f"{maven.rstrip('/')}/{jar.path}"


def _source(maven: str) -> str:
    """In words: where jars are fetched from, without credentials, and through which proxy."""
    folder = _source_folder(maven)
    return str(folder) if folder else looked(maven)


@contextmanager
def _failures(
    settings: Settings, problems: dict[Jar, str], wanted: Sequence[Jar], what: str
) -> Iterator[None]:
    """Raises a failed download as a JarsError without its cause, which would add nothing to the message."""
    try:
        yield
    except DownloadError as error:
        names = (
            " and ".join(jar.file_name for jar in wanted) if len(wanted) <= FEW else f"its {len(wanted)} jars"
        )
        folder = jars_folder(settings)
        kept = "".join(f" ({jar.file_name}: {why})" for jar, why in problems.items() if why != "missing")
        general = f"set CHURN_MAVEN to a mirror of Maven Central, or to a folder that holds {names}"
        raise JarsError(
            str(error),
            f"{folder}{kept}, then {_source(settings.maven)}",
            f"{error.remedy}; or {general}" if error.remedy else general,
            what,
        ) from None


def _progress(console: Console | None) -> Progress:
    """A progress bar for each file; disabled when there is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    return Progress(*columns, console=console, disable=console is None or not console.is_terminal)


def _show(progress: Progress, task: TaskID, name: str, done: int, total: int | None) -> None:
    """Shows the progress in the bar of this console, or else in the display of whoever needs the jars."""
    progress.update(task, completed=done, total=total)
    note(f"{name}: {done / 1e6:.1f}{f' of {total / 1e6:.1f}' if total else ''} MB")


def main(wanted: Sequence[Jar], what: str) -> int:
    """Fetch jars into the configured folder; return the exit code. The arguments are those of `verified_jars`."""
    try:
        for path in verified_jars(Settings(), wanted, what, Console(stderr=True)):
            print(path)
    except RuntimeError as error:  # a JarsError, or no home folder
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(DELTA_JARS, DELTA))
