"""Units of numbers in sentences: which greater unit reads better, how numbers are rounded, and one item of a plural."""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

from churn_assets.contracts.words import closest

# Active codes of ISO 4217.
CURRENCIES = frozenset(
    re.findall(
        r"[A-Z]{3}",
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD "
        "CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF "
        "GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK "
        "LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD "
        "OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN "
        "SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG "
        "XOF XPF YER ZAR ZMW ZWG ",
    )
)


def _known(code: str) -> str:
    if code not in CURRENCIES:
        meant = closest(code, CURRENCIES)
        hint = f"; did you mean {meant}?" if meant else ""
        raise ValueError(f"{code} is no currency; write the code of ISO 4217, such as EUR or USD{hint}")
    return code


Currency = Annotated[str, AfterValidator(_known)]
PERCENT = "%"  # the unit of a share: 0.5 is 50 %


@dataclass(frozen=True)
class Step:
    """A unit that numbers of at least `start` are written in; `start` and `size` count in the smallest unit."""

    start: float
    size: float
    name: str


LADDERS = {
    "KB": (Step(0, 1, "KB"), Step(1024, 1024, "MB"), Step(1024**2, 1024**2, "GB")),
    "MB": (Step(0, 1, "MB"), Step(1024, 1024, "GB"), Step(1024**2, 1024**2, "TB")),
    "GB": (Step(0, 1, "GB"), Step(1024, 1024, "TB")),
    "seconds": (Step(0, 1, "seconds"), Step(120, 60, "minutes"), Step(7200, 3600, "hours")),
    "minutes": (Step(0, 1, "minutes"), Step(120, 60, "hours")),
    "days": (Step(0, 1, "days"), Step(60, 30.4375, "months"), Step(730.5, 365.25, "years")),
    PERCENT: (Step(0, 0.01, PERCENT),),
}
WHOLE = frozenset({"days", "months"})  # of LADDERS["days"]: nobody says 3.4 months
TIMES = frozenset({"seconds", "minutes", "hours"})
IRREGULAR = {"people": "person", "movies": "movie", "cookies": "cookie", "calories": "calorie"}
ONE_AS_MANY = frozenset({"series", "species", "news", "gas", "status", "bonus"})
_HEAD = re.compile(r"^(.+?)(?= (?:in|of|about|per|with|without|still|to|at|on|from|by|for)\b|$)")


def steps_of(unit: str | None) -> tuple[Step, ...]:
    """Returns the units that a number may be written in, smallest first; without a unit the name is empty."""
    return LADDERS.get(unit or "", (Step(0, 1, unit or ""),))


def is_measured(unit: str | None) -> bool:
    """Returns whether values of a unit may be fractions: amounts, times, sizes, shares. Other things are counted."""
    return unit in LADDERS or (unit or "").split(" ")[0] in CURRENCIES


def decimals_of(unit: str | None, step: Step) -> dict[float, int]:
    """Returns lower bound -> decimals, highest bound first; below the last bound two significant digits."""
    if unit is not None and unit.split(" ")[0] in CURRENCIES:
        return {100: 0, 0: 2}
    if unit == "days" and step.name in WHOLE:
        return {0: 0}
    if unit == PERCENT or step.name in TIMES:
        return {10: 0, 1: 1}
    return {100: 0, 1: 1}


def printed(value: float, decimals: dict[float, int]) -> str:
    """Returns a number as text with thousands separators, and without decimals if it is whole after rounding."""
    size = abs(value)
    digits = next((count for bound, count in decimals.items() if size >= bound), None)
    if digits is None:
        return f"{value:.2g}" if value else "0"
    rounded = round(value, digits) + 0.0
    return f"{rounded:,.0f}" if rounded == round(rounded) else f"{rounded:,.{digits}f}"


def with_unit(number: str, name: str) -> str:
    """Returns `1 item`, `2 items`, `40 MB`, or the number alone if there is no unit."""
    return f"{number} {singular(name) if number in ('1', '-1') else name}".rstrip()


def singular(words: str) -> str:
    """Returns one of what `words` are many of: `support ticket still open` of `support tickets still open`."""
    head = _HEAD.match(words)
    before, _, noun = (head[1] if head else words).rpartition(" ")
    return f"{before} {_one(noun)}".strip() + (words[head.end() :] if head else "")


def _one(noun: str) -> str:
    if noun in ONE_AS_MANY or noun in IRREGULAR:
        return IRREGULAR.get(noun, noun)
    if noun.endswith("ies"):
        return f"{noun[:-3]}y"
    if re.search(r"(?:x|sh|ss|[tnr]ch|[eo]ach|eech|ouch)es$", noun):  # but one of caches is a cache
        return noun[:-2]
    return noun[:-1] if noun.endswith("s") and not noun.endswith("ss") else noun
