"""`python -m benchmarks.uplift FOLDER SEED...`: do effects by customer pay, in worlds in which the truth is known?

Each world is that of `benchmarks.campaigns` up to its second year. Then half of those who may get an offer get one of
them at random each month. Effects are learned and judged on the contacts of the first LEARNED months of the trial, as
in the pipeline, and used to plan for the customers of the months after, by different policies with the same money.

Each seed is lived through twice: with the offers as declared, each for customers whom its condition fits; and with
offers that may go to everybody, because the business does not know whom they fit.

Writes FOLDER/SEED-KIND.json, and prints the figures, also into FOLDER/figures.json; FOLDER/uplift.png shows the orders.
A world that has been written is not made again.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr
from threadpoolctl import threadpool_limits

from benchmarks.campaign_worlds import FEATURES, trial_in
from benchmarks.planned_worlds import CUSTOMERS, HISTORY, MONTHS, Model, first_year, scaled
from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.contracts.offers import OfferLine
from churn_assets.ml.portable.transformation import Transformation
from churn_assets.ml.uplift.choice import JudgedOffer, judged_offer
from churn_assets.ml.uplift.trial import Customers, NoTrial, RandomisedContacts
from churn_assets.replay.policies import filled
from churn_assets.reporting.figures import BLUE, GREY, ORANGE, as_png, blank
from churn_assets.retention.allocation import NOBODY, Floats, Offered, Places, allocate
from churn_assets.retention.cohort import Basis
from churn_assets.retention.effects import OfferEffect, effect_of
from churn_assets.retention.plan import Economy, economy, values
from churn_assets.settings import SHIPPED_BUSINESSES

FIGURES, PICTURE = "figures.json", "uplift.png"
SEEDS = (1, 2, 3, 4, 5)
DECLARED, EVERYBODY = "declared", "everybody"
KINDS = (DECLARED, EVERYBODY)
TRIAL = MONTHS - HISTORY - 1
LEARNED = 7  # months
RISK, CONSTANT, USED, ALWAYS, ORACLE = (
    "highest risk first",
    "value and constant effect",
    "value and effects by customer where judged better",
    "value and effects by customer always",
    "oracle",
)
DRAWS = 200
World = dict[str, Any]


def world(seed: int, kind: str, customers: int = CUSTOMERS) -> World:
    """Lives, learns and plans; returns the figures of a world."""
    business = business_of(kind, customers)
    copy, model = first_year(seed, customers, business, offers_work=True)
    offers = list(business.file.offers)
    rows = trial_in(copy.months, offers, TRIAL, seed)
    with threadpool_limits(1):
        return figures(rows, model, business) | {"seed": seed, "kind": kind, "customers": customers}


def business_of(kind: str, customers: int) -> Business:
    """The telecom business of so many customers; with conditions of its offers, or without any."""
    business = scaled(load_business(SHIPPED_BUSINESSES / "telecom"), customers)
    if kind == DECLARED:
        return business
    offers = [offer.model_copy(update={"where": None}) for offer in business.file.offers]
    return replace(business, file=business.file.model_copy(update={"offers": offers}))


def figures(rows: pd.DataFrame, model: Model, business: Business) -> World:
    """Learns from the first months of a trial, plans for the others, and tells how it came out.

    Args:
        rows: see `trial`.
        model: of the churn probability, learned before the trial.
        business: with offers, budget and capacities.
    """
    rows = rows.assign(risk=model.probability(rows))
    days = sorted(set(rows["as_of_date"]))
    past = rows[rows["as_of_date"] < days[LEARNED]].reset_index(drop=True)
    new = rows[rows["as_of_date"] >= days[LEARNED]].reset_index(drop=True)
    offers = list(business.file.offers)
    transformation = Transformation.fit(past, list(FEATURES))
    effects, told, always, used = {}, [], [], []
    for offer in offers:
        part = past[past["would_get"] == offer.name].reset_index(drop=True)
        effect = effects[offer.name] = effect_of(offer, _contacts(part))
        constant = effect.prevented * new["risk"].to_numpy()
        of_offer: World = {"offer": offer.name, "contacts": len(part), "prevented": effect.prevented}
        own = constant
        try:
            judged = _judge(offer, part, transformation, effect, business.file.training.seed)
        except NoTrial as error:
            of_offer["why_not"] = str(error)
        else:
            fitted = judged.chosen.fit(_trial(part, transformation, effect), business.file.training.seed)
            own = fitted.predict(Customers(transformation.transform(new), new["risk"].to_numpy(), constant))
            of_offer |= _judged(judged)
        always.append(own)
        used.append(own if of_offer.get("used") else constant)
        told.append(of_offer | _against_truth(offer.name, past, new, constant, own))
    constants = np.column_stack([effects[o.name].prevented * new["risk"] for o in offers])
    estimated = {CONSTANT: constants, USED: np.column_stack(used), ALWAYS: np.column_stack(always)}
    return {
        "offers": told,
        "rank": {name: _rank(new, offers_of(business), found) for name, found in estimated.items()},
        "policies": policies_of(new, estimated, effects, business),
    }


def offers_of(business: Business) -> list[str]:
    """The names of the offers."""
    return [offer.name for offer in business.file.offers]


def _contacts(part: pd.DataFrame) -> pd.DataFrame:
    """Contacts and controls as `effect_of` wants them. Acceptance is not told, so the declared one counts."""
    return pd.DataFrame(
        {
            "campaign": part["as_of_date"].astype(str),
            "treated": part["treatment"] != "none",
            "churned": part["churned"] > 0,
            "accepted": None,
        }
    )


def _trial(part: pd.DataFrame, transformation: Transformation, effect: OfferEffect) -> RandomisedContacts:
    risk = part["risk"].to_numpy()
    return RandomisedContacts(
        features=transformation.transform(part),
        risk=risk,
        constant=risk * effect.prevented,
        treated=(part["treatment"] != "none").to_numpy(),
        churned=(part["churned"] > 0).to_numpy(),
        propensity=np.full(len(part), 0.5),
        customer=pd.factorize(part["customer_id"])[0].astype(np.int64),
        time=np.array([day.toordinal() for day in part["as_of_date"]], dtype=np.int64),
    )


def _judge(
    offer: OfferLine, part: pd.DataFrame, transformation: Transformation, effect: OfferEffect, seed: int
) -> JudgedOffer:
    def as_told_by(rows: NDArray[np.bool_]) -> RandomisedContacts:
        known = part[rows]
        return _trial(part, Transformation.fit(known, list(FEATURES)), effect_of(offer, _contacts(known)))

    return judged_offer(_trial(part, transformation, effect), as_told_by, seed)


def _judged(judged: JudgedOffer) -> World:
    gain = judged.judgement.qini_gain
    return {
        "learner": judged.chosen.name,
        "trust": judged.chosen.trust,
        "used": judged.is_used,
        "qini_gain": [gain.value, gain.low, gain.high],
        "needed": judged.judgement.contacts_needed,
    }


def _against_truth(offer: str, past: pd.DataFrame, new: pd.DataFrame, constant: Floats, own: Floats) -> World:
    """Orders of the customers of the new months against their true effects: the area of the Qini curve of each.

    `features` is the best order that features allow: a model of the true effects themselves, without noise.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    name = f"effect of {offer}"
    learn, here = past[past[name].notna()], new[name].notna().to_numpy()
    best = HistGradientBoostingRegressor(learning_rate=0.1, max_iter=100, random_state=7)
    best.fit(learn[list(FEATURES)], -learn[name])
    truth = -new.loc[here, name].to_numpy()
    orders = {"constant": constant[here], "by customer": own[here], "truth": truth}
    orders["features"] = best.predict(new.loc[here, list(FEATURES)])
    return {
        "negative": float((truth < 0).mean()),
        "area": {name: _area(order, truth) for name, order in orders.items()},
    }


