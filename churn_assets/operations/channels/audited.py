"""Records in the audit who receives messages with personal data, before they are sent."""

from dataclasses import dataclass

from churn_assets.contracts.channels import ChannelLine
from churn_assets.operations.audit.chain import AuditError, record
from churn_assets.operations.channels.channel import Channel, Unreachable
from churn_assets.operations.channels.message import Batch
from churn_assets.settings import Settings, without_secrets

SENDER = "churn-assets"
LONGEST = 2000  # characters of the receivers


@dataclass(frozen=True)
class Audited:
    """A channel that may tell personal data. Each attempt is an act, since one that fails may have arrived."""

    channel: Channel
    line: ChannelLine
    settings: Settings

    @property
    def digest_hour(self) -> int | None:
        """See `Channel`."""
        return self.channel.digest_hour

    @property
    def collects(self) -> bool:
        """See `Channel`."""
        return self.channel.collects

    def deliver(self, batch: Batch) -> None:
        """See `Channel`. What the audit cannot record is not sent."""
        told = [message for message in batch.messages if message.personal]
        if told:
            customers = {message.customer_key or message.subject for message in told}
            try:
                record(
                    self.settings,
                    "personal_message",
                    SENDER,
                    f"channel {self.line.name}",
                    customers=len(customers),
                    to=receivers(self.line),
                    messages=len(told),
                    delivery=batch.id,
                )
            except AuditError as error:
                raise Unreachable(f"Nothing personal is sent. {error}") from None
        self.channel.deliver(batch)


def receivers(line: ChannelLine) -> str:
    """Who receives what a channel is sent, as churn.yaml says it; of many addresses the first, and how many follow."""
    if line.kind != "email":
        written = line.folder if line.kind == "folder" else line.url
        return without_secrets(written or "")[:LONGEST]
    told = ", ".join(line.recipients)
    if len(told) <= LONGEST:
        return told
    named, room = list[str](), LONGEST - len(f"and {len(line.recipients)} more")
    for address in line.recipients:
        room -= len(address) + len(", ")
        if room < 0:
            break
        named.append(address)
    return ", ".join([*named, f"and {len(line.recipients) - len(named)} more"])
