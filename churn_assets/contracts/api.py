"""Reads the server of a contract whose source is a REST service: where it is, how it is asked, page by page."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from churn_assets.contracts.api_properties import (
    ApiProperties,
    AuthenticationProperty,
    PaginatorProperty,
)
from churn_assets.contracts.channels import FROM_ENVIRONMENT, unsafe_address
from churn_assets.contracts.odcs import ApiServer
from churn_assets.contracts.place import Place
from churn_assets.contracts.validation import own_properties, peek, property_place, refuse_without_cursor
from churn_assets.settings import SECRET_PARAMETER

SECRET_NAME = re.compile(r"secret|password|pwd|token|key|credential|sig|auth|cookie", re.IGNORECASE)
NO_SECRET = ("a secret does not stand in a file", "write ${NAME}, and set the environment variable NAME")


@dataclass(frozen=True)
class SourceApi:
    """What is asked of a REST service.

    Attributes:
        location: its address; `${NAME}` in it stands for an environment variable.
        properties: how it is asked.
    """

    kind: ClassVar[Literal["api"]] = "api"
    location: str
    properties: ApiProperties

    @property
    def cursor(self) -> str | None:
        """The member that tells new and changed documents."""
        return self.properties.cursor

    @property
    def what(self) -> str:
        """What is asked, in words."""
        return f"the answer of {self.properties.path}" if self.properties.path else "the answer"

    @property
    def asked(self) -> tuple[object, ...]:
        """What tells this question from others, apart from the place."""
        own = self.properties
        return (own.path, own.records, sorted(own.parameters.items()), own.cursor)


def read_api(place: Place) -> SourceApi | None:
    """Reads a server of a REST service; None if it is not one, or cannot be read."""
    server = peek(ApiServer, place)
    if server is None:
        return None
    here = place.at("customProperties")
    own = own_properties(ApiProperties, here)
    _check_location(server.location, place.at("location"))
    if own is None:
        return None
    _check_paginator(own.paginator, property_place(here, "paginator"))
    if own.authentication is not None:
        _check_authentication(own.authentication, property_place(here, "authentication"))
    for name in ("parameters", "headers"):
        _check_values(getattr(own, name), property_place(here, name))
    refuse_without_cursor(here, own.cursor, since=own.since, overlap=own.overlap)
    return SourceApi(server.location, own)


def _check_location(location: str, place: Place) -> None:
    if FROM_ENVIRONMENT.fullmatch(location):
        return
    plain = FROM_ENVIRONMENT.sub("x", location)
    if "://" not in plain:
        place.refuse(
            "the location is no address",
            "write https://api.example.com, or ${NAME} of an environment variable",
        )
    elif told := unsafe_address(plain):
        place.refuse(*told)
    elif SECRET_PARAMETER.search(plain):
        place.refuse("a secret does not stand in an address", "declare it under `authentication`")


def _check_paginator(paginator: PaginatorProperty, place: Place) -> None:
    needed, may = PaginatorProperty.KEYS[paginator.kind]
    given = paginator.model_fields_set - {"kind"}
    for key in needed:
        if getattr(paginator, key) is None:
            place.refuse(f"a paginator of the kind {paginator.kind} needs {key}", f"add {key}")
    for key in sorted(given - {*needed, *may}):
        place.at(key).refuse(f"a paginator of the kind {paginator.kind} has no {key}", "remove it")
    if paginator.kind == "cursor" and (paginator.next is None) == (paginator.lastRecord is None):
        place.refuse("the next cursor comes either from `next` or from `lastRecord`", "give one of them")
    if paginator.size is not None and paginator.sizeParameter is None:
        place.refuse("a size needs the name of its parameter", "add sizeParameter")


def _check_authentication(login: AuthenticationProperty, place: Place) -> None:
    needed, may = AuthenticationProperty.KEYS[login.kind]
    for key in needed:
        if getattr(login, key) is None:
            place.refuse(f"an authentication of the kind {login.kind} needs {key}", f"add {key}")
    for key in sorted(login.model_fields_set - {"kind", *needed, *may}):
        place.at(key).refuse(f"an authentication of the kind {login.kind} has no {key}", "remove it")
    for key in AuthenticationProperty.SECRETS:
        written = getattr(login, key)
        if written is not None and not FROM_ENVIRONMENT.fullmatch(written):
            place.at(key).refuse(*NO_SECRET)
    address = login.tokenUrl
    if address and not FROM_ENVIRONMENT.fullmatch(address) and (told := unsafe_address(address)):
        place.at("tokenUrl").refuse(*told)


def _check_values(values: Mapping[str, str], place: Place) -> None:
    for name, value in values.items():
        if SECRET_NAME.search(name) and not FROM_ENVIRONMENT.search(value):
            place.at(name).refuse(*NO_SECRET)
