"""What can be done with a campaign: approve it, ask for its list and download it, close it."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from churn_assets.app.page import Page
from churn_assets.app.people import PeopleError
from churn_assets.app.queries.campaign import Campaign
from churn_assets.app.sign_in import HERE
from churn_assets.app.views.acts_on_customers import acts_of_session, tell_unrecorded
from churn_assets.app.views.campaign_requests import requests_of
from churn_assets.counts import counted
from churn_assets.operations.audit.chain import AuditError
from churn_assets.operations.campaign_requests.files import (
    Asked,
    CampaignRequest,
    CampaignRequestError,
    ask,
    may_ask,
)

LISTS = "exports"  # below CHURN_HOME
SECONDS = 5  # between two looks whether the pipeline has answered
WORDS = {"approve": "Approval", "export": "List", "close": "Closing"}


def show_acts(page: Page, campaign: Campaign, asked: Sequence[CampaignRequest]) -> None:
    """Draws what the reader may do now, and what was asked for."""
    st.subheader("Approve and export", anchor=False)
    acts = acts_of_session()
    if acts.told:
        st.success(acts.told, icon=":material/check:")
        acts.told = ""
    name = _name(page)
    left, right = st.columns(2)
    with left.container(border=True):
        _show_approval(page, campaign, name)
    with right.container(border=True):
        _show_export(page, campaign, name)
    waiting = {r.request_id for r in asked if r.state == "waits"}
    st.fragment(_show_requests, run_every=SECONDS if waiting else None)(page, campaign.campaign_id, waiting)


def _name(page: Page) -> str:
    """The name for the record: of the personal link or the login, else what the reader types."""
    if page.reader.name != HERE:
        return page.reader.name
    if not page.reader.may_see_people:
        return ""
    return str(
        st.text_input(
            "Your name",
            key="campaign_name",
            help="It stands in the records of the campaign. A personal link or a login would tell it.",
        )
    )


def _show_approval(page: Page, campaign: Campaign, name: str) -> None:
    st.markdown("**Approval**")
    since = page.formats.date(campaign.since.date())
    if campaign.state == "closed":
        st.caption(f"Closed since {since}. The next month has a campaign of its own.")
        return
    if not may_ask("approve", page.reader.role):
        st.caption(f"You read as {page.reader.role}. Managers and stewards approve and close campaigns.")
        return
    if campaign.state == "approved":
        st.caption(f"Approved since {since}. The plan does not change any more.")
        note = st.text_input("Why is it over?", key="close_note")
        if st.button("Close the campaign", key="close", help="No list of it is exported any more."):
            _ask(page, campaign, "close", name, note)
        return
    note = st.text_input("Note for the record", key="approve_note")
    if st.button(
        f"Approve {campaign.campaign_id}",
        key="approve",
        type="primary",
        help="The plan as shown here does not change any more, and its list can be exported. Your name, the time and "
        "the plan are recorded in the audit and as a change.",
    ):
        _ask(page, campaign, "approve", name, note)


def _show_export(page: Page, campaign: Campaign, name: str) -> None:
    st.markdown("**List of the customers to contact**")
    if campaign.state != "approved":
        told = "is closed" if campaign.state == "closed" else "is not approved"
        st.caption(f"The campaign {told}, so no list of it is exported.")
        return
    if not may_ask("export", page.reader.role):
        st.caption("You read as viewer. Agents, managers and stewards export lists.")
        return
    with_identity = False
    if _may_export_names(page):
        with_identity = st.toggle(
            "With names and contact data",
            key="with_identity",
            help="Else the list holds customer keys only. Only customers who consent at that moment are on either.",
        )
    else:
        st.caption(
            "Names of other people's customers are for managers, so this list holds customer keys only."
        )
    if st.button("Export the list", key="export", type="primary"):
        _ask(page, campaign, "export", name, "", with_identity=with_identity)


def _may_export_names(page: Page) -> bool:
    """Whether the reader may see everybody who can be on a list."""
    if page.reader.is_at_least("manager"):
        return True
    try:
        return page.reader.may_see_people and not page.people.natural_ids().has_owners
    except PeopleError:
        return False


def _ask(
    page: Page, campaign: Campaign, what: Asked, name: str, note: str, *, with_identity: bool = False
) -> None:
    acts = acts_of_session()
    try:
        ask(
            page.settings,
            what,
            campaign.campaign_id,
            plan_digest=campaign.plan_digest,
            by=name,
            role=page.reader.role,
            now=page.now,
            note=note,
            with_identity=with_identity,
        )
    except CampaignRequestError as error:
        st.error(str(error))
        return
    except AuditError as error:
        tell_unrecorded(error)
        return
    acts.tell(f"{WORDS[what]} asked for. The pipeline answers within a minute while it runs.")
    st.rerun()


def _show_requests(page: Page, campaign_id: str, waiting: set[str]) -> None:
    """What was asked for, the newest first; looks again until everything is answered."""
    asked = [r for r in requests_of(page) if r.campaign_id == campaign_id]
    if waiting - {r.request_id for r in asked if r.state == "waits"}:
        st.rerun()  # the page has another state now
    for request in reversed(asked):
        _show_request(page, request)
    if waiting:
        st.caption(
            "While Dagster runs, the sensor campaign_requests_sensor answers; churn-assets campaign requests does so "
            "at once."
        )


def _show_request(page: Page, request: CampaignRequest) -> None:
    what = f"**{WORDS[request.what]}**, {page.formats.date(request.at.date())}, asked by {request.by}"
    if request.state == "waits":
        st.info(f"{what}: waits for the pipeline.", icon=":material/hourglass_empty:")
    elif request.state == "refused":
        st.warning(f"{what}: refused. {request.answer}", icon=":material/block:")
    elif request.what == "export":
        _show_list(page, request, what)
    else:
        st.success(f"{what}: done.", icon=":material/check:")


def _show_list(page: Page, request: CampaignRequest, what: str) -> None:
    """Tells of a list, and offers it to those who may have it, until it expires."""
    names = " with names and contact data" if request.with_identity else ", customer keys only"
    left_out = [
        f"{counted(number, 'customer')} {why}"
        for number, why in (
            (request.without_consent or 0, "did not consent at that moment"),
            (request.unreachable or 0, "cannot be reached over the channel of the offer"),
        )
        if number
    ]
    also = f" Left out: {'; '.join(left_out)}." if left_out else ""
    until = page.formats.date(request.expires_on)
    st.success(
        f"{what}: {counted(request.customers or 0, 'customer')}{names}. It may be used until {until}.{also}",
        icon=":material/check:",
    )
    may = _may_export_names(page) if request.with_identity else page.reader.may_see_people
    file = _file(page, request)
    if not may or file is None:
        return
    st.download_button(
        f"Download the list of {counted(request.customers or 0, 'customer')}",
        lambda: _downloaded(page, request, file),
        request.file,
        "text/csv",
        key=f"list_{request.request_id}",
        icon=":material/download:",
        on_click="ignore",
    )


def _file(page: Page, request: CampaignRequest) -> Path | None:
    """Where the list lies; None once it has expired, or where it is gone."""
    if request.file is None or request.expires_on is None or request.expires_on < page.today:
        return None
    file = page.settings.home_path / LISTS / Path(request.file).name
    return file if file.is_file() else None


def _downloaded(page: Page, request: CampaignRequest, file: Path) -> bytes:
    """The list, once its download is a record of the audit."""
    page.record_export(
        f"{LISTS}/{file.name}",
        request.customers or 0,
        campaign=request.campaign_id,
        with_identity=request.with_identity,
    )
    return file.read_bytes()
