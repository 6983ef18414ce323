"""Which files belong to which source, and which day their names state."""

import calendar
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from churn_assets.drafting.doubt import DraftError
from churn_assets.drafting.names import source_name
from churn_assets.sources.landing import EXTRACT

_MONTHS = {
    **dict(
        zip(
            ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
            range(1, 13),
            strict=True,
        )
    ),
    "mrz": 3,
    "maerz": 3,
    "mai": 5,
    "okt": 10,
    "dez": 12,
}
_NAMED_MONTH = rf"({'|'.join(_MONTHS)})[a-z]*"
_YEAR = r"((?:19|20)\d\d)"


@dataclass(frozen=True)
class Named:
    """What the name of a file states: the rest of the name, and the last day of its day, week, month or year."""

    stem: str
    day: date | None
    period: str = ""


@dataclass(frozen=True)
class GivenFile:
    """One file, the day on which it was extracted if its folder or name states one, and what that day is."""

    path: Path
    day: date | None
    period: str = ""
    landed: bool = False

    @property
    def is_cut(self) -> bool:
        """Whether it is only the part of a file that belongs to one month."""
        return self.period == "cut"

    @property
    def name(self) -> str:
        """Its name, with the folder of its extract."""
        in_folder = self.landed or (self.day and not self.is_cut and named(stem_of(self.path)).day is None)
        return f"{self.path.parent.name}/{self.path.name}" if in_folder else self.path.name


@dataclass(frozen=True)
class FileGroup:
    """The files of one source, oldest first; `folder` is the landing folder that they are in already."""

    name: str
    files: tuple[GivenFile, ...]
    folder: str | None = None


def named(stem: str) -> Named:
    """Returns what a file's name without its ending states; `sales_2024-01`, `sales-202401`, `2024W05`, `jan 2024`."""
    for pattern, period, last_day in _PATTERNS:
        for found in re.finditer(rf"(?<!\d){pattern}(?!\d)", stem, re.IGNORECASE):
            try:
                day = last_day([part.lower() for part in found.groups()])
            except ValueError:
                continue
            rest = f"{stem[: found.start()]} {stem[found.end() :]}"
            return Named(re.sub(r"[\s_.\-]+", "_", rest).strip("_"), day, period)
    return Named(stem, None)


def _month_end(year: int, month: int) -> date:
    if not 1 <= month <= 12:
        raise ValueError(f"no month {month}")
    return date(year, month, calendar.monthrange(year, month)[1])


_PATTERNS = (
    (
        rf"{_YEAR}[-_.]?(\d\d)[-_.]?(\d\d)(?:[T_-]?\d{{4,6}})?",
        "day",
        lambda p: date(int(p[0]), int(p[1]), int(p[2])),
    ),
    (rf"(\d\d)[-_.](\d\d)[-_.]{_YEAR}", "day", lambda p: date(int(p[2]), int(p[1]), int(p[0]))),
    (rf"{_YEAR}[-_.]?[WwKk]{{1,2}}(\d\d?)", "week", lambda p: date.fromisocalendar(int(p[0]), int(p[1]), 7)),
    (rf"{_YEAR}[-_.]?[Qq]([1-4])", "quarter", lambda p: _month_end(int(p[0]), 3 * int(p[1]))),
    (rf"{_YEAR}[-_.]?(\d\d)", "month", lambda p: _month_end(int(p[0]), int(p[1]))),
    (rf"(\d\d)[-_.]{_YEAR}", "month", lambda p: _month_end(int(p[1]), int(p[0]))),
    (rf"{_NAMED_MONTH}[-_. ]?{_YEAR}", "month", lambda p: _month_end(int(p[1]), _MONTHS[p[0]])),
    (rf"{_YEAR}[-_. ]?{_NAMED_MONTH}", "month", lambda p: _month_end(int(p[0]), _MONTHS[p[1]])),
    (rf"(?<!\d[-_.]){_YEAR}(?![-_.]?\d)", "year", lambda p: date(int(p[0]), 12, 31)),
)


def stem_of(path: Path) -> str:
    """Returns the name without the endings of format and compression."""
    name = path.name
    for _ in range(2):
        if re.fullmatch(r"\.[A-Za-z]{2,8}\d?", ending := Path(name).suffix):
            name = name.removesuffix(ending)
    return name


def group_files(paths: Iterable[Path]) -> list[FileGroup]:
    """Returns the sources that the files and folders hold, sorted by name.

    A folder `<source>/extract_date=YYYY-MM-DD/` names both. Other files of one name apart from their dates are one
    source; a file that is called by its date alone belongs to its folder.

    Raises:
        DraftError: a path does not exist, or there is no file.
    """
    groups: dict[str, list[GivenFile]] = {}
    folders: dict[str, str] = {}
    for path in _files(paths):
        extract = EXTRACT.fullmatch(path.parent.name)
        if extract:
            folder = path.parent.parent.name
            name = source_name(folder)
            folders[name] = folder
            file = GivenFile(path, date.fromisoformat(extract[1]), "extract", landed=True)
        else:
            said = named(stem_of(path))
            if said.day is None and (above := named(path.parent.name)).day:
                said = Named(said.stem, above.day, above.period)
            stem = said.stem if re.search(r"[^\W\d_]", said.stem) else path.parent.name
            name = source_name(re.sub(r"[\s_.-]*\b(?:part|teil|chunk)?[\s_.-]*\d*$", "", stem) or stem)
            file = GivenFile(path, said.day, said.period)
        groups.setdefault(name, []).append(file)
    if not groups:
        raise DraftError(
            "There is no file to draft from. Name files, or folders that hold some, after --from."
        )
    far = date.max - timedelta(days=1)
    return [
        FileGroup(name, tuple(sorted(files, key=lambda f: (f.day or far, f.name))), folders.get(name))
        for name, files in sorted(groups.items())
    ]


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.exists():
            raise DraftError(f"{path}: there is no such file or folder.")
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in found:
            hidden = any(part.startswith((".", "_")) for part in file.relative_to(path).parts)
            if file.is_file() and not hidden and file.suffix != ".part":
                yield file.absolute()
