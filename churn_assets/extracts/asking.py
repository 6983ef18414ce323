"""Who asks a source: one asker per kind of server."""

import os
from collections.abc import Mapping

from churn_assets.contracts.api import SourceApi
from churn_assets.contracts.database import SourceDatabase
from churn_assets.contracts.folder import SourceFolder
from churn_assets.contracts.mongodb import SourceCollection
from churn_assets.contracts.source import Source
from churn_assets.contracts.topic import SourceTopic
from churn_assets.sources.apis.extract import ApiAsker
from churn_assets.sources.databases.extract import DatabaseAsker
from churn_assets.sources.folders.address import folder_address
from churn_assets.sources.live.extract import Asker, origin_of
from churn_assets.sources.mongodb.extract import CollectionAsker
from churn_assets.sources.topics.client import topic_address


def asker_of(source: Source, environ: Mapping[str, str] = os.environ) -> Asker:
    """Returns who asks a source; connects to nothing.

    Args:
        source: with an origin.
        environ: where the secrets are.
    """
    match origin_of(source):
        case SourceDatabase() as database:
            return DatabaseAsker(source, database, environ)
        case SourceCollection() as collection:
            return CollectionAsker(source, collection, environ)
        case SourceApi() as api:
            return ApiAsker(source, api, environ)
        case SourceTopic() | SourceFolder():
            raise ValueError(f"{source.name} answers no questions")


def check_address(source: Source, environ: Mapping[str, str] = os.environ) -> None:
    """Checks that the address of a source can be made up; connects to nothing.

    Raises:
        ExtractError: a variable is not set, the address cannot be used, or its driver is not installed.
    """
    if isinstance(source.origin, SourceTopic):
        topic_address(source.origin, source.name, environ)
    elif isinstance(source.origin, SourceFolder):
        folder_address(source.origin, environ)
    else:
        asker_of(source, environ).digest()
