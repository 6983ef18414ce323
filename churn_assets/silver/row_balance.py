"""The equation of rows of a source's month: delivered = accepted + duplicate + quarantined.

`audit` asks it before the commit, `reconciliation` once more of the tables as they lie.
"""


def rows_found(accepted: int, duplicate: int, quarantined: int) -> int:
    """Rows that are accounted for."""
    return accepted + duplicate + quarantined


def rows_balance(delivered: int, accepted: int, duplicate: int, quarantined: int) -> bool:
    """True when every delivered row is accounted for."""
    return delivered == rows_found(accepted, duplicate, quarantined)
