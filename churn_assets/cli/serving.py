"""The commands `serve` and `keys`."""

import getpass
from typing import TYPE_CHECKING

import click

from churn_assets.cli.options import output, settings_of_process

if TYPE_CHECKING:
    from churn_assets.api.keys import Key, Keys
    from churn_assets.settings import Settings

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


@click.group()
def keys() -> None:
    """Keys of the service: who may ask it, for what, and until when."""


@keys.command()
@click.argument("name")
@click.option(
    "--scopes", default="scores", show_default=True, help="scores, identity, monitoring; with commas between."
)
@click.option("--expires", default="90d", show_default=True, help="Lifetime, such as 90d, 12h or never.")
def create(name: str, scopes: str, expires: str) -> None:
    """Make a key and print it, once. NAME says who uses it."""
    from churn_assets.api.keys import NAME, SCOPES, lifetime, now
    from churn_assets.operations.audit.chain import record

    wanted = [scope.strip() for scope in scopes.split(",")]
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
        record(settings, "key_created", getpass.getuser(), key.id, name=name, scopes=",".join(wanted))

    key, given = kept.create(name, wanted, until, now(), note)
    click.echo(
        f"The key of {name}, with {', '.join(wanted)}, until {key.expires or 'it is revoked'}:", err=True
    )
    click.echo(given)
    click.echo("It is shown once. Keep it where secrets are kept.", err=True)


@keys.command("list")
def list_keys() -> None:
    """List all keys, without their secrets."""
    from rich.table import Table

    from churn_assets.api.keys import now

    _, kept = _settings_and_keys()
    grid = Table("id", "name", "scopes", "state", "created (UTC)", "expires (UTC)")
    for key in kept.all():
        # a narrow terminal would cut off seconds and zone
        created, expires = (time[:16].replace("T", " ") for time in (key.created, key.expires or "never"))
        grid.add_row(key.id, key.name, " ".join(key.scopes), key.state(now()), created, expires)
    output().print(grid if grid.row_count else "There are no keys.")


@keys.command()
@click.argument("id_or_name")
def revoke(id_or_name: str) -> None:
    """Revoke a key by its id or its name; all workers refuse it at once."""
    from churn_assets.api.keys import now
    from churn_assets.operations.audit.chain import record

    settings, kept = _settings_and_keys()

    def note(key: "Key") -> None:
        record(settings, "key_revoked", getpass.getuser(), key.id, name=key.name)

    key = kept.revoke(id_or_name, now(), note)
    click.echo(f"The key {key.id} of {key.name} is revoked.")


def _settings_and_keys() -> "tuple[Settings, Keys]":
    from churn_assets.api.keys import Keys, keys_file

    settings = settings_of_process()
    return settings, Keys(keys_file(settings))
