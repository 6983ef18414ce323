"""The page of a month, for people who decide about customers: short sentences, whole numbers, one picture.

ROC-AUC is told as what it is: of 100 pairs of a customer who leaves and one who stays, in how many the one who leaves
had the higher risk.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from churn_assets.ml.metrics.classification import ONE_CLASS, TOO_FEW
from churn_assets.monitoring.drift import BASE_RATE, FEATURE, SHIFT, STABLE, VOLUME
from churn_assets.monitoring.movements import Movements
from churn_assets.monitoring.page_figure import quality_figure
from churn_assets.monitoring.performance import IMMATURE, INCOMPLETE
from churn_assets.monitoring.scored_month import GOOD, PERHAPS, WEAKER, ScoredMonth
from churn_assets.months import add_months, month_of
from churn_assets.reporting.figures import as_uri

SHOWN_COHORTS, SHOWN_CHANGES, SHOWN_MOVES = 12, 8, 8
NO_RESULT = {
    IMMATURE: "results follow",
    INCOMPLETE: "deliveries are missing",
    TOO_FEW: "too few left to tell",
    ONE_CLASS: "all did the same",
}
EXPLAINED = (
    "*Right in 100 pairs: take a customer who left and one who stayed. In so many of 100 such pairs the one who left "
    "had the higher risk. Tossing a coin is right in 50. In brackets: the range that chance leaves open. An estimate "
    "takes the risks for true; it cannot see that customers leave for new reasons. Experts call the share ROC-AUC.*"
)


@dataclass(frozen=True)
class Facts:
    """What the page of one month is made of.

    Attributes:
        cohorts: scored months, ascending; the last one is the month of the page.
        trained_as_of: of the model in charge; None when its training is not on record.
        drift: rows of monitoring/drift of this month and, of kind `base rate`, the newest one that is known.
        movements: None when the month has no segments.
        words: feature -> what a person reads.
        margin: by how much an AUC may lie below the promised one, from churn.yaml.
        first_day, last_day: of the outcome window.
    """

    cohorts: tuple[ScoredMonth, ...]
    trained_as_of: date | None
    drift: Sequence[Mapping[str, Any]]
    movements: Movements | None
    words: Mapping[str, str]
    margin: float
    first_day: date
    last_day: date

    @property
    def now(self) -> ScoredMonth:
        """The month of the page."""
        return self.cohorts[-1]


def outcome_days(day: date, gap_days: int, outcome_days: int) -> tuple[date, date]:
    """First and last day on which a customer of the cohort can leave and count."""
    return day + timedelta(days=gap_days + 1), day + timedelta(days=gap_days + outcome_days)


def monthly_page(facts: Facts) -> str:
    """The page as Markdown; the picture is inside."""
    now = facts.now
    parts = [
        f"# Customers at risk, {_month(now.day)}",
        f"As of {_date(now.day)}. {_model(facts)}",
        "## In short",
        "\n".join(f"- {line}" for line in _in_short(facts)),
        "## Is the model still good?",
        _picture(facts),
        _cohort_table(facts),
        EXPLAINED,
        "## What has changed?",
        _changes(facts),
        "## Who moved between segments?",
        _segments(facts.movements),
    ]
    return "\n\n".join(parts) + "\n"


def _model(facts: Facts) -> str:
    trained = f", trained as of {_date(facts.trained_as_of)}" if facts.trained_as_of else ""
    return f"Model version {facts.now.model_version}{trained}."


def nobody_scored(day: date) -> str:
    """The page of a month without scores."""
    return (
        f"# Customers at risk, {_month(day)}\n\nNobody was scored: no model was in charge on {_date(day)}.\n"
    )


def _in_short(facts: Facts) -> list[str]:
    now = facts.now
    lines = [_verdict(facts)]
    size = f"{now.scored:,} customers were scored"
    if len(facts.cohorts) > 1:
        before = facts.cohorts[-2]
        last_month = month_of(before.day) == add_months(month_of(now.day), -1)
        which = "the month before" if last_month else f"in {_month(before.day)}"
        size += f", {_than(now.scored, before.scored)} {which}"
    lines.append(f"{size}.")
    if now.expected_positives is not None and now.n:
        sample = f" That rests on a random sample of {now.sample:,}." if now.sample < now.scored else ""
        lines.append(
            f"About {now.of_all(now.expected_positives):,.0f} of them ({now.expected_positives / now.n:.1%}) are "
            f"expected to leave between {_date(facts.first_day)} and {_date(facts.last_day)}.{sample}"
        )
    if facts.movements is not None and facts.movements.compared:
        lines.append(f"{facts.movements.moved:,} customers are in another segment than the month before.")
    features = [row for row in facts.drift if row["kind"] == FEATURE]
    moved = sum(row["status"] != STABLE for row in features)
    if features:
        lines.append(
            f"{moved or 'None'} of {len(features)} facts about the customers "
            f"{'looks' if moved == 1 else 'look'} different from the time of the training."
        )
    return lines


def _verdict(facts: Facts) -> str:
    """Of the newest month that can be judged under the model in charge."""
    now = facts.now
    told = [c for c in facts.cohorts if c.model_version == now.model_version and c.judgement(facts.margin)]
    if not told:
        early = (
            "**It is too early to say whether the model is good:** no month that it scored can be judged yet."
        )
        if now.auc_estimated is None:
            return early
        return f"{early} If its risks are right, it will be right in about {_of_100(now.auc_estimated)} of 100 pairs."
    newest = told[-1]
    found = (
        f"For {_month(newest.day)}, the newest month that can be judged, it was right in {_of_100(newest.auc)} of 100 "
        f"pairs; the training promised {_of_100(newest.promised)}"
    )
    return {
        GOOD: f"**The model is still good.** {found}.",
        PERHAPS: f"**The model may have become weaker.** {found}. That can still be chance.",
        WEAKER: f"**The model has become weaker.** {found}. That is more than chance.",
    }[str(newest.judgement(facts.margin))]


def _picture(facts: Facts) -> str:
    return f"![How often the model was right]({as_uri(quality_figure(facts.cohorts[-SHOWN_COHORTS:]))})"


def _cohort_table(facts: Facts) -> str:
    rows = []
    for cohort in facts.cohorts[-SHOWN_COHORTS:]:
        judgement = cohort.judgement(facts.margin)
        sample = f" (sample: {cohort.sample:,})" if cohort.sample < cohort.scored else ""
        if cohort.auc is not None:
            right = f"{_of_100(cohort.auc)} ({_of_100(cohort.auc_low)} to {_of_100(cohort.auc_high)})"
        else:
            right = f"estimated {_of_100(cohort.auc_estimated)}"
        rows.append(
            (
                _month(cohort.day),
                cohort.model_version,
                f"{cohort.scored:,}{sample}",
                _of_all(cohort, cohort.expected_positives),
                _of_all(cohort, cohort.positives),
                right,
                _of_100(cohort.promised),
                judgement or NO_RESULT.get(cohort.status, ""),
            )
        )
    head = ("month", "model", "customers", "expected to leave", "left", "right in 100 pairs", "promised", "")
    return _table(head, rows)


def _changes(facts: Facts) -> str:
    lines = []
    for row in facts.drift:
        if row["kind"] == VOLUME:
            lines.append(
                f"- Customers: {row['value']:,.0f}; in a month of the training {row['reference_value']:,.0f}."
                f"{_remark(row)}"
            )
        elif row["kind"] == BASE_RATE:
            lines.append(
                f"- Left: {row['value']:.1%} of the customers of {_month(row['as_of_date'])}, the newest month with "
                f"results; in the training {row['reference_value']:.1%}.{_remark(row)}"
            )
    features = [row for row in facts.drift if row["kind"] == FEATURE]
    moved = [row for row in features if row["status"] != STABLE]
    if not moved:
        same = "looks as it did in the training" if features else "has not been compared with the training"
        lines.append(f"- What is known about the customers {same}.")
        return "\n".join(lines)
    rows = []
    for row in sorted(moved, key=lambda r: -r["psi"])[:SHOWN_CHANGES]:
        missing = f"{row['missing_rate']:.0%}, in the training {row['reference_missing_rate']:.0%}"
        much = "very different" if row["status"] == SHIFT else "different"
        rows.append((facts.words.get(row["feature"], row["feature"]), much, missing))
    text = "\n".join(lines) + "\n\n" + _table(("what is known about the customers", "", "unknown for"), rows)
    if len(moved) > SHOWN_CHANGES:
        text += f"\n\nAnd {len(moved) - SHOWN_CHANGES} more."
    return text + "\n\nA change alone does not make the model worse. It is a reason to look at the sources."


def _remark(row: Mapping[str, Any]) -> str:
    return "" if row["status"] == STABLE else " **That is unusual.**"


def _segments(found: Movements | None) -> str:
    if found is None:
        return "The segments of this month have not been made."
    if not found.compared:
        alone = [(s.name, f"{s.customers:,}", f"{s.expected:,.0f}", s.action or "") for s in found.segments]
        text = _table(("segment", "customers", "expected to leave", "what to do"), alone)
        return text + "\n\nThere are no segments of the month before to compare with."
    rows = [
        (
            s.name,
            f"{s.before:,}",
            f"{s.customers:,}",
            f"{s.customers - s.before:+,}" if s.customers != s.before else "0",
            f"{s.stayed:,}",
            f"{s.joined:,}",
            f"{s.new:,}",
            f"{s.expected:,.0f}",
            s.action or "",
        )
        for s in found.segments
    ]
    head = ("segment", "month before", "now", "change", "stayed", "from other segments", "new customers")
    text = _table((*head, "expected to leave", "what to do"), rows)
    gone = f"{found.gone:,} customers of the month before are no longer scored"
    text += f"\n\n{gone}: they left, gave notice, or no longer fit the rules."
    if found.moves:
        moves = [(was, to, f"{customers:,}") for was, to, customers in found.moves[:SHOWN_MOVES]]
        text += "\n\nThe largest moves:\n\n" + _table(("from", "to", "customers"), moves)
    return text


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in line) + " |" for line in lines)


def _of_all(cohort: ScoredMonth, count: float | None) -> str:
    return "" if count is None else f"{cohort.of_all(count):,.0f}"


def _of_100(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f}"


def _than(now: int, before: int) -> str:
    if now == before:
        return "as many as"
    difference = abs(now - before)
    # of nobody there is no share, and of a tiny one nothing is left in print
    size = f"{difference / before:.1%}" if before and difference / before >= 0.0005 else f"{difference:,}"
    return f"{size} {'more' if now > before else 'fewer'} than"


def _month(day: date) -> str:
    return f"{day:%B %Y}"


def _date(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
