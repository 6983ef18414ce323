"""Who asks a source: one asker per kind of server."""

import os
from collections.abc import Mapping

from churn_assets.contracts.database import SourceDatabase
from churn_assets.contracts.source import Source
from churn_assets.sources.databases.extract import DatabaseAsker
from churn_assets.sources.live.extract import Asker, origin_of


def asker_of(source: Source, environ: Mapping[str, str] = os.environ) -> Asker:
    """Returns who asks a source; connects to nothing.

    Args:
        source: with an origin.
        environ: where the secrets are.
    """
    match origin_of(source):
        case SourceDatabase() as database:
            return DatabaseAsker(source, database, environ)
