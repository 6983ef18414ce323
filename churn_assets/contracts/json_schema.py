"""Generates JSON Schemas of churn.yaml and of contracts from the pydantic models, for use in editors."""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema


@dataclass(frozen=True)
class OneItemEach:
    """Adds to the JSON Schema of a customProperties list the items that a model allows, and those that it requires."""

    model: type[BaseModel]

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Returns the schema with these items; pydantic calls this."""
        schema = handler(core_schema)
        fields = handler.resolve_ref_schema(handler(self.model.__pydantic_core_schema__))
        description = {"type": "string"}
        schema["items"] = {
            "anyOf": [
                {
                    "type": "object",
                    "properties": {
                        "property": {"const": name, "description": value.get("description", "")},
                        "value": value,
                        "description": description,
                    },
                    "required": ["property", "value"],
                    "additionalProperties": False,
                }
                for name, value in fields["properties"].items()
            ]
        }
        if required := fields.get("required"):
            schema["allOf"] = [
                {"contains": {"properties": {"property": {"const": name}}, "required": ["property"]}}
                for name in required
            ]
        return schema


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Returns the JSON Schema (draft 2020-12) of a file that `model` reads."""
    return {"$schema": GenerateJsonSchema.schema_dialect, **model.model_json_schema()}
