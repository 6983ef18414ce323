"""The model card of a version (Mitchell et al. 2019, doi 10.1145/3287560.3287596), for the users of the model.

It contains figures of groups only: no customer_key and no rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from churn_assets.contracts.business import BusinessFile
from churn_assets.counts import counted
from churn_assets.ml.metrics.classification import IN_WORDS, OK
from churn_assets.ml.metrics.fairness import fairness_findings
from churn_assets.ml.review.examination import Examination
from churn_assets.ml.review.model_card_chapters import (
    by_day,
    drivers,
    everywhere,
    fair,
    how_good,
    what_it_earns,
)
from churn_assets.ml.review.treated_share import TreatedShare
from churn_assets.ml.training.result import TrainingResult
from churn_assets.reporting.blocks import (
    Block,
    Bullets,
    Card,
    Cards,
    Chapter,
    Code,
    Document,
    Grid,
    Notice,
    Strong,
    Text,
)
from churn_assets.reporting.html import html_page
from churn_assets.reporting.markdown import markdown, markdown_page
from churn_assets.reporting.words import capitalised, spoken

# An AUC with a wider interval hardly shows which of two models is better.
WIDE = 0.1
POLICIES = {
    "cancellation": "a customer's contract ({source}) ends by the customer's own choice",
    "lapse": "a customer's contract ({source}) runs out and is not renewed",
    "inactivity": "a customer shows no activity ({source})",
}


@dataclass(frozen=True)
class CardFacts:
    """Facts for the card that are not in the training result.

    Attributes:
        business: churn.yaml.
        words: feature -> its name for people.
        trained_as_of: the date up to which the training used data.
        outcomes: outcome -> number of snapshots of the cohorts used, including those left out of the training.
        parameters: settings and versions of the training.
        run_id: of MLflow.
        treated: how many had been contacted; None where no source tells of contacts.
    """

    business: BusinessFile
    words: Mapping[str, str]
    trained_as_of: date
    outcomes: Mapping[str, int]
    parameters: Mapping[str, object]
    run_id: str
    treated: TreatedShare | None = None


@dataclass(frozen=True)
class ModelCard:
    """The card as one HTML page with embedded pictures, as Markdown that refers to plots/, and as a short Markdown."""

    html: str
    markdown: str
    short: str


def model_card(
    result: TrainingResult, found: Examination, facts: CardFacts, pictures: Mapping[str, bytes]
) -> ModelCard:
    """Returns the card of a training.

    Args:
        pictures: PNGs by file stem; see `examination.pictures`. Markdown refers to them as plots/<stem>.png.
    """
    document = _document(result, found, facts)
    return ModelCard(
        html_page(document, pictures),
        markdown_page(document, {name: f"plots/{name}.png" for name in pictures}),
        _short(result, found, facts),
    )


def _document(result: TrainingResult, found: Examination, facts: CardFacts) -> Document:
    days = by_day(result, found)
    chapters = [
        Chapter("At a glance", _glance(result, found)),
        Chapter("What it is for", _purpose(facts)),
        Chapter("What it predicts", _target(facts)),
        Chapter("Training data", _data(result, facts)),
        Chapter("How good it is", how_good(result, found)),
        Chapter("What a campaign earns", what_it_earns(found, facts.business)),
        Chapter("Months and kinds of customers", everywhere(found)),
        *([Chapter("Days of the month", days)] if days else []),
        Chapter("Fairness", fair(found, facts.business)),
        Chapter("What moves the scores", drivers(found, facts.words)),
        found.leaks.chapter(),
        Chapter("Limits", limits(result, found)),
        Chapter("How it was made", _making(result, facts)),
    ]
    return Document(
        title=f"Model card: {facts.business.name}, trained as of {facts.trained_as_of}",
        under=(f"{spoken(result.chosen)}, MLflow run ", Code(facts.run_id)),
        chapters=chapters,
    )


def points(result: TrainingResult, found: Examination) -> list[str]:
    """Returns everything to check before using the model."""
    return [*_doubts(result), *found.leaks.findings(), *fairness_findings(found.groups)]


def _doubts(result: TrainingResult) -> list[str]:
    test, said = result.test, []
    if not result.split.out_of_time:
        said.append(
            "The model also learned from the test cohort (from other customers of it), so the figures do not show how "
            "the model ages. Judge it by monitoring/model_performance."
        )
    if test.auc_low is not None and test.auc_high is not None and test.auc_high - test.auc_low > WIDE:
        said.append(
            f"Only {test.positives} customers of the test cohort left, so the ROC-AUC may lie anywhere from "
            f"{test.auc_low:.3f} to {test.auc_high:.3f}. Later cohorts narrow this: see monitoring/model_performance."
        )
    return said


def _glance(result: TrainingResult, found: Examination) -> list[Block]:
    looked = points(result, found)
    top = _figures(result, found, len(looked))
    return [top, *(Notice(words) for words in looked)]


def _figures(result: TrainingResult, found: Examination, looked: int) -> Block:
    test, quality = result.test, found.quality
    if test.auc is None or quality is None:
        return Notice(f"The test cohort has no figures: {IN_WORDS[test.status]}.")
    top = next(r for r in quality.reached if r.share == 0.1)
    error, money = quality.calibration_error, quality.maximum_profit
    return Cards(
        [
            Card(
                f"{test.auc:.3f}",
                f"ROC-AUC ({test.auc_low:.3f} to {test.auc_high:.3f}): of 100 pairs of a customer who left and one "
                f"who stayed, {100 * test.auc:.0f} were ranked correctly; a coin gets 50",
            ),
            Card(
                f"{top.lift:.1f} x",
                f"as many churners in the riskiest tenth as in a random tenth: {top.capture:.0%} of all churners",
            ),
            Card(
                f"{test.base_rate:.1%}",
                f"left: {test.positives:,} of {test.n:,} customers of {result.split.test}",
            ),
            Card(
                f"{error.value:.2%}",
                f"mean error of the probabilities ({error.low:.2%} to {error.high:.2%}); chance alone gives perfect "
                f"probabilities up to {error.by_chance:.2%}",
            ),
            Card(
                f"{money.profit:.2f}",
                f"expected maximum profit per customer ({money.low:.2f} to {money.high:.2f}), contacting "
                f"{money.fraction:.0%}",
            ),
            Card(str(looked), f"{'point' if looked == 1 else 'points'} to check"),
        ]
    )


def _purpose(facts: CardFacts) -> list[Block]:
    capacity = facts.business.training.capacity
    return [
        (
            "At each month end it ranks the customers by their risk of leaving and gives a probability with reasons, "
            f"so that a retention campaign that can reach {capacity:.0%} of the customers reaches the right ones."
        ),
        (
            "It is not made for decisions about a customer's price, credit or contract, nor for any decision that no "
            "person reviews. A high risk says that somebody may leave, not that an offer would keep them: only a "
            "comparison with a random group that gets no offer shows what a campaign changes."
        ),
    ]


def _target(facts: CardFacts) -> list[Block]:
    windows, label = facts.business.windows, facts.business.label
    source = f"{label.source} where {label.where}" if label.where else label.source
    what = POLICIES[label.policy].format(source=source)
    first, last = windows.gap_days + 1, windows.gap_days + windows.outcome_days
    gap = (
        f" A campaign needs the first {windows.gap_days} days to act; customers who leave within them are left out."
        if windows.gap_days
        else ""
    )
    stayed = f" A new start within {label.renewal_days} days counts as staying." if label.renewal_days else ""
    return [
        (f"Churn means: {what}, on day {first} to {last} after the month end.{gap}{stayed}"),
        (
            f"The model uses {windows.observation_months} months before the month end, and only rows that had been "
            f"delivered by then. An outcome is settled {windows.settlement_days} days after its window at the earliest "
            "and does not change afterwards."
        ),
    ]


def _data(result: TrainingResult, facts: CardFacts) -> list[Block]:
    said = {
        "compared": "trained the candidates",
        "selection": "chose among them",
        "calibration": "calibrated the probabilities",
        "train": "trained the chosen one",
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
        Grid(("cohorts that", "month ends", "snapshots", "customers", "churners"), rows, "llrrr"),
        *_midmonth(result),
        f"{len(result.model.transformation.features)} features. {_exclusions(facts)}",
    ]
    if outcomes:
        blocks += [
            "Outcomes of all snapshots of these months; the model learns only from churned and stayed:",
            Grid(("outcome", "snapshots"), outcomes),
        ]
    return [*blocks, facts.treated.sentence] if facts.treated else blocks


def _midmonth(result: TrainingResult) -> list[Block]:
    """The days between month ends that the model learned from; nothing if there are none."""
    learned = result.split.learned_midmonth
    if not learned:
        return []
    days = ", ".join(str(day) for day in sorted({day.day for day in learned}))
    return [
        (
            f"Its training snapshots are also those as of other days of the month ({days}), on "
            f"{counted(len(learned), 'day')} from {learned[0]} to {learned[-1]}, with outcomes that were known as "
            "early. It was chosen, calibrated and tested on month ends only."
        )
    ]


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
    """Returns the limits of the figures."""
    test = result.test
    said: list[Block] = [
        (
            f"The figures are those of one month end, {result.split.test}. Customers change: whether they still hold "
            "is measured month by month in monitoring/model_performance, as soon as outcomes are known."
        ),
        (
            "Customers who were contacted may have stayed because of it. The model knows how often they were "
            "contacted, but not what would have happened otherwise."
        ),
        "The model knows only what the sources deliver: no competitor's offer, no move, no death.",
    ]
    weak = [name for name, m in found.segments.items() if m.status != OK]
    if weak:
        said.append(f"There are too few churners to judge: {', '.join(weak)}.")
    if test.calibration_slope is not None and not 0.8 <= test.calibration_slope <= 1.25:
        said.append(
            f"Probabilities are {'too extreme' if test.calibration_slope < 1 else 'too close to the mean'} (slope "
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
        if value is not None  # a limit that is not set
    ]
    said = [f"Ensembles: {result.ensemble}.", *(capitalised(f"{found.why}.") for found in result.searched)]
    return [*said, Grid(("setting", "value"), rows, "ll")]


def _short(result: TrainingResult, found: Examination, facts: CardFacts) -> str:
    """Returns the card in a few lines, the description of the registered version."""
    test, quality = result.test, found.quality
    made = f", trained as of {facts.trained_as_of} on {result.rows['train']['rows']:,} snapshots."
    lines: list[Text] = [(Strong(spoken(result.chosen)), made)]
    if test.auc is not None and quality is not None:
        lines.append(
            f"Untouched cohort of {result.split.test}: ROC-AUC {test.auc:.3f} ({test.auc_low:.3f} to "
            f"{test.auc_high:.3f}), lift {test.lift_top_decile:.1f} in the riskiest tenth, calibration error "
            f"{quality.calibration_error.value:.4f}, EMPC {quality.maximum_profit.profit:.2f} per customer."
        )
    names = [facts.words.get(line.feature, line.feature) for line in found.importance[:5]]
    lines.append(f"Strongest features: {', '.join(names)}.")
    looked = points(result, found)
    lines.append(f"{counted(len(looked), 'point')} to check:" if looked else "Nothing to check was found.")
    whole = ("The whole card: ", Code("model_card.html"), f" of run {facts.run_id}.")
    return markdown([*lines, *([Bullets(looked[:5])] if looked else []), whole])


def _span(days: Sequence[str]) -> str:
    """`2025-06-30 to 2025-11-30 (6)`."""
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]} ({len(days)})"
