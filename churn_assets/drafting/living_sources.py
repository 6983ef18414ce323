"""Finds what an address after `--from` leads to, and samples it: a database, service, collection, topic or folder."""

import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from churn_assets.drafting.databases import DatabaseToDraft, find_tables
from churn_assets.drafting.doubt import DraftError
from churn_assets.drafting.file_names import FoundOrigins
from churn_assets.drafting.foreign_folders import find_files, kind_of_scheme
from churn_assets.drafting.given_address import scheme_of, taken_apart
from churn_assets.drafting.mongo_collections import find_collections
from churn_assets.drafting.services import authentication_of, find_answer
from churn_assets.drafting.topics import find_messages
from churn_assets.sources.apis.client import NoJsonError

SERVICES, MONGODB, KAFKA = ("https", "http"), ("mongodb", "mongodb+srv"), "kafka"


def find_sources(
    addresses: list[str],
    tables: tuple[str, ...],
    login: str | None,
    folder: Path,
    today: date,
    environ: Mapping[str, str] = os.environ,
) -> FoundOrigins:
    """Reads a sample of what each address leads to.

    Args:
        addresses: such as postgresql://user@host/database, or ${NAME} of a variable that holds one.
        tables: only these tables or collections of databases; none: all.
        login: of services, see `authentication_of`.
        folder: an empty one, for the samples.
        today: day of what is asked.
        environ: where the secrets are.

    Raises:
        DraftError: a source cannot be read; the message holds no secret.
    """
    schemes = [scheme_of(address, environ) for address in addresses]
    if tables and all(_has_no_tables(scheme) for scheme in schemes):
        raise DraftError("--table goes with the address of a database after --from.")
    if login is not None:
        authentication_of(login)
        if not {*schemes} & {*SERVICES}:
            raise DraftError("--login goes with the address of a REST service after --from.")
    found = FoundOrigins([], [])
    for number, (address, scheme) in enumerate(zip(addresses, schemes, strict=True)):
        place = folder / str(number)
        place.mkdir()
        some = _found(address, scheme, tables, login, place, today, environ)
        found.groups.extend(some.groups)
        found.doubts.extend(some.doubts)
    return found


def _has_no_tables(scheme: str) -> bool:
    return scheme in (*SERVICES, KAFKA) or kind_of_scheme(scheme) is not None


def _found(
    address: str,
    scheme: str,
    tables: tuple[str, ...],
    login: str | None,
    place: Path,
    today: date,
    environ: Mapping[str, str],
) -> FoundOrigins:
    if scheme in SERVICES:
        parts = taken_apart(address, environ)
        try:
            return find_answer(parts, login, place, today)
        except NoJsonError as error:
            if error.kind != "text/html" or login or parts.parameters:
                raise DraftError(str(error)) from None
            return find_files(parts, place)  # a page of links to files
    if kind_of_scheme(scheme) is not None:
        return find_files(taken_apart(address, environ), place)
    if scheme == KAFKA:
        return find_messages(taken_apart(address, environ), place, today)
    if scheme in MONGODB:
        return find_collections(address, tables, place, today, environ)
    return find_tables(DatabaseToDraft(address, tables), place, today, environ)
