"""An address after `--from`, taken apart: what a contract may hold of it, and what the environment holds instead."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from churn_assets.contracts.api import SECRET_NAME
from churn_assets.contracts.channels import FROM_ENVIRONMENT
from churn_assets.contracts.database import PASSWORD
from churn_assets.drafting.doubt import Doubt, DraftError
from churn_assets.settings import SECRET_PARAMETER
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.secrets import secret_of

PASSWORD_NAME = "DATABASE_PASSWORD"  # noqa: S105 (the name of a variable)
AZURE = ("abfs", "abfss", "az")


@dataclass(frozen=True)
class GivenAddress:
    """An address, as a contract may hold it: `${NAME}` stands for each secret.

    Attributes:
        scheme: such as https, in small letters.
        hosts: with their ports, or the bucket.
        path: behind it, without a slash at its end.
        login: user and password; None without one.
        parameters: of the query.
        variable: the variable that is the whole address; then all else is that of its value.
        environ: where the secrets are, those of the address among them.
        to_set: variables that a person has to set before a run.
    """

    scheme: str
    hosts: str
    path: str
    login: tuple[str, str] | None
    parameters: dict[str, str]
    variable: str | None
    environ: Mapping[str, str] = field(repr=False)
    to_set: tuple[str, ...]

    @property
    def doubts(self) -> list[Doubt]:
        """What to tell of the variables."""
        return [to_set(name) for name in self.to_set]


def to_set(name: str) -> Doubt:
    """The doubt about a secret that no file holds."""
    said = (
        f"a secret of the address does not stand in a file: set the environment variable {name} before a run"
    )
    return Doubt(1, "contracts, servers", said)


def is_address(text: str) -> bool:
    """Whether it is the address of a living source, or the variable with it, not a path."""
    return "://" in text or FROM_ENVIRONMENT.fullmatch(text) is not None


def scheme_of(text: str, environ: Mapping[str, str]) -> str:
    """Returns the scheme of an address, or of the variable that holds it, in small letters; "" for none.

    Raises:
        DraftError: the variable is not set.
    """
    return _value(text, environ).partition("://")[0].lower() if "://" in _value(text, environ) else ""


def taken_apart(text: str, environ: Mapping[str, str]) -> GivenAddress:
    """Returns the parts of an address.

    Raises:
        DraftError: a variable is not set, holds what a contract cannot say, or the address cannot be read.
    """
    whole = FROM_ENVIRONMENT.fullmatch(text)
    parts = urlsplit(_value(text, environ))
    login, _, hosts = parts.netloc.rpartition("@")
    if parts.scheme in AZURE and ":" not in login:  # the container
        login, hosts = "", parts.netloc
    plain = FROM_ENVIRONMENT.sub("x", hosts)
    if any(not re.fullmatch(r"(\[[^\]]*\]|[^:]*)(:\d*)?", host) for host in plain.split(",")) or (
        "@" in parts.path and not login
    ):
        raise DraftError(
            "The address cannot be read behind ://. Write user:password@host/path, with %2F for a / in a password and "
            "%40 for an @."
        )
    if whole and (login or parts.query):
        raise DraftError(
            f"{text} holds a login or parameters besides the address. Write them apart, each secret in a variable of "
            "its own: 'https://${USER}:${PASSWORD}@host/path?status=open'."
        )
    found, names = dict(environ), list[str]()

    def safe(value: str, what: str) -> str:
        """A value in an own variable, unless it is in one already."""
        if FROM_ENVIRONMENT.fullmatch(value):
            return value
        name = "_".join(filter(None, (_capitals(re.sub(r":\d+", "", plain.split(",")[0])), _capitals(what))))
        name = f"HOST_{name}" if name[:1].isdigit() else name
        found[name] = value
        names.append(name)
        return f"${{{name}}}"

    parameters = {
        name: safe(value, name) if is_secret(name) else value
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    }
    user, colon, password = login.partition(":")
    both = (safe(unquote(user), "user"), safe(unquote(password), "password")) if colon else None
    if login and not colon:
        raise DraftError(
            "The address has a user without a password. Write ${USER}:${PASSWORD}@ before the host."
        )
    return GivenAddress(
        parts.scheme.lower(),
        hosts,
        parts.path.rstrip("/"),
        both,
        parameters,
        text if whole else None,
        found,
        tuple(names),
    )


def is_secret(parameter: str) -> bool:
    """Whether a parameter of a query holds a secret, by its name."""
    return bool(SECRET_NAME.search(parameter) or SECRET_PARAMETER.search(f"?{parameter}=x"))


def without_password(location: str) -> str:
    """Returns the location of a database as a contract may hold it."""
    plain, instead = FROM_ENVIRONMENT.sub("", location), f"${{{PASSWORD_NAME}}}"
    if (written := PASSWORD.search(plain)) and written[1]:
        location = PASSWORD.sub(lambda m: m[0].replace(f":{m[1]}@", f":{instead}@"), location)
    if SECRET_PARAMETER.sub(r"\1", plain) != plain:
        location = SECRET_PARAMETER.sub(lambda m: f"{m[1]}{instead}", location)
    return location


def _value(text: str, environ: Mapping[str, str]) -> str:
    whole = FROM_ENVIRONMENT.fullmatch(text)
    try:
        return secret_of(whole[1], environ) if whole else text
    except ExtractError as error:
        raise DraftError(str(error)) from None


def _capitals(text: str) -> str:
    return re.sub(r"[^A-Z0-9]+", "_", text.upper()).strip("_")
