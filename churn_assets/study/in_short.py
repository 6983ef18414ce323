"""The study in a few sentences for a retention manager."""

from churn_assets.ml.metrics.campaign import reached
from churn_assets.ml.metrics.profit import profit_curve
from churn_assets.reporting.words import capitalised
from churn_assets.study.study import Study

# ROC-AUC from which a ranking is called so.
RANKING = (
    (0.9, "very well"),
    (0.8, "well"),
    (0.7, "fairly well"),
    (0.6, "weakly"),
    (0.0, "hardly better than chance"),
)
TOLD_DRIVERS = 3


def in_short(study: Study) -> list[str]:
    """Returns who leaves, whom to call, what it is worth and how far to trust it, a sentence each."""
    evaluation, unit = study.evaluation, study.prepared.unit
    best, labels = evaluation.best, evaluation.labels
    lines = [
        f"{labels.mean():.1%} of {study.judged()} left.",
        *(
            f"{capitalised(driver.words)}: {words}."
            for driver in study.drivers[:TOLD_DRIVERS]
            if (words := driver.sentence())
        ),
    ]
    keys = study.prepared.modelled_keys.iloc[evaluation.judged]
    (top,) = reached(labels, best.log_odds, keys, (0.1,))
    lines.append(
        f"Call the riskiest tenth first: {top.precision:.0%} of them left, which is {top.capture:.0%} of all who left."
    )
    curve = profit_curve(labels, best.log_odds, study.prepared.economics)
    share, profit = curve.share[curve.best], curve.profit[curve.best]
    lines.append(
        f"It pays to contact {share:.0%} of the {unit}. That earns {profit:,.2f} per customer, contacted or not."
        if profit > 0
        else "No campaign pays under these amounts."
    )
    how = next(words for least, words in RANKING if best.mean.auc >= least)
    lines.append(f"The model tells those who leave from those who stay {how} (ROC-AUC {best.mean.auc:.3f}).")
    return lines
