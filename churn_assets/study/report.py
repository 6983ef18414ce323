"""The report: one HTML file, pictures inside, no script and no address of another machine; it holds no row of data."""

from collections.abc import Iterator, Sequence
from html import escape
from shlex import quote

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.ml.metrics.classification import rank, share_of
from churn_assets.ml.metrics.profit import profit_curve
from churn_assets.reporting.documents import STYLE, capitalised, html_cards, html_table, spoken
from churn_assets.study.leaks import LeakFinding
from churn_assets.study.pictures import pictures
from churn_assets.study.preparation import MODEL_ROWS
from churn_assets.study.study import EXPLAINED_ROWS, Study

SECTIONS = {
    "figures": "How good it is",
    "leaks": "Leaks and warnings",
    "drivers": "What drives churn",
    "calibration": "Do the risks come true",
    "lift": "Whom to contact",
    "money": "What a campaign earns",
    "segments": "Segments",
    "columns": "The columns",
    "method": "How it was done",
}


def report(study: Study) -> str:
    """The whole page."""
    evaluation = study.evaluation
    drawn = pictures(evaluation, study.drivers, study.segments, study.prepared.request.economics)
    bodies = {
        "figures": _figures(study, drawn),
        "leaks": _leaks(study),
        "drivers": _drivers(study, drawn),
        "calibration": _calibration(study, drawn),
        "lift": _lift(study, drawn),
        "money": _money(study, drawn),
        "segments": _segments(study, drawn),
        "columns": _columns(study),
        "method": _method(study),
    }
    links = "".join(f'<a href="#{name}">{title}</a>' for name, title in SECTIONS.items())
    sections = "".join(
        f'<section id="{name}"><h2>{title}</h2>{bodies[name]}</section>' for name, title in SECTIONS.items()
    )
    title = f"Churn study of {escape(study.prepared.request.file.name)}"
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head><body><h1>{title}</h1>"
        f'<p class="faint">{escape(study.prepared.file.words())}. {escape(study.prepared.target.words())}.</p>'
        f"<nav>{links}</nav>{_cards(study)}{sections}</body></html>"
    )


def _cards(study: Study) -> str:
    best, metrics = study.evaluation.best, study.evaluation.best.metrics
    leaks = sum(finding.kind == "leak" for finding in study.findings)
    cards = [
        (
            f"{best.mean.auc:.3f}",
            f"ROC-AUC ({best.mean.low:.3f} to {best.mean.high:.3f}), {spoken(best.name)}",
        ),
        (_percent(metrics.base_rate), f"churn among {metrics.n:,} customers"),
        (f"{metrics.lift_top_decile or 0:.1f} x", "more churners than by chance in the riskiest tenth"),
        (f"{metrics.brier or 0:.4f}", f"Brier score; knowing only the rate: {_brier_of_rate(study):.4f}"),
        (
            f"{study.money.profit:,.2f}",
            f"expected maximum profit per customer, contacting {study.money.fraction:.0%}",
        ),
        (str(leaks), f"column{'' if leaks == 1 else 's'} that look{'s' if leaks == 1 else ''} like a leak"),
    ]
    return html_cards(cards)


def _brier_of_rate(study: Study) -> float:
    rate = float(study.evaluation.labels.mean())
    return rate * (1 - rate)


def _figures(study: Study, drawn: dict[str, str]) -> str:
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
    marked = [found.name == evaluation.chosen for found in evaluation.contenders]
    head = ("model", "ROC-AUC", "95 % interval", "average precision", "Brier", "log loss", "lift, top tenth")
    return (
        f"<p><b>{escape(capitalised(evaluation.why))}.</b></p>"
        + html_table(head, rows, marked)
        + "<p>ROC-AUC is the chance that a customer who left was ranked above one who stayed. "
        "When every fold makes the choice for itself, without seeing what it is judged on, the mean is "
        f"{inside.auc:.4f} "
        f"({inside.low:.4f} to {inside.high:.4f}). On shuffled labels it is {shuffled.auc:.3f} ({shuffled.low:.3f} to "
        f"{shuffled.high:.3f}), which must hold 0.5.</p>" + _images(drawn, "contenders", "roc")
    )


