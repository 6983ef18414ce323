"""The template of a reason, `says` in churn.yaml: checks it, and fills in the value of a feature."""

from dataclasses import dataclass
from string import Formatter

PLACES = {"value": ("", "%", "+"), "typical": ("", "%", "+"), "s": ("",), "window": ("",)}


@dataclass(frozen=True)
class Number:
    """A number in a reason, rounded for readers; `{value:%}` is a percentage, `{value:+}` has its sign."""

    value: float

    def __format__(self, form: str) -> str:
        if form == "%":
            return f"{printed(100 * self.value)} %"
        return f"{'+' if form == '+' and self.value > 0 else ''}{printed(self.value)}"


def printed(value: float) -> str:
    """Returns the number as text: whole from 100 on, one decimal from 1 to 100, two significant digits below 1."""
    if abs(value) >= 1:
        value = round(value, 1)
    if value == round(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2g}" if abs(value) < 1 else f"{value:.1f}"


def check_template(template: str, of_words: bool) -> None:
    """Checks that a template can be filled in.

    Args:
        template: as declared.
        of_words: whether the values are text; then there is no typical value, percentage or sign.

    Raises:
        ValueError: the template has a placeholder or a format that is not in PLACES.
    """
    for _, place, form, conversion in Formatter().parse(template):
        if place is None:
            continue
        if place not in PLACES or (of_words and place == "typical"):
            known = ", ".join(f"{{{name}}}" for name in PLACES if not (of_words and name == "typical"))
            raise ValueError(f"`says` has no {{{place}}} here; it has {known}")
        if conversion or form not in (PLACES[place] if not of_words else ("",)):
            raise ValueError(f"`says` cannot write {{{place}}} as `{conversion or form}` here")


def for_window(template: str | None, window: str) -> str | None:
    """Returns the template with {window} filled in and the other placeholders unchanged."""
    return template.replace("{window}", window) if template is not None else None


def reason_by_template(template: str, value: float | str, typical: float | None) -> str:
    """Fills in a template that has no {window}. `{s}` is the plural ending: empty after 1, else `s`."""
    told = value if isinstance(value, str) else Number(value)
    ending = "" if f"{told}" == "1" else "s"
    if typical is None:
        for form in PLACES["typical"]:
            template = template.replace(f"{{typical:{form}}}" if form else "{typical}", "unknown")
    return template.format(value=told, typical=Number(typical or 0.0), s=ending)
