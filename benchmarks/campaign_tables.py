"""The figures of the benchmark of campaigns as the two tables of docs/benchmarks.md."""

from collections.abc import Iterable, Sequence
from typing import Any

from churn_assets.replay.policies import OFF, ORACLE, PLAN, RANDOM, RISK

WORLDS = (
    *(
        "world",
        "who may be contacted and left: alone, with our plans",
        "of all customers",
        "profit of our plan",
    ),
    *("highest risk first", "random", "oracle", "ours of the oracle's"),
)


def markdown(found: Sequence[dict[str, Any]]) -> str:
    """Both tables of these worlds, see `benchmarks.campaigns.live`; empty lines between."""
    real = [world for world in found if world["offers_work"]]
    dead = [world for world in found if not world["offers_work"]]
    lines = [_row(WORLDS), _row(["---"] * len(WORLDS)), *(_row(_world(world)) for world in real)]
    wanted = [_row(("wanted", "measured")), _row(("---", "---"))]
    if real:
        wanted += [_row(line) for line in _where_offers_work(real)]
    if dead:
        wanted += [_row(line) for line in _where_they_do_nothing(dead)]
    return "\n".join([*lines, "", *wanted, ""])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _world(world: dict[str, Any]) -> list[str]:
    of = world["policies"]
    fall, whole = (of[PLAN][name] / of[OFF][name] - 1 for name in ("left_eligible", "left"))
    return [
        str(world["seed"]),
        f"{of[OFF]['left_eligible']:,}, {of[PLAN]['left_eligible']:,}: {100 * fall:+.1f} %",
        f"{100 * whole:+.1f} %",
        f"{of[PLAN]['profit']:,.0f} EUR",
        *(f"{of[name]['profit']:,.0f}" for name in (RISK, RANDOM, ORACLE)),
        f"{100 * of[PLAN]['profit'] / of[ORACLE]['profit']:.0f} %",
    ]


def _where_offers_work(real: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    falls = [1 - w["policies"][PLAN]["left_eligible"] / w["policies"][OFF]["left_eligible"] for w in real]
    above = [w["policies"][PLAN]["profit"] > w["policies"][RISK]["profit"] for w in real]
    shares = [w["policies"][PLAN]["profit"] / w["policies"][ORACLE]["profit"] for w in real]
    single = [c for w in real for c in w["campaigns"] if c["campaign_id"] != "all"]
    days = sorted({c["days"] for c in single})
    plain, adjusted = _covered(single, "difference"), _covered(single, "adjusted")
    by_days = ", ".join(
        f"{_covered([c for c in single if c['days'] == d], 'difference')} after {d} days" for d in days
    )
    whole = _covered([c for w in real for c in w["campaigns"] if c["campaign_id"] == "all"], "difference")
    return [
        (
            "the interval of a campaign covers the truth in at least 90 %",
            f"{plain} ({by_days}), adjusted by the score {adjusted}; of all campaigns of a world together {whole}",
        ),
        ("churn of those who may be contacted falls by at least 5 %", f"by {100 * min(falls):.1f} % or more"),
        ("profit above highest risk first in every world", f"{sum(above)} of {len(above)}"),
        ("at least half of the oracle's profit", f"{100 * min(shares):.0f} % or more"),
    ]


def _covered(campaigns: Sequence[dict[str, Any]], kind: str) -> str:
    ranges = [(c[kind], c["truth"]) for c in campaigns if c[kind]]
    return f"{sum(low <= truth <= high for (_, low, high), truth in ranges)} of {len(ranges)}"


def _where_they_do_nothing(dead: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    names = {(w["seed"], c["campaign_id"]) for w in dead for c in w["campaigns"] if c["campaign_id"] != "all"}
    claimed = {
        (w["seed"], c["campaign_id"])
        for w in dead
        for c in w["campaigns"]
        if c["campaign_id"] != "all" and c["claims"]
    }
    months = [month for w in dead for month in w["months"]]
    planned = [sum(m["planned"] for m in w["months"]) / len(w["months"]) for w in dead]
    explored = [m["exploration"] for m in months]
    said = f"{min(planned):.0f} to {max(planned):.0f} planned contacts a month on average"
    return [
        (
            "offers do nothing: no claim in at least 95 % of campaigns",
            f"{len(names - claimed)} of {len(names)}",
        ),
        (
            "offers do nothing: the plan shrinks to the exploration",
            f"{said}, {min(explored)} to {max(explored)} explored",
        ),
    ]
