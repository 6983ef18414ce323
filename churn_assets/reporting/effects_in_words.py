"""What is known of the effect of an offer by customer, in words for people who do not read statistics."""

from collections.abc import Mapping, Sequence
from typing import Any

ONE_FOR_ALL = "The plan counts with the same share of prevented churn for everybody"
WOKEN, KIND = "woken up", "kind"
FEW = 0.02  # effects below are told of 1,000 customers, others of 100


def uplift_in_words(row: Mapping[str, Any]) -> str:
    """Whether the plan tells customers apart by what an offer changes for them, and why not, as a sentence.

    Args:
        row: of retention/offer_uplift.
    """
    if row["used"]:
        return (
            "The plan counts with an effect for each customer: later contacts showed that it tells better whom the "
            "offer helps than the risk alone."
        )
    if row["learner"] is None:
        why = row["told"].removeprefix("constant effect: ").rstrip(".")
        return f"{ONE_FOR_ALL}, since nothing can be learned by customer: {why[:1].lower()}{why[1:]}."
    seen = f"{row['contacts'] + row['controls']:,} contacts and controls"
    if row.get("trust") == 0:
        return f"{ONE_FOR_ALL}: {seen} show no difference between customers that holds for other customers."
    needed = row["contacts_needed"]
    if needed is None or needed <= row["judged_contacts"]:
        return f"{ONE_FOR_ALL}: {seen} do not show that an effect by customer would be better."
    return f"{ONE_FOR_ALL}: whom the offer helps more is not shown yet. About {needed:,} later contacts would show it."


def woken_in_words(groups: Sequence[Mapping[str, Any]]) -> str | None:
    """How many customers the offer was expected to drive away, and what came, as a sentence; None where nobody was.

    Args:
        groups: rows of retention/effect_groups of one offer.
    """
    kinds = [row for row in groups if row["grouping"] == KIND]
    total = sum(row["contacts"] + row["controls"] for row in kinds)
    woken = next((row for row in kinds if row["group_value"] == WOKEN), None)
    if woken is None or not total:
        return None
    share = (woken["contacts"] + woken["controls"]) / total
    seen = "so it is not known whether it did"
    if woken["seen"] is None:
        seen = "of whom too few left to say whether it did"
    elif woken["seen_high"] < 0:
        seen = f"and it did: {-100 * woken['seen']:.1f} points more of them left than without it"
    elif woken["seen_low"] > 0:
        seen = "but it kept some of them"
    return f"It was expected to drive {share:.0%} of the customers away, {seen}."


def prevented_in_words(prevented: float, low: float, high: float) -> str:
    """Of 100 customers who would leave: how many an offer keeps or drives away, and the interval, as a clause.

    Args:
        prevented: share of the churn that the offer prevents; below 0 it adds churn.
        low, high: its 95 % interval.
    """
    value, least, most = (round(100 * share) for share in (prevented, low, high))
    if least < 0 < most:
        between = f"between {-least} driven away and {most} kept"
    else:
        ends = sorted((abs(least), abs(most)))
        between = f"{ends[0]} to {ends[1]}"
    if not value:
        return f"change nothing ({between})"
    return f"{'keep' if value > 0 else 'drive away'} {abs(value)} ({between})"


def effect_in_words(effect: float | None) -> str | None:
    """What an offer is expected to change for a customer, as a clause; None where it is not known.

    Args:
        effect: expected fall of the churn probability.
    """
    if effect is None:
        return None
    of = 100 if abs(effect) >= FEW else 1_000
    count = f"{abs(effect) * of:.0f}"
    if count == "0":
        return "expected to change nothing"
    does = "keep" if effect > 0 else "drive away"
    return f"expected to {does} {count} of {of:,} customers like this one"
