"""What can be done with chosen customers of the work list: export them, mark them as contacted, take marks back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pandas as pd
import streamlit as st

from churn_assets.app import contacts
from churn_assets.app.formats import UNKNOWN
from churn_assets.app.natural_ids import NaturalIds
from churn_assets.app.page import Page
from churn_assets.app.parts.tables import TableColumn, csv, table
from churn_assets.app.people import PeopleError
from churn_assets.app.queries.at_risk import recommended_segments
from churn_assets.app.queries.contacts import in_release, was_read
from churn_assets.months import month_end
from churn_assets.operations.audit.chain import AuditError, record
from churn_assets.reporting.words import capitalised, spoken

ACTS = "acts"  # in the session


@dataclass
class Acts:
    """What this reader did.

    It is changed in place: whoever writes to the session may be ended there by the next click, and would then do the
    act a second time.

    Attributes:
        number: how often they marked or took back, so that the choice of rows starts anew.
        told: what the last act did, until it is shown.
    """

    number: int = 0
    told: str | None = None

    def done(self, told: str) -> None:
        """One more act."""
        self.number, self.told = self.number + 1, told


def acts() -> Acts:
    """What this reader did in this session."""
    found: Acts = st.session_state.setdefault(ACTS, Acts())
    return found


def show_actions(page: Page, rows: pd.DataFrame, columns: dict[str, TableColumn]) -> None:
    so_far = acts()
    if so_far.told:
        st.success(so_far.told, icon=":material/check:")
        so_far.told = None
    if rows.empty:
        st.caption("Choose rows in the table to export them or to mark them as contacted.")
        return
    st.subheader(f"{len(rows)} chosen", anchor=False)
    left, right = st.columns(2)
    with left.container(border=True):
        _show_export(page, rows, columns)
    with right.container(border=True):
        _show_mark(page, rows)


def _show_export(page: Page, rows: pd.DataFrame, columns: dict[str, TableColumn]) -> None:
    shown = {name: column for name, column in columns.items() if name not in ("customer", "history")}

    def content() -> bytes:
        record(
            page.settings,
            "export",
            page.reader.name,
            "list of the page",
            customers=len(rows),
            role=page.reader.role,
        )
        return csv(rows, shown)

    st.markdown("**Export**")
    st.download_button(
        "Download the chosen rows",
        content,
        "chosen.csv",
        "text/csv",
        key="chosen_download",
        icon=":material/download:",
        on_click="ignore",
        help="A CSV file with the chosen rows and the columns of the table. The audit tells who took it.",
    )
    if not page.reader.may_see_people:
        return
    if st.button(
        "Make a file with contact data",
        key="with_people",
        help="The same with own ids, names and contact data of your customers. The audit tells who made it.",
    ):
        _offer_people(page, rows, shown)


def _offer_people(page: Page, rows: pd.DataFrame, columns: dict[str, TableColumn]) -> None:
    """Makes the file with contact data, once its record is in the audit, and offers it."""
    try:
        people = page.people.export(page.reader, rows["customer_key"].tolist())
    except PeopleError as error:
        st.error(str(error))
        return
    if people.empty:
        st.info("None of these customers is yours, so there is no contact data for you.")
        return
    named = {
        name: TableColumn(capitalised(spoken(name)), "")
        for name in map(str, people)
        if name != "customer_key"
    }
    st.download_button(
        f"Download {people['customer_key'].nunique()} with contact data",
        csv(rows.merge(people, on="customer_key"), columns | named),
        "chosen_with_contact_data.csv",
        "text/csv",
        key="people_download",
        icon=":material/download:",
        on_click="ignore",
    )


def _show_mark(page: Page, rows: pd.DataFrame) -> None:
    st.markdown("**Mark as contacted**")
    if not page.reader.may_mark:
        st.caption("You read as viewer. Agents, managers and stewards can mark contacts.")
        return
    if contacts.SOURCE not in page.store.business.get("treatments", []):
        st.caption(
            f"This business declares no source {contacts.SOURCE}, so contacts cannot be marked here. Add its contract "
            "as docs/app.md says, and publish a release."
        )
        return
    try:
        ids = page.people.natural_ids()
    except PeopleError:
        st.caption(
            "Contacts cannot be marked now: the file that names the customers cannot be opened. The log tells why."
        )
        return
    today = datetime.now(UTC).date()
    if end := _calendar_over(page, today):
        st.caption(
            f"The calendar of this business ended on {page.formats.date(end)}. Contacts marked now are kept and shown "
            "on this page, but no run reads them before churn.yaml extends the calendar."
        )
    with st.form("mark_form", border=False):
        outcome = st.selectbox(
            "Outcome",
            list(contacts.OUTCOMES),
            index=None,
            format_func=lambda name: contacts.OUTCOMES[name],
            placeholder="What came of it?",
            key="outcome",
        )
        day = st.date_input("Day of the contact (UTC)", today, max_value=today)
        if st.form_submit_button("Mark as contacted", type="primary", key="mark"):
            _mark(page, rows, ids, outcome, day)


def _calendar_over(page: Page, today: date) -> date | None:
    """The last day of a calendar that is over."""
    end = (page.store.business.get("calendar") or {}).get("end")
    return month_end(end) if end and month_end(end) < today else None


def _mark(page: Page, rows: pd.DataFrame, ids: NaturalIds, outcome: str | None, day: date) -> None:
    known = ids.of(rows["customer_key"].tolist())
    recommended = set(recommended_segments(page.store))
    mine = [
        contacts.Contacted(key, known[key][0], segment, segment in recommended)
        for key, segment in zip(rows["customer_key"], rows["segment"], strict=True)
        if key in known and page.reader.may_see(known[key][1], ids.has_owners)
    ]
    if not mine:
        st.error("None of these customers is yours. Ask whoever looks after them, or a manager.")
        return
    so_far = acts()
    try:
        contacts.mark(
            page.settings, page.reader.name, mine, outcome or "", on=day, scored_on=page.store.as_of
        )
    except (contacts.ContactError, AuditError) as error:
        st.error(str(error))
        return
    left_out = len(rows) - len(mine)
    also = f" {left_out} of the chosen customers are not yours and were left out." if left_out else ""
    so_far.done(f"{len(mine)} marked as contacted.{also} You can take it back below until midnight UTC.")
    st.rerun()


def show_today(page: Page, marks: Sequence[contacts.Mark], keys: dict[str, str]) -> None:
    """What was marked today, to take back."""
    today = datetime.now(UTC).date()
    of_today = [
        m
        for m in marks
        if m.extract_date == today and m.row.state == contacts.MADE and m.row.customer_id in keys
    ]
    if not of_today or not page.reader.may_mark:
        return
    with st.expander(f"Marked today: {len(of_today)}"):
        rows = pd.DataFrame(
            {
                "customer_key": [keys[m.row.customer_id] for m in of_today],
                "outcome": [contacts.OUTCOMES.get(m.row.outcome, UNKNOWN) for m in of_today],
                "contacted_on": [m.row.contacted_on for m in of_today],
            }
        )
        columns = {
            "customer_key": TableColumn("Customer", "The key of the customer."),
            "outcome": TableColumn("Outcome", "What came of the contact."),
            "contacted_on": TableColumn("Day", "Day of the contact.", "date"),
        }
        key = f"marked_today_{acts().number}"
        positions = table(page, rows, "marked_today", columns, selection="many", key=key)
        if st.button("Take back the chosen marks", disabled=not positions, key="take_back"):
            _withdraw(page, [of_today[p] for p in positions], keys)


def _withdraw(page: Page, marks: Sequence[contacts.Mark], keys: dict[str, str]) -> None:
    held, done, so_far = in_release(page.store), 0, acts()
    for mark in marks:
        try:
            contacts.withdraw(
                page.settings,
                page.reader.name,
                mark.row.mark_id,
                keys[mark.row.customer_id],
                was_read=was_read(mark, held, page.status),
                of_anybody=page.reader.is_at_least("manager"),
            )
            done += 1
        except (contacts.ContactError, AuditError) as error:
            st.error(str(error))
    if done == len(marks):
        so_far.done(f"{done} taken back.")
        st.rerun()
