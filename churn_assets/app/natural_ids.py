"""Natural ids and account owners by customer_key, for the landing zone. The page shows neither."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from churn_assets.app.search import ID, KEY, OWNER


@dataclass(frozen=True)
class NaturalIds:
    """The people of an identity file: customer_id, customer_key and, where it is declared, account_owner."""

    people: pa.Table

    @property
    def has_owners(self) -> bool:
        """Whether the business declares who looks after a customer, even where nobody is named yet."""
        return OWNER in self.people.column_names

    def of(self, keys: Sequence[str]) -> dict[str, tuple[str, str | None]]:
        """customer_key -> natural id and owner, of those who are in the file."""
        found = self._rows(KEY, keys)
        return {row[KEY]: (row[ID], row.get(OWNER)) for row in found}

    def keys_of(self, ids: Sequence[str]) -> dict[str, str]:
        """Natural id -> customer_key."""
        return {row[ID]: row[KEY] for row in self._rows(ID, ids)}

    def _rows(self, column: str, values: Sequence[str]) -> list[dict[str, str]]:
        names = [name for name in (ID, KEY, OWNER) if name in self.people.column_names]
        wanted = pc.is_in(self.people[column], pa.array(values, pa.string()))
        rows: list[dict[str, str]] = self.people.select(names).filter(wanted).to_pylist()
        return rows
