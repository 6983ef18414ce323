"""Which ids of a month are known, which are new, and which are a known one written in another way.

Judged before any id gets a key, so that a respelt id is not taken for a new customer. Ids of a month that breaks the
rule get no key, and every month that delivers one of them is refused: each month has keys for all of its ids, or is
not in silver.

An id is known when it has a key already, when the related source delivered it up to that month, or when its source
delivered it in an earlier month.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Literal, NamedTuple

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import MonthRule, Source
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.engine.frames import keep, release
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.silver.audit import Problem
from churn_assets.silver.findings import blocking

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, Row

FOUND_BY = "customer_keys"
# where the contract declares none: half is known, 1 % look alike
OVERLAP = MonthRule("idOverlap", 0.5, 0.01, "block")
RULE = OVERLAP.rule
ENOUGH = 10  # fewer ids refuse no month
SPACE = r"[ \t\n\x0B\f\r\p{Z}\x{200B}\x{FEFF}]"
SPACES = rf"^{SPACE}+|{SPACE}+$"
LONG_ID = r"^[A-Za-z0-9]{15}[A-Z0-5]{3}\z"  # of Salesforce: the short id of 15 characters and 3 to check it


@dataclass(frozen=True)
class JudgedIds:
    """Problems of months, and the ids that get no key (`customer_id`; None if there are none)."""

    problems: list[Problem]
    withheld: "DataFrame | None"


class Before(NamedTuple):
    """What silver holds of a source before some months.

    Attributes:
        first_month: its first month in silver, be it one of these.
        ids: different customers of its newest month before them; None without one, or if the source lists only changes.
    """

    first_month: str
    ids: int | None = None


def before(lakehouse: Lakehouse, business: Business, months: Sequence[str]) -> dict[str, Before]:
    """Source -> what silver holds of it; sources without a month in silver are left out."""
    import pyarrow.compute as pc

    found: dict[str, Before] = {}
    for source in business.sources:
        table = tables.silver(source)
        held = lakehouse.slices(table, "extract_month") if lakehouse.exists(table) else []
        if not held:
            continue
        earlier = [month for month in held if month < months[0]]
        ids = None
        if earlier and source.delivery == "full":
            newest, count = pc.field("extract_month") == earlier[-1], [("customer_key", "count_distinct")]
            [ids] = lakehouse.aggregate(table, ["extract_month"], count, newest)[1].to_pylist()
        found[source.name] = Before(held[0], ids)
    return found


def without_keys(lakehouse: Lakehouse, source: Source, months: Sequence[str]) -> list[Problem]:
    """Problems for which ids of these months of a source were given no key."""
    return blocking(lakehouse, FOUND_BY, source, months)


def related_sources(business: Business) -> dict[str, str]:
    """Source -> the source that its customers' ids refer to, by `relationships`."""
    found = {}
    for source in business.sources:
        target, _, column = (source.column(source.customer).refers_to or "").partition(".")
        if target and target != source.name and column == business.source(target).customer:
            found[source.name] = target
    return found


def judge_ids(
    business: Business, ids: "DataFrame", keyed: "DataFrame | None", earlier: Mapping[str, Before]
) -> JudgedIds:
    """Holds the ids of some months against those known before.

    Args:
        business: whose sources.
        ids: distinct source, extract_month, customer_id; read several times.
        keyed: customer_id of all that have a key; None before the first.
        earlier: what silver holds of each source before these months.
    """
    from pyspark.sql import functions as F

    related = related_sources(business)
    told = keep(_with_first_months(ids, keyed, related))
    pairs = keep(_pairs(told, keyed))
    # most months have none: Spark then drops the joins below from its plan
    alike = keep(_look_alikes(told, pairs.where("false") if pairs.isEmpty() else pairs, keyed, related))
    try:
        flags = alike.groupBy("source", "customer_id").agg(F.min("kind").alias("kind"))
        counted = (
            told.join(flags, ["source", "customer_id"], "left")
            .withColumn("new", ~F.col("known") & (F.col("extract_month") == F.col("first_month")))
            .groupBy("source", "extract_month", "kind")
            .agg(F.count("*").alias("ids"), F.count_if("new").alias("new"))
            .collect()
        )
        months = _months(counted)
        problems = [p for s in business.sources for p in _judge(s, related.get(s.name), months, earlier)]
        refused = {(p.source, p.month) for p in problems if p.severity == "block"}
        if not refused:
            return JudgedIds(problems, None)
        withheld = _withheld(told, flags, refused).localCheckpoint()
        return JudgedIds([*problems, *_others(told, withheld, refused)], withheld)
    finally:
        for frame in (alike, pairs, told):
            release(frame)


@dataclass
class _Month:
    """Ids of a month: all, new ones, and by kind those that look like a known one."""

    ids: int = 0
    new: int = 0
    kinds: Counter[str] = field(default_factory=Counter)

    @property
    def alike(self) -> int:
        return self.kinds.total()


