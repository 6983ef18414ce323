"""The card of the effects of offers on an as_of_date: who is persuadable, who is woken up by a contact, and how good.

It contains figures of groups only: no customer_key and no rows.
"""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.ml.uplift.groups import EVERYBODY, LEAST_SEEN, LITTLE, PERSUADABLE, TOP, WOKEN, EffectGroup
from churn_assets.ml.uplift.judgement import Interval, qini_curve
from churn_assets.ml.uplift.trial import LEAST_ARM, LEAST_CHURNERS
from churn_assets.reporting.blocks import Aside, Block, Bullets, Chapter, Document, Grid, Notice, Pictures
from churn_assets.reporting.figures import BLUE, GREY, ORANGE, as_png, blank

if TYPE_CHECKING:
    from churn_assets.retention.uplift import Learned, OfferUplift

KINDS = {
    PERSUADABLE: f"the {TOP:.0%} in whom the offer is expected to prevent the most churn",
    LITTLE: "the offer is expected to change less, or nothing",
    WOKEN: "the offer is expected to drive them away",
}
GROUPS = ("customers", "contacts", "controls", "of them expected to be woken up", "expected", "seen (95 %)")


def uplift_card(business: Business, day: date, offers: "Sequence[OfferUplift]") -> Document:
    """Returns the card of what was learned on a day."""
    glance = [f"{one.offer}: {one.told}." for one in offers]
    chapters = [Chapter("At a glance", [Bullets(glance), PURPOSE])]
    chapters += [Chapter(f"Offer {one.offer}", _offer(business, one)) for one in offers]
    return Document(
        title=f"Effects of offers: {business.name}, as of {day}",
        under="What each offer changes, learned from past contacts with a control arm.",
        chapters=[*chapters, Chapter("Limits", [Bullets(LIMITS)])],
    )


def uplift_pictures(offers: "Sequence[OfferUplift]") -> dict[str, bytes]:
    """Returns the Qini curve of each offer of which something was learned, as PNGs by file stem."""
    return {_stem(one.offer): _qini_png(one.offer, one.learned) for one in offers if one.learned is not None}


def uplift_metrics(offers: "Sequence[OfferUplift]") -> dict[str, float]:
    """Returns the numbers of a run, by offer."""
    found: dict[str, float] = {}
    for one in offers:
        own = {"contacts": float(one.contacts), "controls": float(one.controls), "used": float(one.is_used)}
        if one.learned is not None:
            judged = one.learned.judged
            found_by = judged.judgement
            own |= {"trust": judged.chosen.trust, "later": float(len(judged.later))}
            own |= {f"loss.{name}": loss for name, loss in judged.chosen.losses.items()}
            own |= _ends("qini", found_by.qini) | _ends("qini_gain", found_by.qini_gain)
            own |= _ends("profit_gain", one.learned.values.difference)
            own |= {f"share.{g.name}": _share(g, len(judged.later)) for g in one.learned.kinds}
        found |= {f"{one.offer}.{_key(name)}": value for name, value in own.items()}
    return found


def uplift_params(business: Business, day: date, offers: "Sequence[OfferUplift]") -> dict[str, str]:
    """Returns the settings of a run, and what was chosen."""
    own = {"business": business.name, "as_of_date": str(day), "seed": str(business.file.training.seed)}
    learners = {
        f"{one.offer}.learner": one.learned.judged.chosen.name for one in offers if one.learned is not None
    }
    told = {f"{one.offer}.told": one.told for one in offers}
    return own | learners | told


def _key(name: str) -> str:
    """A name as MLflow takes it: without commas."""
    return name.replace(",", "")


def _ends(name: str, of: Interval) -> dict[str, float]:
    return {name: of.value, f"{name}_low": of.low, f"{name}_high": of.high}


def _share(group: EffectGroup, customers: int) -> float:
    return (group.contacts + group.controls) / customers


def _stem(offer: str) -> str:
    return f"qini_{offer}"


PURPOSE = (
    "An effect is the fall of the churn probability by the offer, of all who were to get it, accepted or not. The plan "
    "uses effects by customer only where they order later contacts better than the constant effect (churn probability "
    "times the share of the churn that the offer prevents in the mean)."
)
SAME_FOR_ALL = (
    "Everybody has the constant effect: no difference between customers held for those it was not learned from, so "
    "nobody is called persuadable or woken up. What is expected of a segment follows its risk alone."
)
LIMITS = (
    (
        f"Of each arm {LEAST_ARM} customers are needed to learn from, of whom {LEAST_CHURNERS} left; effects are small "
        "and few customers leave, so tens of thousands of contacts may be needed to tell customers apart."
    ),
    "An effect holds for an offer and a channel as they were in these contacts.",
    "The effect on a single customer is never seen; groups are.",
    (
        "Groups are told on contacts that were not learned from. Of many segments, one of twenty intervals misses by "
        "chance."
    ),
)


