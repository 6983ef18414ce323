"""Which customer the page shows, found by key, own number or name; and contact data for those who may see them."""

import streamlit as st

from churn_assets.app.page import Page
from churn_assets.app.parts.filters import chosen
from churn_assets.app.parts.words import cut, plain, spaced
from churn_assets.app.people import PeopleError
from churn_assets.app.search import MOST, Hit

ADDRESS = "customer"  # the customer key in the address
TEXT, WAY, HITS, TOLD, PICKED = (
    "find_text",
    "find_way",
    "find_hits",
    "find_told",
    "find_picked",
)  # in the session
NUMBER, NAME = "own number", "name"
LONGEST, LONGEST_OF_LIST = 300, 60  # characters shown of a value; no e-mail address has more than 254
NOBODY = "Nobody is found. Numbers must be typed as your systems write them, names as whole words."


def choose_customer(page: Page) -> str | None:
    """The customer key of the address, of the field, or of the search; None if there is none."""
    if page.reader.may_see_people:
        _search(page)
    typed = chosen(
        st.text_input,
        "Customer key",
        name=ADDRESS,
        help="The key that stands in all lists. It names a customer without telling who it is.",
    )
    return str(typed).strip() or None


def contact_data(page: Page, customer_key: str) -> None:
    """A button that shows how to reach the customer; each look is in the audit before anything is shown."""
    if not page.reader.may_see_people:
        return
    if not st.button("Show contact data", help="Each look is recorded with your name."):
        return
    try:
        found = page.people.contact(page.reader, customer_key)
    except PeopleError as error:
        st.warning(str(error))
        return
    formats = page.formats
    for hit in found.hits:
        lines = [f"**Own number:** {plain(cut(hit.customer_id, LONGEST))}"]
        lines += [
            f"**{plain(spaced(name).capitalize())}:** {plain(cut(value, LONGEST)) if value else 'not known'}"
            for name, value in hit.told.items()
        ]
        st.markdown("  \n".join(lines))
    consent = {True: "yes", False: "no", None: "not known"}[found.consent]
    since = f" Contact data as known on {formats.date(found.known_at)}." if found.known_at else ""
    values = [value or "" for hit in found.hits for value in (hit.customer_id, *hit.told.values())]
    longer = (
        " What ends with … is longer: a file with contact data holds all of it."
        if max(map(len, values), default=0) > LONGEST
        else ""
    )
    st.caption(
        f"Agrees to be contacted: {consent}.{since} They disappear with the next change of this page.{longer}"
    )


def _search(page: Page) -> None:
    with st.form("find", border=True):
        left, middle, right = st.columns([2, 3, 1], vertical_alignment="bottom")
        left.radio(
            "Find by",
            [NUMBER, NAME],
            key=WAY,
            horizontal=True,
            help="Each search is recorded with your name.",
        )
        middle.text_input("Own number or name of the customer", key=TEXT)
        right.form_submit_button("Find", on_click=_find, args=(page,))
    if told := st.session_state.get(TOLD):
        st.info(told)
    hits: list[Hit] = st.session_state.get(HITS, [])
    if hits and PICKED not in st.session_state:  # Streamlit forgot it: the reader was on another page
        hits = st.session_state[HITS] = []
    if hits:
        st.radio("Several customers fit. Which one?", hits, format_func=_shown, key=PICKED)
        st.button("Open", on_click=_open_picked)


def _find(page: Page) -> None:
    """Looks for the customer before the page is drawn anew."""
    state = st.session_state
    state[HITS], state[TOLD] = [], None
    text = str(state.get(TEXT, "")).strip()
    if not text:
        state[TOLD] = "Type a number or a name first."
        return
    find = page.people.find_by_name if state.get(WAY) == NAME else page.people.find_by_id
    try:
        hits = find(page.reader, text)
    except PeopleError as error:
        state[TOLD] = str(error)
        return
    if not hits:
        state[TOLD] = NOBODY
    elif len({hit.customer_key for hit in hits}) == 1:
        state[ADDRESS] = hits[0].customer_key
    elif len(hits) > MOST:
        state[TOLD] = f"More than {MOST} customers fit. Type more of the name."
    else:
        state[HITS], state[PICKED] = hits, hits[0]


def _open_picked() -> None:
    st.session_state[ADDRESS] = st.session_state[PICKED].customer_key
    st.session_state[HITS] = []


def _shown(hit: Hit) -> str:
    told = [value for value in hit.told.values() if value]
    return plain(" · ".join(cut(value, LONGEST_OF_LIST) for value in (*told, hit.customer_id)))
