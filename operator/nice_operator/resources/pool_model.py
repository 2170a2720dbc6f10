"""``NiceWorkerPool.spec`` field by field, the twin of crds/niceworkerpools.yaml: a test compares names,
types, bounds and defaults."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from nice_operator.domain.task import UnhandledErrors
from nice_operator.resources import shapes
from nice_operator.resources.model import Distinct, OneOf, Part
from nice_operator.resources.shapes import wrong


class Replicas(Part):
    min: int = Field(default=1, ge=0, le=1000)
    max: int = Field(default=10, ge=1, le=1000)

    @model_validator(mode="after")
    def _in_order(self) -> Replicas:
        if self.min > self.max:
            raise wrong(f"max ({self.max}) must not be less than min ({self.min}); raise it or lower min")
        return self


class NiceWorkerPoolSpec(Part):
    replicas: Replicas = Field(default_factory=Replicas)
    idle_seconds: int = Field(default=300, ge=0, le=86_400)
    slots: int = Field(default=4, ge=1, le=1000)
    labels: dict[shapes.LabelName, shapes.LabelValue] = Field(default_factory=dict, max_length=16)
    preload: Annotated[list[shapes.ModuleName], Distinct] = Field(default_factory=list, max_length=64)
    allowed_namespaces: Annotated[list[shapes.NamespaceName], Distinct] | None = Field(
        default=None, max_length=256
    )
    unhandled_errors: OneOf[UnhandledErrors] = UnhandledErrors.STRICT
    template: dict[str, Any] | None = None
