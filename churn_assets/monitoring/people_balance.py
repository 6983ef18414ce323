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
from churn_assets.monitoring.people_merges import followed, with_survivors
from churn_assets.months import add_months, month_end, month_of, month_range
from churn_assets.silver.customer_keys import MERGED_INTO

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

ALL = "all sources"
# if a customer has several states, the first of these counts: one running spell makes a customer
STATES = ("now", "unknown", "disappeared", "merged", "ended", "not yet")
OPEN = ("now", "unknown")


@dataclass(frozen=True)
class PeopleBalance:
    """People of one source (or of all) at the end of a month.

    Attributes:
        former: customers, or unknown, at the end of the month before.
        new: those who were no customers then, and those who are first mentioned in this month.
        now, ended, merged, disappeared, unknown: what has become of them.
        keys: state -> customer_keys, for the states unknown, disappeared and merged.
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


def balance(
    source: str, month: str, before: "pd.Series", states: "pd.Series", inherited: "pd.Index | None" = None
) -> PeopleBalance:
    """Compares the states (customer_key -> state) at the end of a month with those of the month before.

    `inherited` are the survivors of merges in the month before. A survivor who has no state any more was a customer
    only by the merge, which was taken back; they count as ended.
    """
    import pandas as pd

    former = before.index[before.isin(OPEN)]
    if inherited is not None:
        alone = former.intersection(inherited).difference(states.index)
        states = pd.concat([states, pd.Series("ended", alone)]) if len(alone) else states
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
        columns += [MERGED_INTO if source.merged_into else None]
        columns += (
            [spell.started_on, spell.ended_on, spell.notice_on, spell.expires_on if self.lapse else None]
            if spell
            else []
        )
        self.columns = [c for c in dict.fromkeys(columns) if c is not None]
        self.newest = pd.DataFrame({c: [] for c in [*self.columns, "month", "into", "in_doubt"]})
        self.handed_over = pd.Series(dtype=object)  # customers of whom no key is left

    def add(self, month: str, rows: "pd.DataFrame") -> None:
        """Takes in the last versions of a month."""
        import pandas as pd

        told = [frame for frame in (self.newest, self._with_merges(rows).assign(month=month)) if len(frame)]
        if not told:
            return
        versions = pd.concat(told, ignore_index=True)
        replaced = versions.duplicated(list(self.source.silver_key), keep="last")
        self.newest = versions[~replaced]
        if "customer_key" not in self.source.silver_key:  # a key may be handed over to another customer
            before = pd.concat([self.handed_over, versions.loc[replaced, "customer_key"]]).drop_duplicates()
            self.handed_over = before[~before.isin(self.newest["customer_key"])]

    def _with_merges(self, rows: "pd.DataFrame") -> "pd.DataFrame":
        """Adds into (whom a row says that the customer was merged) and in_doubt (it was, and the row was refused)."""
        if not self.source.merged_into:
            return rows.assign(into=None, in_doubt=False)
        into = rows[MERGED_INTO].where(rows[MERGED_INTO] != rows["customer_key"])
        key = list(self.source.silver_key)
        before = self.newest.loc[self.newest["into"].notna() | self.newest["in_doubt"].astype(bool), key]
        if before.empty:
            return rows.assign(into=into, in_doubt=False)
        was_merged = rows[key].merge(before.assign(was=True), on=key, how="left")["was"].eq(True)
        in_doubt = rows["refused"].to_numpy(dtype=bool) & was_merged.to_numpy()
        return rows.assign(into=into, in_doubt=in_doubt)

    def merges(self) -> dict[str, str | None]:
        """Customer -> into whom the newest row says that they were merged; None where that row was refused."""
        if not self.source.merged_into:
            return {}
        told = self.newest["into"].notna() | self.newest["in_doubt"].astype(bool)
        frame = self.newest[self.newest["customer_key"].isin(self.newest.loc[told, "customer_key"])]
        newest = frame[frame["month"] == frame.groupby("customer_key")["month"].transform("max")]
        doubtful = newest.loc[newest["in_doubt"].astype(bool), "customer_key"]
        merged = newest[newest["into"].notna()].groupby("customer_key")["into"].max()
        return dict.fromkeys(doubtful) | merged.to_dict()

    def customers(self, month: str) -> "pd.DataFrame":
        """customer_key -> state, absent (from all that a `full` source delivered) and handed_over, at the month's end.

        A customer is handed_over, and has ended here, if all of their rows now name another customer. A spell source
        also gives the `first` day, and `stays`: whether a spell runs and is not in notice.
        """
        import numpy as np
        import pandas as pd

        frame, source = self.newest, self.source
        if frame.empty:
            columns = ("state", "absent", "handed_over", "first")
            nothing = {name: pd.Series(dtype=object) for name in columns}
            return pd.DataFrame(nothing | {"stays": pd.Series(dtype=bool)})
        refused = frame["refused"].to_numpy(dtype=bool)
        last = max((m for m in self.delivered if m <= month), default="")
        absent = (
            (frame["month"] < last).to_numpy() if source.delivery == "full" else np.zeros(len(frame), bool)
        )
        none = np.zeros(len(frame), dtype=bool)
        ended, begun = none, ~none
        into = self.merges()
        heirs = followed(into, set(frame["customer_key"])) if into else {}
        merged = frame["customer_key"].isin([who for who, heir in heirs.items() if heir]).to_numpy()
        in_doubt = frame["customer_key"].isin([who for who, heir in heirs.items() if not heir]).to_numpy()
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
        cases = [~begun, merged, ended, gone, in_doubt, refused]
        names = ("not yet", "merged", "ended", "disappeared", "unknown", "unknown")
        rank = np.select(cases, [STATES.index(name) for name in names], 0)
        of = frame[["customer_key"]].assign(rank=rank, absent=absent).groupby("customer_key")
        found = of.agg(rank=("rank", "min"), absent=("absent", "min"))
        found = found.assign(state=found["rank"].map(dict(enumerate(STATES))), handed_over=False)
        if source.spell is not None:
            found = self._with_stays(found, month, rank == 0, begun)
        if self.handed_over.empty:
            return found
        ended_here = {"state": "ended", "handed_over": True, "stays": False}
        return pd.concat([found, pd.DataFrame(ended_here, pd.Index(self.handed_over))])

    def _with_stays(
        self, found: "pd.DataFrame", month: str, runs: "np.ndarray[Any, Any]", begun: "np.ndarray[Any, Any]"
    ) -> "pd.DataFrame":
        """Adds whether a customer has a spell that runs and is not in notice, and the first day of any."""
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
        return found.assign(stays=told["stays"], first=told["first"])


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
        """customer_key -> state (active, or silent for `active_within_days`), first day, stays.

        Corrections are not applied, so nobody who is asked is missing here.
        """
        import numpy as np

        day, within = np.datetime64(month_end(month)), self.eligibility.active_within_days
        over = np.zeros(len(self.days), bool)
        if within is not None:
            over |= (day - self.days["last"]).to_numpy() >= np.timedelta64(within, "D")
        return self.days.assign(state=np.where(over, "ended", "now"), stays=~over)


def _days(values: "pd.Series") -> "pd.Series":
    """Days of dates or moments, without time zone; to the second, since a nanosecond ends with the year 2262."""
    import numpy as np
    import pandas as pd

    if values.dtype == object:  # dates
        days = np.array([None if pd.isna(day) else day for day in values], dtype="datetime64[D]")
        return pd.Series(days.astype("datetime64[s]"), values.index)
    moments = values.dt.tz_convert(None) if values.dt.tz is not None else values
    return moments.astype("datetime64[s]").dt.floor("D")


def _of_all(
    told: "Mapping[str, pd.DataFrame]", business: Business, heirs: Mapping[str, str | None], month: str
) -> "pd.DataFrame":
    """Customer of the label source -> state, after what the entities say of those who have not ended, and eligible.

    `heirs`: see `followed`.
    """
    import numpy as np

    of_label = told[business.label_source.name]
    people = with_survivors(of_label, heirs, STATES) if heirs else of_label
    states = people["state"].copy()
    staying = going_on = ~states.isin(("ended", "not yet"))
    listing = [s for s in business.tells_who_is_gone if s.name in told]
    absent = None
    for source in (s for s in listing if s.delivery == "full"):
        said = told[source.name]["absent"].reindex(states.index)  # null: never listed, so it says nothing
        nowhere, ever = said.ne(False), said.notna()
        absent = (nowhere, ever) if absent is None else (absent[0] & nowhere, absent[1] | ever)
    if absent is not None:
        gone = absent[0] & absent[1]
        states[states.isin(OPEN) & gone] = "disappeared"
        staying = going_on & ~gone
    if heirs:
        merged = states.index.isin([who for who, heir in heirs.items() if heir])
        in_doubt = states.index.isin([who for who, heir in heirs.items() if not heir])
        states[staying & in_doubt] = "unknown"
        states[going_on & merged] = "merged"
        if "handed_over" in of_label:  # to the survivor
            states[of_label["handed_over"].reindex(states.index).eq(True) & merged] = "merged"
    tenure = np.datetime64(month_end(month)) - people["first"].astype("datetime64[s]")
    long = tenure >= np.timedelta64(business.file.eligibility.min_tenure_days, "D")
    return states.to_frame("state").assign(eligible=people["stays"].eq(True) & long & (states == "now"))


def people_states(
    business: Business,
    read: "Callable[[Source, str, Sequence[str]], pd.DataFrame]",
    extracts: Extracts,
    first_month: str,
    last_month: str,
) -> "Iterator[tuple[str, dict[str, pd.DataFrame], pd.Index]]":
    """Month by month: source (and ALL) -> `state` of each customer at its end, of ALL also `eligible`; and survivors.

    Args:
        business: whose people.
        read: (source, month, columns) -> the last versions of that month in silver; of an event source customer_key,
            `first` and `last`: the days of the events that became known and that the label counts.
        extracts: see `history.presence`.
        first_month: the first month wanted; those before it are read, too.
        last_month: the last month wanted.
    """
    import pandas as pd

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
        merging = [known for known in kept.values() if isinstance(known, _Keys) and known.source.merged_into]
        into: dict[str, str | None] = {}
        for known in merging:
            into |= {who: heir for who, heir in known.merges().items() if heir or who not in into}
        listed = {who for known in merging if into for who in known.newest["customer_key"]}
        heirs = followed(into, listed)
        survivors = pd.Index([heir for heir in heirs.values() if heir])
        yield month, told | {ALL: _of_all(told, business, heirs, month)}, survivors


def balances(
    business: Business,
    read: "Callable[[Source, str, Sequence[str]], pd.DataFrame]",
    extracts: Extracts,
    months: Sequence[str],
) -> "Iterator[tuple[list[PeopleBalance], pd.DataFrame]]":
    """For each of the months: a balance per source and one of all; and of all customers `state` and `eligible`."""
    import pandas as pd

    before: dict[str, pd.DataFrame] = {}
    inherited: pd.Index | None = None
    # each month is compared with the one before it
    first, last = add_months(min(months), -1), max(months)
    nobody = pd.DataFrame({"state": pd.Series(dtype=object)})
    for month, people, survivors in people_states(business, read, extracts, first, last):
        if month in months:
            rows = [
                balance(
                    name,
                    month,
                    before.get(name, nobody)["state"],
                    told["state"],
                    inherited if name == ALL else None,
                )
                for name, told in people.items()
            ]
            yield rows, people[ALL]
        before, inherited = people, survivors
