"""The commands `promote`, `rollback`, `what-if` and `replay`."""

from typing import TYPE_CHECKING

import click
from click.core import ParameterSource
from rich.console import Console

from churn_assets.cli.options import SEED, customers_option, month_of_word, settings_of_process

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from churn_assets.lakehouse.lakehouse import Lakehouse
    from churn_assets.models.decisions import Decision
    from churn_assets.tracking.tracking import Tracking


_FROM = click.option(
    "--from",
    "first",
    type=month_of_word,
    metavar="YYYY-MM",
    help="Month from whose end on it is in charge; default: the newest closed month.",
)
_WHY = click.option("--why", required=True, help="The reason, for the record.")


def _put_in_charge(decide: "Callable[[Lakehouse, Tracking, date, str], Decision]", first: str | None) -> None:
    """Records a manual decision from the end of month `first` on (None: the newest closed month) and prints it."""
    import getpass

    from churn_assets.contracts.loader import load_business
    from churn_assets.definitions import tracking_of
    from churn_assets.graph.partitions import snapshot_months
    from churn_assets.lakehouse.lakehouse import Lakehouse
    from churn_assets.months import month_end
    from churn_assets.operations.log import writing as log

    settings = settings_of_process()
    business = load_business(settings.business_path)
    newest = snapshot_months(business).get_last_partition_key()
    if newest is None:
        raise click.UsageError("No month is closed yet.")
    if first is not None and first > newest:
        raise click.UsageError(f"--from {first} is after the newest closed month, {newest}.")
    tracking = tracking_of(settings, business)
    decision = decide(Lakehouse(settings), tracking, month_end(first or newest), getpass.getuser())
    log.start(settings)
    log.event(
        "model.in_charge",
        f"Version {decision.model_version} was put in charge by hand.",
        model_version=decision.model_version,
        previous_version=decision.previous_version,
        in_charge_from=str(decision.in_charge_from),
    )
    Console().print(
        f"Version {decision.model_version} is in charge from {decision.in_charge_from} on "
        f"(before: {decision.previous_version}). Materialise scores/* of the months since to score with it."
    )


@click.command()
@click.argument("version")
@_FROM
@_WHY
@click.option("--approved-by", metavar="NAME", help="Who else approved it, for the record.")
def promote(version: str, first: str | None, why: str, approved_by: str | None) -> None:
    """Put model VERSION in charge by hand; it is recorded in models/champions, operations/changes and MLflow."""
    from churn_assets.models.decisions import promote as put_in_charge
    from churn_assets.operations.changes.change import ChangeError

    try:
        _put_in_charge(
            lambda lakehouse, tracking, start, by: put_in_charge(
                lakehouse, tracking, version, start, why, by, approved_by
            ),
            first,
        )
    except ChangeError as error:
        raise click.UsageError(str(error)) from None


@click.command()
@_FROM
@_WHY
def rollback(first: str | None, why: str) -> None:
    """Put the champion before the present one in charge again."""
    from churn_assets.models.decisions import rollback as put_back

    _put_in_charge(
        lambda lakehouse, tracking, start, by: put_back(lakehouse, tracking, start, why, by), first
    )


def _wish(value: str) -> tuple[str, str]:
    """`feature=value` as (feature, value); anything else is a usage error."""
    name, equals, wished = value.partition("=")
    if not (name and equals and wished):
        raise click.BadParameter(f"{value} cannot be read; write feature=value.")
    return name.strip(), wished.strip()


