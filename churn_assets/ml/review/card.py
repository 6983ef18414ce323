"""The model card of a version (Mitchell et al. 2019, doi 10.1145/3287560.3287596), written for whoever relies on it.

It holds figures of groups only: no customer_key and no row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from churn_assets.contracts.business import BusinessFile
from churn_assets.ml.metrics.classification import IN_WORDS, OK
from churn_assets.ml.metrics.fairness import fairness_findings
from churn_assets.ml.review.card_figures import TEXT, drivers, everywhere, fair, how_good, what_it_earns
from churn_assets.ml.review.examination import Examination
from churn_assets.ml.training.result import TrainingResult
from churn_assets.reporting.documents import (
    Block,
    Figures,
    Finding,
    Rows,
    Section,
    capitalised,
    html_document,
    markdown_document,
    spoken,
)

# An AUC whose interval is wider says little about which of two models is better.
WIDE = 0.1
POLICIES = {
    "cancellation": "a customer's contract ({source}) ends by the customer's own choice",
    "lapse": "a customer's contract ({source}) runs out and is not renewed",
    "inactivity": "a customer shows no activity ({source})",
}


@dataclass(frozen=True)
class CardFacts:
    """What the card tells beside the training itself.

    Attributes:
        business: churn.yaml.
        words: feature -> what a person reads.
        trained_as_of: what the training was allowed to know.
        outcomes: what became of the snapshots of the cohorts used -> how many; also those left out of the training.
        parameters: settings and versions that made the model.
        run_id: of MLflow.
    """

    business: BusinessFile
    words: Mapping[str, str]
    trained_as_of: date
    outcomes: Mapping[str, int]
    parameters: Mapping[str, object]
    run_id: str


@dataclass(frozen=True)
class ModelCard:
    """The card as one HTML page with pictures inside, as Markdown beside plots/, and in a few lines."""

    html: str
    markdown: str
    short: str


def model_card(
    result: TrainingResult, found: Examination, facts: CardFacts, pictures: Mapping[str, bytes]
) -> ModelCard:
    """Write the card of a training.

    Args:
        pictures: PNGs by file stem; see `examination.pictures`. Markdown refers to them as plots/<stem>.png.
    """
    title = f"Model card: {facts.business.name}, trained as of {facts.trained_as_of}"
    under = f"{spoken(result.chosen)}, MLflow run `{facts.run_id}`"
    sections = [
        Section("At a glance", _glance(result, found)),
        Section("What it is for", _purpose(facts)),
        Section("What it predicts", _target(facts)),
        Section("What it learned from", _data(result, facts)),
        Section("How good it is", how_good(result, found)),
        Section("What a campaign earns", what_it_earns(found, facts.business)),
        Section("Months and kinds of customers", everywhere(found)),
        Section("Fairness", fair(found, facts.business)),
        Section("What moves the scores", drivers(found, facts.words)),
        found.leaks.section(),
        Section("Limits", limits(result, found)),
        Section("How it was made", _making(result, facts)),
    ]
    return ModelCard(
        html_document(title, under, sections, pictures),
        markdown_document(title, under, sections, {name: f"plots/{name}.png" for name in pictures}),
        _short(result, found, facts),
    )


def points(result: TrainingResult, found: Examination) -> list[str]:
    """Everything that should be looked at before relying on the model."""
    return [*_doubts(result), *found.leaks.findings(), *fairness_findings(found.groups)]


def _doubts(result: TrainingResult) -> list[str]:
    test, said = result.test, []
    if not result.split.out_of_time:
        said.append(
            "The test cohort is one that the model also learned from (its customers apart): the figures do not show "
            "what time does to the model. Judge it by monitoring/model_performance."
        )
    if test.auc_low is not None and test.auc_high is not None and test.auc_high - test.auc_low > WIDE:
        said.append(
            f"Only {test.positives} customers of the test cohort left, so the ROC-AUC may lie anywhere from "
            f"{test.auc_low:.3f} to {test.auc_high:.3f}. Later cohorts make it surer: see monitoring/model_performance."
        )
    return said


def _glance(result: TrainingResult, found: Examination) -> list[Block]:
    test, quality = result.test, found.quality
    looked = points(result, found)
    blocks: list[Block] = []
    if test.auc is not None and quality is not None:
        top = next(r for r in quality.reached if r.share == 0.1)
        error, money = quality.calibration_error, quality.maximum_profit
        blocks.append(
            Figures(
                [
                    (
                        f"{test.auc:.3f}",
                        (
                            f"ROC-AUC ({test.auc_low:.3f} to {test.auc_high:.3f}): of 100 pairs of a customer who left "
                            f"and one who stayed, {100 * test.auc:.0f} were ranked rightly; a coin gets 50"
                        ),
                    ),
                    (
                        f"{top.lift:.1f} x",
                        f"more churners than by chance in the riskiest tenth: {top.capture:.0%} of all",
                    ),
                    (
                        f"{test.base_rate:.1%}",
                        f"left: {test.positives:,} of {test.n:,} customers of {result.split.test}",
                    ),
                    (
                        f"{error.value:.2%}",
                        (
                            f"mean error of the probabilities ({error.low:.2%} to {error.high:.2%}); perfect ones show "
                            f"up to {error.by_chance:.2%} by chance"
                        ),
                    ),
                    (
                        f"{money.profit:.2f}",
                        (
                            f"expected maximum profit per customer ({money.low:.2f} to {money.high:.2f}), contacting "
                            f"{money.fraction:.0%}"
                        ),
                    ),
                    (str(len(looked)), f"{'point' if len(looked) == 1 else 'points'} to look at"),
                ]
            )
        )
    else:
        blocks.append(Finding(f"The test cohort has no figures: {IN_WORDS[test.status]}."))
    blocks += [Finding(words) for words in looked]
    return blocks


def _purpose(facts: CardFacts) -> list[Block]:
    capacity = facts.business.training.capacity
    return [
        (
            "Each month end it ranks the customers by their risk of leaving and gives a probability with reasons, so "
            f"that a retention campaign that can reach {capacity:.0%} of the customers reaches the right ones."
        ),
        (
            "It is not made for decisions about a customer's price, credit or contract, nor for any decision that no "
            "person looks at. A high risk says that somebody may leave, not that an offer would keep them: what a "
            "campaign changes is seen only against a group left alone at random."
        ),
    ]


def _target(facts: CardFacts) -> list[Block]:
    windows, label = facts.business.windows, facts.business.label
    what = POLICIES[label.policy].format(source=label.source)
    first, last = windows.gap_days + 1, windows.gap_days + windows.outcome_days
    gap = (
        f" The first {windows.gap_days} days are the time a campaign needs to act; who leaves within them counts "
        "neither way."
        if windows.gap_days
        else ""
    )
    stayed = f" A new start within {label.renewal_days} days counts as staying." if label.renewal_days else ""
    return [
        (f"Churn means: {what}, on day {first} to {last} after the month end.{gap}{stayed}"),
        (
            f"The model sees {windows.observation_months} months back, and only rows that had been delivered by the "
            f"month end. An outcome counts {windows.settlement_days} days after its window at the earliest, and is "
            "then kept."
        ),
    ]


def _data(result: TrainingResult, facts: CardFacts) -> list[Block]:
    said = {
        "compared": "taught the candidates",
        "selection": "chose among them",
        "calibration": "fitted the probabilities",
        "train": "taught the chosen one",
        "test": "tested it once",
    }
    split = result.split.as_dict()
    rows = [
        (
            words,
            _span(split[part]),
            *(f"{result.rows[part][name]:,}" for name in ("rows", "customers", "positives")),
        )
        for part, words in said.items()
        if part in split
    ]
    outcomes = [
        (spoken(kind), f"{n:,}") for kind, n in sorted(facts.outcomes.items(), key=lambda item: -item[1])
    ]
    blocks: list[Block] = [
        Rows(("cohorts that", "month ends", "snapshots", "customers", "churners"), rows, numbers_from=2),
        f"{len(result.model.transformation.features)} features. {_exclusions(facts)}",
    ]
    if outcomes:
        blocks += [
            "What became of all snapshots of these months; only churned and stayed are learned from:",
            Rows(("outcome", "snapshots"), outcomes),
        ]
    return blocks


def _exclusions(facts: CardFacts) -> str:
    rule = facts.business.eligibility
    left_out = ["customers who were not active"]
    if rule.active_within_days:
        left_out = [f"customers who did nothing for {rule.active_within_days} days"]
    if rule.min_tenure_days:
        left_out.append(f"customers of fewer than {rule.min_tenure_days} days")
    if rule.exclude_in_notice and facts.business.label.policy != "inactivity":
        left_out.append("customers who had given notice")
    return f"Left out at each month end: {', '.join(left_out)}."


def limits(result: TrainingResult, found: Examination) -> list[Block]:
    """What the figures cannot promise."""
    test = result.test
    said: list[Block] = [
        (
            f"The figures are those of one month end, {result.split.test}. Customers change: whether they still hold "
            "is measured month by month in monitoring/model_performance, as soon as outcomes are known."
        ),
        (
            "Customers who were contacted before may have stayed because of it; the model sees how often they were, "
            "not what would have happened otherwise."
        ),
        "Only what the sources deliver is seen. A competitor's offer, a move or a death is not.",
    ]
    weak = [name for name, m in found.segments.items() if m.status != OK]
    if weak:
        said.append(f"Too few churners to say anything about: {', '.join(weak)}.")
    if test.calibration_slope is not None and not 0.8 <= test.calibration_slope <= 1.25:
        said.append(
            f"Probabilities are {'too extreme' if test.calibration_slope < 1 else 'too timid'} (slope "
            f"{test.calibration_slope:.2f}): trust their order more than their size."
        )
    return said


def _making(result: TrainingResult, facts: CardFacts) -> list[Block]:
    rows = [(spoken(str(name)), str(value)) for name, value in facts.parameters.items()]
    rows.append(("calibration", result.model.calibration.method))
    rows += [
        (f"{spoken(member)}: {spoken(name)}", str(value))
        for member, settings in result.model.about["hyper_parameters"].items()
        for name, value in settings.items()
    ]
    said = [f"Ensembles: {result.ensemble}.", *(capitalised(f"{found.why}.") for found in result.searched)]
    return [*said, Rows(("setting", "value"), rows, numbers_from=TEXT)]


def _short(result: TrainingResult, found: Examination, facts: CardFacts) -> str:
    """The card in a few lines, as the description of the registered version."""
    test, quality = result.test, found.quality
    lines = [
        (
            f"**{spoken(result.chosen)}**, trained as of {facts.trained_as_of} on "
            f"{result.rows['train']['rows']:,} snapshots."
        )
    ]
    if test.auc is not None and quality is not None:
        lines.append(
            f"Untouched cohort of {result.split.test}: ROC-AUC {test.auc:.3f} ({test.auc_low:.3f} to "
            f"{test.auc_high:.3f}), lift {test.lift_top_decile:.1f} in the riskiest tenth, calibration error "
            f"{quality.calibration_error.value:.4f}, EMPC {quality.maximum_profit.profit:.2f} per customer."
        )
    names = [facts.words.get(line.feature, line.feature) for line in found.importance[:5]]
    lines.append(f"Moved most by: {', '.join(names)}.")
    looked = points(result, found)
    lines.append(f"To look at ({len(looked)}):" if looked else "Nothing to look at was found.")
    lines += [f"- {words}" for words in looked[:5]]
    lines.append(f"The whole card: `model_card.html` of run {facts.run_id}.")
    return "\n".join(lines)


def _span(days: Sequence[str]) -> str:
    """`2025-06-30 to 2025-11-30 (6)`."""
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]} ({len(days)})"
