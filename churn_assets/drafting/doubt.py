"""What a draft is not sure of, and the error that ends a draft."""

from dataclasses import dataclass


class DraftError(ValueError):
    """Nothing can be drafted or placed; the message names the file and the remedy."""


@dataclass(frozen=True, order=True)
class Doubt:
    """One guess to review.

    Attributes:
        rank: 1: a wrong guess gives wrong labels or dates; 2: it loses rows or features; 3: good to know.
        place: file of the draft and what in it.
        words: what was guessed and why, without values of personal columns.
    """

    rank: int
    place: str
    words: str
