"""Secrets of sources: they come from the environment or from files, and no message holds one."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from churn_assets.contracts.channels import FROM_ENVIRONMENT
from churn_assets.settings import HIDDEN
from churn_assets.sources.live.errors import ExtractError

SHORTEST_SECRET = 3  # characters; the replacement of a shorter one would make messages unreadable


def with_secrets(location: str, environ: Mapping[str, str], *, is_url: bool = True) -> tuple[str, list[str]]:
    """Returns a location with the values of its variables, and these values.

    A variable that is the whole location is a URL; in a part of a URL a value is quoted, so that it may hold any
    character. In a text that is no URL, values stand as they are.

    Raises:
        ExtractError: a variable is not set, or its file cannot be read.
    """
    secrets = []

    def value(found: re.Match[str]) -> str:
        secret = secret_of(found[1], environ)
        secrets.append(secret)
        return quote(secret, safe="") if is_url and found[0] != location else secret

    return FROM_ENVIRONMENT.sub(value, location), secrets


def secret_of(name: str, environ: Mapping[str, str]) -> str:
    """Returns the value of a variable, or the content of the file that the variable NAME_FILE names.

    Raises:
        ExtractError: neither is set, or the file cannot be read.
    """
    if value := environ.get(name):
        return value
    file = environ.get(f"{name}_FILE")
    if not file:
        raise ExtractError(
            f"The environment variable {name} is not set. Set it, or set {name}_FILE to a file that holds its value."
        )
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ExtractError(
            f"The file that {name}_FILE names cannot be read: {type(error).__name__}."
        ) from None


def long_enough(secrets: Iterable[str]) -> tuple[str, ...]:
    """Returns the secrets that `hidden` replaces, also as they stand in an address, the longest first."""
    forms = {form for secret in secrets for form in (secret, quote(secret, safe=""), quote(secret))}
    return tuple(sorted({form for form in forms if len(form) >= SHORTEST_SECRET}, key=len, reverse=True))


def hidden(text: str, secrets: Sequence[str]) -> str:
    """Returns a text in which `***` stands for these secrets."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return text
