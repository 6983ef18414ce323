"""Drafts from collections of MongoDB: a sample of their documents stands in for files."""

from collections.abc import Mapping
from datetime import date
from itertools import islice
from pathlib import Path

from churn_assets.contracts.mongodb import SourceCollection
from churn_assets.contracts.words import closest, listed
from churn_assets.drafting.documents import group_of
from churn_assets.drafting.doubt import Doubt, DraftError
from churn_assets.drafting.file_names import FoundOrigins
from churn_assets.drafting.given_address import PASSWORD_NAME, to_set, without_password
from churn_assets.drafting.names import source_name
from churn_assets.drafting.origin import SampledOrigin
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.mongodb.address import mongo_address, opened
from churn_assets.sources.mongodb.values import as_json

MOST_DOCUMENTS = 20_000  # of a collection


def find_collections(
    location: str, wanted: tuple[str, ...], folder: Path, today: date, environ: Mapping[str, str]
) -> FoundOrigins:
    """Reads the first documents of each collection into a folder.

    Args:
        location: mongodb://user@host/database.
        wanted: only these collections; none: all of the database.
        folder: an empty one.
        today: day of the samples.
        environ: where the secrets are.

    Raises:
        DraftError: the database cannot be read, or there is no such collection; the message holds no secret.
    """
    declared, found = without_password(location), FoundOrigins([], [])
    if declared != location:
        found.doubts.append(to_set(PASSWORD_NAME))
    try:
        address = mongo_address(SourceCollection(location, "", "{}", None, None), environ)
        with opened(address) as database:
            names = database.list_collection_names(authorizedCollections=True)
            known = sorted(name for name in names if not name.startswith("system."))
            for name in wanted or known:
                if name not in known:
                    meant = closest(name, known)
                    there = f"There are {listed(known)}." if known else "This user sees none: see its rights."
                    ask = f"Did you mean {meant}? " if meant else ""
                    raise DraftError(f"{address.shown} has no collection {name}. {ask}{there}")
                some = [as_json(one) for one in islice(database[name].find({}), MOST_DOCUMENTS + 1)]
                if not some:
                    found.doubts.append(Doubt(3, name, "left out: the collection has no documents"))
                    continue
                origin = SampledOrigin(
                    "documents",
                    {"server": "database", "type": "mongodb", "location": declared},
                    {"collection": name},
                    f"the collection {name}",
                    len(some) <= MOST_DOCUMENTS,
                )
                source = source_name(name)
                found.groups.append(group_of(source, some[:MOST_DOCUMENTS], origin, folder, today))
    except ExtractError as error:
        raise DraftError(str(error)) from None
    if not found.groups:
        raise DraftError(f"{address.shown} has no collection with documents.")
    return found
