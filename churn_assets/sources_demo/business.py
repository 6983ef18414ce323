"""The shipped telecom business with sources that are asked in place of files."""

import re
import shutil
from pathlib import Path

from churn_assets.settings import SHIPPED_BUSINESSES

DATABASE, SERVICE = "DEMO_CRM_URL", "DEMO_SERVICE_URL"  # variables with the addresses
TOKEN = "DEMO_SERVICE_TOKEN"  # noqa: S105 (the name of a variable)
TABLES, COLLECTIONS = ("customers", "subscriptions"), ("tickets", "invoices")
# The simulator commits nothing late, so that extracts need no overlap.
SERVERS = re.compile(r"(?<=^servers:\n)(?:[ -].*\n)+", re.MULTILINE)
IN_DATABASE = """\
  - server: crm
    type: postgresql
    location: ${{DEMO_CRM_URL}}
    customProperties: [{{property: table, value: {name}}}{cursor}]
"""
CURSOR = ", {property: cursor, value: updated_at}, {property: overlap, value: 0}"
IN_SERVICE = """\
  - server: service
    type: api
    location: ${{DEMO_SERVICE_URL}}
    customProperties:
      - {{property: path, value: /{name}}}
      - {{property: records, value: data}}
      - {{property: paginator, value: {{kind: cursor, parameter: after, next: next, sizeParameter: limit, size: 1000}}}}
      - {{property: authentication, value: {{kind: bearer, token: "${{DEMO_SERVICE_TOKEN}}"}}}}
      - {{property: cursor, value: updated_at}}
      - {{property: since, value: {{parameter: updated_since}}}}
      - {{property: overlap, value: 0}}
"""


def write_business(folder: Path) -> None:
    """Writes a copy of the telecom business whose customers, subscriptions, tickets and invoices are asked for.

    Replaces the folder, if it is there.
    """
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(SHIPPED_BUSINESSES / "telecom", folder)
    ask_instead(folder)


def ask_instead(folder: Path) -> None:
    """Lets those contracts of a telecom business ask that are in TABLES and COLLECTIONS."""
    for name in (*TABLES, *COLLECTIONS):
        file = folder / "contracts" / f"{name}.yaml"
        if not file.exists():
            continue
        text = file.read_text(encoding="utf-8")
        [(start, end)] = [found.span() for found in SERVERS.finditer(text)]
        server = IN_SERVICE.format(name=name)
        if name in TABLES:
            whole = re.search(r"delivery(, |\n *)value: full", text)
            server = IN_DATABASE.format(name=name, cursor="" if whole else CURSOR)
        file.write_text(text[:start] + server + text[end:], encoding="utf-8")
