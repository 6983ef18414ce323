"""The commands `release list`, `release verify` and `release publish`."""

import sys

import click

from churn_assets.cli.options import output, settings_of_process


@click.group()
def release() -> None:
    """What services, pages and reports read: list the releases, verify one, or publish one now."""


@release.command(name="list")
def list_releases() -> None:
    """List the releases, newest first; * marks the one in force."""
    from churn_assets.serving.release.manifest import ReleaseBroken
    from churn_assets.serving.release.reading import open_kept
    from churn_assets.serving.release.root import Root

    place, console = Root(settings_of_process().releases_uri), output()
    pointer = place.pointer()
    for name in reversed(place.names()):
        mark = "*" if pointer is not None and pointer.name == name else " "
        try:
            about = open_kept(place, name).manifest.about
            told = f"as of {about.as_of_date}, model version {about.model_version}, {about.counts['scored']:,} scored"
            told += f", current scores as of {about.current.as_of_date}" if about.current else ""
        except ReleaseBroken as error:
            told = f"broken: {error}"
        console.print(f"{mark} {name}  {told}", markup=False, highlight=False, soft_wrap=True)
    if not place.names():
        console.print("There is no release yet. Run `churn-assets run score --from MONTH`.", markup=False)


@release.command()
@click.argument("name", required=False)
def verify(name: str | None) -> None:
    """Verify the release NAME, or the one in force: files, sizes, hashes, rows and golden rows."""
    from churn_assets.serving.release.manifest import ReleaseBroken
    from churn_assets.serving.release.reading import open_kept
    from churn_assets.serving.release.root import Root
    from churn_assets.serving.release.verifying import verify as prove

    place = Root(settings_of_process().releases_uri)
    pointer = place.pointer()
    if name is None and pointer is None:
        raise click.UsageError("There is no release yet.")
    wanted = name or (pointer.name if pointer else "")
    if wanted not in place.names():
        raise click.UsageError(f"There is no release {wanted}; `churn-assets release list` shows them.")
    try:
        found = open_kept(place, wanted)
        prove(found, pointer if pointer is not None and pointer.name == wanted else None)
    except ReleaseBroken as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    click.echo(
        f"{wanted} is whole: {len(found.manifest.files)} files, as of {found.manifest.about.as_of_date}."
    )


@release.command()
def publish() -> None:
    """Write a release of the newest scores, verify it, and put it in force; runs do so by themselves."""
    from churn_assets.contracts.loader import load_business
    from churn_assets.definitions import tracking_of
    from churn_assets.lakehouse.lakehouse import Lakehouse
    from churn_assets.serving.contents import NothingScored
    from churn_assets.serving.publishing import publish as write

    settings = settings_of_process()
    business = load_business(settings.business_path)
    try:
        manifest = write(Lakehouse(settings), tracking_of(settings, business), business, "byhand")
    except NothingScored:
        raise click.UsageError("Nobody has been scored yet, so there is nothing to release.") from None
    click.echo(f"{manifest.name} is in force: {manifest.about.counts['scored']:,} customers scored.")
