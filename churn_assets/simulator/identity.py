"""Names, e-mail addresses and phone numbers of invented people.

RFC 2606 reserves the e-mail domains and +999 is an unassigned country code, so they reach no real person.
"""

from __future__ import annotations

import numpy as np

from churn_assets.simulator.dates import Array

FIRST = (
    "Ada", "Alina", "Amir", "Anja", "Arno", "Bela", "Bruno", "Carla", "Cem", "Clara", "Dana", "David",
    "Elif", "Emil", "Enno", "Eva", "Farid", "Felix", "Frieda", "Georg", "Greta", "Hanna", "Hugo", "Ida",
    "Igor", "Ines", "Jakob", "Jana", "Jonas", "Kira", "Klaus", "Lale", "Lena", "Levi", "Lotte", "Malik",
    "Mara", "Mateo", "Mila", "Nadia", "Nils", "Nora", "Olga", "Oskar", "Paula", "Peer", "Rana", "Rosa",
    "Samir", "Selma", "Sven", "Tara", "Theo", "Till", "Uma", "Vera", "Viktor", "Wanda", "Yusuf", "Zoe",
)  # fmt: skip
LAST = (
    "Abel", "Adler", "Bauer", "Becker", "Berg", "Brandt", "Busch", "Conrad", "Demir", "Dietz", "Ebert",
    "Engel", "Falk", "Fink", "Fuchs", "Graf", "Gross", "Haas", "Hahn", "Hartwig", "Heller", "Horn", "Huber",
    "Jansen", "Jung", "Kaiser", "Kaya", "Keller", "Koch", "Kraus", "Lang", "Lindner", "Lorenz", "Marek",
    "Meier", "Moser", "Nagel", "Neumann", "Novak", "Otto", "Petrov", "Pohl", "Reuter", "Richter", "Roth",
    "Sauer", "Schmid", "Schulz", "Seidel", "Simon", "Stein", "Thoma", "Ullrich", "Vogel", "Voss", "Wagner",
    "Weber", "Winter", "Wolf", "Yilmaz", "Zander",
)  # fmt: skip
DOMAINS = ("example.com", "example.net", "example.org")


def contact_columns(first: Array, last: Array, numbers: Array) -> tuple[list[str], list[str], list[str]]:
    """Returns full names, e-mail addresses and phone numbers of customers, from name indices and customer numbers."""
    names, emails, phones = [], [], []
    for given, family, number in zip(first.tolist(), last.tolist(), numbers.tolist(), strict=True):
        one, two = FIRST[given], LAST[family]
        names.append(f"{one} {two}")
        emails.append(f"{one.lower()}.{two.lower()}{number}@{DOMAINS[number % 3]}")
        phones.append(f"+999 555 {(number * 7919 + 104729) % 10_000_000:07d}")
    return names, emails, phones


def draw_names(random: np.random.Generator, size: int) -> tuple[Array, Array]:
    """Draws `size` indices into FIRST and into LAST."""
    return random.integers(0, len(FIRST), size, dtype=np.int16), random.integers(
        0, len(LAST), size, dtype=np.int16
    )
