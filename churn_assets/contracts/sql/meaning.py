"""Walks an expression and tells what in it is not proven to mean the same on Spark and on Sail."""

import re
from collections.abc import Mapping, Sequence

from sqlglot import exp

from churn_assets.contracts.sql import arithmetic, casts, patterns
from churn_assets.contracts.sql.parsing import MARK, UnreadableSqlError, parse
from churn_assets.contracts.sql.proven import JOINED, MOMENTS, OTHERWISE
from churn_assets.contracts.sql.signatures import Argument, Found, result
from churn_assets.contracts.sql.types import canonical, common, element, field, is_decimal, is_number
from churn_assets.contracts.words import with_article

_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ)
_SIGNS: dict[type[exp.Expr], str] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Mod: "%",
    exp.IntDiv: "div",
}
UNKNOWN = None  # the type of what is not proven


def differences(sql: str, names: Mapping[str, str]) -> list[Found]:
    """Returns what in an expression is not proven equal on both engines; nothing if it means the same.

    Args:
        sql: an expression or a condition that Spark accepts.
        names: type of each column that it may read.
    """
    try:
        tree, texts = parse(sql)
    except UnreadableSqlError as error:
        return [
            (f"could not be parsed: {error}", "write it with the functions and operators of docs/engines.md")
        ]
    reader = _Reader({name.lower(): kind for name, kind in names.items()}, texts)
    reader.kind(tree)
    return list(dict.fromkeys(reader.found))


def type_of(sql: str, names: Mapping[str, str]) -> str | None:
    """Returns the type of an expression, as Spark writes it; None if it is not proven.

    Args:
        sql: an expression or a condition.
        names: type of each column that it may read.
    """
    try:
        tree, texts = parse(sql)
    except UnreadableSqlError:
        return None
    return _Reader({name.lower(): kind for name, kind in names.items()}, texts).kind(tree)


def differences_of_pattern(pattern: str, kind: str) -> list[Found]:
    """Returns what differs in a regular expression that the values of a column of this type must match."""
    found = [
        (f"the pattern has {what}", f"write {instead}") for what, instead in patterns.differences(pattern)
    ]
    if kind not in JOINED and not is_decimal(kind):
        found.append(
            (
                f"the pattern reads a {kind} as text, which the engines write differently",
                "use minimum and maximum",
            )
        )
    return found


def differences_of_format(written: str) -> list[Found]:
    """Returns what is not proven in a format of a column; silver reads the names of months alike on both engines."""
    unproven = patterns.differences_of_format(written, ("MMM",))
    return [(f"the format has {what}", f"use {instead}") for what, instead in unproven]


