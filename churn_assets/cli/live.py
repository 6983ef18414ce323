"""The command `live`."""

from typing import TYPE_CHECKING

import click

from churn_assets.cli.options import output, settings_of_process

if TYPE_CHECKING:
    from churn_assets.live.following import LiveStep

SHOWN = 5  # alerts of a step


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address of health and metrics.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8600,
    show_default=True,
    help="Its port, 0 for a free one.",
)
@click.option(
    "--once", is_flag=True, help="Score what waits in the landing zone, and end; topics are not read."
)
def live(host: str, port: int, once: bool) -> None:
    """Score customers and raise their alerts seconds after new rows arrive, until Ctrl-C.

    Follows the landing zone, and lands what the topics of Kafka bring that contracts name. Needs a lake that was
    ingested and has a champion; docs/live.md tells more. Scores and alerts are those that the next morning finds for
    the same rows.
    """
    import signal
    import threading

    from churn_assets.contracts.loader import load_business
    from churn_assets.definitions import tracking_of
    from churn_assets.lakehouse.engine.profiles import for_few_rows
    from churn_assets.lakehouse.lakehouse import Lakehouse
    from churn_assets.live.alone import alone
    from churn_assets.live.figures import LiveFigures, answering
    from churn_assets.live.following import Follower
    from churn_assets.operations.log import writing as log

    lakehouse, console = Lakehouse(for_few_rows(settings_of_process())), output()
    settings = lakehouse.settings
    log.start(settings)
    business, figures = load_business(settings.business_path), LiveFigures()
    ended = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: ended.set())
    with alone(settings), answering(figures, host, port) as address:
        follower = Follower(lakehouse, business, tracking_of(settings, business), figures)
        console.print(f"Health and metrics: {address}/v2/health/ready, {address}/metrics", highlight=False)
        console.print(f"Follows {settings.landing_uri} as of {follower.scorer.state.day}.", highlight=False)

        def tell(step: "LiveStep") -> None:
            for line in lines_of(step):
                console.print(line, highlight=False, markup=False, soft_wrap=True)

        if once:
            if follower.catch_up(tell) == 0:
                console.print("Nothing waits in the landing zone that was not ingested yet.", highlight=False)
        else:
            follower.run(ended, tell)


def lines_of(step: "LiveStep") -> list[str]:
    """What a step did, for a terminal: rows by source, scores, alerts."""
    from churn_assets.counts import counted

    found = {name: sum(taken.rows.values()) for name, taken in step.arrived.by_source.items()}
    named = ", ".join(f"{name} {count:,}" for name, count in found.items() if count)
    sources = f" ({named})" if named else ""
    refused = f", {step.arrived.refused} of them refused" if step.arrived.refused else ""
    unknown = counted(step.arrived.strangers, "customer")
    refused += f", {unknown} without a key" if step.arrived.strangers else ""
    unread = sum(len(taken.unread) for taken in step.arrived.by_source.values())
    refused += f", {counted(unread, 'file')} unread" if unread else ""
    first = (
        f"{step.at:%H:%M:%S} {counted(step.arrived.rows, 'row')}{sources}{refused}; "
        f"{counted(len(step.scores), 'customer')} scored, {counted(len(step.alerts), 'alert')}; "
        f"{step.seconds:.1f} s after the first arrived"
    )
    told = [
        f"         {row['rule']}: {row['customer_key']} {row['old_value']} -> {row['new_value']} {row['reason_1']}"
        for row in step.alerts[:SHOWN]
    ]
    more = len(step.alerts) - SHOWN
    return [first, *told, *([f"         and {more} more"] if more > 0 else [])]
