"""The head of a page: what it tells, as of when, and what speaks against trusting it."""

from datetime import date

import streamlit as st

from churn_assets.app.page import Page


def header(page: Page, title: str, what: str) -> None:
    """Title, one sentence, the day and the release of the figures, and a notice when they are old."""
    st.title(title, anchor=False)
    st.markdown(what)
    st.caption(
        f"{days_told(page)} · release {page.store.manifest.name} · you read as {page.reader.name} ({page.reader.role})"
    )
    for told in notices(page, page.today):
        st.warning(told, icon=":material/schedule:")


def days_told(page: Page) -> str:
    """The day of the scores and their model: that of this morning, if it is scored, and that of the month end."""
    about, current, tell = page.store.manifest.about, page.store.current, page.formats.date
    if current is None:
        return f"As of {tell(page.store.as_of)} · model {about.model_version}"
    return (
        f"This morning: as of {tell(page.store.morning)}, model {current.model_version} · month end: "
        f"{tell(page.store.as_of)}, model {about.model_version}"
    )


def notices(page: Page, today: date) -> list[str]:
    """What a reader must know before trusting the figures: newer scores are overdue, or a source is behind."""
    about, found = page.store.manifest.about, []
    if about.stale_from is not None and today >= date.fromisoformat(about.stale_from):
        found.append(
            f"Newer scores are overdue since {page.formats.date(date.fromisoformat(about.stale_from))}. These are "
            f"as of {page.formats.date(page.store.as_of)}."
        )
    if about.known_until is None:
        found.append("At least one source has not delivered its first month. The page Data tells which.")
    elif date.fromisoformat(about.known_until) < page.store.as_of:
        found.append(
            f"Not every source is known up to {page.formats.date(page.store.as_of)}: all are known up to "
            f"{page.formats.date(date.fromisoformat(about.known_until))}. The page Data tells which are behind."
        )
    return found + _of_the_morning(page, today)


def _of_the_morning(page: Page, today: date) -> list[str]:
    """The same of the current scores."""
    current, tell = page.store.current, page.formats.date
    if current is None or current.stale_from is None or today < date.fromisoformat(current.stale_from):
        return []
    since = tell(date.fromisoformat(current.stale_from))
    as_of = tell(page.store.morning)
    return [
        f"Newer scores of the day are overdue since {since}. What is called this morning is as of {as_of}."
    ]
