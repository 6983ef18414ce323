"""The report of a study: one HTML page with figures of groups only and no row of the file."""

from collections.abc import Iterable
from shlex import quote

from churn_assets.counts import form
from churn_assets.ml.metrics.campaign import reached
from churn_assets.ml.metrics.profit import profit_curve
from churn_assets.ml.review.campaign_blocks import assumptions, reached_grid
from churn_assets.reporting.blocks import (
    Aside,
    Bar,
    Beside,
    Block,
    Bullets,
    Card,
    Cards,
    Chapter,
    Code,
    Document,
    Grid,
    Notice,
    Part,
    Pictures,
    Strong,
    Text,
)
from churn_assets.reporting.html import html_page
from churn_assets.reporting.words import capitalised, spoken
from churn_assets.study.columns import FileColumn
from churn_assets.study.drivers import TIERS, Driver
from churn_assets.study.in_short import in_short
from churn_assets.study.leak_finding import LeakFinding
from churn_assets.study.method import method
from churn_assets.study.pictures import SHOWS, pictures
from churn_assets.study.study import Study
from churn_assets.study.subgroups import correlated, subgroups
from churn_assets.study.survival_chapter import survival_chapter
from churn_assets.study.thresholds import Subgroup, calibration_verdict, confusion_table

SHARES = (0.01, 0.05, 0.1, 0.2, 0.3)
DETAILED_DRIVERS = 8
CALIBRATED = {
    "none": "left as they are",
    "sigmoid": "fitted by a sigmoid",
    "isotonic": "fitted by isotonic steps",
}


def report(study: Study) -> str:
    """Returns the page as HTML."""
    return html_page(document(study), pictures(study))


def document(study: Study) -> Document:
    """Returns the report before it is rendered: for a retention manager first, for an analyst at the end."""
    chapters = [
        Chapter("Who leaves and why", _drivers(study)),
        Chapter("Whom to call", _contacts(study)),
        Chapter("What a campaign earns", _money(study)),
        *([] if study.survival is None else [survival_chapter(study.survival, study.prepared.unit)]),
        Chapter("How good it is", _quality(study)),
        Chapter("Do the risks come true", _calibration(study)),
        Chapter("Leaks and warnings", _leaks(study)),
        Chapter("The columns", _columns(study)),
        Chapter("How it was done", [Bullets(method(study))]),
    ]
    return Document(
        title=f"Churn study of {study.prepared.request.file.name}",
        under=f"{study.prepared.file.words()}. {study.prepared.target.words()}.",
        chapters=chapters,
        lead=[_cards(study), *_first(study), Bullets(in_short(study))],
    )


def _first(study: Study) -> list[Block]:
    """What may make all figures wrong, and what was left out, before the first figure is read."""
    told: list[Block] = [
        _notice(finding, study.prepared.request.keep) for finding in study.findings if finding.first
    ]
    leaks = [f.column for f in study.findings if f.kind == "leak" and f.column in study.prepared.left_out]
    if leaks:
        names = ", ".join(str(name) for name in leaks)
        have = form(len(leaks), "It was", "They were")
        told.append(Notice(f"{names} may reveal the outcome. {have} left out; see Leaks and warnings."))
    return told


def _cards(study: Study) -> Cards:
    best, metrics, money = study.evaluation.best, study.evaluation.best.metrics, study.money
    leaks = sum(finding.kind == "leak" for finding in study.findings)
    rate = float(study.evaluation.labels.mean())
    return Cards(
        [
            Card(f"{rate:.1%}", f"churn among {study.judged()}"),
            Card(
                f"{metrics.lift_top_decile or 0:.1f} x",
                "as many churners in the riskiest tenth as in a random tenth",
            ),
            Card(
                f"{money.profit:,.2f}",
                f"expected maximum profit per customer, contacting {money.fraction:.0%}",
            ),
            Card(
                f"{best.mean.auc:.3f}",
                f"ROC-AUC ({best.mean.low:.3f} to {best.mean.high:.3f}), {spoken(best.name)}",
            ),
            Card(f"{metrics.brier or 0:.4f}", f"Brier score; the churn rate alone has {rate * (1 - rate):.4f}"),
            Card(str(leaks), f"column{'' if leaks == 1 else 's'} that look{'s' if leaks == 1 else ''} like a leak"),
        ]
    )  # fmt: skip


