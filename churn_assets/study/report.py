"""The report of a study: one HTML page with figures of groups only and no row of the file."""

from collections.abc import Iterable
from shlex import quote

from churn_assets.ml.metrics.campaign import reached
from churn_assets.ml.metrics.profit import profit_curve
from churn_assets.ml.review.campaign_blocks import assumptions, reached_grid
from churn_assets.reporting.blocks import (
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
from churn_assets.study.drivers import Driver
from churn_assets.study.leak_finding import LeakFinding
from churn_assets.study.method import method
from churn_assets.study.pictures import SHOWS, pictures
from churn_assets.study.study import Study

SHARES = (0.01, 0.05, 0.1, 0.2, 0.3)
DETAILED_DRIVERS = 8
CALIBRATED = {
    "none": "left as they are",
    "sigmoid": "fitted by a sigmoid",
    "isotonic": "fitted by isotonic steps",
}


def report(study: Study) -> str:
    """Returns the page as HTML."""
    economics = study.prepared.economics
    return html_page(
        document(study), pictures(study.evaluation, study.drivers, study.segments, economics, study.judged())
    )


def document(study: Study) -> Document:
    """Returns the report before it is rendered."""
    chapters = [
        Chapter("How good it is", _quality(study)),
        Chapter("Leaks and warnings", _leaks(study)),
        Chapter("What drives churn", _drivers(study)),
        Chapter("Do the risks come true", _calibration(study)),
        Chapter("Whom to contact", _contacts(study)),
        Chapter("What a campaign earns", _money(study)),
        Chapter("Segments", _segments(study)),
        Chapter("The columns", [_columns(study)]),
        Chapter("How it was done", [Bullets(method(study))]),
    ]
    return Document(
        title=f"Churn study of {study.prepared.request.file.name}",
        under=f"{study.prepared.file.words()}. {study.prepared.target.words()}.",
        chapters=chapters,
        lead=[_cards(study)],
    )


def _cards(study: Study) -> Cards:
    best, metrics, money = study.evaluation.best, study.evaluation.best.metrics, study.money
    leaks = sum(finding.kind == "leak" for finding in study.findings)
    rate = float(study.evaluation.labels.mean())
    return Cards(
        [
            Card(
                f"{best.mean.auc:.3f}",
                f"ROC-AUC ({best.mean.low:.3f} to {best.mean.high:.3f}), {spoken(best.name)}",
            ),
            Card(f"{rate:.1%}", f"churn among {study.judged()}"),
            Card(
                f"{metrics.lift_top_decile or 0:.1f} x",
                "as many churners in the riskiest tenth as in a random tenth",
            ),
            Card(f"{metrics.brier or 0:.4f}", f"Brier score; the churn rate alone has {rate * (1 - rate):.4f}"),
            Card(
                f"{money.profit:,.2f}",
                f"expected maximum profit per customer, contacting {money.fraction:.0%}",
            ),
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
    ]


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
        (
            "How much a feature moves the score of a single customer, all other features unchanged. The tables are "
            "plain counts: a feature can go with churn and still move no score, because another feature says the same. "
            "Neither proves a cause."
        ),
        _pictures("drivers"),
        Beside([_driver(driver) for driver in study.drivers[:DETAILED_DRIVERS]]),
    ]


def _driver(driver: Driver) -> Part:
    rows = [
        (level.said, f"{level.rows:,}", Bar(level.churn, f"{level.churn:.1%}")) for level in driver.levels
    ]
    sentence = driver.sentence()
    said: list[Block] = [f"{capitalised(sentence)}."] if sentence else []
    table = Grid(("value", "customers", "left"), rows, "lrl")
    return Part(driver.words, f"{driver.share:.0%} of what moves the scores", [*said, table])


def _calibration(study: Study) -> list[Block]:
    metrics, fitted = study.evaluation.best.metrics, CALIBRATED[study.model.calibration.method]
    return [
        (
            f"The probabilities were {fitted}, on predictions for customers that the model had not seen. Slope "
            f"{metrics.calibration_slope:.2f} (1 is right, below 1 too extreme), intercept "
            f"{metrics.calibration_intercept:+.2f} (0 is right, below 0 too high)."
        ),
        _pictures("calibration"),
    ]


def _contacts(study: Study) -> list[Block]:
    evaluation = study.evaluation
    keys = study.prepared.modelled_keys.iloc[evaluation.judged]
    found = reached(evaluation.labels, evaluation.best.log_odds, keys, SHARES)
    return [reached_grid(found), _pictures("lift", "precision_recall")]


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


def _segments(study: Study) -> list[Block]:
    rows = [
        (s.tier, s.driver, f"{s.rows:,}", f"{s.churn:.1%}", f"{s.probability:.1%}") for s in study.segments
    ]
    return [
        (
            "Risk by rank: the riskiest tenth is high, the next fifth is elevated. The main driver is the feature that "
            "raises a customer's risk most."
        ),
        Grid(("risk", "main driver", "customers", "left", "predicted"), rows, "llrrr"),
        _pictures("segments"),
    ]


def _columns(study: Study) -> Grid:
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
    return Grid(("column", "read as", "values", "missing", "remarks", "for example"), rows, "llrrll")


def _remarks(column: FileColumn, left_out: str | None) -> str:
    return "; ".join([*([f"left out: {left_out}"] if left_out else []), *column.notes])


def _pictures(*names: str) -> Pictures:
    return Pictures({name: SHOWS[name] for name in names})
