"""Requests and answers of the Open Inference Protocol, as OpenAPI describes them."""

from typing import Any, Literal

from pydantic import BaseModel, Field


class ServerAnswer(BaseModel):
    """The server."""

    name: str
    version: str
    extensions: list[str]


class TensorMetadata(BaseModel):
    """An input or an output."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    """The model as the protocol describes it."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ModelReady(BaseModel):
    """Whether the model can answer."""

    name: str
    ready: bool


class InputTensor(BaseModel):
    """The values of one feature."""

    name: str = Field(examples=["tickets_count_3m"])
    shape: list[int] = Field(examples=[[1]])
    datatype: str = Field(examples=["FP64"])
    data: list[Any] = Field(examples=[[4]])


class OutputName(BaseModel):
    """A wanted output."""

    name: Literal["probability", "raw", "reasons", "driver"]


class InferRequest(BaseModel):
    """Tensors of shape [n] or [n, 1], one per feature. A feature without a tensor is missing."""

    id: str | None = None
    inputs: list[InputTensor] = Field(min_length=1)
    outputs: list[OutputName] | None = None


class OutputTensor(TensorMetadata):
    """Answers for all rows."""

    data: list[Any]


class InferAnswer(BaseModel):
    """The answers."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]
