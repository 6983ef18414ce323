"""Writes the page of a month for people who decide about customers: short sentences, whole numbers, one picture.

It explains ROC-AUC as a number of pairs: of 100 pairs of a customer who left and one who stayed, those in which the one
who left had the higher risk.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from churn_assets.alerts.words import QUALITY_HEAD, quality_cells
from churn_assets.counts import counted, form
from churn_assets.ml.metrics.classification import ONE_CLASS, TOO_FEW
from churn_assets.ml.metrics.rule_quality import RuleQuality
from churn_assets.monitoring.drift import BASE_RATE, FEATURE, SHIFT, STABLE, VOLUME
from churn_assets.monitoring.monthly_page_figure import quality_figure
from churn_assets.monitoring.performance import IMMATURE, INCOMPLETE
from churn_assets.monitoring.scored_month import GOOD, PERHAPS, WEAKER, ScoredMonth
from churn_assets.monitoring.segment_movements import Movements
from churn_assets.months import add_months, month_end, month_of
from churn_assets.reporting.blocks import (
    Aside,
    Block,
    Bullets,
    Chapter,
    Document,
    Grid,
    Pictures,
    Strong,
    Text,
)
from churn_assets.reporting.figures import as_png, png_uri
from churn_assets.reporting.html import html_page
from churn_assets.reporting.markdown import markdown_page
from churn_assets.reporting.words import full_date, month_name

SHOWN_COHORTS, SHOWN_CHANGES, SHOWN_MOVES = 12, 8, 8
NO_RESULT = {
    IMMATURE: "results follow",
    INCOMPLETE: "deliveries are missing",
    TOO_FEW: "too few left to tell",
    ONE_CLASS: "all did the same",
}
PICTURE = "quality"
EXPLAINED = (
    "Right in 100 pairs: take a customer who left and one who stayed. The number says in how many of 100 such pairs "
    "the one who left had the higher risk. Tossing a coin is right in 50. The range in brackets is the 95 % interval. "
    "An estimate assumes that the predicted risks are right, so it does not notice new reasons to leave. The technical "
    "name of the share is ROC-AUC."
)


@dataclass(frozen=True)
class Facts:
    """The data of the page of one month.

    Attributes:
        cohorts: scored months, ascending; the last one is the month of the page.
        trained_as_of: of the model in charge; None when its training is not in models/training_runs.
        drift: rows of monitoring/drift of this month; of kind `base rate` only the newest known row.
        movements: None when the month has no segments.
        words: feature -> its name for people.
        margin: how far an AUC may be below the promised one, from churn.yaml.
        first_day, last_day: of the outcome window.
        people: rows of monitoring/people_balance of this month.
        churn: the newest row of gold/churn_rates for all customers, up to this month; None without one.
        use: sentences about the use of the page of the retention team, when the page of the month is written.
        alerts: what each rule of alerts has brought up to the end of the month.
        campaigns: rows of retention/campaign_results of this month, of whole campaigns.
        effects: offer -> what is known of its effect by customer, as sentences.
    """

    cohorts: tuple[ScoredMonth, ...]
    trained_as_of: date | None
    drift: Sequence[Mapping[str, Any]]
    movements: Movements | None
    words: Mapping[str, str]
    margin: float
    first_day: date
    last_day: date
    people: Sequence[Mapping[str, Any]] = ()
    churn: Mapping[str, Any] | None = None
    use: Sequence[str] = ()
    alerts: Sequence[RuleQuality] = ()
    campaigns: Sequence[Mapping[str, Any]] = ()
    effects: Mapping[str, str] = field(default_factory=dict)

    @property
    def now(self) -> ScoredMonth:
        """The month of the page."""
        return self.cohorts[-1]


def outcome_days(day: date, gap_days: int, outcome_days: int) -> tuple[date, date]:
    """First and last day of the outcome window."""
    return day + timedelta(days=gap_days + 1), day + timedelta(days=gap_days + outcome_days)


@dataclass(frozen=True)
class MonthlyPage:
    """The page before it is rendered; `pictures` maps names to PNGs."""

    document: Document
    pictures: Mapping[str, bytes]

    def html(self) -> str:
        """As one HTML file."""
        return html_page(self.document, self.pictures)

    def markdown(self) -> str:
        """As Markdown with the picture inside."""
        return markdown_page(self.document, {name: png_uri(png) for name, png in self.pictures.items()})


def monthly_page(facts: Facts) -> MonthlyPage:
    """The page of the newest month of the facts."""
    now = facts.now
    trained = f", trained as of {full_date(facts.trained_as_of)}" if facts.trained_as_of else ""
    picture = Pictures({PICTURE: "How often the model was right, month by month"}, wide=True)
    document = Document(
        title=_title(now.day),
        under=f"As of {full_date(now.day)}. Model version {now.model_version}{trained}.",
        chapters=[
            Chapter("In short", [Bullets(_in_short(facts))]),
            Chapter("Is the model still good?", [picture, _cohorts(facts), Aside(EXPLAINED)]),
            Chapter("What has changed?", _changes(facts)),
            Chapter("Who moved between segments?", _segments(facts.movements)),
            *([Chapter("Is everybody accounted for?", _people(facts.people))] if facts.people else []),
            *([Chapter("Were the alerts right?", _alerts(facts.alerts))] if facts.alerts else []),
            *([Chapter("What did campaigns bring?", _campaigns(facts.campaigns))] if facts.campaigns else []),
            *([Chapter("Whom does an offer change?", [_effects(facts.effects)])] if facts.effects else []),
            *([Chapter("Is the page used?", [Bullets(list(facts.use))])] if facts.use else []),
        ],
    )
    return MonthlyPage(document, {PICTURE: as_png(quality_figure(facts.cohorts[-SHOWN_COHORTS:]), dpi=110)})


def nobody_scored(day: date) -> MonthlyPage:
    """The page of a month without scores."""
    return MonthlyPage(
        Document(_title(day), f"Nobody was scored: no model was in charge on {full_date(day)}.", []), {}
    )


def _title(day: date) -> str:
    return f"Customers at risk, {month_name(day)}"


def _in_short(facts: Facts) -> list[Text]:
    now = facts.now
    lines: list[Text] = [_verdict(facts)]
    size = f"{now.scored:,} customers were scored"
    if len(facts.cohorts) > 1:
        before = facts.cohorts[-2]
        last_month = month_of(before.day) == add_months(month_of(now.day), -1)
        which = "the month before" if last_month else f"in {month_name(before.day)}"
        size += f", {_than(now.scored, before.scored)} {which}"
    lines.append(f"{size}.")
    if now.expected_positives is not None and now.n:
        sample = f" This comes from a random sample of {now.sample:,}." if now.sample < now.scored else ""
        lines.append(
            f"About {now.of_all(now.expected_positives):,.0f} of them ({now.expected_positives / now.n:.1%}) are "
            f"expected to leave between {full_date(facts.first_day)} and {full_date(facts.last_day)}.{sample}"
        )
    if facts.churn is not None and facts.churn["churn_rate"] is not None:
        lines.append(_churn(facts.churn))
    if facts.movements is not None and facts.movements.compared:
        moved = counted(facts.movements.moved, "customer is", "customers are")
        lines.append(f"{moved} in another segment than the month before.")
    features = [row for row in facts.drift if row["kind"] == FEATURE]
    changed = sum(row["status"] != STABLE for row in features)
    if features:
        lines.append(
            f"{changed or 'None'} of {len(features)} facts about the customers "
            f"{form(changed, 'looks', 'look')} different from the time of the training."
        )
    return lines


def _churn(row: Mapping[str, Any]) -> str:
    """What became of the customers of the newest settled month."""
    known = row["customers_start"] - row["customers_unknown"]
    chosen, other = row["customers_lost_by_choice"], row["customers_lost_otherwise"]
    month = month_name(month_end(row["month"]))
    told = (
        f"In {month}, {chosen:,} of {counted(known, 'customer')} left by choice and {other:,} otherwise: "
        f"{row['churn_rate']:.1%} in all."
    )
    kept = row.get("net_revenue_retention")
    return (
        told
        if kept is None
        else f"{told} Those who were customers at its start now pay {kept:.1%} of what they paid then."
    )


def _verdict(facts: Facts) -> Text:
    """The verdict on the model in charge, from its newest month that can be judged."""
    now = facts.now
    told = [c for c in facts.cohorts if c.model_version == now.model_version and c.judgement(facts.margin)]
    if not told:
        early = Strong("It is too early to say whether the model is good:")
        pending = " no month that it scored can be judged yet."
        if now.auc_estimated is None:
            return (early, pending)
        pairs = _of_100(now.auc_estimated)
        return (early, pending, f" If its risks are right, it will be right in about {pairs} of 100 pairs.")
    newest = told[-1]
    found = (
        f" For {month_name(newest.day)}, the newest month that can be judged, it was right in {_of_100(newest.auc)} of "
        f"100 pairs; the training promised {_of_100(newest.promised)}."
    )
    return {
        GOOD: (Strong("The model is still good."), found),
        PERHAPS: (Strong("The model may have become weaker."), found, " This can still be chance."),
        WEAKER: (Strong("The model has become weaker."), found, " This is more than chance."),
    }[str(newest.judgement(facts.margin))]


def _cohorts(facts: Facts) -> Grid:
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
                month_name(cohort.day),
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
    return Grid(head, rows, "llrrrlrl")


def _changes(facts: Facts) -> list[Block]:
    lines: list[Text] = []
    for row in facts.drift:
        now, then = row.get("value"), row.get("reference_value")
        if row["kind"] == VOLUME:
            said = f"Customers: {now:,.0f}; in a month of the training {then:,.0f}."
        elif row["kind"] == BASE_RATE:
            month = month_name(row["as_of_date"])
            newest = f"{now:.1%} of the customers of {month}, the newest month with results"
            said = f"Left: {newest}; in the training {then:.1%}."
        else:
            continue
        lines.append(said if row["status"] == STABLE else (f"{said} ", Strong("That is unusual.")))
    features = [row for row in facts.drift if row["kind"] == FEATURE]
    moved = [row for row in features if row["status"] != STABLE]
    if moved:
        return [*([Bullets(lines)] if lines else []), *_moved(moved, facts.words)]
    same = "looks as it did in the training" if features else "has not been compared with the training"
    return [Bullets([*lines, f"What is known about the customers {same}."])]


def _moved(moved: Sequence[Mapping[str, Any]], words: Mapping[str, str]) -> list[Block]:
    """The features that differ most from the training."""
    rows = [
        (
            words.get(row["feature"], row["feature"]),
            "very different" if row["status"] == SHIFT else "different",
            f"{row['missing_rate']:.0%}, in the training {row['reference_missing_rate']:.0%}",
        )
        for row in sorted(moved, key=lambda r: -r["psi"])[:SHOWN_CHANGES]
    ]
    more = len(moved) - len(rows)
    return [
        Grid(("what is known about the customers", "", "unknown for"), rows, "lll"),
        *([f"And {more} more."] if more else []),
        "A change alone does not make the model worse. It is a reason to check the sources.",
    ]


def _people(balances: Sequence[Mapping[str, Any]]) -> list[Block]:
    """What has become of everybody who was a customer or became one."""
    states = ("former", "new", "now", "ended", "merged", "disappeared", "unknown")
    rows = [(row["source"], *(f"{row[state]:,}" for state in states)) for row in balances]
    head = ("", "month before", "new", "now", "ended", "merged", "disappeared", "unknown")
    told = (
        "Disappeared: no full delivery lists the customer any more, and no end was told. Unknown: the newest row of "
        "the customer was refused, or names no valid survivor of a merge. None of them is scored."
    )
    return [Grid(head, rows, "lrrrrrrr"), told]


def _alerts(qualities: Sequence[RuleQuality]) -> list[Block]:
    """What each rule has brought so far."""
    told = (
        "Precision: of the customers of a rule whose outcome is known, the share who left. Lift: how many times "
        "as many that is as of all customers. Whoever was persuaded to stay makes a good rule look worse."
    )
    return [Grid(QUALITY_HEAD, [quality_cells(one) for one in qualities], "lrrrrrrr"), told]


def _campaigns(results: Sequence[Mapping[str, Any]]) -> list[Block]:
    """What campaigns brought, as far as it is known."""
    rows = [
        (
            f"all of {row['origin']}" if row["campaign_id"] == "all" else row["campaign_id"],
            f"{row['days']}",
            f"{row['treated']:,}",
            f"{row['control']:,}",
            row["told"],
        )
        for row in results
    ]
    told = (
        "Customers who were to be contacted, reached or not, are compared with others who were left alone at random. "
        "Ranges are 95 % intervals."
    )
    return [Grid(("campaign", "days", "to be contacted", "left alone", "result"), rows, "lrrrl"), told]


def _effects(told: Mapping[str, str]) -> Block:
    """What is known of the effect of each offer by customer."""
    return Bullets([(Strong(offer.replace("_", " ")), f": {words}") for offer, words in told.items()])


def _segments(found: Movements | None) -> list[Block]:
    if found is None:
        return ["The segments of this month have not been computed."]
    if not found.compared:
        alone = [(s.name, f"{s.customers:,}", f"{s.expected:,.0f}", s.action or "") for s in found.segments]
        return [
            Grid(("segment", "customers", "expected to leave", "what to do"), alone, "lrrl"),
            "There are no segments of the month before to compare with.",
        ]
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
    are = "is" if found.gone == 1 else "are"
    gone = f"{counted(found.gone, 'customer')} of the month before {are} no longer scored"
    blocks: list[Block] = [
        Grid((*head, "expected to leave", "what to do"), rows, "lrrrrrrrl"),
        f"{gone}: they left, gave notice, were merged, disappeared, are unknown, or no longer fit the rules.",
    ]
    if found.moves:
        moves = [(was, to, f"{customers:,}") for was, to, customers in found.moves[:SHOWN_MOVES]]
        blocks += ["The largest moves:", Grid(("from", "to", "customers"), moves, "llr")]
    return blocks


def _of_all(cohort: ScoredMonth, count: float | None) -> str:
    return "" if count is None else f"{cohort.of_all(count):,.0f}"


def _of_100(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f}"


def _than(now: int, before: int) -> str:
    if now == before:
        return "as many as"
    difference = abs(now - before)
    # a count, not a share, when there was nobody before or the share would print as 0.0%
    size = f"{difference / before:.1%}" if before and difference / before >= 0.0005 else f"{difference:,}"
    return f"{size} {'more' if now > before else 'fewer'} than"
