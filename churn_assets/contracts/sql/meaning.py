"""Walks an expression and tells what in it is not proven to mean the same on Spark and on Sail."""

import re
from collections.abc import Mapping, Sequence
from datetime import date

from sqlglot import exp

from churn_assets.contracts.sql import patterns
from churn_assets.contracts.sql.parsing import MARK, UnreadableSqlError, parse
from churn_assets.contracts.sql.proven import (
    CASTS,
    JOINED,
    MOMENTS,
    MOST_STEPS,
    OTHERWISE,
    STEPS,
    STEPS_OF_DATES,
    TRY_CASTS,
)
from churn_assets.contracts.sql.signatures import Argument, Found, result
from churn_assets.contracts.sql.types import (
    canonical,
    common,
    element,
    field,
    is_decimal,
    is_integer,
    is_number,
)

_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ)
_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
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


def differences_of_pattern(pattern: str, kind: str) -> list[Found]:
    """Returns what differs in a regular expression that the values of a column of this type must match."""
    found = [
        (f"the pattern has {what}", f"write {instead}") for what, instead in patterns.differences(pattern)
    ]
    if kind not in JOINED and not is_decimal(kind):
        found.append((f"the pattern reads the text of a {kind}, which is another", "use minimum and maximum"))
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
        self.lists: set[str] = set()  # expressions that are known to begin with [

    def tell(self, what: str, instead: str = "") -> None:
        """Adds a finding; its part has an unknown type."""
        self.found.append((what, instead))

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
            case exp.Add() | exp.Sub() | exp.Mul() | exp.Div() | exp.Mod() | exp.IntDiv():
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
            self.tell(f"the field {name} is read from what is no single document", "use get(list, 0).field")
        return found

    # conditions

    def _all(self, wanted: str, nodes: Sequence[exp.Expr]) -> str | None:
        kinds = [self.kind(node) for node in nodes]
        if None in kinds:
            return UNKNOWN
        if set(kinds) <= {wanted, "null"}:
            return wanted
        self.tell(f"a {wanted} is expected where another type stands", "compare it with a value")
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
                self.tell(f"a {first} is compared with a {kind}", _one_type(str(first), str(kind)))
                return UNKNOWN
        return "boolean"

    def _comparable(self, one: str, other: str, left: exp.Expr, right: exp.Expr) -> bool:
        if one.startswith(("array", "struct")) or other.startswith(("array", "struct")):
            return False
        if one == other or "null" in (one, other):
            return True
        if is_number(one) and is_number(other):
            return _are_comparable_numbers(one, other)
        day = self.text(right) if one in MOMENTS else self.text(left) if other in MOMENTS else None
        return day is not None and _is_day(day)

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
        before = set(self.lists)
        for branch in ifs:
            if not (isinstance(node, exp.Case) and node.this):
                self._all("boolean", [branch.this])
            self.lists = before | self._known_lists(branch.this)
            kinds.append(self.kind(branch.args["true"]))
            self.lists = set(before)
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

    def _known_lists(self, condition: exp.Expr) -> set[str]:
        """The expressions that begin with [ where a condition is true."""
        while isinstance(condition, exp.Paren):
            condition = condition.this
        if isinstance(condition, exp.And):
            return self._known_lists(condition.this) | self._known_lists(condition.expression)
        if isinstance(condition, exp.Like) and (self.text(condition.expression) or "").startswith("["):
            return {condition.this.sql().lower()}
        return set()

    # numbers and moments

    def _negative(self, node: exp.Neg) -> str | None:
        kind = self.kind(node.this)
        if kind is None or kind in ("double", "null") or is_decimal(kind):
            return kind
        if is_integer(kind) and isinstance(node.this, exp.Literal):
            return kind
        return self._overflow("-", [kind])

    def _arithmetic(self, node: exp.Binary) -> str | None:
        sign = {"Add": "+", "Sub": "-", "Mul": "*", "Div": "/", "Mod": "%", "IntDiv": "div"}[
            type(node).__name__
        ]
        if isinstance(node.expression, exp.Interval):
            return self._moved(self.kind(node.this), node.expression)
        kinds = [self.kind(node.this), self.kind(node.expression)]
        if None in kinds:
            return UNKNOWN
        one, other = (str(kind) for kind in kinds)
        if one in MOMENTS or other in MOMENTS:
            return self._between_moments(sign, one, other, node.expression)
        if not all(is_number(kind) or kind == "null" for kind in (one, other)):
            self.tell(f"{sign} stands between a {one} and a {other}", "make numbers of both by try_cast")
            return UNKNOWN
        if sign in ("/", "%", "div"):
            return self._division(sign, one, other, node.expression)
        if "double" in (one, other):
            return "double"
        if is_decimal(one) or is_decimal(other):
            return self._decimals(sign, one, other)
        return self._overflow(sign, [one, other])

    def _overflow(self, sign: str, kinds: Sequence[str]) -> str | None:
        what = f"{sign} of whole numbers ({', '.join(dict.fromkeys(kinds))}) can overflow, which Sail does not tell"
        self.tell(what, "write cast(x as double), or 2D in place of 2")
        return UNKNOWN

    def _decimals(self, sign: str, one: str, other: str) -> str | None:
        if not (is_decimal(one) and is_decimal(other)):
            self.tell(f"{sign} of a decimal and a whole number makes another type", "write 2.0 in place of 2")
            return UNKNOWN
        (p, s), (q, t) = (_digits(kind) for kind in (one, other))
        scale = s + t if sign == "*" else max(s, t)
        precision = p + q + 1 if sign == "*" else max(p - s, q - t) + scale + 1
        if precision > 38:
            self.tell(f"{sign} of {one} and {other} has too many digits", "cast one to double")
            return UNKNOWN
        return f"decimal({precision},{scale})"

    def _division(self, sign: str, one: str, other: str, divisor: exp.Expr) -> str | None:
        if is_decimal(one) or (is_decimal(other) and one != "double"):
            self.tell(f"{sign} of decimals rounds otherwise", "write cast(x as double) for both")
            return UNKNOWN
        if not _is_never_zero(divisor):
            self.tell(f"{sign} by what may be 0 raises", f"write a {sign} nullif(b, 0)")
            return UNKNOWN
        if sign == "div" and not isinstance(divisor, exp.Literal):
            return self._overflow(sign, [one, other])
        if sign == "/" or "double" in (one, other):
            return "double"
        return "bigint" if "bigint" in (one, other) else "int"

    def _moved(self, kind: str | None, interval: exp.Interval) -> str | None:
        """A moment plus or minus an interval."""
        unit = str(interval.unit or "").upper().removesuffix("S")
        size = interval.this
        told = self.text(size) if isinstance(size, exp.Literal) and size.name.startswith(MARK) else size.name
        steps = {"date": STEPS_OF_DATES, "timestamp": STEPS}.get(str(kind), frozenset())
        if kind is None or (unit in steps and re.fullmatch(r"\d{1,4}", str(told))):
            return kind
        self.tell(
            f"this interval on a {kind} is not proven", "write date_add(day, 3) or day + interval 3 days"
        )
        return UNKNOWN

    def _between_moments(self, sign: str, one: str, other: str, right: exp.Expr) -> str | None:
        is_small = isinstance(right, exp.Literal) and other == "int" and int(right.name) <= MOST_STEPS
        if one == "date" and sign in "+-" and is_small:
            return "date"
        self.tell(
            f"{one} {sign} {other} makes another type", "use date_diff(later, earlier), date_add, date_sub"
        )
        return UNKNOWN

    # casts and functions

    def _cast(self, node: exp.Cast) -> str | None:
        wanted = canonical(node.to.sql(dialect="spark"))
        text = self.text(node.this)
        if text is not None and not node.args.get("safe") and wanted in MOMENTS:  # date '2025-01-31'
            if _is_day(text) or (wanted == "timestamp" and _is_moment(text)):
                return wanted
            self.tell(f"{wanted} {text!r} is not proven", "write date '2025-01-31'")
            return UNKNOWN
        kind = self.kind(node.this)
        if kind is None or wanted is None:
            if wanted is None:
                self.tell(
                    f"a cast to {node.to.sql(dialect='spark').lower()} is not proven",
                    "cast to double or bigint",
                )
            return UNKNOWN
        if kind in (wanted, "null"):
            return wanted
        tried = bool(node.args.get("safe"))
        base = "decimal" if is_decimal(kind) else kind
        if wanted in (TRY_CASTS if tried else CASTS).get(base, ()):
            return wanted
        if _fits(kind, wanted):
            return wanted
        if not tried and wanted in TRY_CASTS.get(base, ()):
            self.tell(f"cast from {kind} to {wanted} raises", f"use try_cast(x as {wanted})")
        else:
            self.tell(*_other_cast(kind, wanted, tried))
        return UNKNOWN

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
        """from_json and json_array_length: equal for lists only."""
        what, instead = OTHERWISE[name]
        if self.kind(nodes[0]) is None:
            return UNKNOWN
        written = self.text(nodes[1]) if len(nodes) == 2 else ""
        kind = "int" if name == "json_array_length" else canonical(written or "")
        if (
            kind is None
            or nodes[0].sql().lower() not in self.lists
            or (name == "from_json" and not (element(kind) or "").startswith(("struct", "string")))
        ):
            self.tell(f"{name} {what}", instead)
            return UNKNOWN
        return kind

    def _with_lambda(self, name: str, nodes: list[exp.Expr]) -> str | None:
        kind = self.kind(nodes[0])
        inner = None if kind is None else element(kind)
        if kind is None:
            return UNKNOWN
        if inner is None:
            self.tell(f"{name} reads what is no list", "give it a list")
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


