"""Drafts from the answer of a REST service: a sample of its documents stands in for files."""

import re
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from churn_assets.contracts.api import SourceApi
from churn_assets.contracts.api_properties import ApiProperties, AuthenticationProperty, PaginatorProperty
from churn_assets.contracts.channels import FROM_ENVIRONMENT
from churn_assets.drafting.documents import group_of
from churn_assets.drafting.doubt import Doubt, DraftError
from churn_assets.drafting.file_names import FoundOrigins
from churn_assets.drafting.given_address import GivenAddress
from churn_assets.drafting.names import source_name
from churn_assets.drafting.origin import SampledOrigin
from churn_assets.drafting.paginators import (
    PaginatorGuess,
    guess_paginator,
    paging_parameters,
    records_path,
)
from churn_assets.progress import note
from churn_assets.sources.apis.address import api_address
from churn_assets.sources.apis.client import ApiClient, NoJsonError, RefusedError
from churn_assets.sources.apis.pages import Records, pages, records_at
from churn_assets.sources.live.errors import ExtractError

MOST_DOCUMENTS, MOST_PAGES, SECONDS = 20_000, 100, 120.0
RETRIES = 1
LOGINS = (
    "Name the login, each secret in a variable: --login 'bearer ${TOKEN}', --login 'X-Api-Key ${KEY}' for a header of "
    "that name, or https://${USER}:${PASSWORD}@host for a user and a password."
)


class _Sample(NamedTuple):
    """Documents of the first pages; whether they are all; and why they ended early, if that was an error."""

    documents: Records
    complete: bool
    problem: str


def find_answer(address: GivenAddress, login: str | None, folder: Path, today: date) -> FoundOrigins:
    """Reads a sample of what a service answers into a folder.

    Args:
        address: what to ask, with the parameters of the first page.
        login: `bearer ${NAME}`, or the name of a header and `${NAME}`.
        folder: an empty one.
        today: day of the sample.

    Raises:
        DraftError: the service does not answer, refuses, or answers no list of documents.
        NoJsonError: it answers something else than JSON.
    """
    location = address.variable or f"{address.scheme}://{address.hosts}"
    path = "" if address.variable else address.path
    own, kept = _properties(address, path, login)
    api = SourceApi(location, own)
    try:
        with ApiClient(api_address(api, address.environ), own) as client:
            found = _asked(client, own, address.parameters)
    except NoJsonError:
        raise
    except RefusedError as error:
        remedy = LOGINS if error.status in (401, 403) else "Correct the address or its parameters."
        raise DraftError(f"{error.problem}. {remedy}") from None
    except ExtractError as error:
        raise DraftError(str(error)) from None
    guess, where, sample = found
    name = _name(address)
    sent = paging_parameters(guess.paginator)
    plain = {key: value for key, value in kept.get("parameters", {}).items() if key not in sent}
    kept = {key: value for key, value in kept.items() if key != "parameters"}
    properties: dict[str, Any] = ({"path": path} if path else {}) | ({"records": where} if where else {})
    properties |= ({"parameters": plain} if plain else {}) | {"paginator": guess.paginator} | kept
    place = f"contracts/{name}.yaml, servers"
    doubts = [*address.doubts, Doubt(guess.rank, f"{place}, paginator", guess.words)]
    if sample.problem:
        said = f"the sample ends after {len(sample.documents):,} documents: {sample.problem}"
        doubts.append(Doubt(1, f"{place}, paginator", said))
    notes = {"paginator": f"guess: {guess.words}", "records": "guess: the longest list of the answer"}
    origin = SampledOrigin(
        "documents",
        {"server": "service", "type": "api", "location": location},
        properties,
        f"the answer of {path or location}",
        sample.complete,
        notes,
    )
    return FoundOrigins([group_of(name, sample.documents, origin, folder, today)], doubts)


def _properties(address: GivenAddress, path: str, login: str | None) -> tuple[ApiProperties, dict[str, Any]]:
    """How the service is asked at first, and what of it a contract takes over."""
    kept: dict[str, Any] = {}
    if address.login is not None:
        kept["authentication"] = {"kind": "basic", "user": address.login[0], "password": address.login[1]}
    if login is not None:
        if "authentication" in kept:
            raise DraftError("The address has a user and a password. Leave them or --login out.")
        kept["authentication"] = authentication_of(login)
    if address.parameters:
        kept["parameters"] = dict(address.parameters)
    own = ApiProperties(
        path=path,
        parameters=kept.get("parameters", {}),
        paginator=PaginatorProperty(kind="none"),
        authentication=AuthenticationProperty(**kept["authentication"]) if "authentication" in kept else None,
        retries=RETRIES,
    )
    return own, kept


def authentication_of(login: str) -> dict[str, str]:
    """Returns the authentication that `--login` names.

    Raises:
        DraftError: it is not two words, or the second is no variable; the message does not repeat it.
    """
    words = login.split()
    if len(words) != 2 or not FROM_ENVIRONMENT.fullmatch(words[1]):
        raise DraftError(
            "--login has two words, and the second is a variable: 'bearer ${TOKEN}', or 'X-Api-Key ${KEY}' for a "
            "header."
        )
    if words[0].lower() == "bearer":
        return {"kind": "bearer", "token": words[1]}
    return {"kind": "key", "name": words[0], "key": words[1]}


def _asked(
    client: ApiClient, own: ApiProperties, given: Mapping[str, str]
) -> tuple[PaginatorGuess, str | None, _Sample]:
    url, plain = client.address.url, dict(client.address.parameters)
    page = client.page(url, plain)
    try:
        where = records_path(page.content)
    except ValueError as error:
        raise DraftError(f"{client.address.shown} answers what cannot be drafted from: {error}.") from None
    if not records_at(page.content, where, client.address.shown):
        raise DraftError(
            f"{client.address.shown} answers no records. Ask for some that exist, or leave it out."
        )

    def ask(more: Mapping[str, str]) -> Records | None:
        try:
            content = client.page(url, {**plain, **more}).content
            return records_at(content, where, client.address.shown)
        except ExtractError:  # it does not know the parameter
            return None

    guess = guess_paginator(page, where, given, ask)
    for name in paging_parameters(guess.paginator):
        client.address.parameters.pop(name, None)
    return guess, where, _sampled(client, own, guess, where)


def _sampled(client: ApiClient, own: ApiProperties, guess: PaginatorGuess, where: str | None) -> _Sample:
    declared = own.model_copy(update={"paginator": PaginatorProperty(**guess.paginator), "records": where})
    documents: Records = []
    started = time.monotonic()
    try:
        for number, some in enumerate(pages(client, declared, {}), 1):
            documents += some
            note(f"{client.address.shown}: {len(documents):,} documents")
            if (
                len(documents) > MOST_DOCUMENTS
                or number >= MOST_PAGES
                or time.monotonic() - started > SECONDS
            ):
                return _Sample(documents[:MOST_DOCUMENTS], False, "")
    except ExtractError as error:
        if not documents:
            raise
        return _Sample(documents, False, str(error))
    return _Sample(documents, True, "")


def _name(address: GivenAddress) -> str:
    """The last word of the path that is no version, else the first of the host."""
    words = [w.removesuffix(".json") for w in address.path.split("/") if re.search(r"[^\W\d_]", w)]
    words = [word for word in words if not re.fullmatch(r"v\d+", word)]
    return source_name(words[-1] if words else re.split(r"[.:]", address.hosts)[0])
