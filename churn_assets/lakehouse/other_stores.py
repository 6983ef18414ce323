"""Every store that is no table of the lake: those under CHURN_HOME, those of a replay, and those elsewhere.

The package `places` describes them.
"""

from churn_assets.lakehouse.places import operations, pipeline, readers
from churn_assets.lakehouse.places.store import OF_REPLAY, UNTIL_DELETED, Store

OTHERS = (*pipeline.STORES, *readers.STORES, *operations.STORES)
OF_A_REPLAY = (
    Store(
        "telecom",
        "configuration",
        "The business that is replayed.",
        False,
        UNTIL_DELETED,
        False,
        unneeded=OF_REPLAY,
    ),
    Store(
        "campaigns",
        "files",
        "The plan of a replay with campaigns, and of each month who was contacted and what each policy would bring.",
        False,
        UNTIL_DELETED,
        False,
        unneeded=OF_REPLAY,
    ),
    Store(
        "campaigns.html",
        "file",
        "Page of a replay with campaigns.",
        False,
        UNTIL_DELETED,
        False,
        unneeded=OF_REPLAY,
    ),
    Store("replay.html", "file", "Page of what came out.", False, UNTIL_DELETED, False, unneeded=OF_REPLAY),
)
ELSEWHERE = (
    Store(
        "CHURN_BUSINESS",
        "configuration",
        "churn.yaml and contracts, unless the business is a shipped one.",
        personal=False,
        retention="no limit; best kept under version control",
        backup=True,
    ),
    Store(
        "CHURN_JARS",
        "cache",
        "Jars of Spark and of the live demo's Kafka broker, shared by all homes; by default ~/.cache/churn-assets.",
        personal=False,
        retention=UNTIL_DELETED,
        backup=False,
        unneeded="it is downloaded again",
    ),
)
