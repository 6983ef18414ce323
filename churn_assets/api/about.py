"""Calls about the release: segments, model, monitoring."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from churn_assets.api import schemas
from churn_assets.api.callers import Caller
from churn_assets.api.problems import responses
from churn_assets.api.served import Served
from churn_assets.api.service import Needs, answer, service_of

router = APIRouter(tags=["release"])


@router.get("/v1/segments", responses=responses(schemas.SegmentsAnswer), response_model=None)
async def segments(request: Request, _: Annotated[Caller, Depends(Needs("scores"))]) -> Response:
    """List the segments of the current scores with their action, their sizes and their drivers."""
    served = service_of(request).served
    newest = [row for row in served.small["segment_sizes"] if str(row["as_of_date"]) == served.as_of_date]
    found: dict[str, dict[str, Any]] = {}
    for row in newest:
        one = found.setdefault(
            row["segment"],
            {"segment": row["segment"], "action": row["action"], "customers": 0, "drivers": []},
        )
        one["customers"] += row["customers"]
        one["drivers"].append({name: row[name] for name in ("driver", "customers", "mean_probability")})
    for one in found.values():
        one["drivers"].sort(key=lambda driver: -driver["customers"])
    return answer(_of(served) | {"segments": list(found.values())})


@router.get("/v1/model", responses=responses(schemas.ModelAnswer), response_model=None)
async def model(request: Request, _: Annotated[Caller, Depends(Needs("scores"))]) -> Response:
    """Tell about the model: its training, its features, which of them can be changed, and its card as Markdown."""
    served = service_of(request).served
    runs = served.small["training_runs"]
    mine = [row for row in runs if str(row.get("model_version")) == served.version]
    return answer(
        _of(served)
        | {
            "candidate": served.model.candidate,
            "trained_as_of": served.manifest.about.trained_as_of,
            "split": served.model.about.get("split"),
            "training": mine[-1] if mine else None,
            "champions": served.small["champions"],
            "features": [_feature(served, name) for name in served.names],
            "card": served.card,
        }
    )


@router.get("/v1/monitoring", responses=responses(schemas.MonitoringAnswer), response_model=None)
async def monitoring(request: Request, _: Annotated[Caller, Depends(Needs("monitoring"))]) -> Response:
    """Tell how well past scores came true, by cohort, and how far the current cohort has drifted."""
    served = service_of(request).served
    drift = [row for row in served.small["drift"] if str(row["as_of_date"]) == served.as_of_date]
    return answer(_of(served) | {"performance": served.small["model_performance"], "drift": drift})


def _of(served: Served) -> dict[str, Any]:
    return {
        "release": served.name,
        "as_of_date": served.as_of_date,
        "model_version": served.version,
        "stale": served.stale(),
        "current_as_of_date": served.current_as_of,
        "current_model_version": served.current.about.model_version if served.current is not None else None,
        "current_stale": served.current_stale(),
    }


def _feature(served: Served, name: str) -> dict[str, Any]:
    words = served.words.get(name)
    kind = "text" if name in served.categories else "number"
    if words is None:  # the model reads it, but churn.yaml does not declare it any more
        return {"name": name, "kind": kind, "words": name, "actionable": False}
    seen = served.ranges.get(name)
    return {
        "name": name,
        "kind": kind,
        "words": words.feature.words,
        "unit": words.unit,
        "meaning": words.meaning,
        "typical": words.typical,
        "actionable": words.feature.actionable,
        "observed": str(seen) if seen is not None else None,
    }
