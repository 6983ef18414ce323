"""The work list: what it shows, against an independent computation."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from churn_assets.app.contacts import SOURCE
from churn_assets.app.queries.at_risk import (
    ORDERS,
    Filters,
    attributes,
    choices,
    range_of,
    values_of,
    work_list,
)
from churn_assets.app.queries.contacts import NOTHING, Fresh, Pending, became, contacted_in, months, share
from churn_assets.app.store import ReleaseHolder, ReleaseStore
from churn_assets.reporting.words import short
from churn_assets.settings import Settings
from churn_assets_tests.api.releases import tables
from churn_assets_tests.app.marking import BUSINESS, CONTACTS, publish_contacts
from churn_assets_tests.serving.release.made import KEYS

RECENT = {KEYS[0], KEYS[3], KEYS[4], KEYS[6]}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home with a release of 150 scored customers and some contacts; tests only read it."""
    settings = Settings(home=str(tmp_path_factory.mktemp("at_risk")))
    publish_contacts(settings, CONTACTS)
    return settings


@pytest.fixture(scope="module")
def store(home: Settings) -> ReleaseStore:
    found = ReleaseHolder(home).store()
    assert found is not None
    return found


def people() -> pd.DataFrame:
    """The scored customers with their attributes, by pandas alone."""
    held = {name: table.to_pandas() for name, table in tables().items()}
    rows = held["customers"].merge(held["snapshots"].drop(columns="as_of_date"), on="customer_key")
    return rows[rows["status"] == "scored"]


def everybody(store: ReleaseStore, filters: Filters, order: str = "key", found: Fresh = NOTHING) -> list[str]:
    keys: list[str] = (
        work_list(store, filters, order=order, size=1000, found=found).rows["customer_key"].tolist()
    )
    return keys


def test_filters_let_through_whom_pandas_lets_through(store: ReleaseStore) -> None:
    of = people()
    known = of["region"]
    cases = [
        (Filters(), of),
        (Filters(risk=["high"]), of[of["risk_tier"] == "high"]),
        (Filters(driver=["service"], value=["middle"]), of[of["driver"] == "service"]),
        (Filters(segment=["nonsense"]), of.iloc[:0]),
        (Filters(contacted="yes"), of[of["customer_key"].isin(RECENT)]),
        (Filters(contacted="no"), of[~of["customer_key"].isin(RECENT)]),
        (Filters(recommended=True), of),
        (Filters(categories={"region": ["north", "(not known)"]}), of[known.eq("north") | known.isna()]),
        (Filters(ranges={"tenure_days": (100.0, 500.0)}), of[of["tenure_days"].between(100, 500)]),
        (
            Filters(risk=["low"], categories={"region": ["south"]}, contacted="no"),
            of[of["risk_tier"].eq("low") & known.eq("south") & ~of["customer_key"].isin(RECENT)],
        ),
    ]
    for filters, expected in cases:
        assert everybody(store, filters) == sorted(expected["customer_key"]), filters
    assert 0 < len(cases[-1][1]) < len(of)


