"""What can be done with chosen customers of the work list: export them, mark them as contacted, take marks back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

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
from churn_assets.counts import counted
from churn_assets.months import month_end
from churn_assets.operations.audit.chain import AuditError
from churn_assets.operations.log.writing import event
from churn_assets.reporting.words import capitalised, spoken

UNRECORDED = "This cannot be recorded in the audit now, so nothing was done. The log tells why."
ACTS = "acts"  # in the session


@dataclass
class Acts:
    """What this reader did in this session.

    One object, taken out of the session before an act: a second click ends a run at its next look into the session, and
    the act would be done without being told.

    Attributes:
        done: how many acts, so that the choice of rows starts anew after each.
        told: what the last one did, until it is shown.
    """

    done: int = 0
    told: str = ""

    def tell(self, told: str) -> None:
        """Notes an act that was done."""
        self.done, self.told = self.done + 1, told


def acts_of_session() -> Acts:
    """The acts of this session."""
    found: Acts = st.session_state.setdefault(ACTS, Acts())
    return found


def show_actions(page: Page, rows: pd.DataFrame, columns: dict[str, TableColumn]) -> None:
    acts = acts_of_session()
    if acts.told:
        st.success(acts.told, icon=":material/check:")
        acts.told = ""
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
    shown = {name: column for name, column in columns.items() if name not in ("customer", "history", "days")}

    st.markdown("**Export**")
    if st.button(
        "Make a file of the chosen rows",
        key="without_people",
        help="A CSV file with the chosen rows and the columns of the table. The audit tells who made it.",
    ):
        _offer_rows(page, rows, shown)
    if not page.reader.may_see_people:
        return
    if st.button(
        "Make a file with contact data",
        key="with_people",
        help="The same with own ids, names and contact data of your customers. The audit tells who made it.",
    ):
        _offer_people(page, rows, shown)


def _offer_rows(page: Page, rows: pd.DataFrame, columns: dict[str, TableColumn]) -> None:
    """Offers the file of the rows, once its record is in the audit."""
    try:
        page.record_export("list of the page", len(rows))
    except AuditError:
        st.error(UNRECORDED)
        return
    st.download_button(
        f"Download {counted(len(rows), 'row')}",
        csv(rows, columns),
        "chosen.csv",
        "text/csv",
        key="chosen_download",
        icon=":material/download:",
        on_click="ignore",
    )


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
    today = page.today
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
    acts = acts_of_session()
    if not mine:
        st.error("None of these customers is yours. Ask whoever looks after them, or a manager.")
        return
    try:
        contacts.mark(
            page.settings,
            page.reader.name,
            mine,
            outcome or "",
            on=day,
            scored_on=page.store.day,
            now=page.now,
        )
    except contacts.ContactError as error:
        st.error(str(error))
        return
    except AuditError as error:
        tell_unrecorded(error)
        return
    left_out = len(rows) - len(mine)
    also = f" {left_out} of the chosen customers are not yours and were left out." if left_out else ""
    acts.tell(f"{len(mine)} marked as contacted.{also} You can take it back below until midnight UTC.")
    st.rerun()


def show_today(page: Page, marks: Sequence[contacts.Mark], keys: dict[str, str]) -> None:
    """What was marked today, to take back."""
    of_today = [
        m
        for m in marks
        if m.extract_date == page.today and m.row.state == contacts.MADE and m.row.customer_id in keys
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
        key = f"marked_today_{acts_of_session().done}"
        positions = table(page, rows, "marked_today", columns, selection="many", key=key)
        if st.button("Take back the chosen marks", disabled=not positions, key="take_back"):
            _withdraw(page, [of_today[p] for p in positions], keys)


def _withdraw(page: Page, marks: Sequence[contacts.Mark], keys: dict[str, str]) -> None:
    held, done, acts = in_release(page.store), 0, acts_of_session()
    for mark in marks:
        try:
            contacts.withdraw(
                page.settings,
                page.reader.name,
                mark.row.mark_id,
                keys[mark.row.customer_id],
                was_read=was_read(mark, held, page.status),
                of_anybody=page.reader.is_at_least("manager"),
                now=page.now,
            )
            done += 1
        except contacts.ContactError as error:
            st.error(str(error))
        except AuditError as error:
            tell_unrecorded(error)
    if done == len(marks):
        acts.tell(f"{done} taken back.")
        st.rerun()


def tell_unrecorded(error: AuditError) -> None:
    """The reason names a place of the server, so it goes into the log alone."""
    event("app.audit_failed", "An act could not be recorded, so it was refused.", level=40, error=error)
    st.error(UNRECORDED)
