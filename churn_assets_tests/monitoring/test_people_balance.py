"""The balance of people: every customer is somewhere, from one month end to the next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.contracts.source import Source
from churn_assets.monitoring.people_balance import ALL, PeopleBalance, balances
from churn_assets.months import add_months, month_end, month_range
from churn_assets_tests.lakes import business_copy, deliver_all, edit_yaml, small_business, tell_merges

MONTHS = ["2025-01", "2025-02", "2025-03", "2025-04"]
EXTRACTS = {name: [month_end(m) for m in MONTHS] for name in ("customers", "subscriptions")}
Row = tuple[str, str, dict[str, Any]]  # month, customer, values


@pytest.fixture(scope="module")
def business(tmp_path_factory: pytest.TempPathFactory) -> Business:
    """Customers, who tell of merges, and subscriptions of one row a customer."""
    folder = small_business(tmp_path_factory.mktemp("people"))
    edit_yaml(folder / "contracts" / "customers.yaml", tell_merges)
    return load_business(folder)


def _balances(
    business: Business, customers: Sequence[Row], spells: Sequence[Row], months: Sequence[str] = MONTHS
) -> list[PeopleBalance]:
    told = {"customers": customers, "subscriptions": spells}
    empty = {"refused": False, "status": "active", "merged_into_key": None, "started_on": date(2024, 1, 1)}
    empty |= {"notice_on": None}

    def read(source: Source, month: str, columns: Sequence[str]) -> pd.DataFrame:
        rows = [
            empty | {"customer_key": who, "subscription_id": f"S {who}", "ended_on": None} | values
            for at, who, values in told[source.name]
            if at == month
        ]
        return pd.DataFrame(rows, columns=list(columns))

    return [b for of_month, _ in balances(business, read, EXTRACTS, months) for b in of_month]


def _listed(who: str, *months: str, **last: Any) -> list[Row]:
    """A customer in the extracts of these months; `last`: values of the last row."""
    return [(m, who, last if m == months[-1] else {}) for m in months]


def _counts(balance: PeopleBalance) -> dict[str, int]:
    names = ("former", "new", "now", "ended", "merged", "disappeared", "unknown")
    return {n: getattr(balance, n) for n in names if getattr(balance, n)}


def _of_all(
    business: Business, customers: Sequence[Row], spells: Sequence[Row], months: Sequence[str] = MONTHS
) -> list[dict[str, int]]:
    """The counts of each month over all sources."""
    return [_counts(b) for b in _balances(business, customers, spells, months) if b.source == ALL]


def test_three_of_twenty_customers_vanish_and_are_counted(business: Business) -> None:
    """Case 16: one purged, one erased, one merged; their spells go on as if nothing had happened."""
    jan, feb, mar, _ = MONTHS
    stay = [row for n in range(17) for row in _listed(f"stays {n}", jan, feb, mar)]
    gone = [*_listed("purged", jan), *_listed("erased", jan)]
    merged = _listed("merged", jan, feb, merged_into_key="stays 1")
    everybody = [*(f"stays {n}" for n in range(17)), "purged", "erased", "merged"]
    spells = [(jan, who, {}) for who in everybody]
    found = _balances(business, [*stay, *gone, *merged], spells, [jan, feb, mar])
    by = {(b.source, b.as_of_date): _counts(b) for b in found}
    february = {"former": 20, "now": 17, "merged": 1, "disappeared": 2}
    for source in ("customers", ALL):
        assert by[source, month_end(jan)] == {"new": 20, "now": 20}
        assert by[source, month_end(feb)] == february
        assert by[source, month_end(mar)] == {"former": 17, "now": 17}
    assert by["subscriptions", month_end(mar)] == {"former": 20, "now": 20}, "changes say nothing by silence"
    [of_all] = [b for b in found if (b.source, b.as_of_date) == (ALL, month_end(feb))]
    assert of_all.keys == {"unknown": [], "disappeared": ["erased", "purged"], "merged": ["merged"]}


def test_a_survivor_runs_by_the_spell_of_the_merged_customer(business: Business) -> None:
    """A merge is an end once; who has no spell but that of the other is new."""
    jan, feb, mar, _ = MONTHS
    customers = [row for who in ("s", "t") for row in _listed(who, jan, feb, mar)]
    customers += [*_listed("a", jan, feb, merged_into_key="s"), *_listed("b", jan, feb, merged_into_key="t")]
    spells: list[Row] = [(jan, who, {}) for who in ("s", "a", "b")]
    spells.append((feb, "s", {"ended_on": date(2025, 2, 10)}))
    assert _of_all(business, customers, spells, [jan, feb, mar]) == [
        {"new": 3, "now": 3},
        {"former": 3, "new": 1, "now": 2, "merged": 2},
        {"former": 2, "now": 2},
    ]


def test_a_spell_that_is_handed_over_leaves_nobody_uncounted(business: Business) -> None:
    """With the merge, and to somebody else; both were lost from the balance."""
    jan, feb, _, _ = MONTHS
    customers = [row for who in ("s", "t", "b") for row in _listed(who, jan, feb)]
    customers += _listed("a", jan, feb, merged_into_key="s")
    spells: list[Row] = [(jan, who, {}) for who in ("s", "t", "a", "b")]
    spells += [(feb, "s", {"subscription_id": "S a"}), (feb, "t", {"subscription_id": "S b"})]
    found = _balances(business, customers, spells, [jan, feb])
    assert all(b.balances for b in found)
    by = {(b.source, b.as_of_date): _counts(b) for b in found}
    assert by["subscriptions", month_end(feb)] == {"former": 4, "now": 2, "ended": 2}
    assert by[ALL, month_end(feb)] == {"former": 4, "now": 2, "ended": 1, "merged": 1}


def test_a_merge_that_leads_nowhere_is_unknown(business: Business) -> None:
    jan, feb, mar, _ = MONTHS
    into = {"a": "b", "b": "c", "c": "b", "stray": "nobody", "own": "own", "doubtful": "s"}
    everybody = [*into, "s"]
    customers = [row for who in everybody for row in _listed(who, jan)]
    customers += [(feb, who, {"merged_into_key": heir}) for who, heir in into.items()]
    customers.append((mar, "doubtful", {"refused": True, "status": None}))
    spells: list[Row] = [(jan, who, {}) for who in everybody]
    assert _of_all(business, customers, spells, [jan, feb, mar]) == [
        {"new": 7, "now": 7},
        {"former": 7, "now": 1, "merged": 1, "unknown": 4, "disappeared": 1},
        {"former": 5, "new": 1, "unknown": 1, "disappeared": 5},  # March lists one of them
    ]


def test_a_refused_end_is_unknown_until_a_good_row_comes(business: Business) -> None:
    jan, feb, mar, apr = MONTHS
    listed = [row for who in ("a", "b", "c") for row in _listed(who, *MONTHS)]
    spells: list[Row] = [(jan, who, {}) for who in ("a", "b", "c")]
    spells.append((feb, "a", {"refused": True, "started_on": None}))
    spells += [(apr, "a", {"ended_on": date(2025, 2, 10)}), (mar, "b", {"ended_on": date(2025, 3, 31)})]
    assert _of_all(business, listed, spells) == [
        {"new": 3, "now": 3},
        {"former": 3, "now": 2, "unknown": 1},
        {"former": 3, "now": 1, "ended": 1, "unknown": 1},
        {"former": 2, "now": 1, "ended": 1},
    ]


def test_nobody_stays_unknown_who_is_listed_no_more(business: Business) -> None:
    """The refused end never comes again; in March the customer is purged."""
    jan, feb, *_ = MONTHS
    listed = [*_listed("a", jan, feb), *_listed("b", *MONTHS)]
    spells: list[Row] = [(jan, who, {}) for who in ("a", "b")]
    spells.append((feb, "a", {"refused": True, "started_on": None}))
    assert _of_all(business, listed, spells)[1:] == [
        {"former": 2, "now": 1, "unknown": 1},
        {"former": 2, "now": 1, "disappeared": 1},
        {"former": 1, "now": 1},
    ]


def test_who_comes_back_is_new_and_who_comes_and_goes_within_a_month_is_counted(business: Business) -> None:
    jan, feb, mar, _ = MONTHS
    customers = [*_listed("back", jan, mar), *_listed("brief", feb, mar, status="former")]
    spells: list[Row] = [
        (jan, "back", {}),
        (feb, "brief", {"started_on": date(2025, 2, 1), "ended_on": date(2025, 2, 20)}),
        (jan, "later", {"started_on": date(2025, 3, 5), "ended_on": date(9999, 12, 31)}),
    ]
    customers += _listed("later", jan, feb, mar)
    assert _of_all(business, customers, spells, [jan, feb, mar]) == [
        {"new": 1, "now": 1},
        {"former": 1, "new": 1, "ended": 1, "disappeared": 1},
        {"new": 2, "now": 2},
    ]


def test_a_spell_that_a_full_source_lists_no_more_has_disappeared(tmp_path: Path) -> None:
    folder = small_business(tmp_path)
    edit_yaml(folder / "contracts" / "subscriptions.yaml", deliver_all)
    jan, feb, *_ = MONTHS
    customers = [row for who in ("a", "b") for row in _listed(who, jan, feb)]
    spells = [*_listed("a", jan, feb), *_listed("b", jan)]
    found = _balances(load_business(folder), customers, spells, [jan, feb])
    assert [_counts(b) for b in found if b.source in ("subscriptions", ALL)][2:] == [
        {"former": 2, "now": 1, "disappeared": 1}
    ] * 2


def test_a_shop_counts_who_bought_lately(tmp_path: Path) -> None:
    shop = load_business(business_copy(tmp_path, "shop", eligibility={"active_within_days": 40}))
    start = shop.file.calendar.start
    months = month_range(start, add_months(start, 2))
    bought = {(months[0], "a"): 20, (months[0], "b"): 20, (months[2], "b"): 5}

    def read(source: Source, month: str, columns: Sequence[str]) -> pd.DataFrame:
        days = {(m, who): date.fromisoformat(f"{m}-{d:02d}") for (m, who), d in bought.items()}
        rows = [(who, day, day) for (m, who), day in days.items() if m == month]
        return pd.DataFrame(rows, columns=["customer_key", "first", "last"])

    found = [_counts(b) for rows, _ in balances(shop, read, {}, months) for b in rows if b.source == ALL]
    assert found == [
        {"new": 2, "now": 2},
        {"former": 2, "now": 2} if month_end(months[1]).day < 29 else {"former": 2, "ended": 2},
        {"former": 2, "now": 1, "ended": 1} if month_end(months[1]).day < 29 else {"new": 1, "now": 1},
    ]


@dataclass(frozen=True)
class Told:
    """What the sources tell of a customer in a month: None nothing, else values of the row."""

    customer: dict[str, Any] | None
    spell: dict[str, Any] | None


CUSTOMER_ROWS = st.sampled_from(
    [
        *(None, {}, {}, {"status": "former"}, {"refused": True, "status": None}),
        *({"merged_into_key": who} for who in ("C0", "C1", "nobody")),
    ]
)
SPELL_ROWS = st.one_of(
    st.just(None),
    st.just({"refused": True, "started_on": None}),
    st.builds(
        lambda start, end, key: {"started_on": start, "ended_on": end} | key,
        st.dates(date(2024, 12, 1), date(2025, 4, 30)),
        st.none() | st.dates(date(2025, 1, 1), date(2025, 5, 31)),
        st.sampled_from([{}, {}, {"subscription_id": "S C0"}]),
    ),
)
HISTORIES = st.lists(st.lists(st.builds(Told, CUSTOMER_ROWS, SPELL_ROWS), min_size=4, max_size=4), max_size=6)


@pytest.mark.one_python(reason="many examples; the tests above count each case on each Python")
@settings(max_examples=20)
@given(HISTORIES)
def test_everybody_is_somewhere_whatever_the_sources_tell(
    business: Business, histories: list[list[Told]]
) -> None:
    customers, spells = [], []
    for number, history in enumerate(histories):
        for month, told in zip(MONTHS, history, strict=True):
            customers += [(month, f"C{number}", told.customer)] if told.customer is not None else []
            spells += [(month, f"C{number}", told.spell)] if told.spell is not None else []
    before: dict[str, PeopleBalance] = {}
    everything = _balances(business, customers, spells)
    last = [b for b in everything if b.as_of_date == month_end(MONTHS[-1])]
    assert _balances(business, customers, spells, MONTHS[-1:]) == last, "a month by itself is counted alike"
    for found in everything:
        assert found.balances
        assert found.people <= len(histories)
        if found.source in before:
            assert found.former == before[found.source].now + before[found.source].unknown
        before[found.source] = found
