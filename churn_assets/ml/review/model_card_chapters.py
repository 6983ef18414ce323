"""The chapters of the model card with figures: quality, profit, months and kinds of customers, fairness, drivers."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from churn_assets.contracts.business import BusinessFile
from churn_assets.ml.metrics.campaign import Quality
from churn_assets.ml.metrics.classification import IN_WORDS, OK, Z_95, Metrics, wilson
from churn_assets.ml.metrics.fairness import COLUMNS, MINIMUM_GROUP, fairness_rows
from churn_assets.ml.review.campaign_blocks import assumptions, reached_grid
from churn_assets.ml.review.examination import SHOWN, Examination
from churn_assets.ml.review.figures import SHOWS
from churn_assets.ml.training.result import TrainingResult
from churn_assets.reporting.blocks import Block, Code, Grid, Pictures
from churn_assets.reporting.words import spoken

CANDIDATES = Pictures({"candidates": "ROC-AUC of each candidate with its interval"})

SLICES = ("", "customers", "churners", "ROC-AUC", "95 %")  # columns of metrics by slice


def how_good(result: TrainingResult, found: Examination) -> list[Block]:
    """Ranking, calibration and reach of a campaign, on the test cohort."""
    test = result.test
    if test.status != OK or found.quality is None:
        return [f"No figures: {IN_WORDS[test.status]}.", CANDIDATES]
    return [
        f"On the customers of {result.split.test}, a month that was not used to make the model:"
        if result.split.out_of_time
        else f"On {'half of ' if result.split.halved else ''}the customers of {result.split.test}, each scored by a "
        "model made without them:",
        Grid(("figure", "value", "95 %", "what it says"), _lines(result, found.quality), "lrll"),
        reached_grid(found.quality.reached),
        Pictures(SHOWS),
        (
            f"Chosen on {'the other half' if result.split.halved else 'earlier months'}, among "
            f"{', '.join(spoken(c.candidate) for c in result.candidates)}:"
        ),
        CANDIDATES,
    ]


def _lines(result: TrainingResult, quality: Quality) -> list[tuple[str, str, str, str]]:
    test, error, tested = result.test, quality.calibration_error, result.tested
    y, p = tested.labels, np.clip(tested.probability, 1e-15, 1 - 1e-15)
    hits = (test.precision or 0) * (test.selected or 0)
    return [
        ("ROC-AUC", f"{test.auc:.3f}", f"{test.auc_low:.3f} to {test.auc_high:.3f}", "ranking; 0.5 is chance"),
        ("average precision", f"{test.pr_auc:.3f}", "", f"chance is {test.base_rate:.3f}"),
        (
            f"precision at {test.capacity:.0%}",
            f"{test.precision:.1%}",
            "{:.1%} to {:.1%}".format(*wilson(hits, test.selected or 1)),
            f"share of the contacted who leave; F1 {test.f1:.3f}",
        ),
        (
            f"recall at {test.capacity:.0%}",
            f"{test.recall:.1%}",
            "{:.1%} to {:.1%}".format(*wilson(hits, test.positives)),
            "share of those who leave that is contacted",
        ),
        ("Brier score", f"{test.brier:.4f}", _reach((p - y) ** 2), f"the churn rate alone has {_of_rate(test):.4f}"),
        ("log loss", f"{test.log_loss:.4f}", _reach(-y * np.log(p) - (1 - y) * np.log(1 - p)), "lower is better"),
        (
            "calibration error",
            f"{error.value:.4f}",
            f"{error.low:.4f} to {error.high:.4f}",
            f"perfect probabilities stay below {error.by_chance:.4f}",
        ),
        ("calibration slope", f"{test.calibration_slope:.2f}", "", "1 is right, below 1 too extreme"),
        ("calibration intercept", f"{test.calibration_intercept:+.2f}", "", "0 is right, below 0 risks are overstated"),
    ]  # fmt: skip


def _reach(losses: NDArray[np.float64]) -> str:
    """95 % interval of a mean over independent customers."""
    mean, half = float(losses.mean()), Z_95 * float(losses.std()) / len(losses) ** 0.5
    return f"{mean - half:.4f} to {mean + half:.4f}"


def _of_rate(test: Metrics) -> float:
    return (test.base_rate or 0) * (1 - (test.base_rate or 0))


def what_it_earns(found: Examination, business: BusinessFile) -> list[Block]:
    """Campaign profit under the declared economics."""
    quality = found.quality
    declared = "economics" in business.model_fields_set
    assumed = assumptions(business.economics, "churn.yaml" if declared else None)
    if quality is None:
        return [assumed]
    money, profit, capacity = quality.maximum_profit, quality.profit, business.training.capacity
    rows = [
        (
            "best campaign (EMPC), averaged over the unknown rate of acceptance",
            f"{money.profit:.2f}",
            f"{money.low:.2f} to {money.high:.2f}",
            f"{money.fraction:.1%}",
        ),
        (
            "campaign at capacity, with the outcomes of the test cohort",
            f"{profit.realised:.2f}",
            f"{profit.low:.2f} to {profit.high:.2f}",
            f"{capacity:.1%}",
        ),
        ("the same, as predicted by the probabilities", f"{profit.expected:.2f}", "", f"{capacity:.1%}"),
    ]
    blocks: list[Block] = [assumed, Grid(("per customer of the base", "profit", "95 %", "contacted"), rows)]
    if money.fraction < capacity / 2:
        blocks.append(
            f"The best campaign contacts {money.fraction:.1%}, far fewer than the {capacity:.0%} it could reach: "
            "beyond that, contacts cost more than they keep."
        )
    return blocks


def everywhere(found: Examination) -> list[Block]:
    """Metrics by month end and by kind of customer."""
    return [
        "By month end. The earlier months also chose the model, so their figures are slightly too good:",
        Grid(SLICES, [_slice(name, m) for name, m in found.cohorts.items()]),
        "By kind of customer, in the test cohort:",
        Grid(SLICES, [_slice(name, m) for name, m in found.segments.items()]),
    ]


def by_day(result: TrainingResult, found: Examination) -> list[Block]:
    """AUC and calibration by day of the month; empty where the model learned from month ends alone."""
    if not (found.days or result.split.learned_midmonth):
        return []
    if not found.days:
        return ["Outcomes of days later than all that the model learned from are not settled."]
    rows = [(*_slice(name, m), *calibration_cells(m)) for name, m in found.days.items()]
    return [
        (
            "The test cohort, and later days between month ends. A calibration slope of 1 and an intercept of 0 are "
            "right; below 0, risks are overstated:"
        ),
        Grid((*SLICES, "calibration slope", "intercept"), rows),
    ]


def calibration_cells(m: Metrics) -> tuple[str, str]:
    """Slope and intercept of the calibration for a table; blank if unknown."""
    if m.calibration_slope is None or m.calibration_intercept is None:
        return "", ""
    return f"{m.calibration_slope:.2f}", f"{m.calibration_intercept:+.2f}"


def _slice(name: str, m: Metrics) -> tuple[str, ...]:
    told = (
        (f"{m.auc:.3f}", f"{m.auc_low:.3f} to {m.auc_high:.3f}")
        if m.auc is not None
        else (IN_WORDS[m.status], "")
    )
    return (name, f"{m.n:,}", f"{m.positives:,}", *told)


def fair(found: Examination, business: BusinessFile) -> list[Block]:
    """Figures of the groups of each protected attribute."""
    protected = business.protected
    if not protected:
        return [
            ("churn.yaml names no protected attribute (", Code("protected"), "), so nothing was compared.")
        ]
    learned = [p.said for p in protected if p.allowed_as_feature]
    used = (
        f" The model learned from {', '.join(learned)}, as allowed there; no reason names it."
        if learned
        else ""
    )
    return [
        (
            f"Judged by {', '.join(p.said for p in protected)}, which churn.yaml declares as protected.{used} Groups "
            f"of fewer than {MINIMUM_GROUP} customers are not reported. Contacted: share among the riskiest "
            f"{business.training.capacity:.0%}. With intervals of 95 %, one group in twenty stands out by chance."
        ),
        Grid(COLUMNS, fairness_rows(found.groups), "ll" + "r" * (len(COLUMNS) - 2)),
    ]


def drivers(found: Examination, words: Mapping[str, str]) -> list[Block]:
    """Importance of the features, and their partial dependence curves."""
    rows = [
        (
            words.get(line.feature, line.feature),
            f"{line.value:.3f}",
            f"{line.low:.3f} to {line.high:.3f}",
        )
        for line in found.importance[:SHOWN]
    ]
    return [
        (
            "How much a feature moves the score of a customer on average (log-odds), with the 95 % range over other "
            "samples of customers. It describes the model and does not prove a cause."
        ),
        Grid(("feature", "moves", "95 %"), rows),
        Pictures({"importance": "Features by how much they move the scores, with intervals"}),
        (
            "Mean probability if every customer had this value of the feature and all other features stayed the same; "
            "over the range that holds nine of ten customers:"
        ),
        Pictures(
            {"partial_dependence": "Mean probability by the value of each of the strongest features"},
            wide=True,
        ),
    ]
