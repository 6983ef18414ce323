"""Does what people asked for on the page Campaign, by the same acts as the command line, and answers them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from churn_assets.contracts.business import Business
from churn_assets.lakehouse.engine.processes import only_one
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.campaign_requests.files import (
    FOLDER,
    CampaignRequest,
    answered,
    forget,
    readable_requests,
    write,
)
from churn_assets.operations.campaign_requests.proof import why_not_proved
from churn_assets.operations.campaigns.record import (
    APPROVED,
    CLOSED,
    CampaignError,
    CampaignRecord,
    campaign_records,
)
from churn_assets.operations.log.writing import event
from churn_assets.retention.approval import approve, close
from churn_assets.retention.export import export

LOCK = ".lock"


def take_in(lakehouse: Lakehouse, business: Business, now: datetime) -> list[CampaignRequest]:
    """Does what was asked for, in the order in which it was; returns the answered requests.

    What is not possible, or not proved by the audit, is refused with its reason. A request that fails otherwise goes on
    waiting, and those after it of the same campaign, which may rest on it; those of other campaigns are answered.

    Raises:
        CampaignRequestError: a request cannot be read, or an answer cannot be written.
        AuditError: an act cannot be recorded; it was not done, and its request waits.
        Exception: whatever else failed first. All others were answered before it is raised.
    """
    if not (lakehouse.settings.home_path / FOLDER).is_dir():
        return []
    found, held_up = [], set[str]()
    with _alone(lakehouse):
        readable, failed = readable_requests(lakehouse.settings)
        errors: list[Exception] = list(failed)
        for request in readable:
            if request.state != "waits" or request.campaign_id in held_up:
                continue
            try:
                found.append(_answered(lakehouse, business, request, now))
            except Exception as error:  # noqa: BLE001 (raised at the end)
                held_up.add(request.campaign_id)
                errors.append(error)
        forget(lakehouse.settings, now)
    if errors:
        raise errors[0]
    return found


def _answered(
    lakehouse: Lakehouse, business: Business, request: CampaignRequest, now: datetime
) -> CampaignRequest:
    """Does what was asked for and writes the answer."""
    answer = _done(lakehouse, business, request, now)
    write(lakehouse.settings, answer)
    event(
        "campaign.request_answered",
        f"The request to {answer.what} {answer.campaign_id} is {answer.state}.",
        request=answer.request_id,
    )
    return answer


def _done(
    lakehouse: Lakehouse, business: Business, request: CampaignRequest, now: datetime
) -> CampaignRequest:
    if untrue := why_not_proved(lakehouse.settings, request):
        return answered(request, "refused", now, answer=untrue)
    try:
        if request.what == "export":
            made = export(
                lakehouse,
                business,
                request.campaign_id,
                request.by,
                with_identity=request.with_identity,
                note=request.note,
            )
            return answered(
                request,
                "done",
                now,
                file=made.file.name,
                customers=made.customers,
                without_consent=made.without_consent,
                unreachable=made.unreachable,
                expires_on=made.expires_on,
            )
        if not _was_done(lakehouse, request):
            if request.what == "approve":
                approve(lakehouse, request.campaign_id, request.by, request.note, seen=request.plan_digest)
            else:
                close(lakehouse, request.campaign_id, request.by, request.note)
    except CampaignError as error:
        return answered(request, "refused", now, answer=str(error))
    return answered(request, "done", now)


def _was_done(lakehouse: Lakehouse, request: CampaignRequest) -> bool:
    """Whether the act is recorded, and only its answer was not written before a crash."""
    what = {"approve": APPROVED, "close": CLOSED}[request.what]

    def fits(record: CampaignRecord) -> bool:
        mine = (record.campaign_id, record.what, record.by) == (request.campaign_id, what, request.by)
        return mine and record.at >= request.at

    return any(fits(record) for record in campaign_records(lakehouse))


@contextmanager
def _alone(lakehouse: Lakehouse) -> Iterator[None]:
    """Keeps two processes of a home from doing the same twice."""
    with only_one(lakehouse.settings.home_path / FOLDER / LOCK):
        yield
