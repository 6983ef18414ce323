"""Contacts that were marked on the page At risk and that the release does not hold yet."""

from collections.abc import Sequence

import streamlit as st

from churn_assets.app import contacts
from churn_assets.app.page import Page
from churn_assets.app.people import PeopleError
from churn_assets.app.queries.contacts import Fresh, fresh
from churn_assets.app.queries.customer import objected

UNSHOWN = "Contacts that were marked here lately are not shown."


def fresh_contacts(page: Page) -> Fresh:
    """What was marked and taken back since the release; nothing, and a sentence, while ids cannot be resolved."""
    marks = marks_of(page)
    return fresh(page.store, marks, keys_of_marks(page, marks))


def marks_of(page: Page) -> list[contacts.Mark]:
    """The marks since the month of the scores; none, and a sentence, while the landing zone cannot be read."""
    try:
        return contacts.marks(page.settings, page.store.as_of.replace(day=1))
    except contacts.ContactError as error:
        st.warning(f"{UNSHOWN} {error}")
        return []


def keys_of_marks(page: Page, marks: Sequence[contacts.Mark]) -> dict[str, str]:
    """Natural id -> customer_key of the marks, which the landing zone names by natural ids.

    Who objected to profiling since is left out: they are in no list.
    """
    if not marks:
        return {}
    try:
        keys = page.people.natural_ids().keys_of([m.row.customer_id for m in marks])
    except PeopleError as error:
        st.warning(f"{UNSHOWN} {error}")
        return {}
    gone = objected(page.store, list(keys.values()))
    return {own: key for own, key in keys.items() if key not in gone}
