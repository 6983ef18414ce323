"""The `churn-assets` command group and its entry point, which prints errors as sentences."""

import sys

import click
from rich.console import Console
from rich.markup import escape

from churn_assets import trace
from churn_assets.cli import lake, models
from churn_assets.cli.alerts import alerts
from churn_assets.cli.audit import audit
from churn_assets.cli.backup import backup, drill, restore
from churn_assets.cli.campaign import campaign, plan
from churn_assets.cli.changes import changes
from churn_assets.cli.channels import channels
from churn_assets.cli.check import check
from churn_assets.cli.configuration import configuration
from churn_assets.cli.garbage import no_collection_at_exit
from churn_assets.cli.incidents import incident
from churn_assets.cli.init import init
from churn_assets.cli.live import live
from churn_assets.cli.log import log
from churn_assets.cli.metrics import metrics
from churn_assets.cli.page import page
from churn_assets.cli.problems import problem
from churn_assets.cli.publish import publish
from churn_assets.cli.releases import release
from churn_assets.cli.schema import schema
from churn_assets.cli.service_levels import service_levels
from churn_assets.cli.serving import app, keys, serve
from churn_assets.cli.study import study


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="churn-assets")
@click.pass_context
def cli(context: click.Context) -> None:
    """Tell which customers are likely to leave, why, and what to do about each of them.

    Where things lie is set by environment variables: CHURN_HOME (default .churn), CHURN_BUSINESS (telecom, shop or a
    folder with churn.yaml and contracts/), CHURN_LANDING, CHURN_LAKE and others; `churn-assets doctor` shows them.

    \b
    First steps:
      churn-assets study FILE.csv   what a single file of customers tells, and how far to trust it
      churn-assets demo             simulate a telecom operator and run everything
      churn-assets init FOLDER      draft a business from your own files, for you to review
      churn-assets check            what a run would find in the landing files, in seconds
      churn-assets doctor           is this machine fit? what is wrong, and how to mend it
      churn-assets summary          what the lake holds now, on one screen
      churn-assets catalogue        what each table and column means, and where else data lies
      churn-assets log              what happened, over all processes of this home
    """
    context.with_resource(trace.within(trace.new()))


for command in (
    init,
    lake.demo,
    lake.simulate,
    lake.run,
    lake.daily,
    lake.summary,
    lake.catalogue,
    lake.doctor,
    check,
    page,
    models.promote,
    models.rollback,
    models.what_if,
    models.replay_command,
    plan,
    campaign,
    schema,
    study,
    alerts,
    channels,
    live,
    log,
    incident,
    problem,
    changes,
    audit,
    configuration,
    service_levels,
    serve,
    app,
    keys,
    release,
    metrics,
    publish,
    backup,
    restore,
    drill,
):
    cli.add_command(command)


def main() -> None:
    """Entry point. Prints errors that a user can fix as a sentence; all other errors keep their traceback."""
    from churn_assets.cli.errors import sentence

    no_collection_at_exit()
    try:
        cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):  # Ctrl-C, outside of a command and in one
        click.echo("Interrupted. What was written stays; the same command can be run again.", err=True)
        sys.exit(130)
    except Exception as error:
        told = sentence(error)
        if told is None:
            raise
        Console(stderr=True).print(escape(told.text), soft_wrap=True, highlight=False)
        sys.exit(told.exit_code)
