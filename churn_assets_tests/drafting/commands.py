"""`churn-assets init` as a person calls it, for all kinds of sources."""

from pathlib import Path

from click.testing import CliRunner, Result

from churn_assets.cli.main import cli


def init(folder: Path, *words: str) -> Result:
    """`churn-assets init FOLDER --all --from WORDS`; an error that is no sentence is raised."""
    done = CliRunner().invoke(cli, ["init", str(folder), "--all", "--from", *words])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def told(done: Result) -> str:
    """What it says, without breaks of lines."""
    return " ".join(done.output.split())
