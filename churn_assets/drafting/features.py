"""A sensible set of features, and what segments and gold/customer_months need, from what the sources hold."""

from typing import Any

import numpy as np

from churn_assets.drafting.calendar_and_label import ChurnPlan
from churn_assets.drafting.columns import DraftColumn
from churn_assets.drafting.names import ID, MONEY, OUTCOME, PART_OF_TIME, plain
from churn_assets.drafting.source import DraftSource
from churn_assets.inference.names_in_words import in_words

Line = dict[str, Any]
MOST_MEASURES, MOST_CATEGORIES, MOST_VALUES, MOST_ATTRIBUTES = 5, 2, 3, 12
FEWEST, MOST = 2, 30  # values of a category that is learned from
COMMON_SHARE = 0.05


def feature_lines(sources: list[DraftSource], plan: ChurnPlan) -> list[tuple[str, list[Line]]]:
    """Returns per source a heading and the lines of `features`."""
    result = []
    for source in sources:
        if source.role == "spell" and source.name != plan.source:
            continue
        lines = {"spell": _of_spell, "entity": _of_entity}.get(source.role, _of_events)(source, plan)
        if lines:
            result.append((source.name, lines))
    return result


def left_out(source: DraftSource) -> list[str]:
    """Returns the attributes that tell the outcome by their names, so that no feature reads them."""
    return [c.name for c in _attributes(source) if OUTCOME.search(c.name)] if source.role == "entity" else []


def _months(plan: ChurnPlan) -> list[int]:
    return [m for m in (1, 3, 6) if m <= plan.observation]


def _of_events(source: DraftSource, plan: ChurnPlan) -> list[Line]:
    driver, thing = source.name, in_words(source.name)
    line = {"source": source.name, "driver": driver}
    lines: list[Line] = []
    if source.name == plan.source:
        lines.append(
            line
            | {"aggregate": "tenure", "driver": "loyalty", "words": f"days since the first row in {thing}"}
        )
    lines.append(line | {"aggregate": "recency", "words": f"days since the last row in {thing}"})
    lines.append(line | {"aggregate": "count", "months": _months(plan), "words": f"rows in {thing}"})
    trend = [m for m in (1, 3) if 2 * m <= plan.observation]
    for at, column in enumerate(measures(source)):
        words = in_words(column.physical)
        lines.append(
            line | {"aggregate": "sum", "measure": column.name, "months": _months(plan), "words": words}
        )
        lines.append(
            line
            | {
                "aggregate": "mean",
                "measure": column.name,
                "months": _months(plan)[-1:],
                "words": f"mean {words}",
            }
        )
        if at < 2 and trend and _never_negative(column):
            lines.append(
                line
                | {
                    "aggregate": "trend",
                    "measure": column.name,
                    "months": trend,
                    "words": f"trend of {words}",
                }
            )
    categories = [c for c in _attributes(source) if _is_category(c)][:MOST_CATEGORIES]
    for column in categories:
        for value in _common(column):
            lines.append(line | {
                "aggregate": "share", "category": column.name, "value": value, "months": _months(plan)[-1:],
                "name": f"{column.name}_{plain(value) or f'value_{len(lines)}'}",
                "words": f"share of {in_words(column.physical)} {value}",
            })  # fmt: skip
    return lines


def _of_spell(source: DraftSource, plan: ChurnPlan) -> list[Line]:
    line = {"source": source.name, "driver": "contract"}
    lines: list[Line] = [line | {"aggregate": "tenure", "driver": "loyalty", "words": "days as a customer"}]
    if "expiresOn" in source.spell:
        lines.append(line | {"aggregate": "days_to_expiry", "words": "days until the contract ends"})
    for column in _attributes(source)[:MOST_ATTRIBUTES]:
        words, money = in_words(column.physical), _is_price(column)
        named = line | ({"driver": "price"} if money else {})
        lines.append(named | {"aggregate": "attribute", "column": column.name, "words": words})
        if money and plan.source == source.name:
            lines.append(
                named
                | {
                    "aggregate": "change",
                    "column": column.name,
                    "months": _months(plan),
                    "words": f"change of {words}",
                }
            )
    return lines