def _one_each(wishes: tuple[tuple[str, str], ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, wished in wishes:
        if name in found:
            raise click.UsageError(
                f"{name} is to be set to {found[name]} and to {wished}; ask one after the other."
            )
        found[name] = wished
    return found


@click.command("what-if")
@click.option(
    "--customer", required=True, metavar="KEY", help="customer_key of a snapshot; no other id is known here."
)
@click.option(
    "--month",
    type=month_of_word,
    metavar="YYYY-MM",
    help="Month of the snapshot; default: the customer's newest.",
)
@click.option(
    "--set",
    "wishes",
    multiple=True,
    type=_wish,
    metavar="FEATURE=VALUE",
    help="Another value; may be repeated.",
)
def what_if(customer: str, month: str | None, wishes: tuple[tuple[str, str], ...]) -> None:
    """Ask how a customer's probability would change if something that we can change were different.

    Only features marked `actionable` in churn.yaml, and only values that the model has learned from. Without --set it
    lists them with the customer's values.

    \b
    Examples:
      churn-assets what-if --customer 3f9c...
      churn-assets what-if --customer 3f9c... --set subscriptions_monthly_price=25 --set customers_autopay=true
    """
    from churn_assets.cli.what_if import tell_what_if
    from churn_assets.contracts.loader import load_business
    from churn_assets.definitions import tracking_of
    from churn_assets.lakehouse.lakehouse import Lakehouse
    from churn_assets.ml.portable.what_if import WhatIfError

    settings, asked = settings_of_process(), _one_each(wishes)
    business = load_business(settings.business_path)
    lakehouse, tracking = Lakehouse(settings), tracking_of(settings, business)
    try:
        tell_what_if(lakehouse, tracking, business, customer, month, asked, Console())
    except WhatIfError as error:
        raise click.UsageError(str(error)) from error


@click.command("replay")
@customers_option(4000)
@click.option("--months", default=27, show_default=True, help="Months to replay, from 2024-01 on.")
@click.option(
    "--drift-from",
    type=month_of_word,
    metavar="YYYY-MM",
    default="2025-06",
    show_default=True,
    help="Month from which customers leave for other reasons.",
)
@click.option("--no-drift", is_flag=True, help="Customers never change; shows whether the loop stays quiet.")
@SEED
@click.option(
    "--at-once",
    is_flag=True,
    help="Ingest all months in one run before; the tables are the same, and it takes a fraction of the time.",
)
@click.option(
    "--campaigns",
    is_flag=True,
    help="Instead plan, approve and measure a campaign each month, in two copies of a world that does not change.",
)
@click.option(
    "--offers-do-nothing", is_flag=True, help="With --campaigns: offers are accepted, and change nothing."
)
@click.pass_context
def replay_command(
    context: click.Context,
    customers: int,
    months: int,
    drift_from: str,
    no_drift: bool,
    seed: int,
    at_once: bool,
    campaigns: bool,
    offers_do_nothing: bool,
) -> None:
    """Live through a simulated world month by month, with a change of regime in its middle.

    Does the loop notice the change, and does it repair the model? The table at the end, and with a picture
    CHURN_HOME/replay/replay.html, show the realised AUC of each cohort, the AUC of the first model as if it had never
    been replaced, and that of the true hazard. Everything lies in CHURN_HOME/replay, including its business, which has
    its own calendar. Replace HOME by the present CHURN_HOME to see every run:

    \b
      CHURN_HOME=HOME/replay CHURN_BUSINESS=HOME/replay/telecom make ui

    With --campaigns: do campaigns keep customers, and do we measure what they do? One copy of the world is left alone,
    the other is treated by our plans. Tables, and with pictures CHURN_HOME/replay/campaigns.html, show churn without
    and with, the measured effects against the true ones, and the profit of our plans against other policies. After an
    interruption the same command goes on.

    \b
      churn-assets replay --campaigns --customers 1000 --months 18
    """
    from churn_assets.replay.campaign_world import CampaignPlan
    from churn_assets.replay.campaigns import replay_campaigns
    from churn_assets.replay.replay import ReplayError, replay
    from churn_assets.replay.world import Plan
    from churn_assets.simulator.simulate import SimulationError

    _require_fitting(context, campaigns)
    try:
        if campaigns:
            ours = CampaignPlan(customers, months, seed, not offers_do_nothing)
            replay_campaigns(settings_of_process(), ours, Console())
            return
        plan = Plan(customers, months, None if no_drift else drift_from, seed, at_once)
        replay(settings_of_process(), plan, Console())
    except (ReplayError, SimulationError) as error:
        raise click.UsageError(str(error)) from error


def _require_fitting(context: click.Context, campaigns: bool) -> None:
    """Refuses options that mean nothing with, or without, --campaigns."""
    idle = ("drift_from", "no_drift", "at_once") if campaigns else ("offers_do_nothing",)
    given = [name for name in idle if context.get_parameter_source(name) == ParameterSource.COMMANDLINE]
    if given:
        option = f"--{given[0].replace('_', '-')}"
        when = "with" if campaigns else "without"
        raise click.UsageError(f"{option} means nothing {when} --campaigns; leave it out.")
