"""The quality of rules for people: as cells of a table, and as a sentence."""

from churn_assets.counts import counted
from churn_assets.ml.metrics.rule_quality import RuleQuality

QUALITY_HEAD = ("rule", "told", "suppressed", "acknowledged", "outcome known", "left", "precision", "lift")


def quality_cells(one: RuleQuality) -> tuple[str, ...]:
    """One row under QUALITY_HEAD; what is not known yet says so."""
    precision = "not known yet"
    if one.precision is not None and one.interval is not None:
        low, high = one.interval
        precision = f"{one.precision:.0%} ({low:.0%} to {high:.0%})"
    lift = "not known yet" if one.lift is None else f"{one.lift:.1f}"
    counts = (one.told, one.suppressed, one.acknowledged, one.known, one.left)
    return (one.rule, *(f"{count:,}" for count in counts), precision, lift)


def quality_sentence(one: RuleQuality) -> str:
    """What a rule has brought, such as `rose_sharply: 12 alerts told, 3 suppressed. ...`."""
    told = f"{one.rule}: {counted(one.told, 'alert')} told, {one.suppressed:,} suppressed."
    if one.precision is None or one.interval is None:
        return f"{told} What became of the customers is not known yet."
    low, high = one.interval
    share = f"{one.precision:.0%} ({low:.0%} to {high:.0%})"
    found = f"{told} Of {one.known:,} whose outcome is known {one.left:,} left: {share}"
    if one.lift is None or one.base_rate is None:
        return f"{found}."
    return f"{found}, {one.lift:.1f} times as many as of all customers ({one.base_rate:.1%})."
