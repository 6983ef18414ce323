"""One record of the audit, its digest, and the acts that are recorded."""

import hmac
import json
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any, Literal, get_args

Act = Literal[
    "look_up",  # somebody finds a customer by a source's own id
    "identity_file",  # the encrypted file with ids and contact data is written
    "contact_marked",  # somebody says on the page that a customer was contacted
    "contact_withdrawn",  # and takes it back on the same day
    "alert_acknowledged",  # somebody says that they take care of an alert about a customer
    "campaign_request",  # somebody asks on the page that a campaign is approved, exported or closed
    "export",  # rows about customers leave the product as a file
    "publication",  # rows about customers are written to another database
    "crm_push",  # scores of customers go to the company's CRM, by its own ids
    "personal_message",  # a message with personal data goes to the receivers of a channel
    "promotion",
    "rollback",
    "approval",  # of a change, by another person
    "key_created",
    "key_revoked",
    "restoration",  # this home was brought back from a backup; what came after the backup is lost
    "archiving",  # the audit itself was moved away; a new chain begins
]
ACTS: tuple[str, ...] = get_args(Act)
START = "0" * 64  # the former hash of the first record


@dataclass(frozen=True)
class AuditEntry:
    """Who did what to whose data. It holds no natural id and no personal value of a customer.

    Attributes:
        chain: random id of the chain; each CHURN_HOME has one.
        sequence: its place in the chain, from 1.
        at: when it was recorded, UTC, ISO 8601.
        act: what was done.
        by: who did it: a person, the name of an API key, a training.
        subject: whose data, or what: a customer_key, a model version, the name of a file.
        customers: how many customers' data were concerned; None: no customer's.
        why: the reason that was given.
        facts: more, such as the id of a change.
        trace_id: trace of the command, run or request.
        previous: the hash of the record before it.
    """

    chain: str
    sequence: int
    at: str
    act: str
    by: str
    subject: str
    customers: int | None
    why: str
    facts: dict[str, str | int | bool] = field(hash=False)
    trace_id: str
    previous: str

    @property
    def hash(self) -> str:
        """SHA-256 over all fields, that of the former record included."""
        return sha256(canonical(asdict(self))).hexdigest()


def canonical(value: dict[str, Any]) -> bytes:
    """The one way to write an object as JSON: sorted names, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def mac(key: bytes, kind: str, text: str) -> str:
    """HMAC-SHA-256; `kind` keeps that of a record apart from that of an anchor."""
    return hmac.digest(key, f"{kind}\n{text}".encode(), "sha256").hex()


def to_line(entry: AuditEntry, key: bytes) -> bytes:
    """The record as a line of the store, with its hash and its HMAC."""
    digest = entry.hash
    return canonical(asdict(entry) | {"hash": digest, "mac": mac(key, "record", digest)}) + b"\n"


def from_line(line: bytes) -> tuple[AuditEntry, str, str]:
    """Record, hash and HMAC of a line.

    Raises:
        ValueError: it is no record.
    """
    try:
        content = json.loads(line)
        digest, seal = content.pop("hash"), content.pop("mac")
        entry = AuditEntry(**content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("the line is no record") from error
    if not (isinstance(entry.sequence, int) and isinstance(digest, str) and isinstance(seal, str)):
        raise ValueError("the line is no record")
    return entry, digest, seal