def _is_price(column: DraftColumn) -> bool:
    """Whether a number of a spell is money: by its name, or because it has decimals."""
    return column.is_measure and (not column.is_whole or bool(MONEY.search(column.name)))


def _of_entity(source: DraftSource, _: ChurnPlan) -> list[Line]:
    line = {"source": source.name, "aggregate": "attribute", "driver": "profile"}
    used = [c for c in _attributes(source) if not OUTCOME.search(c.name)]
    return [line | {"column": c.name, "words": in_words(c.physical)} for c in used[:MOST_ATTRIBUTES]]


def _attributes(source: DraftSource) -> list[DraftColumn]:
    """Columns that a model may learn from: numbers, true and false, and texts with few values."""
    apart = {source.customer, *source.key, source.event_time, *source.spell.values()}
    if source.role in ("event", "treatment"):
        apart -= {c.name for c in source.columns if _is_category(c)}
    return [
        c for c in source.columns
        if c.name not in apart and not c.personal and not ID.search(c.name) and c.distinct >= FEWEST
        and (c.is_measure or c.type == "boolean" or _is_category(c))
    ]  # fmt: skip


def _is_category(column: DraftColumn) -> bool:
    return column.type == "string" and FEWEST <= column.distinct <= MOST and not column.personal


def measures(source: DraftSource) -> list[DraftColumn]:
    """Returns the numbers of an event that can be summed, money first."""
    counted = [c for c in source.columns if not ID.search(c.name) and not PART_OF_TIME.search(c.name)]
    found = [c for c in counted if c.is_measure and c.distinct >= FEWEST]
    return sorted(found, key=lambda c: not MONEY.search(c.name))[:MOST_MEASURES]


def _never_negative(column: DraftColumn) -> bool:
    return column.numbers is not None and bool(np.nanmin(column.numbers) >= 0)


def _common(column: DraftColumn) -> list[str]:
    counts = np.bincount(column.codes[column.codes >= 0], minlength=column.distinct)
    order = np.argsort(-counts)[:MOST_VALUES]
    return [
        str(column.texts[int(at)].as_py()) for at in order if counts[at] >= COMMON_SHARE * len(column.codes)
    ]


def value_feature(sources: list[DraftSource], plan: ChurnPlan) -> str:
    """Returns the feature that stands for what a customer is worth: money of the label's source, else of events."""
    by_name = {source.name: source for source in sources}
    labelled, longest = by_name[plan.source], _months(plan)[-1]
    if labelled.role == "spell":
        money = [c.name for c in _attributes(labelled)[:MOST_ATTRIBUTES] if _is_price(c)]
        if money:
            return f"{plan.source}_{money[0]}"
    events = [s for s in sources if s.role in ("event", "treatment")]
    for source in sorted(events, key=lambda s: s.name != plan.source):
        money = [c.name for c in measures(source) if MONEY.search(c.name)]
        if money:
            return f"{source.name}_{money[0]}_sum_{longest}m"
    if labelled.role == "spell":
        return "tenure_days"
    return f"{plan.source}_count_{longest}m"


def month_columns(sources: list[DraftSource], plan: ChurnPlan) -> list[Line]:
    """Returns the lines of `customer_months`: rows of each event source, and the sum of its first measure."""
    lines: list[Line] = []
    for source in sources:
        if source.role != "event":
            continue
        lines.append({"name": f"{source.name}_rows", "source": source.name, "aggregate": "count"})
        sums = {"source": source.name, "aggregate": "sum"}
        lines += [
            {"name": f"{source.name}_{c.name}"} | sums | {"measure": c.name} for c in measures(source)[:2]
        ]
    return lines
