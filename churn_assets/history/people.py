"""Who objects to profiling, who consents to contacts, and how customers are reached."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.contracts.gold_columns import SURVIVOR, entities
from churn_assets.contracts.source import AnswerColumn, Source
from churn_assets.history.merges import merges
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

ID, KEY, CONTACT_KNOWN_AT, CONSENT, OWNER = (
    "customer_id",
    "customer_key",
    "contact_known_at",
    "consent",
    "account_owner",
)
ORDER = ["known_at", "sequence"]


@dataclass(frozen=True)
class Objections:
    """customer_keys of those who objected to profiling, and how many never answered."""

    keys: Set[str]
    unanswered: int


def survivors(
    lakehouse: Lakehouse, business: Business, as_known: tuple[date, date] | None = None
) -> dict[str, str]:
    """customer_key of a merged customer -> that of the survivor.

    Args:
        lakehouse: whose tables are read.
        business: whose entities.
        as_known: an as_of_date, and the day until which rows are known; None: today, by gold/customers.
    """
    if not business.tells_merges:
        return {}
    if as_known is None:
        told = _read(lakehouse, tables.CUSTOMERS, [KEY, SURVIVOR]).drop_null()  # few are merged
        return {row[KEY]: row[SURVIVOR] for row in told.to_pylist() if row[SURVIVOR]}
    merged = merges(
        {s.name: lakehouse.read(tables.silver(s)) for s in business.tells_merges}, business, [as_known]
    )
    if merged is None:
        return {}
    found = merged.where("survivor_key IS NOT NULL").select("customer_key", "survivor_key")
    return {row["customer_key"]: row["survivor_key"] for row in found.collect()}


def objections(
    lakehouse: Lakehouse,
    business: Business,
    known_until: date | None = None,
    about: Set[str] | None = None,
) -> Objections:
    """Everybody whose last answer in an entity that declares `objection` is yes, and who was merged with them.

    An answer holds until another one is known: a row that was refused does not take an objection back.

    Args:
        lakehouse: whose silver is read.
        business: whose entities.
        known_until: only what was known on that day counts; None: today.
        about: customers who are asked about, which costs less than all; None: all.
    """
    keys: set[str] = set()
    unanswered: set[str] = set()
    heirs = survivors(lakehouse, business, (known_until, known_until) if known_until else None)
    if about is not None:
        last_of = {heirs.get(key, key) for key in about}
        about = {*about, *last_of, *(key for key, heir in heirs.items() if heir in last_of)}
    for source in entities(business):
        if (asked := source.reach.objection) is not None:
            answers = _answers(lakehouse, source, asked, known_until, about)
            last = answers.dropna(subset="yes").drop_duplicates(list(source.silver_key), keep="last")
            keys |= set(last.loc[last["yes"].astype(bool), KEY])
            unanswered |= set(answers[KEY]) - set(last[KEY])
    keys |= {heirs[key] for key in keys if key in heirs}
    keys |= {key for key, heir in heirs.items() if heir in keys}
    return Objections(frozenset(keys), len(unanswered - keys))


def consents(lakehouse: Lakehouse, business: Business, known_until: date | None = None) -> "pd.Series | None":
    """customer_key -> consent by the newest row: true, false, or null where it was refused or tells none.

    None where no entity declares `consent`. Of several entities the first that tells anything counts.

    Args:
        lakehouse: whose silver is read.
        business: whose entities.
        known_until: only what was known on that day counts; None: today.
    """
    asked = [
        (source, source.reach.consent) for source in entities(business) if source.reach.consent is not None
    ]
    found = None
    for source, column in asked:
        if found is None or found.isna().all():
            found = _consents(lakehouse, source, column, known_until)
    return found


def identity_rows(lakehouse: Lakehouse, business: Business, objected: Set[str]) -> "pa.Table":
    """Ids with customer_key, the declared contact columns, contact_known_at, consent and account_owner; by id.

    account_owner is there only where an entity declares it: a declared one that is empty opens nobody to everybody.

    Contact columns are those of the newest accepted row, of contact_known_at. Consent is that of the newest row, and
    null where that was refused or tells none. Of who objected to profiling only the ids and keys are there.
    """
    import pyarrow as pa

    people: pd.DataFrame = lakehouse.arrow(tables.CUSTOMER_KEYS, [ID, KEY]).to_pandas()
    taken: list[str] = []
    for source in entities(business):
        wanted = [name for name in source.reach.contact if name not in taken]
        if wanted:
            taken += wanted
            rows = _contacts(lakehouse, business, source, wanted)
            people = people.merge(rows, on=KEY, how="left", suffixes=("", f"_{source.name}"))
    people[CONSENT] = None
    if any(source.reach.account_owner is not None for source in entities(business)):
        people[OWNER] = None
    if (agreed := consents(lakehouse, business)) is not None:
        people[CONSENT] = people[KEY].map(agreed)
    for source in entities(business):
        if source.reach.account_owner is not None and people[OWNER].isna().all():
            people[OWNER] = people[KEY].map(_owners(lakehouse, business, source))
    hidden = people[KEY].isin(list(objected))
    people.loc[hidden, [name for name in people.columns if name not in (ID, KEY)]] = None
    types = {CONTACT_KNOWN_AT: pa.date32(), CONSENT: pa.bool_()}
    schema = pa.schema([(name, types.get(name, pa.string())) for name in people.columns])
    columns = [pa.array(people[f.name], f.type, from_pandas=True) for f in schema]
    return pa.Table.from_arrays(columns, schema=schema).sort_by(ID)


def _read(
    lakehouse: Lakehouse,
    table: tables.Table,
    names: list[str],
    filters: list[tuple[str, str, object]] | None = None,
) -> "pa.Table":
    """These columns of a table; null where no extract has been loaded since the column was declared."""
    import pyarrow as pa

    if not lakehouse.exists(table):
        return pa.table({name: pa.nulls(0) for name in names})
    here = set(lakehouse.columns(table))
    rows = lakehouse.arrow(table, [name for name in names if name in here], filters)
    for name in names:
        if name not in here:
            rows = rows.append_column(name, pa.nulls(rows.num_rows, pa.string()))
    return rows


def _answers(
    lakehouse: Lakehouse,
    source: Source,
    asked: AnswerColumn,
    known_until: date | None,
    about: Set[str] | None = None,
) -> "pd.DataFrame":
    """The versions of an entity, oldest first, with `yes`: whether the answer is one; null without an answer.

    `about` are the customers; None: all.
    """
    import pyarrow as pa

    names = list(dict.fromkeys([KEY, *source.silver_key, *ORDER, "refused", asked.column]))
    known: list[tuple[str, str, object]] = [("known_at", "<=", known_until)] if known_until else []
    known += [(KEY, "in", sorted(about))] if about is not None else []
    rows = _read(lakehouse, tables.silver(source), names, known or None)
    told = rows[asked.column].cast(pa.string()).to_pandas()  # a boolean becomes true or false
    yes = told.isin(asked.values).astype(object)
    found: pd.DataFrame = rows.to_pandas()
    found["yes"] = yes.where(told.notna() & ~found["refused"].astype(bool), None)
    return found.sort_values(ORDER)


def _consents(
    lakehouse: Lakehouse, source: Source, asked: AnswerColumn, known_until: date | None
) -> "pd.Series":
    """customer_key -> consent by the newest row; of several rows (accounts) every one must consent."""
    newest = _answers(lakehouse, source, asked, known_until).drop_duplicates(
        list(source.silver_key), keep="last"
    )
    untold = newest.loc[newest["yes"].isna(), KEY]
    agrees = newest["yes"].eq(True).groupby(newest[KEY]).min()
    return agrees.astype(object).where(~agrees.index.isin(untold), None)


def _contacts(
    lakehouse: Lakehouse, business: Business, source: Source, names: Sequence[str]
) -> "pd.DataFrame":
    """customer_key, the columns as text, and contact_known_at of the newest row of an entity."""
    table = tables.customer_identity(business)
    wanted = [KEY, *names, *ORDER]
    rows: pd.DataFrame = _read(lakehouse, table, wanted, [("source", "=", source.name)]).to_pandas()
    newest = rows.sort_values(ORDER).drop_duplicates(KEY, keep="last").drop(columns="sequence")
    texts = {name: newest[name].map(str, na_action="ignore") for name in names}
    return newest.assign(**texts).rename(columns={"known_at": CONTACT_KNOWN_AT})


def _owners(lakehouse: Lakehouse, business: Business, source: Source) -> "pd.Series":
    """customer_key -> who looks after the customer, by the newest row that tells."""
    name = str(source.reach.account_owner)
    if source.column(name).personal:
        rows = _contacts(lakehouse, business, source, [name])
    else:
        read = _read(lakehouse, tables.silver(source), [KEY, *ORDER, name]).to_pandas()
        rows = read.dropna(subset=name).sort_values(ORDER).drop_duplicates(KEY, keep="last")
    owners: pd.Series = rows.set_index(KEY)[name]
    return owners.map(str, na_action="ignore")