def _is_day(text: str) -> bool:
    try:
        return bool(_ISO_DAY.match(text)) and date.fromisoformat(text) is not None
    except ValueError:
        return False


def _is_moment(text: str) -> bool:
    return re.fullmatch(r"[012]\d:[0-5]\d:[0-5]\d", text[11:]) is not None and _is_day(text[:10])


def _are_comparable_numbers(one: str, other: str) -> bool:
    """Whether no value raises: Sail compares a double as a decimal, which is too small for some doubles."""
    if not is_decimal(one) and not is_decimal(other):
        return True
    if "double" in (one, other):
        return False
    (p, s), (q, t) = (_digits(kind) if is_decimal(kind) else (19, 0) for kind in (one, other))
    return max(p - s, q - t) + max(s, t) <= 38


def _one_type(one: str, other: str) -> str:
    """What to write so that two types are compared as one."""
    if one in MOMENTS and other in MOMENTS:
        return "write cast(x as date) in place of the timestamp"
    if is_number(one) and is_number(other):
        return "write 2.5D in place of 2.5, or cast(x as double)"
    return "write both as one type; text becomes a number by try_cast(x as bigint)"


def _digits(kind: str) -> tuple[int, int]:
    precision, scale = re.findall(r"\d+", kind)
    return int(precision), int(scale)


