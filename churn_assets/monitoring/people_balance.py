"""Counts people from one month end to the next, from silver alone.

former + new = now + ended + merged + disappeared + unknown. It shares no code with the population of the features, so
that each can be held against the other.

Silver is read month by month: what is known of a key is its last version of the newest month that has one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.history.knowledge import spell_of
from churn_assets.history.presence import Extracts
from churn_assets.months import add_months, month_end, month_of, month_range

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

ALL = "all sources"
# of several states of a customer the first counts: whoever has one running spell is a customer
STATES = ("now", "unknown", "disappeared", "merged", "ended", "not yet")
OPEN = ("now", "unknown")


@dataclass(frozen=True)
class PeopleBalance:
    """People of one source (or of all) at the end of a month.

    Attributes:
        former: customers, or unknown, at the end of the month before.
        new: those who were not, and those of whom the month tells for the first time.
        now, ended, merged, disappeared, unknown: what has become of them.
        keys: customer_keys by state, for those who are not told to stay or to leave.
    """

    source: str
    as_of_date: date
    former: int
    new: int
    now: int
    ended: int
    merged: int
    disappeared: int
    unknown: int
    keys: Mapping[str, list[str]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def people(self) -> int:
        """former + new."""
        return self.former + self.new

    @property
    def balances(self) -> bool:
        """Whether everybody is accounted for."""
        found = self.now + self.ended + self.merged + self.disappeared + self.unknown
        return self.people == found

    def row(self) -> dict[str, Any]:
        """The row of monitoring/people_balance, without snapshots."""
        return {k: v for k, v in asdict(self).items() if k != "keys"}


def balance(source: str, month: str, before: "pd.Series", states: "pd.Series") -> PeopleBalance:
    """Compares the states (customer_key -> state) at the end of a month with those of the month before."""
    former = before.index[before.isin(OPEN)]
    known = before.index[before != "not yet"]
    begun = states[states != "not yet"]
    new = begun.index[begun.isin(OPEN) | ~begun.index.isin(known)].difference(former)
    told = states[states.index.isin(former.union(new))].replace("not yet", "ended")
    counts = told.value_counts()
    return PeopleBalance(
        source,
        month_end(month),
        former=len(former),
        new=len(new),
        keys={s: sorted(told.index[told == s]) for s in ("unknown", "disappeared", "merged")},
        **{state: int(counts.get(state, 0)) for state in STATES[:5]},
    )


class _Keys:
    """The newest version of each key of an entity or spell source, month after month."""

    def __init__(self, source: Source, business: Business, extracts: Extracts) -> None:
        import pandas as pd

        self.source, self.lapse = source, business.file.label.policy == "lapse"
        self.eligibility = business.file.eligibility
        self.delivered = [month_of(day) for day in extracts.get(source.name, ())]
        spell, former = source.spell, source.former
        columns = ["customer_key", *source.silver_key, "refused", former.column if former else None]
        columns += ["merged_into_key" if source.merged_into else None]
        columns += (
            [spell.started_on, spell.ended_on, spell.notice_on, spell.expires_on if self.lapse else None]
            if spell
            else []
        )
        self.columns = [c for c in dict.fromkeys(columns) if c is not None]
        self.newest = pd.DataFrame({c: [] for c in [*self.columns, "month"]})

    def add(self, month: str, rows: "pd.DataFrame") -> None:
        """Takes in the last versions of a month."""
        import pandas as pd

        told = [frame for frame in (self.newest, rows.assign(month=month)) if len(frame)]
        if told:
            self.newest = pd.concat(told, ignore_index=True).drop_duplicates(
                list(self.source.silver_key), keep="last"
            )

    def customers(self, month: str) -> "pd.DataFrame":
        """customer_key -> state, merged, absent (from all that a `full` source delivered), at the end of the month.

        Of a spell source also `eligible`: whether the customer should have a snapshot.
        """
        import numpy as np
        import pandas as pd

        frame, source = self.newest, self.source
        if frame.empty:
            nothing = {name: pd.Series(dtype=object) for name in ("state", "merged", "absent")}
            return pd.DataFrame(nothing | {"eligible": pd.Series(dtype=bool)})
        refused = frame["refused"].to_numpy(dtype=bool)
        last = max((m for m in self.delivered if m <= month), default="")
        absent = (
            (frame["month"] < last).to_numpy() if source.delivery == "full" else np.zeros(len(frame), bool)
        )
        none = np.zeros(len(frame), dtype=bool)
        merged, ended, begun = none, none, ~none
        if source.merged_into:
            merged = frame["merged_into_key"].notna().to_numpy()
        if source.former is not None:
            ended = frame[source.former.column].isin(source.former.values).to_numpy()
        gone = absent
        if source.spell is not None:
            end = _days(frame[source.spell.ended_on])
            if self.lapse and source.spell.expires_on:
                end = end.fillna(_days(frame[source.spell.expires_on]))
            day = np.datetime64(month_end(month))
            ended = (end <= day).to_numpy()
            begun = refused | (_days(frame[source.spell.started_on]) <= day).to_numpy()
            gone = absent & end.isna().to_numpy()
        cases = [~begun, merged, ended, gone, refused]
        rank = np.select(
            cases, [STATES.index(s) for s in ("not yet", "merged", "ended", "disappeared", "unknown")], 0
        )
        told = frame[["customer_key"]].assign(rank=rank, merged=merged, absent=absent, month=frame["month"])
        of = told.sort_values("month").groupby("customer_key")
        found = of.agg(rank=("rank", "min"), merged=("merged", "last"), absent=("absent", "min"))
        found["state"] = found["rank"].map(dict(enumerate(STATES)))
        return found if source.spell is None else self._with_eligible(found, month, rank == 0, begun)

    def _with_eligible(
        self, found: "pd.DataFrame", month: str, runs: "np.ndarray[Any, Any]", begun: "np.ndarray[Any, Any]"
    ) -> "pd.DataFrame":
        """Adds whether a customer is one long enough, and has a spell that runs and is not in notice."""
        import numpy as np

        frame, spell, day = self.newest, spell_of(self.source), np.datetime64(month_end(month))
        stays = runs
        if self.eligibility.exclude_in_notice:
            stays = runs & frame[spell.ended_on].isna().to_numpy()
            if spell.notice_on:
                stays &= ~(_days(frame[spell.notice_on]) <= day).to_numpy()
        first = _days(frame[spell.started_on]).where(begun)
        of = frame[["customer_key"]].assign(stays=stays, first=first).groupby("customer_key")
        told = of.agg(stays=("stays", "max"), first=("first", "min"))
        long = day - told["first"] >= np.timedelta64(self.eligibility.min_tenure_days, "D")
        return found.assign(eligible=told["stays"] & long)


class _Events:
    """First and last event of each customer, for a label by inactivity."""

    columns = ()

    def __init__(self, source: Source, business: Business) -> None:
        import pandas as pd

        self.source, self.eligibility = source, business.file.eligibility
        self.days = pd.DataFrame({name: pd.Series(dtype="datetime64[s]") for name in ("first", "last")})

    def add(self, month: str, rows: "pd.DataFrame") -> None:
        """Takes in customer_key, first and last day of the events that became known in a month."""
        import pandas as pd

        days = rows.set_index("customer_key")[["first", "last"]].apply(_days)
        told = [some for some in (self.days, days) if len(some)]
        if told:
            of = pd.concat(told).groupby(level=0)
            self.days = of.agg(first=("first", "min"), last=("last", "max"))

    def customers(self, month: str) -> "pd.DataFrame":
        """customer_key -> state (active, or silent for `active_within_days`), eligible.

        Corrections are not applied, so nobody who is asked is missing here.
        """
        import numpy as np

        day, within = np.datetime64(month_end(month)), self.eligibility.active_within_days
        over = np.zeros(len(self.days), bool)
        if within is not None:
            over |= (day - self.days["last"]).to_numpy() >= np.timedelta64(within, "D")
        long = day - self.days["first"] >= np.timedelta64(self.eligibility.min_tenure_days, "D")
        return self.days.assign(state=np.where(over, "ended", "now"), eligible=long)


def _days(values: "pd.Series") -> "pd.Series":
    """Days of dates or moments, without time zone; to the second, since a nanosecond ends with the year 2262."""
    import numpy as np
    import pandas as pd

    if values.dtype == object:  # dates
        days = np.array([None if pd.isna(day) else day for day in values], dtype="datetime64[D]")
        return pd.Series(days.astype("datetime64[s]"), values.index)
    moments = values.dt.tz_convert(None) if values.dt.tz is not None else values
    return moments.astype("datetime64[s]").dt.floor("D")


def _of_all(told: "Mapping[str, pd.DataFrame]", business: Business) -> "pd.DataFrame":
    """Customer of the label source -> state, after what the entities say of those who have not ended, and eligible."""
    of_label = told[business.label_source.name]
    states = of_label["state"].copy()
    going_on = ~states.isin(("ended", "not yet"))
    listing = [s for s in business.tells_who_is_gone if s.name in told]
    absent = None
    for source in (s for s in listing if s.delivery == "full"):
        said = told[source.name]["absent"].reindex(states.index)  # null: never listed, so it says nothing
        nowhere, ever = said.ne(False), said.notna()
        absent = (nowhere, ever) if absent is None else (absent[0] & nowhere, absent[1] | ever)
    if absent is not None:
        states[states.isin(OPEN) & absent[0] & absent[1]] = "disappeared"
    for source in (s for s in listing if s.merged_into):
        merged = told[source.name]["merged"].reindex(states.index).eq(True)
        states[going_on & merged] = "merged"
    return states.to_frame("state").assign(eligible=of_label["eligible"] & (states == "now"))


def people_states(
    business: Business,
    read: "Callable[[Source, str, Sequence[str]], pd.DataFrame]",
    extracts: Extracts,
    first_month: str,
    last_month: str,
) -> "Iterator[tuple[str, dict[str, pd.DataFrame]]]":
    """Month by month: source (and ALL) -> `state` of each customer at its end; of ALL also `eligible`.

    Args:
        business: whose people.
        read: (source, month, columns) -> the last versions of that month in silver; of an event source customer_key,
            `first` and `last`: the days of the events that became known and that the label counts.
        extracts: see `history.presence`.
        first_month: the first month wanted; those before it are read, too.
        last_month: the last month wanted.
    """
    label = business.label_source
    sources = business.of_role("entity", "spell")
    kept: dict[str, _Keys | _Events] = {s.name: _Keys(s, business, extracts) for s in sources}
    if label.name not in kept:
        kept[label.name] = _Events(label, business)
    for month in month_range(business.file.calendar.start, last_month):
        for known in kept.values():
            known.add(month, read(known.source, month, known.columns))
        if month < first_month:
            continue
        told = {name: known.customers(month) for name, known in kept.items()}
        yield month, told | {ALL: _of_all(told, business)}


def balances(
    business: Business,
    read: "Callable[[Source, str, Sequence[str]], pd.DataFrame]",
    extracts: Extracts,
    months: Sequence[str],
) -> "Iterator[tuple[list[PeopleBalance], pd.DataFrame]]":
    """For each of the months: a balance per source and one of all; and of all customers `state` and `eligible`."""
    import pandas as pd

    before: dict[str, pd.DataFrame] = {}
    # each month is compared with the one before it
    first, last = add_months(min(months), -1), max(months)
    nobody = pd.DataFrame({"state": pd.Series(dtype=object)})
    for month, people in people_states(business, read, extracts, first, last):
        if month in months:
            yield (
                [
                    balance(name, month, before.get(name, nobody)["state"], told["state"])
                    for name, told in people.items()
                ],
                people[ALL],
            )
        before = people
