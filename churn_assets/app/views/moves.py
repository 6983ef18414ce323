"""Moves between segments: their table, the list behind a row, and the filter that a row puts into the address."""

from datetime import date

import pandas as pd
import streamlit as st

from churn_assets.app.page import Page
from churn_assets.app.parts.tables import TableColumn, table
from churn_assets.app.parts.words import plain
from churn_assets.app.queries.at_risk import Move
from churn_assets.app.queries.segments import GONE, scored_days
from churn_assets.app.queries.value import customer_value
from churn_assets.app.views.worth import worth_column

NAMES = ("was", "now", "before", "until")  # of a move in the address
HOW = "Choose a row to open the list of the customers who moved."


def moves_table(page: Page, rows: pd.DataFrame, name: str, before: date, day: date) -> None:
    """Draws moves between two days; a chosen row opens the list of those who made the move and are still scored."""
    tell = page.formats.date
    columns = {
        "was": TableColumn("From", f"Their segment on {tell(before)}."),
        "now": TableColumn("To", f"Their segment on {tell(day)}."),
        "customers": TableColumn("Customers", "How many customers made this move.", "number", 0),
    }
    value = customer_value(page.store)
    if value is not None:
        columns["value"] = worth_column(
            value,
            "Value",
            f"What they are worth together now; of those who are gone, what they were worth. {value.how}",
        )
    chosen = table(page, rows, name, columns, selection="one")
    if not chosen:
        return
    was, now = (str(rows.iloc[chosen[0]][column]) for column in ("was", "now"))
    if now == GONE:
        st.info("These customers are no longer scored, so they stand in no list.")
    else:
        page.go("at_risk", was=was, now=now, before=str(before), until=str(day))


def move_in_address(page: Page) -> Move | None:
    """The move that the address names, told in a sentence, with a button that removes it; None without one."""
    given = {name: st.query_params.get(name, "") for name in NAMES}
    if not any(given.values()):
        return None
    days = {str(day): day for day in scored_days(page.store)}
    if not (given["was"] and given["now"] and given["before"] in days and given["until"] in days):
        st.warning("The address names no move between two scored days, so everybody is listed.")
        return None
    move = Move(given["was"], given["now"], days[given["before"]], days[given["until"]])
    tell = page.formats.date
    st.info(
        f"Only customers who moved from {plain(move.was)} to {plain(move.now)} between {tell(move.before)} and "
        f"{tell(move.day)}, and are still scored."
    )
    if st.button("List everybody", key="without_move"):
        for name in NAMES:
            st.query_params.pop(name, None)
        st.rerun()
    return move
