"""Drawn requests against the OpenAPI description: no server error, and every answer as it is described."""

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from jsonschema import Draft202012Validator
from schemathesis.checks import CHECKS
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from churn_assets.api.app import create_app
from churn_assets.api.schemas import BriefCustomer
from churn_assets.contracts.loader import load_business
from churn_assets.ml.portable.scored import REASON_NAMES
from churn_assets.serving.columns import release_tables
from churn_assets.settings import SHIPPED_BUSINESSES, Settings
from churn_assets_tests.api.releases import SCORED

pytestmark = pytest.mark.one_python(
    reason="schemathesis makes the requests; test_calls asks the same paths on each Python"
)

CALLS = schemathesis.openapi.from_dict(create_app(Settings()).openapi())
CONFORMANT = [
    CHECKS.get_one("not_a_server_error"),
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@CALLS.parametrize()
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_described(case: schemathesis.Case, client: httpx.Client) -> None:
    if "customer_key" in (case.path_parameters or {}) and len(str(case.path_parameters["customer_key"])) % 2:
        case.path_parameters["customer_key"] = SCORED[0]
    answer = case.call(base_url=str(client.base_url))
    case.validate_response(answer, checks=CONFORMANT)


def test_the_description_is_valid_and_every_example_fits_its_schema() -> None:
    document = CALLS.raw_schema
    assert document["openapi"].startswith("3.1")
    schemas = document["components"]["schemas"]
    examples = 0
    for name, schema in schemas.items():
        whole = schema | {"components": {"schemas": schemas}}
        Draft202012Validator.check_schema(schema)
        for field, described in schema.get("properties", {}).items():
            for example in described.get("examples", ()):
                pointed = described | {"components": whole["components"]}
                errors = list(Draft202012Validator(pointed).iter_errors(example))
                assert not errors, (name, field, errors)
                examples += 1
    assert examples > 10


@pytest.mark.parametrize("path", ["/v1/score", "/v1/customers/lookup", "/v2/models/churn/infer"])
def test_bodies_are_described(path: str) -> None:
    body = CALLS.raw_schema["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["$ref"].rpartition("/")[2] in CALLS.raw_schema["components"]["schemas"]


@pytest.mark.parametrize("name", ["telecom", "shop"])
def test_every_column_of_a_customer_is_described(name: str) -> None:
    columns = {
        column.name
        for column in release_tables(load_business(SHIPPED_BUSINESSES / name))["customers"].columns
    }
    assert {"survival_3m", "ended_on"} < columns
    assert columns - {*REASON_NAMES} <= {*BriefCustomer.model_fields}
