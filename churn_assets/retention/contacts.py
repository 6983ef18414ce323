"""Past contacts as known on a day: when each customer was last contacted, and what became of randomised contacts."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.contracts.campaigns import ContactLine
from churn_assets.contracts.monitoring import TreatedRule
from churn_assets.history.people import survivors
from churn_assets.history.treatments import DAY, newest_rows
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import add_months, month_end, month_of, month_range
from churn_assets.retention.arms import DRAWN

if TYPE_CHECKING:
    import pandas as pd

KEY, AS_OF = "customer_key", "as_of_date"
WINDOW = "window_of"  # as_of_date of the outcome window by which a contact is judged
IN_GAP, LEFT = "ended_in_gap", 1  # an outcome of features/churn_labels, and the label of who left
CONTACT_COLUMNS = [KEY, DAY, "source", "campaign", "offer", "treated", "control", "refused", "accepted"]


def contacts_known(lakehouse: Lakehouse, business: Business, day: date) -> "pd.DataFrame":
    """Contacts and controls of every source under `monitoring.treated`, by what was known on `day`.

    The contacts of merged customers count for their survivors.

    Returns:
        CONTACT_COLUMNS: customer_key; day (date); source; campaign and offer (null where it tells none); treated,
        control and refused (bool; of a refused row nobody knows which it is); accepted (bool or null).
    """
    import pandas as pd

    section = business.file.campaigns
    lines = {line.source: line for line in (section.contacts if section else ())}
    parts = [
        _of_source(lakehouse, business, rule, lines.get(rule.source), day)
        for rule in business.file.monitoring.treated
    ]
    if not parts:
        return pd.DataFrame(columns=CONTACT_COLUMNS)
    found = pd.concat(parts, ignore_index=True)
    heirs = survivors(lakehouse, business, (day, day))
    return found.assign(**{KEY: found[KEY].map(lambda key: heirs.get(key, key))})


def _of_source(
    lakehouse: Lakehouse, business: Business, rule: TreatedRule, line: ContactLine | None, day: date
) -> "pd.DataFrame":
    source = business.source(rule.source)
    own = {name: getattr(line, name) for name in ("campaign", "offer", "accepted")} if line else {}
    names = [name for name in (rule.column, *own.values()) if name]
    months = month_range(business.first_month(source), month_of(day))
    rows = newest_rows(lakehouse, source, names, months, day)
    rows = rows[rows[DAY].astype(object) <= day] if len(rows) else rows
    refused = rows["refused"].eq(True)
    arm = rows[rule.column] if rule.column else None
    treated = arm.isin(rule.values) if arm is not None else ~refused
    control = arm.isin(line.control) if arm is not None and line else refused & False
    found = rows[[KEY, DAY]].assign(
        source=source.name,
        treated=treated & ~refused,
        control=control & ~refused,
        refused=refused,
        campaign=None,
        offer=None,
    )
    for name in ("campaign", "offer"):
        if own.get(name):
            found[name] = rows[own[name]]
    found["accepted"] = _accepted(rows, line) if line and line.accepted else None
    return found[found["treated"] | found["control"] | found["refused"]][CONTACT_COLUMNS]


def _accepted(rows: "pd.DataFrame", line: ContactLine) -> "pd.Series":
    told = rows[str(line.accepted)]
    yes = told.isin(line.accepted_values) if line.accepted_values else told.eq(True)
    return yes.astype(object).where(told.notna(), None)


def last_contacts(contacts: "pd.DataFrame") -> "pd.Series":
    """customer_key -> day of the last contact. A row that was refused may have been one, so it counts."""
    made = contacts[contacts["treated"] | contacts["refused"]]
    last: pd.Series = made.groupby(KEY)[DAY].max()
    return last


def cohort_of(day: date) -> date:
    """The as_of_date that a contact follows: the last month end on or before its day."""
    own = month_end(month_of(day))
    return own if day == own else month_end(add_months(month_of(day), -1))


def window_after(day: date, gap_days: int) -> date:
    """The as_of_date whose outcome window is the first to begin after a contact of this day."""
    before = cohort_of(day)
    if day <= before + timedelta(days=gap_days):
        return before
    return month_end(add_months(month_of(before), 1))


def with_outcomes(lakehouse: Lakehouse, contacts: "pd.DataFrame", day: date, gap_days: int) -> "pd.DataFrame":
    """Contacts and controls with as_of_date (of the cohort before), window_of and `churned`: whether the customer left.

    A contact is judged by the first outcome window that begins after it; who has left between the contact and that
    window counts as churned, too. `churned` is null while the labels of that window were not settled on `day`, and
    where nobody can tell.

    Args:
        lakehouse: with features/churn_labels.
        contacts: see `contacts_known`.
        day: only what was settled on it counts.
        gap_days: between an as_of_date and its outcome window.
    """
    import pandas as pd

    judged = contacts[contacts["treated"] | contacts["control"]].copy()
    judged[AS_OF] = judged[DAY].map(cohort_of).astype(object)
    judged[WINDOW] = judged[DAY].map(lambda made: window_after(made, gap_days)).astype(object)
    days = sorted({*judged[AS_OF], *judged[WINDOW]})
    if not days or not lakehouse.exists(tables.CHURN_LABELS):
        return judged.assign(churned=None)
    wanted: list[tuple[str, str, object]] = [("as_of_date", "in", days), ("label_available_at", "<=", day)]
    names = [KEY, AS_OF, "label", "outcome"]
    labels: pd.DataFrame = lakehouse.arrow(tables.CHURN_LABELS, names, wanted).to_pandas()
    of_window = labels.rename(columns={AS_OF: WINDOW})
    before = labels[[KEY, AS_OF, "label"]].rename(columns={"label": "label_before"})
    joined = judged.merge(of_window, on=[KEY, WINDOW], how="left").merge(before, on=[KEY, AS_OF], how="left")
    later = (joined[WINDOW] != joined[AS_OF]) & joined[WINDOW].isin(set(labels[AS_OF]))
    gone = later & (joined["outcome"].eq(IN_GAP) | (joined["label"].isna() & joined["label_before"].eq(LEFT)))
    churned = joined["label"].eq(LEFT).astype(object).where(joined["label"].notna(), None)
    return joined.drop(columns=["label", "outcome", "label_before"]).assign(
        churned=churned.where(~gone, True)
    )


def by_offer(
    contacts: "pd.DataFrame", offers: Sequence[str], fits: "pd.DataFrame"
) -> "Mapping[str, pd.DataFrame]":
    """Offer -> its contacts and the controls, of customers whom the offer may go to.

    A control that is told an offer would have got it, and is a control of this offer only. Who was drawn at random got
    one of the offers that fit; the more fit, the less likely each. So customers with the same number of offers are a
    campaign of their own.

    Args:
        contacts: see `with_outcomes`.
        offers: their names.
        fits: customer_key, as_of_date and a column per offer: whether it may go to the customer.
    """
    options = fits[list(offers)].eq(True).sum(axis=1)
    fitting = fits[[KEY, AS_OF]].assign(options=options)
    told = contacts.merge(fitting, on=[KEY, AS_OF], how="left")  # an offer may be called like a column
    drawn = told["campaign"].astype("string").str.endswith(DRAWN).eq(True).to_numpy(dtype=bool)
    numbered = told["campaign"].astype("string") + ", offers: " + told["options"].astype("string")
    told["campaign"] = told["campaign"].where(~drawn, numbered)
    found = {}
    for name in offers:
        here = fits.loc[fits[name].eq(True), [KEY, AS_OF]]
        its = (told["offer"] == name) | (told["control"] & ~told["offer"].isin(list(offers)))
        rows = told[its & (told["control"] | told["treated"])].merge(here, on=[KEY, AS_OF])
        found[name] = rows[[KEY, AS_OF, "campaign", "treated", "churned", "accepted"]]
    return found
