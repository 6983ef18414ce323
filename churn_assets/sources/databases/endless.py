"""PostgreSQL's `infinity` as the last and the first day of the calendar, which mean no day, as in other systems."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg.abc import Loader as AnyLoader
    from sqlalchemy import Connection

LAST, FIRST = datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)
ENDS: dict[str, tuple[date, date]] = {
    "date": (LAST.date(), FIRST.date()),
    "timestamp": (LAST.replace(tzinfo=None), FIRST.replace(tzinfo=None)),
    "timestamptz": (LAST, FIRST),
}


def read_endless_days(connection: "Connection") -> None:
    """Lets a connection of psycopg, which refuses `infinity`, read it; changes nothing with another driver."""
    if connection.dialect.driver != "psycopg":
        return
    from psycopg.pq import Format

    adapters: Any = connection.connection.driver_connection.adapters  # type: ignore[union-attr]
    for name, (last, first) in ENDS.items():
        oid = adapters.types[name].oid
        adapters.register_loader(oid, _with_ends(adapters.get_loader(oid, Format.TEXT), last, first))


def _with_ends(usual: Any, last: date, first: date) -> "type[AnyLoader]":
    """A loader that reads the two infinities, and leaves other values to the usual one."""
    from psycopg.abc import AdaptContext, Buffer
    from psycopg.adapt import Loader

    ends = {b"infinity": last, b"-infinity": first}

    class Endless(Loader):
        def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
            super().__init__(oid, context)
            self.others = usual(oid, context)

        def load(self, data: Buffer) -> Any:
            end = ends.get(bytes(data))
            return self.others.load(data) if end is None else end

    return Endless
