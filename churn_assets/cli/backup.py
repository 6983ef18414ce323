"""The commands `backup`, `restore` and `drill`."""

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from churn_assets.cli.options import lakehouse_of_process, settings_of_process
from churn_assets.counts import counted

if TYPE_CHECKING:
    from churn_assets.backup.manifest import BackupManifest, Part

MIB = 2**20
PLACES = ("landing", "lake", "tracking_uri", "artifacts", "audit_anchor")  # settings that lead out of a home


class _Time(click.ParamType[datetime]):
    """A time in UTC: a day, which stands for its end, or a day and a time."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The time."""
        for form in ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"):
            try:
                found = datetime.strptime(value, form).replace(tzinfo=UTC)
            except ValueError:
                continue
            return found.replace(hour=23, minute=59, second=59) if form == "%Y-%m-%d" else found
        return self.fail(
            f"{value} is no time; write it as YYYY-MM-DD or YYYY-MM-DDTHH:MM, in UTC.", param, ctx
        )


@click.group(invoke_without_command=True)
@click.pass_context
def backup(context: click.Context) -> None:
    """Take a backup of the whole home; or list, verify and forget backups.

    CHURN_BACKUP_REPOSITORY says where they lie, CHURN_BACKUP_PASSWORD_FILE which password opens them.
    """
    if context.invoked_subcommand is not None:
        return
    from churn_assets.backup.nightly import take
    from churn_assets.contracts.loader import load_business

    house = lakehouse_of_process()
    business = load_business(house.settings.business_path)
    done = take(house, business, getpass.getuser())
    manifest = done.manifest
    click.echo(
        f"Backup {done.name} of {manifest.at:%Y-%m-%d %H:%M} UTC at {house.settings.backup.place}: "
        f"{counted(len(manifest.files), 'file')} with {manifest.size / MIB:,.1f} MiB, "
        f"{counted(len(manifest.tables), 'table')}, {counted(len(manifest.models), 'model')}; "
        f"{done.stored.added / MIB:,.1f} MiB were new. It took {done.seconds:.1f} s."
    )
    _tell(manifest)
    if done.vanished:
        raise click.ClickException(
            f"The backup was taken, but {done.vanished}, and nobody forgot them. Look who can delete there."
        )


def _tell(manifest: "BackupManifest") -> None:
    for told in manifest.unsettled:
        click.echo(f"While it was taken, {told}.")
    for place, why in sorted(manifest.not_held.items()):
        click.echo(f"Not in the backup: {place} ({why}).")


@backup.command("list")
def list_backups() -> None:
    """Show the backups in the repository, the newest first."""
    from churn_assets.backup.forgetting import of_the_future
    from churn_assets.backup.restic import Repository

    repository = Repository(settings_of_process())
    found = repository.snapshots()
    later = of_the_future(found, now := datetime.now(UTC))
    for one in reversed(found):
        hours = (now - one.at).total_seconds() / 3600
        age = "of the future: a clock is wrong" if one in later else f"{hours:,.1f} hours old"
        click.echo(f"{one.name} {one.at:%Y-%m-%d %H:%M} UTC, {age}")
    for name in repository.unreadable:
        click.echo(f"{name} cannot be read: the repository is damaged.")
    if not (found or repository.unreadable):
        click.echo(f"There is no backup at {repository.place}.")


@backup.command("verify")
@click.option(
    "--read-data-subset",
    "subset",
    default="100%",
    show_default=True,
    help="How much of the data is read: a share such as 5%, a part such as 1/7, or an amount such as 500M.",
)
def verify_backups(subset: str) -> None:
    """Check that the repository is sound and its data can be read. Only a restore proves a restore: see `drill`."""
    from churn_assets.backup.nightly import verify

    verify(lakehouse_of_process(), subset, getpass.getuser())
    click.echo(f"The repository is sound; {subset} of its data was read.")


@backup.command("forget")
@click.argument("name", required=False)
@click.option(
    "--clock-is-right", is_flag=True, help="Delete old ones although hardly any is young: the clock is right."
)
def forget_backups(name: str | None, clock_is_right: bool) -> None:
    """Delete old backups: what CHURN_BACKUP_KEEP_DAILY and CHURN_BACKUP_KEEP_WEEKLY do not keep.

    With NAME it deletes that one only, as one that was taken while the clock was wrong.
    """
    from churn_assets.backup.nightly import forget, forget_one

    if name is not None:
        click.echo(f"{forget_one(lakehouse_of_process(), name, getpass.getuser()).name} was deleted.")
        return
    gone = forget(lakehouse_of_process(), getpass.getuser(), clock_is_right=clock_is_right)
    click.echo(f"{counted(gone, 'backup')} {'was' if gone == 1 else 'were'} deleted.")


@click.command()
@click.option("--to", "target", required=True, type=click.Path(path_type=Path), help="A new or empty folder.")
@click.option(
    "--as-of", type=_Time(), metavar="TIME", help="The newest backup of this time (UTC), not the newest one."
)
@click.option(
    "--only", "part", type=click.Choice(["models", "lake", "config"]), help="Only a part of the home."
)
@click.option("--replace", is_flag=True, help="Put what is at PATH aside, in a folder beside it.")
def restore(target: Path, as_of: datetime | None, part: "Part | None", replace: bool) -> None:
    """Bring a home back from a backup into a folder, and verify it before it is put in place.

    Every file is compared with its SHA-256, every table is read by a second engine, every model scores its golden rows.
    What could not be checked counts as failed.
    """
    from churn_assets.backup.restoring import restore_recorded, told_of

    settings = settings_of_process()
    done = restore_recorded(settings, target, getpass.getuser(), as_of=as_of, part=part, replace=replace)
    for line in told_of(done):
        click.echo(line)
    if moved := [f"CHURN_{name.upper()}" for name in PLACES if getattr(settings, name)]:
        click.echo(f"What was restored lies in that folder, all of it. To use it, unset {', '.join(moved)}.")


@click.command()
@click.argument("scenario", required=False)
def drill(scenario: str | None) -> None:
    """Practise a loss in a scratch copy, measure it, and record it in operations/drills.

    Without SCENARIO it lists the scenarios and when each was practised last.
    """
    from churn_assets.backup.drills.run import SCENARIOS, run_drill
    from churn_assets.backup.records import drills

    house = lakehouse_of_process()
    if scenario is None:
        last = {row["scenario"]: row for row in drills(house)}
        for name, about in SCENARIOS.items():
            row = last.get(name)
            told = f"{row['verdict']} on {row['declared_at']:%Y-%m-%d}" if row else "never practised"
            click.echo(f"{name}: {about.lost} ({told})")
        return
    if scenario not in SCENARIOS:
        raise click.UsageError(f"There is no scenario {scenario}; there are {', '.join(SCENARIOS)}.")
    done = run_drill(house, scenario, getpass.getuser())
    click.echo(done.told)
    if not done.passed:
        raise click.exceptions.Exit(1)
