"""Split by time: training cohorts, an embargo, validation cohorts, an embargo, the untouched last mature cohort.

Random folds would put two snapshots of one customer, or two overlapping outcome windows, on both sides of the
line; the measured AUC would then be one that nobody can have in production (see `temporal_split`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import islice

# Column of the training frame: the day from which on everything in the row was known.
KNOWN_AT = "known_at"


class NotEnoughHistory(ValueError):
    """There are too few mature cohorts for a training, an embargo, a validation and a test part.

    Attributes:
        more_months: how many further monthly cohorts must mature before a training is possible.
    """

    def __init__(self, message: str, more_months: int) -> None:
        super().__init__(message)
        self.more_months = more_months


@dataclass(frozen=True)
class Split:
    """The as_of dates of each part, ascending.

    A part may share cohorts with train; its rows there are scored crosswise, by models that have not seen their
    customers (see learner.py). Where validation and test share one, each has half of its customers.

    Attributes:
        train: cohorts that transformation and model are fitted on.
        validation: cohorts that choose and calibrate; see `selection` and `calibration`.
        test: the last mature cohort, looked at once.
        horizon: gap plus outcome window: the time between parts that share no cohort.
        embargo: cohorts whose outcomes were open when validation began, and known when the test cohort did.
        compared: once refitted: the train cohorts of the candidates when they were compared; else empty.
        forget: the world has just changed: of several memories the best is taken; see `choice.remembered`.
    """

    train: tuple[date, ...]
    validation: tuple[date, ...]
    test: date
    horizon: timedelta
    embargo: tuple[date, ...] = ()
    compared: tuple[date, ...] = ()
    forget: bool = False

    @property
    def cohorts(self) -> list[date]:
        """Of all parts, ascending."""
        return sorted({*self.train, *self.embargo, *self.validation, self.test})

    @property
    def out_of_time(self) -> bool:
        """Whether the test cohort lies after everything that was learned from."""
        return self.test not in self.train

    @property
    def halved(self) -> bool:
        """Whether the test cohort chooses and calibrates, too: by one half of its customers, and the other tests."""
        return self.test in self.validation

    def unhalved(self) -> "Split":
        """The cohort before the newest, if there is one, chooses and calibrates instead; all of the newest tests."""
        return replace(self, validation=self.train[-2:-1]) if len(self.train) > 1 else self

    def refitted(self) -> "Split":
        """Once everything is chosen: train grown by the cohorts whose outcomes have become known until the test.

        Itself where train has them all.
        """
        known = tuple(day for day in self.cohorts if day != self.test or not self.out_of_time)
        return self if known == self.train else replace(self, train=known, embargo=(), compared=self.train)

    @property
    def short_history(self) -> bool:
        """Whether validation had to share the cohorts of train because there are no later ones before the test."""
        return self.validation == self.train

    @property
    def selection(self) -> tuple[date, ...]:
        """Cohorts on which the candidate is chosen: all of validation but the last, if there are two or more."""
        return self.validation if self.short_history else self.validation[:-1] or self.validation

    @property
    def calibration(self) -> tuple[date, ...]:
        """Cohorts on which probabilities are calibrated: the last of validation.

        With a single validation cohort it is also the selection part; the bias of choosing one of a handful of
        candidates and then fitting two calibration numbers on the same rows is small against losing a cohort.
        """
        return self.validation if self.short_history else self.validation[-1:]

    @property
    def parts(self) -> dict[str, tuple[date, ...]]:
        """Dates of each part that has some."""
        found = {
            "train": self.train,
            "compared": self.compared,
            "selection": self.selection,
            "calibration": self.calibration,
            "test": (self.test,),
        }
        return {name: days for name, days in found.items() if days}

    def as_dict(self) -> dict[str, list[str]]:
        """`parts` as ISO dates, for logs and metadata."""
        return {name: [day.isoformat() for day in days] for name, days in self.parts.items()}


def recent_split(
    as_of_dates: Sequence[date], gap_days: int, outcome_days: int, since: date | None = None
) -> Split:
    """For a world that has changed: everything up to the newest mature cohort teaches, chooses and tests crosswise.

    A split by time would learn from nothing younger than two horizons, from the world as it was. Here the test is
    out of sample (other customers) but not out of time; nothing later has matured yet. An alarm may come when only
    the newest cohort is of the changed world: what to forget is then to be seen in no other, so half of its customers
    choose and calibrate. Once the old world is forgotten the cohort before the newest does that.

    Args:
        as_of_dates: as_of dates of cohorts whose labels are all settled; any order, duplicates are ignored.
        gap_days, outcome_days: the windows of the label, whole days.
        since: the first cohort that the champion has learned from, when it has forgotten the world before; None: what
            is to be forgotten has to be found out.

    Raises:
        NotEnoughHistory: there is no such cohort.
    """
    days = sorted(day for day in set(as_of_dates) if since is None or day >= since)
    if not days:
        raise NotEnoughHistory("no mature cohort: a training takes one at the least.", 1)
    horizon = timedelta(days=gap_days + outcome_days)
    chooses = days[-1] if since is None or len(days) == 1 else days[-2]
    return Split(tuple(days), (chooses,), days[-1], horizon, forget=since is None)


def temporal_split(
    as_of_dates: Sequence[date],
    gap_days: int,
    outcome_days: int,
    validation_cohorts: int = 2,
    minimum_train_cohorts: int = 2,
) -> Split:
    """Divide mature cohorts by time so that no outcome of an earlier part is still open when a later part starts.

    The outcome of a cohort `a` is known on `a + gap + outcome`. A cohort may train only if that day is not after the
    first validation cohort, and may validate only if it is not after the test cohort; cohorts in between are the
    embargo: those before validation teach when the chosen model is refitted, those after it nothing. While history is
    short, validation shrinks (down to one cohort) before training falls below its minimum. When it is too short even
    for that, as in the first year of a long outcome window, the train cohorts themselves choose and calibrate,
    crosswise by customer; the test stays the same.

    Args:
        as_of_dates: as_of dates of cohorts whose labels are all settled; any order, duplicates are ignored.
        gap_days, outcome_days: the windows of the label, whole days.
        validation_cohorts: wanted number of validation cohorts.
        minimum_train_cohorts: fewest cohorts worth training on.

    Raises:
        NotEnoughHistory: no such split exists; names the number of months that are missing.
        ValueError: a window or a count is out of range.
    """
    if gap_days < 0 or outcome_days < 1 or validation_cohorts < 1 or minimum_train_cohorts < 1:
        raise ValueError(
            f"gap_days={gap_days}, outcome_days={outcome_days}, validation_cohorts={validation_cohorts}, "
            f"minimum_train_cohorts={minimum_train_cohorts}: the gap may be 0, all others must be at least 1"
        )
    days = sorted(set(as_of_dates))
    horizon = timedelta(days=gap_days + outcome_days)
    found = _split(days, horizon, validation_cohorts, minimum_train_cohorts) or _without_validation(
        days, horizon
    )
    if found:
        return found
    missing = _months_missing(days, horizon)
    have = f"{len(days)} mature cohorts ({days[0]} to {days[-1]})" if days else "no mature cohort"
    raise NotEnoughHistory(
        f"{have}: a training needs at least one training and one test cohort, with {horizon.days} days (gap + outcome) "
        f"between them; {missing} more monthly cohorts must mature. "
        "Wait, load older extracts, or shorten the windows in churn.yaml.",
        missing,
    )


def _split(
    days: Sequence[date], horizon: timedelta, validation_cohorts: int, minimum_train: int
) -> Split | None:
    if not days:
        return None
    test = days[-1]
    closed = [day for day in days if day + horizon <= test]
    for count in range(min(validation_cohorts, len(closed)), 0, -1):
        validation = closed[-count:]
        train = [day for day in days if day + horizon <= validation[0]]
        if len(train) >= minimum_train:
            embargo = tuple(day for day in closed if train[-1] < day < validation[0])
            return Split(tuple(train), tuple(validation), test, horizon, embargo)
    return None


def _without_validation(days: Sequence[date], horizon: timedelta) -> Split | None:
    train = tuple(day for day in days if days and day + horizon <= days[-1])
    return Split(train, train, days[-1], horizon) if train else None


def _months_missing(days: Sequence[date], horizon: timedelta) -> int:
    """Months to append after the last cohort until a split exists."""
    longer = list(days)
    enough = 1 + horizon.days // 28 + 2
    for count, month_end in enumerate(
        islice(_month_ends(longer[-1] if longer else date(2000, 1, 31)), enough), 1
    ):
        longer.append(month_end)
        if _without_validation(longer, horizon):
            return count
    raise AssertionError(f"no split within {enough} further months for a horizon of {horizon.days} days")


def _month_ends(after: date) -> Iterator[date]:
    """Endless month ends after a date."""
    first = date(after.year, after.month, 1)
    while True:
        first = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        yield following - timedelta(days=1)
