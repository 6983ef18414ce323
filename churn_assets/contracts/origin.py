"""Where the extracts of a source come from, if this product asks for them; one class per kind of server."""

from churn_assets.contracts.api import SourceApi
from churn_assets.contracts.custom_properties import ContractProperties
from churn_assets.contracts.database import SourceDatabase
from churn_assets.contracts.folder import SourceFolder
from churn_assets.contracts.mongodb import SourceCollection
from churn_assets.contracts.place import Place
from churn_assets.contracts.topic import SourceTopic
from churn_assets.contracts.validation import property_place

# Each has `kind`; `cursor`, the field that tells new and changed rows, or None: every extract holds all rows; `what` is
# asked, in words; and `asked`, what tells this question from others, apart from the place.
Origin = SourceDatabase | SourceApi | SourceCollection | SourceTopic | SourceFolder
BY_CURSOR = frozenset({"changes", "as_needed"})  # deliveries


def check_delivery(origin: Origin, own: ContractProperties, place: Place) -> None:
    """Checks that the cursor goes with the delivery; `place` is that of the server."""
    here = place.at("customProperties")
    if isinstance(origin, SourceFolder):
        return  # as the files of others, in any way
    if isinstance(origin, SourceTopic):
        if own.delivery not in BY_CURSOR:
            here.refuse(
                f"a topic never holds all rows of a source that delivers `{own.delivery}`",
                "write `delivery: changes`",
            )
        return
    if own.delivery in BY_CURSOR and origin.cursor is None:
        here.refuse(
            f"a server of {origin.kind} that delivers `{own.delivery}` needs a cursor",
            "name the column that tells new and changed rows, such as updated_at, or write `delivery: full`",
        )
    elif own.delivery not in BY_CURSOR and origin.cursor is not None:
        property_place(here, "cursor").refuse(
            f"a source that delivers `{own.delivery}` is read whole",
            "remove it, or write `delivery: changes`",
        )
