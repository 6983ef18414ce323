"""Split by time: training cohorts, an embargo, validation cohorts, an embargo, the last mature cohort as test.

Random folds would put snapshots of one customer, or overlapping outcome windows, into both parts; the measured AUC
would then be higher than any in production (see `temporal_split`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import islice

# Column of the training frame: the day on which the last value of the row became known.
KNOWN_AT = "known_at"


class NotEnoughHistory(ValueError):
    """There are too few mature cohorts for a training, an embargo, a validation and a test part.

    Attributes:
        more_months: number of further monthly cohorts that must mature before a training is possible.
    """

    def __init__(self, message: str, more_months: int) -> None:
        super().__init__(message)
        self.more_months = more_months


@dataclass(frozen=True)
class Split:
    """The as_of dates of each part, ascending.

    A part may share cohorts with train; rows of these are scored crosswise, by models that have not learned from their
    customers (see learner.py). If validation and test share a cohort, each uses half of its customers.

    Attributes:
        train: cohorts that transformation and model are fitted on.
        validation: cohorts for choosing and calibrating; see `selection` and `calibration`.
        test: the last mature cohort, used once.
        horizon: gap plus outcome window: the time between parts that share no cohort.
        embargo: cohorts before validation whose outcomes were not known at its start, but at the test cohort.
        compared: after refitting: the train cohorts of the candidates when they were compared; else empty.
        forget: customer behaviour has just changed, so the best memory is taken; see `selection.remembered`.
        midmonth: as_of dates between the cohorts, ascending, whose snapshots may train; see `learned`.
    """

    train: tuple[date, ...]
    validation: tuple[date, ...]
    test: date
    horizon: timedelta
    embargo: tuple[date, ...] = ()
    compared: tuple[date, ...] = ()
    forget: bool = False
    midmonth: tuple[date, ...] = ()

    @property
    def cohorts(self) -> list[date]:
        """Cohorts of all parts, ascending."""
        return sorted({*self.train, *self.embargo, *self.validation, self.test})

    @property
    def learned(self) -> tuple[date, ...]:
        """The as_of dates that transformation and model are fitted on, ascending: train, and days of `midmonth`.

        Of these, the days after the first train cohort whose outcomes were known at the first later cohort of
        validation or test. If there is no later cohort, those before the test cohort.
        """
        later = min((day for day in (*self.validation, self.test) if day not in self.train), default=None)
        last = self.test if later is None else later - self.horizon
        return tuple(sorted({*self.train, *(day for day in self.midmonth if self.train[0] < day <= last)}))

    @property
    def learned_midmonth(self) -> tuple[date, ...]:
        """The days of `learned` that are no cohorts."""
        return tuple(day for day in self.learned if day not in self.train)

    def judging(self, days: Iterable[date]) -> list[date]:
        """Returns those of these as_of dates, ascending, that judge the model of this split out of time.

        They are later than the test cohort, and than all outcomes that it learned from.
        """
        known = max(self.learned) + self.horizon
        return sorted(day for day in days if day > self.test and day >= known)

    def with_midmonth(self, days: Iterable[date]) -> "Split":
        """Returns the split with those of these as_of dates that a training by it can learn from."""
        able = replace(self, midmonth=tuple(days)).refitted().learned_midmonth
        return replace(self, midmonth=able)

    @property
    def out_of_time(self) -> bool:
        """True if the test cohort is not a train cohort, so that it is later than all of them."""
        return self.test not in self.train

    @property
    def halved(self) -> bool:
        """True if the test cohort is also a validation cohort: half of its customers validate, the other half test."""
        return self.test in self.validation

    def unhalved(self) -> "Split":
        """Returns the split with the cohort before the newest, if any, as validation and the whole newest as test."""
        return replace(self, validation=self.train[-2:-1]) if len(self.train) > 1 else self

    def refitted(self) -> "Split":
        """Returns the split of the final fit: train has all cohorts whose outcomes were known at the test cohort.

        Returns itself if train already has them all.
        """
        known = tuple(day for day in self.cohorts if day != self.test or not self.out_of_time)
        return self if known == self.train else replace(self, train=known, embargo=(), compared=self.train)

    @property
    def short_history(self) -> bool:
        """True if validation uses the cohorts of train, because there are no later ones before the test."""
        return self.validation == self.train

    @property
    def selection(self) -> tuple[date, ...]:
        """Cohorts on which the candidate is chosen: all of validation except the last, if there are two or more."""
        return self.validation if self.short_history else self.validation[:-1] or self.validation

    @property
    def calibration(self) -> tuple[date, ...]:
        """Cohorts on which probabilities are calibrated: the last of validation.

        A single validation cohort is also the selection part. Choosing one of a few candidates and fitting two
        calibration parameters on the same rows adds little bias; losing a cohort would cost more.
        """
        return self.validation if self.short_history else self.validation[-1:]

    @property
    def parts(self) -> dict[str, tuple[date, ...]]:
        """Dates of each part that is not empty."""
        found = {
            "train": self.train,
            "compared": self.compared,
            "selection": self.selection,
            "calibration": self.calibration,
            "test": (self.test,),
        }
        return {name: days for name, days in found.items() if days}

    def as_dict(self) -> dict[str, list[str]]:
        """`parts` and, if there are any, `learned_midmonth` as ISO dates, for logs and metadata."""
        midmonth = {"midmonth": self.learned_midmonth} if self.learned_midmonth else {}
        return {name: [day.isoformat() for day in days] for name, days in (self.parts | midmonth).items()}


def recent_split(
    as_of_dates: Sequence[date], gap_days: int, outcome_days: int, since: date | None = None
) -> Split:
    """Split after a change of customer behaviour: train on all mature cohorts, choose and test crosswise on the newest.

    A split by time would learn only from cohorts at least two horizons old, from before the change. Here the test is
    out of sample (other customers) but not out of time, because no later cohort has matured. The change may show in the
    newest cohort only, so without `since` half of that cohort's customers choose and calibrate. With `since` the cohort
    before the newest chooses and calibrates, if there is one.

    Args:
        as_of_dates: as_of dates of cohorts whose labels are all settled; any order, duplicates are ignored.
        gap_days, outcome_days: the windows of the label, whole days.
        since: first train cohort of a champion that no longer uses cohorts from before the change; earlier cohorts are
            dropped. None: the training chooses which cohorts to drop (`forget`).

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
    first validation cohort, and may validate only if it is not after the test cohort. Cohorts in between are the
    embargo: those before validation are used when the chosen model is refitted, those after it are not used. With a
    short history, validation shrinks (down to one cohort) before training falls below its minimum. If the history is
    too short even for that, as in the first year of a long outcome window, the train cohorts also choose and calibrate,
    crosswise by customer; the test stays the same.

    Args:
        as_of_dates: as_of dates of cohorts whose labels are all settled; any order, duplicates are ignored.
        gap_days, outcome_days: the windows of the label, whole days.
        validation_cohorts: wanted number of validation cohorts.
        minimum_train_cohorts: fewest train cohorts of a split with separate validation cohorts.

    Raises:
        NotEnoughHistory: no such split exists; the message has the number of missing months.
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
    """Number of months to append after the last cohort until a split exists."""
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
    """Yields all month ends after the month of a date, without end."""
    first = date(after.year, after.month, 1)
    while True:
        first = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        yield following - timedelta(days=1)
