"""Examines a training, writes its model card and logs both, before the model is registered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd

from churn_assets.contracts.business import Business
from churn_assets.graph.metadata import table_metadata
from churn_assets.history.treated import treated_in
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.metrics.classification import MINIMUM_POSITIVES, Metrics
from churn_assets.ml.metrics.fairness import COLUMNS, fairness_findings, fairness_rows
from churn_assets.ml.review.examination import Examination, ExaminationSettings, examine, pictures
from churn_assets.ml.review.model_card import CardFacts, ModelCard, model_card
from churn_assets.ml.review.model_card_chapters import calibration_cells
from churn_assets.ml.review.treated_share import TreatedShare, treated_share
from churn_assets.ml.training.result import TrainingResult
from churn_assets.models.training_frame import mature_midmonth_days, training_frame
from churn_assets.progress import note
from churn_assets.reporting.markdown import markdown, markdown_table

if TYPE_CHECKING:
    from churn_assets.tracking.training_run import TrainingRun

AUC_HEAD = ("as of", "customers", "churners", "AUC", "95 %")


@dataclass(frozen=True)
class Inspection:
    """The examination of a training, and its model card."""

    examination: Examination
    card: ModelCard

    def metadata(self) -> dict[str, Any]:
        """Returns the metadata of the asset."""
        return self.examination.figures() | {
            "model card": dg.MetadataValue.md(self.card.short),
            "stability": _stability(self.examination),
            **({"days of the month": _days(self.examination)} if self.examination.days else {}),
            "fairness": _fairness(self.examination),
            "leak report": _leaks(self.examination),
        }


def inspect(
    lakehouse: Lakehouse,
    business: Business,
    result: TrainingResult,
    frame: pd.DataFrame,
    trained_as_of: date,
    parameters: Mapping[str, object],
    run: "TrainingRun",
) -> Inspection:
    """Examines a training, writes its model card, and logs both into its MLflow run.

    Args:
        frame: the training frame with the protected attributes.
        parameters: settings and versions, for the card.
    """
    file = business.file
    settings = ExaminationSettings(
        capacity=file.training.capacity,
        economics=file.economics,
        value=file.segments.value,
        protected=business.protected,
        seed=file.training.seed,
    )
    examination = examine(result, frame, settings, _between(lakehouse, business, result, trained_as_of))
    words = {f.name: f.words for f in business.features}
    note("drawing the figures of the model card")
    drawn = pictures(result, examination, words)
    outcomes = _outcomes(lakehouse, sorted(set(frame["as_of_date"])))
    treated = _treated(lakehouse, business, result, frame, trained_as_of)
    facts = CardFacts(file, words, trained_as_of, outcomes, parameters, run.run_id, treated)
    card = model_card(result, examination, facts, drawn)
    note("logging the model card")
    run.log_examination(examination, card, drawn)
    return Inspection(examination, card)


def _between(
    lakehouse: Lakehouse, business: Business, result: TrainingResult, trained_as_of: date
) -> pd.DataFrame | None:
    """Labelled snapshots as of days of `training.as_of_days` that judge the model; None if none are settled."""
    days = result.split.judging(mature_midmonth_days(lakehouse, business, trained_as_of))
    if not days:
        return None
    names = [f.name for f in business.features]
    return training_frame(lakehouse, names, (), business.file.training.row_limit, days)


def _treated(
    lakehouse: Lakehouse, business: Business, result: TrainingResult, frame: pd.DataFrame, trained_as_of: date
) -> TreatedShare | None:
    """How many customers of a training had been contacted, by what was known then; None where no source tells it."""
    if not business.file.monitoring.treated:
        return None
    days = [*result.split.train, result.split.test]
    told = {day: treated_in(lakehouse, business, day, trained_as_of) for day in days}
    return treated_share(
        result,
        frame,
        {day: found.known for day, found in told.items()},
        {day: found.perhaps for day, found in told.items()},
        business.file.training.capacity,
        MINIMUM_POSITIVES,
    )


def _outcomes(lakehouse: Lakehouse, cohorts: Sequence[date]) -> dict[str, int]:
    """Returns outcome -> number of snapshots, over all snapshots of some cohorts."""
    import pyarrow.compute as pc

    where = pc.field("as_of_date").isin(list(cohorts))
    counts = lakehouse.aggregate(tables.CHURN_LABELS, ["outcome"], [("customer_key", "count")], where)
    return {row["outcome"]: row["customer_key_count"] for row in counts.to_pylist()}


def _days(examination: Examination) -> dg.MarkdownMetadataValue:
    """Returns a table of AUC and calibration by day of the month."""
    rows = [(*_auc(name, m), *calibration_cells(m)) for name, m in examination.days.items()]
    return table_metadata([*AUC_HEAD, "calibration slope", "intercept"], rows)


def _stability(examination: Examination) -> dg.MarkdownMetadataValue:
    """Returns a table of the AUC by cohort and by group of customers."""
    rows = [_auc(name, m) for name, m in (examination.cohorts | examination.segments).items()]
    return table_metadata(["cohort or customers", *AUC_HEAD[1:]], rows)


def _auc(name: str, m: Metrics) -> tuple[str, int, int, str, str]:
    if m.auc is None:
        return name, m.n, m.positives, m.status, ""
    return name, m.n, m.positives, f"{m.auc:.3f}", f"{m.auc_low:.3f} to {m.auc_high:.3f}"


def _fairness(examination: Examination) -> dg.MarkdownMetadataValue:
    """Returns a table of the groups of the protected attributes, and the findings."""
    table = markdown_table(COLUMNS, fairness_rows(examination.groups))
    return dg.MetadataValue.md("\n\n".join([table, markdown(fairness_findings(examination.groups))]))


def _leaks(examination: Examination) -> dg.MarkdownMetadataValue:
    """Returns the leak report."""
    return dg.MetadataValue.md(markdown(examination.leaks.blocks()))
