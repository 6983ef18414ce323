"""The YAML files of a draft, with a comment beside each guess."""

from functools import cache
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from churn_assets.contracts.server import ENCODING_NAMES
from churn_assets.drafting.columns import DraftColumn
from churn_assets.drafting.draft import BusinessDraft
from churn_assets.drafting.extracts import frequency, volume_limits
from churn_assets.drafting.features import feature_lines, left_out, month_columns, value_feature
from churn_assets.drafting.sample import ASCII
from churn_assets.drafting.source import DraftSource
from churn_assets.settings import SHIPPED_BUSINESSES

# The lake asks that half of a month's ids are known; a draft asks for less where the files come near that.
EXPECTED_KNOWN = 0.65
APP_CONTACTS = "app_contacts"
WIDE = 10**6  # so that a line stays one line


def churn_yaml(draft: BusinessDraft, name: str) -> str:
    """Returns the text of churn.yaml."""
    sources = list(draft.sources)
    return _environment().get_template("churn.yaml.j2").render(
        name=name,
        plan=draft.plan,
        features=feature_lines(sources, draft.plan),
        outcomes={s.name: left_out(s) for s in sources if left_out(s)},
        value=value_feature(sources, draft.plan),
        months=month_columns(sources, draft.plan),
        unread=[s.name for s in sources if s.role == "spell" and s.name != draft.plan.source],
    )  # fmt: skip


def app_contacts_yaml(business: str) -> str:
    """Returns the contract of the contacts that people mark on the page; the page writes this source itself."""
    shipped = SHIPPED_BUSINESSES / "telecom" / "contracts" / f"{APP_CONTACTS}.yaml"
    return shipped.read_text(encoding="utf-8").replace("id: telecom-", f"id: {business}-", 1)


def contract_yaml(source: DraftSource, business: str) -> str:
    """Returns the text of a source's contract."""
    number, unit = frequency(source)
    own: list[dict[str, Any]] = [
        {"property": "role", "value": source.role},
        {"property": "delivery", "value": source.delivery},
        {"property": "customer", "value": source.customer},
    ]
    if source.event_time:
        own.append({"property": "eventTime", "value": source.event_time})
    if source.spell:
        own.append(
            {"property": "spell", "value": source.spell | {"voluntaryReasons": list(source.voluntary)}}
        )
    if source.spell and not source.voluntary:
        del own[-1]["value"]["voluntaryReasons"]
    return _environment().get_template("contract.yaml.j2").render(
        source=source,
        business=business,
        server=_server(source),
        asked=_server_properties(source),
        origin=source.group.origin,
        columns=[(c, _property(c, source)) for c in source.columns],
        own=[(item, source.notes.get(item["property"], "")) for item in own],
        frequency=(number, unit),
        volume=volume_limits(source),
        known=source.least_known if (source.least_known or 1) < EXPECTED_KNOWN else None,
        files=_files(source),
    )  # fmt: skip


def _files(source: DraftSource) -> str:
    origin, cut = source.group.origin, "" if source.complete else "; guesses rest on a sample"
    if origin is not None and origin.is_asked:
        return f"{origin.what}{cut}"
    files = source.group.files
    first, last = files[0].name, files[-1].name
    of = f" of {origin.what}" if origin is not None else ""
    return f"{first}{f' to {last} ({len(files)} files)' if len(files) > 1 else ''}{of}{cut}"


def _server(source: DraftSource) -> dict[str, Any]:
    """The server without its customProperties."""
    if (origin := source.group.origin) is not None:
        return origin.server | ({} if origin.is_asked else {"format": source.samples[0].format})
    path = source.group.folder or source.name
    return {"server": "landing", "type": "local", "path": path, "format": source.samples[0].format}


def _server_properties(source: DraftSource) -> list[dict[str, Any]]:
    """The customProperties of the server."""
    first, origin = source.samples[0], source.group.origin
    own = dict(origin.properties) if origin is not None else {}
    if origin is None or not origin.is_asked:
        encodings = {sample.encoding for sample in source.samples} - {"utf-8", ASCII}
        own |= {"delimiter": first.delimiter} if first.format == "csv" and first.delimiter != "," else {}
        own |= {"encoding": encoding_name(encodings.pop())} if encodings else {}
    return [{"property": name, "value": value} for name, value in own.items()]


def encoding_name(python_name: str) -> str:
    """Returns the name of an encoding in a contract."""
    return "windows-1252" if python_name == "cp1252" else ENCODING_NAMES.get(python_name, python_name)


def _property(column: DraftColumn, source: DraftSource) -> dict[str, Any]:
    found: dict[str, Any] = {"name": column.name}
    if column.physical != column.name:
        found["physicalName"] = column.physical
    found["logicalType"] = column.type
    if column.physical_type and column.type == "number":
        found["physicalType"] = column.physical_type
    if column.name in source.key:
        found |= {"required": True, "primaryKey": True}
        if len(source.key) > 1:
            found["primaryKeyPosition"] = source.key.index(column.name) + 1
    elif column.name in (source.customer, source.event_time, source.spell.get("startedOn")):
        found["required"] = True
    if column.personal:
        found["classification"] = "personal"
    if column.name == source.customer and source.refers_to:
        found["relationships"] = [{"to": f"{source.refers_to}.{source.notes['refers_column']}"}]
    if column.formats:
        found["logicalTypeOptions"] = {"format": column.formats[0]}
    if column.transform:
        found["transformLogic"] = column.transform
    own: dict[str, Any] = {}
    if len(column.formats) > 1:
        own["alternativeFormats"] = list(column.formats[1:])
    if column.means_none:
        own["meansNone"] = list(column.means_none)
    if column.type in ("number", "integer") and not column.transform:
        own |= {"decimal": column.decimal} if column.decimal != "." else {}
        own |= {"thousands": column.thousands} if column.thousands else {}
    if own:
        found["customProperties"] = [{"property": name, "value": value} for name, value in own.items()]
    return found


def _flow(value: Any) -> str:
    """The value as YAML on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=WIDE, sort_keys=False, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


def _comment(text: str) -> str:
    return " ".join(text.split())


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("churn_assets.drafting"),
        autoescape=False,  # noqa: S701 (YAML, and each value passes the filter `flow`)
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"flow": _flow, "comment": _comment}
    return environment
