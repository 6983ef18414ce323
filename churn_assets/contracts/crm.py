"""The key `alerts.crm` of churn.yaml: a CRM that is given changed scores and segments."""

import re
from typing import Literal

from pydantic import Field

from churn_assets.contracts.channels import FROM_ENVIRONMENT, unsafe_address
from churn_assets.contracts.place import Place
from churn_assets.contracts.section import Name, Section
from churn_assets.contracts.validation import peek
from churn_assets.contracts.words import closest, listed

Kind = Literal["webhook", "hubspot", "salesforce"]
# What may be given: columns of scores/current_scores.
GIVEN = (
    *("as_of_date", "probability", "decile", "risk_tier", "value_tier", "driver", "segment", "action"),
    *("reason_1", "reason_2", "reason_3"),
)
NEEDS: dict[str, tuple[str, ...]] = {
    "webhook": ("url", "secret"),
    "hubspot": ("token", "object", "id_field"),
    "salesforce": ("url", "client_id", "client_secret", "object", "id_field"),
}
MAY: dict[str, tuple[str, ...]] = {"hubspot": ("url",)}
COMMON = frozenset({"name", "kind", "fields", "probability_step"})
SECRET = ("secret", "token", "client_id", "client_secret")
API_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
MOST = {"webhook": 500, "hubspot": 100, "salesforce": 200}  # customers that one request may hold


class CrmLine(Section):
    """One item under `alerts.crm`. Customers are named by the business's own id, which is personal data."""

    name: Name = Field(description="what the CRM is called; small letters, digits and `_`")
    kind: Kind = Field(
        description="`webhook` (a signed batch as JSON), `hubspot` (batch upsert), `salesforce` (upsert of sObject "
        "collections)"
    )
    fields: dict[str, str] = Field(
        min_length=1,
        description="field of the CRM -> what it is given: `probability`, `segment`, `action`, `reason_1` or another "
        "column of scores/current_scores",
    )
    probability_step: float = Field(
        0.01,
        gt=0,
        le=0.5,
        description="probabilities are rounded to this before they are compared and given, so that not every customer "
        "changes every day",
    )
    url: str | None = Field(
        None,
        description="of a webhook and of `salesforce`: where requests go, `https://...` or `${NAME}`; of `hubspot`: "
        "default `https://api.hubapi.com`",
    )
    secret: str | None = Field(
        None, description="of a webhook: `${NAME}` of the variable with the signing secret, `whsec_...`"
    )
    token: str | None = Field(
        None, description="of `hubspot`: `${NAME}` of the variable with the access token"
    )
    client_id: str | None = Field(
        None, description="of `salesforce`: `${NAME}`; the login uses the OAuth client credentials flow"
    )
    client_secret: str | None = Field(None, description="of `salesforce`: `${NAME}`")
    object: str | None = Field(
        None, description="of `hubspot` and `salesforce`: what is updated, such as `contacts` or `Contact`"
    )
    id_field: str | None = Field(
        None,
        description="of `hubspot` and `salesforce`: its field with the business's own id of the customer: a unique "
        "property, an external id",
    )

    def check(self, place: Place) -> None:
        """Checks that the keys fit the kind, that secrets come from the environment, and what is given."""
        needed, may = NEEDS[self.kind], MAY.get(self.kind, ())
        for key in needed:
            if not getattr(self, key):
                place.refuse(f"a CRM of the kind {self.kind} needs the key {key}", f"add {key}")
        for key in sorted(self.model_fields_set - COMMON - {*needed, *may}):
            place.at(key).refuse(f"a CRM of the kind {self.kind} has no {key}", "remove it")
        for key in SECRET:
            if (written := getattr(self, key)) and not FROM_ENVIRONMENT.fullmatch(written):
                place.at(key).refuse(
                    "a secret does not stand in a file",
                    "write ${NAME}, and set the environment variable NAME",
                )
        if self.url and not FROM_ENVIRONMENT.fullmatch(self.url) and (told := unsafe_address(self.url)):
            place.at("url").refuse(*told)
        for key in ("object", "id_field"):
            if (name := getattr(self, key)) and not API_NAME.fullmatch(name):
                place.at(key).refuse(f"{name} is no name of a field", "write letters, digits, _ and -")
        for field, column in self.fields.items():
            here = place.at("fields", field)
            if column not in GIVEN:
                here.refuse(
                    f"no CRM is given {column}", f"use one of {listed(GIVEN)}", closest(column, GIVEN)
                )
            if field == self.id_field or field in ("attributes", "id"):
                here.refuse(f"{field} names the customer or the request", "name another field of the CRM")


def check_crm(place: Place) -> None:
    """Checks each CRM by itself, and that no two have one name."""
    names: set[str] = set()
    for item in place.items():
        line = peek(CrmLine, item)
        if line is None:
            continue
        if line.name in names:
            item.at("name").refuse(f"two CRMs are called {line.name}", "give each a name of its own")
        names.add(line.name)
        line.check(item)