def _area(score: Floats, truth: Floats) -> float:
    order = np.argsort(-score, kind="stable")
    curve = np.cumsum(truth[order]) / len(truth)
    return float(curve.mean() - curve[-1] / 2)


def _rank(new: pd.DataFrame, offers: list[str], estimated: Floats) -> list[float]:
    """Rank correlation of estimated and true effects over customers and the offers that they may get; 95 % interval
    from a bootstrap of customers.
    """
    truth = -new[[f"effect of {name}" for name in offers]].to_numpy()
    known = ~np.isnan(truth)
    customer = np.broadcast_to(pd.factorize(new["customer_id"])[0][:, None], truth.shape)[known]
    mine, true = estimated[known], truth[known]
    order = np.argsort(customer, kind="stable")
    mine, true = mine[order], true[order]
    starts = np.flatnonzero(np.diff(customer[order], prepend=-1))
    places = np.split(np.arange(len(mine)), starts[1:])
    random, found = np.random.default_rng(7), []
    for _ in range(DRAWS):
        drawn = np.concatenate([places[at] for at in random.integers(0, len(places), len(places))])
        found.append(spearmanr(mine[drawn], true[drawn]).statistic)
    return [float(spearmanr(mine, true).statistic), *map(float, np.quantile(found, (0.025, 0.975)))]


