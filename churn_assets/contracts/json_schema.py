"""JSON Schemas of churn.yaml and of contracts, from the models that read them, for editors."""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema


@dataclass(frozen=True)
class OneItemEach:
    """In the JSON Schema of a list of customProperties: one item for each field of a model, required ones included."""

    model: type[BaseModel]

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Called by pydantic."""
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
    """The JSON Schema (draft 2020-12) of a file that a model reads."""
    return {"$schema": GenerateJsonSchema.schema_dialect, **model.model_json_schema()}
