"""A file per request below CHURN_HOME/campaign_requests, with its answer."""

import json
import re
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any, Literal, get_args

from churn_assets.durable import replace_file
from churn_assets.operations.audit.chain import record
from churn_assets.operations.audit.entry import Act
from churn_assets.service_settings import ROLES, Role
from churn_assets.settings import Settings

FOLDER = "campaign_requests"
REQUEST_ID = re.compile(r"[0-9a-f]{16}")
KEPT = timedelta(days=90)  # after the answer
Asked = Literal["approve", "export", "close"]
State = Literal["waits", "done", "refused"]
LEAST_ROLE: dict[Asked, Role] = {"approve": "manager", "export": "agent", "close": "manager"}
ACT: Act = "campaign_request"


class CampaignRequestError(RuntimeError):
    """A request cannot be kept or read; the message names the remedy and no place of the server."""


@dataclass(frozen=True)
class CampaignRequest:
    """What somebody asked for, and the answer.

    Attributes:
        request_id: 16 hexadecimal digits.
        what: approve, export or close.
        campaign_id: of the campaign.
        plan_digest: of the plan that the person saw.
        by: the person's name.
        at: when (UTC).
        note: why.
        with_identity: of an export: with names and contact data.
        state: waits until the pipeline has answered; then done or refused.
        answered_at: when (UTC).
        answer: why it was refused.
        file: of an export: the name of the list in CHURN_HOME/exports.
        customers, without_consent, unreachable: of an export, see `ExportedList`.
        expires_on: of an export: the last day on which the list may be used.
    """

    request_id: str
    what: Asked
    campaign_id: str
    plan_digest: str
    by: str
    at: datetime
    note: str = ""
    with_identity: bool = False
    state: State = "waits"
    answered_at: datetime | None = None
    answer: str = ""
    file: str | None = None
    customers: int | None = None
    without_consent: int | None = None
    unreachable: int | None = None
    expires_on: date | None = None


def may_ask(what: Asked, role: str) -> bool:
    """Whether somebody with this role on the page may ask for it."""
    return role in ROLES[ROLES.index(LEAST_ROLE[what]) :]


def ask(
    settings: Settings,
    what: Asked,
    campaign_id: str,
    *,
    plan_digest: str,
    by: str,
    role: str,
    now: datetime,
    note: str = "",
    with_identity: bool = False,
) -> CampaignRequest:
    """Leaves a request; see `CampaignRequest`. `role` is what the person may do on the page; the audit keeps it.

    Raises:
        CampaignRequestError: the role may not ask for it, nobody is named, the same waits already, or the file cannot
            be written.
        AuditError: the request cannot be recorded; nothing was asked for.
    """
    if not may_ask(what, role):
        raise CampaignRequestError(f"Only a {LEAST_ROLE[what]} may ask for that, and those above.")
    name = " ".join(by.split())
    if not name:
        raise CampaignRequestError("Write your name: it stands in the record.")
    same = [r for r in requests(settings) if (r.campaign_id, r.what, r.state) == (campaign_id, what, "waits")]
    if same:
        raise CampaignRequestError(f"{same[0].by} has asked for that already; it waits for the pipeline.")
    made = CampaignRequest(token_hex(8), what, campaign_id, plan_digest, name, now, note, with_identity)
    record(settings, ACT, name, subject(made), customers=None, why=note, role=role, **recorded_facts(made))
    write(settings, made)
    return made


def recorded_facts(request: CampaignRequest) -> dict[str, str | bool]:
    """What the audit keeps of a request, besides the person, the campaign and the role."""
    return {
        "asked_for": request.what,
        "with_identity": request.with_identity,
        "plan": request.plan_digest,
        "request": request.request_id,
    }


def subject(request: CampaignRequest) -> str:
    """What the record in the audit is about."""
    return f"campaign {request.campaign_id}"


def write(settings: Settings, request: CampaignRequest) -> None:
    """Writes a request in place of its former state.

    Raises:
        CampaignRequestError: the file cannot be written.
    """
    folder = _folder(settings)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        content = json.dumps(asdict(request), default=str).encode()
        replace_file(folder / f"{request.request_id}.json", content)
    except OSError as error:
        raise CampaignRequestError(
            f"Requests cannot be written now ({type(error).__name__}). Try again later."
        ) from None


def requests(settings: Settings) -> list[CampaignRequest]:
    """All requests that are kept, in the order in which they were made.

    Raises:
        CampaignRequestError: one of them cannot be read.
    """
    found, unreadable = readable_requests(settings)
    if unreadable:
        raise unreadable[0]
    return found


def readable_requests(settings: Settings) -> tuple[list[CampaignRequest], list[CampaignRequestError]]:
    """The requests that can be read, in the order in which they were made; and why others cannot."""
    found, unreadable = [], []
    for file in sorted(_folder(settings).glob("*.json")):
        if not REQUEST_ID.fullmatch(file.stem):
            continue
        try:
            found.append(_read(file))
        except CampaignRequestError as error:
            unreadable.append(error)
    return sorted(found, key=lambda request: (request.at, request.request_id)), unreadable


def _read(file: Path) -> CampaignRequest:
    try:
        told: dict[str, Any] = json.loads(file.read_bytes())
        if told.keys() != {field.name for field in fields(CampaignRequest)}:
            raise ValueError("other fields")
        if told["what"] not in get_args(Asked) or told["state"] not in get_args(State):
            raise ValueError("unknown words")
        moments = {name: told[name] and datetime.fromisoformat(told[name]) for name in ("at", "answered_at")}
        until = told["expires_on"] and date.fromisoformat(told["expires_on"])
        return CampaignRequest(**(told | moments | {"expires_on": until, "request_id": file.stem}))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CampaignRequestError(
            f"The request {file.stem} cannot be read ({type(error).__name__}). Remove {FOLDER}/{file.name} from "
            "CHURN_HOME, and ask again."
        ) from None


def answered(request: CampaignRequest, state: State, now: datetime, **told: Any) -> CampaignRequest:
    """The request with its answer; `told` are other fields of it."""
    return replace(request, state=state, answered_at=now, **told)


def forget(settings: Settings, now: datetime) -> int:
    """Removes requests that were answered long ago; returns how many."""
    old = [
        r for r in readable_requests(settings)[0] if r.answered_at is not None and now - r.answered_at > KEPT
    ]
    for request in old:
        (_folder(settings) / f"{request.request_id}.json").unlink(missing_ok=True)
    return len(old)


def _folder(settings: Settings) -> Path:
    return settings.home_path / FOLDER
