"""The section `features` of churn.yaml: its lines are read, and checked against the sources and the windows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from churn_assets.contracts.expressions import is_usual_condition, mistakes_in, no_condition
from churn_assets.contracts.feature import (
    BY_ROLE,
    COLUMNS,
    Feature,
    FeatureLine,
    expand,
    kind_of,
    names_of,
)
from churn_assets.contracts.feature_topics import WITH_HISTORY, longest_windows, with_topics
from churn_assets.contracts.phrases import OF_CATEGORIES, OF_TRENDS, USUAL, check_text
from churn_assets.contracts.place import Names, Place
from churn_assets.contracts.source import NUMERIC, Column, Source
from churn_assets.contracts.sources import Sources, check_values
from churn_assets.contracts.units import PERCENT
from churn_assets.contracts.validation import peek
from churn_assets.contracts.windows import Windows
from churn_assets.contracts.words import closest, listed


@dataclass(frozen=True)
class Features:
    """The features of all readable lines.

    `names` and `drivers` are what segments may refer to; they include those of lines that could not be read.
    """

    all: tuple[Feature, ...]
    names: Names
    drivers: Names

    @property
    def types(self) -> dict[str, str]:
        """Type of each column of the snapshot that SQL may read, as Spark writes it."""
        return {"tenure_days": "double"} | {feature.name: feature.spark_type for feature in self.all}

    def why_no_condition(self, sql: str) -> str | None:
        """Why SQL over the snapshot is neither true nor false; None if it is, or its type is not proven."""
        why = no_condition(sql)
        if why is not None or is_usual_condition(
            sql
        ):  # loading imports nothing heavy for the usual condition
            return why
        from churn_assets.contracts.sql.meaning import type_of
        from churn_assets.contracts.sql.parsing import why_unparsed

        if why := why_unparsed(sql):
            return why
        kind = type_of(sql, self.types)
        return None if kind in (None, "boolean") else f"it gives {kind}"


@dataclass(frozen=True)
class _ReadLine:
    """A line with misspelt names corrected, and its source if that could be read.

    `sure` is false if the names of its features are uncertain: they contain the name of an unknown source or column.
    """

    place: Place
    line: FeatureLine
    source: Source | None
    sure: bool


def read_features(
    place: Place, sources: Sources, labelled: Source | None, windows: Windows | None, currency: str
) -> Features:
    """Checks each line of the section and returns the features in the same order.

    Args:
        place: of the section.
        sources: the sources that lines may read; of the spell sources only `labelled`.
        labelled: the source of the label; None if it could not be read.
        windows: contains W, the longest window of a feature; None if it could not be read.
        currency: of the business.
    """
    lines = [read for item in place.items() if (read := _read_line(item, sources)) is not None]
    features: list[Feature] = []
    unread: list[str] = []
    for read in lines:
        _check_windows(read, windows)
        if not (read.line.sql or _is_readable(read, sources, labelled)):
            unread += names_of(read.line)
            continue
        _check_says(read)
        for feature in expand(read.line, read.source, (windows or Windows()).observation_months, currency):
            if feature.name in {f.name for f in features}:
                read.place.refuse(f"two features are called {feature.name}", "give one line a `name`")
            features.append(feature)
    names = tuple(dict.fromkeys([*(f.name for f in features), *unread]))
    complete = 0 < len(lines) == len(list(place.items())) and all(read.sure for read in lines)
    _check_expressions(lines, complete)
    known = Names(names, complete)
    _check_usual(lines, features, known)
    return Features(with_topics(features), known, _drivers(place))


def _read_line(place: Place, sources: Sources) -> _ReadLine | None:
    line = peek(FeatureLine, place)
    if line is None:
        return None
    if line.source is None:
        return _ReadLine(place, line, None, sure=True)
    source = sources.find(line.source, place.at("source"))
    if source is None:
        return _ReadLine(place, line, None, sure=line.source in sources.names.known)
    meant: dict[str, str | None] = {"source": source.name}
    for key in COLUMNS:
        if (name := getattr(line, key)) is not None:
            meant[key] = sources.attribute_name(source, name, place.at(key))
    if line.value is not None and (column := source.attribute(meant["category"])) is not None:
        meant["value"] = check_values(column, [line.value], place.at("value"))[0]
    known = {key: name for key, name in meant.items() if name is not None}
    return _ReadLine(place, line.model_copy(update=known), source, sure=known == meant)


def _check_windows(read: _ReadLine, windows: Windows | None) -> None:
    line, reach = read.line, 2 if read.line.aggregate == "trend" else 1
    for position, months in enumerate(line.months if windows else []):
        if windows and not 1 <= months * reach <= windows.observation_months:
            read.place.at("months", position).refuse(
                f"a {line.aggregate} over {months} months does not fit into "
                f"{windows.observation_months} months"
            )


def _check_says(read: _ReadLine) -> None:
    """Reports texts that cannot be filled in, and values of `reason_when` that the feature does not have."""
    line, source = read.line, read.source
    of = "trend" if line.aggregate == "trend" else "number" if source is None else kind_of(line, source)
    column = source.attribute(line.column) if source and of == "category" else None
    if line.says and line.says.values:
        _check_spoken_values(read.place.at("says", "values"), line, column)
    for key, text in (*line.texts, *([("missing", line.missing)] if line.missing else [])):
        place = read.place.at(*(("missing",) if key == "missing" else _steps(read, key)))
        if (reason := _does_not_apply(key, of, line, column)) is not None:
            place.refuse(*reason)
        elif (wrong := check_text(key, text, of)) is not None:
            place.refuse(*wrong)
    _check_when(read.place, line, of, column)


def _check_spoken_values(place: Place, line: FeatureLine, column: Column | None) -> None:
    """Reports texts for values that the column does not have, or that it has no words."""
    if column is None or column.type == "boolean":
        place.refuse("only words have values with texts", "use the other keys of `says`")
    else:
        check_values(column, list(line.says.values if line.says else ()), place)


def _steps(read: _ReadLine, key: str) -> tuple[str, ...]:
    if isinstance(read.place.at("says").content(), str):
        return ("says",)
    value = key.removeprefix("if_")
    return ("says", "values", value) if read.line.says and value in read.line.says.values else ("says", key)


def _does_not_apply(key: str, of: str, line: FeatureLine, column: Column | None) -> tuple[str, str] | None:
    """Returns why a feature has no values that a text is for, and a remedy; None if it may have some."""
    if key.removeprefix("if_") in (line.says.values if line.says else {}):
        return None
    if key == "all" and line.aggregate != "share" and line.unit != PERCENT:
        return "all is for shares", 'declare `unit: "%"`, or use `higher`'
    if key in USUAL and line.aggregate not in WITH_HISTORY:
        return f"only a sum or a count has {key}", "use `higher` or `lower`"
    if key in ("if_true", "if_false") and (column is None or column.type != "boolean"):
        return f"{key} is for columns of true and false", "use `text`"
    allowed = {"category": OF_CATEGORIES, "trend": OF_TRENDS}.get(of)
    if allowed is not None and key not in {*allowed, "missing"}:
        kind = "words" if of == "category" else "a trend"
        return f"{key} does not apply to {kind}", f"use one of {listed(sorted(allowed))}"
    return None


def _check_when(place: Place, line: FeatureLine, of: str, column: Column | None) -> None:
    """Reports a `reason_when` of words, and `reason_values` of numbers or that the column does not have."""
    if line.reason_when is not None and of == "category":
        place.at("reason_when").refuse(
            f"words are not {line.reason_when} than others",
            "list the values that are reasons in `reason_values`",
        )
    if line.reason_values and column is None:
        place.at("reason_values").refuse("only words have values to list", "use `reason_when`")
    elif line.reason_values and column is not None:
        known = replace(column, valid_values=("true", "false")) if column.type == "boolean" else column
        check_values(known, line.reason_values, place.at("reason_values"))


def _is_readable(read: _ReadLine, sources: Sources, labelled: Source | None) -> bool:
    """Returns whether the source has the aggregate and columns that the line reads; reports what does not fit."""
    line, source, place = read.line, read.source, read.place
    if source is None:
        return False
    if line.aggregate not in BY_ROLE[source.role]:
        known = sorted(BY_ROLE[source.role])
        place.at("aggregate").refuse(
            f"a source of role {source.role} has no aggregate {line.aggregate}",
            f"use one of {listed(known)}",
            closest(line.aggregate, known),
        )
        return False
    if source.role == "spell" and labelled is not None and source.name != labelled.name:
        place.at("source").refuse(
            f"features of a spell come from the label source {labelled.name}, not from {source.name}"
        )
    if line.aggregate == "days_to_expiry" and source.spell and source.spell.expires_on is None:
        place.at("aggregate").refuse(
            f"{source.name} declares no spell.expiresOn", "declare it in the contract"
        )
    sources.check_where(line.where, source, place.at("where"))
    columns = {key: source.attribute(name) for key in COLUMNS if (name := getattr(line, key)) is not None}
    for key, column in columns.items():
        if column and (key == "measure" or line.aggregate == "change") and column.type not in NUMERIC:
            place.at(key).refuse(f"{column.name} of {source.name} is of type {column.type}, not a number")
    return None not in columns.values()


def _check_expressions(lines: Sequence[_ReadLine], complete: bool) -> None:
    """Checks what the expressions read.

    An expression may read every feature of a source, also from a line below it, but only expressions above it.
    """
    readable = ["tenure_days", *(n for read in lines if not read.line.sql for n in names_of(read.line))]
    for read in lines:
        if read.line.sql is not None:
            here = read.place.at("sql")
            for wrong in mistakes_in(read.line.sql, readable if complete else None):
                if not here.is_settled:
                    here.refuse(*wrong)
            readable.append(str(read.line.name))


def _check_usual(lines: Sequence[_ReadLine], features: Sequence[Feature], names: Names) -> None:
    """Checks that a customer's own history is declared where a text or an expression needs it.

    Args:
        features: those of the readable lines.
        names: of the features of all lines.
    """
    history, readable = longest_windows(features), {f.name for f in features}
    for read in lines:
        own = set(names_of(read.line))
        for key in {key for key, _ in read.line.texts} & USUAL:
            if read.line.aggregate in WITH_HISTORY and own <= readable and not own & set(history):
                read.place.at("says", key).refuse(
                    "no feature of a longer window tells what is usual for a customer",
                    "declare the same sum or count over more months, or use `higher` and `lower`",
                )
        if (target := read.line.speaks_of) is not None:
            place = read.place.at("speaks_of")
            found = names.find(target, place, f"there is no feature {target} to speak of")
            if found in readable and found not in history:
                place.refuse(
                    f"{found} has no longer window that tells what is usual for a customer",
                    "name a sum or a count that is also declared over more months",
                )


def _drivers(place: Place) -> Names:
    """Returns the drivers of all lines, including lines that could not be read."""
    default = FeatureLine.model_fields["driver"].default
    items = list(place.items())
    found = [item.at("driver").content(default if peek(FeatureLine, item) else None) for item in items]
    known = tuple(dict.fromkeys(driver for driver in found if isinstance(driver, str)))
    return Names(known, bool(found) and all(isinstance(driver, str) for driver in found))
