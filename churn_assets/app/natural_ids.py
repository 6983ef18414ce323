"""Natural ids and account owners by customer_key, from the identity file. The page shows neither."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from churn_assets.serving.release.identity import IdentityError, key_of, open_identity
from churn_assets.serving.release.reading import current_release
from churn_assets.serving.release.root import Pointer
from churn_assets.settings import Settings

ID, KEY, OWNER = "customer_id", "customer_key", "account_owner"


@dataclass(frozen=True)
class NaturalIds:
    """The people of an identity file: customer_id, customer_key and account_owner."""

    people: pa.Table

    @property
    def has_owners(self) -> bool:
        """Whether the business names who looks after a customer."""
        return OWNER in self.people.column_names and self.people[OWNER].null_count < len(self.people)

    def of(self, keys: Sequence[str]) -> dict[str, tuple[str, str | None]]:
        """customer_key -> natural id and owner, of those who are in the file."""
        found = self.people.filter(pc.is_in(self.people[KEY], pa.array(keys, pa.string()))).to_pylist()
        return {row[KEY]: (row[ID], row.get(OWNER)) for row in found}

    def keys_of(self, ids: Sequence[str]) -> dict[str, str]:
        """Natural id -> customer_key."""
        found = self.people.filter(pc.is_in(self.people[ID], pa.array(ids, pa.string()))).to_pylist()
        return {row[ID]: row[KEY] for row in found}


def natural_ids(settings: Settings) -> NaturalIds:
    """Opens the identity file of the release in force; it is kept until the next release.

    Raises:
        IdentityError: it cannot be opened.
    """
    root = settings.releases_uri
    return NaturalIds(_people(root, current_release(root), key_of(settings)))


@lru_cache(maxsize=1)
def _people(root: str, _release: Pointer | None, key: bytes) -> pa.Table:
    people = open_identity(root, key)
    return people.select([name for name in (ID, KEY, OWNER) if name in people.column_names])


__all__ = ["IdentityError", "NaturalIds", "natural_ids"]