def _months(counted: "Sequence[Row]") -> dict[tuple[str, str], _Month]:
    """(source, month) -> its ids."""
    found: dict[tuple[str, str], _Month] = {}
    for row in counted:
        source, month, kind, ids, new = row
        of = found.setdefault((source, month), _Month())
        of.ids += ids
        of.new += new
        if kind is not None:
            of.kinds[kind] += ids
    return found


def _with_first_months(
    ids: "DataFrame", keyed: "DataFrame | None", related: Mapping[str, str]
) -> "DataFrame":
    """The ids with `first_month` in their source and `known`: they have a key, or the related source delivers them."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    own = Window.partitionBy("source", "customer_id")
    told = ids.withColumn("first_month", F.min("extract_month").over(own))
    known = F.lit(False)
    if keyed is not None:
        told = told.join(keyed.select("customer_id", F.lit(True).alias("_keyed")), "customer_id", "left")
        known = F.coalesce("_keyed", F.lit(False))
    if related:
        names = F.create_map(*(F.lit(name) for pair in related.items() for name in pair))
        target = F.try_element_at(names, F.col("source"))
        first = ids.groupBy(F.col("source").alias("_target"), "customer_id").agg(
            F.min("extract_month").alias("_since")
        )
        told = told.withColumn("_target", target).join(first, ["_target", "customer_id"], "left")
        known = known | F.coalesce(F.col("_since") <= F.col("extract_month"), F.lit(False))
    return told.select("source", "extract_month", "customer_id", "first_month", known.alias("known"))


def plain_forms(spelling: "Column") -> "list[tuple[str, Column]]":
    """An id without what a change of system adds or loses, step by step: what the step is called, and the id after it.

    Letter case is kept: two ids of Salesforce may differ by it alone.
    """
    from pyspark.sql import functions as F

    trimmed = F.regexp_replace(spelling, SPACES, "")
    whole = F.regexp_replace(trimmed, r"^([0-9]+)\.0+$", "$1")
    bare = F.regexp_replace(whole, r"^0+([0-9]+)$", "$1")
    return [("spaces", trimmed), ("a decimal point", whole), ("leading zeros", bare)]


def _pairs(told: "DataFrame", keyed: "DataFrame | None") -> "DataFrame":
    """Ids without a key and others of the same plain form: customer_id, other, kind."""
    from pyspark.sql import functions as F

    everybody = told.groupBy("customer_id").agg(F.bool_and("known").alias("known"))
    new = everybody.where("NOT known").select("customer_id")
    everybody = everybody.select("customer_id")
    if keyed is not None:
        everybody = everybody.unionByName(keyed.select("customer_id")).distinct()
    named = _forms(everybody).withColumnsRenamed({"customer_id": "other", "short": "other_short"})
    return (
        _forms(new)
        .join(named, "form")
        .where("customer_id <> other AND NOT (short AND other_short)")
        .select("customer_id", "other", _kind("customer_id", "other").alias("kind"))
        .distinct()
    )


def _look_alikes(
    told: "DataFrame", pairs: "DataFrame", keyed: "DataFrame | None", related: Mapping[str, str]
) -> "DataFrame":
    """New ids that are a known one in another spelling: source, customer_id, kind.

    Two ids that a source delivers in one month are two customers, however alike.
    """
    from pyspark.sql import functions as F

    by_source = told.groupBy("source", "customer_id", "first_month").agg(F.bool_or("known").alias("known"))
    new = by_source.where("NOT known").select("source", "customer_id", "first_month")
    candidates = new.join(pairs, "customer_id").join(
        _established(by_source, related), ["source", "other"], "left"
    )
    established = F.coalesce(F.col("_since") < F.col("first_month"), F.lit(False))
    if keyed is not None:
        mark = keyed.select(F.col("customer_id").alias("other"), F.lit(True).alias("_keyed"))
        candidates = candidates.join(mark, "other", "left")
        established = established | F.coalesce("_keyed", F.lit(False))
    months = told.select("source", "extract_month", "customer_id")
    both = (
        candidates.join(months, ["source", "customer_id"])
        .join(months.withColumnRenamed("customer_id", "other"), ["source", "extract_month", "other"])
        .select("source", "customer_id", "other")
    )
    return (
        candidates.where(established)
        .join(both, ["source", "customer_id", "other"], "left_anti")
        .select("source", "customer_id", "kind")
    )


def _established(by_source: "DataFrame", related: Mapping[str, str]) -> "DataFrame":
    """source, other, _since: from when on a source takes an id for a known one; "" for ids of its related source."""
    from pyspark.sql import functions as F

    other, always = F.col("customer_id").alias("other"), F.lit("").alias("_since")
    own = by_source.select(
        "source", other, F.when(F.col("known"), "").otherwise(F.col("first_month")).alias("_since")
    )
    theirs = (
        by_source.where(F.col("source") == target).select(F.lit(source).alias("source"), other, always)
        for source, target in related.items()
    )
    everybody = reduce(lambda a, b: a.unionByName(b), theirs, own)
    return everybody.groupBy("source", "other").agg(F.min("_since").alias("_since"))


def _forms(ids: "DataFrame") -> "DataFrame":
    """customer_id, form, short: the plain form of each id, and the short form of a long id of Salesforce."""
    from pyspark.sql import functions as F

    plain = plain_forms(F.col("customer_id"))[-1][1]
    cut = F.when(F.col("customer_id").rlike(LONG_ID), F.left("customer_id", F.lit(15)))
    whole = ids.select("customer_id", plain.alias("form"), F.lit(False).alias("short"))
    short = ids.where(cut.isNotNull()).select("customer_id", cut.alias("form"), F.lit(True).alias("short"))
    return whole.unionByName(short)


def _kind(one: str, other: str) -> "Column":
    """How two spellings of an id differ."""
    from pyspark.sql import functions as F

    kind = F.lit("a check of 3 characters (Salesforce)")
    steps = list(zip(plain_forms(F.col(one)), plain_forms(F.col(other)), strict=True))
    for (name, left), (_, right) in reversed(steps):
        kind = F.when(left == right, F.lit(name)).otherwise(kind)
    return kind


def _judge(
    source: Source,
    target: str | None,
    months: Mapping[tuple[str, str], _Month],
    earlier: Mapping[str, Before],
) -> list[Problem]:
    """Problems of the months of a source; `target` is its related source."""
    rule, problems = source.month_rule(RULE) or OVERLAP, []
    least = rule.min_share or 0

    def began(name: str | None) -> str:
        held = [earlier[name].first_month] if name is not None and name in earlier else []
        return min([month for of, month in months if of == name] + held, default="9999-12")

    first, last_ids = began(source.name), earlier[source.name].ids if source.name in earlier else None
    for month in sorted(month for name, month in months if name == source.name):
        found = months[source.name, month]
        again = found.ids - found.new
        # an extract that lists everything repeats ids; others name those that the related source listed before them
        expected = source.delivery == "full" or began(target) <= month or source.month_rule(RULE) is not None
        too_few = expected and month > first and found.new >= ENOUGH and again < least * found.ids
        if source.delivery == "full":
            # where the ids of before come again, the others are customers who joined
            too_few &= last_ids is None or again < least * last_ids
            last_ids = found.ids
        too_alike = found.alike >= ENOUGH and found.alike / found.ids > rule.max_share
        if found.alike or too_few:
            severity = rule.severity if too_few or too_alike else "warn"
            problems.append(_problem(source, month, found, rule, severity, too_few))
    return problems


def _problem(
    source: Source,
    month: str,
    found: _Month,
    rule: MonthRule,
    severity: Literal["warn", "block"],
    too_few: bool,
) -> Problem:
    kinds = ", ".join(f"{count:,} by {kind}" for kind, count in sorted(found.kinds.items()))
    known, least = 1 - found.new / found.ids, rule.min_share or 0
    few = f"{known:.1%} of {found.ids:,} ids are known; the rule requires {least:.0%}."
    alike = (
        f"{found.alike:,} of {found.ids:,} ids ({found.alike / found.ids:.1%}) are new and look like a known id in "
        f"another spelling: {kinds}."
    )
    return Problem(
        source.name,
        month,
        RULE,
        severity,
        " ".join([few] * too_few + [alike] * bool(found.alike)),
        f"Deliver the extract with the earlier ids, or convert them by `transformLogic` of {source.customer}. "
        f"If these are other customers, say so in the rule {RULE} of the contract.",
        found.alike or found.new,
        found.ids,
    )


def _withheld(told: "DataFrame", flags: "DataFrame", refused: set[tuple[str, str]]) -> "DataFrame":
    """Ids of refused months that are new or look like a known one."""
    from pyspark.sql import functions as F

    doubtful = told.join(flags, ["source", "customer_id"], "left").where("NOT known OR kind IS NOT NULL")
    here = F.concat_ws(" ", "source", "extract_month").isin(*(f"{s} {m}" for s, m in refused))
    fresh = (F.col("extract_month") == F.col("first_month")) | F.col("kind").isNotNull()
    return doubtful.where(here & fresh).select("customer_id").distinct()


def _others(told: "DataFrame", withheld: "DataFrame", refused: set[tuple[str, str]]) -> list[Problem]:
    """Further months that deliver withheld ids: they cannot pass either."""
    rows = (
        told.join(withheld, "customer_id", "left_semi").groupBy("source", "extract_month").count().collect()
    )
    why = ", ".join(f"{source} {month}" for source, month in sorted(refused)[:3])
    return [
        Problem(
            row["source"],
            row["extract_month"],
            RULE,
            "block",
            f"{row['count']:,} of its ids have no key, because of {why}.",
            "Correct that month first.",
            row["count"],
        )
        for row in sorted(rows)
        if (row["source"], row["extract_month"]) not in refused
    ]