class _Reader:
    """Types of the parts of one expression; `found` collects what is not proven.

    A part of an unknown type is not told twice: its parents get UNKNOWN, and say nothing about it.
    """

    def __init__(self, names: Mapping[str, str], texts: Sequence[str]) -> None:
        self.names, self.texts = names, texts
        self.found: list[Found] = []
        self.variables: dict[str, str | None] = {}  # of the lambda around
        self.beginnings: dict[str, str] = {}  # expression -> what its text is known to begin with

    def tell(self, what: str, instead: str = "") -> None:
        """Adds a finding; its part has an unknown type."""
        self.found.append((what, instead))

    def _told(self, found: str | Found) -> str | None:
        """A proven type as it is; UNKNOWN for a finding, which is added."""
        if isinstance(found, str):
            return found
        self.found.append(found)
        return UNKNOWN

    def kind(self, node: exp.Expr | None) -> str | None:
        """The type of a part; UNKNOWN if it is not proven, and then it was told."""
        match node:
            case exp.Paren():
                return self.kind(node.this)
            case exp.Null():
                return "null"
            case exp.Boolean():
                return "boolean"
            case exp.Literal():
                return self._literal(node)
            case exp.Identifier():
                return self._name(node.name)
            case exp.Column():
                return self._column(node)
            case exp.Dot():
                return self._field(self.kind(node.this), node.expression.name)
            case exp.And() | exp.Or() | exp.Not():
                return self._all("boolean", [v for v in node.args.values() if isinstance(v, exp.Expr)])
            case exp.Is():
                return self._is(node)
            case exp.In() | exp.Between():
                return self._comparison(self._members(node))
            case exp.Like():
                return self._like(node)
            case exp.RegexpLike():
                return self._function("rlike", [node.this, node.expression])
            case exp.If() | exp.Case():
                return self._branches(node)
            case exp.TryCast() | exp.Cast():
                return self._cast(node)
            case exp.Extract():
                return self._function("extract", [node.this, node.expression])
            case exp.Anonymous():
                return self._function(str(node.this).lower(), list(node.expressions))
            case exp.Neg():
                return self._negative(node)
            case exp.DPipe():
                return self._function("concat", [node.this, node.expression])
        if isinstance(node, exp.Binary) and type(node) in _SIGNS:
            return self._arithmetic(node)
        if isinstance(node, _COMPARISONS):
            return self._comparison([node.this, node.expression])
        word = type(node).__name__ if node is not None else "an empty expression"
        self.tell(f"{word.upper()} is not on the list of what is proven", "use what docs/engines.md lists")
        return UNKNOWN

    # names and literals

    def text(self, node: exp.Expr | None) -> str | None:
        """The text of a string literal; None if the part is none."""
        if not isinstance(node, exp.Literal) or not node.is_string or not node.name.startswith(MARK):
            return None
        return self.texts[int(node.name.removeprefix(MARK))]

    def _literal(self, node: exp.Literal) -> str | None:
        if node.is_string:
            return "string"
        if re.fullmatch(r"\d+", node.name):
            size = int(node.name)
            return "int" if size < 2**31 else "bigint" if size < 2**63 else self._no_number(node)
        if plain := re.fullmatch(r"(\d*)\.(\d*)", node.name):
            whole, behind = plain[1].lstrip("0"), plain[2]
            return f"decimal({max(1, len(whole) + len(behind))},{len(behind)})"
        return self._no_number(node)

    def _no_number(self, node: exp.Literal) -> str | None:
        self.tell(f"the number {node.name} is not proven", "write it with a D behind: 1.5D")
        return UNKNOWN

    def _name(self, name: str) -> str | None:
        if name.lower() in self.variables:
            return self.variables[name.lower()]
        kind = self.names.get(name.lower())
        known = None if kind is None else canonical(kind)
        if known is None:
            self.tell(f"the type of {name} is not known here", "read a column of the contract or a feature")
        return known

    def _column(self, node: exp.Column) -> str | None:
        if not node.table:
            return self._name(node.name)
        return self._field(self._name(node.table), node.name) if not node.db else self._name(node.sql())

    def _field(self, kind: str | None, name: str) -> str | None:
        found = None if kind is None else field(kind, name)
        if kind is not None and found is None:
            self.tell(
                f"the field {name} is read from something that is not a single document",
                "use get(list, 0).field",
            )
        return found

    # conditions

    def _all(self, wanted: str, nodes: Sequence[exp.Expr]) -> str | None:
        kinds = [self.kind(node) for node in nodes]
        if None in kinds:
            return UNKNOWN
        if set(kinds) <= {wanted, "null"}:
            return wanted
        self.tell(f"a {wanted} is expected here, and this is of another type", "compare it with a value")
        return UNKNOWN

    def _is(self, node: exp.Is) -> str | None:
        if self.kind(node.this) is None:
            return UNKNOWN
        if isinstance(node.expression, exp.Null | exp.Boolean):
            return "boolean"
        self.tell("IS stands before something other than NULL, TRUE or FALSE", "use <=>")
        return UNKNOWN

    def _members(self, node: exp.In | exp.Between) -> list[exp.Expr]:
        if isinstance(node, exp.Between):
            return [node.this, node.args["low"], node.args["high"]]
        return [node.this, *(node.expressions or [exp.Subquery()])]

    def _comparison(self, nodes: Sequence[exp.Expr]) -> str | None:
        kinds = [self.kind(node) for node in nodes]
        if None in kinds:
            return UNKNOWN
        first = kinds[0]
        for node, kind in zip(nodes[1:], kinds[1:], strict=True):
            if not self._comparable(str(first), str(kind), nodes[0], node):
                remedy = arithmetic.as_one_type(str(first), str(kind))
                self.tell(f"{with_article(str(first))} is compared with {with_article(str(kind))}", remedy)
                return UNKNOWN
        return "boolean"

    def _comparable(self, one: str, other: str, left: exp.Expr, right: exp.Expr) -> bool:
        if one.startswith(("array", "struct")) or other.startswith(("array", "struct")):
            return False
        if one == other or "null" in (one, other):
            return True
        if is_number(one) and is_number(other):
            return arithmetic.are_comparable(one, other)
        day = self.text(right) if one in MOMENTS else self.text(left) if other in MOMENTS else None
        return day is not None and casts.is_day(day)

    def _like(self, node: exp.Like) -> str | None:
        pattern = self.text(node.expression)
        if self.kind(node.this) == "string" and pattern is not None and "\\" not in pattern:
            return "boolean"
        self.tell("LIKE is proven for a string and a pattern without \\", "use contains(x, 'text')")
        return UNKNOWN

    def _branches(self, node: exp.If | exp.Case) -> str | None:
        ifs = [node] if isinstance(node, exp.If) else node.args["ifs"]
        kinds: list[str | None] = []
        if (chosen := node.args.get("this")) is not None and isinstance(node, exp.Case):
            self._comparison([chosen, *(branch.this for branch in ifs)])
            chosen = None
        before = dict(self.beginnings)
        for branch in ifs:
            if not (isinstance(node, exp.Case) and node.this):
                self._all("boolean", [branch.this])
            self.beginnings = before | self._known_beginnings(branch.this)
            kinds.append(self.kind(branch.args["true"]))
            self.beginnings = dict(before)
        last = node.args.get("false") if isinstance(node, exp.If) else node.args.get("default")
        kinds.append(self.kind(last) if last is not None else "null")
        return self._common("CASE", kinds)

    def _common(self, who: str, kinds: Sequence[str | None]) -> str | None:
        if None in kinds:
            return UNKNOWN
        told = [str(kind) for kind in kinds]
        found = common(told)
        if found is None or (found == "double" and told[0] not in ("double", "null")):
            named = ", ".join(dict.fromkeys(kind for kind in told if kind != "null"))
            self.tell(
                f"{who} mixes {named}", "give all one type: 0D is a double, cast(x as double) makes one"
            )
            return UNKNOWN
        return found

    def _known_beginnings(self, condition: exp.Expr) -> dict[str, str]:
        """What expressions begin with where a condition is true: x -> [ for x like '[%'."""
        while isinstance(condition, exp.Paren):
            condition = condition.this
        if isinstance(condition, exp.And):
            return self._known_beginnings(condition.this) | self._known_beginnings(condition.expression)
        if isinstance(condition, exp.Like) and (pattern := self.text(condition.expression)):
            return {condition.this.sql().lower(): re.split("[%_]", pattern)[0]}
        return {}

    # numbers and moments

    def _negative(self, node: exp.Neg) -> str | None:
        kind = self.kind(node.this)
        return kind and self._told(arithmetic.negative(kind, isinstance(node.this, exp.Literal)))

    def _arithmetic(self, node: exp.Binary) -> str | None:
        one, other = node.this, node.expression
        if isinstance(other, exp.Interval):
            kind = self.kind(one)
            return kind and self._told(arithmetic.moved(kind, *self._step(other)))
        kinds = [self.kind(one), self.kind(other)]
        if None in kinds:
            return UNKNOWN
        sign = _SIGNS[type(node)]
        return self._told(arithmetic.computed(sign, str(kinds[0]), str(kinds[1]), other))

    def _step(self, interval: exp.Interval) -> tuple[str, str]:
        """The number and the unit of an interval, as written: 3 and DAY."""
        size = interval.this
        written = (
            self.text(size) if isinstance(size, exp.Literal) and size.name.startswith(MARK) else size.name
        )
        return str(written), str(interval.unit or "").upper().removesuffix("S")

    # casts and functions

    def _cast(self, node: exp.Cast) -> str | None:
        written = node.to.sql(dialect="spark")
        wanted, tried, text = canonical(written), bool(node.args.get("safe")), self.text(node.this)
        if text is not None and not tried and wanted in MOMENTS:  # date '2025-01-31'
            return self._told(casts.moment_literal(text, wanted))
        kind = self.kind(node.this)
        if wanted is None:
            self.tell(f"a cast to {written.lower()} is not proven", "cast to double or bigint")
            return UNKNOWN
        return kind and self._told(casts.cast(kind, wanted, tried))

    def _function(self, name: str, nodes: list[exp.Expr]) -> str | None:
        if name in ("from_json", "json_array_length"):
            return self._document(name, nodes)
        if any(isinstance(node, exp.Lambda) for node in nodes):
            return self._with_lambda(name, nodes)
        arguments = []
        for position, node in enumerate(nodes):
            if name == "extract" and position == 0:
                arguments.append(Argument("unit", node.name.lower()))
            elif (kind := self.kind(node)) is not None:
                number = int(node.name) if isinstance(node, exp.Literal) and kind == "int" else None
                arguments.append(Argument(kind, self.text(node), number))
        if len(arguments) < len(nodes):
            return UNKNOWN
        found = result(name, arguments)
        if isinstance(found, str):
            return found
        self.found += found
        return UNKNOWN

    def _document(self, name: str, nodes: list[exp.Expr]) -> str | None:
        """from_json and json_array_length: equal for lists only, from_json for those of objects."""
        what, instead = OTHERWISE[name]
        if self.kind(nodes[0]) is None:
            return UNKNOWN
        written = self.text(nodes[1]) if len(nodes) == 2 else ""
        kind = "int" if name == "json_array_length" else canonical(written or "")
        wanted = "[" if name == "json_array_length" else "[{"
        is_list = self.beginnings.get(nodes[0].sql().lower(), "").startswith(wanted)
        is_of_objects = kind == "int" or (kind is not None and (element(kind) or "").startswith("struct"))
        if not is_list or not is_of_objects:
            self.tell(f"{name} {what}", instead)
            return UNKNOWN
        return kind

    def _with_lambda(self, name: str, nodes: list[exp.Expr]) -> str | None:
        kind = self.kind(nodes[0])
        inner = None if kind is None else element(kind)
        if kind is None:
            return UNKNOWN
        if inner is None:
            self.tell(f"{name} reads something that is not a list", "give it a list")
            return UNKNOWN
        if name in ("filter", "exists") and len(nodes) == 2:
            body = self._body(nodes[1], [inner])
            return body and (kind if name == "filter" else "boolean")
        if name == "transform" and len(nodes) == 2:
            body = self._body(nodes[1], [inner])
            return body and f"array<{body}>"
        if name == "aggregate" and len(nodes) == 3 and self.kind(nodes[1]) == "double":
            body = self._body(nodes[2], ["double", inner])
            if body in (None, "double"):
                return body
        what, instead = OTHERWISE.get(name, ("is not on the list of what is proven", ""))
        self.tell(f"{name} {what}", instead)
        return UNKNOWN

    def _body(self, node: exp.Expr, kinds: Sequence[str]) -> str | None:
        if not isinstance(node, exp.Lambda) or len(node.expressions) != len(kinds):
            self.tell("a lambda with other arguments is not proven", "give it one argument")
            return UNKNOWN
        before = self.variables
        given = zip((str(v.name).lower() for v in node.expressions), kinds, strict=True)
        self.variables = {**before, **dict(given)}
        kind = self.kind(node.this)
        self.variables = before
        return kind