def test_a_segment_without_a_contact_recommends_nobody(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    rules = [{"name": "=at risk", "action": "leave in peace", "when": {}, "contact": False}]
    publish_contacts(settings, CONTACTS, BUSINESS | {"segments": {"rules": rules}})
    store = ReleaseHolder(settings).store()
    assert store is not None
    assert everybody(store, Filters(recommended=True)) == []


@pytest.mark.parametrize("order", list(ORDERS))
def test_pages_in_every_order_hold_each_customer_once(store: ReleaseStore, order: str) -> None:
    of = people().assign(stake=lambda f: f["probability"] * f["value"], rise=lambda f: f["probability"] / 2)
    of["last"] = of["customer_key"].isin(RECENT)
    by = {
        "first": (["last", "stake", "customer_key"], [True, False, True]),
        "stake": (["stake", "customer_key"], [False, True]),
        "probability": (["probability", "customer_key"], [False, True]),
        "rise": (["rise", "customer_key"], [False, True]),
        "value": (["value", "probability", "customer_key"], [False, False, True]),
        "key": (["customer_key"], [True]),
    }[order]
    expected = of.sort_values(by[0], ascending=by[1])["customer_key"].tolist()
    pages = [work_list(store, Filters(), order=order, page=n, size=40) for n in (1, 2, 3, 4)]
    assert [page.total for page in pages] == [150] * 4
    assert [key for page in pages for key in page.rows["customer_key"]] == expected


def test_a_row_tells_history_reason_and_the_last_contact(store: ReleaseStore) -> None:
    rows = work_list(store, Filters(), order="key").rows.set_index("customer_key")
    of = people().set_index("customer_key")
    for key in KEYS[:10]:
        assert rows.at[key, "history"] == pytest.approx(
            [of.at[key, "probability"] / 2, of.at[key, "probability"]]
        )
        assert rows.at[key, "rise"] == pytest.approx(of.at[key, "probability"] / 2)
        assert rows.at[key, "reason"] == short(of.at[key, "reason_1"])
    told = rows.loc[KEYS[:7], "last_contact"].tolist()
    assert told[0] == date(2025, 12, 20) and told[2] == date(2025, 10, 1)
    assert [told[n] for n in (1, 5)] == [None, None], "a control group and a mark taken back are no contacts"
    assert rows.loc[KEYS[4], "outcome"] == "accepted"


def test_what_was_marked_here_counts_before_the_next_release(store: ReleaseStore) -> None:
    found = Fresh((Pending(KEYS[9], "new", date(2026, 1, 2), "thinking"),), frozenset({"m4"}))
    assert set(everybody(store, Filters(contacted="yes"), found=found)) == (RECENT | {KEYS[9]}) - {KEYS[4]}


def test_choices_are_what_the_release_holds(store: ReleaseStore) -> None:
    assert choices(store, "risk") == ["high", "low"]
    assert choices(store, "segment") == ["=at risk"]
    of = {attribute.name: attribute for attribute in attributes(store)}
    assert list(of) == ["region", "tickets_count_3m", "tenure_days"], "words first, then numbers"
    assert set(values_of(store, of["region"])) == {"north", "south", "west", "(not known)"}
    tenure = people()["tenure_days"]
    assert range_of(store, of["tenure_days"]) == (tenure.min(), tenure.max())


def test_what_became_of_those_contacted_in_a_month(store: ReleaseStore) -> None:
    found = Fresh((Pending(KEYS[9], "new", date(2025, 12, 31), "declined"),))
    assert months(store, found) == [date(2025, 12, 1), date(2025, 10, 1)]
    rows = became(store, found, date(2025, 12, 1)).replace({np.nan: None}).set_index(["source", "outcome"])
    counts = rows[["customers", "left", "stayed", "unknown"]].astype(int)
    assert counts.loc[(SOURCE, "accepted")].tolist() == [1, 0, 1, 0]
    assert counts.loc[(SOURCE, "declined")].tolist() == [2, 0, 1, 1], (
        "what the release does not hold is unknown"
    )
    assert counts.loc[("retention_contacts", None)].tolist() == [2, 1, 1, 0]
    assert rows.loc[("retention_contacts", None), "share_left"] == 0.5
    who = contacted_in(store, found, date(2025, 12, 1), 50, 1)
    assert who["customer_key"].tolist()[0] == KEYS[9] and len(who) == 5


def test_the_interval_of_a_share_is_wilsons() -> None:
    """Newcombe (1998), table I: 15 of 148."""
    told = share(15, 148)
    assert told is not None
    assert told[1:] == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert share(0, 0) is None


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("rolling contract, can leave any month", "rolling contract, can leave any month"),
        (
            "had no network for 2 hours in the last 2 weeks (typical none)",
            "had no network for 2 hours in the last 2 weeks",
        ),
        ("word " * 20, "word word word word word word word word word word word word…"),
        ("x" * 70, "x" * 59 + "…"),
        ("", ""),
    ],
)
def test_a_short_sentence_ends_with_a_word_and_says_that_it_was_cut(sentence: str, said: str) -> None:
    assert short(sentence) == said
    assert len(said) <= 60
