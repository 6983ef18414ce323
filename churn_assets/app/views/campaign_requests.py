"""Requests that were made on the page Campaign."""

import streamlit as st

from churn_assets.app.page import Page
from churn_assets.operations.campaign_requests.files import CampaignRequest, CampaignRequestError, requests
from churn_assets.operations.log.writing import event


def requests_of(page: Page) -> list[CampaignRequest]:
    """All requests that are kept, the oldest first; none, and a sentence, while they cannot be read."""
    try:
        return requests(page.settings)
    except CampaignRequestError as error:
        event("app.requests_failed", "Requests for campaigns cannot be read.", level=40, error=error)
        st.warning(f"What was asked for here is not shown. {error}")
        return []
