"""Converts pydantic errors to readable mistakes: the value found, what is allowed, and what was probably meant."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from churn_assets.contracts.section import PATTERNS
from churn_assets.contracts.words import closest, listed, shown
from churn_assets.contracts.yaml_file import Step, Steps

# type of a pydantic error, or its part before the first underscore -> what is allowed
WANTED = {
    "string_pattern_mismatch": "{words}",
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "{ge:g} or more",
    "less_than": "a number below {lt:g}",
    "less_than_equal": "{le:g} or less",
    "too_short": "at least {min_length} item",
    "string": "text; a number or yes and no as text stand in quotes",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list, [a, b]",
    "dict": "a mapping of keys to values",
    "model": "a mapping of keys to values",
    "date": "a day, 2025-01-31",
    "literal": "{expected}",
}


@dataclass(frozen=True)
class Complaint:
    """One mistake in the shape of a content.

    Attributes:
        steps: path of the mistake; for a missing key, the path where it belongs.
        missing: a required key is missing.
        unknown: the key is not allowed.
        replace: validation goes on with `meant` in place of the value.
    """

    steps: Steps
    problem: str
    remedy: str = ""
    meant: str = ""
    missing: bool = False
    unknown: bool = False
    replace: bool = False


def complaints(error: ValidationError, model: type[BaseModel], content: Any) -> list[Complaint]:
    """Returns all complaints about a content; a misspelt required key gives one complaint, not also a missing key."""
    by_place: dict[Steps, list[ErrorDetails]] = {}
    for details in _with_tags(error, model, content):
        by_place.setdefault(_steps(details, content), []).append(details)
    unknown = {steps: d[0] for steps, d in by_place.items() if d[0]["type"] == "extra_forbidden"}
    found: list[Complaint] = []
    meant: set[Steps] = set()
    for steps, details in unknown.items():
        complaint = _unknown_key(steps, details, model, content, meant)
        meant.add((*steps[:-1], complaint.meant))
        found.append(complaint)
    found += [_other(s, d, model) for s, d in by_place.items() if s not in unknown and s not in meant]
    return found


def _with_tags(error: ValidationError, model: type[BaseModel], content: Any) -> Iterator[ErrorDetails]:
    """Yields the errors; turns an error about the tag of a union into one about the key that contains the tag."""
    for details in error.errors():
        if details["type"] in ("union_tag_not_found", "union_tag_invalid"):
            key = details["ctx"]["discriminator"].strip("'")
            loc, mapping = (*details["loc"], key), details["input"]
            if details["type"] == "union_tag_invalid":
                expected = details["ctx"]["expected_tags"]
                details = details | {"type": "literal_error", "ctx": {"expected": expected}}
                yield details | {"loc": loc, "input": mapping[key]}
                continue
            known = _fields(model, details["loc"])
            strangers = [k for k in mapping if k not in known]
            if misspelt := closest(key, strangers):
                yield details | {"type": "extra_forbidden", "loc": (*details["loc"], misspelt)}
            else:
                yield details | {"type": "missing", "loc": loc}
        else:
            yield details


def _steps(details: ErrorDetails, content: Any) -> Steps:
    """Returns the path of an error in the content, without the union tags that pydantic inserts."""
    steps: list[Step] = []
    for position, step in enumerate(details["loc"]):
        is_there = (
            step in content
            if isinstance(content, dict)
            else isinstance(content, list) and isinstance(step, int) and step < len(content)
        )
        if is_there:
            content = content[step]
            steps.append(step)
        elif details["type"] == "missing" and position == len(details["loc"]) - 1:
            steps.append(step)
    return tuple(steps)


def _fields(model: type[BaseModel], loc: Sequence[Step]) -> dict[str, FieldInfo]:
    """Returns key -> field for the models at a path."""
    models = [model]
    for step in loc:
        if isinstance(step, str):
            field = _keys(models).get(step)
            tagged = [m for m in models if any(step in get_args(f.annotation) for f in _keys([m]).values())]
            models = _models(field.annotation) if field else tagged or models
    return _keys(models)


def _keys(models: Sequence[type[BaseModel]]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for m in models for name, field in m.model_fields.items()}


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for inner in get_args(annotation) for m in _models(inner)]


def _unknown_key(
    steps: Steps, details: ErrorDetails, model: type[BaseModel], content: Any, taken: set[Steps]
) -> Complaint:
    mapping = content
    for step in steps[:-1]:
        mapping = mapping[step]
    known = _fields(model, details["loc"][:-1])
    free = [k for k in known if k not in mapping and (*steps[:-1], k) not in taken]
    return Complaint(
        steps,
        f"there is no key {shown(steps[-1])}",
        f"allowed: {listed(known)}",
        closest(steps[-1], free),
        unknown=True,
    )


def _other(steps: Steps, details: Sequence[ErrorDetails], model: type[BaseModel]) -> Complaint:
    first = details[0]
    if first["type"] == "missing":
        field = _fields(model, first["loc"][:-1]).get(str(steps[-1]))
        meaning = f": {field.description}" if field and field.description else ""
        return Complaint(steps, f"the key {steps[-1]} is missing", f"add it{meaning}", missing=True)
    if first["type"] == "value_error":
        return Complaint(steps, str(first["ctx"]["error"]))
    if first["type"] == "invalid_key":
        return Complaint(steps, f"a key is {shown(first['loc'][-1])}, which is not text", "put it in quotes")
    expected = first.get("ctx", {}).get("expected", "")
    choices = [one or other for one, other in re.findall(r"'([^']+)'|\"([^\"]+)\"", expected)]
    meant = closest(first["input"], choices) if isinstance(first["input"], str) else ""
    allowed = f"one of {listed(choices)}" if choices else " or ".join(dict.fromkeys(map(_wanted, details)))
    return Complaint(
        steps, f"found {shown(first['input'])}", f"allowed: {allowed}", meant, replace=bool(meant)
    )


def _wanted(details: ErrorDetails) -> str:
    context = details.get("ctx", {})
    context["words"] = PATTERNS.get(context.get("pattern", ""))
    template = WANTED.get(details["type"]) or WANTED.get(details["type"].partition("_")[0])
    return template.format(**context) if template else details["msg"]
