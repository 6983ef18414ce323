"""Names of files in a foreign folder: where their date stands, and the pattern of the names of one source."""

import re
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath

from churn_assets.contracts.folder import NamePattern
from churn_assets.drafting.file_names import without_counter
from churn_assets.drafting.names import source_name

_YEAR, _MONTH, _DAY = r"(?:19|20)\d\d", r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
_END = r"(?=\d{4}(?:\d\d)?(?!\d)|(?!\d))"  # a time of day may follow
# Where the date stands, and its letters; the first that a name has counts.
_DATES = (
    (rf"(?<!\d){_YEAR}([-_./]?){_MONTH}\1{_DAY}{_END}", "yyyy{0}MM{0}dd"),
    (rf"year={_YEAR}(/)month={_MONTH}/day={_DAY}(?!\d)", "year=yyyy{0}month=MM{0}day=dd"),
    (rf"(?<!\d){_DAY}([-_.]){_MONTH}\1{_YEAR}(?!\d)", "dd{0}MM{0}yyyy"),
    (rf"(?<!\d){_YEAR}([-_./]?){_MONTH}(?!\d)", "yyyy{0}MM"),
    (rf"year={_YEAR}(/)month={_MONTH}(?!\d)", "year=yyyy{0}month=MM"),
    (rf"(?<!\d){_MONTH}([-_.]){_YEAR}(?!\d)", "MM{0}yyyy"),
)


@dataclass(frozen=True)
class DatedName:
    """A name below a folder.

    Attributes:
        name: as the store tells it.
        pattern: of it and of those that differ in date and numbers alone.
        day: the extract date in it.
        period: `day` or `month`.
        source, longer: names for its source, from its last part and from all of it.
    """

    name: str
    pattern: str
    day: date
    period: str
    source: str
    longer: str

    @classmethod
    def of(cls, name: str, folder: str) -> "DatedName | None":
        """Returns a name with its date; None if it tells none of a day or month that a pattern can say.

        Args:
            name: below the folder.
            folder: the name of the folder, for names of dates and numbers alone.
        """
        if re.search(r"[{}*]", name):
            return None
        for pattern, letters in _DATES:
            if (found := re.search(pattern, name)) is None:
                continue
            before, after = name[: found.start()], name[found.end() :]
            date_part = re.sub(r"yyyy|MM|dd", lambda part: f"{{{part[0]}}}", letters.format(found[1]))
            if "=" not in letters and found[1] != "/":
                date_part = f"{{{letters.format(found[1])}}}"
            whole = f"{_numberless(before)}{date_part}{_numberless(after)}"
            try:
                day = NamePattern.of(whole).date_of(name)
            except ValueError:  # a day that does not exist
                continue
            if day is None:
                continue
            path = PurePosixPath(before + re.sub(r"^[T_-]?\d{4,6}(?!\d)", "", after))
            period = "day" if "dd" in letters else "month"
            short, long = _word(path.name), _word(str(path))
            return cls(
                name, whole, day, period, source_name(short or long or folder), source_name(long or folder)
            )
        return None


def _numberless(part: str) -> str:
    return re.sub(r"\d+", "*", part)


def _word(path: str) -> str:
    """The letters of a name without endings, numbers of parts and signs at its ends."""
    stem = re.sub(r"(^|/)[a-z_]+=(?=/|$)", "/", path)  # extract_date=, of which the date is cut out
    stem = re.sub(r"(\.[A-Za-z]{2,8}\d?){1,2}$", "", stem.strip("/").replace("/", "_"))
    word = without_counter(re.sub(r"[\s_.\-]+", "_", stem).strip("_"))
    return word if re.search(r"[^\W\d_]", word) else ""
