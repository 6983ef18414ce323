"""Finds columns with personal data, by their names and by patterns in their values."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_NAMES = {
    "an e-mail address": "e_?mail|courriel|correo",
    "a phone number": "phone|telefon|mobile|mobil(_|$|nr|nummer)|handy|fax|msisdn|(^|_)tel(_|$)"
    r"|(^|_)cell(_|$)|cell_?(phone|n[or])",
    "a birth date": "birth|geburt|(^|_)dob(_|$)|naissance|nacimiento|bday|(^|_)born",
    "a bank account": "iban|(^|_)bic(_|$)|bank_?account|kontonummer|card_?number|credit_card|kreditkarte",
    "an official number": "(^|_)ssn(_|$)|social_security|passport|tax_id|steuer_?(id|nr|nummer)|national_id"
    "|sozialvers|dni(_|$)",
    "an address": "street|strasse|(^|_)str(_|$)|address|adresse|anschrift|zip|postcode|postal|plz|hausn|house_n"
    "|direccion|latitude|longitude|(^|_)(lat|lon|lng)(_|$)",
    "an IP address": "(^|_)ip(_|$)|ip_?addr",
    "a name of a person": "(first|last|sur|full|given|family|customer|client|user|contact|middle|holder)_?name"
    "|vorname|nachname|kundenname|familienname|prenom|apellido|nombre|^names?$|(^|_)(fname|lname)|anrede|salutation",
}
_VALUES = {
    "an e-mail address": r"^[^@\s]+@[^@\s]+\.[a-zA-Z]{2,}$",
    "a phone number": r"^(\+\d{1,3}|\(?0\d{1,4}\)?)[\s/()-]*\d[\d\s/()-]{5,}$",
    "a bank account": r"^[A-Z]{2}\d{2}[ ]?(?:[A-Z0-9]{4}[ ]?){2,7}[A-Z0-9]{1,4}$",
    "an IP address": r"^(?:\d{1,3}\.){3}\d{1,3}$",
    "an address": r"(?i)(stra(ss|ß)e|str\.|street|avenue|\bave\b|\broad\b|\brd\b|lane|platz|allee|weg)\s*\d+"
    r"|^\d+\s+\w+.*\b(street|st|avenue|ave|road|rd|lane|drive|dr|blvd)\b",
}
MATCHING = 0.6
PROSE_WORDS, PROSE_DISTINCT, PROSE_ROWS = 4, 0.3, 20


def why_personal(name: str, texts: pa.Array, rows: int) -> str:
    """Returns what kind of personal data a column seems to hold; "" for none.

    Args:
        name: in small letters with `_`.
        texts: its distinct values, without blanks.
        rows: with a value.
    """
    for kind, pattern in _NAMES.items():
        if re.search(pattern, name):
            return f"{kind}, by its name"
    if not len(texts):
        return ""
    few = texts.slice(0, 2000)
    for kind, expression in _VALUES.items():
        if kind == "a phone number" and pc.all(pc.match_substring_regex(few, r"^\d+$")).as_py():
            continue  # digits alone are more often an id
        if pc.mean(pc.cast(pc.match_substring_regex(few, expression), pa.int8())).as_py() >= MATCHING:
            return f"{kind}, by its values"
    words = float(np.median(pc.count_substring_regex(few, r"\S+").to_numpy(zero_copy_only=False)))
    if words >= PROSE_WORDS and len(texts) > max(PROSE_DISTINCT * rows, PROSE_ROWS):
        return "free text, which may name people"
    return ""
