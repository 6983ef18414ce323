"""The what-if question: sliders within what the model has seen, and how the chance to leave would change."""

from functools import partial
from typing import Any

import streamlit as st

from churn_assets.app.page import Page
from churn_assets.app.parts.figures import figure
from churn_assets.app.parts.words import plain, points
from churn_assets.app.queries.what_if import Lever, Present, ask, levers, present_values
from churn_assets.ml.portable.sentences import YES_AND_NO
from churn_assets.ml.portable.what_if import Value, WhatIfError, value_in_words
from churn_assets.reporting.words import capitalised

COLUMNS = 2
ROUND = "what_if_round"  # in the session, by customer: how often the reader has set everything back
WARNING = (
    "This describes the model and not an effect: it tells how the model would score a customer with these values. "
    "Whether the customer would stay, only an experiment tells."
)


@st.fragment
def what_if_told(page: Page, row: dict[str, Any]) -> None:
    """Controls for what we can change, and the chance to leave before and after."""
    st.subheader("What if", help="How the model's answer changes when one or more values are others.")
    key = row["customer_key"]
    present = present_values(page.store, key)
    can = levers(page.store, present.values) if present is not None else []
    if present is None or not can:
        st.write(
            "There is nothing to try: the model reads no value that the business declares as one to change."
        )
        return
    st.caption(WARNING)
    answer_place = st.container()
    number = st.session_state.get(f"{ROUND}_{key}", 0)
    wishes: dict[str, Value] = {}
    for start in range(0, len(can), COLUMNS):
        for column, lever in zip(st.columns(COLUMNS), can[start : start + COLUMNS], strict=False):
            with column:
                wished = _control(lever, f"{lever.feature.name}_{key}_{number}")
                if wished is not None:
                    wishes[lever.feature.name] = wished
    st.button(
        "Reset",
        help="Sets all values back to what they are.",
        disabled=not wishes,
        on_click=_reset,
        args=(key,),
    )
    with answer_place:
        _answer(page, present, wishes)


def _reset(key: str) -> None:
    """Lets all controls begin anew: under other keys, Streamlit forgets what was chosen."""
    st.session_state[f"{ROUND}_{key}"] = st.session_state.get(f"{ROUND}_{key}", 0) + 1


def _answer(page: Page, present: Present, wishes: dict[str, Value]) -> None:
    try:
        answer = ask(page.store, present.values, wishes)
    except WhatIfError as error:
        st.error(plain(str(error)))
        return
    columns, percent = st.columns(3), partial(page.formats.percent, digits=1)
    of = f"As of {page.formats.date(present.day)}, model {page.store.manifest.about.model_version}."
    figure(columns[0], "Chance to leave now", percent(answer.before), f"With the values as they are. {of}")
    if not wishes:
        columns[1].write("Move a slider or choose another value to see what the model would say.")
        return
    figure(columns[1], "With your changes", percent(answer.after), f"With all changes together. {of}")
    figure(
        columns[2],
        "Difference",
        points(page.formats, answer.before, answer.after),
        "Percentage points; below zero the customer is less likely to leave.",
    )
    for change in answer.changes:
        st.markdown(
            plain(
                f"{change.words}: {_shown(change.before)} → {_shown(change.after)}; alone it gives "
                f"{percent(change.probability)}."
            )
        )
    if answer.kept:
        st.caption(
            plain(f"These stay as they are, though they may change along with it: {'; '.join(answer.kept)}.")
        )


def _control(lever: Lever, key: str) -> Value | None:
    """Returns the wished value; None if it is the present one."""
    words, now = capitalised(lever.feature.words), _shown(lever.present)
    if not lever.is_present_observed:
        # a slider cannot stand on a value that is missing or that the model has hardly seen
        if not st.checkbox(f"Change this: {words} (now {now})", key=f"change_{key}", help=lever.meaning):
            return None
        words = f"{words}, to try"
    label = f"{words} (now {now})" if lever.is_present_observed else words
    wished = _choice(lever, label, key) if lever.observed.values else _slider(lever, label, key)
    return None if wished == lever.present else wished


def _choice(lever: Lever, label: str, key: str) -> Value:
    values = sorted(lever.observed.values) if _are_numbers(lever) else list(lever.observed.values)
    at = values.index(lever.present) if lever.present in values else 0
    if _are_numbers(lever):
        return st.select_slider(label, values, values[at], format_func=_shown, key=key, help=lever.meaning)
    return st.selectbox(label, values, at, format_func=_shown, key=key, help=lever.meaning)


def _slider(lever: Lever, label: str, key: str) -> Value:
    ends = (lever.observed.low, lever.observed.high)
    start = lever.present if lever.is_present_observed and isinstance(lever.present, float) else ends[0]
    if lever.whole and all(end.is_integer() for end in (*ends, start)):
        low, high, now, step = (int(value) for value in (*ends, start, lever.step))
        return float(st.slider(label, low, high, now, step, key=key, help=lever.meaning))
    return st.slider(label, *ends, start, lever.step, key=key, help=lever.meaning)


def _are_numbers(lever: Lever) -> bool:
    return all(isinstance(value, float) for value in lever.observed.values)


def _shown(value: Value | None) -> str:
    return YES_AND_NO.get(value, value) if isinstance(value, str) else value_in_words(value)
