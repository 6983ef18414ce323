"""Reads the server of a contract whose files lie in a foreign folder: where, and how their names tell a date."""

import re
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from churn_assets.contracts.channels import FROM_ENVIRONMENT
from churn_assets.contracts.custom_properties import FolderProperties
from churn_assets.contracts.database import PASSWORD
from churn_assets.contracts.odcs import FolderKind, FolderServer
from churn_assets.contracts.place import Place
from churn_assets.contracts.validation import property_place
from churn_assets.months import month_end
from churn_assets.settings import SECRET_PARAMETER

SCHEMES: dict[FolderKind, tuple[str, ...]] = {
    "folder": ("/",),
    "s3": ("s3://",),
    "gcs": ("gs://", "gcs://"),
    "azure": ("abfs://", "abfss://", "az://"),
    "sftp": ("sftp://",),
    "http": ("https://", "http://"),
}
DATE = {"yyyy": r"(?P<year>\d{4})", "MM": r"(?P<month>\d\d)", "dd": r"(?P<day>\d\d)"}


@dataclass(frozen=True)
class NamePattern:
    """Names of the files of a source below a folder, and the date in them.

    Attributes:
        text: as the contract has it.
        regex: matches whole names.
    """

    text: str
    regex: re.Pattern[str]

    @classmethod
    def of(cls, text: str) -> "NamePattern":
        """Reads a pattern such as `sales/*_{yyyyMMdd}.csv`; without a day, the last one of the month is meant.

        Raises:
            ValueError: no year or month is named, a part is named twice, or something else stands in braces.
        """
        found = ""
        for part in re.split(r"(\{[^{}]*\}|\*)", text):
            if part == "*":
                found += "[^/]*"
            elif part.startswith("{"):
                found += _date_in(part[1:-1])
            else:
                found += re.escape(part)
        try:
            regex = re.compile(found)
        except re.error:
            raise ValueError("it names a part of the date twice") from None
        if not {"year", "month"} <= {*regex.groupindex}:
            raise ValueError("it names no year and month")
        return cls(text, regex)

    def date_of(self, name: str) -> date | None:
        """The extract date that a name tells; None if it is no name of the pattern.

        Raises:
            ValueError: it tells a day that does not exist.
        """
        match = self.regex.fullmatch(name)
        if match is None:
            return None
        told = match.groupdict()
        if told.get("day") is None:
            return month_end(date(int(told["year"]), int(told["month"]), 1).strftime("%Y-%m"))
        return date(int(told["year"]), int(told["month"]), int(told["day"]))


def _date_in(letters: str) -> str:
    found = ""
    for part in re.split("(yyyy|MM|dd)", letters):
        if part not in DATE and re.search("[A-Za-z]", part):
            raise ValueError(f"{{{letters}}} is no date of yyyy, MM and dd")
        found += DATE.get(part) or re.escape(part)
    return found


@dataclass(frozen=True)
class SourceFolder:
    """A folder of files that others fill.

    Attributes:
        kind: of the store.
        location: the folder; `${NAME}` in it stands for an environment variable.
        pattern: names of the files below it.
        user, password: variables of the environment as `${NAME}`; None: what the machine is given by itself.
        endpoint: address of an S3 service other than Amazon's.
    """

    kind: FolderKind
    location: str
    pattern: NamePattern
    user: str | None = None
    password: str | None = None
    endpoint: str | None = None

    cursor: ClassVar[None] = None  # each file is copied once

    @property
    def what(self) -> str:
        """What is asked, in words."""
        return f"the files {self.pattern.text}"

    @property
    def asked(self) -> tuple[str, ...]:
        """What tells this question from others, apart from the place."""
        return (self.pattern.text,)


def read_folder(server: FolderServer, own: FolderProperties, place: Place) -> SourceFolder | None:
    """Reads the server of a folder; None if its pattern cannot be read."""
    here = place.at("customProperties")
    _check_location(server, place.at("location"))
    if (own.user is None) != (own.password is None):
        here.refuse("a login has a user and a password", "give both, or none")
    if own.password is not None and not FROM_ENVIRONMENT.fullmatch(own.password):
        property_place(here, "password").refuse(
            "a secret does not stand in a file", "write ${NAME}, and set the environment variable NAME"
        )
    if own.endpoint is not None and server.type != "s3":
        property_place(here, "endpoint").refuse(f"{server.type} has no endpoint", "remove it")
    if own.user is not None and server.type in ("folder", "gcs"):
        property_place(here, "user").refuse(f"nobody logs in to {server.type} here", "remove it")
    try:
        pattern = NamePattern.of(own.pattern)
    except ValueError as error:
        property_place(here, "pattern").refuse(
            f"the pattern tells no date: {error}",
            "write such as sales_{yyyyMMdd}.csv, and * for other letters",
        )
        return None
    return SourceFolder(server.type, server.location, pattern, own.user, own.password, own.endpoint)


def _check_location(server: FolderServer, place: Place) -> None:
    plain = FROM_ENVIRONMENT.sub("", server.location)
    if not FROM_ENVIRONMENT.match(server.location) and not server.location.startswith(SCHEMES[server.type]):
        first = SCHEMES[server.type][0]
        place.refuse(f"the location is none of {server.type}", f"write {first}... to the folder")
    written = PASSWORD.search(plain)
    if (written and written[1]) or SECRET_PARAMETER.sub(r"\1", plain) != plain:
        place.refuse("a secret does not stand in a file", "write ${NAME} as the property password")