def _leaks(study: Study) -> str:
    if not study.findings:
        return "<p>None found: no column knows the outcome by itself, and no row knows another.</p>"
    kept = study.prepared.request.keep
    return "".join(_finding(finding, kept) for finding in sorted(study.findings, key=lambda f: f.kind))


def _finding(finding: LeakFinding, kept: Sequence[str]) -> str:
    said = escape(finding.words)
    if finding.kind == "leak" and finding.column is not None:
        was_kept = finding.column in kept
        said += (
            f" <b>Kept</b>, as asked by <code>--keep {escape(quote(finding.column))}</code>."
            if was_kept
            else " <b>Left out.</b> If it is known before the customer leaves: <code>--keep "
            f"{escape(quote(finding.column))}</code>."
        )
    return f'<div class="finding {finding.kind}">{said}</div>'


def _drivers(study: Study, drawn: dict[str, str]) -> str:
    blocks = []
    for driver in study.drivers[:8]:
        bars = "".join(
            f"<tr><td>{escape(level.said)}</td><td class=n>{level.rows:,}</td>"
            f'<td><span class="bar" style="width:{120 * level.churn:.0f}px"></span>{level.churn:.1%}</td></tr>'
            for level in driver.levels
        )
        sentence = escape(capitalised(driver.sentence()))
        blocks.append(
            f"<div><h3>{escape(driver.words)} <span class=faint>{driver.share:.0%} of what moves the scores</span></h3>"
            f"<p>{sentence}.</p><table><tr><th>value</th><th "
            f"class=n>customers</th><th>left</th></tr>{bars}</table></div>"
        )
    return (
        "<p>How much a feature moves the scores of single customers, other features being what they are. "
        "The tables beside "
        "it are plain counts: a feature may move no score because another one says the same. Neither is "
        "proof of a cause."
        f"</p>{_images(drawn, 'drivers')}<div class=pictures>{''.join(blocks)}</div>"
    )


def _calibration(study: Study, drawn: dict[str, str]) -> str:
    metrics, method = study.evaluation.best.metrics, study.model.calibration.method
    method = {
        "none": "left as they are",
        "sigmoid": "fitted by a sigmoid",
        "isotonic": "fitted by isotonic steps",
    }[method]
    return (
        f"<p>Probabilities were {method}, on predictions of customers that the model had not seen. Slope "
        f"{metrics.calibration_slope:.2f} (1 is right, below 1 too extreme), intercept "
        f"{metrics.calibration_intercept:+.2f} "
        f"(0 is right, below 0 too high).</p>{_images(drawn, 'calibration')}"
    )


def _lift(study: Study, drawn: dict[str, str]) -> str:
    evaluation = study.evaluation
    keys = study.prepared.modelled_keys.iloc[evaluation.judged]
    rows = [
        (
            f"riskiest {share:.0%}",
            f"{top.size:,}",
            f"{top.mean():.1%}",
            f"{top.sum() / evaluation.labels.sum():.1%}",
            f"{top.mean() / evaluation.labels.mean():.2f}",
        )
        for share, top in contacted(evaluation.labels, evaluation.best.log_odds, keys)
    ]
    head = ("contacted", "customers", "of them left", "of all churners", "lift")
    return html_table(head, rows) + _images(drawn, "lift", "precision_recall")


def contacted(
    labels: NDArray[np.float64], raw: NDArray[np.float64], keys: pd.Series
) -> Iterator[tuple[float, NDArray[np.float64]]]:
    """Shares of the customers and the labels of those, the riskiest first; ties by a hash of the key, not by place."""
    ranked = labels[rank(raw, keys)]
    for share in (0.01, 0.05, 0.1, 0.2, 0.3):
        yield share, ranked[: share_of(len(ranked), share)]


