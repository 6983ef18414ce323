"""What a page gets: the release, the reader, and the way to other pages."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import streamlit as st

from churn_assets.access import keys
from churn_assets.app.formats import Formats
from churn_assets.app.people import IdentityBook
from churn_assets.app.reader import Reader
from churn_assets.app.store import ReleaseStore
from churn_assets.operations.audit.chain import AuditError, record
from churn_assets.operations.log.writing import event
from churn_assets.settings import Settings

if TYPE_CHECKING:
    from streamlit.navigation.page import Page as StreamlitPage


@dataclass(frozen=True)
class Page:
    """What a page shows from.

    Attributes:
        settings: of this home.
        store: the release that this run of the page reads.
        status: what serving/status said last; None before its first run, or when it cannot be read.
        reader: who reads.
        formats: numbers and dates in the reader's locale.
        people: who is behind a customer_key, for those who may.
        places: name of a page, such as `at_risk` -> that page, for links; a page that does not exist is not in it.
        now: when this run of the page began, UTC; all parts of it see the same day.
    """

    settings: Settings
    store: ReleaseStore
    status: dict[str, Any] | None
    reader: Reader
    formats: Formats
    people: IdentityBook
    places: Mapping[str, "StreamlitPage"]
    now: datetime = field(default_factory=lambda: keys.now())

    @property
    def today(self) -> date:
        """The day of this run (UTC)."""
        return self.now.date()

    def record_export(self, what: str, customers: int, **facts: Any) -> None:
        """Records that rows about customers leave as a file; `facts` are more of what the audit keeps.

        Raises:
            AuditError: it cannot be recorded, so they must not leave; the log tells why.
        """
        try:
            record(
                self.settings,
                "export",
                self.reader.name,
                what,
                customers=customers,
                role=self.reader.role,
                **facts,
            )
        except AuditError as error:
            event(
                "app.audit_failed", "An act could not be recorded, so it was refused.", level=40, error=error
            )
            raise

    def link(self, place: str, label: str, **filters: str) -> None:
        """Draws a link to another page with filters: `page.link("customer", "Open", customer=key)`."""
        if place in self.places:
            st.page_link(
                self.places[place],
                label=label,
                icon=":material/arrow_forward:",
                query_params=filters or None,
            )

    def go(self, place: str, **filters: str) -> None:
        """Opens another page with filters, in place of this one."""
        if place in self.places:
            st.switch_page(self.places[place], query_params=filters or None)

    def address(self, place: str, **filters: str) -> str:
        """The address of another page with filters, relative to this server; for cells that are links."""
        path = self.places[place].url_path  # empty of the first page
        return f"/{path}" + (f"?{urlencode(filters)}" if filters else "")