def _quality(study: Study) -> list[Block]:
    evaluation = study.evaluation
    inside, shuffled = evaluation.chosen_inside, evaluation.shuffled
    rows = [
        (
            spoken(found.name) + (" (chosen)" if found.name == evaluation.chosen else ""),
            f"{found.mean.auc:.4f}",
            f"{found.mean.low:.4f} to {found.mean.high:.4f}",
            f"{found.metrics.pr_auc:.3f}",
            f"{found.metrics.brier:.4f}",
            f"{found.metrics.log_loss:.4f}",
            f"{found.metrics.lift_top_decile:.2f}",
        )
        for found in evaluation.contenders
    ]
    marked = [at for at, found in enumerate(evaluation.contenders) if found.name == evaluation.chosen]
    head = ("model", "ROC-AUC", "95 % interval", "average precision", "Brier", "log loss", "lift, top tenth")
    return [
        (Strong(f"{capitalised(evaluation.why)}."),),
        Grid(head, rows, marked=marked),
        (
            "ROC-AUC is the probability that a customer who left was ranked above one who stayed. If every fold "
            "chooses its model by itself, without the rows that it is judged on, the mean is "
            f"{inside.auc:.4f} ({inside.low:.4f} to {inside.high:.4f}). On shuffled labels it is {shuffled.auc:.3f} "
            f"({shuffled.low:.3f} to {shuffled.high:.3f}); it should be near 0.5."
        ),
        _pictures("contenders", "roc"),
        "Kinds of customers. Predicted is the mean probability; it should lie in the interval of those who left:",
        Grid(
            ("", "value", study.prepared.unit, "left", "95 %", "predicted", "ROC-AUC", ""),
            [
                (
                    g.feature,
                    g.value,
                    f"{g.rows:,}",
                    f"{g.churn:.1%}",
                    f"{g.low:.1%} to {g.high:.1%}",
                    f"{g.predicted:.1%}",
                    "too few" if g.auc is None else f"{g.auc:.3f}",
                    g.verdict,
                )
                for g in _groups(study)
            ],
            "llrrrrrl",
        ),
    ]


def _groups(study: Study) -> list[Subgroup]:
    judged = study.prepared.modelled.iloc[study.evaluation.judged].reset_index(drop=True)
    return subgroups(judged, study.evaluation.labels, study.evaluation.best.probability, study.drivers)


def _leaks(study: Study) -> list[Block]:
    if not study.findings:
        return ["None found: no column reveals the outcome, and no rows depend on each other."]
    kept = study.prepared.request.keep
    return [_notice(found, kept) for found in sorted(study.findings, key=lambda found: found.kind)]


def _notice(finding: LeakFinding, kept: Iterable[str]) -> Notice:
    severe = finding.kind == "leak"
    said: Text = (Strong(f"{capitalised(finding.kind)}: "), finding.words)
    if severe and finding.column is not None:
        keep = Code(f"--keep {quote(finding.column)}")
        said = (
            (*said, " ", Strong("Kept"), ", as asked by ", keep, ".")
            if finding.column in kept
            else (*said, " ", Strong("Left out."), " If it is known before the customer leaves: ", keep, ".")
        )
    return Notice(said, severe)


def _drivers(study: Study) -> list[Block]:
    return [
        "What the model says of each of the strongest features, all others unchanged:",
        Bullets([capitalised(effect.sentence()) for effect in study.effects]),
        _pictures("effects", wide=True),
        Aside(
            "Mean probability if every customer had this value and all else stayed the same; the dashed line is the "
            "average. It describes the model and proves no cause."
        ),
        (
            "What the customers with each value did, by plain counts. A count can point the other way than the effect "
            "above: customers with a high value of one feature also differ in others."
        ),
        Beside([_driver(driver, study.prepared.unit) for driver in study.drivers[:DETAILED_DRIVERS]]),
        "How much each feature moves the score of a single customer:",
        _pictures("drivers"),
    ]


def _driver(driver: Driver, unit: str) -> Part:
    rows = [
        (level.said, f"{level.rows:,}", Bar(level.churn, f"{level.churn:.1%}")) for level in driver.levels
    ]
    sentence = driver.sentence()
    said: list[Block] = [f"{capitalised(sentence)}."] if sentence else []
    table = Grid(("value", unit, "left"), rows, "lrl")
    return Part(driver.words, f"{driver.share:.0%} of what moves the scores", [*said, table])


def _calibration(study: Study) -> list[Block]:
    best, fitted = study.evaluation.best, CALIBRATED[study.model.calibration.method]
    slope = best.metrics.calibration_slope or 0.0
    return [
        (Strong(calibration_verdict(study.evaluation.labels, best.probability, slope)),),
        (
            f"The probabilities were {fitted}, on predictions for {study.prepared.unit} that the model had not seen. "
            f"Slope {slope:.2f} (1 is right, below 1 too extreme), intercept {best.metrics.calibration_intercept:+.2f} "
            "(0 is right, below 0 too high)."
        ),
        _pictures("calibration"),
    ]