def _money(study: Study, drawn: dict[str, str]) -> str:
    economics = study.prepared.request.economics
    curve = profit_curve(study.evaluation.labels, study.evaluation.best.log_odds, economics)
    best = curve.best
    return (
        f"<p>Assumed: a customer who stays is worth {economics.lifetime_value:g}, an offer costs "
        f"{economics.offer:g}, a "
        f"contact {economics.contact:g}, and a churner takes the offer and stays with probability "
        f"{economics.acceptance:.0%} on average. These are the values of the literature, not yours: read "
        "the shape, not the "
        f"amount.</p><p>Averaged over what is unknown about acceptance, the expected maximum profit (EMPC) is "
        f"<b>{study.money.profit:.4f} per customer</b>, contacting {study.money.fraction:.1%}. At the "
        "average acceptance "
        f"the best campaign contacts {curve.share[best]:.1%} and earns {curve.profit[best]:.2f} per "
        "customer; a contact pays "
        f"from a churn probability of {economics.break_even:.1%} on. Contacting everybody earns "
        f"{curve.profit[-1]:.2f}.</p>" + _images(drawn, "money")
    )


def _segments(study: Study, drawn: dict[str, str]) -> str:
    rows = [
        (s.tier, s.driver, f"{s.rows:,}", f"{s.churn:.1%}", f"{s.probability:.1%}") for s in study.segments
    ]
    head = ("risk", "main driver", "customers", "left", "predicted")
    return (
        "<p>Risk by rank: the riskiest tenth is high, the next fifth elevated. The main driver is the "
        "feature that raises "
        f"a customer's risk most.</p>{html_table(head, rows, numbers_from=2)}{_images(drawn, 'segments')}"
    )


def _columns(study: Study) -> str:
    rows = [
        (
            column.name,
            column.kind,
            f"{column.distinct:,}",
            f"{column.missing / len(study.prepared.frame):.1%}" if column.missing else "",
            "; ".join(
                filter(
                    None,
                    [
                        study.prepared.left_out.get(column.name)
                        and f"left out: {study.prepared.left_out[column.name]}",
                        *column.notes,
                    ],
                )
            ),
            column.example if column.kind not in ("id", "text") else "",
        )
        for column in study.prepared.columns
    ]
    head = ("column", "read as", "values", "missing", "remarks", "for example")
    return html_table(head, rows, numbers_from=2, numbers_to=3)


def _method(study: Study) -> str:
    request, evaluation = study.prepared.request, study.evaluation
    how = (
        "by time: rows are judged by what was learned from earlier ones, cut at "
        f"{len(evaluation.best.mean.folds)} dates"
        if request.time
        else f"in {len(evaluation.best.mean.folds)} folds, stratified by outcome, shuffled with seed 42"
    )
    moment = (
        "Whether an outcome was already known when a later row was observed cannot be seen in one file."
        if request.time
        else "Without --time the figures say how well customers of one moment are told apart, which is more than a "
        "model achieves on next month's customers. A file made after the outcome can hide leaks that no program sees."
    )
    prepared = study.prepared
    lines = [
        (
            f"{len(prepared.frame):,} rows in the file, {prepared.target.known:,} with a known outcome, "
            f"{len(prepared.used):,} learned from (at most {MODEL_ROWS:,} are drawn, by whole customers), "
            f"{len(evaluation.judged):,} of them judged; drivers and segments from at most {EXPLAINED_ROWS:,}."
        ),
        (
            f"Judged {how}. Filling, encoding, stacking weights and calibration are fitted inside each fold's "
            "learning rows."
        ),
        (
            "Contenders: ridge logistic regression; the same with numbers that may bend at eight quantiles (additive "
            "regression); histogram gradient boosting; their equal mixture (soft voting); a mixture with "
            "weights fitted "
            "on out-of-fold predictions (stacking). Nothing was tuned on this file, and no rows were resampled."
        ),
        (
            "The interval of a mean is from DeLong's variance within folds. The scored file gives the out-of-fold "
            "probability where a row was judged, and the final model's elsewhere."
        ),
        moment,
    ]
    if prepared.rows.groups is not None:
        lines.append(
            "Intervals take the rows of one customer or group together; the choice of the model does not."
        )
    if study.model.weights:
        weights = ", ".join(f"{spoken(name)} {weight:.2f}" for name, weight in study.model.weights.items())
        lines.append(f"Weights of the final mixture: {weights}.")
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _images(drawn: dict[str, str], *names: str) -> str:
    shown = "".join(f'<img src="{drawn[name]}" alt="{escape(spoken(name))}">' for name in names)
    return f'<div class="pictures">{shown}</div>'


def _percent(value: float | None) -> str:
    return f"{value or 0:.1%}"
