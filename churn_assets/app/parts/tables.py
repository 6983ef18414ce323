"""Tables that say what each column is, and that can be downloaded as they are."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd
import streamlit as st

from churn_assets.app.page import Page
from churn_assets.spreadsheets import harmless

KEY = "customer_key"
NUMBERS = ("number", "money", "percent", "change")
GAP, LETTER, MARGIN = 90, 7, 16  # pixels in which `unknown` is not cut off; of a letter; beside a heading
LINE, ROOM = (
    25,
    16,
)  # pixels of a line of text, and around the lines of a row; texts wrap only in rows above 64
Kind = Literal["text", "number", "money", "percent", "change", "date", "month", "trend", "link", "yes_no"]


@dataclass(frozen=True)
class TableColumn:
    """How a column of a table is shown.

    Attributes:
        label: its heading, with its unit.
        what: one sentence that answers "what is this?".
        kind: `percent` takes shares, 0.12 for 12 %; `change` tells the sign; `trend` takes lists of numbers; `link`
            takes addresses.
        digits: after the point; None: as many as the value has (money, percent: none).
        width: pixels, or `small`, `medium`, `large`.
    """

    label: str
    what: str
    kind: Kind = "text"
    digits: int | None = None
    width: int | Literal["small", "medium", "large"] | None = None


def table(
    page: Page,
    frame: pd.DataFrame,
    name: str,
    columns: Mapping[str, TableColumn],
    *,
    selection: Literal["one", "many"] | None = None,
    height: int | None = None,
    lines: int = 1,
    key: str | None = None,
) -> list[int]:
    """Draws a table and the button that downloads it; returns the positions of the rows that the reader chose.

    Args:
        page: of the reader.
        frame: its rows, in the order shown.
        name: names the file and the widget; one per page and table, of letters, digits and `_`.
        columns: the columns that are shown, in this order.
        selection: whether rows can be chosen, one or many.
        height: pixels; by default as high as its rows, up to ten.
        lines: of text in a row; a longer text is cut off.
        key: of the widget, if not the name; another key, or other rows, forget which rows were chosen.
    """
    shown = frame.loc[:, list(columns)]
    if shown.empty:
        st.info("No row fits.", icon=":material/info:")
        return []
    config = {name: _config(page, column, has_gaps=shown[name].hasnans) for name, column in columns.items()}
    settings: dict[str, Any] = {"height": height} if height is not None else {}
    if lines > 1:
        settings["row_height"] = LINE * lines + ROOM
    chosen: Any = st.dataframe(
        _for_browser(shown, columns),
        hide_index=True,
        column_config=config,
        key=f"{key or name}_{_print_of(shown)}_table" if selection else f"{key or name}_table",
        on_select="rerun" if selection else "ignore",
        selection_mode="single-row" if selection == "one" else "multi-row",
        placeholder="unknown",
        **settings,
    )
    download(page, shown, name, columns)
    return list(chosen["selection"]["rows"]) if selection else []


def _print_of(rows: pd.DataFrame) -> str:
    """A short digest for the name of the widget: Streamlit keeps chosen places, where other rows may stand later."""
    text = rows.to_json(orient="values", date_format="iso", default_handler=str)
    return hashlib.sha256(str(text).encode()).hexdigest()[:12]


def download(page: Page, frame: pd.DataFrame, name: str, columns: Mapping[str, TableColumn]) -> None:
    """The button that downloads a frame as CSV. Rows with customer keys leave only once the audit tells so."""

    def content() -> bytes:
        if KEY in frame:
            page.record_export(f"table {name} of the page", int(frame[KEY].nunique()))
        return csv(frame, columns)

    st.download_button(
        "Download as CSV",
        content,
        f"{name}.csv",
        "text/csv",
        key=f"{name}_download",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
    )


def csv(frame: pd.DataFrame, columns: Mapping[str, TableColumn]) -> bytes:
    """The rows as UTF-8 CSV with the headings of the table; no text can act as a formula in a spreadsheet."""
    shown = frame.loc[:, list(columns)].rename(
        columns={name: column.label for name, column in columns.items()}
    )
    for name in shown.columns:
        if not pd.api.types.is_numeric_dtype(shown[name]):
            shown[name] = shown[name].map(_as_cell, na_action="ignore")
    return b"\xef\xbb\xbf" + shown.to_csv(index=False, lineterminator="\r\n").encode()


def _as_cell(value: object) -> object:
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, Sequence) or hasattr(value, "tolist"):
        return " ".join(f"{number:.4f}" for number in value if number is not None)  # type: ignore[attr-defined]
    return value


def _for_browser(frame: pd.DataFrame, columns: Mapping[str, TableColumn]) -> pd.DataFrame:
    """Shares as per cent, and numbers rounded to the digits shown: the browser would cut the others off."""
    shown = frame.copy()
    for name, column in columns.items():
        if column.kind == "percent":
            shown[name] = pd.to_numeric(shown[name]) * 100
        elif column.kind == "money" or (column.kind in ("number", "change") and column.digits is not None):
            shown[name] = pd.to_numeric(shown[name]).round(column.digits or 0)
    return shown


def _config(page: Page, column: TableColumn, has_gaps: bool) -> Any:
    kinds = st.column_config
    filled = max(GAP, LETTER * len(column.label) + MARGIN) if has_gaps and column.kind in NUMBERS else None
    width = column.width or filled
    common: dict[str, Any] = {"help": column.what, "width": width}
    digits = column.digits
    match column.kind:
        case "percent":
            return kinds.NumberColumn(f"{column.label}", format=f"%.{digits or 0}f %%", **common)
        case "change":
            return kinds.NumberColumn(column.label, format=f"%+.{digits or 0}f", **common)
        case "money":
            label = f"{column.label} ({page.formats.currency})" if page.formats.currency else column.label
            step = 10**-digits if digits else 1
            return kinds.NumberColumn(label, format="localized", step=step, **common)
        case "number":
            step = None if digits is None else 10**-digits if digits else 1
            return kinds.NumberColumn(column.label, format="localized", step=step, **common)
        case "date":
            return kinds.DateColumn(column.label, format="localized", **common)
        case "month":
            return kinds.DateColumn(column.label, format="MMM YYYY", **common)
        case "trend":
            return kinds.LineChartColumn(column.label, y_min=0, y_max=1, **common)
        case "link":
            return kinds.LinkColumn(column.label, display_text="Open", **common)
        case "yes_no":
            return kinds.CheckboxColumn(column.label, **common)
        case _:
            return kinds.TextColumn(column.label, **common)
