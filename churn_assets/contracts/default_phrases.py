"""What a feature without `says` says: sentences by aggregate, unit and `words`."""

import re

from churn_assets.contracts.units import singular

COMPARED = " (typical {typical})"
_SINCE = re.compile(r"^days since (?:the )?(last|first|newest) (.+)$")


def default_texts(aggregate: str | None, words: str, unit: str | None, category: bool) -> dict[str, str]:
    """Returns the texts by key of `Phrases`.

    Args:
        aggregate: None for an expression.
        words: as declared, without the window.
        unit: of the values.
        category: the values are words.
    """
    subject = _without_unit(words, unit)
    if category:
        return {"text": f"{subject}: {{value}}"}
    told_by_words = unit is None or unit in subject.split()
    value, usual, compared = (
        ("{value}", "{usual}", COMPARED)
        if told_by_words
        else ("{value:unit}", "{usual:unit}", " (typical {typical:unit})")
    )
    match aggregate:
        case "sum":
            than = f"than usual ({usual})"
            return {
                "text": f"{subject} {{window}}: {value}{compared}",
                "zero": f"{subject} {{window}}: none{compared}",
                "less_than_usual": f"{subject} {{window}}: {value}, {{percent}} less {than}",
                "more_than_usual": f"{subject} {{window}}: {value}, {{percent}} more {than}",
            }
        case "count":
            return _counted(subject, "{window}")
        case "count_ever":
            return _counted(subject.removesuffix(" so far"), "so far")
        case "mean" | "share":
            return {"text": f"{subject} {{window}}: {value}{compared}"}
        case "trend":
            subject = subject.removeprefix("trend of ")
            return {
                "higher": f"{subject} up {{percent}} {{window}}, compared with {{before}}",
                "lower": f"{subject} down {{percent}} {{window}}, compared with {{before}}",
                "zero": f"no {subject} {{window}}",
                "text": f"{subject} {{value}} {{window}}",
            }
        case "recency" | "change_recency" | "tenure":
            return _ago(subject, str(aggregate), value, compared)
        case "days_to_expiry":
            return {
                "text": "contract ends in {value:unit}",
                "zero": "contract is on its last day",
                "negative": "contract ended {size:unit} ago",
            }
        case "change":
            subject, size = _changed(subject), "{size}" if told_by_words else "{size:unit}"
            return {
                "higher": f"{subject} up by {size} {{window}}",
                "lower": f"{subject} down by {size} {{window}}",
                "zero": f"{subject} unchanged {{window}}",
            }
    return {"text": f"{subject}: {value}{compared}"}


def default_missing(aggregate: str | None, words: str, unit: str | None) -> str:
    """Returns the text where there is no value; it tells why only where the aggregate leaves no doubt."""
    subject = _without_unit(words, unit)
    since = _SINCE.match(subject)
    match aggregate:
        case "recency" | "change_recency":
            return f"no {since[2]} known {{window}}" if since else f"{subject}: none known {{window}}"
        case "tenure":
            return f"{since[1]} {since[2]} not known" if since else "time as a customer not known"
        case "days_to_expiry":
            return "no end of the contract is known"
        case "change":
            return f"no earlier {_changed(subject)} is known"
        case "trend":
            return f"no earlier {subject.removeprefix('trend of ')} to compare with"
        case "sum" | "count" | "mean" | "share":
            return f"{subject} {{window}}: unknown"
    return f"{subject} not known"


def _without_unit(words: str, unit: str | None) -> str:
    return words.removesuffix(f" ({unit})")


def _changed(subject: str) -> str:
    return re.sub(r"^change of (?:the )?", "", subject)


def _counted(subject: str, when: str) -> dict[str, str]:
    return {
        "text": f"{{value}} {{{singular(subject)}|{subject}}} {when}{COMPARED}",
        "zero": f"no {subject} {when}{COMPARED}",
    }


def _ago(subject: str, aggregate: str, value: str, compared: str) -> dict[str, str]:
    if since := _SINCE.match(subject):
        what = f"{since[1]} {since[2]}"
        return {
            "text": f"{what} {{value:unit}} ago (typical {{typical:unit}})",
            "zero": f"{what} today",
        }
    if aggregate == "tenure":
        return {
            "text": "customer for {value:unit} (typical {typical:unit})",
            "zero": "customer for less than a day",
        }
    return {"text": f"{subject}: {value}{compared}"}
