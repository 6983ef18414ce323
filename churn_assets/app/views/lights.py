"""How a light looks: a word and a symbol besides the colour, for print and for colour-blind people."""

from collections.abc import Callable
from datetime import date

import streamlit as st

from churn_assets.app.queries.lights import Light, State

WORDS: dict[State, str] = {
    "good": "all well",
    "look": "look at it",
    "bad": "something is wrong",
    "unknown": "not known",
}
ICONS: dict[State, str] = {
    "good": ":material/check_circle:",
    "look": ":material/warning:",
    "bad": ":material/error:",
    "unknown": ":material/help:",
}


def draw_light(what: str, light: Light, tell_day: Callable[[date], str]) -> None:
    """Draws a light, its sentence, and the open incidents that the sentence does not name."""
    box = {"good": st.success, "look": st.warning, "bad": st.error, "unknown": st.info}[light.state]
    more = [told for incident in light.incidents if (told := incident.told(tell_day)) != light.sentence]
    text = "\n\n".join([f"**{what}: {WORDS[light.state]}.** {light.sentence}", *more])
    box(text, icon=ICONS[light.state])
