"""What one check of the doctor found."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        name: what was checked.
        status: "fail" stops a run, "warn" may stop one, "ok" does not.
        what: what was found.
        remedy: what to do; empty if there is nothing to do.
    """

    name: str
    status: Literal["ok", "warn", "fail"]
    what: str
    remedy: str = ""
