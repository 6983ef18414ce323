"""The commands `serve`, `app` and `keys`."""

import getpass
from typing import TYPE_CHECKING

import click

from churn_assets.cli.options import output, settings_of_process

if TYPE_CHECKING:
    from churn_assets.access.keys import Key, Keys
    from churn_assets.service_settings import Role
    from churn_assets.settings import Settings

ROLES = "viewer", "agent", "manager", "steward"
HOST_AND_PORT = "CHURN_API_HOST", "CHURN_API_PORT", "CHURN_API_WORKERS"


@click.command()
@click.option("--host", help="Address to bind to; default: CHURN_API_HOST, else 127.0.0.1.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port, 0 for a free one; default: CHURN_API_PORT, else 8000.",
)
@click.option("--workers", type=click.IntRange(1, 64), help="Processes; default: CHURN_API_WORKERS, else 2.")
def serve(host: str | None, port: int | None, workers: int | None) -> None:
    """Serve scores, reasons and what-if answers of the release in force over HTTP, until Ctrl-C.

    Without keys it answers on this machine only. kill -HUP restarts the workers one after the other.
    """
    import os

    from churn_assets.api.serve import serve as run

    for name, value in zip(HOST_AND_PORT, (host, port, workers), strict=True):
        if value is not None:
            os.environ[name] = str(value)  # the workers read it
    settings = settings_of_process()
    os.environ["CHURN_HOME"] = str(settings.home_path)
    run(settings, click.echo)


@click.command()
@click.option("--host", help="Address to bind to; default: CHURN_APP_HOST, else 127.0.0.1.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port, 0 for a free one; default: CHURN_APP_PORT, else 8501.",
)
def app(host: str | None, port: int | None) -> None:
    """Open the page of the retention team in a browser, until Ctrl-C.

    It shows the release in force: who is at risk, why, what to do, and what it brought. It needs neither the lake nor
    Spark; a new release appears by itself.

    Who may read it:

    \b
      nobody is named     everybody on this machine, as CHURN_APP_ROLE (viewer by default)
      personal links      churn-assets keys create anna --role agent     (prints the link, once)
      a login             CHURN_APP_ISSUER and the settings beside it, see docs/app.md

    \b
    viewer    figures and customer_keys
    agent     also names and contact data of their own customers, and marks contacts
    manager   also names and contact data of all customers
    steward   as manager

    Each look at a name is in the audit: churn-assets audit.
    """
    import os

    from churn_assets.app.run import run

    for name, value in (("CHURN_APP_HOST", host), ("CHURN_APP_PORT", port)):
        if value is not None:
            os.environ[name] = str(value)  # the runs of the page read it
    settings = settings_of_process()
    os.environ["CHURN_HOME"] = str(settings.home_path)
    run(settings, click.echo)


@click.group()
def keys() -> None:
    """Keys of the service and personal links of the page: who may read what, and until when."""


@keys.command()
@click.argument("name")
@click.option(
    "--scopes",
    help="What it may ask the service: scores, identity, monitoring, with commas between; scores by default.",
)
@click.option(
    "--role",
    type=click.Choice(ROLES),
    help="Make a personal link to the page of the retention team, for a reader with this role.",
)
@click.option("--owner", help="With --role: the person's name in the account-owner column; NAME by default.")
@click.option("--expires", default="90d", show_default=True, help="Lifetime, such as 90d, 12h or never.")
def create(name: str, scopes: str | None, role: "Role | None", owner: str | None, expires: str) -> None:
    """Make a key of the service, or a personal link to the page, and print it, once. NAME says who uses it."""
    from churn_assets.access.keys import NAME, SCOPES, lifetime, now
    from churn_assets.app.run import address_to_send
    from churn_assets.operations.audit.chain import record

    if scopes and role:
        raise click.UsageError("A key is for the service (--scopes) or for the page (--role); make two.")
    if owner and not role:
        raise click.UsageError("--owner goes with --role.")
    wanted = [] if role else [scope.strip() for scope in (scopes or "scores").split(",")]
    unknown = sorted(set(wanted) - set(SCOPES))
    if unknown:
        raise click.BadParameter(f"{', '.join(unknown)} is no scope; there are {', '.join(SCOPES)}.")
    if not NAME.fullmatch(name):
        raise click.BadParameter("NAME has letters, digits and . _ - only, at most 64.")
    try:
        until = lifetime(expires)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    settings, kept = _settings_and_keys()

    def note(key: "Key") -> None:
        allowed = {"role": role} if role else {"scopes": ",".join(wanted)}
        record(settings, "key_created", getpass.getuser(), key.id, name=name, **allowed)

    key, given = kept.create(name, wanted, until, now(), note, role=role, owner=owner)
    what = f"personal link of {name}, {role}" if role else f"key of {name}, with {', '.join(wanted)}"
    click.echo(f"The {what}, until {key.expires or 'it is revoked'}:", err=True)
    address, check = address_to_send(settings.app)
    click.echo(f"{address}/?access={given}" if role else given)
    if role and check:
        click.echo(check, err=True)
    click.echo("It is shown once. Keep it where secrets are kept.", err=True)


@keys.command("list")
def list_keys() -> None:
    """List all keys, without their secrets."""
    from rich.table import Table

    from churn_assets.access.keys import now

    _, kept = _settings_and_keys()
    grid = Table("id", "name", "may", "state", "created (UTC)", "expires (UTC)")
    for key in kept.all():
        # a narrow terminal would cut off seconds and zone
        created, expires = (time[:16].replace("T", " ") for time in (key.created, key.expires or "never"))
        grid.add_row(key.id, key.name, key.role or " ".join(key.scopes), key.state(now()), created, expires)
    output().print(grid if grid.row_count else "There are no keys.")


@keys.command()
@click.argument("id_or_name")
def revoke(id_or_name: str) -> None:
    """Revoke a key by its id or its name; it is refused at once."""
    from churn_assets.access.keys import now
    from churn_assets.operations.audit.chain import record

    settings, kept = _settings_and_keys()

    def note(key: "Key") -> None:
        record(settings, "key_revoked", getpass.getuser(), key.id, name=key.name)

    key = kept.revoke(id_or_name, now(), note)
    click.echo(f"The key {key.id} of {key.name} is revoked.")


def _settings_and_keys() -> "tuple[Settings, Keys]":
    from churn_assets.access.keys import Keys, keys_file

    settings = settings_of_process()
    return settings, Keys(keys_file(settings))
