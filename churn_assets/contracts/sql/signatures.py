"""Finds the proven signature of a function that fits its arguments."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from churn_assets.contracts.sql import patterns
from churn_assets.contracts.sql.proven import (
    JOINED,
    MOMENTS,
    MOST_STEPS,
    OTHERWISE,
    PARTS,
    PRINTED,
    REPLACEMENT,
    SIGNATURES,
)
from churn_assets.contracts.sql.types import common, element, is_decimal, is_integer, is_number

LIST = "use what docs/engines.md lists"


@dataclass(frozen=True)
class Argument:
    """One argument: its type, and what is written if it is a string or a whole number from 0 on."""

    kind: str
    text: str | None = None
    number: int | None = None


Found = tuple[str, str]  # what is not proven, what to write instead
_WORDS: dict[str, Callable[[Argument], bool]] = {
    "any": lambda a: True,
    "number": lambda a: is_number(a.kind),
    "integer": lambda a: is_integer(a.kind),
    "moment": lambda a: a.kind in MOMENTS,
    "joined": lambda a: a.kind in JOINED or is_decimal(a.kind),
    "array": lambda a: element(a.kind) is not None,
    "n": lambda a: a.number is not None,
    "+n": lambda a: a.number is not None and a.number > 0,
    "steps": lambda a: a.number is not None and a.number <= MOST_STEPS,
    "text": lambda a: a.text is not None,
    "regex": lambda a: a.text is not None,
    "parting": lambda a: a.text is not None and not patterns.matches_nothing(a.text),
    "replacement": lambda a: a.text is not None and re.fullmatch(REPLACEMENT, a.text, re.DOTALL) is not None,
    "format": lambda a: a.text is not None and not patterns.differences_of_format(a.text),
    "printed": lambda a: a.text in PRINTED,
    "part": lambda a: a.text in PARTS,
}


def result(name: str, arguments: Sequence[Argument]) -> str | list[Found]:
    """Returns the type of a call, or what in it is not proven."""
    for signature in SIGNATURES.get(name, ()):
        wanted, _, returned = signature.partition(" -> ")
        words = _repeated(wanted.split(", "), len(arguments))
        if len(words) == len(arguments) and (bound := _bound(words, arguments)) is not None:
            doubts = [
                doubt
                for word, argument in zip(words, arguments, strict=True)
                if word in ("regex", "parting")
                for doubt in patterns.differences(argument.text or "")
            ]
            if doubts:
                return [(f"{name} with {what}", f"write {instead}") for what, instead in doubts]
            return bound.get(returned, returned)
    if name in OTHERWISE:
        what, instead = OTHERWISE[name]
        return [(f"{name} {what}", instead)]
    if name in SIGNATURES:
        told = ", ".join(
            "a literal" if a.text is not None or a.number is not None else a.kind for a in arguments
        )
        wanted = " or ".join(f"{name}({s.partition(' -> ')[0]})" for s in SIGNATURES[name])
        return [(f"{name} is not proven for ({told})", f"proven is {wanted}; cast to one of these types")]
    return [(f"the function {name} is not on the list of what is proven", LIST)]


def _repeated(words: list[str], count: int) -> list[str]:
    """Repeats a last word that ends with `...`."""
    if not words[-1].endswith("..."):
        return words
    last = words[-1].removesuffix("...")
    return [*words[:-1], *[last] * max(1, count - len(words) + 1)]


def _bound(words: Sequence[str], arguments: Sequence[Argument]) -> dict[str, str] | None:
    """Returns what T, E and `first` stand for; None if an argument does not fit."""
    if not _has_groups(words, arguments):
        return None
    alike: list[str] = []
    bound = {"first": arguments[0].kind}
    for word, argument in zip(words, arguments, strict=True):
        if word == "T":
            alike.append(argument.kind)
        elif word in _WORDS:
            if argument.kind == "null" or not _WORDS[word](argument):
                return None
        elif argument.kind != word:
            return None
        if word == "array":
            bound["E"] = str(element(argument.kind))
    if alike:
        found = common(alike)
        if found is None or found.startswith(("array", "struct")):
            return None
        bound["T"] = found
    return bound


def _has_groups(words: Sequence[str], arguments: Sequence[Argument]) -> bool:
    """Whether a regular expression has the groups that the argument behind it names; without them Spark raises."""
    at = next((at for at, word in enumerate(words) if word in ("regex", "parting")), None)
    if at is None:
        return True
    groups = patterns.groups(arguments[at].text or "")
    behind = arguments[at + 1] if len(arguments) > at + 1 else Argument("", "")
    named = [int(digit) for digit in re.findall(r"\$([0-9])", behind.text or "")]
    return groups is not None and max([behind.number or 0, *named]) <= groups