def _contacts(study: Study) -> list[Block]:
    evaluation, unit = study.evaluation, study.prepared.unit
    keys = study.prepared.modelled_keys.iloc[evaluation.judged]
    found = reached(evaluation.labels, evaluation.best.log_odds, keys, SHARES)
    return [
        (
            "These have not left. ",
            Code("active.csv"),
            " lists them, riskiest first, each with up to three reasons.",
        ),
        _active(study),
        (
            "Risk: the riskiest tenth is high, the next fifth is elevated. Of the rest, low is at most half of the "
            "average churn, and medium is more. The main driver is the feature that raises the risk most."
        ),
        Grid(
            ("risk", "main driver", unit, "left", "predicted"),
            [
                (s.tier, s.driver, f"{s.rows:,}", f"{s.churn:.1%}", f"{s.probability:.1%}")
                for s in study.segments
            ],
            "llrrr",
        ),
        _pictures("segments"),
        "How many of those who leave a call list reaches:",
        reached_grid(found),
        _pictures("lift", "precision_recall"),
        *_thresholds(study),
    ]


def _active(study: Study) -> Grid:
    active = study.scored[(study.scored["outcome"] != "left") & study.scored["probability"].notna()]
    rows = []
    for tier in TIERS:
        of_tier = active[active["risk"] == tier]
        if len(of_tier):
            p = of_tier["probability"]
            rows.append((tier, f"{len(of_tier):,}", f"{p.mean():.1%}", f"{p.min():.1%} to {p.max():.1%}"))
    return Grid(("risk", f"active {study.prepared.unit}", "mean probability", "from, to"), rows)


def _thresholds(study: Study) -> list[Block]:
    break_even = round(study.prepared.economics.break_even, 4)
    table = confusion_table(study.evaluation.labels, study.evaluation.best.probability, break_even)
    rows = [
        (
            f"{c.threshold:.0%}" if c.threshold != break_even else f"{c.threshold:.1%}, where a contact pays",
            f"{c.contacted:,}",
            f"{c.hits:,}",
            f"{c.wasted:,}",
            f"{c.missed:,}",
            f"{c.spared:,}",
            f"{c.hits / c.contacted:.1%}",
            f"{c.hits / max(c.hits + c.missed, 1):.1%}",
        )
        for c in table
    ]
    head = (
        "contact from",
        "contacted",
        "of them left",
        "of them stayed",
        "missed",
        "rightly spared",
        "precision",
        "recall",
    )
    marked = [at for at, c in enumerate(table) if c.threshold == break_even]
    return ["What happens if everybody from a probability on is contacted:", Grid(head, rows, marked=marked)]


def _money(study: Study) -> list[Block]:
    economics = study.prepared.economics
    curve = profit_curve(study.evaluation.labels, study.evaluation.best.log_odds, economics)
    best = curve.best
    return [
        assumptions(economics, "the options" if study.prepared.request.economics else None),
        (
            "Averaged over the unknown rate of acceptance, the expected maximum profit (EMPC) is ",
            Strong(f"{study.money.profit:.4f} per customer"),
            f", contacting {study.money.fraction:.1%}.",
        ),
        (
            f"At the average rate of acceptance the best campaign contacts {curve.share[best]:.1%} and earns "
            f"{curve.profit[best]:.2f} per customer. Contacting everybody earns {curve.profit[-1]:.2f}."
        ),
        _pictures("money"),
    ]


def _columns(study: Study) -> list[Block]:
    rows = [
        (
            column.name,
            column.kind,
            f"{column.distinct:,}",
            f"{column.missing / len(study.prepared.frame):.1%}" if column.missing else "",
            _remarks(column, study.prepared.left_out.get(column.name)),
            column.example if column.kind not in ("id", "text") else "",
        )
        for column in study.prepared.columns
    ]
    pairs = correlated(study.prepared.modelled, list(study.prepared.modelled.columns))
    together: list[Block] = [
        "These numbers rise and fall together (rank correlation), so their effects cannot be told apart well:",
        Grid(("column", "goes with", "correlation"), [(a, b, f"{r:+.2f}") for a, b, r in pairs], "llr"),
    ]
    return [
        "The strongest features, of those who stayed (blue) and of those who left (orange):",
        _pictures("distributions", wide=True),
        *(together if pairs else ["No two numbers have a rank correlation of 0.8 or more."]),
        Grid(("column", "read as", "values", "missing", "remarks", "for example"), rows, "llrrll"),
    ]


def _remarks(column: FileColumn, left_out: str | None) -> str:
    return "; ".join([*([f"left out: {left_out}"] if left_out else []), *column.notes])


def _pictures(*names: str, wide: bool = False) -> Pictures:
    return Pictures({name: SHOWS[name] for name in names}, wide)
