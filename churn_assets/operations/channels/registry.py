"""Which class delivers for which kind of channel."""

from churn_assets.contracts.channels import ChannelLine
from churn_assets.operations.channels.audited import Audited
from churn_assets.operations.channels.channel import Channel
from churn_assets.operations.channels.folder import Folder
from churn_assets.operations.channels.mail import Mail
from churn_assets.operations.channels.slack import Slack
from churn_assets.operations.channels.teams import Teams
from churn_assets.operations.channels.webhook import Webhook
from churn_assets.settings import Settings


def channel_of(line: ChannelLine, settings: Settings) -> Channel:
    """The channel that a line of churn.yaml declares; nothing is opened."""
    channel = _of_kind(line, settings)
    return Audited(channel, line, settings) if line.personal else channel


def _of_kind(line: ChannelLine, settings: Settings) -> Channel:
    if line.kind == "folder":
        return Folder(line, settings.home_path / "messages")
    simple: dict[str, type[Webhook] | type[Slack] | type[Teams] | type[Mail]] = {
        "webhook": Webhook,
        "slack": Slack,
        "teams": Teams,
        "email": Mail,
    }
    return simple[line.kind](line)
