"""The catalogue as a Markdown page: every table with its columns, and every other store."""

import re
from collections.abc import Iterable, Sequence

from churn_assets.contracts.business import Business
from churn_assets.lakehouse.other_stores import ELSEWHERE, OF_A_REPLAY, OTHERS
from churn_assets.lakehouse.places.store import REPLAY, Store
from churn_assets.lakehouse.tables import LakeColumn, Table, catalogue
from churn_assets.reporting.blocks import Bullets, Code, Grid, Strong, Text
from churn_assets.reporting.markdown import markdown

COLUMNS = ("column", "type", "unit", "meaning", "notes")
STORES = ("path", "kind", "holds", "personal", "kept", "backup")
OTHER_STORES = "Other stores"
OTHERS_ARE = (
    "All else that lies below `CHURN_HOME`; a store is its path with everything in it. A backup has to hold every "
    "table and the stores marked `yes`; of the others the column says why it need not. [Backup](backup.md) makes one. "
    "`churn-assets doctor` names what is not registered here."
)
REPLAY_IS = (
    f"`churn-assets replay` has a home of its own, `{REPLAY}`: the lake and the stores above once more, simulated and "
    "without need of a backup, and"
)


def catalogue_page(business: Business) -> str:
    """The Markdown page: tables in the order of the data flow, then the other stores."""
    tables = catalogue(business)
    parts = [f"# Tables of {business.name}", _introduction(business, tables)]
    for table in tables:
        parts += [f"## {table.path}", _told(table)]
    parts += [f"## {OTHER_STORES}", *_other_stores()]
    return "\n\n".join(parts) + "\n"


def _introduction(business: Business, tables: Sequence[Table]) -> str:
    layers: dict[str, list[str]] = {}
    for table in tables:
        layers.setdefault(table.layer, []).append(f"[{table.name}](#{_anchor(table.path)})")
    listed = "\n".join(f"- {layer}: {', '.join(names)}" for layer, names in layers.items())
    return f"""Generated from the catalogue by `make tables`; `churn-assets catalogue` prints the page of any business.

A path such as `silver/usage` lies below the lake (`CHURN_LAKE`, by default `CHURN_HOME/lake`) and is the key of the
Dagster asset. Every write is compared with this catalogue: a frame with other columns or types is refused before
anything is committed. Descriptions and units of source columns come from the contracts, words of features from
`churn.yaml`.

- **Types** are Delta's: `long` is a 64-bit and `integer` a 32-bit whole number, `timestamp` is a moment in UTC.
- **personal** marks columns with natural ids or with values that a contract classifies as personal. Elsewhere a person
  is a random `customer_key`, which only silver/customer_keys joins to an id.
- **kept** says how long rows are kept. The job `tidy` deletes the files of replaced versions after `CHURN_KEEP_DAYS`
  days (30); until then an earlier version of a table can be read.
- `(a, b]` is an interval without a and with b, in whole days of UTC.

{listed}
- [{OTHER_STORES.lower()}](#{_anchor(OTHER_STORES)})"""


def _told(table: Table) -> str:
    facts = [
        ("grain", table.grain),
        ("key", ", ".join(table.row_key) or "none: rows may be equal"),
        ("partitioned by", ", ".join(table.partition_by) or "nothing"),
        ("time", table.time),
        ("kept", table.retention),
    ]
    columns = Grid(COLUMNS, [_row(c) for c in table.columns], "l" * len(COLUMNS))
    return markdown([Bullets([(Strong(name), f": {fact}") for name, fact in facts]), columns])


def _row(column: LakeColumn) -> tuple[Text, ...]:
    personal = (Strong("personal"),) if column.personal else ()
    notes = ["never null"] if column.required else []
    notes += [f"time: {column.time}"] if column.time else []
    between = "; " if personal and notes else ""
    told = (*personal, between + "; ".join(notes))
    return (Code(column.name),), (Code(column.type),), column.unit or "", column.meaning, told


def _other_stores() -> list[str]:
    return [
        OTHERS_ARE,
        _stores(OTHERS),
        REPLAY_IS,
        _stores(OF_A_REPLAY),
        "Elsewhere, where a setting says:",
        _stores(ELSEWHERE),
    ]


def _stores(stores: Iterable[Store]) -> str:
    return markdown([Grid(STORES, [_store(s) for s in stores], "l" * len(STORES))])


def _store(store: Store) -> tuple[Text, ...]:
    moved = (", or where ", Code(store.setting), " says") if store.setting else ()
    yes = {True: "yes", False: "no"}
    return (
        (Code(store.path), *moved),
        store.kind,
        store.holds,
        yes[store.personal],
        store.retention,
        "yes" if store.backup else f"no: {store.unneeded}",
    )


def _anchor(title: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
