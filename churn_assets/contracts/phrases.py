"""How the values of a feature are said as reasons: `says` in churn.yaml, its placeholders, and their check."""

from functools import lru_cache
from string import Formatter
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from churn_assets.contracts.section import Section
from churn_assets.contracts.words import closest

Texts = tuple[tuple[str, str], ...]  # key of Phrases -> text
# placeholder -> formats: a share as a percentage, with its sign, with its unit
PLACES: dict[str, tuple[str, ...]] = {
    "value": ("", "%", "+", "unit"),
    "size": ("", "%", "unit"),
    "typical": ("", "%", "+", "unit"),
    "usual": ("", "%", "unit"),
    "percent": ("",),
    "s": ("",),
    "window": ("",),
    "span": ("",),
    "before": ("",),
}
USUAL = frozenset({"more_than_usual", "less_than_usual"})
OF_CATEGORIES, OF_TRENDS = (
    frozenset({"text", "if_true", "if_false"}),
    frozenset({"text", "higher", "lower", "zero"}),
)


class Phrases(Section):
    """The texts of a feature's values. The first that fits is used, in the order of `PRECEDENCE`."""

    text: str | None = Field(
        None,
        description="a reason in words for every value without a text of its own. `says: TEXT` is short for `says: "
        "{text: TEXT}`. Placeholders: see docs/features.md. Without any text the reason follows from aggregate, "
        "`words` and unit",
    )
    higher: str | None = Field(
        None,
        description="for values above the typical one; of a `trend` or a `change` for rises",
    )
    lower: str | None = Field(
        None, description="for values below the typical one; of a `trend` or a `change` for falls"
    )
    more_than_usual: str | None = Field(
        None,
        description="of a `sum` or `count`: for values at least 15 % above what is usual for this customer, by the "
        "longest window of the same line or of a line like it. It goes before `higher` and `lower`",
    )
    less_than_usual: str | None = Field(None, description="the same for values at least 15 % below")
    zero: str | None = Field(
        None, description="for 0; of a `change` for no change, of a `trend` for nothing in the later window"
    )
    negative: str | None = Field(None, description="for values below 0; not of a `trend`")
    all: str | None = Field(None, description="of a share, unit `%`: for 100 %")
    if_true: str | None = Field(None, description="of a column of true and false: for true")
    if_false: str | None = Field(None, description="of a column of true and false: for false")
    values: dict[str, str] = Field({}, description="of a column of words: value -> text for it")

    def texts(self) -> Texts:
        """Returns the declared texts by key."""
        declared = {
            **self.model_dump(exclude={"values"}),
            **{f"if_{v}": text for v, text in self.values.items()},
        }
        return tuple((key, text) for key, text in declared.items() if text is not None)


class _OrText:
    """Lets the JSON Schema allow a text in place of the mapping."""

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"type": "string"}, handler(core_schema)]}


def _from_text(content: Any) -> Any:
    return {"text": content} if isinstance(content, str) else content


Says = Annotated[Phrases | None, BeforeValidator(_from_text), _OrText()]


@lru_cache(maxsize=4096)
def parts_of(template: str) -> tuple[tuple[str, str | None, str], ...]:
    """Returns the parts of a template: (text, placeholder or None, format of the placeholder).

    Raises:
        ValueError: a brace is not closed, or a placeholder has a conversion.
    """
    found = []
    for text, place, form, conversion in Formatter().parse(template):
        if conversion:
            raise ValueError(f"it cannot write {{{place}}} as `{conversion}`")
        found.append((text, place, form or ""))
    return tuple(found)


def forms_of(place: str) -> tuple[str, str] | None:
    """Returns (one, many) of a placeholder `{ticket|tickets}`; None for other placeholders."""
    one, bar, many = place.partition("|")
    return (one, many) if bar else None


def check_text(key: str, text: str, of: str) -> tuple[str, str, str] | None:
    """Returns what is wrong with a text, as (problem, remedy, what was probably meant); None if it can be filled in.

    Args:
        key: of Phrases, or `missing`.
        of: "number", "trend" or "category".
    """
    allowed = dict(PLACES)
    if of == "category":
        allowed = {"value": ("",)}
    elif of == "trend":
        allowed = {"value": ("",), "window": ("",), "span": ("",), "before": ("",)}
    if of == "number" and key not in USUAL:
        allowed = {k: v for k, v in allowed.items() if k not in ("usual", "percent", "before")}
    if of == "trend" and key in ("higher", "lower"):
        allowed |= {"percent": ("",)}
    if key == "missing":
        allowed = {"window": ("",), "span": ("",)}
    try:
        parts = parts_of(text)
    except ValueError as error:
        return str(error), "write a single brace as `{{` or `}}`", ""
    for _, place, form in parts:
        if place is None or (forms_of(place) and of == "number" and key != "missing"):
            continue
        known = ", ".join(f"{{{name}}}" for name in allowed)
        if place not in allowed:
            return f"it has no {{{place}}} here", f"use one of {known}", closest(place, allowed)
        if form not in allowed[place]:
            forms = ", ".join(f"{{{place}:{f}}}" if f else f"{{{place}}}" for f in allowed[place])
            return f"it cannot write {{{place}}} as `{form}`", f"use {forms}", ""
    return None


def filled(text: str, **known: str) -> str:
    """Returns the text with these placeholders filled in and all others unchanged."""
    for place, words in known.items():
        text = text.replace(f"{{{place}}}", words)
    return text
