"""The model: what its realised figures say, what its training promised, and why it is in charge."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd

from churn_assets.app.store import ReleaseStore

MEASURED = "ok"  # status of a month that gives figures
WAITING = "immature"
WHY_NO_FIGURES = {
    WAITING: "its outcomes are not known yet",
    "feed incomplete": "deliveries of its outcomes are missing",
    "too few positives": "too few of its customers left",
    "one class": "all of its customers did the same",
}
PERFORMANCE = "model_performance"
CALIBRATION = "calibration"
CARD_PAGE = "model_card.html"
FAIRNESS, DAYS_OF_MONTH = "Fairness", "Days of the month"  # chapters of the model card


def due(store: ReleaseStore, day: date) -> date:
    """The first day on which the outcomes of a scored day can be known."""
    windows = store.business["windows"]
    return day + timedelta(days=windows["gap_days"] + windows["outcome_days"] + windows["settlement_days"])


def outcome_days(store: ReleaseStore, day: date) -> tuple[date, date]:
    """First and last day on which a customer of that scored day counts as leaving."""
    gap, length = store.business["windows"]["gap_days"], store.business["windows"]["outcome_days"]
    return day + timedelta(days=gap + 1), day + timedelta(days=gap + length)


def performance(store: ReleaseStore) -> pd.DataFrame:
    """One row per scored day and model, ascending: model_performance with what the training of that model promised.

    `promised`, `promised_low` and `promised_high` are its ROC-AUC on the test cohort; null without its training.
    """
    promised = "SELECT model_version, auc AS promised, auc_low AS promised_low, auc_high AS promised_high"
    trained = f"{promised} FROM training_runs" if store.has("training_runs") else f"{_nothing()}"
    return store.frame(
        f"""
        SELECT p.*, t.promised, t.promised_low, t.promised_high
        FROM model_performance p LEFT JOIN ({trained}) t USING (model_version) ORDER BY as_of_date, model_version
        """
    )


def tenths(store: ReleaseStore, day: date, version: str) -> pd.DataFrame:
    """The tenths of a judged day and model, the riskiest first: the columns of `calibration`, and `fits`.

    `fits` says whether the predicted mean lies within the interval of the observed share.
    """
    return store.frame(
        """
        SELECT *, predicted BETWEEN low AND high AS fits FROM calibration
        WHERE as_of_date = ? AND model_version = ? ORDER BY tenth
        """,
        [day, version],
    )


def _nothing() -> str:
    nulls = ", ".join(f"NULL::DOUBLE AS {name}" for name in ("promised", "promised_low", "promised_high"))
    return f"SELECT NULL::VARCHAR AS model_version, {nulls} WHERE false"


def training(store: ReleaseStore, version: str) -> dict[str, Any] | None:
    """The row of training_runs of a model; None where the release does not hold it."""
    if not store.has("training_runs"):
        return None
    rows = store.rows(
        "SELECT * FROM training_runs WHERE model_version = ? ORDER BY trained_at DESC LIMIT 1", [version]
    )
    return rows[0] if rows else None


def champions(store: ReleaseStore) -> pd.DataFrame:
    """One row per decision about who is in charge, the newest first."""
    return store.frame("SELECT * FROM champions ORDER BY decided_at DESC")


def drift(store: ReleaseStore, day: date) -> pd.DataFrame:
    """What differs from the training on a scored day, the most different first: the columns of drift, and `words`."""
    found = store.frame(
        """
        SELECT kind, feature, status, n, psi, p_value, missing_rate, reference_missing_rate, value, reference_value
        FROM drift WHERE as_of_date = ?
        ORDER BY list_position(['shift', 'moderate', 'stable'], status), psi DESC NULLS LAST, feature
        """,
        [day],
    )
    words = {feature.name: feature.words for feature in store.release.features}
    told = found["feature"].map(lambda name: words.get(name, str(name).replace("_", " ")))
    return found.assign(words=told)


def drift_days(store: ReleaseStore) -> pd.DataFrame:
    """One row per scored day: day, features (compared), moved (moderate or shift), shifted, score (status)."""
    return store.frame(
        """
        SELECT as_of_date AS day, count(*) FILTER (kind = 'feature') AS features,
            count(*) FILTER (kind = 'feature' AND status <> 'stable') AS moved,
            count(*) FILTER (kind = 'feature' AND status = 'shift') AS shifted,
            max(status) FILTER (kind = 'score' AND feature = 'probability') AS score
        FROM drift GROUP BY as_of_date ORDER BY as_of_date
        """
    )


@dataclass(frozen=True)
class ModelEvidence:
    """What is known about the model that gave the scores in force.

    Attributes:
        verdict: `good`, `look`, `bad`, or `unknown` where nothing can be measured yet.
        sentence: the answer to "can I trust this model?" with its figures, in plain words.
    """

    verdict: str
    sentence: str


def evidence(store: ReleaseStore, tell_day: Callable[[date], str]) -> ModelEvidence:
    """Whether the model in force can be trusted, by the newest month whose outcomes are known.

    Good: its interval reaches what the test promised. Look: the whole interval lies below. Bad: the interval holds
    0.5, so chance would do as well. Without an interval nothing is certain.

    Args:
        store: the release.
        tell_day: writes a date for the reader.
    """
    version = store.manifest.about.model_version
    test = training(store, version)
    if not store.has(PERFORMANCE):
        return ModelEvidence(
            "unknown",
            f"Nobody has measured the model: {store.why_absent(PERFORMANCE)}.{_test(test, tell_day)}",
        )
    rows = [row for row in _records(performance(store)) if row["model_version"] == version]
    measured = [row for row in rows if row["status"] == MEASURED and row["auc"] is not None]
    if not measured:
        return ModelEvidence("unknown", f"{_not_yet(store, rows, tell_day)}{_test(test, tell_day)}")
    newest = measured[-1]
    day = tell_day(newest["as_of_date"].date())
    found = (
        f"For the customers of {day}, the newest whose outcomes are known, the model ranked {_pairs(newest['auc'])} of "
        f"100 pairs of a leaver and a stayer rightly (95 % interval {_pairs(newest['auc_low'])} to "
        f"{_pairs(newest['auc_high'])}). Chance ranks 50 rightly"
    )
    promised = newest["promised"]
    found += f"; its test promised {_pairs(promised)}." if promised is not None else "."
    if newest["auc_low"] is None or newest["auc_high"] is None:
        return ModelEvidence("unknown", f"Not certain. {found} Without an interval it may be chance.")
    if newest["auc_low"] <= 0.5:
        return ModelEvidence("bad", f"No. {found} So it may be no better than chance.")
    if promised is not None and newest["auc_high"] < promised:
        return ModelEvidence("look", f"With care. {found} It has become weaker, by more than chance.")
    return ModelEvidence("good", f"Yes. {found}")


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dictionaries; what is not known is None."""
    return [
        {str(name): None if pd.isna(value) else value for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


def _not_yet(store: ReleaseStore, rows: list[dict[str, Any]], tell_day: Callable[[date], str]) -> str:
    """Why no month of the model gives a figure, and when the first one can."""
    waiting = [row["as_of_date"].date() for row in rows if row["status"] == WAITING]
    if waiting:
        first = waiting[0]
        return (
            f"Not yet measurable. What became of the customers of {tell_day(first)} is known on "
            f"{tell_day(due(store, first))} at the earliest."
        )
    if rows:
        why = WHY_NO_FIGURES.get(str(rows[-1]["status"]), str(rows[-1]["status"]))
        return f"Not measurable. Of {tell_day(rows[-1]['as_of_date'].date())} there is no figure: {why}."
    return "Not yet measurable. No month that this model scored has been looked at."


def _test(test: dict[str, Any] | None, tell_day: Callable[[date], str]) -> str:
    """What the test at the training found."""
    if test is None or test["auc"] is None:
        return " The release holds no result of a test at its training."
    return (
        f" In the test at its training, on customers of {tell_day(test['test_as_of_date'])} that it had not seen, it "
        f"ranked {_pairs(test['auc'])} of 100 pairs rightly (95 % interval {_pairs(test['auc_low'])} to "
        f"{_pairs(test['auc_high'])})."
    )


def _pairs(auc: float | None) -> str:
    """An AUC as pairs of 100."""
    return "an unknown number" if auc is None else f"{100 * auc:.0f}"


def chapter(card: str, title: str) -> str | None:
    """A chapter of the model card, without its heading and pictures; None where the card has none of that title."""
    _, found, rest = f"\n{card}".partition(f"\n## {title}\n")
    return for_reading(rest.partition("\n## ")[0]).strip() if found else None


def for_reading(card: str) -> str:
    """The card inside a page: smaller headings, and no lines that show a picture, which only the HTML card holds."""
    lines = [f"##{line}" if line.startswith("#") else line for line in card.splitlines()]
    return "\n".join(line for line in lines if not line.startswith("!["))


def card_page(store: ReleaseStore) -> bytes | None:
    """The model card with its pictures, as one HTML file; None where the training left none."""
    return (store.release.folder / CARD_PAGE).read_bytes() if CARD_PAGE in store.manifest.files else None
