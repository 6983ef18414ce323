"""Who is behind a customer_key: looked up for those who may, and recorded in the audit before it is shown."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from churn_assets.app.natural_ids import NaturalIds
from churn_assets.app.reader import Reader
from churn_assets.app.search import ID, KEY, MOST, OWNER, Hit, by_id, by_key, by_name
from churn_assets.operations.audit.chain import AuditError, record
from churn_assets.operations.audit.entry import Act
from churn_assets.operations.log.writing import event
from churn_assets.serving.release.identity import IdentityError, key_of, open_identity
from churn_assets.serving.release.reading import current_release
from churn_assets.settings import Settings


class PeopleError(RuntimeError):
    """Nobody is shown; the message is a sentence for the reader."""


@dataclass(frozen=True)
class ContactData:
    """How to reach a customer.

    Attributes:
        hits: one per id of the customer, with the declared contact columns.
        known_at: when the contact data became known; None: not known.
        consent: whether the customer may be contacted for marketing; None: not known.
        owner: who looks after the customer; None: nobody, or not known.
    """

    hits: Sequence[Hit]
    known_at: date | None
    consent: bool | None
    owner: str | None


class IdentityBook:
    """The identity file, decrypted in memory at the first look, and again after each release.

    Every method raises a PeopleError where the reader may not look, where the look cannot be recorded, and where the
    file cannot be opened.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._of: object = None
        self._table: pa.Table | None = None

    def find_by_id(self, reader: Reader, text: str) -> list[Hit]:
        """Who has this id; see `search.by_id`. Those who objected to profiling are found without contact data."""
        people, owner = self._of_reader(reader)
        return self._recorded(reader, by_id(people, text, owner))

    def find_by_name(self, reader: Reader, text: str) -> list[Hit]:
        """Whose contact data hold these words; see `search.by_name`."""
        people, owner = self._of_reader(reader)
        return self._recorded(reader, by_name(people, text, owner))

    def contact(self, reader: Reader, customer_key: str) -> ContactData:
        """How to reach a customer. A customer of somebody else is a PeopleError."""
        people, owner = self._of_reader(reader)
        hits = self._recorded(reader, by_key(people, customer_key, owner), customer_key)
        if not hits:
            told = "This customer is not one of yours" if owner is not None else "Nothing is known of them"
            raise PeopleError(f"{told}, so no contact data are shown.")
        row = people.filter(pc.equal(people[KEY], customer_key)).slice(0, 1).to_pylist()[0]
        return ContactData(hits, row.get("contact_known_at"), row.get("consent"), row.get(OWNER))

    def export(self, reader: Reader, customer_keys: Sequence[str]) -> pd.DataFrame:
        """The rows of the identity file of several customers, for a file of the reader; by id.

        Customers of somebody else are left out.
        """
        people, owner = self._of_reader(reader)
        chosen = pc.is_in(people[KEY], pa.array(customer_keys, pa.string()))
        if owner is not None:
            chosen = pc.and_(chosen, pc.fill_null(pc.equal(people[OWNER], owner), False))
        rows: pd.DataFrame = people.filter(chosen).to_pandas()
        self._record(reader, "export", sorted(rows[KEY].unique()))
        return rows.sort_values(ID, ignore_index=True)

    def natural_ids(self) -> NaturalIds:
        """Natural ids, with which a marked contact names its customer in the landing zone. Nobody sees them."""
        return NaturalIds(self._people())

    def _of_reader(self, reader: Reader) -> tuple[pa.Table, str | None]:
        """All people, and whose customers the reader may see; None: everybody's."""
        if not reader.may_see_people:
            raise PeopleError("Names and contact data are for agents, managers and stewards.")
        people = self._people()
        limited = NaturalIds(people).has_owners and not reader.is_at_least("manager")
        return people, (reader.owner or "") if limited else None

    def _recorded(self, reader: Reader, hits: list[Hit], asked: str | None = None) -> list[Hit]:
        """The hits, once each of them is a record; a look that shows nobody is one record."""
        keys = sorted({hit.customer_key for hit in hits})
        if not keys or len(hits) > MOST:
            self._record(reader, "look_up", keys, asked)
        else:
            for key in keys:
                self._record(reader, "look_up", [key])
        return hits

    def _record(self, reader: Reader, act: Act, keys: Sequence[str], asked: str | None = None) -> None:
        subject = asked or (keys[0] if len(keys) == 1 else f"{len(keys)} customers")
        try:
            record(
                self._settings, act, reader.name, subject, customers=len(keys), on="page", role=reader.role
            )
        except AuditError as error:
            event(
                "app.audit_failed",
                "A look-up could not be recorded, so it was refused.",
                level=40,
                error=error,
            )
            raise PeopleError("This cannot be recorded in the audit now, so nothing is shown.") from None

    def _people(self) -> pa.Table:
        """The identity file. While a new one cannot be opened, the former one answers, and the log tells."""
        with self._lock:
            try:
                now = current_release(self._settings.releases_uri)
                if self._table is None or now != self._of:
                    self._table = open_identity(self._settings.releases_uri, key_of(self._settings))
                    self._of = now
            except (IdentityError, OSError, RuntimeError) as error:
                event("app.identity_failed", "The identity file cannot be opened.", level=40, error=error)
                if self._table is None:
                    raise PeopleError("Names cannot be shown now; the log tells why.") from None
            return self._table
