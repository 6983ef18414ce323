"""Names for sources and columns, and the words by which people name what a draft looks for."""

import re
import unicodedata

from churn_assets.contracts.columns import RESERVED
from churn_assets.contracts.contract import SHARED_TABLES
from churn_assets.inference.names_in_words import in_words

_LETTERS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "å": "aa", "ł": "l"}
)


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns))


# Names of columns are in small letters with `_`; a pattern between ^ or _ and _ or $ is a whole word.
CUSTOMER = _words(
    "customer|client|kund|cust|acct|subscriber|member|mitglied|user|account|konto|msisdn|patient|household|party|person",
    "abonne|cliente|klant|buyer|shopper|player|donor|insured|policyholder|teilnehmer",
)
ID = _words(r"(^|_)(id|nr|no|num|number|nummer|key|code|uuid|guid|ref|kennung)(_|$)", "(id|nr|nummer)$")
START = _words(
    r"(^|_)(started|began|since|seit|from|von|ab|joined|activat\w*|debut|inicio)(_|$)",
    "start|begin|signup|valid_from|activation",
)
END = _words(
    r"(^|_)(end|ended|ende|to|bis|until|closed|stop|stopped|left|exit|quit|fin)(_|$)|cancel|churn|terminat|resili",
    "kuendigung|disconnect|deactiv|enddat|end_dat|beendet|valid_to|vertragsende|austritt|baja",
)
EXPIRY = _words(
    r"expir|bound|mindest|laufzeitende|term_end|renewal|ablauf|valid_until|gueltig_bis|commit\w*_end|maturity"
)
NOTICE = _words("notice|notified|kuendigungseingang|gekuendigt_am|announced")
REASON = _words("reason|grund|cause|motif|motivo")
SPELL = _words(
    "subscri|contract|vertr[ae]{1,2}g|(^|_)abos?(_|$)|abonn|polic|membership|mitgliedschaft|lease|(^|_)plans?(_|$)|tariff|tarif|rental|spell",
    "agreement|loan|licen[cs]e",
)
TREATMENT = _words(
    "campaign|kampagne|offer|angebot|treatment|retention|coupon|voucher|mailing|outreach|contact_history",
    "kontakt|promo",
)
EVENT = _words(
    "date|day|time|datum|tag|zeit|when|created|_at$|_on$|am$|fecha|jour|week|woche|month|monat|period"
)
# A column of this name holds a part of a date or a time, which nobody sums.
PART_OF_TIME = _words(
    "^(year|quarter|month|week|weekday|day_of_week|day|hour|minute|second)$",
    "^(jahr|quartal|monat|woche|wochentag|tag|stunde|sekunde)$",
)
MONEY = _words(
    "amount|betrag|price|preis|revenue|umsatz|total|sum|value|wert|paid|charge|fee|cost|spend|spent|sales|montant",
    r"importe|(^|_)(eur|usd|gbp|chf|net|gross)(_|$)",
)
OUTCOME = _words(
    "churn|reason|grund|disconnect|deactiv|cancel|left|exit|status|active|aktiv|former|attrit|kuendig|closed|terminat|score"
)
# Endings that are not the customer's own choice.
INVOLUNTARY = _words(
    "non.?pay|unpaid|payment|zahlung|debt|schuld|insolv|bankrupt|fraud|betrug|death|died|deceased|tod|verstorben",
    "versicherer|insurer|wegfall|dunning|mahn|arrears|default|blacklist|regulat|operator|provider|migrat|merge|test|error|duplicate|system",
)


def names_customer(name: str) -> bool:
    """Returns whether a column is called by a word for customers and little more: kunde, cust_no, userid."""
    return bool(CUSTOMER.search(name)) and (
        bool(ID.search(name)) or len(CUSTOMER.sub("", name).strip("_")) <= 2
    )


def plain(text: str) -> str:
    """Returns small letters of ASCII and digits, with `_` for all else: koeln; "" if nothing is left."""
    letters = (
        unicodedata.normalize("NFKD", text.lower().translate(_LETTERS)).encode("ascii", "ignore").decode()
    )
    return re.sub(r"[^a-z0-9]+", "_", letters).strip("_")


def slug(name: str) -> str:
    """Returns the name in small letters, digits and `_`, as the lake wants it: stueckzahl_netto."""
    found = plain(in_words(name)) or "column"
    return found if found[0].isalpha() else f"c_{found}"


def column_names(physical: list[str]) -> dict[str, str]:
    """Returns delivered name -> name in the lake; all differ, and none is one that the lake uses itself."""
    found: dict[str, str] = {}
    for name in physical:
        wanted = slug(name)
        wanted = f"{wanted}_value" if wanted in RESERVED or wanted == "source" else wanted
        number, base = 2, wanted
        while wanted in found.values():
            wanted, number = f"{base}_{number}", number + 1
        found[name] = wanted
    return found


def source_name(stem: str) -> str:
    """Returns the name of a source for what is left of a file's name without its date."""
    found = slug(stem)
    return f"{found}_rows" if found in SHARED_TABLES else found
