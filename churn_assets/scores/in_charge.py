"""The model in charge, and the checks that its scores share."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from churn_assets.graph.checks import CheckFailed, require_unique
from churn_assets.lakehouse.lakehouse import Lakehouse, TableDraft
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


def require_probabilities(
    draft: TableDraft, keys: Sequence[str], snapshots: int, remedy: str
) -> tuple[dict[str, int], float]:
    """Checks the scores of a draft; returns {"rows": number of scores} and the mean probability.

    Raises:
        CheckFailed: not each of the snapshots has one probability from 0 to 1. The remedy is what to run again.
    """
    counts = require_unique(draft, keys, ONE_PROBABILITY)
    functions = [("probability", name) for name in ("count", "min", "max", "mean")]
    found = draft.content.aggregate(["as_of_date"], functions).to_pylist()
    given = sum(r["probability_count"] for r in found)
    # all three, because minimum and maximum ignore NaN and the mean does not
    inside = all(0 <= r[f"probability_{name}"] <= 1 for r in found for name in ("min", "max", "mean"))
    if not counts["rows"] == snapshots == given or not inside:
        raise CheckFailed(
            ONE_PROBABILITY,
            f"{snapshots:,} snapshots gave {counts['rows']:,} scores and {given:,} probabilities"
            f"{'' if inside else ', not all of them from 0 to 1'}.",
            f"{remedy}; if it persists, report it as a defect.",
            {"snapshots": snapshots, "scores": counts["rows"], "probabilities": given, "from 0 to 1": inside},
        )
    return counts, sum(r["probability_mean"] * r["probability_count"] for r in found) / max(given, 1)
