"""The commands `problem new`, `known`, `close` and `list`."""

import getpass

import click

from churn_assets.cli.options import lakehouse_of_process


@click.group()
def problem() -> None:
    """What several incidents have in common: the cause, and how to live with it."""


@problem.command()
@click.argument("title")
@click.option("--incident", "incident_ids", multiple=True, help="An incident of it; may be repeated.")
@click.option("--note", default="", help="What is known so far.")
def new(title: str, incident_ids: tuple[str, ...], note: str) -> None:
    """Open a problem called TITLE and link incidents to it."""
    from datetime import UTC, datetime

    from churn_assets.operations.channels.outbox import Outbox
    from churn_assets.operations.incidents.rules import link
    from churn_assets.operations.incidents.store import change, incidents
    from churn_assets.operations.problems.problem import open_problem

    lakehouse, by = lakehouse_of_process(), getpass.getuser()
    wanted = {id_.upper() for id_ in incident_ids}
    if missing := wanted - {i.incident_id for i in incidents(lakehouse)}:
        raise click.UsageError(f"There is no incident {', '.join(sorted(missing))}; nothing was recorded.")
    found = open_problem(lakehouse, title, note or title, by)
    outbox, now = Outbox(lakehouse.settings.home_path).id, datetime.now(UTC)
    change(
        lakehouse,
        lambda known: [link(i, found.problem_id, by, now, outbox) for i in known if i.incident_id in wanted],
        by,
    )
    click.echo(f"{found.problem_id} is open.")


@problem.command()
@click.argument("problem_id", metavar="PROBLEM")
@click.option("--cause", required=True, help="Why it happens.")
@click.option("--workaround", required=True, help="How to live with it.")
def known(problem_id: str, cause: str, workaround: str) -> None:
    """Say why PROBLEM happens and how to live with it."""
    from churn_assets.operations.problems.problem import ProblemError, know

    try:
        found = know(lakehouse_of_process(), problem_id, cause, workaround, getpass.getuser())
    except ProblemError as error:
        raise click.UsageError(str(error)) from None
    click.echo(f"{found.problem_id} is a known error.")


@problem.command()
@click.argument("problem_id", metavar="PROBLEM")
@click.option("--why", required=True, help="How it was removed, for the record.")
def close(problem_id: str, why: str) -> None:
    """Say that PROBLEM is removed."""
    from churn_assets.operations.problems.problem import ProblemError
    from churn_assets.operations.problems.problem import close as closed

    try:
        found = closed(lakehouse_of_process(), problem_id, why, getpass.getuser())
    except ProblemError as error:
        raise click.UsageError(str(error)) from None
    click.echo(f"{found.problem_id} is closed.")


@problem.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those that are closed.")
def list_problems(everything: bool) -> None:
    """Show the problems with cause, workaround and incidents."""
    from churn_assets.operations.incidents.store import incidents
    from churn_assets.operations.problems.problem import CLOSED, problems

    lakehouse = lakehouse_of_process()
    shown = [p for p in problems(lakehouse) if everything or p.state != CLOSED]
    of = incidents(lakehouse)
    for one in shown:
        linked = ", ".join(i.incident_id for i in of if i.problem_id == one.problem_id) or "no incident"
        click.echo(f"{one.problem_id} {one.state}: {one.title} ({linked})")
        if one.cause:
            click.echo(f"  cause: {one.cause} Workaround: {one.workaround}")
    if not shown:
        click.echo("No problem is open.")
