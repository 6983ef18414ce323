"""Who gets which offer: the highest expected profit under a budget and capacities.

Each customer gets one offer at the most. The problem is a multiple-choice knapsack. Small ones are solved exactly as a
mixed-integer program (HiGHS). Of large ones the Lagrangian dual is solved: a price for each limited resource. Each
customer then takes the offer that is worth most at these prices, in the order of what it is worth, as long as there is
room. The dual is an upper bound of what any plan can earn, so the distance to it is known.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
NOBODY = -1  # no offer
EXACT_PAIRS = 2_000  # of customer and offer, up to which the program is solved exactly
EXACT_NODES = 1_000  # of the search; a limit of time would make the plan depend on the machine
EXACT_GAP = 1e-6
CUTS = 200
CLOSE = 1e-6  # relative distance of the bounds of the dual at which its solution is near enough
NEAR = 1e-4  # relative difference of profits that counts as none: prices are known only nearly
CHUNK = 100_000
ROOM = 1e-9  # relative rounding error of a sum of costs


@dataclass(frozen=True)
class Offered:
    """What could be offered, and what limits it.

    Attributes:
        profit: customers x offers; expected profit of each pair, -inf where the offer may not be made.
        use: resources x offers; what one customer with the offer uses of each resource: money, or a place.
        limits: of each resource.
    """

    profit: Floats
    use: Floats
    limits: Floats


@dataclass(frozen=True)
class Allocation:
    """Who gets which offer.

    Attributes:
        offer: of each customer, the position of the offer or NOBODY.
        profit: of the whole allocation.
        bound: what no allocation exceeds.
        prices: of each resource, what one more unit of it would earn.
        method: exact, or relaxed.
    """

    offer: Places
    profit: float
    bound: float
    prices: Floats
    method: Literal["exact", "relaxed"]

    @property
    def gap(self) -> float:
        """Duality gap: the share of the bound that the allocation may have missed at the most."""
        return max(0.0, self.bound - self.profit) / self.bound if self.bound > 0 else 0.0


def allocate(offered: Offered, exact_pairs: int = EXACT_PAIRS) -> Allocation:
    """The allocation with the highest expected profit; nobody gets an offer whose profit is not above 0.

    Args:
        offered: see `Offered`.
        exact_pairs: up to so many pairs with a profit the problem is solved exactly.

    Raises:
        ValueError: shapes differ, a limit or a use is below 0, or a profit is missing.
    """
    _check(offered)
    useful = np.where(offered.profit > 0, offered.profit, -np.inf)
    prices, bound = _dual(Offered(useful, offered.use, offered.limits))
    relaxed = _filled(useful, offered, prices)
    profit = _total(useful, relaxed)
    pairs = int((useful > 0).sum())
    if 0 < pairs <= exact_pairs and profit < bound:
        solved, exact_bound = _exact(useful, offered)
        bound = min(bound, exact_bound)
        if solved is not None and _is_within(offered, solved) and _total(useful, solved) >= profit:
            return Allocation(solved, _total(useful, solved), bound, prices, "exact")
    return Allocation(relaxed, profit, max(bound, profit), prices, "relaxed")


def like_planned(
    profit: Floats, planned: Floats, use: Floats, allocation: Allocation, drawn: Floats
) -> Places:
    """The offers that other customers would have got: at the same prices the one that is worth most.

    Where several are worth the same, or one is worth exactly its price, the allocation gives each of them to some of
    such customers, as long as there is room. Then they are drawn with the shares that the allocation gave.

    Args:
        profit: of the others, customers x offers.
        planned: of the customers of the allocation.
        use: see `Offered`.
        allocation: whose prices and shares count.
        drawn: a random number from 0 to 1 for each of the others.
    """
    if not len(profit):
        return np.full(0, NOBODY, dtype=np.intp)
    best, ties = _best(profit, use, allocation.prices)
    _, of_planned = _best(planned, use, allocation.prices)
    for tied in np.unique(ties[_is_several(ties)]).tolist():
        given = allocation.offer[of_planned == tied]
        if len(given):
            offers, counts = np.unique(given, return_counts=True)
            here = np.flatnonzero(ties == tied)
            place = np.searchsorted(np.cumsum(counts) / len(given), drawn[here], side="right")
            best[here] = offers[np.minimum(place, len(offers) - 1)]
    return best


def _best(profit: Floats, use: Floats, prices: Floats) -> tuple[Places, Places]:
    """The offer that is worth most at these prices, NOBODY where none is; and all that are worth as much, as bits.

    The lowest bit is that of no offer.
    """
    net = np.where(profit > 0, profit - prices @ use, -np.inf)
    whole = np.column_stack([np.zeros(len(net)), net])
    top = whole.max(axis=1)
    near = NEAR * np.where(np.isfinite(profit), np.abs(profit), 0.0).max(axis=1, initial=0.0)
    ties = (whole >= (top - near)[:, None]) @ (1 << np.arange(whole.shape[1]))
    return np.asarray(whole.argmax(axis=1) - 1, dtype=np.intp), np.asarray(ties, dtype=np.intp)


def _is_several(bits: Places) -> NDArray[np.bool_]:
    """Whether more than one bit is set."""
    return np.asarray(bits & (bits - 1) != 0)


def _check(offered: Offered) -> None:
    resources, offers = offered.use.shape
    if offered.profit.ndim != 2 or offered.profit.shape[1] != offers or offered.limits.shape != (resources,):
        raise ValueError(
            f"profit {offered.profit.shape}, use {offered.use.shape} and limits {offered.limits.shape} do not fit"
        )
    if np.isnan(offered.profit).any():
        raise ValueError("the profit of a customer and an offer is missing")
    if not (offered.use >= 0).all() or not (offered.limits >= 0).all():
        raise ValueError("a limit, or what an offer uses of it, is missing or below 0")


def _is_within(offered: Offered, offer: Places) -> bool:
    """Whether the limits hold: the solver takes 0.999999 of an offer for a whole one."""
    counts = np.bincount(offer[offer != NOBODY], minlength=offered.use.shape[1])
    return bool((offered.use @ counts <= offered.limits + ROOM * np.maximum(offered.limits, 1.0)).all())


def _total(profit: Floats, offer: Places) -> float:
    with_one = np.flatnonzero(offer != NOBODY)
    return float(profit[with_one, offer[with_one]].sum())


def _dual(offered: Offered) -> tuple[Floats, float]:
    """Prices of the resources that minimise the dual, and its value there.

    Cutting planes, each taken halfway between the best prices so far and those that the planes suggest: that keeps the
    prices from jumping.
    """
    limited = np.flatnonzero(np.isfinite(offered.limits))
    prices = np.zeros(len(offered.limits))
    profit = offered.profit[(offered.profit > 0).any(axis=1)]
    if not len(profit):
        return prices, 0.0
    use, limits = offered.use[limited], offered.limits[limited]
    highest = np.where(np.isfinite(profit), profit, 0.0).max(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        top = np.where(use > 0, highest / use, 0.0).max(axis=1, initial=0.0)
    best, value, slope = np.zeros(len(limited)), *_at(profit, use, limits, np.zeros(len(limited)))
    cuts = [(best, value, slope)]
    while len(cuts) < CUTS and len(limited):
        suggested, lower = _suggested(cuts, top)
        if value - lower <= CLOSE * max(abs(value), 1e-12):
            break
        tried = (best + suggested) / 2
        found, down = _at(profit, use, limits, tried)
        cuts.append((tried, found, down))
        if found < value:
            best, value = tried, found
        else:
            found, down = _at(profit, use, limits, suggested)
            cuts.append((suggested, found, down))
            if found < value:
                best, value = suggested, found
    prices[limited] = best
    return prices, value


def _at(profit: Floats, use: Floats, limits: Floats, prices: Floats) -> tuple[float, Floats]:
    """Value of the dual at some prices, and its slope."""
    net = profit - prices @ use
    best = net.argmax(axis=1)
    worth = net[np.arange(len(net)), best]
    taken = worth > 0
    counts = np.bincount(best[taken], minlength=use.shape[1])
    return float(worth[taken].sum() + prices @ limits), limits - use @ counts


def _suggested(cuts: list[tuple[Floats, float, Floats]], top: Floats) -> tuple[Floats, float]:
    """The prices at which all planes together are lowest, and their value there."""
    from scipy.optimize import linprog

    slopes = np.array([slope for _, _, slope in cuts])
    offsets = np.array([value - slope @ prices for prices, value, slope in cuts])
    scale = max(1.0, float(np.abs(offsets).max()))
    solved = linprog(
        np.append(np.zeros(len(top)), 1.0),
        A_ub=np.column_stack([slopes * np.maximum(top, 1e-12) / scale, -np.ones(len(cuts))]),
        b_ub=-offsets / scale,
        bounds=[*((0.0, 1.0) for _ in top), (None, None)],
        method="highs",
    )
    if solved.x is None:
        raise RuntimeError(f"The prices of budget and capacities cannot be found: {solved.message}")
    return solved.x[:-1] * np.maximum(top, 1e-12), float(solved.x[-1] * scale)


def _filled(profit: Floats, offered: Offered, prices: Floats) -> Places:
    """Pairs in the order of their profit at these prices, as long as there is room for them."""
    net = profit - prices @ offered.use
    customers, offers = np.nonzero(profit > 0)
    order = np.argsort(-net[customers, offers], kind="stable")
    customers, offers = customers[order], offers[order]
    found = np.full(len(profit), NOBODY, dtype=np.intp)
    left = offered.limits.copy()
    slack = ROOM * np.where(np.isfinite(left), np.maximum(left, 1.0), 0.0)
    for start in range(0, len(customers), CHUNK):
        fits = _fitting(offered.use, left + slack)
        if not any(fits):
            break
        part = slice(start, start + CHUNK)
        here, which = customers[part], offers[part]
        open_ = np.asarray(fits)[which] & (found[here] == NOBODY)
        _fill(found, left, slack, here[open_], which[open_], offered.use)
    return found


def _fill(found: Places, left: Floats, slack: Floats, customers: Places, offers: Places, use: Floats) -> None:
    """Gives offers in this order while they fit; changes `found` and `left`."""
    fits = _fitting(use, left + slack)
    for customer, offer in zip(customers.tolist(), offers.tolist(), strict=True):
        if fits[offer] and found[customer] == NOBODY:
            found[customer] = offer
            left -= use[:, offer]
            fits = _fitting(use, left + slack)


def _fitting(use: Floats, left: Floats) -> list[bool]:
    """Whether there is room for each offer."""
    room: NDArray[np.bool_] = np.all(use <= left[:, None], axis=0)
    return [bool(fits) for fits in room]


def _exact(profit: Floats, offered: Offered) -> tuple[Places | None, float]:
    """The solution of the mixed-integer program, None if the search found none; and its bound."""
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import coo_array

    customers, offers = np.nonzero(profit > 0)
    rows, place = np.unique(customers, return_inverse=True)
    pairs = np.arange(len(customers))
    limited = np.isfinite(offered.limits)
    once = coo_array((np.ones(len(pairs)), (place, pairs)), shape=(len(rows), len(pairs))).tocsr()
    constraints = [LinearConstraint(once, -np.inf, 1.0)]
    if limited.any():
        constraints.append(
            LinearConstraint(offered.use[limited][:, offers], -np.inf, offered.limits[limited])
        )
    solved = milp(
        -profit[customers, offers],
        integrality=np.ones(len(pairs)),
        bounds=Bounds(0.0, 1.0),
        constraints=constraints,
        # presolving takes longer than it saves, and prints to the terminal
        options={"node_limit": EXACT_NODES, "mip_rel_gap": EXACT_GAP, "presolve": False},
    )
    bound = np.inf if solved.mip_dual_bound is None else -float(solved.mip_dual_bound)
    if solved.x is None:
        return None, bound
    found = np.full(len(profit), NOBODY, dtype=np.intp)
    chosen = solved.x > 0.5
    found[customers[chosen]] = offers[chosen]
    return found, bound
