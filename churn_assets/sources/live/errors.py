"""The error of an extract."""


class ExtractError(ValueError):
    """A source could not be asked, or its answer cannot be used; the message names the remedy, and never a secret."""
