"""The chapter of the report about when customers leave."""

from churn_assets.counts import counted
from churn_assets.reporting.blocks import Aside, Block, Chapter, Grid, Notice, Pictures, Strong
from churn_assets.study.survival import GroupCurve, Hazards, NoCurve, SurvivalView

TITLE = "When they leave"


def survival_chapter(view: SurvivalView | NoCurve, unit: str) -> Chapter:
    """Returns the chapter.

    Args:
        unit: what a row is, see `Prepared.unit`.
    """
    if isinstance(view, NoCurve):
        return Chapter(TITLE, [view.why])
    everybody, name = view.curves[0], view.tenure.unit
    assumed = " (--tenure-unit names another unit)" if view.tenure.is_unit_assumed else ""
    known: list[Block] = [
        (Strong(_in_short(everybody, view)),),
        Notice(
            f"{view.tenure.name} is read as the {name}{assumed} from the day a customer came until the customer left "
            "or the file was made. The curves are right if the file holds everybody who ever came, or a random part of "
            "them. If it holds only those who left lately, customers leave earlier than shown."
        ),
        Pictures({"retention": "Share of customers still there by tenure"}, wide=True),
        Aside(
            "Kaplan-Meier curves with 95 % intervals. Customers count for the group in the file, from their first day "
            "on. A group that they enter only after some time, such as a long contract, looks more loyal than it is."
        ),
        "Share still there after some time, with its 95 % interval:",
        _shares(view, unit),
    ]
    hazards = view.hazards
    told = [hazards.why] if isinstance(hazards, NoCurve) else _stay(hazards, view, unit)
    return Chapter(TITLE, [*known, *told])


def _in_short(curve: GroupCurve, view: SurvivalView) -> str:
    shares = [
        f"{_share(found)} after {mark:g} {view.tenure.unit}"
        for mark in _marks(view)
        if (found := curve.after(mark))
    ]
    half = curve.half_gone()
    gone = (
        f"Half are gone after {half:g} {view.tenure.unit}."
        if half is not None
        else f"More than half stay longer than {curve.ages[-1]:g} {view.tenure.unit}; the file shows no more."
    )
    return f"Of all who came, these are still there: {', '.join(shares)}. {gone}"


def _share(found: tuple[float, float, float]) -> str:
    share, low, high = (100 * value for value in found)
    return f"{share:.1f}% ({low:.1f} to {high:.1f})"


def _marks(view: SurvivalView) -> list[float]:
    """Returns the tenures at which shares are told: one, two and four years, or the end of a shorter curve."""
    end = float(view.curves[0].ages[-1])
    return [mark for mark in (view.tenure.year * years for years in (1.0, 2.0, 4.0)) if mark <= end] or [end]


def _shares(view: SurvivalView, unit: str) -> Grid:
    marks = _marks(view)
    rows = []
    for curve in view.curves:
        shares = [curve.after(mark) for mark in marks]
        half = curve.half_gone()
        rows.append(
            (
                curve.grouping or "all",
                curve.group,
                f"{curve.customers:,}",
                f"{curve.left:,}",
                *("" if share is None else _share(share) for share in shares),
                f"over {curve.ages[-1]:g}" if half is None else f"{half:g}",
            )
        )
    heads = [f"{mark:g} {view.tenure.unit}" for mark in marks]
    return Grid(("", "value", unit, "left", *heads, "half are gone"), rows, "llrr" + "r" * (len(marks) + 1))


def _stay(hazards: Hazards, view: SurvivalView, unit: str) -> list[Block]:
    found, name = hazards.judgement, view.tenure.unit
    told: list[Block] = [
        (
            f"A model of the other features tells who leaves sooner. It was judged out of fold on {found.customers:,} "
            f"{unit}, {found.left:,} of whom left within {hazards.until:g} {name}. Of two of them, the one expected to "
            f"stay shorter leaves first in {found.concordance:.0%} of the cases ({found.concordance_low:.0%} to "
            f"{found.concordance_high:.0%}; 50 % is chance). Its integrated Brier score is {found.brier:.4f}, that of "
            f"the curve of all {found.baseline:.4f}; less is better."
        )
    ]
    if hazards.running:
        told.append(Aside(f"Not used, because they grow with the tenure: {', '.join(hazards.running)}."))
    if not found.is_better:
        told.append(
            "This is not better than the curve beyond chance. So nothing is said about single customers."
        )
        return told
    told += [
        f"How many of the next {hazards.horizon:g} {name} active customers are expected to stay:",
        Grid(
            ("", "value", f"active {unit}", f"expected {name}", "middle 80 % of them"),
            [
                (
                    group.grouping or "all",
                    group.group,
                    f"{group.customers:,}",
                    f"{group.mean:.1f}",
                    f"{group.low:.1f} to {group.high:.1f}",
                )
                for group in hazards.groups
            ],
            "llrrr",
        ),
        Aside(
            f"scored.csv has expected_{name} of each active customer with the 95 % interval of this mean. The model "
            "takes features as they are in the file for the whole time of a customer."
            + _beyond(hazards, name)
        ),
    ]
    return told


def _beyond(hazards: Hazards, unit: str) -> str:
    if not hazards.beyond:
        return ""
    active = counted(hazards.beyond, "active customer has", "active customers have")
    return (
        f" {active} been there for more than {hazards.until - hazards.horizon:g} {unit}. Too few were seen to leave so "
        "late, so nothing is said about them."
    )