def policies_of(
    new: pd.DataFrame, estimated: dict[str, Floats], effects: dict[str, OfferEffect], business: Business
) -> dict[str, World]:
    """What each policy does in the new months, by the truth."""
    section, names = business.file.campaigns, offers_of(business)
    if section is None:
        raise ValueError("the business declares no campaigns")
    change = new[[f"effect of {name}" for name in names]].to_numpy()
    takes = new[[f"acceptance of {name}" for name in names]].to_numpy()
    day = max(new["as_of_date"])
    basis = Basis(day, pd.DataFrame(), effects, {}, "", True)
    money = economy(business.file.offers, section, basis)
    contact, cost = np.array([[o.contact_cost, o.cost] for o in money.offers]).T
    bill = contact + takes * cost
    out: dict[str, World] = {}
    for policy in (RISK, *estimated, ORACLE):
        total = {"contacts": 0, "saved": 0.0, "profit": 0.0, "woken": 0}
        for at in new.groupby("as_of_date").indices.values():
            allowed = ~np.isnan(change[at])
            value = values(
                new["subscriptions_monthly_price"].to_numpy()[at], business.file.economics.lifetime_value
            )
            if policy == RISK:
                chosen = _by_risk(money, allowed, new["risk"].to_numpy()[at])
            elif policy == ORACLE:
                chosen = _best(money, allowed, -change[at] * value[:, None] - bill[at])
            else:
                chosen = _best(money, allowed, estimated[policy][at] * value[:, None] - money.cost)
            who = np.flatnonzero(chosen != NOBODY)
            true, paid = change[at][who, chosen[who]], bill[at][who, chosen[who]]
            total["contacts"] += len(who)
            total["saved"] += float(-true.sum())
            total["profit"] += float((-true * value[who] - paid).sum())
            total["woken"] += int((true > 0).sum())
        out[policy] = total
    return out


def _by_risk(money: Economy, allowed: NDArray[np.bool_], risk: Floats) -> Places:
    wish = np.broadcast_to(np.argsort(-money.prevented, kind="stable"), allowed.shape)
    return filled(money, allowed, np.argsort(-risk, kind="stable"), wish)


def _best(money: Economy, allowed: NDArray[np.bool_], profit: Floats) -> Places:
    return allocate(Offered(np.where(allowed, profit, -np.inf), money.use, money.limits)).offer


def told(found: list[World]) -> list[tuple[str, str]]:
    """Figures over worlds, each with its value in words."""
    lines = []
    for one in found:
        name = f"uplift, world {one['seed']}, offers {'as declared' if one['kind'] == DECLARED else 'to everybody'}"
        policies = one["policies"]
        oracle = policies[ORACLE]["profit"]
        for policy, did in policies.items():
            words = (
                f"profit {did['profit']:,.0f} ({did['profit'] / oracle:.0%} of the oracle's), {did['contacts']:,} "
                f"contacts, {did['saved']:.0f} saved, {did['woken']:,} woken up"
            )
            lines.append((f"{name}: {policy}", words))
        lines.append(
            (f"{name}: rank correlation with the truth", ", ".join(_ranked(*r) for r in one["rank"].items()))
        )
        lines += [(f"{name}: {of['offer']}", _offer_told(of)) for of in one["offers"]]
    return lines


def _ranked(name: str, rank: list[float]) -> str:
    return "{}: {:.2f} ({:.2f} to {:.2f})".format(name, *rank)


def _offer_told(of: World) -> str:
    area = of["area"]
    reach = ", ".join(
        f"{name} {area[name] / area['truth']:.0%}" for name in ("constant", "by customer", "features")
    )
    why = of.get("why_not") or (
        f"{of['learner']}, trust {of['trust']:.2f}, {'used' if of['used'] else 'not used'}, Qini above the constant "
        "{:.4f} ({:.4f} to {:.4f})".format(*of["qini_gain"])
    )
    return (
        f"{of['contacts']:,} contacts and controls, {of['negative']:.0%} of the effects negative; area of the order "
        f"against that of the truth: {reach}; {why}"
    )


def draw(found: list[World]) -> bytes:
    """A picture of the orders of customers, each against that of the truth, by world and offer; PNG."""
    lines = [(one, of) for one in found for of in one["offers"]]
    figure, axes = blank(
        "How near each order of customers comes to that by the truth",
        "area of the Qini curve, 1: the order by true effects",
        "",
        8,
        1.2 + 0.3 * len(lines),
    )
    marks = (
        ("constant", "risk x share (constant effect)", ORANGE, "o"),
        ("by customer", "effects by customer", BLUE, "D"),
        ("features", "the best that features allow", GREY, "|"),
    )
    for name, words, colour, marker in marks:
        reach = [of["area"][name] / of["area"]["truth"] for _, of in reversed(lines)]
        axes.plot(reach, range(len(lines)), marker, color=colour, label=words, markersize=8)
    names = [f"world {one['seed']}, {one['kind']}: {of['offer']}" for one, of in reversed(lines)]
    axes.set_yticks(range(len(lines)), names)
    axes.set_xlim(0, 1.02)
    axes.legend(frameon=False, loc="lower left")
    return as_png(figure)


def main(folder: Path, seeds: list[int], customers: int = CUSTOMERS) -> None:
    """Lives, measures, writes and prints."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for seed in seeds:
        for kind in KINDS:
            file = folder / f"{seed}-{kind}.json"
            if not file.exists():
                file.write_text(json.dumps(world(seed, kind, customers), indent=1))
            found.append(json.loads(file.read_text()))
    lines = [{"figure": figure, "remark": value} for figure, value in told(found)]
    (folder / FIGURES).write_text(json.dumps(lines, indent=1))
    (folder / PICTURE).write_bytes(draw(found))
    for line in lines:
        print(f"{line['figure']}: {line['remark']}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(seed) for seed in sys.argv[2:]])
