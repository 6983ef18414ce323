"""Which channels do not deliver, in words."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from churn_assets.contracts.channels import ChannelLine
from churn_assets.counts import counted
from churn_assets.operations.channels.outbox import ChannelState, Outbox


def troubled(outbox: Outbox, lines: Sequence[ChannelLine], now: datetime) -> dict[str, str]:
    """Channel -> what is wrong and what to do, for those that have failed too long or hold refused messages."""
    found = {}
    declared = {line.name: line for line in lines}
    for name in (*declared, *(n for n in outbox.channels() if n not in declared)):
        state = outbox.state(name)
        if told := _told(name, state, declared.get(name), now):
            found[name] = told
    return found


def _told(name: str, state: ChannelState, line: ChannelLine | None, now: datetime) -> str | None:
    if line is None:
        if not state.waiting:
            return None
        waiting = counted(state.waiting, "message waits", "messages wait")
        return f"{waiting} for {name}, which churn.yaml no longer declares. Declare it again."
    if state.failing_since and now - state.failing_since >= timedelta(minutes=line.patience_minutes):
        waiting = counted(state.waiting, "message waits", "messages wait")
        return (
            f"{name} has failed since {state.failing_since:%Y-%m-%d %H:%M} UTC; {waiting}. {state.why} "
            f"After a repair: `churn-assets channels test {name}`."
        )
    if state.undeliverable:
        refused = counted(state.undeliverable, "message")
        return f"The receiver of {name} refused {refused}. Then: `churn-assets channels retry {name}`."
    return None