def _offer(business: Business, one: "OfferUplift") -> list[Block]:
    if one.learned is None:
        return [Notice(f"Nothing was learned. {one.why_not}")]
    judged, values = one.learned.judged, one.learned.values
    found, currency = judged.judgement, business.file.currency
    return [
        Notice(f"{one.told}."),
        _learned_from(one.learned),
        _groups(one.learned.kinds, "kind"),
        *_explained(one.learned.kinds),
        _groups(one.learned.segments, "segment"),
        Pictures({_stem(one.offer): f"Churn prevented by share of the customers contacted, {one.offer}"}),
        Grid(
            ("figure", "value (95 %)"),
            [
                ("Qini coefficient", str(found.qini)),
                ("above that of the constant effect", str(found.qini_gain)),
                ("fall of the squared error against the constant effect", str(found.loss_gain)),
                (f"profit per customer of a plan by effect ({currency})", str(values.by_effect.robust)),
                (f"of a plan by risk ({currency})", str(values.by_constant.robust)),
                (f"difference ({currency})", str(values.difference)),
            ],
            "ll",
        ),
        _chosen(one.learned),
    ]


def _learned_from(learned: "Learned") -> str:
    judged, (treated, controls) = learned.judged, learned.judged.later.churners
    return (
        f"Learned from {int((~judged.judged_by).sum()):,} contacts and controls up to "
        f"{date.fromordinal(judged.learned_until)}; judged on {judged.judgement.contacts:,} later contacts and "
        f"{judged.judgement.controls:,} controls, of whom {treated:,} and {controls:,} left."
    )


def _groups(groups: Sequence[EffectGroup], of: str) -> Grid:
    head = (of, *GROUPS[1:])
    rows = [
        (
            g.name,
            f"{g.contacts:,}",
            f"{g.controls:,}",
            f"{g.woken:.0%}",
            f"{g.estimated:+.2%}",
            f"{g.observed.value:+.2%} ({g.observed.low:+.2%} to {g.observed.high:+.2%})"
            if g.observed
            else f"fewer than {LEAST_SEEN} left in an arm",
        )
        for g in groups
    ]
    return Grid(head, rows)


def _explained(kinds: Sequence[EffectGroup]) -> list[Block]:
    """What the kinds of customers mean."""
    if [group.name for group in kinds] == [EVERYBODY]:
        return [SAME_FOR_ALL]
    woken = next((group for group in kinds if group.name == WOKEN), None)
    return [Bullets([f"{name}: {words}." for name, words in KINDS.items()]), _woken_told(woken)]


def _woken_told(woken: EffectGroup | None) -> str:
    """Whether those who are expected to be woken up really were, as a sentence."""
    if woken is None:
        return "Nobody is expected to be driven away by this offer."
    if woken.observed is not None and woken.observed.high < 0:
        return (
            "Those who are expected to be woken up were: more of the contacted left than of their controls."
        )
    if woken.observed is not None and woken.observed.low > 0:
        return "Those who are expected to be woken up were not: fewer of the contacted left than of their controls."
    return "Whether those who are expected to be woken up really were, cannot be told from these contacts."


def _chosen(learned: "Learned") -> Block:
    chosen = learned.judged.chosen
    losses = ", ".join(f"{name} {loss:.5f}" for name, loss in chosen.losses.items())
    return Aside(
        f"Learner: {chosen.name}; {chosen.trust:.0%} of what it says above the constant effect is believed. Loss on "
        f"customers of the earlier contacts that it did not learn from: {losses}."
    )


def _qini_png(offer: str, learned: "Learned") -> bytes:
    judged = learned.judged
    figure, axes = blank(
        f"{offer}: what the offer changes, the best first", "share of customers contacted", "", 6.4, 3.6
    )
    axes.set_ylabel("customers kept, per 100 of all")
    whole = float(judged.robust.mean())
    for name, score, colour in (
        ("by effect", judged.estimated, BLUE),
        ("by risk (constant effect)", judged.later.constant, ORANGE),
    ):
        shares, kept = qini_curve(score, judged.robust)
        axes.plot(shares, 100 * kept, color=colour, label=name)
    axes.plot([0, 1], [0, 100 * whole], "--", color=GREY, label="at random")
    axes.legend(frameon=False, loc="lower right")
    return as_png(figure)
