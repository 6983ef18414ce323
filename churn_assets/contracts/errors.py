"""The error of a declaration that cannot be used."""

from pathlib import Path

from pydantic import ValidationError


class DeclarationError(ValueError):
    """A contract or churn.yaml is wrong; the message names file, path and remedy."""

    def __init__(self, file: Path, path: str, problem: str, remedy: str = "") -> None:
        self.file, self.path = file, path
        sentence = problem if problem.endswith(".") else f"{problem}."
        super().__init__(
            f"{file}: at {path or 'the top'}: {sentence}" + (f" Remedy: {remedy}" if remedy else "")
        )


REMEDIES = {
    "missing": "add this key.",
    "extra_forbidden": "remove it, or check its spelling; what ODCS does not know belongs in customProperties.",
    "literal_error": "use one of the allowed values.",
    "enum": "use one of the allowed values.",
}


def from_validation_error(file: Path, error: ValidationError) -> DeclarationError:
    """The first complaint of pydantic as one sentence a person can act on."""
    first = error.errors()[0]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
    more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    given = first.get("input")
    shown = f", found {given!r}" if isinstance(given, str | int | float | bool) else ""
    return DeclarationError(file, path, f"{first['msg']}{shown}{more}.", REMEDIES.get(first["type"], ""))
