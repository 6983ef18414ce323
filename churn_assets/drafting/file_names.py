"""What the names of files and folders state: the source, and the day, week, month or year of the extract."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from churn_assets.drafting.doubt import Doubt, DraftError
from churn_assets.drafting.names import source_name
from churn_assets.drafting.origin import SampledOrigin
from churn_assets.months import month_end
from churn_assets.sources.landing import EXTRACT

# English and German names of months, whole or cut, in their order.
_MONTHS = (
    "jan(?:uary|uar)?", "feb(?:ruary|ruar)?", "mar(?:ch)?|m[aä]e?rz|mrz", "apr(?:il)?", "may|mai", "june?|juni",
    "july?|juli", "aug(?:ust)?", "sept?(?:ember)?", "o[ck]t(?:ober)?", "nov(?:ember)?", "de[cz](?:ember)?",
)  # fmt: skip
_NAMED_MONTH = rf"(?<![^\W\d_])({'|'.join(_MONTHS)})"
_SPARK_TASK = r"(?:-[0-9a-f]{8}-[0-9a-f-]{27}\S*)?"
_YEAR = r"((?:19|20)\d\d)"


@dataclass(frozen=True)
class DayInName:
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
        in_folder = self.landed or (
            self.day and not self.is_cut and day_in_name(stem_of(self.path)).day is None
        )
        return f"{self.path.parent.name}/{self.path.name}" if in_folder else self.path.name


@dataclass(frozen=True)
class FileGroup:
    """The files of one source, oldest first; `folder` is the landing folder that they are in already.

    `origin` is the living source that they are a sample of.
    """

    name: str
    files: tuple[GivenFile, ...]
    folder: str | None = None
    origin: SampledOrigin | None = None


class FoundOrigins(NamedTuple):
    """Living sources as groups of sampled files, and what to tell of them."""

    groups: list[FileGroup]
    doubts: list[Doubt]


def day_in_name(stem: str) -> DayInName:
    """Returns what a file's name without its ending states; `sales_2024-01`, `sales-202401`, `2024W05`, `jan 2024`."""
    for pattern, period, last_day, year_last in _PATTERNS:
        for found in re.finditer(rf"(?<!\d){pattern}(?!\d)", stem, re.IGNORECASE):
            try:
                day = last_day(*(reversed(found.groups()) if year_last else found.groups()))
            except ValueError:
                continue
            rest = f"{stem[: found.start()]} {stem[found.end() :]}"
            return DayInName(re.sub(r"[\s_.\-]+", "_", rest).strip("_"), day, period)
    return DayInName(stem, None)


def _day(year: str, month: str, day: str) -> date:
    return date(int(year), int(month), int(day))


def _month(year: str, month: str) -> date:
    if not 1 <= int(month) <= 12:
        raise ValueError(f"no month {month}")
    return month_end(f"{year}-{int(month):02d}")


def _named_month(year: str, name: str) -> date:
    found = next(at for at, pattern in enumerate(_MONTHS, 1) if re.fullmatch(pattern, name, re.IGNORECASE))
    return _month(year, str(found))


def _week(year: str, week: str) -> date:
    return date.fromisocalendar(int(year), int(week), 7)


def _quarter(year: str, quarter: str) -> date:
    return _month(year, str(3 * int(quarter)))


# pattern, what it states, its last day, and whether the year stands last
_PATTERNS: tuple[tuple[str, str, Callable[..., date], bool], ...] = (
    (rf"{_YEAR}[-_.]?(\d\d)[-_.]?(\d\d)(?:[T_-]?\d{{4,6}})?", "day", _day, False),
    (rf"(\d\d)[-_.](\d\d)[-_.]{_YEAR}", "day", _day, True),
    (rf"{_YEAR}[-_.]?[WwKk]{{1,2}}(\d\d?)", "week", _week, False),
    (rf"{_YEAR}[-_.]?[Qq]([1-4])", "quarter", _quarter, False),
    (rf"{_YEAR}[-_.]?(\d\d)", "month", _month, False),
    (rf"(\d\d)[-_.]{_YEAR}", "month", _month, True),
    (rf"{_NAMED_MONTH}[-_. ]?{_YEAR}", "month", _named_month, True),
    (rf"{_YEAR}[-_. ]?{_NAMED_MONTH}(?![^\W\d_])", "month", _named_month, False),
    (rf"(?<!\d[-_.]){_YEAR}(?![-_.]?\d)", "year", lambda year: _month(year, "12"), False),
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
            said = day_in_name(stem_of(path))
            if said.day is None and (above := day_in_name(path.parent.name)).day:
                said = DayInName(said.stem, above.day, above.period)
            stem = said.stem if re.search(r"[^\W\d_]", said.stem) else path.parent.name
            name = source_name(without_counter(stem) or path.parent.name)
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


def without_counter(stem: str) -> str:
    """Returns the name without the number of a part: `sales_01`, `sales-part-1`, Spark's `part-00000-...`."""
    return re.sub(
        rf"(?:^|[\s_.-]+)(?:(?:part|teil|chunk)[\s_.-]*\d*{_SPARK_TASK}|\d+)$", "", stem, flags=re.IGNORECASE
    )


def _within(folder: Path) -> list[Path]:
    """All files of a folder and of those in it, sorted; links to folders are not followed.

    Raises:
        DraftError: one of the folders cannot be opened, so that files would be left out.
    """

    def refuse(error: OSError) -> None:
        raise DraftError(
            f"{error.filename} cannot be opened: {error.strerror}. Change its rights, or leave it out."
        )

    walk = os.walk(folder, onerror=refuse)
    return sorted(Path(place, name) for place, _, names in walk for name in names)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.exists():
            variable = re.fullmatch(r"[A-Z][A-Z0-9_]*", str(path))
            hint = f" A variable that holds an address is written '${{{path}}}'." if variable else ""
            raise DraftError(f"{path}: there is no such file or folder.{hint}")
        for file in _within(path) if path.is_dir() else [path]:
            hidden = any(part.startswith((".", "_")) for part in file.relative_to(path).parts)
            if file.is_file() and not hidden and file.suffix != ".part":
                yield file.absolute()
