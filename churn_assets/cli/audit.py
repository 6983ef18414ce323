"""The command `audit`: who did what to whose data, and whether the record is intact."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from churn_assets.cli.options import settings_of_process
from churn_assets.counts import counted
from churn_assets.settings import is_uri

if TYPE_CHECKING:
    from churn_assets.operations.audit.entry import AuditEntry
    from churn_assets.operations.audit.witnesses import Witness
    from churn_assets.settings import Settings

ELSEWHERE = "The lake is not on this machine: only the check of operations/audit compares its copy."


@click.group()
def audit() -> None:
    """Show who did what to whose data, and verify that nobody changed the record."""


@audit.command("list")
@click.option("--act", help="Only these acts: look_up, export, promotion, ...")
@click.option("--by", help="Only acts of this person or API key.")
@click.option("--subject", help="Only acts on this customer_key, model or file.")
@click.option("--limit", default=50, show_default=True, help="How many of the newest.")
def list_acts(act: str | None, by: str | None, subject: str | None, limit: int) -> None:
    """Show the newest acts: exports, look-ups by identity, messages with names, promotions, approvals, keys."""
    from churn_assets.operations.audit.verification import stored

    entries = (line.content[0] for line in stored(settings_of_process()) if line.content)
    wanted = {"act": act, "by": by, "subject": subject}
    found = [e for e in entries if all(v is None or getattr(e, name) == v for name, v in wanted.items())]
    for entry in reversed(found[-limit:]):
        click.echo(_line(entry))
    if not found:
        click.echo("No such act is recorded.")


@audit.command("verify")
@click.pass_context
def verify_acts(context: click.Context) -> None:
    """Find records that were edited, removed, reordered, added or cut off; exit code 1 if there are any.

    The log and the lake tell the hashes of records, too. So an audit that was deleted as a whole is found.
    """
    from churn_assets.operations.audit.verification import verify

    settings = settings_of_process()
    witnesses, unread = lake_witness(settings)
    found = verify(settings, *witnesses)
    for sentence in [*unread, *found.unread, *found.unknown]:
        click.echo(sentence)
    if is_uri(settings.lake_uri):
        click.echo(ELSEWHERE)
    if found.damage:
        for sentence in found.damage:
            click.echo(sentence)
        read, findings = counted(found.records, "record"), counted(len(found.damage), "finding")
        click.echo(f"The audit is not intact: {read} read, {findings}.")
        context.exit(1)
    end = f"; the last one has the hash {found.anchor.hash[:12]}" if found.anchor and found.records else ""
    click.echo(f"The audit is intact: {counted(found.records, 'record')}{end}.")


def lake_witness(settings: "Settings") -> "tuple[list[Witness], list[str]]":
    """What the lake tells of the audit, else why it cannot be read; nothing if it is not on this machine."""
    from churn_assets.lakehouse.lakehouse import Lakehouse
    from churn_assets.operations.audit.witnesses import told_by_lake

    if is_uri(settings.lake_uri):
        return [], []
    try:
        return [told_by_lake(Lakehouse(settings))], []
    except Exception as error:  # noqa: BLE001 (the chain itself is verified all the same)
        return [], [f"The lake cannot be read ({type(error).__name__}), so its copy was not compared."]


@audit.command("archive")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--why", required=True, help="Why; the first record of the new chain holds it.")
def archive_acts(folder: Path, why: str) -> None:
    """Move a damaged audit, its anchor and its key into FOLDER, a new one, and begin a new chain."""
    from churn_assets.operations.audit.chain import AuditError, archive

    settings = settings_of_process()
    try:
        archive(settings, folder, getpass.getuser(), why)
    except FileExistsError:
        raise click.UsageError(f"{folder} is there already. Name a new folder.") from None
    except (AuditError, OSError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"The audit was moved to {folder}. A new chain has begun; its first record says so.")


def _line(entry: "AuditEntry") -> str:
    about = [counted(entry.customers, "customer")] if entry.customers is not None else []
    about += [f"{name}={value}" for name, value in sorted(entry.facts.items())]
    told = f" ({', '.join(about)})" if about else ""
    why = f": {entry.why}" if entry.why else ""
    return f"{entry.sequence} {entry.at[:19].replace('T', ' ')} {entry.by} {entry.act} {entry.subject}{told}{why}"
