"""The commands `channels list`, `test`, `deliver` and `retry`."""

from typing import TYPE_CHECKING

import click

from churn_assets.cli.options import settings_of_process

if TYPE_CHECKING:
    from churn_assets.contracts.channels import ChannelLine
    from churn_assets.operations.channels.outbox import ChannelState
    from churn_assets.settings import Settings


@click.group()
def channels() -> None:
    """Where incidents and alerts are told: the section `channels` of churn.yaml.

    The daemon delivers every half minute. Messages wait in CHURN_HOME/outbox.db until their channel has accepted them.
    """


def _declared() -> "tuple[Settings, list[ChannelLine]]":
    from churn_assets.contracts.loader import load_business

    settings = settings_of_process()
    return settings, load_business(settings.business_path).file.channels


def _named(lines: "list[ChannelLine]", name: str) -> "ChannelLine":
    found = next((line for line in lines if line.name == name), None)
    if found is None:
        listed = ", ".join(line.name for line in lines) or "none"
        raise click.UsageError(f"There is no channel {name}. churn.yaml declares: {listed}.")
    return found


@channels.command("list")
def list_channels() -> None:
    """Show each channel, what waits for it, and why it fails if it does."""
    from churn_assets.operations.channels.outbox import ChannelState, opened

    settings, lines = _declared()
    outbox = opened(settings.home_path)
    kinds = {
        line.name: f"{line.kind}, tells {' and '.join(line.topics)}"
        f"{', with personal data' if line.personal else ''}"
        for line in lines
    }
    gone = [name for name in (outbox.channels() if outbox else []) if name not in kinds]
    for name in gone:
        kinds[name] = "no longer declared in churn.yaml"
    if not kinds:
        click.echo("churn.yaml declares no channels; docs/churn-yaml.md shows how.")
    for name, what in kinds.items():
        state = outbox.state(name) if outbox else ChannelState()
        if name not in gone or state.waiting or state.undeliverable:
            click.echo(f"{name} ({what}): {_told(state)}")


def _told(state: "ChannelState") -> str:
    parts = [f"{state.waiting:,} waiting"]
    if state.undeliverable:
        parts.append(f"{state.undeliverable:,} refused by the receiver")
    if state.failing_since:
        parts.append(
            f"fails since {state.failing_since:%Y-%m-%d %H:%M} UTC, next attempt {state.next_at:%H:%M:%S}"
        )
    if state.delivered_at:
        parts.append(f"last delivery {state.delivered_at:%Y-%m-%d %H:%M} UTC")
    return "; ".join(parts) + (f". {state.why}" if state.why else "")


@channels.command("test")
@click.argument("name")
def test_channel(name: str) -> None:
    """Send a test message to the channel NAME now, and say whether it was accepted."""
    import uuid
    from datetime import UTC, datetime

    from churn_assets.operations.channels.channel import DeliveryFailed
    from churn_assets.operations.channels.message import Batch, Message
    from churn_assets.operations.channels.registry import channel_of

    settings, lines = _declared()
    line, id_ = _named(lines, name), f"test-{uuid.uuid4().hex}"
    told = Message(
        id_,
        "test",
        "test",
        id_,
        "Test of a channel",
        f"The channel {name} of churn-assets works.",
        "info",
        datetime.now(UTC),
    )
    try:
        channel_of(line, settings).deliver(Batch(id_, [told]))
    except DeliveryFailed as error:
        raise click.ClickException(f"{name} did not accept the message. {error}") from None
    click.echo(f"{name} accepted the message {id_}.")


@channels.command()
@click.option("--seconds", default=60, show_default=True, help="How long at most.")
def deliver(seconds: int) -> None:
    """Deliver what waits and is due, without the daemon."""
    from datetime import UTC, datetime

    from churn_assets.alerts.delivery import note_deliveries, outdated
    from churn_assets.cli.options import lakehouse_of_process
    from churn_assets.contracts.loader import load_business
    from churn_assets.operations.channels.delivery import deliver as deliver_due
    from churn_assets.operations.channels.outbox import opened

    settings, lines = _declared()
    outbox, lakehouse = opened(settings.home_path), lakehouse_of_process()
    business = load_business(settings.business_path)
    stopped = outdated(lakehouse, business)
    done = deliver_due(outbox, lines, settings, seconds, stopped) if outbox else {}
    if outbox and done:
        note_deliveries(lakehouse, business, outbox, datetime.now(UTC), "channels deliver")
    for name, result in done.items():
        click.echo(f"{name}: {result.messages:,} delivered{f'. {result.why}' if result.why else ''}")
    if not done:
        click.echo("Nothing is due.")


@channels.command()
@click.argument("name")
def retry(name: str) -> None:
    """Make all messages of the channel NAME due now, also those that its receiver refused."""
    from churn_assets.counts import counted
    from churn_assets.operations.channels.outbox import opened

    settings, lines = _declared()
    _named(lines, name)
    outbox = opened(settings.home_path)
    click.echo(f"{counted(outbox.retry(name) if outbox else 0, 'message is', 'messages are')} due now.")
