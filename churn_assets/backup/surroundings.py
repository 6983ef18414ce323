"""What belongs to an installation and lies outside of its home: settings, packages, revision. Never a secret."""

import re
import subprocess
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic_settings import BaseSettings

import churn_assets
from churn_assets.settings import HIDDEN, BackupSettings, Settings, without_secrets

REPOSITORY = "repository"  # shown as a place: its kind comes before its address
NAME = re.compile(r"^Name: *(\S+)", re.MULTILINE)
VERSION = re.compile(r"^Version: *(\S+)", re.MULTILINE)
HEAD = (
    "# The settings of the home that was backed up, where they differ from the defaults. No secret is here.\n"
)


def settings_file(settings: Settings) -> str:
    """The settings as lines NAME=value; a secret is a comment that says that it must be set again."""
    return HEAD + "".join(f"{line}\n" for line in _lines(settings))


def _lines(model: BaseSettings) -> Iterator[str]:
    prefix = str(model.model_config.get("env_prefix"))
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        variable = f"{prefix}{name.upper()}"
        if isinstance(value, BaseSettings):
            yield from _lines(value)
        elif value != field.get_default(call_default_factory=True):
            yield _line(
                variable, model.place if isinstance(model, BackupSettings) and name == REPOSITORY else value
            )


def _line(variable: str, value: Any) -> str:
    shown = HIDDEN if isinstance(value, SecretStr | dict) else without_secrets(str(value))
    if HIDDEN in shown:
        return f"# {variable} holds a secret; set it again."
    return f"{variable}={shown}"


def packages_file() -> str:
    """Every installed package with its version, as pip reads it."""
    heads = (one.read_text("METADATA") or one.read_text("PKG-INFO") or "" for one in distributions())
    found = dict(pair for head in heads if (pair := _named(head.partition("\n\n")[0])))
    return "".join(f"{name}=={version}\n" for name, version in sorted(found.items()))


def _named(head: str) -> tuple[str, str] | None:
    """Name and version in the head of a package's metadata; the parser of the library takes half a second for all."""
    name, version = NAME.search(head), VERSION.search(head)
    return (name[1].lower(), version[1]) if name and version else None


def git_revision() -> str:
    """The commit of the checkout; empty if this software was installed otherwise, or git is not there."""
    root = Path(churn_assets.__file__).parent.parent
    if not (root / ".git").exists():
        return ""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip()


def settings_of_home(settings: Settings, home: Path, business: Path) -> Settings:
    """These settings for another home that holds everything itself."""
    own = {name: getattr(settings, name) for name in type(settings).model_fields}
    inside = dict.fromkeys(("landing", "lake", "tracking_uri", "artifacts", "releases", "audit_anchor"))
    return Settings(**own | inside | {"home": str(home), "business": str(business), "publish_to": None})
