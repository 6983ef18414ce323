"""Charts that can be read in print and by colour-blind people."""

from collections.abc import Sequence

import altair as alt
import streamlit as st

# Okabe and Ito, without yellow, which paper loses; https://jfly.uni-koeln.de/color/
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
DASHES = ([1, 0], [6, 3], [2, 2], [8, 2, 2, 2], [4, 4], [10, 4], [1, 3])
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right")
HEIGHT = 280
Drawn = alt.Chart | alt.LayerChart | alt.FacetChart | alt.HConcatChart | alt.VConcatChart


def chart(drawn: Drawn, what: str) -> None:
    """Draws a chart over the full width, with one sentence below it that says what it shows.

    The sentence is also the text for those who do not see the chart.
    """
    st.altair_chart(drawn, width="stretch", alt=what)
    st.caption(what)


def colours(names: Sequence[str]) -> alt.Scale:
    """Name -> colour; the same names in the same order have the same colours on every page."""
    return alt.Scale(domain=list(names), range=[COLOURS[i % len(COLOURS)] for i in range(len(names))])


def dashes(names: Sequence[str]) -> alt.Scale:
    """Name -> dash of its line, beside its colour."""
    return alt.Scale(domain=list(names), range=[list(DASHES[i % len(DASHES)]) for i in range(len(names))])


def shapes(names: Sequence[str]) -> alt.Scale:
    """Name -> shape of its points, beside their colour."""
    return alt.Scale(domain=list(names), range=[SHAPES[i % len(SHAPES)] for i in range(len(names))])
