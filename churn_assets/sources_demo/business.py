"""The shipped telecom business with sources that are asked, or that send events, in place of files."""

import re
import shutil
from pathlib import Path

from churn_assets.settings import SHIPPED_BUSINESSES

DATABASE, SERVICE = "DEMO_CRM_URL", "DEMO_SERVICE_URL"  # variables with the addresses
TOKEN = "DEMO_SERVICE_TOKEN"  # noqa: S105 (the name of a variable)
TABLES, COLLECTIONS = ("customers", "subscriptions"), ("tickets", "invoices")
BROKER, TOPICS = "DEMO_KAFKA_BROKER", ("tickets", "invoices")  # the variable with the address
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
IN_TOPIC = """\
  - server: events
    type: kafka
    host: ${{DEMO_KAFKA_BROKER}}
    customProperties: [{{property: topic, value: {name}}}]
"""


def write_business(folder: Path) -> None:
    """Writes a copy of the telecom business whose customers, subscriptions, tickets and invoices are asked for.

    Replaces the folder, if it is there.
    """
    _copy(folder)
    ask_instead(folder)


def write_live_business(folder: Path) -> None:
    """Writes a copy of the telecom business whose tickets and invoices are topics of Kafka.

    Replaces the folder, if it is there.
    """
    _copy(folder)
    for name in TOPICS:
        follow_instead(folder / "contracts" / f"{name}.yaml")


def _copy(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(SHIPPED_BUSINESSES / "telecom", folder)


def follow_instead(contract: Path) -> None:
    """Lets the source of this contract be the topic of its name, of the broker that a variable names."""
    text = contract.read_text(encoding="utf-8")
    contract.write_text(_with_server(text, IN_TOPIC.format(name=contract.stem)), encoding="utf-8")


def ask_instead(folder: Path) -> None:
    """Lets those contracts of a telecom business ask that are in TABLES and COLLECTIONS."""
    for name in (*TABLES, *COLLECTIONS):
        file = folder / "contracts" / f"{name}.yaml"
        if not file.exists():
            continue
        text = file.read_text(encoding="utf-8")
        server = IN_SERVICE.format(name=name)
        if name in TABLES:
            whole = re.search(r"delivery(, |\n *)value: full", text)
            server = IN_DATABASE.format(name=name, cursor="" if whole else CURSOR)
        file.write_text(_with_server(text, server), encoding="utf-8")


def _with_server(contract: str, server: str) -> str:
    [(start, end)] = [found.span() for found in SERVERS.finditer(contract)]
    return contract[:start] + server + contract[end:]