def _is_never_zero(node: exp.Expr) -> bool:
    """Whether a divisor is a number other than 0, or nullif(x, 0)."""
    while isinstance(node, exp.Paren | exp.Neg):
        node = node.this
    if isinstance(node, exp.TryCast) and isinstance(node.this, exp.Literal):  # 3D
        node = node.this
    if isinstance(node, exp.Anonymous) and str(node.this).lower() == "nullif" and len(node.expressions) == 2:
        return _is_zero(node.expressions[1])
    return isinstance(node, exp.Literal) and not node.is_string and not _is_zero(node)


def _is_zero(node: exp.Expr) -> bool:
    node = node.this if isinstance(node, exp.TryCast) else node
    return isinstance(node, exp.Literal) and not node.is_string and float(node.name) == 0


def _fits(kind: str, wanted: str) -> bool:
    """Whether each value of a number fits a decimal."""
    if not is_decimal(wanted):
        return False
    precision, scale = _digits(wanted)
    if is_decimal(kind):
        before, behind = _digits(kind)
        return precision - scale >= before - behind and scale >= behind
    return precision - scale >= {"int": 10, "bigint": 19}.get(kind, 99)


def _other_cast(kind: str, wanted: str, tried: bool) -> Found:
    cast = "try_cast" if tried else "cast"
    if kind == "string" and wanted in ("date", "timestamp"):
        return f"{cast} from string to {wanted} reads other forms", (
            f"write cast(try_to_timestamp(x, 'yyyy-MM-dd') as {wanted})"
        )
    if wanted == "string" and kind in ("double", "float", "timestamp"):
        return f"the text of a {kind} is another", "use date_format(x, 'yyyy-MM-dd HH:mm:ss'), or no text"
    if kind == "string" and wanted == "boolean":
        return f"{cast} from string to boolean reads other words", "write x in ('true', 'yes', '1')"
    return f"{cast} from {kind} to {wanted} is not proven", "cast to double or bigint"
