"""Widgets whose values lie in the address, so that an address that is sent to a colleague keeps the filters."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


def chosen(widget: Callable[..., T], label: str, *values: Any, name: str, **more: Any) -> T:
    """The value of a widget: of the address, else its default.

    `chosen(st.multiselect, "Risk", ["high", "low"], name="risk")` is `?risk=high` in the address.

    Args:
        widget: of Streamlit, such as `st.selectbox`, `column.multiselect`, `st.slider`, `st.text_input`, `st.pills`.
        label: what the reader chooses.
        values: what the widget takes next, such as its options.
        name: of the parameter in the address.
        more: other arguments of the widget; `help` says what the filter does.
    """
    return widget(label, *values, key=name, bind="query-params", **more)


def one_of(
    widget: Callable[..., Any], label: str, options: Sequence[str], *, name: str, what: str, index: int = 0
) -> str:
    """The option that a reader chose in a `selectbox`; an address that names none of them gives the default.

    Args:
        widget: such as `st.selectbox` or `column.selectbox`.
        label: what the reader chooses.
        options: in the words that stand in the address.
        name: of the parameter in the address.
        what: one sentence that says what the choice does.
        index: of the default.
    """
    return str(chosen(widget, label, list(options), name=name, help=what, index=index))
