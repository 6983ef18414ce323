"""The model in charge, and the checks that its scores share."""

from typing import TYPE_CHECKING

from churn_assets.graph.checks import CheckFailed
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.models.champions import Champion
from churn_assets.models.decisions import ChampionGone, load_champion
from churn_assets.tracking.tracking import Tracking

if TYPE_CHECKING:
    from churn_assets.ml.portable.model import PortableModel

FEATURES_AT_HAND = "champion_has_its_features"
ONE_PROBABILITY = "one_probability_per_customer"


def model_of(lakehouse: Lakehouse, tracking: Tracking, champion: Champion) -> "PortableModel":
    """Returns the model of a champion.

    Raises:
        CheckFailed: it was deleted in MLflow.
    """
    try:
        return load_champion(lakehouse, tracking, champion)
    except ChampionGone as error:
        found, _, remedy = str(error).partition(" was deleted in MLflow. ")
        evidence = {"model version": champion.model_version, "in charge from": str(champion.in_charge_from)}
        raise CheckFailed(FEATURES_AT_HAND, f"{found} was deleted in MLflow.", remedy, evidence) from None
