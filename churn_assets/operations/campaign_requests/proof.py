"""Whether a request is what somebody with the right to it asked for on the page, by the audit."""

from datetime import UTC
from secrets import compare_digest

from churn_assets.months import month_of
from churn_assets.operations.audit.chain import key_of
from churn_assets.operations.audit.entry import AuditEntry, mac
from churn_assets.operations.audit.verification import stored
from churn_assets.operations.campaign_requests.files import (
    ACT,
    CampaignRequest,
    may_ask,
    recorded_facts,
    subject,
)
from churn_assets.settings import Settings


def why_not_proved(settings: Settings, request: CampaignRequest) -> str:
    """Why a request must not be granted, as a sentence; empty where the audit proves it.

    A file below CHURN_HOME is no proof: whoever can write there can make one. The record in the audit is sealed, and
    tells the role that the person had on the page. It was made with the request, so no earlier month is read.
    """
    key = key_of(settings)
    for _, content in stored(settings, since=month_of(request.at.astimezone(UTC).date())):
        if key is None or content is None:
            continue
        entry, digest, seal = content
        if entry.act != ACT or entry.facts.get("request") != request.request_id:
            continue
        if digest != entry.hash or not compare_digest(seal, mac(key, "record", digest)):
            continue
        if not _tells(entry, request):
            return "It is not what the audit tells of it. Ask again on the page."
        if not may_ask(request.what, str(entry.facts.get("role"))):
            return f"{request.by} had no right to it."
        return ""
    return "The audit does not tell of it. Ask again on the page."


def _tells(entry: AuditEntry, request: CampaignRequest) -> bool:
    facts = recorded_facts(request)
    same = all(entry.facts.get(name) == fact for name, fact in facts.items())
    return same and (entry.by, entry.subject) == (request.by, subject(request))
